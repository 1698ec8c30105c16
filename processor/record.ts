/**
 * One closed run → the catalogue's metrics; late work → counters only. Nothing of a run is kept here.
 * Counters grow by the run's weight, histograms observe that often. Unknown is left out or counted apart, never recorded as zero:
 * a run's cost is observed only when all of it is known, its duration only when its root ended.
 * Contract: design §4, rules R5, R6, R8, R12, R13.
 */
import { type Cost, type ModelCall, type Quality, type Run, type Spend, stepsOf, type ToolCall, type Usage } from '../model/run.ts'
import type { CheckVerdict } from './evaluations/index.ts'
import { scriptOf, tokenBucket } from './input-features.ts'
import type { Metrics } from './metrics.ts'
import { type AgentHandles, MAX_HANDLES, type ModelHandles, RecordHandles } from './record-handles.ts'
import type { MakeHandles } from './record-made.ts'
import { recordStandard } from './record-standard.ts'
import type { LateWork } from './runs/runs.ts'
import { totalTokens } from './usage.ts'

export interface Objectives {
  readonly cost_usd?: number
  readonly steps?: number
  readonly duration_seconds?: number
}

export interface RecordContext {
  readonly price: (spend: Spend) => Cost
  /** Thresholds per run of an agent; absent ones are not judged. */
  readonly objectives: (agent: string) => Objectives
}

/** What one run or late work adds to: its agent's handles, how often and when. */
interface Entry {
  readonly to: AgentHandles
  readonly weight: number
  readonly traceId: string
  readonly now: number
}

export interface Recorder {
  /** Records a run that closed. */
  run(run: Run, verdicts: readonly CheckVerdict[], quality: Quality, context: RecordContext, now: number): void
  /**
   * Records work that came after its run closed or beside every run: counters, never histograms of runs or calls (R8).
   * A late evaluation is recorded whole, score included: it is told once, and late is when most of them come.
   */
  late(work: LateWork, verdicts: readonly CheckVerdict[], context: RecordContext, now: number): void
}

/** Records into a registry. Keeps handles of what comes again, at most so many and one run's more; nothing of runs. */
export function createRecorder(metrics: Metrics, maxHandles = MAX_HANDLES): Recorder {
  const handles = new RecordHandles(metrics, maxHandles)
  return {
    // oxlint-disable-next-line max-params -- run, what was judged of it, and when: one call per run, read in that order
    run(run, verdicts, quality, context, now) {
      const to = handles.of(run.agent, run.environment)
      const entry: Entry = { to, weight: run.weight, traceId: run.traceId, now }
      const { agentVersion, promptVersion, model, toolsVersion } = run.cohort
      const made = to.made(promptVersion, model)
      const cohort = made.cohort(agentVersion, toolsVersion)
      cohort.start(now)
      cohort.ended(run.outcome, quality).add(run.weight, now, run.traceId)
      to.ran(now)
      cohort.seen(now)
      recordModelCalls(entry, run.modelCalls)
      recordToolCalls(entry, run.toolCalls, true)
      recordSizes(entry, run, made, recordSpend(entry, run.spend, context), context.objectives(run.agent))
      recordConflicts(entry, run.conflicts)
      recordInterventions(run, metrics, now)
      recordVerdicts(entry, verdicts, made)
      recordInput(entry, run)
      recordStandard(run, metrics, now)
    },
    late(work, verdicts, context, now) {
      const { agent, environment, weight, traceId } = work
      const to = handles.of(agent, environment)
      const entry: Entry = { to, weight, traceId, now }
      metrics.add('agentopz_late_spans_total', { agent, environment }, work.lateSpans, now)
      recordModelCalls(entry, work.modelCalls)
      recordToolCalls(entry, work.toolCalls, false)
      recordSpend(entry, work.spend, context)
      recordConflicts(entry, work.conflicts)
      recordVerdicts(entry, verdicts, to.made(work.promptVersion, work.model))
    },
  }
}

function recordModelCalls({ to, weight, traceId, now }: Entry, calls: readonly ModelCall[]): void {
  for (const c of calls) {
    const model = to.model(c.provider, c.model)
    model.start(now)
    model.of(c.outcome, c.finish ?? '').add(weight, now, traceId)
    if (c.failedAttempts > 0) model.attemptsFailed.add(weight * c.failedAttempts, now)
  }
}

function recordToolCalls({ to, weight, traceId, now }: Entry, calls: readonly ToolCall[], isTimed: boolean): void {
  for (const c of calls) {
    const tool = to.tool(c.tool)
    tool.start(now)
    tool.of(c.outcome).add(weight, now, traceId)
    if (isTimed) tool.seconds.observe(c.durationMs / 1000, weight, now, traceId)
  }
}

/** What a run's spend came to: the priced part, and whether that is all of it. */
interface Bill {
  readonly usd: number
  readonly isWhole: boolean
}

