/**
 * Asks Prometheus for what triage looks at: first the failing share over time, in which the onset is found, then counts before and after it.
 * Some twenty queries, each bounded by the client; what cannot be asked is a gap in the answer, never a crash.
 */
import { findOnset, type Interval } from '../../incidents/onset.ts'
import {
  type CohortFact,
  type Dimension,
  DIMENSIONS,
  type Distribution,
  type Mean,
  type ToolFact,
  type TriageFacts,
} from '../../incidents/facts.ts'
import type { Counts } from '../../incidents/compare.ts'
import { SLIS } from '../../model/slis.ts'
import { type Prometheus, PrometheusError, quoted, type Sample } from '../prometheus.ts'
import { cohortCounts, increaseBy, matchers, type Question, sliCounts } from './queries.ts'

export interface TriageQuestion extends Question {
  /** Start of the alert, Unix milliseconds. */
  readonly startedMs: number
  readonly nowMs: number
}

const DAY = 86_400
const STEPS = [300, 600, 1800, 3600, 7200] as const
/** Events an interval should hold to say something. */
const EVENTS_PER_INTERVAL = 4
/** Shortest window that two scrapes surely lie in. */
const LEAST_SECONDS = 120

/** Gathers the facts. @throws PrometheusError when Prometheus cannot be asked at all. */
export async function gatherFacts(prometheus: Prometheus, question: TriageQuestion): Promise<TriageFacts> {
  const gaps: string[] = []
  const asker = new Asker(prometheus, gaps)
  const { startedMs, nowMs } = question
  const fromMs = Math.min(startedMs, nowMs) - DAY * 1000
  const series = await seriesOf(asker, question, fromMs)
  const dispersion = await asker.one(`max(agent_sli:dispersion1h:baseline{${matchers(question)},sli=${quoted(question.sli)}})`, startedMs)
  const onset = findOnset(series, dispersion ?? 1)
  const splitMs = onset?.atMs ?? startedMs
  const windows: Windows = {
    splitMs,
    nowMs,
    beforeSeconds: Math.max(LEAST_SECONDS, Math.round((splitMs - fromMs) / 1000)),
    afterSeconds: Math.max(LEAST_SECONDS, Math.round((nowMs - splitMs) / 1000)),
  }
  const cohorts = {} as Record<Dimension, readonly CohortFact[]>
  const seen = await firstSeen(asker, question)
  for (const d of DIMENSIONS) cohorts[d] = await cohortsOf(asker, question, windows, d, seen)
  if (series.length < 4)
    gaps.push(`Prometheus has hardly any samples of ${SLIS[question.sli].title} for ${question.agent} in the day before`)
  const by = (counter: string, labels: string): string => increaseBy(counter, question, windows.afterSeconds, labels)
  return {
    agent: question.agent,
    environment: question.environment,
    sli: question.sli,
    ...(question.tool === undefined ? {} : { tool: question.tool }),
    series,
    dispersion: Math.max(1, dispersion ?? 1),
    startedMs,
    nowMs,
    beforeFromMs: fromMs,
    splitMs,
    cohorts,
    tools: await toolsOf(asker, question, windows),
    inputs: await distributions(asker, question, windows, INPUTS),
    answers: await distributions(asker, question, windows, ANSWERS),
    means: await meansOf(asker, question, windows),
    queries: {
      ...Object.fromEntries(DIMENSIONS.map((d) => [d, cohortCounts(question, windows.afterSeconds, d).bad])),
      tools: by('agentopz_tool_calls_total', 'tool, outcome'),
      inputs: by('agentopz_input_feature_total', 'feature, bucket'),
      answers: by('agentopz_model_calls_total', 'finish_reason'),
      series: sliCounts(question, 600).bad,
    },
    gaps,
  }
}

const INPUTS = { counter: 'agentopz_input_feature_total', featureLabel: 'feature', bucketLabel: 'bucket' } as const
const ANSWERS = { counter: 'agentopz_model_calls_total', bucketLabel: 'finish_reason' } as const

