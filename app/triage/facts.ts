/**
 * Asks Prometheus for what triage looks at: first the failing share over time, in which the onset is found, then counts before and after it.
 * Some thirty queries, each bounded by the client; what cannot be asked is a gap in the answer, never a crash.
 */
import { dispersionOf, findOnset, type Interval } from '../../incidents/onset.ts'
import { DIMENSIONS, type Distribution, type Mean, type ToolFact, type TriageFacts } from '../../incidents/facts.ts'
import { type Counts, LEAST_DISPERSION } from '../../incidents/compare.ts'
import { METRICS } from '../../model/metrics.ts'
import { SLIS } from '../../model/slis.ts'
import { type Prometheus, quoted } from '../prometheus.ts'
import { Asker } from './asker.ts'
import { cohortsOf, type Windows } from './cohorts.ts'
import { increaseBy, matchers, type Question, shareBy, sliCounts, type Span } from './queries.ts'

export interface TriageQuestion extends Question {
  /** Start of the alert, Unix milliseconds. */
  readonly startedMs: number
  readonly nowMs: number
  /** As in TriageFacts: for rules whose durations are as many times shorter. */
  readonly scale?: number
  /** As in TriageFacts. */
  readonly explained?: TriageFacts['explained']
}

const DAY = 86_400
const STEPS = [300, 600, 1800, 3600, 7200] as const
/** Events an interval should hold to say something. */
const EVENTS_PER_INTERVAL = 4
/** Shortest window that two scrapes surely lie in. */
const LEAST_SECONDS = 120

/** Seconds at a scale; range selectors of triage are whole seconds. */
function scaled(seconds: number, { scale = 1 }: TriageQuestion): number {
  return Math.max(1, Math.round(seconds / scale))
}

/** Gathers the facts. @throws PrometheusError when Prometheus does not answer. */
export async function gatherFacts(prometheus: Prometheus, question: TriageQuestion): Promise<TriageFacts> {
  const asker = new Asker(prometheus)
  const { startedMs, nowMs, explained } = question
  const fromMs = Math.min(startedMs, nowMs, explained?.fromMs ?? nowMs) - scaled(DAY, question) * 1000
  const series = (await seriesOf(asker, question, fromMs)).filter(
    (i) => explained === undefined || i.toMs <= explained.fromMs || i.fromMs >= explained.toMs,
  )
  const dispersion = await dispersionIn(asker, question, series)
  const onsetMs = findOnset(series, dispersion)?.atMs
  const splitMs = explained?.fromMs ?? onsetMs ?? Math.min(startedMs, nowMs)
  const sinceMs = explained === undefined ? splitMs : Math.max(explained.toMs, onsetMs ?? explained.toMs)
  const least = scaled(LEAST_SECONDS, question)
  const windows: Windows = {
    splitMs,
    nowMs,
    beforeSeconds: Math.max(least, Math.round((splitMs - fromMs) / 1000)),
    afterSeconds: Math.max(explained === undefined ? least : 1, Math.round((nowMs - sinceMs) / 1000)),
  }
  if (series.length < 4)
    asker.gap(`Prometheus has hardly any samples of ${SLIS[question.sli].title} for ${question.agent} in the day before`)
  return {
    agent: question.agent,
    environment: question.environment,
    sli: question.sli,
    ...(question.tool === undefined ? {} : { tool: question.tool }),
    ...(question.scale === undefined ? {} : { scale: question.scale }),
    ...(explained === undefined ? {} : { explained }),
    series,
    dispersion,
    startedMs,
    nowMs,
    beforeFromMs: fromMs,
    splitMs,
    cohorts: await cohortsOf(asker, question, windows),
    tools: await toolsOf(asker, question, windows),
    inputs: await distributions(asker, question, windows, INPUTS),
    answers: await distributions(asker, question, windows, ANSWERS),
    means: await meansOf(asker, question, windows),
    queries: shownQueries(question, { seconds: windows.afterSeconds, atSeconds: Math.round(nowMs / 1000) }),
    unknown: asker.unknown,
    gaps: asker.gaps,
  }
}

const INPUTS = { kind: 'inputs', counter: 'agentopz_input_feature_total', featureLabel: 'feature', bucketLabel: 'bucket' } as const
const ANSWERS = { kind: 'answers', counter: 'agentopz_model_calls_total', bucketLabel: 'finish_reason' } as const

