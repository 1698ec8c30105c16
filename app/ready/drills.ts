/**
 * Drills over HTTP: who ran one tells of it (role operate), readiness and people read them. A record is stored before it is answered; the
 * same id again is answered alike and changes nothing. `recordDrill` is the other end, for `agentopz drill`.
 */
import type { Context, Hono } from 'hono'
import { z } from 'zod'
import { DRILL_OUTCOMES, type DrillRecord } from '../../model/drill.ts'
import type { Client } from '../commands/control-client.ts'
import { type Access, bodyOf, limited, readers, writers } from '../controls/access.ts'
import { oneLine as line } from '../one-line.ts'
import { problem } from '../problem.ts'
import type { DrillStorage } from '../storage.ts'

export interface DrillRouteParts extends Access {
  readonly drills: DrillStorage
  readonly clock: () => number
  readonly storageFailed: (operation: 'read' | 'write', error: unknown) => void
}

const PATH = '/api/v1/drills'
const MAX_BODY = 65_536
const MAX_LIST = 1000
/** Clocks of two machines differ; a drill that is to end tomorrow is a mistake. */
const MAX_AHEAD_MS = 3_600_000

const at = z.iso.datetime({ offset: true, error: 'write a time such as 2026-12-01T08:00:00Z' }).transform((t) => Date.parse(t))

const drillBody = z
  .strictObject({
    id: z.string().regex(/^[\w.:-]{1,128}$/, 'write up to 128 of A-Z a-z 0-9 _ . : -'),
    drill: line(128).min(1),
    agent: line(256).default(''),
    environment: line(256).default(''),
    started_at: at,
    ended_at: at,
    outcome: z.enum(DRILL_OUTCOMES),
    misses: z.array(line(1000)).max(100).default([]),
    detected_at: at.optional(),
    attributed_at: at.optional(),
    mitigated_at: at.optional(),
    recovered_at: at.optional(),
    version: line(64).default(''),
  })
  .refine((d) => d.ended_at >= d.started_at, 'ended_at is before started_at')
  .refine((d) => d.outcome !== 'passed' || d.misses.length === 0, 'a drill that missed something did not pass')

/** Adds the routes. */
export function drillRoutes(app: Hono, parts: DrillRouteParts): void {
  app.get(PATH, readers(parts, 'read'), async (c) => {
    try {
      return c.json({ drills: (await parts.drills.drills()).slice(0, MAX_LIST).map(drillJson) })
    } catch (error) {
      return unavailable(c, parts, 'read', error)
    }
  })
  app.post(PATH, writers(parts), limited(MAX_BODY), async (c) => {
    const body = await bodyOf(c, drillBody, 'drill refused')
    if (body instanceof Response) return body
    if (body.ended_at > parts.clock() + MAX_AHEAD_MS)
      return problem(c, 400, 'drill refused', 'ended_at: is more than an hour ahead of the clock here')
    const drill = drillOf(body)
    try {
      await parts.drills.recordDrill(drill)
    } catch (error) {
      return unavailable(c, parts, 'write', error)
    }
    return c.json(drillJson(drill), 201)
  })
}

/** Tells a running `serve` of a drill. @throws CommandFailure with what it said, or that it cannot be reached. */
export async function recordDrill(client: Pick<Client, 'ask'>, drill: DrillRecord): Promise<void> {
  await client.ask('POST', PATH, drillJson(drill))
}

export function drillJson(d: DrillRecord): object {
  return {
    id: d.id,
    drill: d.drill,
    agent: d.agent,
    environment: d.environment,
    started_at: time(d.startedMs),
    ended_at: time(d.endedMs),
    outcome: d.outcome,
    misses: d.misses,
    ...when('detected_at', d.detectedMs),
    ...when('attributed_at', d.attributedMs),
    ...when('mitigated_at', d.mitigatedMs),
    ...when('recovered_at', d.recoveredMs),
    version: d.version,
  }
}

function drillOf(body: z.output<typeof drillBody>): DrillRecord {
  const { started_at, ended_at, detected_at, attributed_at, mitigated_at, recovered_at, ...same } = body
  return {
    ...same,
    startedMs: started_at,
    endedMs: ended_at,
    ...(detected_at === undefined ? {} : { detectedMs: detected_at }),
    ...(attributed_at === undefined ? {} : { attributedMs: attributed_at }),
    ...(mitigated_at === undefined ? {} : { mitigatedMs: mitigated_at }),
    ...(recovered_at === undefined ? {} : { recoveredMs: recovered_at }),
  }
}

function unavailable(c: Context, parts: DrillRouteParts, operation: 'read' | 'write', error: unknown): Response {
  parts.storageFailed(operation, error)
  const why = error instanceof Error ? error.message : String(error)
  c.header('retry-after', '10')
  return problem(c, 503, 'storage unavailable', `${parts.drills.name}: ${why}`, operation === 'read' ? 'not_loaded' : 'not_stored')
}

function when(key: string, ms: number | undefined): object {
  return ms === undefined ? {} : { [key]: time(ms) }
}

function time(ms: number): string {
  return new Date(ms).toISOString()
}
