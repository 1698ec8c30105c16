/** Facts for tests of triage: a day before, three hours after, told by what differs from an agent that nothing happened to. */
import { triage } from '../../../incidents/triage.ts'
import type { Counts } from '../../../incidents/compare.ts'
import type { Change, CohortFact, Distribution, ToolFact, TriageFacts } from '../../../incidents/facts.ts'
import type { Interval } from '../../../incidents/onset.ts'
import type { Finding, Triage, TriageCause } from '../../../model/incident.ts'

export const MINUTE = 60_000
/** When it begins: 2026-12-01 12:00 UTC. */
export const BEGAN = Date.UTC(2026, 11, 1, 12)
export const NOW = BEGAN + 180 * MINUTE
const STEP = 30 * MINUTE

/** Shares before and after, 20 events every half hour: 960 before, 120 after. */
export function series(before: number, after: number, perStep = 20): readonly Interval[] {
  const out: Interval[] = []
  for (let at = BEGAN - 24 * 60 * MINUTE; at < NOW; at += STEP)
    out.push({ fromMs: at, toMs: at + STEP, total: perStep, bad: perStep * (at < BEGAN ? before : after) })
  return out
}

export const counts = (bad: number, total: number): Counts => ({ bad, total })
export const change = (before: Counts, after: Counts): Change => ({ before, after })

/** A version: events before and after as [bad, total], first seen so many minutes after it began. */
export function cohort(
  value: string,
  before: readonly [number, number],
  after: readonly [number, number],
  seenMinute?: number,
): CohortFact {
  return {
    value,
    runs: { before: before[1], after: after[1] },
    events: { before: counts(...before), after: counts(...after) },
    ...(seenMinute === undefined ? {} : { firstSeenMs: BEGAN + seenMinute * MINUTE }),
  }
}

/** … where no counter knows both. */
export function uncounted(value: string, before: number, after: number, seenMinute?: number): CohortFact {
  return { value, runs: { before, after }, ...(seenMinute === undefined ? {} : { firstSeenMs: BEGAN + seenMinute * MINUTE }) }
}

export function tool(name: string, more: Partial<Omit<ToolFact, 'tool'>> = {}): ToolFact {
  const steady = change(counts(10, 1000), counts(1, 120))
  return {
    tool: name,
    errors: steady,
    empty: steady,
    blocked: change(counts(0, 1000), counts(0, 120)),
    slow: change(counts(400, 1000), counts(48, 120)),
    ...more,
  }
}

export function distribution(feature: string, rows: Readonly<Record<string, readonly [number, number]>>): Distribution {
  return { feature, buckets: Object.entries(rows).map(([bucket, [before, after]]) => ({ bucket, before, after })) }
}

/** Of the size in which nothing happened. */
export const steadyInputs = distribution('tokens', { '0-64': [480, 60], '64-256': [480, 60] })

export function facts(
  more: Partial<Omit<TriageFacts, 'cohorts'>> & { readonly cohorts?: Partial<TriageFacts['cohorts']> } = {},
): TriageFacts {
  const { cohorts, ...rest } = more
  const steady = (value: string): readonly CohortFact[] => [cohort(value, [96, 960], [12, 120], -30_000)]
  return {
    agent: 'support',
    environment: 'prod',
    sli: 'quality',
    series: series(0.1, 0.1),
    dispersion: 1,
    startedMs: BEGAN + 20 * MINUTE,
    nowMs: NOW,
    beforeFromMs: BEGAN - 24 * 60 * MINUTE,
    splitMs: BEGAN,
    tools: [tool('search'), tool('order')],
    inputs: [steadyInputs],
    answers: [distribution('finish_reason', { stop: [960, 120], length: [10, 1] })],
    means: [{ what: 'output tokens per call', before: { sum: 96_000, count: 960 }, after: { sum: 12_000, count: 120 } }],
    queries: {
      prompt_version: 'Q prompt',
      tools_version: 'Q tools',
      model: 'Q model',
      tools: 'Q calls',
      inputs: 'Q inputs',
      answers: 'Q answers',
    },
    unknown: [],
    gaps: [],
    ...rest,
    cohorts: { prompt_version: steady('v1'), tools_version: steady('t1'), model: steady('m1'), agent_version: steady('1.0'), ...cohorts },
  }
}

/** Quality fell from 10 % failing to 40 %; every version shares it unless told otherwise. */
export function fallen(more: Parameters<typeof facts>[0] = {}): TriageFacts {
  const shared = (value: string): readonly CohortFact[] => [cohort(value, [96, 960], [48, 120], -30_000)]
  return facts({
    series: series(0.1, 0.4),
    ...more,
    cohorts: {
      prompt_version: shared('v1'),
      tools_version: shared('t1'),
      model: shared('m1'),
      agent_version: shared('1.0'),
      ...more.cohorts,
    },
  })
}

/** All findings about one cause as `verdict confidence subject: text`, first the ones that stand. */
export function about(cause: TriageCause, of: TriageFacts): readonly string[] {
  return ran(of)
    .findings.filter((f) => f.cause === cause)
    .map(line)
}

export function ran(of: TriageFacts): Triage {
  return triage(of, of.nowMs)
}

export function line(f: Finding): string {
  return `${f.verdict} ${f.confidence} ${f.subject}: ${f.text}`
}
