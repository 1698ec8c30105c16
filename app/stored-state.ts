/**
 * A state in memory that is what is stored: read at the start, changed one step at a time, each step stored before it counts. Replicas may
 * share the storage: a step is decided over the newest state, and decided again when another replica's came between, so that of two that
 * exclude each other one is refused whoever was asked. One that others overtake each time has them wait. What others change is taken over
 * as it is heard.
 * While what is stored is not known there is no value, and every step is refused.
 */
import { messageOf, type Shared, StorageConflict, StorageUncertain } from './storage.ts'
import type { StateName } from './storage-revisions.ts'

/**
 * `not_loaded`: what is stored could not be read; `not_stored`: the change could not be made durable. Nothing changed in either case.
 * `not_known`: the connection broke so that nobody can tell; what is read next says.
 */
export interface NotStored {
  readonly ok: false
  readonly because: 'not_loaded' | 'not_stored' | 'not_known'
  readonly detail: string
}

export interface Decided<S, C, T> {
  readonly outcome: T
  /** Both absent where nothing changes. */
  readonly next?: S
  readonly change?: C
}

/** How a state is read and written. */
export interface StoredAs<S, C> {
  read(): Promise<{ readonly value: S; readonly revision: number; readonly problem?: string }>
  /** Returns the revision that the change made. @throws StorageConflict when another replica's change came between. */
  write(change: C, over: number): Promise<number>
}

export interface StoredStateParts<S, C> extends StoredAs<S, C> {
  readonly state: StateName
  /** What messages call the storage. */
  readonly name: string
  readonly shared: Shared | undefined
  /** Reads and writes while every other replica waits; stored when `work` has ended. */
  alone<T>(work: (turn: StoredAs<S, C>) => Promise<T>): Promise<T>
  /** The value was read: for the first time, or because somebody else has changed it. */
  taken(value: S, before: S | undefined): void
  failed(operation: 'open' | 'read' | 'write', error: unknown): void
  /** It works again. */
  recovered(): void
  /** Another replica's change came between a decision and its storing. */
  conflicted(): void
}

interface Held<S> {
  readonly value: S
  readonly revision: number
}

/** What became of a step. */
interface Done<S, C, T> {
  readonly outcome: T
  readonly before: S
  /** Both absent where nothing changed. */
  readonly change?: C
  readonly held?: Held<S>
}

/** How often a step may be overtaken before the others have to wait for it: a replica that does much would keep one that does little out. */
const OPEN_ATTEMPTS = 3

export class StoredState<S, C> {
  readonly #parts: StoredStateParts<S, C>
  #held: Held<S> | undefined
  #why = 'it was not read yet'
  #queue: Promise<unknown> = Promise.resolve()
  #isFailing = false
  #isClosed = false
  /** Another replica's change is about to be read. */
  #isBehind = false
  #unwatch: (() => void) | undefined

  constructor(parts: StoredStateParts<S, C>) {
    this.#parts = parts
  }

  get value(): S | undefined {
    return this.#held?.value
  }

  /** Why there is no value; undefined when there is one. */
  get notLoaded(): string | undefined {
    return this.#held === undefined ? `${this.#parts.name}: ${this.#why}` : undefined
  }

