/**
 * The data path on one screen: bytes → spans → readings → runs → verdicts → metrics.
 *
 *   ingest(body) → decode → dialect → runs.add            (as spans arrive)
 *   sweep(now)   → runs close → evaluate → record          (ten times a second)
 *
 * A refused body changes nothing: the decoder checks all of it before the first span is handed on.
 * An item that our own code fails on is dropped and counted; the process lives.
 */
import type { CloseReason, ExternalEvaluation, Fact, Quality, Run } from '../model/run.ts'
import type { LogRecord, Span } from '../model/span.ts'
import type { Decoded, Decoder, Encoding } from './decode/decode.ts'
import type { SpanIds, SpanPlace } from './decode/span-ids.ts'
import { readLog } from './dialects/index.ts'
import type { AgentPolicy } from './evaluations/check.ts'
import type { ScoreThreshold } from './evaluations/external.ts'
import { type CheckVerdict, evaluate, externalVerdict } from './evaluations/index.ts'
import type { Metrics } from './metrics.ts'
import { knownCost, openRunGauges } from './open-runs.ts'
import type { SeriesState } from './metrics-state.ts'
import { type Pending, PendingEvaluations } from './pending-evaluations.ts'
import type { Prices } from './prices.ts'
import { factOfLog, readSpan } from './read-span.ts'
import { createRecorder, type RecordContext } from './record.ts'
import { partsOf, type RunsPart } from './runs/state.ts'
import { type LateWork, type RunLimits, Runs } from './runs/runs.ts'

export type Signal = 'traces' | 'logs' | 'metrics'

/** What an operator may change while the pipeline runs. */
export interface PipelineSettings {
  readonly limits: RunLimits
  readonly policyOf: (agent: string) => AgentPolicy
  readonly objectivesOf: RecordContext['objectives']
  readonly thresholds: ReadonlyMap<string, ScoreThreshold>
  readonly prices: Prices
  readonly maxPendingEvaluations: number
  /** For how long a scrape looks for what changed of open runs. */
  readonly openRunsMs: number
}

export interface PipelineHooks {
  /** After a run was recorded; for logs, tests and conformance. */
  run?(run: Run, verdicts: readonly CheckVerdict[], quality: Quality, reason: CloseReason): void
  /** A bug of ours: the item is dropped and counted. */
  internalError?(stage: string, error: unknown): void
  /** Takes an evaluation that came with spans or logs away, where another process has its run: docs/processes.md. */
  elsewhere?(evaluation: ExternalEvaluation, traceId: string, spanId: string): boolean
}

export interface Accepted {
  readonly total: number
  readonly rejected: number
  /** Why items were refused, for the sender; empty when none was. */
  readonly message: string
}

export interface Pipeline {
  /** Takes one OTLP request body, decompressed. @throws DecodeError when the body cannot be decoded; nothing was taken then. */
  ingest(signal: Signal, body: Uint8Array, encoding: Encoding, now: number): Accepted
  /** Says that all slices of a request were taken. */
  requestEnded(): void
  /** Takes one span in process. */
  span(span: Span, now: number): void
  /** Takes the place in its trace of a span in process that is of no further interest. */
  link(place: SpanPlace, now: number): void
  /** Says that some spans in process were taken. */
  spansEnded(): void
  /** Takes an evaluation that came by another way than OTLP (feedback over HTTP). */
  evaluation(evaluation: ExternalEvaluation, traceId: string, spanId: string, now: number): void
  /** Closes what is due, at most `limit` traces; true when more is due than that. */
  sweep(now: number, limit?: number): boolean
  /** Whether `sweep` would close a run. */
  isDue(now: number): boolean
  /** Does that part of `sweep` which nobody sees: packs quiet traces, at most `limit`; true when there are more. */
  pack(now: number, limit: number): boolean
  /** All state but settings, to be written out part by part: what comes later does not change it. */
  capture(): Iterable<PipelinePart>
  /** Puts back one part of what was captured. Before anything is taken in, and in the order the parts came. */
  restore(part: PipelinePart): void
  /** Says that nobody listened until now: quiet times begin anew. */
  resume(now: number): void
  /** Closes every run now. */
  flush(now: number, reason: CloseReason): void
  apply(settings: PipelineSettings): void
  /** Agents that closed a run, with the environments they ran in. */
  readonly seenAgents: ReadonlyMap<string, ReadonlySet<string>>
  readonly runs: Runs
}

