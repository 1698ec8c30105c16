/**
 * What changed around an incident, as entries of its timeline: cohort values that were first seen (from Prometheus) and actions on controls
 * and releases (from the audit). The same change gives the same entry, so it can be looked for again and again.
 */
import type { AuditEntry } from '../../control/audit.ts'
import { clockText } from '../../incidents/words.ts'
import { CONTROL_STATE } from '../../model/control.ts'
import type { TimelineEntry } from '../../model/incident.ts'
import { type Prometheus, select, whole } from '../prometheus.ts'

export interface Span {
  readonly agent: string
  readonly environment: string
  readonly fromMs: number
  readonly toMs: number
}

/** All dimensions of an agent that was just seen for the first time are seen at once: that is no change. */
const TOGETHER_MS = 60_000
/** Looked back further than the span: after a restart of agentopz the series begin anew, and only older samples tell when it was. */
const OLDER_MS = 86_400_000

const NOUN: Readonly<Record<string, string>> = {
  agent_version: 'agent version',
  prompt_version: 'prompt version',
  model: 'model',
  tools_version: 'tool set',
}

/** Cohort values first seen in the span, where another value of the dimension was there before. @throws PrometheusError */
export async function cohortChanges(prometheus: Prometheus, span: Span, nowMs: number): Promise<readonly TimelineEntry[]> {
  const { agent, environment, fromMs, toMs } = span
  const seconds = Math.ceil((nowMs - fromMs + OLDER_MS) / 1000)
  const series = select('agentopz_cohort_first_seen_timestamp_seconds', { agent, environment })
  const query = `min by (dimension, value) (min_over_time(${series}[${seconds}s]))`
  const answer = whole(await prometheus.instant(query, nowMs / 1000), prometheus.url)
  const seen = answer
    .map(({ labels, value }) => ({ dimension: labels['dimension'] ?? '', value: labels['value'] ?? '', atMs: Math.round(value * 1000) }))
    .sort((a, b) => a.atMs - b.atMs)
  return seen.flatMap(({ dimension, value, atMs }) => {
    const former = seen.findLast((s) => s.dimension === dimension && s.atMs < atMs - TOGETHER_MS)
    if (former === undefined || atMs < fromMs || atMs > toMs) return []
    const noun = NOUN[dimension] ?? dimension
    const text = `${noun} ${named(value)} was first seen, after ${named(former.value)}`
    return [{ atMs, kind: 'change', text, ref: `${dimension}=${value}` }]
  })
}

function named(value: string): string {
  return value === '' ? '(none told)' : value
}

/** Actions on controls and releases of the agent in the span. */
export function controlEntries(audit: readonly AuditEntry[], { agent, environment, fromMs, toMs }: Span): readonly TimelineEntry[] {
  return audit
    .filter(
      (e) =>
        e.atMs >= fromMs &&
        e.atMs <= toMs &&
        (e.agent === agent || e.agent === '') &&
        (e.environment === '' || e.environment === environment) &&
        // Nobody reads a release until it is activated.
        e.action !== 'publish',
    )
    .map(entryOf)
}

function entryOf(e: AuditEntry): TimelineEntry {
  const { atMs, actor, reason } = e
  const why = reason === '' ? '' : `: ${reason}`
  const of = e.agent === '' ? ' of every agent' : ''
  const what = e.control === 'agent' ? 'the agent' : `${e.control} ${e.target}${of}`
  switch (e.action) {
    case 'activate': {
      // Part of an action about an incident, or its undoing: it has an id then.
      const kind = e.id === '' ? 'change' : e.id.startsWith('und_') ? 'undone' : 'action'
      return { atMs, actor, kind, text: `release ${e.target} was activated${why}`, ref: `release:${e.target}` }
    }
    case 'rollback':
      return { atMs, actor, kind: 'action', text: `rolled back to release ${e.target}${why}`, ref: `release:${e.target}` }
    case 'undo':
      return { atMs, actor, kind: 'undone', text: `${what} is no longer ${CONTROL_STATE[e.control]}${why}`, ref: e.id }
    case 'set':
    case 'replace':
    case 'publish': {
      const until = e.put?.expiresMs === undefined ? '' : ` until ${clockText(e.put.expiresMs)} UTC`
      return { atMs, actor, kind: 'action', text: `${what} is ${CONTROL_STATE[e.control]}${until}${why}`, ref: e.id }
    }
  }
}