function shownQueries(q: Question, span: Span): TriageFacts['queries'] {
  const { bad, total } = sliCounts(q, span)
  return {
    ...Object.fromEntries(DIMENSIONS.map((d) => [d, shareBy(q, span, d)])),
    tools: increaseBy('agentopz_tool_calls_total', q, span, 'tool, outcome'),
    inputs: increaseBy(INPUTS.counter, q, span, 'feature, bucket'),
    answers: increaseBy(ANSWERS.counter, q, span, ANSWERS.bucketLabel),
    series: `${bad} / ${total}`,
  }
}

/** The failing share in intervals that are as short as traffic allows. */
async function seriesOf(asker: Asker, q: TriageQuestion, fromMs: number): Promise<readonly Interval[]> {
  const seconds = Math.round((q.nowMs - fromMs) / 1000)
  const events = (await asker.one('series', sliCounts(q, { seconds }).total, q.nowMs)) ?? 0
  const steps = STEPS.map((s) => scaled(s, q))
  const step = steps.find((s) => (events / seconds) * s >= EVENTS_PER_INTERVAL && seconds / s <= 600) ?? scaled(3600, q)
  const { bad, total } = sliCounts(q, { seconds: step })
  const start = q.nowMs - Math.floor((q.nowMs - fromMs) / 1000 / step) * step * 1000
  const [bads, totals] = [await asker.points(bad, start, q.nowMs, step), await asker.points(total, start, q.nowMs, step)]
  return [...totals]
    .filter(([, n]) => Number.isFinite(n) && n > 0)
    .map(([at, n]) => ({ fromMs: (at - step) * 1000, toMs: at * 1000, bad: Math.min(n, Math.max(0, bads.get(at) ?? 0)), total: n }))
    .sort((a, b) => a.fromMs - b.fromMs)
}

/** As the rules measured it over two weeks, but not less than the day shows. For a yes or no at least chance. */
async function dispersionIn(asker: Asker, q: TriageQuestion, series: readonly Interval[]): Promise<number> {
  const own = [
    matchers(q),
    `sli=${quoted(q.sli)}`,
    ...(q.tool === undefined ? [] : [`tool=${quoted(q.tool)}`]),
    ...(q.evaluation === undefined ? [] : [`evaluation=${quoted(q.evaluation)}`]),
  ].join(',')
  const recorded = await asker.one('series', `max(agent_sli:dispersion1h:baseline{${own}})`, q.startedMs)
  const isSize = SLIS[q.sli].kind === 'level'
  const shown = dispersionOf(
    series.filter((i) => i.toMs <= q.startedMs),
    isSize,
    q.scale,
  )
  const known = [recorded, shown].filter((d) => d !== undefined)
  const least = isSize && known.length > 0 ? LEAST_DISPERSION : 1
  return Math.max(least, ...known)
}

async function toolsOf(asker: Asker, q: Question, w: Windows): Promise<readonly ToolFact[]> {
  const [before, after] = [await callsIn(asker, q, w.beforeSeconds, w.splitMs), await callsIn(asker, q, w.afterSeconds, w.nowMs)]
  const [quick, slow] = [await slowIn(asker, q, w.beforeSeconds, w.splitMs), await slowIn(asker, q, w.afterSeconds, w.nowMs)]
  const share = (of: ReadonlyMap<string, number> | undefined, bad: string, among: readonly string[]): Counts => ({
    bad: of?.get(bad) ?? 0,
    total: among.reduce((n, outcome) => n + (of?.get(outcome) ?? 0), 0),
  })
  const none: Counts = { bad: 0, total: 0 }
  return [...new Set([...before.keys(), ...after.keys()])].map((tool) => {
    const both = (bad: string, among: readonly string[]): { before: Counts; after: Counts } => ({
      before: share(before.get(tool), bad, among),
      after: share(after.get(tool), bad, among),
    })
    return {
      tool,
      errors: both('error', ['ok', 'error', 'empty']),
      empty: both('empty', ['ok', 'empty']),
      blocked: both('blocked', ['ok', 'error', 'empty', 'blocked']),
      slow: { before: quick.get(tool) ?? none, after: slow.get(tool) ?? none },
    }
  })
}

