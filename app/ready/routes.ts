/**
 * HTTP of readiness: all agents, or one in each of its environments. Looks when what is known is not fresh, so an answer may take as long
 * as Prometheus and Alertmanager do, within `readiness.timeout`. Names are snake_case, times RFC 3339; an unknown agent is 404 with the nearest.
 */
import type { Hono } from 'hono'
import { type Access, readers } from '../controls/access.ts'
import { nearest } from '../nearest.ts'
import { problem } from '../problem.ts'
import { type DrillRouteParts, drillRoutes } from './drills.ts'
import type { AgentReadiness, Readiness } from './readiness.ts'

export interface ReadinessRouteParts extends Access, DrillRouteParts {
  readonly readiness: Readiness
  readonly minScore: () => number
}

/** Adds the routes. */
export function readinessRoutes(app: Hono, parts: ReadinessRouteParts): void {
  drillRoutes(app, parts)
  const answer = (agents: readonly AgentReadiness[]): object => ({ min_score: parts.minScore(), agents: agents.map(readinessJson) })
  app.get('/api/v1/readiness', readers(parts, 'read'), async (c) => c.json(answer(await parts.readiness.now())))
  // Names of agents may hold slashes.
  app.get('/api/v1/readiness/:agent{.+}', readers(parts, 'read'), async (c) => {
    const agent = c.req.param('agent')
    const all = await parts.readiness.now()
    const found = all.filter((a) => a.agent === agent)
    if (found.length > 0) return c.json(answer(found))
    const near = nearest(agent, parts.readiness.agents)
    const meant = near.length === 0 ? '' : `did you mean ${near.join(', ')}? `
    const detail = `no agent ${agent} is configured or was seen since the start; ${meant}see: agentopz ready`
    return problem(c, 404, 'no such agent', detail, 'unknown_agent')
  })
}

export function readinessJson({ agent, environment, atMs, score, lowest, highest, results, isEnough }: AgentReadiness): object {
  return {
    agent,
    environment,
    checked_at: new Date(atMs).toISOString(),
    ...(score === undefined ? {} : { score }),
    lowest,
    highest,
    is_enough: isEnough,
    checks: results,
  }
}
