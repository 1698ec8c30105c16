/**
 * HTTP of incidents: Alertmanager's webhook in, incidents out, and what people do to them. A change is stored before it is answered; where
 * it cannot be, 503 makes Alertmanager send it again. The webhook takes a token with the ingest or the operate role, for who may send spans
 * can make any alert fire; where no token is configured, a request made on this machine.
 */
import type { Context, Hono, MiddlewareHandler } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { ToldAlert } from '../../incidents/alert.ts'
import type { IncidentRefusal, IncidentRefused } from '../../incidents/commands.ts'
import { reviewOf } from '../../incidents/review.ts'
import type { Disposition } from '../../incidents/state.ts'
import type { Incident } from '../../model/incident.ts'
import { type Access, bodyOf, forbiddenElsewhere, limited, nodeOf, readers, refusedFor, writers } from '../controls/access.ts'
import { isLocal } from '../controls/local.ts'
import { issuesOf } from '../controls/wire.ts'
import type { Logger } from '../log.ts'
import { nearest } from '../nearest.ts'
import { problem } from '../problem.ts'
import type { Incidents, IncidentsUnavailable, Updated } from './incidents.ts'
import { readWebhook } from './webhook.ts'
import { acknowledgeBody, incidentJson, incidentRow, listQuery, noteBody, resolveBody } from './wire.ts'

export interface IncidentRouteParts extends Access {
  readonly incidents: Incidents
  readonly clock: () => number
  readonly log: Logger
  readonly maxWebhookBytes: () => number
  /** Counts an answer to Alertmanager, and what became of the alerts in it. */
  readonly answered: (outcome: WebhookOutcome) => void
  readonly told: (outcome: Disposition['outcome'] | 'truncated', count: number) => void
  /** An alert was told to fire whose end is known. */
  readonly doubted: (alert: ToldAlert) => void
}

export type WebhookOutcome = 'taken' | 'malformed' | 'unauthorized' | 'forbidden' | 'too_large' | 'not_stored'

const MAX_BODY = 65_536

/** Adds the routes. */
export function incidentRoutes(app: Hono, parts: IncidentRouteParts): void {
  const { incidents } = parts
  app.post('/api/v1/alerts', webhookAccess(parts), counted(parts), (c) => receive(c, parts))
  app.get('/api/v1/incidents', readers(parts, 'read'), (c) => {
    if (incidents.notLoaded !== undefined) return unavailable(c, incidents.notLoaded)
    const query = listQuery.safeParse(c.req.query())
    if (!query.success) return problem(c, 400, 'incidents', issuesOf(query.error))
    const { state, agent, since, limit } = query.data
    const sinceMs = since === undefined ? undefined : 'atMs' in since ? since.atMs : parts.clock() - since.agoMs
    const found = incidents.list({
      ...(state === undefined ? {} : { states: state }),
      ...(agent === undefined ? {} : { agent }),
      ...(sinceMs === undefined ? {} : { sinceMs }),
    })
    return c.json({ incidents: found.slice(0, limit).map(incidentRow), total: found.length })
  })
  app.get('/api/v1/incidents/:id', readers(parts, 'read'), (c) => withIncident(c, incidents, (i) => c.json(incidentJson(i))))
  app.get('/api/v1/incidents/:id/review', readers(parts, 'read'), (c) =>
    withIncident(c, incidents, (i) => c.body(reviewOf(i), 200, { 'content-type': 'text/markdown; charset=utf-8' })),
  )
  app.post('/api/v1/incidents/:id/acknowledge', writers(parts), limited(MAX_BODY), async (c) => {
    const body = await bodyOf(c, acknowledgeBody, 'acknowledgement refused')
    if (body instanceof Response) return body
    return answer(c, incidents, await incidents.command({ command: 'acknowledge', id: c.req.param('id'), actor: body.actor }))
  })
  app.post('/api/v1/incidents/:id/note', writers(parts), limited(MAX_BODY), async (c) => {
    const body = await bodyOf(c, noteBody, 'note refused')
    if (body instanceof Response) return body
    const { actor, text, at, reported } = body
    const command = reported ? 'report' : 'note'
    const about = { id: c.req.param('id'), actor, text, ...(at === undefined ? {} : { atMs: at }) }
    return answer(c, incidents, await incidents.command({ command, ...about }))
  })
  app.post('/api/v1/incidents/:id/resolve', writers(parts), limited(MAX_BODY), async (c) => {
    const body = await bodyOf(c, resolveBody, 'refused')
    if (body instanceof Response) return body
    return answer(c, incidents, await incidents.command({ command: 'resolve', id: c.req.param('id'), ...body }))
  })
}

