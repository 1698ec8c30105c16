/**
 * HTTP of controls: what is in force, its audit, setting and undoing. A change is stored before it is answered.
 * A name that nobody configured or was seen is refused with the nearest ones: a mistyped kill switch would do nothing.
 */
import type { Hono } from 'hono'
import { nearest } from '../nearest.ts'
import { problem } from '../problem.ts'
import { isAddress, reach, shownUrl } from '../ready/reach.ts'
import type { RefusedAttempt } from '../storage-refused.ts'
import { type Access, bodyOf, limited, readers, viaOf, writers } from './access.ts'
import type { ControlPlane } from './plane.ts'
import { refusal, unavailable } from './refusal.ts'
import { auditJson, controlBody, controlJson, expiry, refusedJson, undoBody } from './wire.ts'

export interface ControlRouteParts extends Access {
  readonly plane: ControlPlane
  readonly clock: () => number
  readonly defaultExpirySeconds: () => number | 'never'
  /** What the configuration has an agent answer while it is disabled. */
  readonly fallbackOf: (agent: string) => string | undefined
  /** Refused attempts to act, newest first. */
  readonly refusedAttempts: (limit: number) => Promise<readonly RefusedAttempt[]>
  /** Agents that are configured or were seen. */
  readonly knownAgents: () => Iterable<string>
  /** Tools that are configured or were seen. */
  readonly knownTools: () => Iterable<string>
}

const MAX_BODY = 65_536
const MAX_AUDIT = 1000
const FALLBACK_MS = 2000

/** Adds the routes. */
export function controlRoutes(app: Hono, parts: ControlRouteParts): void {
  const { plane, clock } = parts
  app.get('/api/v1/controls', readers(parts, 'read'), async (c) => {
    if (plane.notLoaded !== undefined) return unavailable(c, plane.notLoaded)
    const controls = plane.controls(clock()).map(controlJson)
    if (c.req.query('all') !== '1') return c.json({ controls })
    const asked = Number(c.req.query('limit') ?? 100)
    const limit = Number.isInteger(asked) && asked > 0 ? Math.min(asked, MAX_AUDIT) : 100
    try {
      const [audit, refused] = [await plane.audit(limit), await parts.refusedAttempts(limit)]
      return c.json({ controls, audit: audit.map(auditJson), refused: refused.map(refusedJson) })
    } catch (error) {
      return unavailable(c, error instanceof Error ? error.message : 'the audit cannot be read')
    }
  })
  app.post('/api/v1/controls', writers(parts), limited(MAX_BODY), async (c) => {
    const body = await bodyOf(c, controlBody, 'control refused')
    if (body instanceof Response) return body
    if (c.req.query('force') !== '1') {
      const unknown = unknownName(body.control, body.agent, body.target, parts)
      if (unknown !== undefined) return problem(c, 404, 'control refused', unknown, 'unknown_name')
    }
    const { reason, actor, expires, fallback, ...about } = body
    const request = { ...about, ...expiry(expires, parts.defaultExpirySeconds()), ...(fallback === undefined ? {} : { fallback }) }
    const outcome = await plane.set(request, { actor, reason, via: viaOf(parts, c) }, clock)
    if (!outcome.ok) return refusal(c, 'control refused', outcome)
    const { put, removed = [] } = outcome.entry
    if (put === undefined) return problem(c, 500, 'internal error', 'a control was set and is not there')
    const replaced = outcome.entry.action === 'replace' ? { replaced: removed } : {}
    return c.json({ ...controlJson(put), ...replaced }, 201, { location: `/api/v1/controls/${put.id}` })
  })
  app.get('/api/v1/controls/:id', readers(parts, 'read'), (c) => {
    if (plane.notLoaded !== undefined) return unavailable(c, plane.notLoaded)
    const found = plane.controls(clock()).find((control) => control.id === c.req.param('id'))
    return found === undefined
      ? problem(c, 404, 'no such control', `no control ${c.req.param('id')} is in force`)
      : c.json(controlJson(found))
  })
  app.get('/api/v1/controls/:id/fallback', readers(parts, 'read'), async (c) => {
    if (plane.notLoaded !== undefined) return unavailable(c, plane.notLoaded)
    const found = plane.controls(clock()).find((control) => control.id === c.req.param('id'))
    return found?.control === 'agent'
      ? c.json(await fallbackState(found.fallback ?? parts.fallbackOf(found.agent)))
      : problem(c, 404, 'no such control', `no control ${c.req.param('id')} that disables an agent is in force`)
  })
  app.delete('/api/v1/controls/:id', writers(parts), limited(MAX_BODY), async (c) => {
    const body = await bodyOf(c, undoBody, 'undo refused')
    if (body instanceof Response) return body
    const outcome = await plane.undo(c.req.param('id'), { ...body, via: viaOf(parts, c) }, clock)
    return outcome.ok ? c.json(auditJson(outcome.entry)) : refusal(c, 'undo refused', outcome)
  })
}

/** What callers of a disabled agent get, and whether it is there. */
async function fallbackState(fallback: string | undefined): Promise<object> {
  if (fallback === undefined || fallback === '') return { kind: 'none', text: 'there is none: callers get an error' }
  if (!isAddress(fallback)) return { kind: 'message', text: 'it is a message' }
  if (!URL.canParse(fallback)) return { kind: 'url', is_reached: false, text: 'it begins like a URL and is none' }
  const { isReached, text } = await reach(fallback, FALLBACK_MS)
  return { kind: 'url', url: shownUrl(fallback), is_reached: isReached, text: `${shownUrl(fallback)} ${text}` }
}

/** What is unknown about an agent or tool that nobody has configured or seen: mistyped names are more common than new agents. */
function unknownName(kind: string, agent: string, target: string, parts: ControlRouteParts): string | undefined {
  const wrongAgent = agent === '' ? undefined : missing('agent', agent, parts.knownAgents())
  return wrongAgent ?? (kind === 'tool' && target !== '' ? missing('tool', target, parts.knownTools()) : undefined)
}

function missing(what: string, name: string, names: Iterable<string>): string | undefined {
  const known = new Set<string>()
  for (const each of names) {
    if (each === name) return undefined
    known.add(each)
  }
  const near = nearest(name, known)
  const meant = near.length === 0 ? '' : `did you mean ${near.join(', ')}? `
  return `no ${what} "${name}" is configured or was seen; ${meant}to take it all the same: --force, over HTTP ?force=1`
}
