/** Processes in their places: one that ends is started again, whenever it ends. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createLog } from '../../../app/log.ts'
import type { ChildEvents, Ports } from '../../../app/processes/child.ts'
import { type Kid, Places } from '../../../app/processes/places.ts'

/** A process that does what the test says. */
class FakeKid implements Kid {
  readonly pid = 0
  readonly events: ChildEvents
  /** Answers nothing. */
  hangs = false
  #pings = 0
  readonly #ready = Promise.withResolvers<Ports>()

  constructor(events: ChildEvents) {
    this.events = events
    this.#ready.promise.catch(() => undefined)
  }

  tell(): void {
    // Nobody listens.
  }
  ready(): Promise<Ports> {
    return this.#ready.promise
  }
  series(): Promise<[]> {
    return Promise.resolve([])
  }
  keep(): Promise<'taken'> {
    return Promise.resolve('taken')
  }
  drain(): Promise<void> {
    return Promise.resolve()
  }
  close(): Promise<void> {
    return Promise.resolve()
  }
  ping(): number {
    return this.hangs ? this.#pings++ : (this.#pings = 0)
  }
  kill(): void {
    this.ends()
  }

  says(): void {
    this.#ready.resolve({ otlpHttp: 1, otlpGrpc: 2 })
  }
  ends(): void {
    this.#ready.reject(new Error('it ended'))
    this.events.ended('it ended')
  }
}

let kids: FakeKid[]
let restarts: number
let places: Places
beforeEach(() => {
  vi.useFakeTimers()
  kids = []
  restarts = 0
  places = new Places({
    count: 2,
    log: createLog({ level: 'silent', format: 'json' }),
    clock: () => Date.now(),
    start: () => ({ kind: 'start' }) as never,
    fork: (_, events) => {
      const kid = new FakeKid(events)
      kids.push(kid)
      return kid
    },
    again: () => undefined,
    seen: () => undefined,
    ended: () => undefined,
    restarted: () => void restarts++,
  })
})
afterEach(() => {
  places.stop()
  vi.useRealTimers()
})
const states = (): readonly boolean[] => places.all.map((p) => p.isReady)

/** All have read their journals; they are ready when the test says so. */
function starting(): Promise<Ports | undefined> {
  const started = places.start(() => true)
  for (const kid of kids) kid.events.hello(true)
  return started
}

test('one that ends after it was ready and before the others are is started again', async () => {
  const started = starting()
  kids[0]?.says()
  await vi.advanceTimersByTimeAsync(10)
  kids[0]?.ends()
  kids[1]?.says()
  expect(await started).toEqual({ otlpHttp: 1, otlpGrpc: 2 })
  expect([states(), restarts, kids.length]).toEqual([[false, true], 1, 2])
  await vi.advanceTimersByTimeAsync(1000)
  expect(kids.length).toBe(3)
  kids[2]?.says()
  await vi.advanceTimersByTimeAsync(1)
  expect(states()).toEqual([true, true])
})

test('one that ends before it is ready fails the start', async () => {
  const started = starting()
  kids[0]?.says()
  kids[1]?.ends()
  await expect(started).rejects.toThrow('it ended')
  await vi.advanceTimersByTimeAsync(60_000)
  expect([restarts, kids.length]).toEqual([0, 2])
})

test('one that hangs is not ready after a while, ready again when it answers, and killed when it does not', async () => {
  const started = starting()
  for (const kid of kids) kid.says()
  await started
  const [hanging] = kids as [FakeKid]
  hanging.hangs = true
  await vi.advanceTimersByTimeAsync(15_000)
  expect(states()).toEqual([true, true])
  await vi.advanceTimersByTimeAsync(5000)
  expect([states(), places.all[0]?.isSilent]).toEqual([[false, true], true])
  hanging.hangs = false
  await vi.advanceTimersByTimeAsync(5000)
  expect([states(), restarts]).toEqual([[true, true], 0])
  hanging.hangs = true
  await vi.advanceTimersByTimeAsync(36_000)
  expect([states(), restarts, kids.length]).toEqual([[false, true], 1, 3])
  kids[2]?.says()
  await vi.advanceTimersByTimeAsync(1)
  expect([states(), places.all[0]?.isSilent]).toEqual([[true, true], false])
})

test('none is started again while all are to end', async () => {
  const started = starting()
  for (const kid of kids) kid.says()
  await started
  places.stop()
  kids[0]?.ends()
  await vi.advanceTimersByTimeAsync(60_000)
  expect([restarts, kids.length]).toEqual([0, 2])
})
