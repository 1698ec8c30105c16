/** A state that is stored and may be shared: one step at a time, over the newest value, and what is told when storage fails. */
import { describe, expect, test } from 'vitest'
import { type Shared, StorageConflict, StorageUncertain } from '../../../app/storage.ts'
import { StoredState } from '../../../app/stored-state.ts'

/** A list of words in a database that is a variable, with others who write to it. */
class Database {
  words: readonly string[] = []
  revision = 0
  broken: 'read' | 'write' | 'uncertain' | 'ask' | undefined
  reads = 0
  /** What another replica does just before the next write. */
  meanwhile: (() => void) | undefined
  readonly #listeners = new Set<(state: 'controls' | 'incidents', revision: number) => void>()

  readonly shared: Shared = {
    revision: () => (this.broken === 'ask' ? Promise.reject(new Error('no answer')) : Promise.resolve(this.revision)),
    watch: (listener) => {
      this.#listeners.add(listener)
      return () => this.#listeners.delete(listener)
    },
    leads: true,
    problem: undefined,
  }
  async read(): Promise<{ value: readonly string[]; revision: number }> {
    this.reads++
    if (this.broken === 'read') throw new Error('unreadable')
    return { value: this.words, revision: this.revision }
  }
  async write(word: string, over: number): Promise<number> {
    this.meanwhile?.()
    if (this.broken === 'write') throw new Error('disk full')
    if (over !== this.revision) throw new StorageConflict('changed')
    this.words = [...this.words, word]
    this.revision++
    if (this.broken === 'uncertain') throw new StorageUncertain('nobody knows')
    return this.revision
  }
  /** The others wait. */
  async alone<T>(work: (turn: Pick<Database, 'read' | 'write'>) => Promise<T>): Promise<T> {
    const { meanwhile } = this
    this.meanwhile = undefined
    try {
      return await work(this)
    } finally {
      this.meanwhile = meanwhile
    }
  }
  /** What another replica writes. */
  other(word: string): void {
    this.words = [...this.words, word]
    this.revision++
  }
  notify(state: 'controls' | 'incidents' = 'controls'): void {
    for (const listener of this.#listeners) listener(state, this.revision)
  }
}

interface World {
  readonly database: Database
  readonly state: StoredState<readonly string[], string>
  readonly heard: string[]
  /** Adds a word that is not there yet; refused otherwise. */
  add(word: string): Promise<unknown>
}
async function world(isShared = true): Promise<World> {
  const database = new Database()
  const heard: string[] = []
  const state = new StoredState<readonly string[], string>({
    state: 'controls',
    name: 'db',
    shared: isShared ? database.shared : undefined,
    read: () => database.read(),
    write: (word, over) => database.write(word, over),
    alone: (work) => database.alone(work),
    taken: (value, before) => heard.push(`taken ${value.join(' ')}${before === undefined ? '' : ` after ${before.join(' ')}`}`),
    failed: (operation, error) => heard.push(`${operation}: ${(error as Error).message}`),
    recovered: () => heard.push('recovered'),
    conflicted: () => heard.push('conflicted'),
  })
  const add = (word: string): Promise<unknown> =>
    state.step(
      (words) => (words.includes(word) ? { outcome: 'taken' } : { outcome: 'added', next: [...words, word], change: word }),
      (change, outcome, before) => heard.push(`${outcome} ${change} to ${before.length}`),
    )
  await state.load()
  heard.length = 0
  return { database, state, heard, add }
}
const settled = async (w: World): Promise<void> =>
  void (await w.state.step(
    () => ({ outcome: 0 }),
    () => undefined,
  ))

describe('a step', () => {
  test('is stored, and then the value', async () => {
    const w = await world()
    expect([await w.add('a'), w.state.value, w.database.words, w.heard]).toEqual(['added', ['a'], ['a'], ['added a to 0']])
  })
  test('is decided over what others wrote that was not heard of', async () => {
    const w = await world()
    w.database.other('a')
    expect([await w.add('a'), w.state.value, w.heard]).toEqual(['taken', ['a'], ['taken a after ']])
  })
  test('is decided again when another came between, and refused where that one forbids it', async () => {
    const w = await world()
    let left = 3
    w.database.meanwhile = () => (left-- > 0 ? w.database.other(`other${left}`) : undefined)
    expect(await w.add('a')).toBe('added')
    expect(w.database.words).toEqual(['other2', 'other1', 'other0', 'a'])
    expect(w.heard.filter((h) => h === 'conflicted')).toHaveLength(3)
    w.database.meanwhile = () => {
      w.database.meanwhile = undefined
      w.database.other('b')
    }
    expect([await w.add('b'), w.database.words.filter((x) => x === 'b')]).toEqual(['taken', ['b']])
  })
  test('has the others wait when they always come between', async () => {
    const w = await world()
    w.database.meanwhile = () => w.database.other('x')
    expect(await w.add('a')).toBe('added')
    expect([w.database.words, w.state.value]).toEqual([
      ['x', 'x', 'x', 'a'],
      ['x', 'x', 'x', 'a'],
    ])
    // It is decided then too.
    w.database.meanwhile = () => w.database.other(w.database.words.length < 6 ? 'x' : 'b')
    expect(await w.add('b')).toBe('taken')
    expect(w.database.words.filter((x) => x === 'b')).toEqual(['b'])
  })
  test('that cannot be stored while the others wait is not held', async () => {
    const w = await world()
    w.database.meanwhile = () => w.database.other('x')
    w.database.alone = async (work) => {
      await work(w.database)
      throw new Error('not committed')
    }
    w.database.write = async (_, over) => {
      if (w.database.words.length === 3) return over + 1
      w.database.other('x')
      throw new StorageConflict('changed')
    }
    expect(await w.add('a')).toMatchObject({ ok: false, because: 'not_stored', detail: 'db: not committed' })
    expect(w.state.value).toEqual(['x', 'x', 'x'])
  })
  test('of a storage that nobody shares asks for nothing before, and still sees who came between', async () => {
    const w = await world(false)
    const { reads } = w.database
    expect([await w.add('a'), w.database.reads]).toEqual(['added', reads])
    w.database.other('b')
    expect([await w.add('c'), w.state.value]).toEqual(['added', ['a', 'b', 'c']])
  })
  test('that throws is its caller’s mistake, and the next one goes on', async () => {
    const w = await world()
    const bad = w.state.step(
      () => {
        throw new Error('mine')
      },
      () => undefined,
    )
    await expect(bad).rejects.toThrow('mine')
    expect([await w.add('a'), w.heard]).toEqual(['added', ['added a to 0']])
  })
})

describe('storage that fails', () => {
  const cases = [
    ['cannot be written', 'write', 'not_stored', 'db: disk full'],
    ['cannot be asked', 'ask', 'not_stored', 'db: no answer'],
    ['does not say whether it was stored', 'uncertain', 'not_known', 'db: nobody knows'],
  ] as const
  for (const [name, broken, because, detail] of cases)
    test(`${name}: the value stays`, async () => {
      const w = await world()
      await w.add('a')
      w.database.broken = broken
      expect([await w.add('b'), w.state.value]).toEqual([{ ok: false, because, detail }, ['a']])
      w.database.broken = undefined
      // What nobody knew is what is read.
      expect(await w.add('c')).toBe('added')
      expect(w.state.value).toEqual(w.database.words)
      expect(w.heard).toContain('recovered')
    })
  test('cannot be read at first: every step is refused, until it can', async () => {
    const database = new Database()
    database.broken = 'read'
    const w = await world()
    const other = new StoredState<readonly string[], string>({
      state: 'controls',
      name: 'db',
      shared: undefined,
      read: () => database.read(),
      write: (word, over) => database.write(word, over),
      alone: (work) => database.alone(work),
      taken: () => undefined,
      failed: (operation, error) => w.heard.push(`${operation}: ${(error as Error).message}`),
      recovered: () => w.heard.push('recovered'),
      conflicted: () => undefined,
    })
    const step = (): Promise<unknown> =>
      other.step(
        () => ({ outcome: 'done' }),
        () => undefined,
      )
    expect(await step()).toMatchObject({ because: 'not_loaded', detail: 'db: it was not read yet' })
    await other.load()
    expect(await step()).toMatchObject({ because: 'not_loaded', detail: 'db: unreadable' })
    database.broken = undefined
    await other.load()
    expect([await step(), other.notLoaded, w.heard]).toEqual(['done', undefined, ['open: unreadable', 'recovered']])
  })
})

describe('what others change', () => {
  test('is taken over when it is heard, once, and only what it is about', async () => {
    const w = await world()
    w.state.follow()
    w.database.notify()
    w.database.other('a')
    w.database.notify('incidents')
    await settled(w)
    w.heard.length = 0
    const { reads } = w.database
    w.database.other('b')
    for (let i = 0; i < 5; i++) w.database.notify()
    await settled(w)
    expect([w.state.value, w.heard, w.database.reads]).toEqual([['a', 'b'], ['taken a b after a'], reads + 1])
  })
  test('is heard of again after it could not be read', async () => {
    const w = await world()
    w.state.follow()
    w.database.other('a')
    w.database.broken = 'read'
    w.database.notify()
    await new Promise((done) => setImmediate(done))
    w.database.broken = undefined
    w.database.notify()
    await new Promise((done) => setImmediate(done))
    expect([w.heard, w.state.value]).toEqual([['read: unreadable', 'recovered', 'taken a after '], ['a']])
  })
  test('is an older state, too, where a backup was restored', async () => {
    const w = await world()
    w.state.follow()
    for (const word of ['a', 'b']) await w.add(word)
    w.database.words = ['a']
    w.database.revision = 1
    w.database.notify()
    await settled(w)
    expect(w.state.value).toEqual(['a'])
  })
  test('is not after the end', async () => {
    const w = await world()
    w.state.follow()
    await w.state.close()
    w.database.other('a')
    w.database.notify()
    await w.state.load()
    expect([await w.add('b'), w.state.value]).toEqual([{ ok: false, because: 'not_loaded', detail: 'db: agentopz is stopping' }, undefined])
  })
})
