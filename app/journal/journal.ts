/**
 * The journal: events in, written in groups before they are applied, applied in the order they were written. Whoever waits for an event
 * is answered after that. What is scraped therefore never tells of something that a kill can undo.
 * Where it cannot be written, events are refused or applied unwritten, as configured; it is tried again every second. Why so:
 * docs/decisions/0016-journal.md.
 */
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { PipelinePart } from '../../processor/pipeline.ts'
import { moveAside } from './aside.ts'
import { type JournalEvent, recordOf } from './events.ts'
import type { Outbox } from './outbox.ts'
import { type Recovered, WHOLE } from './recover.ts'
import { Retention } from './retention.ts'
import type { Rules } from './rules.ts'
import { type Disk, type FsyncPolicy, Segments, type SegmentFile } from './segments.ts'
import { removeOthers, writeSnapshot } from './snapshot.ts'

export interface JournalSettings {
  readonly dir: string
  readonly fsync: FsyncPolicy
  /** What becomes of requests while it cannot be written. */
  readonly whenFull: 'refuse' | 'degrade'
  readonly maxBytes: number
  readonly maxAgeMs: number
  readonly segmentBytes: number
  readonly snapshotMs: number
}

export type Outcome = 'written' | 'unwritten' | 'refused'

export interface JournalHooks {
  clock(): number
  capture(): Iterable<PipelinePart>
  /** What events are judged by. */
  rules(): Rules | undefined
  /** What became of a request, or of an evaluation. */
  request(outcome: Outcome): void
  committed(bytes: number, seconds: number): void
  snapshot(bytes: number): void
  released(reason: 'age' | 'bytes', requests: number): void
  failed(error: unknown): void
  recovered(): void
  internalError(stage: string, error: unknown): void
}

/** The journal cannot be written, and requests are refused while that is so. */
export class NotWritten extends Error {
  override readonly name = 'NotWritten'
}

interface Item {
  readonly event: JournalEvent
  readonly at: number
  /** With sequence 0 when the event was not written. */
  apply(at: number, seq: number): Promise<void> | undefined
  refuse(error: unknown): void
}

interface Written {
  readonly group: readonly Item[]
  /** The sequence before the group's first; undefined when it could not be written. */
  readonly before: number | undefined
}

/** Bytes in one group: more would hold those up who wait for it. */
const GROUP_BYTES = 8 * 2 ** 20
/** Time to apply events before others get a turn: answers go out, and what they bring in is written meanwhile. */
const SLICE_MS = 2
const RETRY_MS = 1000
const SIZE_OF_HEAD = 64

export class Journal {
  readonly #settings: JournalSettings
  readonly #hooks: JournalHooks
  readonly #outbox: Outbox
  readonly #segments: Segments
  readonly #retention: Retention
  readonly #disk: Disk
  readonly #boot: string
  #queue: Item[] = []
  #running: Promise<void> | undefined
  /** The next group, on its way to the disk while one is applied. */
  #ahead: Promise<Written> | undefined
  #seq: number
  /** Not writable before this; undefined while it is. */
  #retry: Retry | undefined
  /** Events were applied that are not written, and no snapshot holds them yet. */
  #hasHole = false
  #snapshotWanted = false
  #snapshotting: Promise<void> | undefined
  #snapshotAt: number
  #snapshotTook = 0
  /** No snapshot is begun before this: one that failed would fail again with every group, and each try begins a segment. */
  #snapshotRetry: Retry | undefined
  #recordsSince = 0
  /** Files that were damaged at the start, until a snapshot holds what was good in them. */
  #damaged: readonly string[]

  constructor(
    settings: JournalSettings,
    hooks: JournalHooks,
    parts: { outbox: Outbox; recovered: Pick<Recovered, 'segments' | 'seq' | 'damaged'>; boot: string; disk: Disk },
  ) {
    const { segments, seq, damaged } = parts.recovered
    this.#settings = settings
    this.#hooks = hooks
    this.#outbox = parts.outbox
    this.#disk = parts.disk
    this.#boot = parts.boot
    this.#segments = new Segments({ ...settings, boot: parts.boot, disk: parts.disk }, segments)
    this.#retention = new Retention({ ...settings, outbox: parts.outbox, segments: this.#segments, hooks })
    this.#seq = seq
    this.#damaged = damaged
    this.#snapshotAt = hooks.clock()
  }

  get bytes(): number {
    return this.#segments.bytes
  }
  get isWritable(): boolean {
    return this.#retry === undefined
  }
  get files(): readonly SegmentFile[] {
    return this.#segments.files
  }

