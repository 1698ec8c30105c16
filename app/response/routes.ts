/**
 * HTTP of actions: taking a proposal of a playbook, doing something else, undoing. What is answered with 200 or 201 is stored, in force and in
 * the audit. A name that nobody knows is answered with the nearest ones.
 */
import type { Context, Hono } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { bodyOf, limited, viaOf, writers, type Access } from '../controls/access.ts'
import { expiry } from '../controls/wire.ts'
import { answer } from '../incidents/routes.ts'
import type { Incidents } from '../incidents/incidents.ts'
import { incidentJson } from '../incidents/wire.ts'
import { nearest } from '../nearest.ts'
import { problem } from '../problem.ts'
import type { Acted, ActionRefusal, ActionRefused, Asked } from './asked.ts'
import type { Response as IncidentResponse } from './response.ts'
import { actionBody, actionJson, undoActionBody } from './wire.ts'

export interface ResponseRouteParts extends Access {
  readonly incidents: Incidents
  readonly response: IncidentResponse
  readonly clock: () => number
  readonly defaultExpirySeconds: () => number | 'never'
}

const MAX_BODY = 65_536

const STATUS: Readonly<Record<ActionRefusal, ContentfulStatusCode>> = {
  unknown_action: 404,
  unknown_name: 404,
  not_proposed: 409,
  does_not_fit: 409,
  conflict: 409,
  refused: 409,
  not_in_force: 409,
  incident_resolved: 409,
}

/** Adds the routes. */
export function responseRoutes(app: Hono, parts: ResponseRouteParts): void {
  const { response, incidents, clock } = parts
  app.post('/api/v1/incidents/:id/actions', writers(parts), limited(MAX_BODY), async (c) => {
    const body = await bodyOf(c, actionBody, 'action refused')
    if (body instanceof Response) return body
    const { actor, proposal, action, target, reason, fallback } = body
    const { expiresMs, lastsMs } = expiry(body.expires, parts.defaultExpirySeconds())
    const untilMs = lastsMs === undefined ? expiresMs : clock() + lastsMs
    const common = { actor, via: viaOf(parts, c), ...(untilMs === undefined ? {} : { expiresMs: untilMs }) }
    const asked: Asked =
      action === undefined
        ? { ...common, proposal: proposal ?? '', ...(reason === undefined ? {} : { reason }) }
        : {
            ...common,
            action,
            reason: reason ?? '',
            force: c.req.query('force') === '1',
            ...(target === undefined ? {} : { target }),
            ...(fallback === undefined ? {} : { fallback }),
          }
    return acted(c, incidents, await response.act(c.req.param('id'), asked), 201)
  })
  app.delete('/api/v1/incidents/:id/actions/:action', writers(parts), limited(MAX_BODY), async (c) => {
    const body = await bodyOf(c, undoActionBody, 'undo refused')
    if (body instanceof Response) return body
    const { id, action } = c.req.param()
    return acted(c, incidents, await response.undo(id, action, { ...body, via: viaOf(parts, c) }), 200)
  })
}

/** The action and the incident it is part of, or the problem document. */
function acted(c: Context, incidents: Incidents, done: Acted, status: 200 | 201): Response {
  if (done.ok) return c.json({ ...actionJson(done.action), incident: incidentJson(done.incident) }, status)
  if (isActionRefused(done)) return problem(c, STATUS[done.because], 'action refused', detailOf(c, done), done.because)
  return answer(c, incidents, done)
}

function isActionRefused(refused: Exclude<Acted, { ok: true }>): refused is ActionRefused {
  return Object.hasOwn(STATUS, refused.because)
}

function detailOf(c: Context, { detail, known = [], because }: ActionRefused): string {
  if (because !== 'unknown_action' && because !== 'unknown_name') return detail
  const asked = /\S+$/.exec(detail.replace(/ is configured or was seen$/, ''))?.[0] ?? ''
  const near = nearest(asked, known)
  if (near.length > 0) return `${detail}; did you mean ${near.join(', ')}?`
  return known.length === 0
    ? `${detail}; see: agentopz incident show ${c.req.param('id') ?? ''}`
    : `${detail}; there are ${known.slice(0, 10).join(', ')}`
}
