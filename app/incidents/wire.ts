/**
 * Incidents as they travel over HTTP: bodies of requests (strict), queries, and the JSON of answers. Names are snake_case, times RFC 3339;
 * what is not known is left out.
 */
import { z } from 'zod'
import { type Comparison, type Finding, INCIDENT_STATES, type Incident, type Triage } from '../../model/incident.ts'
import { duration } from '../duration.ts'
import { oneLine } from '../one-line.ts'
import { actionJson } from '../response/wire.ts'

const line = (max: number): z.ZodString => oneLine(max).min(1)
const actor = line(128)
const at = z.iso.datetime({ offset: true, error: 'write a time such as 2026-12-01T08:00:00Z' }).transform((t) => Date.parse(t))

export const acknowledgeBody = z.strictObject({ actor })
export const resolveBody = z.strictObject({ actor, text: line(2000) })
export const noteBody = z.strictObject({
  actor,
  text: line(2000),
  at: at.optional(),
  reported: z.boolean().default(false),
})

const MAX_LIST = 1000
export const listQuery = z.strictObject({
  state: z
    .string()
    .transform((t) => t.split(','))
    .pipe(z.array(z.enum(INCIDENT_STATES, { error: `write one or more of ${INCIDENT_STATES.join(', ')}, with commas between` })))
    .optional(),
  agent: z.string().optional(),
  since: z
    .union([at.transform((atMs) => ({ atMs })), duration.transform((s) => ({ agoMs: s * 1000 }))], {
      error: 'write a duration such as 24h, or a time such as 2026-12-01T08:00:00Z',
    })
    .optional(),
  limit: z.coerce.number().int().min(1).max(MAX_LIST).default(100),
})

/** What a list shows of one. */
export function incidentRow(i: Incident): object {
  const { id, agent, environment, team, state, severity, title, drill } = i
  return {
    id,
    title,
    agent,
    environment,
    team,
    state,
    severity,
    drill,
    started_at: time(i.startedMs),
    opened_at: time(i.openedMs),
    ...when('acknowledged_at', i.acknowledgedMs),
    ...some('acknowledged_by', i.acknowledgedBy),
    ...when('named_at', i.namedMs),
    ...when('mitigated_at', i.mitigatedMs),
    ...when('resolved_at', i.resolvedMs),
    alerts: [...new Set(i.alerts.map((a) => a.name))],
    firing: i.alerts.filter((a) => a.endsMs === undefined).length,
    ...some('cause', i.triage?.summary),
    ...(i.blast === undefined ? {} : { blast: blastJson(i.blast) }),
  }
}

/** The whole record. */
export function incidentJson(i: Incident): object {
  const { cause: _, ...row } = incidentRow(i) as { readonly cause?: string }
  return {
    ...row,
    alerts: i.alerts.map((a) => ({
      name: a.name,
      severity: a.severity,
      ...some('family', a.family),
      fingerprint: a.fingerprint,
      labels: a.labels,
      summary: a.summary,
      starts_at: time(a.startsMs),
      ...when('ends_at', a.endsMs),
      ...some('end_from', a.endFrom),
      received_at: time(a.receivedMs),
    })),
    timeline: i.timeline.map(({ atMs, ...entry }) => ({ at: time(atMs), ...entry })),
    ...(i.triage === undefined ? {} : { triage: triageJson(i.triage) }),
    actions: i.actions.map(actionJson),
    ...some('playbooks', i.playbooks),
    ...(i.before === undefined ? {} : { before: beforeJson(i.before) }),
  }
}

export function triageJson(t: Triage): object {
  const { onset } = t
  return {
    at: time(t.atMs),
    sli: t.sli,
    summary: t.summary,
    ...(onset === undefined ? {} : { onset: { at: time(onset.atMs), from: time(onset.fromMs), to: time(onset.toMs) } }),
    findings: t.findings.map(findingJson),
    gaps: t.gaps,
  }
}

function findingJson({ comparison, changedMs, runsNeeded, ...finding }: Finding): object {
  return {
    ...finding,
    ...(comparison === undefined ? {} : { comparison: comparisonJson(comparison) }),
    ...when('changed_at', changedMs),
    ...some('runs_needed', runsNeeded),
  }
}

function comparisonJson({ adjustedP, ...comparison }: Comparison): object {
  return { ...comparison, ...some('adjusted_p', adjustedP) }
}

function blastJson({ sinceMs, untilMs, runs, failedRuns, costUsd, users }: NonNullable<Incident['blast']>): object {
  return {
    since: time(sinceMs),
    ...when('until', untilMs),
    ...some('runs', runs),
    ...some('failed_runs', failedRuns),
    ...some('cost_usd', costUsd),
    users,
  }
}

function beforeJson(b: NonNullable<Incident['before']>): object {
  return {
    at: time(b.atMs),
    ...(b.baseline === undefined ? {} : { baseline: { sli: b.baseline.sli, bad_ratio: b.baseline.badRatio, total: b.baseline.total } }),
    ...some('no_baseline', b.noBaseline),
    ...some('objectives', b.objectives),
    ...some('fallback', b.fallback),
    ...some('fallback_reachable', b.fallbackReachable),
    ...some('active_release', b.activeRelease),
    ...some('former_release', b.formerRelease),
  }
}

function some(key: string, value: unknown): object {
  return value === undefined ? {} : { [key]: value }
}

function when(key: string, ms: number | undefined): object {
  return ms === undefined ? {} : { [key]: time(ms) }
}

function time(ms: number): string {
  return new Date(ms).toISOString()
}
