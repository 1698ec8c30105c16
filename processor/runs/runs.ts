/**
 * Spans → runs. Spans of one trace arrive in any order, twice, or late; the resulting runs are the same.
 * A trace closes when its roots have ended and it has been quiet for `settleMs`, or idle for `idleMs`, or at `maxRunMs`, or when a bound
 * evicts it, oldest first and counted (R7). After that its spans are late: counted, not assembled (R8).
 * Traces are swept, there are no timers: docs/decisions/0006-runs-are-swept.md.
 */
import type { CloseReason, ExternalEvaluation, Fact, Run } from '../../model/run.ts'
import type { ParentLocation } from '../../model/span.ts'
import type { Loose } from './assemble.ts'
import { closedTraceOf, labelsOf, NO_WORK, type OpenRunView, type RunEvents, type RunLimits, workOf } from './words.ts'
import { countModelCalls } from './model-calls.ts'
import { RememberedSpans } from './remember.ts'
import { Responses } from './responses.ts'
import { foreignCalls, withoutForeignCalls } from './foreign.ts'
import { countToolCalls } from './tool-calls.ts'
import { type ClosedRun, type ClosedTrace, OpenTrace } from './trace.ts'
import { buildTree } from './tree.ts'
import { captureHeld, emptyHeld, type Held, restorePart, type RunsCapture, type RunsPart, spansIn } from './state.ts'

export class Runs {
  #limits: RunLimits
  readonly #events: RunEvents
  readonly #held: Held = emptyHeld()
  #seen: RememberedSpans
  readonly #responses: Responses
  #openSpans = 0
  #linkSpans = 0

  constructor(limits: RunLimits, events: RunEvents, seed: number) {
    this.#limits = limits
    this.#events = events
    this.#seen = new RememberedSpans(limits.maxRememberedSpans, limits.rememberMs, seed)
    this.#responses = new Responses(limits.maxRememberedTraces)
  }

  get openRuns(): number {
    return this.#held.open.size
  }
  get openSpans(): number {
    return this.#openSpans
  }
  get linkSpans(): number {
    return this.#linkSpans
  }
  get rememberedTraces(): number {
    return this.#held.closed.size
  }

  /** Takes over new times; bounds of what is already held apply from the next span on. */
  setLimits(limits: RunLimits): void {
    this.#limits = limits
  }

