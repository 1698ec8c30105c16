/**
 * Shares that several boards draw, each beside the number of events it rests on: a ratio without its n is a rumour.
 * Every function takes the board's words, so that the same share is of one agent here and of many there.
 */
import type { Threshold } from './grafana.ts'
import { type AlertLabel, apply, increase, min, share, sum, type Vector, type Where, type Words } from './query.ts'

const RATED = ['pass', 'fail'] as const
type RunLabel = 'agent' | 'environment' | 'agent_version' | 'prompt_version' | 'model' | 'tools_version'

/** Rated runs in a window. */
export const ratedRuns = <const B extends RunLabel>(w: Words, by: readonly B[], window = '$window'): Vector<B> =>
  sum(by, increase(w.metric('agentopz_runs_total', { quality: RATED }), window))
/** Share of rated runs that passed. */
export const passRate = <const B extends RunLabel>(w: Words, by: readonly B[], window = '$window'): Vector<B> =>
  share(sum(by, increase(w.metric('agentopz_runs_total', { quality: 'pass' }), window)), ratedRuns(w, by, window))
/** Calls of tools in a window, blocked ones apart: those never reached the tool. */
export const toolCalls = <const B extends 'agent' | 'tool'>(w: Words, by: readonly B[], window = '$window'): Vector<B> =>
  sum(by, increase(w.metric('agentopz_tool_calls_total', { outcome: { not: 'blocked' } }), window))
export const toolShare = <const B extends 'agent' | 'tool'>(w: Words, by: readonly B[], outcome: string, window = '$window'): Vector<B> =>
  share(sum(by, increase(w.metric('agentopz_tool_calls_total', { outcome }), window)), toolCalls(w, by, window))
/** Share of a prompt's tokens that came from the provider's cache. */
export const cacheShare = <const B extends 'agent' | 'model'>(w: Words, by: readonly B[], window: string): Vector<B> =>
  share(
    sum(by, increase(w.metric('agentopz_tokens_total', { class: 'cache_read' }), window)),
    sum(by, increase(w.metric('agentopz_tokens_total', { class: ['input', 'cache_read', 'cache_write'] }), window)),
  )

/** When each alert that now fires began, in milliseconds; of several signals or tools the first. Pending ones are left out. */
export function firingSince<const B extends AlertLabel>(w: Words, by: readonly B[], where: Where<'agent' | 'environment'> = {}): Vector<B> {
  const match = { severity: ['critical', 'warning'], ...where } as const
  const firing = w.alerts('ALERTS', { alertstate: 'firing', ...match })
  const since = apply(w.alerts('ALERTS_FOR_STATE', match), (x) => `1000 * ${x} and ignoring (alertstate) ${firing.promql}`)
  return apply(min(by, since), (x) => `sort(${x})`)
}

/** Green up to a bound, then another colour: `above(1.5, 'yellow', 2, 'red')`. */
export function above(...steps: readonly (number | string)[]): readonly Threshold[] {
  const out: Threshold[] = [{ color: 'green', value: null }]
  for (let i = 0; i + 1 < steps.length; i += 2) out.push({ value: Number(steps[i]), color: String(steps[i + 1]) })
  return out
}
/** Red below a bound, green from it on. */
export const below = (bad: number, warn: number): readonly Threshold[] => [
  { color: 'red', value: null },
  { color: 'yellow', value: bad },
  { color: 'green', value: warn },
]
/** One colour for things that are neither good nor bad. */
export const NEUTRAL: readonly Threshold[] = [{ color: 'text', value: null }]

export const WEEK_NEEDED = 'there is nothing to expect from in the first days of an agent'
export const NO_LIMIT = 'only agents whose configuration has such an objective'
