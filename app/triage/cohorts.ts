/**
 * Runs by what they were made with, before and after: one query for the runs by all dimensions together, and one pair for what the SLI counts,
 * added up here by each dimension. First seen is the earliest that Prometheus remembers: a processor that restarts sees everything anew.
 */
import type { Counts } from '../../incidents/compare.ts'
import { type CohortFact, type Dimension, DIMENSIONS } from '../../incidents/facts.ts'
import type { Sample } from '../prometheus.ts'
import type { Asker } from './asker.ts'
import { countedBy, increaseBy, matchers, type Question, sliCountsBy } from './queries.ts'

export interface Windows {
  readonly splitMs: number
  readonly nowMs: number
  readonly beforeSeconds: number
  readonly afterSeconds: number
}

export async function cohortsOf(asker: Asker, q: Question, w: Windows): Promise<Readonly<Record<Dimension, readonly CohortFact[]>>> {
  const seen = await firstSeen(asker, q, w)
  const runs = { before: await runsIn(asker, q, w.beforeSeconds, w.splitMs), after: await runsIn(asker, q, w.afterSeconds, w.nowMs) }
  const events = { before: await eventsIn(asker, q, w.beforeSeconds, w.splitMs), after: await eventsIn(asker, q, w.afterSeconds, w.nowMs) }
  const counted = countedBy(q.sli)
  const facts = (dimension: Dimension): readonly CohortFact[] => {
    const [runsBefore, runsAfter] = [byValue(runs.before, dimension), byValue(runs.after, dimension)]
    const side = (of: typeof events.before): ReadonlyMap<string, Counts> => {
      const bad = byValue(of.bad, dimension)
      return new Map([...byValue(of.total, dimension)].map(([value, total]) => [value, { bad: bad.get(value) ?? 0, total }]))
    }
    const [before, after] = [side(events.before), side(events.after)]
    const none: Counts = { bad: 0, total: 0 }
    return [...new Set([...runsBefore.keys(), ...runsAfter.keys()])].map((value) => {
      const first = seen.get(`${dimension}\n${value}`)
      return {
        value,
        runs: { before: runsBefore.get(value) ?? 0, after: runsAfter.get(value) ?? 0 },
        ...(counted.includes(dimension) ? { events: { before: before.get(value) ?? none, after: after.get(value) ?? none } } : {}),
        ...(first === undefined ? {} : { firstSeenMs: first }),
      }
    })
  }
  return {
    prompt_version: facts('prompt_version'),
    tools_version: facts('tools_version'),
    model: facts('model'),
    agent_version: facts('agent_version'),
  }
}

function runsIn(asker: Asker, q: Question, seconds: number, atMs: number): Promise<readonly Sample[]> {
  return asker.all('cohorts', increaseBy('agentopz_runs_total', q, { seconds }, DIMENSIONS.join(', ')), atMs)
}

async function eventsIn(
  asker: Asker,
  q: Question,
  seconds: number,
  atMs: number,
): Promise<{ readonly bad: readonly Sample[]; readonly total: readonly Sample[] }> {
  const queries = sliCountsBy(q, { seconds })
  if (queries === undefined) return { bad: [], total: [] }
  return { bad: await asker.all('cohorts', queries.bad, atMs), total: await asker.all('cohorts', queries.total, atMs) }
}

async function firstSeen(asker: Asker, q: Question, { splitMs, nowMs, beforeSeconds }: Windows): Promise<ReadonlyMap<string, number>> {
  const seconds = beforeSeconds + Math.round((nowMs - splitMs) / 1000)
  const gauge = `agentopz_cohort_first_seen_timestamp_seconds{${matchers(q)}}`
  const rows = await asker.all('cohorts', `min by (dimension, value) (min_over_time(${gauge}[${seconds}s]))`, nowMs)
  return new Map(rows.map((r) => [`${r.labels['dimension'] ?? ''}\n${r.labels['value'] ?? ''}`, r.value * 1000]))
}

function byValue(samples: readonly Sample[], dimension: string): ReadonlyMap<string, number> {
  const out = new Map<string, number>()
  for (const s of samples) {
    const value = s.labels[dimension] ?? ''
    out.set(value, (out.get(value) ?? 0) + s.value)
  }
  return out
}