async function receive(c: Context, parts: IncidentRouteParts): Promise<Response> {
  const { incidents, log } = parts
  const refuse = (detail: string): Response => problem(c, 400, 'webhook refused', detail)
  if (!/^application\/json\s*(;|$)/i.test(c.req.header('content-type') ?? ''))
    return refuse('send JSON, with content-type: application/json')
  let body: unknown
  try {
    body = JSON.parse(await c.req.text())
  } catch {
    return refuse('the body: is no JSON')
  }
  const read = readWebhook(body, parts.clock())
  if (!read.ok) return refuse(read.detail)
  const received = await incidents.receive(read.alerts)
  if (!received.ok) return unavailableFor(c, received)
  for (const [outcome, some] of Map.groupBy(received.dispositions, (d) => d.outcome)) parts.told(outcome, some.length)
  for (const { told, outcome } of received.dispositions) if (outcome === 'doubted') parts.doubted(told)
  const ids = [...new Set(received.dispositions.flatMap((d) => d.incident ?? []))]
  if (read.truncated > 0) {
    parts.told('truncated', read.truncated)
    log.warn({ truncated: read.truncated, incidents: ids }, 'Alertmanager left alerts out of a webhook; raise max_alerts of its receiver')
    for (const id of ids) await incidents.update(id, (i) => truncated(i, read.truncated, parts.clock()))
  }
  const ignored = received.dispositions.filter((d) => !['taken', 'repeated', 'doubted'].includes(d.outcome))
  for (const { told, outcome } of ignored) {
    const alert = told.labels['alertname']
    // The dead man's switch comes every few minutes, to show that alerts do.
    if (alert !== 'AgentopzWatchdog') log.info({ alert, outcome }, 'an alert makes no incident')
  }
  return c.json({
    incidents: ids,
    ignored: ignored.map(({ told, outcome }) => ({ alert: told.labels['alertname'], fingerprint: told.fingerprint, because: outcome })),
  })
}

/** The record says that it is not all. Once: the same webhook comes again. */
function truncated(incident: Incident, count: number, now: number): Incident {
  const ref = 'truncated'
  if (incident.timeline.some((e) => e.ref === ref)) return incident
  const text = `Alertmanager left ${count} alerts out of what it told (max_alerts of its receiver); this record does not have them`
  return { ...incident, timeline: [...incident.timeline, { atMs: now, kind: 'note', text, ref }] }
}

function webhookAccess(parts: IncidentRouteParts): MiddlewareHandler {
  return async (c, next) => {
    const header = c.req.header('authorization')
    if (parts.hasTokens()) {
      if (parts.authorise('ingest', header) || parts.authorise('operate', header)) return next()
      parts.answered('unauthorized')
      return refusedFor(parts, c, ['ingest', 'operate'], ': http_config.authorization of the receiver')
    }
    if (isLocal({ remoteAddress: nodeOf(c).incoming?.socket.remoteAddress, header: (name) => c.req.header(name) })) return next()
    parts.answered('forbidden')
    const detail =
      'without auth.tokens, alerts are taken from this machine only; configure a token with the ingest role, and give it to Alertmanager in http_config.authorization of the receiver'
    return forbiddenElsewhere(parts, c, ['ingest', 'operate'], detail)
  }
}

const OUTCOMES: Readonly<Record<number, WebhookOutcome>> = { 200: 'taken', 400: 'malformed', 413: 'too_large' }

/** Counts by what is answered, whoever answers. */
function counted(parts: IncidentRouteParts): MiddlewareHandler {
  return async (c, next) => {
    const tooLarge = await limited(parts.maxWebhookBytes())(c, next)
    const status = tooLarge instanceof Response ? tooLarge.status : c.res.status
    parts.answered(OUTCOMES[status] ?? 'not_stored')
    return tooLarge
  }
}

const STATUS: Readonly<Record<IncidentRefusal, ContentfulStatusCode>> = {
  unknown_incident: 404,
  already_acknowledged: 409,
  already_resolved: 409,
  still_to_come: 400,
}

/** The incident after a change, or the problem document for a refusal. */
export function answer(c: Context, incidents: Incidents, updated: Updated): Response {
  if (updated.ok) return c.json(incidentJson(updated.incident))
  if (updated.because === 'not_loaded' || updated.because === 'not_stored' || updated.because === 'not_known')
    return unavailableFor(c, { ...updated, because: updated.because })
  return refusal(c, incidents, { ...updated, because: updated.because })
}

/** The incident asked for, or 404 with the nearest. */
export function withIncident(c: Context, incidents: Incidents, found: (incident: Incident) => Response): Response {
  if (incidents.notLoaded !== undefined) return unavailable(c, incidents.notLoaded)
  const id = c.req.param('id') ?? ''
  const incident = incidents.get(id)
  return incident === undefined ? unknown(c, incidents, id) : found(incident)
}

function refusal(c: Context, incidents: Incidents, { because, detail }: IncidentRefused): Response {
  if (because === 'unknown_incident') return unknown(c, incidents, c.req.param('id') ?? '')
  return problem(c, STATUS[because], 'refused', detail, because)
}

function unknown(c: Context, incidents: Incidents, id: string): Response {
  const near = nearest(
    id,
    incidents.list().map((i) => i.id),
  )
  const meant = near.length === 0 ? '' : `did you mean ${near.join(', ')}? `
  return problem(c, 404, 'no such incident', `there is no incident ${id}; ${meant}see: agentopz incident list`, 'unknown_incident')
}

function unavailableFor(c: Context, { because, detail }: IncidentsUnavailable): Response {
  if (because === 'not_loaded') return unavailable(c, detail)
  if (because === 'not_known') return problem(c, 503, 'not known whether stored', detail, because)
  return problem(c, 503, 'not stored', `nothing was changed, for it could not be stored: ${detail}`, because)
}

function unavailable(c: Context, why: string): Response {
  c.header('retry-after', '10')
  return problem(c, 503, 'storage unavailable', `stored incidents cannot be read: ${why}`, 'not_loaded')
}