  /** Adds a span that is no GenAI. */
  link(traceId: string, spanId: string, parentSpanId: string, parentLocation: ParentLocation, now: number): void {
    const trace = this.#held.open.get(traceId) ?? this.#held.plain.get(traceId) ?? this.#startPlain(traceId, now)
    if (trace.has(spanId)) return
    trace.links.set(spanId, { parentSpanId, parentLocation })
    if (trace.facts.size > 0) {
      this.#openSpans++
      this.#touch(trace, now)
      this.#bound(trace, now)
      return
    }
    this.#linkSpans++
    trace.touch(now)
    this.#held.plain.delete(traceId)
    this.#held.plain.set(traceId, trace)
    while (this.#linkSpans > this.#limits.maxLinkSpans) this.#dropOldestPlain('link_bound')
  }

  /** Adds a GenAI span. */
  add(traceId: string, fact: Fact, now: number): void {
    const open = this.#held.open.get(traceId)
    const closed = open?.closed ?? this.#held.closed.get(traceId)
    if (open?.facts.has(fact.spanId) === true || (closed !== undefined && this.#seen.has(traceId, fact.spanId))) {
      this.#tellRepeat(traceId, fact, open, closed)
      return
    }
    const below = closed === undefined ? undefined : this.#holderOf(traceId, closed, fact.parentSpanId)
    if (closed !== undefined && below !== undefined) {
      this.#addLate(traceId, closed, below, fact, now)
      return
    }
    const trace = open ?? this.#startOpen(traceId, now, closed)
    if (trace.dropLink(fact.spanId)) this.#openSpans--
    trace.facts.set(fact.spanId, fact)
    this.#openSpans++
    const { responseId, role } = fact.reading
    trace.hasCandidate ||= role === 'agent' || role === 'workflow'
    if (responseId !== undefined && role === 'model') this.#responses.claim(fact.service, responseId, trace, fact.parentSpanId !== '')
    this.#touch(trace, now)
    this.#bound(trace, now)
  }

  #tellRepeat(traceId: string, fact: Fact, open: OpenTrace | undefined, closed: ClosedTrace | undefined): void {
    // A large run is not assembled anew for the sake of a label.
    const known = open !== undefined && (open.isFresh || open.spans <= 64) ? open.assembled().runs[0] : undefined
    const run = known ?? (closed === undefined ? undefined : (this.#holderOf(traceId, closed, fact.spanId) ?? closed.runs[0]))
    this.#events.duplicate(run?.agent ?? fact.reading.agentName ?? fact.service, run?.environment ?? fact.environment)
  }

  /** Joins an evaluation from outside to its run, open or closed; false when the run is not known (yet). */
  evaluate(evaluation: ExternalEvaluation, traceId: string, spanId: string): boolean {
    const { responseId } = evaluation
    const id = traceId !== '' ? traceId : responseId === undefined ? undefined : this.#responses.traceOf(responseId)
    const open = id === undefined ? undefined : this.#held.open.get(id)
    if (open !== undefined && open.closed === undefined) {
      if (open.evaluations.length < this.#limits.maxSpansPerRun) open.evaluations.push({ spanId, evaluation })
      open.touch(undefined)
      return true
    }
    const closed = id === undefined ? undefined : this.#held.closed.get(id)
    if (id === undefined || closed === undefined) return false
    const run = this.#holderOf(id, closed, spanId) ?? closed.runs[0]
    if (run === undefined) return false
    this.#events.late({ ...NO_WORK, ...labelsOf(run), traceId: id, evaluations: [evaluation] })
    return true
  }

  /** Closes what is due, at most `limit` traces; true when more is due. Call it every second or so. */
  sweep(now: number, limit = 2000): boolean {
    let left = limit
    for (const trace of this.#held.settling.values()) {
      if (left <= 0) return true
      if (now - trace.lastMs < this.#limits.settleMs) break
      left--
      const ended = trace.assembled().rootsEnded
      if (ended === 'yes') this.#close(trace, 'settled', now)
      else {
        this.#held.settling.delete(trace.traceId)
        ;(ended === 'perhaps' ? this.#held.orphans : this.#held.waiting).set(trace.traceId, trace)
      }
    }
    for (const trace of this.#held.orphans.values()) {
      if (left-- <= 0) return true
      if (now - trace.lastMs < this.#limits.orphanMs) break
      this.#close(trace, 'settled', now)
    }
    for (const trace of this.#held.waiting.values()) {
      if (left-- <= 0) return true
      if (now - trace.lastMs < this.#limits.idleMs) break
      this.#close(trace, 'idle', now)
    }
    for (const trace of this.#held.open.values()) {
      if (left-- <= 0) return true
      if (now - trace.firstMs < this.#limits.maxRunMs) break
      this.#close(trace, 'max_age', now)
    }
    for (const trace of this.#held.plain.values()) {
      if (now - trace.lastMs < this.#limits.idleMs) break
      this.#dropPlain(trace, 'idle')
    }
    this.#forget(now)
    return false
  }

  /** Closes everything, for shutdown, tests and replay: settled traces as settled, the rest with `reason`. */
  flush(now: number, reason: CloseReason): void {
    for (const trace of this.#held.open.values()) this.#close(trace, trace.assembled().rootsEnded === 'no' ? reason : 'settled', now)
  }

  /** The runs now open, as far as they are known. At most `budget` traces that changed are assembled anew; the others are skipped this time. */
  *openViews(budget: number): Iterable<OpenRunView> {
    let left = budget
    for (const trace of this.#held.open.values()) {
      if (!trace.isFresh && left-- <= 0) continue
      for (const run of trace.assembled().runs) yield { agent: run.agent, environment: run.environment, run, openedMs: run.startMs }
    }
  }

  /** All that is held, to be written out later; see state.ts. */
  capture(): RunsCapture {
    return captureHeld(this.#held, this.#responses, this.#seen)
  }

  /** Puts back one part of what was captured. Only before the first span; parts in the order they came. */
  restore(part: RunsPart): void {
    if (part.kind !== 'remembered') return restorePart(part, this.#held, this.#responses)
    this.#seen = new RememberedSpans(this.#limits.maxRememberedSpans, this.#limits.rememberMs, part.spans.seed)
    this.#seen.restore(part.spans)
    this.#openSpans = spansIn(this.#held.open)
    this.#linkSpans = spansIn(this.#held.plain)
  }

  /** Starts the quiet time of all that is open anew: while nobody listened, silence told nothing. */
  resume(now: number): void {
    for (const trace of [...this.#held.open.values(), ...this.#held.plain.values()]) trace.lastMs = now
  }

  #startOpen(traceId: string, now: number, closed: ClosedTrace | undefined): OpenTrace {
    const plain = this.#held.plain.get(traceId)
    const trace = plain === undefined || closed !== undefined ? new OpenTrace(traceId, now, closed) : plain
    if (plain !== undefined) {
      this.#held.plain.delete(traceId)
      this.#linkSpans -= plain.links.size
      this.#openSpans += plain.links.size
      if (trace !== plain) for (const [id, link] of plain.links) trace.links.set(id, link)
    }
    this.#held.open.set(traceId, trace)
    return trace
  }

  #startPlain(traceId: string, now: number): OpenTrace {
    const trace = new OpenTrace(traceId, now, undefined)
    this.#held.plain.set(traceId, trace)
    return trace
  }

  #touch(trace: OpenTrace, now: number): void {
    trace.touch(now)
    this.#held.waiting.delete(trace.traceId)
    this.#held.orphans.delete(trace.traceId)
    this.#held.settling.delete(trace.traceId)
    this.#held.settling.set(trace.traceId, trace)
  }

  #bound(trace: OpenTrace, now: number): void {
    if (trace.spans >= this.#limits.maxSpansPerRun) this.#close(trace, 'span_limit', now)
    while (this.#held.open.size > this.#limits.maxOpen) this.#closeOldest('evicted_runs', now)
    while (this.#openSpans > this.#limits.maxOpenSpans && this.#held.open.size > 0) this.#closeOldest('evicted_spans', now)
  }

  #closeOldest(reason: CloseReason, now: number): void {
    const oldest = this.#held.open.values().next()
    if (oldest.done !== true) this.#close(oldest.value, reason, now)
  }

  #dropOldestPlain(reason: 'link_bound'): void {
    const oldest = this.#held.plain.values().next()
    if (oldest.done !== true) this.#dropPlain(oldest.value, reason)
  }

  #dropPlain(trace: OpenTrace, reason: 'link_bound' | 'idle'): void {
    this.#held.plain.delete(trace.traceId)
    this.#linkSpans -= trace.links.size
    this.#events.linksDropped(reason, trace.links.size)
  }

  #close(trace: OpenTrace, reason: CloseReason, now: number): void {
    const { runs, loose, missingParents } = trace.assembled()
    this.#held.open.delete(trace.traceId)
    this.#held.settling.delete(trace.traceId)
    this.#held.waiting.delete(trace.traceId)
    this.#held.orphans.delete(trace.traceId)
    this.#openSpans -= trace.spans
    const kept: ClosedRun[] = [...(trace.closed?.runs ?? [])]
    const isOnly = runs.length + kept.length === 1
    for (const run of runs)
      this.#closeRun(trace, run, reason, (r) => kept.push({ ...r, spanIds: isOnly ? undefined : new Set(run.spanIds) }))
    if (loose !== undefined) this.#closeLoose(trace, loose, kept[0])
    this.#remember(trace, kept, missingParents, now)
  }

  #closeRun(trace: OpenTrace, assembled: Run, reason: CloseReason, keep: (run: Omit<ClosedRun, 'spanIds'>) => void): void {
    const run = withoutForeignCalls(this.#responses, trace, assembled)
    const labels = { agent: run.agent, environment: run.environment, promptVersion: run.cohort.promptVersion, model: run.cohort.model }
    const home = this.#lateHome(trace, run)
    if (home !== undefined) {
      this.#events.late({ ...workOf(run), ...labelsOf(home), lateSpans: run.spanIds.length })
    } else if (!trace.hasCandidate && run.modelCalls.length + run.toolCalls.length === 0) {
      // Every call of this bare trace is another trace's call: no run, but the conflicts are counted.
      this.#events.late({ ...workOf(run), ...labels })
    } else {
      keep(labels)
      const weight = Math.min(run.weight, this.#limits.maxWeight)
      this.#events.closed(weight === run.weight ? run : { ...run, weight }, reason)
    }
  }

  /** The closed run that late work belongs to: a root above or below it, or steps without a root of their own, are no further run. */
  #lateHome(trace: OpenTrace, run: Run): ClosedRun | undefined {
    const before = trace.closed
    if (before === undefined) return undefined
    const above = trace.assembled().aboveRoot.get(run.rootSpanId)
    if (above === undefined || run.spanIds.some((id) => before.missingParents.has(id))) return before.runs[0]
    return above === '' ? undefined : this.#holderOf(trace.traceId, before, above)
  }

  #closeLoose(trace: OpenTrace, loose: Loose, home: ClosedRun | undefined): void {
    const foreign = foreignCalls(this.#responses, trace, loose.modelCalls)
    const labels =
      home === undefined ? { agent: loose.agent, environment: loose.environment, promptVersion: '', model: '' } : labelsOf(home)
    const modelCalls = loose.modelCalls.filter((c) => !foreign.has(c.spanId))
    this.#events.late({
      ...NO_WORK,
      ...labels,
      traceId: trace.traceId,
      modelCalls,
      toolCalls: loose.toolCalls,
      spend: loose.spend.filter((s) => !foreign.has(s.spanId)),
      conflicts: Array.from(foreign, () => 'duplicate_response' as const),
      lateSpans: trace.closed === undefined ? 0 : modelCalls.length + loose.toolCalls.length,
    })
  }

  #remember(trace: OpenTrace, runs: readonly ClosedRun[], missingParents: readonly string[], now: number): void {
    for (const spanId of trace.facts.keys()) this.#seen.add(trace.traceId, spanId, now)
    this.#held.closed.delete(trace.traceId)
    this.#held.closed.set(trace.traceId, closedTraceOf(trace, runs, missingParents, now))
    while (this.#held.closed.size > this.#limits.maxRememberedTraces) this.#forgetOldest()
  }

  #forget(now: number): void {
    for (const closed of this.#held.closed.values()) {
      if (now - closed.closedMs < this.#limits.rememberMs) break
      this.#forgetOldest()
    }
  }

  #forgetOldest(): void {
    const oldest = this.#held.closed.entries().next()
    if (oldest.done === true) return
    const [traceId, closed] = oldest.value
    this.#held.closed.delete(traceId)
    for (const [service, id] of closed.responses) this.#responses.release(service, id, traceId)
  }

  /** The closed run that a span belongs to. */
  #holderOf(traceId: string, closed: ClosedTrace, spanId: string): ClosedRun | undefined {
    if (spanId === '') return undefined
    const [only, ...more] = closed.runs
    if (more.length === 0) return only !== undefined && this.#seen.has(traceId, spanId) ? only : undefined
    return closed.runs.find((r) => r.spanIds?.has(spanId) === true)
  }

  /** A span whose parent belongs to a closed run: counted at once (R8). */
  #addLate(traceId: string, closed: ClosedTrace, run: ClosedRun, fact: Fact, now: number): void {
    this.#seen.add(traceId, fact.spanId, now)
    run.spanIds?.add(fact.spanId)
    const saidBefore = fact.reading.role === 'model' && (closed.envelopes.has(fact.spanId) || closed.counted.has(fact.parentSpanId))
    const nodes = saidBefore ? [] : buildTree([fact], new Map())
    const { calls, spend, conflicts } = countModelCalls(nodes, () => true)
    // An agent's own sum is late news of calls that were counted one by one.
    const fresh = fact.reading.role === 'model' || fact.reading.role === 'embedding' ? spend : []
    for (const s of fresh) closed.counted.add(s.spanId)
    this.#events.late({
      ...NO_WORK,
      ...labelsOf(run),
      traceId,
      modelCalls: calls,
      spend: fresh,
      conflicts,
      toolCalls: countToolCalls(nodes),
      evaluations: fact.reading.evaluations ?? [],
      lateSpans: 1,
    })
  }
}

export { DEFAULT_RUN_LIMITS, type LateWork, type OpenRunView, type RunEvents, type RunLimits } from './words.ts'