/** Tokens, cost, and tokens that could not be priced. */
function recordSpend(entry: Entry, spend: readonly Spend[], context: RecordContext): Bill {
  const { to, weight, traceId, now } = entry
  let usd = 0
  let isWhole = true
  for (const s of spend) {
    const model = to.model(s.provider, s.model)
    recordTokens(model, s.usage, weight, now)
    const cost = context.price(s)
    if (!cost.known) {
      isWhole = false
      model.unpriced.add(weight * (totalTokens(s.usage) ?? 0), now, traceId)
      continue
    }
    usd += cost.usd
    model.costUsd.add(weight * cost.usd, now, traceId)
    if (differs(s.givenCostUsd, cost.usd)) recordConflicts(entry, ['given_cost'])
  }
  return { usd, isWhole }
}

/** In the order of `TOKEN_CLASSES`. By name: a field looked up by a key that varies costs several times more. */
function recordTokens(to: ModelHandles, { input, cache_read, cache_write, output, reasoning }: Usage, weight: number, now: number): void {
  if (input !== undefined && input > 0) to.tokens(0).add(weight * input, now)
  if (cache_read !== undefined && cache_read > 0) to.tokens(1).add(weight * cache_read, now)
  if (cache_write !== undefined && cache_write > 0) to.tokens(2).add(weight * cache_write, now)
  if (output !== undefined && output > 0) to.tokens(3).add(weight * output, now)
  if (reasoning !== undefined && reasoning > 0) to.tokens(4).add(weight * reasoning, now)
}

/** More than 1 % apart; emitters round to a millionth of a dollar, so less than that is no difference. */
function differs(given: number | undefined, ours: number): boolean {
  if (given === undefined) return false
  const apart = Math.abs(given - ours)
  return apart > 1e-6 && apart > 0.01 * Math.max(given, ours)
}

/** The run's histograms, and which of its agent's thresholds it went over. */
// oxlint-disable-next-line max-params -- as recorder.run
function recordSizes({ to, weight, traceId, now }: Entry, run: Run, made: MakeHandles, bill: Bill, limits: Objectives): void {
  const seconds = run.durationMs / 1000
  const steps = stepsOf(run)
  to.steps.observe(steps, weight, now, traceId)
  to.modelCalls.observe(run.modelCalls.length, weight, now, traceId)
  to.toolCalls.observe(run.toolCalls.length, weight, now, traceId)
  if (run.rootEnded) to.durationSeconds.observe(seconds, weight, now, traceId)
  if (bill.isWhole && everyCallReported(run)) to.costUsd.observe(bill.usd, weight, now, traceId)

  // What is known is a lower bound where something is not: a run over its threshold by the known part alone is over it.
  const exceeded = (objective: 'cost' | 'steps' | 'duration', value: number, limit: number | undefined): void => {
    if (limit === undefined) return
    const counter = made.exceeded(objective)
    counter.start(now)
    if (value > limit) counter.add(weight, now, traceId)
  }
  exceeded('cost', bill.usd, limits.cost_usd)
  exceeded('steps', steps, limits.steps)
  exceeded('duration', seconds, limits.duration_seconds)
}

/**
 * Whether every model call's usage is in the spend: its own, or that of an envelope or agent span around it. A failed call without
 * usage costs nothing. A run without model calls reports all it has.
 */
function everyCallReported(run: Run): boolean {
  if (reportInOrder(run)) return true
  const reported = new Set(run.spend.map((s) => s.spanId))
  if (run.modelCalls.every((c) => reported.has(c.spanId) || c.outcome === 'error')) return true
  const calls = new Set(run.modelCalls.map((c) => c.spanId))
  // Spend that is no call's own is an embedding's or an envelope's; more of it than embeddings means an envelope reported.
  return run.spend.filter((s) => !calls.has(s.spanId)).length > run.embeddings
}

/** As it nearly always is: each call's own spend follows that of the call before. */
function reportInOrder({ modelCalls, spend }: Run): boolean {
  let at = 0
  for (const c of modelCalls) {
    if (c.outcome === 'error') continue
    while (at < spend.length && spend[at]?.spanId !== c.spanId) at++
    if (at === spend.length) return false
  }
  return true
}

function recordConflicts({ to, weight, traceId, now }: Entry, kinds: readonly string[]): void {
  for (const kind of kinds) to.conflict(kind).add(weight, now, traceId)
}

/** Rare, and of labels that vary. */
function recordInterventions({ agent, environment, weight, traceId, interventions }: Run, metrics: Metrics, now: number): void {
  for (const { guard, cause } of interventions)
    metrics.add('agentopz_interventions_total', { agent, environment, control: guard, reason: cause }, weight, now, traceId)
}

function recordVerdicts({ weight, traceId, now }: Entry, verdicts: readonly CheckVerdict[], made: MakeHandles): void {
  for (let at = 0; at < verdicts.length; at++) {
    const { evaluation, source, verdict, score } = verdicts[at] as CheckVerdict
    const handles = made.verdict(at, evaluation, source)
    if (verdict === 'pass') handles.start(now)
    // An exemplar is there to be looked at: only failures have one.
    handles.of(verdict).add(weight, now, verdict === 'fail' ? traceId : undefined)
    if (score !== undefined) handles.score.observe(score, weight, now, traceId)
  }
}

function recordInput({ to, weight, now }: Entry, { firstInputTokens, inputText }: Run): void {
  if (firstInputTokens !== undefined) to.feature('tokens', tokenBucket(firstInputTokens)).add(weight, now)
  if (inputText !== undefined) to.feature('script', scriptOf(inputText)).add(weight, now)
}