interface Windows {
  readonly splitMs: number
  readonly nowMs: number
  readonly beforeSeconds: number
  readonly afterSeconds: number
}

/** Asks one query at a time; the first failure to reach Prometheus ends it, others are gaps. */
class Asker {
  readonly #prometheus: Prometheus
  readonly #gaps: string[]

  constructor(prometheus: Prometheus, gaps: string[]) {
    this.#prometheus = prometheus
    this.#gaps = gaps
  }

  async all(query: string, atMs: number): Promise<readonly Sample[]> {
    return this.#tolerant(async () => {
      const { data, warnings } = await this.#prometheus.instant(query, atMs / 1000)
      this.#gaps.push(...warnings)
      return data
    })
  }

  async one(query: string, atMs: number): Promise<number | undefined> {
    const [sample] = await this.all(query, atMs)
    return sample === undefined || !Number.isFinite(sample.value) ? undefined : sample.value
  }

  async points(query: string, fromMs: number, toMs: number, stepSeconds: number): Promise<ReadonlyMap<number, number>> {
    const found = await this.#tolerant(async () => {
      const { data } = await this.#prometheus.range(query, { startSeconds: fromMs / 1000, endSeconds: toMs / 1000, stepSeconds })
      return data.flatMap((s) => s.points)
    })
    return new Map(found.map(([at, value]) => [Math.round(at), value]))
  }

  async #tolerant<T>(ask: () => Promise<readonly T[]>): Promise<readonly T[]> {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof PrometheusError) || error.kind === 'unreachable' || error.kind === 'not-prometheus') throw error
      this.#gaps.push(error.message)
      return []
    }
  }
}

/** The failing share in intervals that are as short as traffic allows. */
async function seriesOf(asker: Asker, q: TriageQuestion, fromMs: number): Promise<readonly Interval[]> {
  const seconds = (q.nowMs - fromMs) / 1000
  const events = (await asker.one(sliCounts(q, Math.round(seconds)).total, q.nowMs)) ?? 0
  const step = STEPS.find((s) => (events / seconds) * s >= EVENTS_PER_INTERVAL && seconds / s <= 300) ?? 3600
  const { bad, total } = sliCounts(q, step)
  const start = q.nowMs - Math.floor((q.nowMs - fromMs) / 1000 / step) * step * 1000
  const [bads, totals] = [await asker.points(bad, start, q.nowMs, step), await asker.points(total, start, q.nowMs, step)]
  return [...totals]
    .filter(([, n]) => Number.isFinite(n) && n > 0)
    .map(([at, n]) => ({ fromMs: (at - step) * 1000, toMs: at * 1000, bad: Math.min(n, Math.max(0, bads.get(at) ?? 0)), total: n }))
    .sort((a, b) => a.fromMs - b.fromMs)
}

async function firstSeen(asker: Asker, q: Question): Promise<ReadonlyMap<string, number>> {
  const rows = await asker.all(
    `min by (dimension, value) (agentopz_cohort_first_seen_timestamp_seconds{${matchers(q)}})`,
    (q as TriageQuestion).nowMs,
  )
  return new Map(rows.map((r) => [`${r.labels['dimension'] ?? ''}\n${r.labels['value'] ?? ''}`, r.value * 1000]))
}

async function cohortsOf(
  asker: Asker,
  q: Question,
  w: Windows,
  dimension: Dimension,
  seen: ReadonlyMap<string, number>,
): Promise<readonly CohortFact[]> {
  const [before, after] = [cohortCounts(q, w.beforeSeconds, dimension), cohortCounts(q, w.afterSeconds, dimension)]
  const counts = async (of: typeof before, atMs: number): Promise<ReadonlyMap<string, Counts>> => {
    const [bad, total] = [await asker.all(of.bad, atMs), await asker.all(of.total, atMs)]
    const bads = new Map(bad.map((s) => [s.labels[dimension] ?? '', s.value]))
    return new Map(total.map((s) => [s.labels[dimension] ?? '', { bad: bads.get(s.labels[dimension] ?? '') ?? 0, total: s.value }]))
  }
  const [then, now] = [await counts(before, w.splitMs), await counts(after, w.nowMs)]
  const none = { bad: 0, total: 0 }
  return [...new Set([...then.keys(), ...now.keys()])].map((value) => {
    const first = seen.get(`${dimension}\n${value}`)
    return { value, before: then.get(value) ?? none, after: now.get(value) ?? none, ...(first === undefined ? {} : { firstSeenMs: first }) }
  })
}