  /**
   * Writes an event, then applies it; the promise is what `apply` made of it. Events are applied in the order of their calls.
   * @throws NotWritten when it cannot be written and requests are to be refused then.
   */
  submit<T>(event: JournalEvent, apply: (at: number, seq: number) => T | Promise<T>): Promise<T> {
    return new Promise<T>((resolve, refuse) => {
      const item: Item = {
        event,
        at: this.#hooks.clock(),
        apply: (at, seq) => {
          try {
            const made = apply(at, seq)
            resolve(made)
            if (made instanceof Promise) return made.then(nothing, nothing)
          } catch (error) {
            refuse(error instanceof Error ? error : new Error(String(error)))
          }
          return undefined
        },
        refuse,
      }
      this.#queue.push(item)
      this.#start()
    })
  }

  /** Writes the state whole, so that what is written so far is not needed any more. Resolves when that is on the disk. @throws when it cannot be written. */
  async snapshot(isEnd = false): Promise<void> {
    for (;;) {
      if (this.#running !== undefined) await this.#running
      else if (this.#snapshotting !== undefined) await this.#snapshotting.catch(() => undefined)
      else break
    }
    await this.#beginSnapshot(isEnd)
  }

  /** Once a second: notes deliveries, takes snapshots when due, gives up what is kept too long. */
  async tick(): Promise<void> {
    const now = this.#hooks.clock()
    const notes = this.#outbox.takeNotes()
    if (notes !== undefined) await this.submit({ kind: 'delivered', notes }, () => undefined).catch(() => undefined)
    await this.#segments.sync().catch((error: unknown) => this.#fail(error))
    if (this.#retention.releaseOld(now, this.#seq + 1)) this.#snapshotWanted = true
    // Not more than a twentieth of the time goes into snapshots, however large the state.
    const every = Math.max(this.#settings.snapshotMs, 20 * this.#snapshotTook)
    const isDue = this.#recordsSince > 0 && isOver({ since: this.#snapshotAt, waitMs: every }, now)
    if (isDue || this.#hasHole || this.bytes > this.#settings.maxBytes / 2) this.#snapshotWanted = this.#snapshotting === undefined
    this.#start()
  }

  /** Applies and writes what waits, then the whole state. Nothing may be submitted afterwards. */
  async close(): Promise<void> {
    await this.tick()
    while (this.#running !== undefined) await this.#running
    try {
      await this.snapshot(true)
    } catch (error) {
      this.#hooks.failed(error)
    }
    await this.#segments.close().catch((error: unknown) => this.#hooks.failed(error))
  }

  #start(): void {
    this.#running ??= this.#run()
      .catch((error: unknown) => this.#hooks.internalError('journal', error))
      .finally(() => {
        this.#running = undefined
        // What was written is applied whatever went wrong before it.
        if (this.#queue.length > 0 || this.#ahead !== undefined) this.#start()
      })
  }

  async #run(): Promise<void> {
    // One turn, so that requests that came together are written together.
    await nextTurn()
    for (;;) {
      const writing = this.#ahead ?? this.#writeNext()
      this.#ahead = undefined
      if (writing !== undefined) {
        const { group, before } = await writing
        await this.#apply(group, before)
      }
      if (this.#ahead !== undefined) continue
      if (this.#snapshotWanted && this.#snapshotting === undefined && isOver(this.#snapshotRetry, this.#hooks.clock())) {
        this.#snapshotWanted = false
        this.#beginSnapshot().catch((error: unknown) => this.#hooks.failed(error))
      }
      if (this.#queue.length === 0) return
    }
  }

  /** Begins to write what waits; undefined when nothing does. */
  #writeNext(): Promise<Written> | undefined {
    const group = this.#takeGroup()
    return group.length === 0 ? undefined : this.#write(group).then((before) => ({ group, before }))
  }

  /**
   * Writes the next group while `left` items of this one are applied, so that neither disk nor event loop waits for the other. It begins when it
   * holds as many: sooner groups would become small, and later the disk would be waited for. Not when a snapshot is due, which must be of the
   * state after the last record, nor while it cannot be written. See docs/decisions/0016-journal.md.
   */
  #writeAhead(left: number): void {
    if (this.#ahead !== undefined || this.#queue.length < left || this.#snapshotWanted || this.#retry !== undefined) return
    this.#ahead = this.#writeNext()
  }

  #takeGroup(): readonly Item[] {
    let bytes = 0
    let n = 0
    for (const { event } of this.#queue) {
      bytes += sizeOf(event)
      if (n > 0 && bytes > GROUP_BYTES) break
      n++
    }
    return this.#queue.splice(0, n)
  }

  /** The sequence before the group's first; undefined when it could not be written. */
  async #write(group: readonly Item[]): Promise<number | undefined> {
    if (!isOver(this.#retry, this.#hooks.clock())) return undefined
    const before = this.#seq
    try {
      const records = group.map(({ event, at }, i) => recordOf(event, before + 1 + i, at))
      const bytes = group.reduce((n, { event }) => n + sizeOf(event), 0)
      if (this.bytes + bytes > this.#settings.maxBytes) {
        this.#snapshotWanted = true
        throw new Error(`the journal has reached its bound of ${this.#settings.maxBytes} bytes; raise journal.max_bytes`)
      }
      const began = performance.now()
      const written = await this.#segments.append(records)
      this.#hooks.committed(written, (performance.now() - began) / 1000)
      this.#seq = before + group.length
      this.#recordsSince += group.filter(({ event }) => event.kind !== 'sweep' && event.kind !== 'expire').length
      if (this.#retry !== undefined) this.#hooks.recovered()
      this.#retry = undefined
      if (this.#hasHole) this.#snapshotWanted = true
      return before
    } catch (error) {
      this.#fail(error)
      return undefined
    }
  }

  #fail(error: unknown): void {
    if (this.#retry === undefined) this.#hooks.failed(error)
    this.#retry = { since: this.#hooks.clock(), waitMs: RETRY_MS }
  }

  async #apply(group: readonly Item[], before: number | undefined): Promise<void> {
    let since = performance.now()
    for (const [i, item] of group.entries()) {
      this.#writeAhead(group.length - i)
      const isCounted = item.event.kind === 'request' || item.event.kind === 'evaluation'
      if (before !== undefined) {
        const slices = item.apply(item.at, before + 1 + i)
        // A large request is applied in slices, and nothing else before its last.
        if (slices !== undefined) await slices
        if (isCounted) this.#hooks.request('written')
      } else if (this.#settings.whenFull === 'degrade') {
        this.#markHole()
        const slices = item.apply(item.at, 0)
        if (slices !== undefined) await slices
        if (isCounted) this.#hooks.request('unwritten')
      } else {
        // Runs are not closed either: a scrape must not tell of what the next start would not know.
        item.refuse(new NotWritten('the journal cannot be written'))
        if (isCounted) this.#hooks.request('refused')
      }
      if (performance.now() - since < SLICE_MS) continue
      await nextTurn()
      since = performance.now()
    }
  }

  /** Lets a later start know that not all is written, before any of it is applied. */
  #markHole(): void {
    if (this.#hasHole) return
    this.#hasHole = true
    try {
      // It is not there when the snapshot that was to close the hole before this one did not succeed.
      rmSync(join(this.#settings.dir, WHOLE), { recursive: true, force: true })
    } catch (error) {
      this.#hooks.failed(error)
    }
  }

  /** To be called between groups: then the state is that after the last record. */
  #beginSnapshot(isEnd = false): Promise<void> {
    const began = performance.now()
    const state = { outbox: this.#outbox.capture(), rules: this.#hooks.rules() }
    const head = { seq: this.#seq, at: this.#hooks.clock(), ...state, boot: this.#boot, isLazy: this.#settings.fsync !== 'always', isEnd }
    const parts = this.#hooks.capture()
    const hadHole = this.#hasHole
    // What is applied unwritten while this one is written is not in it, and makes a hole of its own.
    this.#hasHole = false
    const before = { at: this.#snapshotAt, records: this.#recordsSince }
    this.#snapshotAt = head.at
    this.#recordsSince = 0
    const write = async (): Promise<void> => {
      try {
        const bytes = await writeSnapshot(this.#settings.dir, head, parts, this.#disk)
        this.#hooks.snapshot(bytes)
        if (!this.#hasHole && !existsSync(join(this.#settings.dir, WHOLE))) writeFileSync(join(this.#settings.dir, WHOLE), '')
        // One whose number has been reached meanwhile has become a good one.
        for (const path of this.#damaged) if (!this.files.some((f) => f.path === path)) moveAside(this.#settings.dir, path)
        this.#damaged = []
        await removeOthers(this.#settings.dir, head.seq)
        await this.#retention.prune(head.seq, () => this.#seq + 1)
      } catch (error) {
        this.#hasHole ||= hadHole
        // It is as due as it was before, whether or not something comes.
        this.#snapshotAt = before.at
        this.#recordsSince += before.records
        this.#snapshotRetry = { since: this.#hooks.clock(), waitMs: Math.max(RETRY_MS, performance.now() - began) }
        throw error
      } finally {
        this.#snapshotTook = performance.now() - began
        this.#snapshotting = undefined
      }
    }
    this.#snapshotting = this.#segments.rotate().then(write, write)
    return this.#snapshotting
  }
}

/** What is waited for since a time of the clock. */
interface Retry {
  readonly since: number
  readonly waitMs: number
}

/** Also where the clock was set back meanwhile: it would be waited for until it has caught up. */
function isOver(wait: Retry | undefined, now: number): boolean {
  return wait === undefined || now < wait.since || now - wait.since >= wait.waitMs
}

function sizeOf(event: JournalEvent): number {
  return SIZE_OF_HEAD + (event.kind === 'request' ? event.body.length : 256)
}

function nothing(): void {
  // Whoever submitted it has the promise itself.
}
