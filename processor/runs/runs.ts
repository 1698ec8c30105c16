/**
 * Spans → runs. Spans of one trace arrive in any order, twice, or late; the resulting runs are the same.
 * A trace closes when its roots have ended and it has been quiet for `settleMs`, or idle for `idleMs`, or at `maxRunMs`, or when a bound
 * evicts it, oldest first and counted (R7). After that its spans are late: counted, not assembled (R8).
 * Traces are swept, there are no timers: docs/decisions/0006-runs-are-swept.md.
 */
import type { CloseReason, ExternalEvaluation, Fact, Run } from '../../model/run.ts'
import { SpanIds, type SpanPlace } from '../decode/span-ids.ts'
import type { Assembled, Loose } from './assemble.ts'
import { isDue } from './due.ts'
import { isCountedResponse, settleClaims, withoutForeignCalls, withoutForeignLoose } from './foreign.ts'
import { Held, PACK_MS } from './held.ts'
import { holderOf, isSaid, lateHome, lateWorkOf, newWork, spansOfRuns } from './late.ts'
import { LIST, type List } from './packed/slots.ts'
import type { OpenMaxima } from './packed/views.ts'
import { RememberedSpans } from './remember.ts'
import { Responses } from './responses.ts'
import { captureHeld, restorePart, type RunsCapture, type RunsPart } from './state.ts'
import type { ClosedRun, ClosedTrace, HeldFact, OpenTrace } from './trace.ts'
import {
  closedTraceOf,
  judgeWithoutRun,
  labelsOf,
  NO_WORK,
  type OpenRunView,
  type RunEvents,
  type RunLimits,
  viewOf,
  workOf,
} from './words.ts'

export class Runs {
  #limits: RunLimits
  readonly #events: RunEvents
  readonly #held: Held
  #seen: RememberedSpans
  #sweptMs = Number.NEGATIVE_INFINITY
  readonly #responses: Responses
  readonly #ids = new SpanIds()

