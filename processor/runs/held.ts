/**
 * The open traces. One that a request brings is objects until the request ends, then bytes in a slab, and objects again when something comes for it.
 * Both are found, ordered and counted the same way; who asks sees only OpenTrace. Nothing is lost by packing: the record holds every fact exactly.
 * What an open run costs this way, and why: docs/decisions/0017-state.md.
 */
import type { Assembled } from './assemble.ts'
import { ClosedTraces } from './closed.ts'
import { Reader } from './packed/bytes.ts'
import { SpanIds, type SpanPlace } from '../decode/span-ids.ts'
import { packContents, unpackContents } from './packed/facts.ts'
import { MOST_ROWS, type PlainCapture, PlainLinks } from './packed/plain-links.ts'
import { Slab } from './packed/slab.ts'
import { LIST, type List, Slots } from './packed/slots.ts'
import { Views } from './packed/views.ts'
import { type ClosedTrace, OpenTrace } from './trace.ts'
import type { Link } from './tree.ts'
import type { OpenRunView } from './words.ts'

/**
 * After so long without a span what is still objects is packed: long enough that a trace whose spans come together is packed once. Objects that live
 * for a second are copied by every collection of the young: a process under load had 50 to 90 MiB more with it.
 */
export const PACK_MS = 200
/** Spans up to which a trace is packed with the end of each request that brought some of it. */
const PACK_AT_ONCE = 64
const UNPACKED = -1
/** Room for so many traces at first; it doubles when it is full. */
const FIRST_SLOTS = 16_384

export class Held {
  readonly slots: Slots
  readonly #slab = new Slab()
  readonly views: Views
  /** Traces that have nothing but a few plain spans. They are neither objects nor in the slab. */
  readonly #plain: PlainLinks
  /**
   * By slot. In a Map that is added to and deleted from all the time, what a table held when it was replaced outlives it: old tables lead to
   * new ones, and what is old and dead keeps what is young until all is collected.
   */
  readonly #objects: (OpenTrace | undefined)[]
  /** Slots that became objects since `packNow` or `pack`. */
  readonly #touched: number[] = []
  /** Slots of which a root came since `packNow` or `pack`. */
  readonly #ended: number[] = []
  /** Slots that were unpacked where they are, to be packed again. */
  readonly #woken = new Set<number>()
  /** What had closed before of traces that are open again. */
  readonly #continued = new Map<number, ClosedTrace>()
  readonly closed: ClosedTraces
  readonly #failed: (error: unknown) => void
  /** Spans of open traces, and links of the traces that have only links. */
  openSpans = 0
  linkSpans = 0