/** State as plain data, in parts of bounded size; see processor/runs/state.ts. */
export type PipelinePart =
  | RunsPart
  | { readonly kind: 'metrics'; readonly series: readonly SeriesState[] }
  | { readonly kind: 'pending'; readonly evaluations: readonly Pending[] }
  | { readonly kind: 'agents'; readonly agents: readonly (readonly [string, readonly string[]])[] }

/** Wires the stages. `seed` guards the hash tables that hold ids chosen by senders. */
export function createPipeline(
  decoder: Decoder,
  metrics: Metrics,
  initial: PipelineSettings,
  hooks: PipelineHooks,
  seed: number,
): Pipeline {
  let settings = initial
  let now = 0
  const seenAgents = new Map<string, Set<string>>()
  const recorder = createRecorder(metrics)
  const context = (): RecordContext => ({ price: (spend) => settings.prices.price(spend), objectives: settings.objectivesOf })
  const failed = (stage: string, error: unknown): void => {
    metrics.add('agentopz_internal_errors_total', { stage }, 1, now)
    hooks.internalError?.(stage, error)
  }
  const guarded = (stage: string, work: () => void): void => {
    try {
      work()
    } catch (error) {
      failed(stage, error)
    }
  }

  const runs = new Runs(
    initial.limits,
    {
      closed: (run, reason) =>
        guarded('record', () => {
          const { verdicts, quality } = evaluate(run, settings.policyOf(run.agent), settings.thresholds)
          recorder.run(run, verdicts, quality, context(), now)
          if (reason === 'evicted_runs' || reason === 'evicted_spans' || reason === 'span_limit') {
            metrics.add('agentopz_runs_evicted_total', { agent: run.agent, environment: run.environment, reason }, 1, now)
          }
          noteAgent(seenAgents, run)
          hooks.run?.(run, verdicts, quality, reason)
        }),
      late: (work: LateWork) =>
        guarded('late', () =>
          recorder.late(
            work,
            work.evaluations.map((e) => externalVerdict(e, settings.thresholds)),
            context(),
            now,
          ),
        ),
      duplicate: (agent, environment) => metrics.add('agentopz_duplicate_spans_total', { agent, environment }, 1, now),
      linksDropped: (reason, count) => metrics.add('agentopz_link_spans_dropped_total', { reason }, count, now),
      evaluationsDropped: (reason, count) => metrics.add('agentopz_evaluations_unmatched_total', { reason }, count, now),
      failed: (error) => failed('runs', error),
      costOf: (run) => knownCost(run, (spend) => settings.prices.price(spend)),
    },
    seed,
  )
  const pending = new PendingEvaluations(initial.maxPendingEvaluations, (reason, count) =>
    metrics.add('agentopz_evaluations_unmatched_total', { reason }, count, now),
  )

  const judge = (e: ExternalEvaluation, traceId: string, spanId: string): void => {
    if (!runs.evaluate(e, traceId, spanId)) pending.add(e, traceId, spanId, now)
  }
  const judgeSent = (e: ExternalEvaluation, traceId: string, spanId: string): void => {
    if (hooks.elsewhere?.(e, traceId, spanId) !== true) judge(e, traceId, spanId)
  }
  /** Adds what a span or log record told, and what was judged of it before it came. One that knows no time at all is of the time it came. */
  const addFact = (traceId: string, fact: Fact): void => {
    runs.add(traceId, fact.startMs > 0 ? fact : { ...fact, startMs: now }, now)
    for (const p of pending.take(traceId, fact.reading.responseId)) judge(p.evaluation, traceId, p.spanId)
  }
  /** Spans of one dialect come one after the other: they are counted together, at the end of a request or at the next sweep. */
  let countedDialect = 'other'
  let counted = 0
  const countSpans = (): void => {
    if (counted > 0) metrics.add('agentopz_spans_received_total', { dialect: countedDialect, signal: 'traces' }, counted, now)
    counted = 0
  }
  const takeSpan = (span: Span): void =>
    guarded('span', () => {
      const { dialect, fact, evaluations } = readSpan(span)
      if (dialect !== countedDialect) countSpans()
      countedDialect = dialect
      counted++
      if (fact === undefined) runs.link(span, now)
      else addFact(span.traceId, fact)
      for (const e of evaluations) if (e.target !== undefined) judgeSent(e, e.target.traceId, e.target.spanId ?? '')
    })
  const takeLog = (log: LogRecord): void =>
    guarded('log', () => {
      const found = readLog(log)
      metrics.add('agentopz_spans_received_total', { dialect: found?.dialect ?? 'other', signal: 'logs' }, 1, now)
      for (const e of found?.reading.evaluations ?? []) judgeSent(e, e.target?.traceId ?? log.traceId, e.target?.spanId ?? log.spanId)
      const fact = found?.reading.fact
      if (found === undefined || fact === undefined) return
      const traceId = log.traceId === '' ? `log:${fact.runKey}` : log.traceId
      addFact(traceId, factOfLog(log, found.dialect, fact.id, fact.durationMs, fact.reading))
    })
  let others = 0
  let othersInProcess = 0
  const countInProcess = (): void => {
    countSpans()
    metrics.add('agentopz_spans_received_total', { dialect: 'other', signal: 'traces' }, othersInProcess, now)
    othersInProcess = 0
  }
  const spanSink = {
    span: takeSpan,
    link: (place: SpanIds): void => {
      others++
      runs.linkIds(place, now)
    },
  }

  openRunGauges(metrics, runs, () => now, initial.openRunsMs)
  return {
    seenAgents,
    runs,
    ingest(signal, body, encoding, at) {
      now = at
      others = 0
      const decoded =
        signal === 'traces'
          ? decoder.traces(body, encoding, spanSink)
          : signal === 'logs'
            ? decoder.logs(body, encoding, { log: takeLog })
            : decoder.metrics(body, encoding)
      countSpans()
      if (others > 0) metrics.add('agentopz_spans_received_total', { dialect: 'other', signal }, others, now)
      if (signal === 'metrics' && decoded.total > 0)
        metrics.add('agentopz_spans_received_total', { dialect: 'other', signal }, decoded.total, now)
      return acceptedOf(decoded, (reason, count) => metrics.add('agentopz_spans_rejected_total', { reason }, count, now))
    },
    requestEnded: () => runs.requestEnded(),
    span(span, at) {
      now = at
      takeSpan(span)
    },
    link(place, at) {
      now = at
      othersInProcess++
      guarded('link', () => runs.link(place, now))
    },
    spansEnded: () => runs.requestEnded(true),
    evaluation(e, traceId, spanId, at) {
      now = at
      judge(e, traceId, spanId)
    },
    capture() {
      const series = metrics.capture()
      const evaluations = pending.capture()
      const agents = Array.from(seenAgents, ([agent, environments]) => [agent, [...environments]] as const)
      const held = runs.capture()
      return (function* () {
        for (let i = 0; i < series.length; i += PART) yield { kind: 'metrics', series: series.slice(i, i + PART) } as const
        yield { kind: 'pending', evaluations } as const
        yield { kind: 'agents', agents } as const
        yield* partsOf(held)
      })()
    },
    restore(part) {
      if (part.kind === 'metrics') metrics.restore(part.series)
      else if (part.kind === 'pending') pending.restore(part.evaluations)
      else if (part.kind === 'agents') for (const [agent, e] of part.agents) seenAgents.set(agent, new Set(e))
      else runs.restore(part)
    },
    resume(at) {
      now = at
      runs.resume(now)
      pending.resume(now)
    },
    sweep(at, limit) {
      now = at
      countInProcess()
      pending.expire(now, settings.limits.rememberMs)
      return runs.sweep(now, limit)
    },
    isDue: (at) => runs.isDue(at),
    pack: (at, limit) => runs.pack(at, limit),
    flush(at, reason) {
      now = at
      countInProcess()
      runs.flush(now, reason)
    },
    apply(next) {
      settings = next
      runs.setLimits(next.limits)
    },
  }
}

/** Series in one part of the captured state. */
const PART = 5000

function noteAgent(seen: Map<string, Set<string>>, run: Run): void {
  const known = seen.get(run.agent)
  if (known !== undefined) {
    if (known.size < 16) known.add(run.environment)
  } else if (seen.size < 10_000) seen.set(run.agent, new Set([run.environment]))
}

function acceptedOf(decoded: Decoded, count: (reason: string, n: number) => void): Accepted {
  const why: string[] = []
  let rejected = 0
  for (const [reason, n] of Object.entries(decoded.rejected)) {
    count(reason, n)
    rejected += n
    why.push(`${n} with a bad ${reason}`)
  }
  return { total: decoded.total, rejected, message: why.join(', ') }
}
