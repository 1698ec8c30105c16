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
    return slot < 0 ? undefined : this.#read(slot).trace
  }

  /** The closing since which a trace has been remembered without a break, 0 for none. By its id where the key does not tell. */
  lifeOf(key: Key, traceId: string | undefined): number {
    const slot = traceId === undefined ? this.#slots.findKey(key) : this.#slots.find(traceId)
    return slot < 0 ? 0 : (this.#lives[slot] ?? 0)
  }

  /** Remembers a trace as the newest, in the place of what was known of it; since which closing. */
  add(traceId: string, trace: ClosedTrace): number {
    let slot = this.#slots.find(traceId)
    if (slot < 0) {
      slot = this.#slots.add(traceId, trace.closedMs)
      this.#life = (this.#life + 1) | 0 || 1
      this.#lives[slot] = this.#life
    } else this.#slab.free(this.#refOf(slot))
    this.#slots.lastMs[slot] = trace.closedMs
    this.#slots.ref[slot] = this.#slab.put(pack(traceId, trace))
    this.#slots.move(slot, LIST.settling)
    return this.#lives[slot] ?? 0
  }

  /** Puts a trace back that was read and changed; its age stays. */
  update(traceId: string, trace: ClosedTrace): void {
    const slot = this.#slots.find(traceId)
    if (slot < 0) return
    this.#slab.free(this.#refOf(slot))
    this.#slots.ref[slot] = this.#slab.put(pack(traceId, trace))
  }

  /** When the oldest one closed; undefined when there is none. */
  get oldestMs(): number | undefined {
    return this.size === 0 ? undefined : this.#slots.lastMs[this.#slots.first(LIST.settling)]
  }

  dropOldest(): void {
    const slot = this.#slots.first(LIST.settling)
    if (slot < 0) return
    this.#slab.free(this.#refOf(slot))
    this.#slots.remove(slot)
  }

  /** Where every trace is, oldest first; good for `readAt` while somebody holds. */
  refs(): Int32Array {
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
    return this.#slab.hold()
  }

  #refOf(slot: number): number {
    return this.#slots.ref[slot] ?? -1
  }

  #read(slot: number): { readonly traceId: string; readonly trace: ClosedTrace } {
    return this.readAt(this.#refOf(slot))
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
    w.byte(run.spanIds === undefined ? 0 : 1)
    if (run.spanIds !== undefined) writeIds(w, run.spanIds)
  }
  writeIds(w, trace.counted)
  writeIds(w, trace.envelopes)
  writeIds(w, trace.missingParents)
  return w.bytes
}

function unpack(r: Reader): { readonly traceId: string; readonly trace: ClosedTrace } {
  const [traceId, closedMs] = [r.id() + r.id(), r.moment()]
  const runs = listOf(r, (): ClosedRun => {
    const [agent, environment, promptVersion, model] = [r.text(), r.text(), r.text(), r.text()]
    return { agent, environment, promptVersion, model, spanIds: r.byte() === 0 ? undefined : readIds(r) }
  })
  return { traceId, trace: { closedMs, runs, counted: readIds(r), envelopes: readIds(r), missingParents: readIds(r) } }
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
