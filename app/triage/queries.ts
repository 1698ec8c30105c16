/** PromQL of triage: the counters behind every SLI, narrowed to one agent. Label values are quoted in one place (app/prometheus.ts). */
import { LEVELS, RATIOS } from '../../alert-rules/recording-sli.ts'
import { METRICS } from '../../model/metrics.ts'
import type { SliName } from '../../model/slis.ts'
import { quoted } from '../prometheus.ts'

/** What is asked about. */
export interface Question {
  readonly agent: string
  readonly environment: string
  readonly sli: SliName
  readonly tool?: string
  readonly evaluation?: string
}

/** `agent="…",environment="…"`. */
export function matchers({ agent, environment }: Question): string {
  return `agent=${quoted(agent)},environment=${quoted(environment)}`
}

/** A counter, such as `agentopz_runs_total{quality="fail"}`, of one agent. */
function narrowed(counter: string, by: string): string {
  const at = counter.indexOf('{')
  if (at < 0) return `${counter}{${by}}`
  const inside = counter.slice(at + 1, -1)
  return `${counter.slice(0, at)}{${inside === '' ? by : `${inside},${by}`}}`
}

/** Bad and total of the question's SLI over a window in seconds, one number each. */
export function sliCounts(q: Question, seconds: number): { readonly bad: string; readonly total: string } {
  const own = [
    matchers(q),
    ...(q.tool === undefined ? [] : [`tool=${quoted(q.tool)}`]),
    ...(q.evaluation === undefined ? [] : [`evaluation=${quoted(q.evaluation)}`]),
  ].join(',')
  const sum = (counter: string): string => `sum(increase(${narrowed(counter, own)}[${seconds}s]))`
  if (q.sli === 'cost' || q.sli === 'steps' || q.sli === 'duration') {
    const name = LEVELS[q.sli]
    const count = sum(`${name}_count`)
    return { bad: `clamp_min(${count} - ${sum(`${name}_bucket{le!="+Inf"}`)} / ${METRICS[name].buckets.length}, 0)`, total: count }
  }
  const { bad, total } = RATIOS[q.sli]
  return { bad: `(${sum(bad)} or ${sum(total)} * 0)`, total: sum(total) }
}

const CHECKS: Partial<Readonly<Record<SliName, string>>> = {
  refusal: 'not_refused',
  filtered: 'not_filtered',
  truncation: 'not_truncated',
  empty: 'not_empty',
  loop: 'no_loop',
}

/** Bad and total by cohort: of the SLI where its counter knows the cohort, else of the runs' quality. */
export function cohortCounts(q: Question, seconds: number, by: string): { readonly bad: string; readonly total: string } {
  const sum = (counter: string): string => `sum by (${by}) (increase(${narrowed(counter, matchers(q))}[${seconds}s]))`
  const check = CHECKS[q.sli]
  const knowsCheck = by === 'prompt_version' || by === 'model'
  if (check !== undefined && knowsCheck) {
    const of = (verdict: string): string => `agentopz_evaluations_total{evaluation="${check}",source="builtin",${verdict}}`
    return { bad: sum(of('verdict="fail"')), total: sum(of('verdict=~"pass|fail"')) }
  }
  if (q.sli === 'run_error') return { bad: sum(RATIOS.run_error.bad), total: sum(RATIOS.run_error.total) }
  return { bad: sum(RATIOS.quality.bad), total: sum(RATIOS.quality.total) }
}

/** Increase of a counter of the agent by labels. */
export function increaseBy(counter: string, q: Question, seconds: number, by: string): string {
  return `sum by (${by}) (increase(${narrowed(counter, matchers(q))}[${seconds}s]))`
}
