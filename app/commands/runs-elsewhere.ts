/**
 * Why there is nothing to triage: the agent has no run in the environment that was asked for. In: its name, the environment, the time.
 * Out: a sentence that says where there are runs, or which agent was perhaps meant; undefined when there are runs after all.
 */
import { CELL } from '../baseline/counts.ts'
import { agentsIn } from '../baseline/history.ts'
import { printable } from '../baseline/words.ts'
import { nearest } from '../nearest.ts'
import type { Prometheus } from '../prometheus.ts'
import { quoted } from './typed.ts'

export interface Wanted {
  readonly agent: string
  readonly environment: string
  readonly fromMs: number
  readonly toMs: number
}

/** @throws PrometheusError when Prometheus does not tell, or perhaps not all. */
export async function runsElsewhere(prometheus: Prometheus, { agent, environment, fromMs, toMs }: Wanted): Promise<string | undefined> {
  const grid = { startSeconds: Math.floor(fromMs / 1000), cells: Math.max(1, Math.ceil((toMs - fromMs) / 1000 / CELL)) }
  const found = await agentsIn(prometheus, grid, undefined)
  const environments = found.flatMap((n) => (n.agent === agent ? [n.environment] : []))
  if (environments.includes(environment)) return undefined
  const since = `since ${new Date(fromMs).toISOString().slice(0, 16)}Z`
  const none = `there are no runs of ${printable(agent)} in environment ${printable(environment)} ${since}`
  const [first] = environments
  if (first !== undefined) {
    const option = first === '' ? 'leave --environment out' : `write --environment ${quoted(printable(first))}`
    return `${none}, but there are in ${environments.map(printable).join(', ')}; ${option}`
  }
  const names = new Set(found.map((n) => n.agent))
  if (names.size === 0)
    return `${none}, nor of any agent; is it the right Prometheus (${prometheus.url}), and does it scrape agentopz's /metrics?`
  const near = nearest(agent, names)
  if (near.length > 0) return `${none}, nor in another; did you mean ${near.map(printable).join(', ')}?`
  const shown = [...names].slice(0, 20).map(printable).join(', ')
  return `${none}, nor in another; there are runs of ${shown}${names.size > 20 ? ` and ${names.size - 20} more` : ''}`
}