async function toolsOf(asker: Asker, q: Question, w: Windows): Promise<readonly ToolFact[]> {
  const ask = async (seconds: number, atMs: number): Promise<ReadonlyMap<string, ReadonlyMap<string, number>>> => {
    const found = new Map<string, Map<string, number>>()
    for (const s of await asker.all(increaseBy('agentopz_tool_calls_total', q, seconds, 'tool, outcome'), atMs)) {
      const tool = s.labels['tool'] ?? ''
      found.set(tool, (found.get(tool) ?? new Map<string, number>()).set(s.labels['outcome'] ?? '', s.value))
    }
    return found
  }
  const [before, after] = [await ask(w.beforeSeconds, w.splitMs), await ask(w.afterSeconds, w.nowMs)]
  const share = (of: ReadonlyMap<string, number> | undefined, bad: string, among: readonly string[]): Counts => ({
    bad: of?.get(bad) ?? 0,
    total: among.reduce((n, outcome) => n + (of?.get(outcome) ?? 0), 0),
  })
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
    }
  })
}

async function distributions(
  asker: Asker,
  q: Question,
  w: Windows,
  { counter, featureLabel, bucketLabel }: { readonly counter: string; readonly featureLabel?: string; readonly bucketLabel: string },
): Promise<readonly Distribution[]> {
  const labels = featureLabel === undefined ? bucketLabel : `${featureLabel}, ${bucketLabel}`
  const found = new Map<string, Map<string, { before: number; after: number }>>()
  for (const [side, seconds, atMs] of [
    ['before', w.beforeSeconds, w.splitMs],
    ['after', w.afterSeconds, w.nowMs],
  ] as const)
    for (const s of await asker.all(increaseBy(counter, q, seconds, labels), atMs)) {
      const feature = featureLabel === undefined ? bucketLabel : (s.labels[featureLabel] ?? '')
      const buckets = found.get(feature) ?? new Map<string, { before: number; after: number }>()
      found.set(feature, buckets)
      const bucket = s.labels[bucketLabel] ?? ''
      const row = buckets.get(bucket) ?? { before: 0, after: 0 }
      buckets.set(bucket, { ...row, [side]: Number.isFinite(s.value) ? s.value : 0 })
    }
  return [...found].map(([feature, buckets]) => ({ feature, buckets: [...buckets].map(([bucket, row]) => ({ bucket, ...row })) }))
}

async function meansOf(asker: Asker, q: Question, w: Windows): Promise<readonly Mean[]> {
  const means: Mean[] = []
  const calls = async (seconds: number, atMs: number): Promise<number> =>
    (await asker.one(`sum(increase(agentopz_model_calls_total{${matchers(q)}}[${seconds}s]))`, atMs)) ?? 0
  const [before, after] = [await calls(w.beforeSeconds, w.splitMs), await calls(w.afterSeconds, w.nowMs)]
  for (const what of ['output', 'reasoning'] as const) {
    const sum = async (seconds: number, atMs: number): Promise<number> =>
      (await asker.one(`sum(increase(agentopz_tokens_total{${matchers(q)},class="${what}"}[${seconds}s]))`, atMs)) ?? 0
    means.push({
      what: `${what} tokens`,
      before: { sum: await sum(w.beforeSeconds, w.splitMs), count: before },
      after: { sum: await sum(w.afterSeconds, w.nowMs), count: after },
    })
  }
  return means
}