/** Calls by tool and outcome. */
async function callsIn(
  asker: Asker,
  q: Question,
  seconds: number,
  atMs: number,
): Promise<ReadonlyMap<string, ReadonlyMap<string, number>>> {
  const found = new Map<string, Map<string, number>>()
  for (const s of await asker.all('tools', increaseBy('agentopz_tool_calls_total', q, { seconds }, 'tool, outcome'), atMs)) {
    const tool = s.labels['tool'] ?? ''
    found.set(tool, (found.get(tool) ?? new Map<string, number>()).set(s.labels['outcome'] ?? '', s.value))
  }
  return found
}

/** Where the durations of each tool's calls lie on the buckets' scale. */
async function slowIn(asker: Asker, q: Question, seconds: number, atMs: number): Promise<ReadonlyMap<string, Counts>> {
  const by = (counter: string): Promise<readonly { labels: Readonly<Record<string, string>>; value: number }[]> =>
    asker.all('tools', increaseBy(counter, q, { seconds }, 'tool'), atMs)
  const counts = await by('agentopz_tool_duration_seconds_count')
  const under = new Map((await by('agentopz_tool_duration_seconds_bucket{le!="+Inf"}')).map((s) => [s.labels['tool'] ?? '', s.value]))
  const bounds = METRICS.agentopz_tool_duration_seconds.buckets.length
  return new Map(
    counts.map((s) => {
      const tool = s.labels['tool'] ?? ''
      return [tool, { bad: Math.max(0, s.value - (under.get(tool) ?? 0) / bounds), total: s.value }]
    }),
  )
}

interface DistributionQuery {
  readonly kind: 'inputs' | 'answers'
  readonly counter: string
  readonly featureLabel?: string
  readonly bucketLabel: string
}

async function distributions(asker: Asker, q: Question, w: Windows, of: DistributionQuery): Promise<readonly Distribution[]> {
  const { kind, counter, featureLabel, bucketLabel } = of
  const labels = featureLabel === undefined ? bucketLabel : `${featureLabel}, ${bucketLabel}`
  const found = new Map<string, Map<string, { before: number; after: number }>>()
  for (const [side, seconds, atMs] of [
    ['before', w.beforeSeconds, w.splitMs],
    ['after', w.afterSeconds, w.nowMs],
  ] as const)
    for (const s of await asker.all(kind, increaseBy(counter, q, { seconds }, labels), atMs)) {
      const feature = featureLabel === undefined ? bucketLabel : (s.labels[featureLabel] ?? '')
      const buckets = found.get(feature) ?? new Map<string, { before: number; after: number }>()
      found.set(feature, buckets)
      const bucket = s.labels[bucketLabel] ?? ''
      buckets.set(bucket, { ...(buckets.get(bucket) ?? { before: 0, after: 0 }), [side]: s.value })
    }
  return [...found].map(([feature, buckets]) => ({ feature, buckets: [...buckets].map(([bucket, row]) => ({ bucket, ...row })) }))
}

/** Amounts per call and per step; those that are not known on both sides are left out. */
async function meansOf(asker: Asker, q: Question, w: Windows): Promise<readonly Mean[]> {
  const sum = (counter: string, seconds: number): string => `sum(increase(${counter}[${seconds}s]))`
  const both = async (counter: string): Promise<{ before: number | undefined; after: number | undefined }> => ({
    before: await asker.one('answers', sum(counter, w.beforeSeconds), w.splitMs),
    after: await asker.one('answers', sum(counter, w.afterSeconds), w.nowMs),
  })
  const of = matchers(q)
  const calls = await both(`agentopz_model_calls_total{${of}}`)
  const steps = await both(`agentopz_run_steps_sum{${of}}`)
  const amounts = [
    { what: 'output tokens per call', sums: await both(`agentopz_tokens_total{${of},class="output"}`), counts: calls },
    { what: 'reasoning tokens per call', sums: await both(`agentopz_tokens_total{${of},class="reasoning"}`), counts: calls },
    { what: 'seconds per step', sums: await both(`agentopz_run_duration_seconds_sum{${of}}`), counts: steps },
  ]
  return amounts.flatMap(({ what, sums, counts }) => {
    if (sums.before === undefined || sums.after === undefined || counts.before === undefined || counts.after === undefined) return []
    return [{ what, before: { sum: sums.before, count: counts.before }, after: { sum: sums.after, count: counts.after } }]
  })
}
