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

/** A window that ends now, or at a fixed time, so that it shows the same numbers whenever it is run. */
export interface Span {
  readonly seconds: number
  readonly atSeconds?: number
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

function range({ seconds, atSeconds }: Span): string {
  return `[${seconds}s]${atSeconds === undefined ? '' : ` @ ${atSeconds}`}`
}

/** The labels of the question's own SLI. */
function own(q: Question): string {
  return [
    matchers(q),
    ...(q.tool === undefined ? [] : [`tool=${quoted(q.tool)}`]),
    ...(q.evaluation === undefined ? [] : [`evaluation=${quoted(q.evaluation)}`]),
  ].join(',')
}

/** Bad and total of the question's SLI over a window, one number each. */
export function sliCounts(q: Question, span: Span): { readonly bad: string; readonly total: string } {
  const sum = (counter: string): string => `sum(increase(${narrowed(counter, own(q))}${range(span)}))`
  if (q.sli === 'cost' || q.sli === 'steps' || q.sli === 'duration') {
    const name = LEVELS[q.sli]
    const count = sum(`${name}_count`)
    return { bad: `clamp_min(${count} - ${sum(`${name}_bucket{le!="+Inf"}`)} / ${METRICS[name].buckets.length}, 0)`, total: count }
  }
  const { bad, total } = RATIOS[q.sli]
  return { bad: `(${sum(bad)} or ${sum(total)} * 0)`, total: sum(total) }
}

/** Dimensions of a run that the SLI's own counter has, too; none for sizes and tools. */
export function countedBy(sli: SliName): readonly string[] {
  if (sli === 'quality' || sli === 'run_error') return ['prompt_version', 'tools_version', 'model', 'agent_version']
  return sli === 'evaluation' || RATIO_CHECKS.has(sli) ? ['prompt_version', 'model'] : []
}
const RATIO_CHECKS: ReadonlySet<SliName> = new Set<SliName>(['refusal', 'filtered', 'truncation', 'empty', 'loop'])

/** Bad and total of the SLI by all the dimensions that its counter has. */
export function sliCountsBy(q: Question, span: Span): { readonly bad: string; readonly total: string } | undefined {
  const by = countedBy(q.sli)
  if (by.length === 0 || q.sli === 'cost' || q.sli === 'steps' || q.sli === 'duration') return undefined
  const sum = (counter: string): string => `sum by (${by.join(', ')}) (increase(${narrowed(counter, own(q))}${range(span)}))`
  return { bad: sum(RATIOS[q.sli].bad), total: sum(RATIOS[q.sli].total) }
}

/** The share of the SLI by one dimension, as a person runs it again; runs by it where the SLI is not counted by it. */
export function shareBy(q: Question, span: Span, by: string): string {
  if (!countedBy(q.sli).includes(by) || q.sli === 'cost' || q.sli === 'steps' || q.sli === 'duration')
    return increaseBy('agentopz_runs_total', q, span, by)
  const sum = (counter: string): string => `sum by (${by}) (increase(${narrowed(counter, own(q))}${range(span)}))`
  return `${sum(RATIOS[q.sli].bad)} / ${sum(RATIOS[q.sli].total)}`
}

/** Increase of a counter of the agent by labels. */
export function increaseBy(counter: string, q: Question, span: Span, by: string): string {
  return `sum by (${by}) (increase(${narrowed(counter, matchers(q))}${range(span)}))`
}
