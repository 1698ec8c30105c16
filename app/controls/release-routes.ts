/** HTTP of releases: publish, list, read, activate, roll back. Texts of prompts are told only where one release is asked for. */
import type { Context, Hono } from 'hono'
import { type Activated, diffReleases, type ReleaseRefusal } from '../../control/releases.ts'
import type { RollbackChoice } from '../../control/known-good.ts'
import type { Refused } from '../../control/controls.ts'
import { nearest } from '../nearest.ts'
import { problem } from '../problem.ts'
import { type Access, bodyOf, limited, readers, viaOf, writers } from './access.ts'
import type { KnownGood } from './known-good.ts'
import type { ControlPlane, TooLarge, Unavailable } from './plane.ts'
import { refusal, unavailable } from './refusal.ts'
import { activationBody, choiceJson, releaseBody, releaseJson, rollbackBody, verdictJson } from './wire.ts'

export interface ReleaseRouteParts extends Access {
  readonly plane: ControlPlane
  readonly knownGood: KnownGood
  readonly clock: () => number
  readonly maxReleaseBytes: () => number
}

/** JSON may write a character as six. */
const ESCAPES = 6
/** Audit entries among which whoever changed the release meanwhile surely is. */
const RECENT = 50

type Outcome = Activated | Refused<ReleaseRefusal> | TooLarge | Unavailable

export function releaseRoutes(app: Hono, parts: ReleaseRouteParts): void {
  const { plane, knownGood, clock } = parts
  const answer = async (c: Context, agent: string, outcome: Outcome, choice?: RollbackChoice): Promise<Response> => {
    if (!outcome.ok) return refusal(c, 'release refused', await hinted(plane, agent, outcome))
    const known = outcome.state.get(agent)?.releases
    const to = known?.get(outcome.active)
    const from = outcome.former === undefined ? undefined : known?.get(outcome.former)
    const held = plane.controls(clock()).filter((control) => control.control === 'release' && control.agent === agent)
    return c.json({
      agent,
      active: outcome.active,
      former: outcome.former ?? null,
      ...(choice === undefined ? {} : { choice: choiceJson(choice) }),
      changes: to === undefined ? [] : diffReleases(from, to),
      // A control that holds another version goes before: whoever activates should know.
      held: held.map(({ id, target, environment }) => ({ id, version: target, environment })),
    })
  }
  app.get('/api/v1/releases/:agent', readers(parts, 'read'), async (c) => {
    if (plane.notLoaded !== undefined) return unavailable(c, plane.notLoaded)
    const agent = c.req.param('agent')
    const known = plane.releases(agent)
    const active = known?.activations.at(-1)
    const judged = await knownGood.judge(agent, [...(known?.releases.keys() ?? [])])
    const releases = [...(known?.releases.values() ?? [])].toReversed().map((r) => {
      const verdict = judged.get(r.version)
      return { ...releaseJson(r, active), ...(verdict === undefined ? {} : verdictJson(verdict)) }
    })
    return c.json({ agent, active: active ?? null, releases })
  })
  app.get('/api/v1/releases/:agent/:version', readers(parts, 'read'), (c) => {
    if (plane.notLoaded !== undefined) return unavailable(c, plane.notLoaded)
    const { agent, version } = c.req.param()
    const known = plane.releases(agent)
    const found = known?.releases.get(version)
    if (found === undefined) return problem(c, 404, 'no such release', `${agent} has no release ${version}`)
    return c.json({ agent, ...releaseJson(found, known?.activations.at(-1)), prompts: found.prompts, config: found.config })
  })
  app.post(
    '/api/v1/releases/:agent',
    writers(parts),
    (c, next) => limited(parts.maxReleaseBytes() * ESCAPES + 65_536)(c, next),
    async (c) => {
      const body = await bodyOf(c, releaseBody, 'release refused')
      if (body instanceof Response) return body
      const agent = c.req.param('agent')
      const { actor, reason, activate, version, model, prompts, config } = body
      const who = { actor, reason, via: viaOf(parts, c) }
      const draft = { agent, prompts, config, ...(version === undefined ? {} : { version }), ...(model === undefined ? {} : { model }) }
      const published = await plane.publish(draft, who, clock)
      if (!published.ok) return refusal(c, 'release refused', published)
      const { release, entry, forgotten } = published
      let active = plane.releases(agent)?.activations.at(-1)
      if (activate && active !== release.version) {
        const activated = await plane.activate(agent, release.version, who, clock)
        if (!activated.ok) return refusal(c, 'release published, not activated', activated)
        active = activated.active
      }
      return c.json({ agent, ...releaseJson(release, active), forgotten }, entry === undefined ? 200 : 201, {
        location: `/api/v1/releases/${encodeURIComponent(agent)}/${release.version}`,
      })
    },
  )
  app.post('/api/v1/releases/:agent/rollback', writers(parts), limited(65_536), async (c) => {
    const body = await bodyOf(c, rollbackBody, 'release refused')
    if (body instanceof Response) return body
    const agent = c.req.param('agent')
    if (plane.notLoaded !== undefined) return unavailable(c, plane.notLoaded)
    const { to, ...who } = body
    const choice = plane.releases(agent) === undefined ? undefined : await knownGood.choose(agent, to)
    if (choice?.ok === false) return refusal(c, 'release refused', choice)
    // Whoever gave no reason had this one.
    const reason = who.reason === '' ? (choice?.text ?? '') : who.reason
    return answer(c, agent, await plane.rollback(agent, { ...who, reason, via: viaOf(parts, c) }, clock, choice), choice)
  })
  app.post('/api/v1/releases/:agent/:version/activate', writers(parts), limited(65_536), async (c) => {
    const body = await bodyOf(c, activationBody, 'release refused')
    if (body instanceof Response) return body
    const { agent, version } = c.req.param()
    return answer(c, agent, await plane.activate(agent, version, { ...body, via: viaOf(parts, c) }, clock))
  })
}

/** With what helps: the names most like the one that is not known, or who changed the release meanwhile. */
async function hinted(plane: ControlPlane, agent: string, outcome: Exclude<Outcome, Activated>): Promise<Exclude<Outcome, Activated>> {
  if (outcome.because === 'unknown_agent') {
    const near = nearest(agent, plane.agentsWithReleases)
    return near.length === 0 ? outcome : { ...outcome, detail: `${outcome.detail}; did you mean ${near.join(', ')}?` }
  }
  if (outcome.because !== 'not_active') return outcome
  const entries = await plane.audit(RECENT).catch(() => [])
  const moved = entries.find((e) => e.agent === agent && (e.action === 'activate' || e.action === 'rollback'))
  if (moved === undefined) return outcome
  const { action, target, actor, atMs } = moved
  return { ...outcome, detail: `${outcome.detail}: ${action} to ${target} by ${actor} at ${new Date(atMs).toISOString()}` }
}
