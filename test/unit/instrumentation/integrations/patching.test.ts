/** Wrapped methods, generators and promises behave as the framework's own do. */
import { describe, expect, test } from 'vitest'
import { type Method, patchMethod, throughSteps, watched } from '../../../../instrumentation/integrations/patching.ts'

describe('patchMethod', () => {
  class Greeter {
    greeting = 'hello'
    greet(name: string): string {
      return `${this.greeting} ${name}`
    }
  }
  const loudly = (original: Method): Method =>
    function (this: unknown, ...args) {
      return String(original.apply(this, args)).toUpperCase()
    }

  test('keeps this, name and arity, and stays out of what is enumerated', () => {
    expect(patchMethod(Greeter.prototype, 'greet', loudly)).toBe(true)
    expect(new Greeter().greet('you')).toBe('HELLO YOU')
    expect([Greeter.prototype.greet.name, Greeter.prototype.greet.length]).toEqual(['greet', 1])
    expect(Object.keys(Greeter.prototype)).toEqual([])
  })
  test('wraps once, however often the class is reached', () => {
    const before = Object.getOwnPropertyDescriptor(Greeter.prototype, 'greet')
    expect(patchMethod(Greeter.prototype, 'greet', loudly)).toBe(true)
    expect(Object.getOwnPropertyDescriptor(Greeter.prototype, 'greet')).toEqual(before)
    expect(new Greeter().greet('you')).toBe('HELLO YOU')
  })
  test.each([[undefined], [Greeter.prototype]])('says that there is no such method', (on) => {
    expect(patchMethod(on, 'shout', loudly)).toBe(false)
  })
})

describe('throughSteps', () => {
  async function* count(): AsyncGenerator<number, string> {
    try {
      yield 1
      yield 2
      return 'end'
    } finally {
      cleaned++
    }
  }
  let cleaned = 0
  let steps = 0
  const counted = <T>(work: () => T): T => {
    steps++
    return work()
  }
  const fresh = (): AsyncGenerator<number, string> => {
    cleaned = 0
    steps = 0
    return throughSteps(count(), counted)
  }

  test('is the same object, of the same class', () => {
    const generator = count()
    expect(throughSteps(generator, counted)).toBe(generator)
    expect(Object.keys(generator)).toEqual([])
  })
  test('every step goes through, the last one and the one of a consumer who leaves', async () => {
    const seen: number[] = []
    for await (const n of fresh()) seen.push(n)
    expect([seen, steps, cleaned]).toEqual([[1, 2], 3, 1])
    for await (const _ of fresh()) break
    expect([steps, cleaned]).toEqual([2, 1])
  })
  test('yield* gives its values and its result', async () => {
    async function* outer(): AsyncGenerator<number, string> {
      return yield* fresh()
    }
    const generator = outer()
    expect([await generator.next(), await generator.next(), await generator.next()]).toEqual([
      { value: 1, done: false },
      { value: 2, done: false },
      { value: 'end', done: true },
    ])
  })
  test('throw() reaches the generator', async () => {
    const generator = fresh()
    await generator.next()
    await expect(generator.throw(new Error('no more'))).rejects.toThrow('no more')
    expect(cleaned).toBe(1)
  })
})

describe('watched', () => {
  const ends: unknown[] = []
  const returned = (value: unknown): void => void ends.push(['returned', value])
  const threw = (error: unknown): void => void ends.push(['threw', error])
  const taken = (): unknown[] => ends.splice(0)

  test('sees a value and hands it on', async () => {
    expect(await watched(Promise.resolve(5), returned, threw)).toBe(5)
    expect(taken()).toEqual([['returned', 5]])
  })
  test('what is no promise is handed back', () => {
    expect(watched(5, returned, threw)).toBe(5)
    expect(taken()).toEqual([])
  })
  test('an SDK promise with methods of its own is handed back', async () => {
    class ApiPromise extends Promise<number> {}
    const promise = ApiPromise.resolve(5)
    expect(watched(promise, returned, threw)).toBe(promise)
    await promise
    expect(taken()).toEqual([['returned', 5]])
  })
  test('a bug of ours changes nothing', async () => {
    const bug = (): never => {
      throw new Error('a bug')
    }
    expect(await watched(Promise.resolve(5), bug, bug)).toBe(5)
  })
  test('a rejection that nobody handles stays unhandled', async () => {
    const heard: unknown[] = []
    const others = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection')
    process.on('unhandledRejection', (error) => heard.push(error))
    const error = new Error('out of flour')
    void watched(Promise.reject(error), returned, threw)
    await new Promise((done) => setImmediate(done))
    process.removeAllListeners('unhandledRejection')
    for (const other of others) process.on('unhandledRejection', other)
    expect(heard).toEqual([error])
    expect(taken()).toEqual([['threw', error]])
  })
})