  /** For at most so many open traces; there may be any number of others. `failed` is told of a trace that cannot be packed: it stays objects. */
  constructor(most: number, seed: number, failed: (error: unknown) => void) {
    this.#failed = failed
    const capacity = Math.min(most, FIRST_SLOTS)
    this.slots = new Slots(capacity, seed)
    this.closed = new ClosedTraces(seed)
    this.#objects = Array.from({ length: capacity }, () => undefined)
    this.views = new Views(capacity)
    this.#plain = new PlainLinks(capacity)
    this.slots.onGrow(() => this.views.grow(this.slots.capacity))
    this.slots.onGrow(() => this.#plain.grow(this.slots.capacity))
  }

  get open(): number {
    return this.slots.sizeOf(LIST.age)
  }

  /** Whether a slot's trace has GenAI spans. */
  isOpen(slot: number): boolean {
    const list = this.slots.list[slot]
    return slot >= 0 && list !== LIST.plain && list !== LIST.plainHot
  }

  closedBefore(slot: number): ClosedTrace | undefined {
    return this.#continued.get(slot)
  }

  /** Whether `addPlain` can add a span to a slot's trace, or begin a trace with it: no GenAI span, and not too many others. */
  takesPlain(slot: number): boolean {
    return slot < 0 || (this.#plain.has(slot) && (this.slots.spans[slot] ?? 0) < MOST_ROWS)
  }

  /** Adds a plain span to such a trace; false when it is there already. */
  addPlain(known: number, ids: SpanIds, now: number): boolean {
    const { slots } = this
    const slot = known < 0 ? slots.addKey(ids, now) : known
    if (!this.#plain.add(slot, ids)) return false
    slots.spans[slot] = (slots.spans[slot] as number) + 1
    slots.lastMs[slot] = now
    slots.move(slot, LIST.plain)
    this.linkSpans++
    return true
  }

  /** Puts a trace of plain spans back as rows; false when it cannot be rows, and then nothing was done. */
  putBackPlain(places: readonly SpanPlace[], firstMs: number, lastMs: number): boolean {
    const ids = places.map((place) => {
      const of = new SpanIds()
      return of.take(place) ? of : undefined
    })
    if (places.length > MOST_ROWS || !ids.every((of) => of !== undefined)) return false
    let slot = -1
    for (const of of ids) {
      this.addPlain(slot, of, lastMs)
      slot = this.slots.findKey(of)
    }
    this.slots.firstMs[slot] = firstMs
    return ids.length > 0
  }

  /** Of the traces without GenAI spans the one that has been quiet for longest; −1 for none. */
  oldestPlain(): number {
    const [quiet, hot] = [this.slots.first(LIST.plain), this.slots.first(LIST.plainHot)]
    if (quiet < 0 || hot < 0) return Math.max(quiet, hot)
    return (this.slots.lastMs[hot] ?? 0) < (this.slots.lastMs[quiet] ?? 0) ? hot : quiet
  }

  /** Begins a trace without GenAI spans. */
  start(traceId: string, now: number): OpenTrace {
    const slot = this.slots.add(traceId, now)
    const trace = new OpenTrace(traceId, slot)
    this.#objects[slot] = trace
    this.#touched.push(slot)
    this.slots.move(slot, LIST.plainHot)
    return trace
  }

  /** Puts a trace that was just begun where it was when it was captured, packed. */
  putBack(trace: OpenTrace, list: List, lastMs: number, closed: ClosedTrace | undefined): void {
    const { slot } = trace
    if (closed !== undefined) this.#continued.set(slot, closed)
    this.slots.spans[slot] = trace.spans
    if (list === LIST.plain) this.linkSpans += trace.spans
    else this.openSpans += trace.spans
    this.slots.lastMs[slot] = lastMs
    this.settle(slot, list)
    this.views.outdate(slot)
  }

  /** Whether a trace has an agent or workflow span. */
  hasCandidate(slot: number): boolean {
    const ref = this.slots.ref[slot] ?? UNPACKED
    if (ref === UNPACKED) return this.#objects[slot]?.hasCandidate === true
    const { bytes, from } = this.#slab.at(ref)
    return bytes[from] === 1
  }

  /** Makes an open trace of it. `firstMs` is when what it is now began. */
  makeOpen(trace: OpenTrace, firstMs: number, closed: ClosedTrace | undefined): void {
    const { slot } = trace
    const held = this.slots.spans[slot] ?? 0
    this.linkSpans -= held
    this.openSpans += held
    this.slots.firstMs[slot] = firstMs
    if (closed !== undefined) {
      this.#continued.set(slot, closed)
      trace.closed = closed
    }
    this.slots.move(slot, LIST.hot)
    this.slots.joinAge(slot)
  }

  /** Notes that a span came. Of those of one process a root ends last. */
  touch(trace: OpenTrace, { parentSpanId, parentLocation }: Link, now: number): void {
    const { slot } = trace
    const isOpen = this.isOpen(slot)
    const added = trace.spans - (this.slots.spans[slot] ?? 0)
    this.slots.spans[slot] = trace.spans
    if (isOpen) this.openSpans += added
    else this.linkSpans += added
    this.slots.lastMs[slot] = now
    this.slots.move(slot, isOpen ? LIST.hot : LIST.plainHot)
    if (parentSpanId === '' || parentLocation === 'remote') this.#ended.push(slot)
    this.changed(trace)
  }

  /** Notes that its runs are no longer as they were. */
  changed(trace: OpenTrace): void {
    trace.changed()
    this.views.outdate(trace.slot)
  }

  /** The trace, to be changed. */
  wake(slot: number): OpenTrace {
    const known = this.#objects[slot]
    if (known !== undefined) return known
    const trace = this.#unpacked(slot)
    if (this.#plain.has(slot)) this.#plain.drop(slot)
    else this.#slab.free(this.slots.ref[slot] ?? UNPACKED)
    this.slots.ref[slot] = UNPACKED
    this.#objects[slot] = trace
    this.#woken.add(slot)
    this.#touched.push(slot)
    return trace
  }

  /** The trace, to be read: objects for as long as the caller keeps them. */
  peek(slot: number): OpenTrace {
    return this.#objects[slot] ?? this.#unpacked(slot)
  }

  /** The views of a trace's runs where they are known without assembling it. */
  viewsOf(trace: OpenTrace, view: (a: Assembled) => readonly OpenRunView[]): readonly OpenRunView[] | undefined {
    return trace.isFresh ? view(trace.assembled()) : this.views.of(trace.slot)
  }

  /** Finds the views that are outdated, a trace a step. */
  *findViews(view: (a: Assembled) => readonly OpenRunView[]): Generator<undefined> {
    for (const slot of this.views.outdated()) {
      if (!this.isOpen(slot)) continue
      this.views.set(slot, view(this.peek(slot).assembled()))
      yield
    }
  }

  remove(slot: number): void {
    const spans = this.slots.spans[slot] ?? 0
    if (this.isOpen(slot)) this.openSpans -= spans
    else this.linkSpans -= spans
    this.views.forget(slot)
    const ref = this.slots.ref[slot] ?? UNPACKED
    if (ref !== UNPACKED) this.#slab.free(ref)
    this.#plain.drop(slot)
    this.#objects[slot] = undefined
    this.#woken.delete(slot)
    this.#continued.delete(slot)
    this.slots.remove(slot)
  }

  /**
   * Packs the open traces that became objects with this request, where they stand: what is bytes before the young are collected is not copied by
   * that. Large ones wait for `PACK_MS`: one that grows span by span would be unpacked whole for each. Of spans that came singly, as in process,
   * all but those of which a root came wait, for they would be packed and unpacked once a span.
   */
  packNow(cameSingly: boolean): void {
    for (const slot of cameSingly ? this.#ended : this.#touched)
      if (this.isOpen(slot) && (this.slots.spans[slot] ?? 0) <= PACK_AT_ONCE) this.#put(slot)
    this.#ended.length = 0
    if (!cameSingly) this.#touched.length = 0
  }

  /** Packs what has been quiet since `beforeMs`, at most `limit` traces; how many it were. */
  pack(beforeMs: number, limit: number): number {
    this.#touched.length = 0
    this.#ended.length = 0
    let packed = 0
    for (const [from, to] of [[LIST.hot, LIST.settling] as const, [LIST.plainHot, LIST.plain] as const])
      for (const slot of this.slots.of(from)) {
        if ((this.slots.lastMs[slot] ?? 0) > beforeMs) break
        if (packed++ >= limit) return packed
        this.settle(slot, to)
      }
    for (const slot of this.#woken) {
      if (packed++ >= limit) return packed
      this.#packed(slot)
    }
    return packed
  }

  /** Moves a trace to a list of quiet ones, packed; its views are shown until something comes. */
  settle(slot: number, list: List, views?: readonly OpenRunView[]): void {
    this.slots.move(slot, list)
    this.#packed(slot)
    if (views !== undefined) this.views.set(slot, views)
  }

  /** Keeps every packed trace, open or closed, as it is until the function is called. */
  hold(): () => void {
    const releases = [this.#slab.hold(), this.closed.hold()]
    return () => {
      for (const release of releases) release()
    }
  }

  /** The rows of plain traces, to be read as they are now. */
  capturePlain(): PlainCapture {
    return this.#plain.capture()
  }

  /** A trace as it was packed at `ref`. */
  readAt(ref: number, trace: OpenTrace): OpenTrace {
    const { bytes, from } = this.#slab.at(ref)
    const r = new Reader(bytes, from)
    trace.hasCandidate = r.byte() === 1
    unpackContents(r, trace)
    return trace
  }

  #packed(slot: number): void {
    const list = this.slots.list[slot]
    if (list === LIST.hot || list === LIST.plainHot) this.#woken.delete(slot)
    else this.#put(slot)
  }

  #put(slot: number): void {
    this.#woken.delete(slot)
    const trace = this.#objects[slot]
    if (trace === undefined) return
    try {
      this.slots.ref[slot] = this.#slab.put(packContents(trace, (w) => w.byte(trace.hasCandidate ? 1 : 0)))
      this.#objects[slot] = undefined
    } catch (error) {
      this.#failed(error)
    }
  }

  #unpacked(slot: number): OpenTrace {
    const empty = new OpenTrace(this.slots.idOf(slot), slot)
    if (this.#plain.has(slot)) {
      this.#plain.read(slot, empty)
      return empty
    }
    const trace = this.readAt(this.slots.ref[slot] ?? UNPACKED, empty)
    trace.closed = this.#continued.get(slot)
    return trace
  }
}