  /** Reads what is stored, where that was not done yet. Never throws: it can be tried again. */
  load(): Promise<void> {
    return this.#serial(async () => {
      if (this.#held !== undefined || this.#isClosed) return
      try {
        const problem = await this.#read()
        // Nothing is stored yet, and nothing could be: the operator should know before it matters.
        if (problem !== undefined) this.#parts.failed('open', new Error(problem))
      } catch (error) {
        this.#failed('open', error)
      }
    })
  }

  /** Hears of what other replicas change from now on. */
  follow(): void {
    this.#unwatch ??= this.#parts.shared?.watch((state, revision) => {
      if (state !== this.#parts.state || this.#isBehind || (revision === this.#held?.revision && !this.#isFailing)) return
      this.#isBehind = true
      void this.catchUp()
    })
  }

  /** Takes over what others have changed by now. False where that cannot be known. */
  catchUp(): Promise<boolean> {
    return this.#serial(async () => {
      this.#isBehind = false
      try {
        await this.#catchUp()
      } catch (error) {
        this.#failed('read', error)
        return false
      }
      return this.#held !== undefined
    })
  }

  /** One step: decided over the value as it is when its turn comes, stored, and only then the value; `after` is told in the same turn. */
  step<T>(decide: (value: S) => Decided<S, C, T>, after: (change: C, outcome: T, before: S) => void): Promise<T | NotStored> {
    return this.#serial(async () => {
      let done
      try {
        // What is refused is refused over the newest value too.
        await this.#catchUp()
        done = await this.#attempts(decide)
      } catch (error) {
        if (error instanceof Mistake) throw error.cause
        return this.#refused(error)
      }
      if (done === undefined) return { ok: false, because: 'not_loaded', detail: this.notLoaded ?? '' }
      if (done.change !== undefined) {
        this.#recovered()
        after(done.change, done.outcome, done.before)
      }
      return done.outcome
    })
  }

  /** Ends after the steps under way; later ones are refused. `last` is done in the same turn. */
  close(last: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    this.#unwatch?.()
    return this.#serial(() => {
      this.#isClosed = true
      this.#held = undefined
      this.#why = 'agentopz is stopping'
      return last()
    })
  }

  /** Undefined where nothing is held to decide over. @throws when it could not be stored. */
  async #attempts<T>(decide: (value: S) => Decided<S, C, T>): Promise<Done<S, C, T> | undefined> {
    for (let attempt = 1; attempt <= OPEN_ATTEMPTS; attempt++) {
      try {
        return this.#take(await this.#attempt(decide, this.#parts))
      } catch (error) {
        if (!(error instanceof StorageConflict)) throw error
        this.#parts.conflicted()
        if (attempt < OPEN_ATTEMPTS) await this.#read()
      }
    }
    const done = await this.#parts.alone(async (turn) => {
      await this.#read(turn)
      return this.#attempt(decide, turn)
    })
    return this.#take(done)
  }

  async #attempt<T>(decide: (value: S) => Decided<S, C, T>, stored: StoredAs<S, C>): Promise<Done<S, C, T> | undefined> {
    if (this.#held === undefined) return undefined
    const { value: before, revision } = this.#held
    const { outcome, next, change } = decided(decide, before)
    if (next === undefined || change === undefined) return { outcome, before }
    return { outcome, change, before, held: { value: next, revision: await stored.write(change, revision) } }
  }

  /** What was stored is what is held. */
  #take<T>(done: Done<S, C, T> | undefined): Done<S, C, T> | undefined {
    if (done?.held !== undefined) this.#held = done.held
    return done
  }

  /** Takes over what others have changed. @throws when it cannot be read. */
  async #catchUp(): Promise<void> {
    const { shared, state } = this.#parts
    if (shared === undefined || this.#isClosed) return
    if (this.#held === undefined || (await shared.revision(state)) !== this.#held.revision) await this.#read()
    else this.#recovered()
  }

  async #read(stored: StoredAs<S, C> = this.#parts): Promise<string | undefined> {
    const before = this.#held?.value
    const { value, revision, problem } = await stored.read()
    this.#held = { value, revision }
    this.#recovered()
    this.#parts.taken(value, before)
    return problem
  }

  #refused(error: unknown): NotStored {
    const isLoaded = this.#held !== undefined
    this.#failed(isLoaded ? 'write' : 'open', error)
    const because = error instanceof StorageUncertain ? 'not_known' : isLoaded ? 'not_stored' : 'not_loaded'
    return { ok: false, because, detail: `${this.#parts.name}: ${messageOf(error)}` }
  }

  #failed(operation: 'open' | 'read' | 'write', error: unknown): void {
    this.#isFailing = true
    if (this.#held === undefined) this.#why = messageOf(error)
    this.#parts.failed(operation, error)
  }

  #recovered(): void {
    if (this.#isFailing) this.#parts.recovered()
    this.#isFailing = false
  }

  #serial<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#queue.then(work)
    this.#queue = next.catch(() => undefined)
    return next
  }
}

/** A decision threw: its caller's mistake, and not the storage's. */
class Mistake extends Error {}

function decided<S, C, T>(decide: (value: S) => Decided<S, C, T>, value: S): Decided<S, C, T> {
  try {
    return decide(value)
  } catch (error) {
    throw new Mistake('a decision threw', { cause: error })
  }
}
