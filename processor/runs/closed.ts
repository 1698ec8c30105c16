/**
 * What is remembered of closed traces, oldest first: a record of bytes each, in a table without objects, for there are up to half a million.
 * As objects with their sets they took some two kilobytes each and most of what the garbage collector went through.
 * A trace that is read is objects of the reader's own: who changes them puts them back.
 */
import { Reader, Writer } from './packed/bytes.ts'
import { Slab } from './packed/slab.ts'
import { grown, LIST, Slots } from './packed/slots.ts'
import type { Key } from './packed/trace-key.ts'
import type { ClosedRun, ClosedTrace } from './trace.ts'

/** Room for so many at first; it doubles when it is full. */
const FIRST = 1024

export class ClosedTraces {
  readonly #slots: Slots
  readonly #slab = new Slab()
  /** Number of the closing since which a slot's trace has been remembered, never 0. */
  #lives = new Int32Array(FIRST)
  #life = 0
  /** The trace that was put back last, while it is objects. */
  #changed: { readonly slot: number; readonly traceId: string; readonly trace: ClosedTrace } | undefined

  constructor(seed: number) {
    this.#slots = new Slots(FIRST, seed)
    this.#slots.onGrow(() => (this.#lives = grown(this.#lives, new Int32Array(this.#slots.capacity))))
  }

  get size(): number {
    return this.#slots.sizeOf(LIST.settling)
  }

  get(traceId: string): ClosedTrace | undefined {
    if (this.size === 0) return undefined
    const slot = this.#slots.find(traceId)
    if (slot < 0) return undefined
    return slot === this.#changed?.slot ? this.#changed.trace : this.readAt(this.#refOf(slot)).trace
  }

  /** The closing since which a trace has been remembered without a break, 0 for none. By its id where the key does not tell. */
  lifeOf(key: Key, traceId: string | undefined): number {
    return traceId === undefined ? this.#lifeAt(this.#slots.findKey(key)) : this.lifeOfTrace(traceId)
  }

  /** As `lifeOf`, by the id. */
  lifeOfTrace(traceId: string): number {
    return this.#lifeAt(this.#slots.find(traceId))
  }

  /** Remembers a trace as the newest, in the place of what was known of it; since which closing. */
  add(traceId: string, trace: ClosedTrace): number {
    this.#write()
    const bytes = pack(traceId, trace)
    let slot = this.#slots.find(traceId)
    if (slot < 0) {
      slot = this.#slots.add(traceId, trace.closedMs)
      this.#life = (this.#life + 1) | 0 || 1
      this.#lives[slot] = this.#life
    } else this.#slab.free(this.#refOf(slot))
    this.#slots.lastMs[slot] = trace.closedMs
    this.#slots.ref[slot] = this.#slab.put(bytes)
    this.#slots.move(slot, LIST.settling)
    return this.#lives[slot] ?? 0
  }

  /**
   * Puts a trace back that was read and changed; its age stays. It is kept as objects until another one is, or something else is done here:
   * late spans come one after the other, and a trace of 50,000 spans takes 11 ms to read and pack.
   */
  update(traceId: string, trace: ClosedTrace): void {
    const slot = this.#slots.find(traceId)
    if (slot !== this.#changed?.slot) this.#write()
    if (slot >= 0) this.#changed = { slot, traceId, trace }
  }

  /** Packs the trace that was changed last. */
  #write(): void {
    if (this.#changed === undefined) return
    const { slot, traceId, trace } = this.#changed
    this.#changed = undefined
    const bytes = pack(traceId, trace)
    this.#slab.free(this.#refOf(slot))
    this.#slots.ref[slot] = this.#slab.put(bytes)
  }

  /** Starts the time that traces are remembered anew where the clock was set back behind it. */
  resume(now: number): void {
    for (const slot of this.#slots.of(LIST.settling)) this.#slots.lastMs[slot] = Math.min(this.#slots.lastMs[slot] ?? now, now)
  }

  /** When the oldest one closed; undefined when there is none. */
  get oldestMs(): number | undefined {
    return this.size === 0 ? undefined : this.#slots.lastMs[this.#slots.first(LIST.settling)]
  }

  dropOldest(): void {
    this.#write()
    const slot = this.#slots.first(LIST.settling)
    if (slot < 0) return
    this.#slab.free(this.#refOf(slot))
    this.#slots.remove(slot)
  }

  /** Where every trace is, oldest first; good for `readAt` while somebody holds. */
  refs(): Int32Array {
    this.#write()
    const refs = new Int32Array(this.size)
    let n = 0
    for (const slot of this.#slots.of(LIST.settling)) refs[n++] = this.#refOf(slot)
    return refs
  }

  readAt(ref: number): { readonly traceId: string; readonly trace: ClosedTrace } {
    const { bytes, from } = this.#slab.at(ref)
    return unpack(new Reader(bytes, from))
  }

  /** Keeps every trace as it is until the function is called. */
  hold(): () => void {
    this.#write()
    return this.#slab.hold()
  }

  #lifeAt(slot: number): number {
    return slot < 0 ? 0 : (this.#lives[slot] ?? 0)
  }

  #refOf(slot: number): number {
    return this.#slots.ref[slot] ?? -1
  }
}

const writer = new Writer()

function pack(traceId: string, trace: ClosedTrace): Uint8Array {
  const w = writer
  w.begin()
  w.id(traceId.slice(0, 16))
  w.id(traceId.slice(16))
  w.moment(trace.closedMs)
  w.whole(trace.runs.length)
  for (const run of trace.runs) {
    w.text(run.agent)
    w.text(run.environment)
    // May be the hash of instructions.
    w.own(run.promptVersion)
    w.text(run.model)
    w.whole(run.weight)
    w.byte(run.spanIds === undefined ? 0 : 1)
    if (run.spanIds !== undefined) writeIds(w, run.spanIds)
  }
  writeIds(w, trace.counted)
  writeIds(w, trace.envelopes)
  writeIds(w, trace.missingAbove)
  writeIds(w, trace.tools)
  writeIds(w, trace.missingParents)
  return w.bytes
}

function unpack(r: Reader): { readonly traceId: string; readonly trace: ClosedTrace } {
  const [traceId, closedMs] = [r.id() + r.id(), r.moment()]
  const runs = listOf(r, (): ClosedRun => {
    const [agent, environment, promptVersion, model] = [r.text(), r.text(), r.text(), r.text()]
    const weight = r.whole()
    return { agent, environment, promptVersion, model, weight, spanIds: r.byte() === 0 ? undefined : readIds(r) }
  })
  return {
    traceId,
    trace: {
      closedMs,
      runs,
      counted: readIds(r),
      envelopes: readIds(r),
      missingAbove: readIds(r),
      tools: readIds(r),
      missingParents: readIds(r),
    },
  }
}

function listOf<T>(r: Reader, read: () => T): T[] {
  const items: T[] = []
  for (let left = r.whole(); left > 0; left--) items.push(read())
  return items
}

function writeIds(w: Writer, ids: ReadonlySet<string>): void {
  w.whole(ids.size)
  for (const id of ids) w.id(id)
}

function readIds(r: Reader): Set<string> {
  const ids = new Set<string>()
  for (let left = r.whole(); left > 0; left--) ids.add(r.id())
  return ids
}
