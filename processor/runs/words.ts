/**
 * The words around the run state: its bounds, what it tells, and what late work is.
 */
import type { CloseReason, ExternalEvaluation, ModelCall, Run, Spend, ToolCall, UsageConflict } from '../../model/run.ts'
import { stepsOf } from '../../model/run.ts'
import { longestStreak } from '../evaluations/no-loop.ts'
import { endAbove, noteAbove, notePlainBelow } from './late.ts'
import type { ClosedRun, ClosedTrace, OpenTrace } from './trace.ts'

export interface RunLimits {
  readonly settleMs: number
  /** Quiet time after which a run closes whose agent span ended but whose parent never came. */
  readonly orphanMs: number
  readonly idleMs: number
  readonly maxRunMs: number
  readonly rememberMs: number
  /** Open traces with GenAI spans. */
  readonly maxOpen: number
  /** Spans held for open runs, all traces together. */
  readonly maxOpenSpans: number
  /** Spans of one trace; at the bound it is closed and the rest is late. */
  readonly maxSpansPerRun: number
  /** Spans that are no GenAI, held for paths of traces without any GenAI span yet. */
  readonly maxLinkSpans: number
  readonly maxRememberedSpans: number
  readonly maxRememberedTraces: number
  readonly maxWeight: number
}

export const DEFAULT_RUN_LIMITS: RunLimits = {
  settleMs: 10_000,
  orphanMs: 60_000,
  idleMs: 600_000,
  maxRunMs: 86_400_000,
  rememberMs: 3_600_000,
  maxOpen: 200_000,
  maxOpenSpans: 2_000_000,
  maxSpansPerRun: 50_000,
  maxLinkSpans: 500_000,
  maxRememberedSpans: 4_000_000,
  maxRememberedTraces: 500_000,
  maxWeight: 1000,
}

/** Work counted after its run closed, or beside every run: counters only. */
export interface LateWork {
  readonly agent: string
  readonly environment: string
  readonly promptVersion: string
  readonly model: string
  /** How often it counts, as its run does. */
  readonly weight: number
  readonly modelCalls: readonly ModelCall[]
  readonly toolCalls: readonly ToolCall[]
  readonly spend: readonly Spend[]
  readonly evaluations: readonly ExternalEvaluation[]
  readonly conflicts: readonly UsageConflict[]
  readonly traceId: string
  /** Late spans in this work: 0 for work beside a run that came in time. */
  readonly lateSpans: number
}

export interface RunEvents {
  closed(run: Run, reason: CloseReason): void
  late(work: LateWork): void
  duplicate(agent: string, environment: string): void
  linksDropped(reason: 'link_bound' | 'idle', count: number): void
  /** Evaluations of a run that has as many as it may have, or of a trace that closed without a run. */
  evaluationsDropped(reason: 'run_full' | 'no_run', count: number): void
  /** Our own code threw over one trace, which was given up if need be: it must not hold up the others. */
  failed(error: unknown): void
  /** What is known of an open run's cost; unknown where this is left out. */
  costOf?(run: Run): number | undefined
}

/** What the gauges show of an open run. */
export interface OpenRunView {
  readonly agent: string
  readonly environment: string
  readonly openedMs: number
  readonly steps: number
  /** Identical tool calls in a row, at the most. */
  readonly streak: number
  /** What is known of the cost so far; undefined when no call is priced. */
  readonly costUsd: number | undefined
}

export function viewOf(run: Run, costUsd: number | undefined): OpenRunView {
  return {
    agent: run.agent,
    environment: run.environment,
    openedMs: run.startMs,
    steps: stepsOf(run),
    streak: longestStreak(run.toolCalls),
    costUsd,
  }
}

/** Work of nothing, to be filled in. */
export const NO_WORK = { modelCalls: [], toolCalls: [], spend: [], evaluations: [], conflicts: [], lateSpans: 0 } as const

/** A run's work, to be counted under another run's labels. */
export function workOf(run: Run): Omit<LateWork, keyof Labels> {
  const { modelCalls, toolCalls, spend, evaluations, conflicts, traceId } = run
  return { modelCalls, toolCalls, spend, evaluations, conflicts, traceId, lateSpans: 0 }
}

type Labels = Pick<LateWork, 'agent' | 'environment' | 'promptVersion' | 'model' | 'weight'>

/** What late work of a closed run is counted under. */
export function labelsOf({ agent, environment, promptVersion, model, weight }: Omit<ClosedRun, 'spanIds'>): Labels {
  return { agent, environment, promptVersion, model, weight }
}

type Noted = Pick<ClosedTrace, 'counted' | 'envelopes' | 'missingAbove' | 'tools'>

function noteCounted(trace: OpenTrace, { spend, toolCalls }: Pick<Run, 'spend' | 'toolCalls'>, noted: Noted, isAllThere: boolean): void {
  for (const { spanId } of spend) {
    noted.counted.add(spanId)
    const role = trace.facts.get(spanId)?.reading.role
    if (role === 'model') noteAbove(trace, spanId, noted.envelopes)
    const end = isAllThere || role === 'embedding' ? '' : endAbove(trace, spanId)
    if (end !== '') noted.missingAbove.add(end)
  }
  for (const { spanId } of toolCalls) noted.tools.add(spanId)
}

/** What is remembered of a trace that closes, joined with what was remembered of it before. */
export function closedTraceOf(trace: OpenTrace, runs: readonly ClosedRun[], missingParents: readonly string[], now: number): ClosedTrace {
  const { closed: before } = trace
  const noted = {
    counted: before?.counted ?? new Set<string>(),
    envelopes: before?.envelopes ?? new Set<string>(),
    missingAbove: before?.missingAbove ?? new Set<string>(),
    tools: before?.tools ?? new Set<string>(),
  }
  const missing = new Set(before?.missingParents)
  const { runs: assembled, loose } = trace.assembled()
  const isAllThere = missingParents.length === 0
  for (const run of assembled) noteCounted(trace, run, noted, isAllThere)
  if (loose !== undefined) noteCounted(trace, loose, noted, isAllThere)
  if (trace.links.size > 0) {
    notePlainBelow(trace, noted.counted)
    notePlainBelow(trace, noted.tools)
  }
  for (const id of missingParents) if (!trace.has(id)) missing.add(id)
  return { closedMs: now, runs, ...noted, missingParents: missing }
}

/** Tells of evaluations that came apart, of a trace that has no run: they are of one that closed before. */
export function judgeWithoutRun(events: RunEvents, { traceId, evaluations }: OpenTrace, home: ClosedRun | undefined): void {
  if (home === undefined) events.evaluationsDropped('no_run', evaluations.length)
  else events.late({ ...NO_WORK, ...labelsOf(home), traceId, evaluations: evaluations.map((e) => e.evaluation) })
}