  constructor(limits: RunLimits, events: RunEvents, seed: number) {
    this.#limits = limits
    this.#events = events
    this.#held = new Held(limits.maxOpen + 1, seed, (error) => events.failed(error))
    this.#seen = new RememberedSpans(limits.maxRememberedSpans, limits.rememberMs, seed)
    this.#responses = new Responses(limits.maxRememberedTraces, seed, {
      isCandidate: (id) => this.#held.hasCandidate(this.#held.slots.find(id)),
      lifeOf: (key, id) => this.#held.closed.lifeOf(key, id),
    })
  }

  get openRuns(): number {
    return this.#held.open
  }
  get openSpans(): number {
    return this.#held.openSpans
  }
  get linkSpans(): number {
    return this.#held.linkSpans
  }
  get rememberedTraces(): number {
    return this.#held.closed.size
  }

  /** Takes over new times; bounds of what is already held apply from the next span on. */
  setLimits(limits: RunLimits): void {
    this.#limits = limits
    // Prices may have changed with them.
    this.#held.views.outdateAll()
  }

  /** Adds a span that is no GenAI. */
  link(place: SpanPlace, now: number): void {
    if (this.#ids.take(place)) this.linkIds(this.#ids, now)
    else this.#linkObject(this.#held.slots.find(place.traceId), place, now)
  }

  /** Adds one by its ids as numbers. Where nothing but such spans came of its trace, as of most, it is a row of numbers. */
  linkIds(ids: SpanIds, now: number): void {
    const slot = this.#held.slots.findKey(ids)
    if (!this.#held.takesPlain(slot)) this.#linkObject(slot, ids, now)
    else if (this.#held.addPlain(slot, ids, now)) this.#boundPlain()
  }

  #linkObject(slot: number, { traceId, spanId, parentSpanId, parentLocation }: SpanPlace, now: number): void {
    const trace = slot < 0 ? this.#held.start(traceId, now) : this.#held.wake(slot)
    if (trace.has(spanId)) return
    trace.setLink(spanId, { parentSpanId, parentLocation })
    this.#held.touch(trace, { parentSpanId, parentLocation }, now)
    if (trace.facts.size > 0) this.#bound(trace, now)
    else this.#boundPlain()
  }

  #boundPlain(): void {
    while (this.#held.linkSpans > this.#limits.maxLinkSpans) this.#dropPlain(this.#held.oldestPlain(), 'link_bound')
  }

  /** Adds a GenAI span, and takes the fact over. */
  add(traceId: string, fact: HeldFact, now: number): void {
    const slot = this.#held.slots.find(traceId)
    const open = this.#held.isOpen(slot) ? this.#held.wake(slot) : undefined
    const closed = open === undefined ? this.#held.closed.get(traceId) : open.closed
    if (open?.facts.has(fact.spanId) === true || (closed !== undefined && this.#seen.has(traceId, fact.spanId))) {
      this.#tellRepeat(traceId, fact, open, closed)
      return
    }
    const below = closed === undefined ? undefined : holderOf(this.#seen, traceId, closed, fact.parentSpanId)
    if (closed !== undefined && below !== undefined) {
      this.#addLate(traceId, closed, below, fact, now)
      // What an open trace continues is written down when that closes.
      if (open === undefined) this.#held.closed.update(traceId, closed)
      return
    }
    const trace = open ?? this.#startOpen(traceId, slot, now, closed)
    trace.dropLink(fact.spanId)
    trace.facts.add(fact)
    const { responseId, role } = fact.reading
    trace.hasCandidate ||= role === 'agent' || role === 'workflow'
    if (responseId !== undefined && role === 'model') {
      const claim = this.#responses.claim(fact.service, responseId, traceId, fact.parentSpanId !== '')
      if (claim !== undefined) fact.claim = claim
    }
    this.#held.touch(trace, fact, now)
    this.#bound(trace, now)
  }

  #tellRepeat(traceId: string, fact: Fact, open: OpenTrace | undefined, closed: ClosedTrace | undefined): void {
    // A large run is not assembled anew for the sake of a label.
    const [known] = open === undefined ? [] : (this.#held.viewsOf(open, this.#view) ?? (open.spans <= 64 ? open.assembled().runs : []))
    const run = known ?? (closed === undefined ? undefined : (holderOf(this.#seen, traceId, closed, fact.spanId) ?? closed.runs[0]))
    this.#events.duplicate(run?.agent ?? fact.reading.agentName ?? fact.service, run?.environment ?? fact.environment)
  }

  /** Joins an evaluation from outside to its run, open or closed; false when the run is not known (yet). */
  evaluate(evaluation: ExternalEvaluation, traceId: string, spanId: string): boolean {
    const { responseId } = evaluation
    const id = traceId !== '' ? traceId : responseId === undefined ? undefined : this.#responses.traceOf(responseId)
    if (id === undefined) return false
    const slot = this.#held.slots.find(id)
    if (this.#held.isOpen(slot) && this.#held.closedBefore(slot) === undefined) {
      const open = this.#held.wake(slot)
      if (open.evaluations.length < this.#limits.maxSpansPerRun) open.evaluations.push({ spanId, evaluation })
      else this.#events.evaluationsDropped('run_full', 1)
      this.#held.changed(open)
      return true
    }
    const closed = this.#held.closedBefore(slot) ?? this.#held.closed.get(id)
    const run = closed === undefined ? undefined : (holderOf(this.#seen, id, closed, spanId) ?? closed.runs[0])
    if (run === undefined) return false
    this.#events.late({ ...NO_WORK, ...labelsOf(run), traceId: id, evaluations: [evaluation] })
    return true
  }

  /** Whether a response was reported by a trace that is known. */
  readonly knows = (responseId: string): boolean => this.#responses.traceOf(responseId) !== undefined

  /**
   * Says that a request ends, or that some spans were added that came singly: what it brought is packed, of those the traces whose root came.
   * Without it that waits for `sweep`.
   */
  requestEnded(cameSingly = false): void {
    this.#held.packNow(cameSingly)
  }

  /** Closes what is due and packs what is quiet, at most `limit` traces each; true when more is due. Call it every second or so. */
  sweep(now: number, limit = 2000): boolean {
    const { slots } = this.#held
    const { settleMs, orphanMs, idleMs, maxRunMs } = this.#limits
    // The clock was set back: what was touched in its future would hold up all behind it until that comes.
    if (now < this.#sweptMs) this.resume(now)
    this.#sweptMs = now
    let left = limit
    for (const list of [LIST.settling, LIST.hot] as const)
      for (const slot of slots.of(list)) {
        if (left <= 0) return true
        if (now - (slots.lastMs[slot] ?? 0) < settleMs) break
        left--
        this.#settle(slot, now)
      }
    const close = (list: List, since: Float64Array, ms: number, reason: CloseReason): boolean => {
      for (const slot of slots.of(list)) {
        if (left-- <= 0) return true
        if (now - (since[slot] ?? 0) < ms) break
        this.#close(slot, reason, now)
      }
      return false
    }
    if (close(LIST.orphans, slots.lastMs, orphanMs, 'settled')) return true
    if (close(LIST.waiting, slots.lastMs, idleMs, 'idle')) return true
    if (close(LIST.age, slots.firstMs, maxRunMs, 'max_age')) return true
    for (const list of [LIST.plain, LIST.plainHot] as const)
      for (const slot of slots.of(list)) {
        if (now - (slots.lastMs[slot] ?? 0) < idleMs) break
        this.#dropPlain(slot, 'idle')
      }
    this.#forget(now)
    return this.pack(now, limit)
  }

  /** Whether `sweep` would close anything. */
  readonly isDue = (now: number): boolean => isDue(this.#held.slots, this.#limits, now)
  /** Packs what is quiet, at most `limit` traces, as `sweep` does; true when there is more. Nothing that can be seen changes. */
  readonly pack = (now: number, limit: number): boolean => this.#held.pack(now - PACK_MS, limit) >= limit

  /** Closes everything, for shutdown, tests and replay: settled traces as settled, the rest with `reason`. */
  flush(now: number, reason: CloseReason): void {
    for (const slot of this.#held.slots.of(LIST.age))
      this.#guarded(slot, () => {
        const trace = this.#held.peek(slot)
        this.#closeNow(trace, trace.assembled().rootsEnded === 'no' ? reason : 'settled', now)
      })
  }

  /** Finds what `openMaxima` tells of the traces that changed, a trace a step. Between steps anything may happen. */
  readonly findViews = (): Iterator<undefined> & Iterable<undefined> => this.#held.findViews(this.#view)
  /** The runs now open by agent, as they were when `findViews` came by. */
  readonly openMaxima = (): Iterable<OpenMaxima> => this.#held.views.maxima()

  readonly #view = ({ runs }: Assembled): readonly OpenRunView[] => runs.map((run) => viewOf(run, this.#events.costOf?.(run)))

  /** All that is held, to be written out later; see state.ts. */
  capture(): RunsCapture {
    return captureHeld(this.#held, this.#responses, this.#seen, this.#sweptMs)
  }

  /** Puts back one part of what was captured. Only before the first span; parts in the order they came. */
  restore(part: RunsPart): void {
    if (part.kind !== 'remembered') return restorePart(part, this.#held, this.#responses)
    this.#seen = new RememberedSpans(this.#limits.maxRememberedSpans, this.#limits.rememberMs, part.spans.seed)
    this.#seen.restore(part.spans)
    this.#sweptMs = part.sweptMs ?? this.#sweptMs
  }

  /** Starts the quiet time of all that is open anew: while nobody listened, silence told nothing. */
  resume(now: number): void {
    const { slots } = this.#held
    for (const list of [LIST.hot, LIST.settling, LIST.orphans, LIST.waiting, LIST.plainHot, LIST.plain])
      for (const slot of slots.of(list)) slots.lastMs[slot] = now
    for (const slot of slots.of(LIST.age)) slots.firstMs[slot] = Math.min(slots.firstMs[slot] ?? now, now)
    this.#held.closed.resume(now)
  }

  #startOpen(traceId: string, slot: number, now: number, closed: ClosedTrace | undefined): OpenTrace {
    const trace = slot < 0 ? this.#held.start(traceId, now) : this.#held.wake(slot)
    this.#held.makeOpen(trace, slot < 0 || closed !== undefined ? now : (this.#held.slots.firstMs[slot] ?? now), closed)
    return trace
  }

  #bound(trace: OpenTrace, now: number): void {
    if (trace.spans >= this.#limits.maxSpansPerRun) this.#close(trace.slot, 'span_limit', now)
    while (this.#held.open > this.#limits.maxOpen) this.#closeOldest('evicted_runs', now)
    while (this.#held.openSpans > this.#limits.maxOpenSpans && this.#held.open > 0) this.#closeOldest('evicted_spans', now)
  }

  #closeOldest(reason: CloseReason, now: number): void {
    this.#close(this.#held.slots.first(LIST.age), reason, now)
  }

  #dropPlain(slot: number, reason: 'link_bound' | 'idle'): void {
    const links = this.#held.slots.spans[slot] ?? 0
    this.#held.remove(slot)
    this.#events.linksDropped(reason, links)
  }

  /** What has been quiet long enough is closed when its roots have ended; else it waits for them, and its runs are shown from what was found. */
  #settle(slot: number, now: number): void {
    this.#guarded(slot, () => {
      const trace = this.#held.peek(slot)
      const { rootsEnded } = trace.assembled()
      if (rootsEnded === 'yes') this.#closeNow(trace, 'settled', now)
      else this.#held.settle(slot, rootsEnded === 'perhaps' ? LIST.orphans : LIST.waiting, this.#view(trace.assembled()))
    })
  }

  #close(slot: number, reason: CloseReason, now: number): void {
    this.#guarded(slot, () => this.#closeNow(this.#held.peek(slot), reason, now))
  }

  /** A trace over which our own code throws is given up: it would be the first that is due for ever. */
  #guarded(slot: number, work: () => void): void {
    try {
      work()
    } catch (error) {
      if (this.#held.slots.list[slot] !== LIST.none) this.#held.remove(slot)
      this.#events.failed(error)
    }
  }

  #closeNow(trace: OpenTrace, reason: CloseReason, now: number): void {
    const { runs, loose, missingParents, aboveRoot } = trace.assembled()
    const { claims, before } = settleClaims(this.#responses, trace)
    this.#held.remove(trace.slot)
    const kept: ClosedRun[] = [...(trace.closed?.runs ?? [])]
    const isOnly = runs.length + kept.length === 1
    const spanIds = isOnly ? undefined : spansOfRuns(trace, runs)
    for (const [i, assembled] of runs.entries()) {
      const run = withoutForeignCalls(this.#responses, trace, assembled, before)
      this.#closeRun(trace, run, aboveRoot[i], reason, (r) => kept.push({ ...r, spanIds: spanIds?.[i] }))
    }
    if (loose !== undefined) this.#closeLoose(trace, loose, kept[0], before)
    if (runs.length === 0 && trace.evaluations.length > 0) judgeWithoutRun(this.#events, trace, kept[0])
    const life = this.#remember(trace, kept, missingParents, now)
    for (const claim of claims) this.#responses.remember(claim, life)
    while (this.#held.closed.size > this.#limits.maxRememberedTraces) this.#held.closed.dropOldest()
  }

  #closeRun(
    trace: OpenTrace,
    run: Run,
    above: string | undefined,
    reason: CloseReason,
    keep: (run: Omit<ClosedRun, 'spanIds'>) => void,
  ): void {
    const weight = Math.min(run.weight, this.#limits.maxWeight)
    const labels = {
      agent: run.agent,
      environment: run.environment,
      promptVersion: run.cohort.promptVersion,
      model: run.cohort.model,
      weight,
    }
    const home = lateHome(this.#seen, trace, run, above)
    if (home !== undefined) {
      this.#events.late({ ...newWork(workOf(run), trace, trace.closed), ...labelsOf(home), lateSpans: run.spanIds.length })
    } else if (!trace.hasCandidate && run.modelCalls.length + run.toolCalls.length === 0) {
      // Every call of this bare trace is another trace's call: no run, but the conflicts are counted.
      this.#events.late({ ...workOf(run), ...labels })
    } else {
      keep(labels)
      this.#events.closed(weight === run.weight ? run : { ...run, weight }, reason)
    }
  }

  #closeLoose(trace: OpenTrace, loose: Loose, home: ClosedRun | undefined, before: ReadonlySet<string>): void {
    const labels =
      home === undefined ? { agent: loose.agent, environment: loose.environment, promptVersion: '', model: '', weight: 1 } : labelsOf(home)
    const { lateSpans, ...work } = withoutForeignLoose(this.#responses, trace, loose, before)
    this.#events.late({ ...NO_WORK, ...labels, ...newWork(work, trace, trace.closed), traceId: trace.traceId, lateSpans })
  }

  /** Since which closing it is remembered. */
  #remember(trace: OpenTrace, runs: readonly ClosedRun[], missingParents: readonly string[], now: number): number {
    this.#seen.addAll(trace.traceId, trace.facts.values(), now)
    // What comes late below a plain span belongs to the run around that.
    if (trace.links.size > 0) this.#seen.addAll(trace.traceId, trace.links.keys(), now)
    return this.#held.closed.add(trace.traceId, closedTraceOf(trace, runs, missingParents, now))
  }

  #forget(now: number): void {
    const { closed } = this.#held
    while (now - (closed.oldestMs ?? now) >= this.#limits.rememberMs && closed.size > 0) closed.dropOldest()
  }

  /** A span whose parent belongs to a closed run: counted at once (R8). */
  #addLate(traceId: string, closed: ClosedTrace, run: ClosedRun, fact: Fact, now: number): void {
    this.#seen.add(traceId, fact.spanId, now)
    run.spanIds?.add(fact.spanId)
    const isRepeat = isSaid(fact, closed)
    const isTwin = !isRepeat && isCountedResponse(this.#responses, traceId, fact, this.#held.closed.lifeOfTrace(traceId))
    const work = isRepeat || isTwin ? NO_WORK : lateWorkOf(fact)
    for (const s of work.spend) closed.counted.add(s.spanId)
    for (const t of work.toolCalls) closed.tools.add(t.spanId)
    // Those of other spans are handed on by themselves.
    const evaluations = (fact.reading.evaluations ?? []).filter((e) => e.target === undefined)
    const conflicts = isTwin ? (['duplicate_response'] as const) : work.conflicts
    this.#events.late({ ...work, ...labelsOf(run), traceId, conflicts, evaluations, lateSpans: 1 })
  }
}

export type { OpenMaxima } from './packed/views.ts'
export { DEFAULT_RUN_LIMITS, type LateWork, type RunEvents, type RunLimits } from './words.ts'
