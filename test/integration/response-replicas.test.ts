/**
 * Two replicas over one PostgreSQL that both believe they lead, which they never should: what playbooks and people do is done once all the same.
 * Control plane, incidents, response and database are real; Prometheus is a log of runs, and the clock is the test's.
 */
import { createHash } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import { parseConfig } from '../../app/config.ts'
import { ControlPlane } from '../../app/controls/plane.ts'
import { Incidents } from '../../app/incidents/incidents.ts'
import { playbooksOf } from '../../app/response/playbook-schema.ts'
import { Response } from '../../app/response/response.ts'
import { standingOf } from '../../app/response/standing.ts'
import { createStorage } from '../../app/storage.ts'
import type { AuditEntry } from '../../control/audit.ts'
import type { Incident } from '../../model/incident.ts'
import { RunLog } from '../scenarios/run-log.ts'
import { START } from '../scenarios/world.ts'
import { until } from '../support/app.ts'
import { random } from '../support/backdated.ts'
import { incidentSettings, planeSettings } from '../support/plane-settings.ts'
import { clusterOfFile } from '../support/postgres.ts'

const cleanup: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const c of cleanup.splice(0).toReversed()) await c()
})
const cluster = clusterOfFile()

const AGENT = 'support'
const MINUTE = 60_000
const AUTO = `playbooks: [{ name: roll-back, when: { cause: prompt, confidence: high }, do: [rollback_release], mode: auto }]`

interface Replica {
  readonly plane: ControlPlane
  readonly incidents: Incidents
  readonly response: Response
}
class World {
  readonly log = new RunLog()
  readonly #next = random(11)
  now = START - 24 * 60 * MINUTE

  async replica(url: string, playbooks: string): Promise<Replica> {
    const storage = createStorage(url, '/')
    const clock = (): number => this.now
    const failed = (error: unknown): void => expect(error).toBe('')
    const loaded = parseConfig(playbooks, 'agentopz.yaml', {})
    if (!loaded.ok) throw new Error(loaded.problems.join('\n'))
    const plane = new ControlPlane(storage, planeSettings(), {
      done: () => undefined,
      changed: () => undefined,
      storageFailed: (_, e) => failed(e),
      storageRecovered: () => undefined,
    })
    let ids = 0
    const incidents = new Incidents(storage, incidentSettings({ newId: () => `inc_${++ids}` }), clock, {
      changed: () => undefined,
      storageFailed: (_, e) => failed(e),
      dropped: () => undefined,
      listenerFailed: failed,
    })
    await plane.load(this.now)
    await incidents.load()
    plane.follow()
    incidents.follow()
    const choose = async (agent: string) => {
      const [version = '', from = ''] = plane.releases(agent)?.activations.slice(-2) ?? []
      return { ok: true, version, from, because: 'former', text: 'the one before', passedOver: [] } as const
    }
    const response = new Response({
      plane,
      incidents,
      clock,
      leads: () => true,
      evidence: this.log.evidence,
      settings: () => ({
        playbooks: playbooksOf(loaded.config.playbooks),
        checkEveryMs: MINUTE,
        settleMs: 10_000,
        scale: 1,
        runs: 50,
        withinMs: 14_400_000,
      }),
      standingOf: (agent, environment, choosing) =>
        standingOf({ plane, choose, fallbackOf: () => undefined }, { agent, environment, choosing, now: this.now }),
      knownTools: () => [this.log.tool],
      events: { looked: () => undefined, failed },
    })
    cleanup.push(async () => {
      await response.close()
      await incidents.close()
      await plane.close()
    })
    return { plane, incidents, response }
  }

  /** A minute in which the agent has four runs with its active release; half of those with v8 fail. */
  minute(plane: ControlPlane): void {
    const prompt = plane.releases(AGENT)?.activations.at(-1) ?? 'none'
    for (let i = 0; i < 4; i++) {
      const fails = this.#next() < (prompt === 'v8' ? 0.5 : 0.05)
      this.log.runs.push({ atMs: this.now + (i * MINUTE) / 4, fails, prompt, call: 'ok', outcome: 'ok' })
    }
    this.now += MINUTE
  }
}

/** Release v8 is bad, an alert says so half an hour later, and both replicas know of it. */
async function regression(playbooks: string): Promise<{ world: World; a: Replica; b: Replica; url: string }> {
  const world = new World()
  const url = await cluster.database()
  const [a, b] = [await world.replica(url, playbooks), await world.replica(url, playbooks)]
  const release = async (version: string): Promise<void> => {
    const who = { actor: 'ana', reason: '', via: 'loopback' }
    await a.plane.publish({ agent: AGENT, version, prompts: { system: version }, config: {} }, who, () => world.now)
    expect((await a.plane.activate(AGENT, version, who, () => world.now)).ok).toBe(true)
  }
  await release('v7')
  while (world.now < START) world.minute(a.plane)
  await release('v8')
  while (world.now < START + 30 * MINUTE) world.minute(a.plane)
  world.log.firing.add('AgentQualityDrop')
  const labels = { alertname: 'AgentQualityDrop', severity: 'critical', agent: AGENT, environment: 'prod', sli: 'quality' }
  const fingerprint = createHash('sha256').update(JSON.stringify(labels)).digest('hex').slice(0, 16)
  const told = { fingerprint, status: 'firing', labels, summary: 'x', startsMs: world.now } as const
  const received = await Promise.all([a, b].map((r) => r.incidents.receive([told])))
  expect(received.map((r) => r.ok)).toEqual([true, true])
  await until(async () => a.incidents.list().length === 1 && b.incidents.list().length === 1, 'both know the incident')
  world.minute(a.plane)
  return { world, a, b, url }
}
const incidentOf = (r: Replica): Incident => {
  const [incident] = r.incidents.list()
  if (incident === undefined) throw new Error('there is none')
  return incident
}
const auditOf = async (url: string, action: AuditEntry['action']): Promise<readonly AuditEntry[]> =>
  (await cluster.query<{ document: string }>(url, 'select document from control_audit order by seq'))
    .map((r) => JSON.parse(r.document) as AuditEntry)
    .filter((e) => e.action === action)

test('a playbook that both would run rolls back once, is verified once, and the record tells it once', async () => {
  const { world, a, b, url } = await regression(AUTO)
  for (let n = 0; n < 30; n++) {
    await Promise.all([a, b].map((r) => r.response.look()))
    world.minute(a.plane)
  }
  expect((await auditOf(url, 'rollback')).map((e) => [e.actor, e.target])).toEqual([['playbook:roll-back', 'v7']])
  await until(async () => JSON.stringify(incidentOf(a)) === JSON.stringify(incidentOf(b)), 'both tell the same')
  const { state, actions, timeline } = incidentOf(a)
  // A proposal may have been taken back by the one that knew more.
  expect([state, actions.map((x) => x.state).filter((s) => s !== 'withdrawn')]).toEqual(['mitigated', ['verified']])
  const told = timeline.map((e) => e.kind)
  for (const kind of ['alert_fired', 'triaged', 'action', 'verified', 'mitigated'] as const)
    expect(
      told.filter((k) => k === kind),
      kind,
    ).toHaveLength(1)
})

test('what a person does at one replica while the other finishes what was begun is done once, and stands', async () => {
  const { a, b, url } = await regression('playbooks: []')
  const { id } = incidentOf(a)
  const sure = { actor: 'ana', via: 'loopback', reason: 'by hand', force: true } as const
  for (let n = 0; n < 10; n++) {
    // The other one looks again and again: it meets the action begun and not done.
    let isOver = false
    const looking = (async (): Promise<void> => {
      while (!isOver) await b.response.look()
    })()
    const acted = await a.response.act(id, { action: 'open_tool', target: `tool${n}`, ...sure })
    isOver = true
    await looking
    expect(acted).toMatchObject({ ok: true, action: { state: 'in_force', target: `tool${n}` } })
    await until(async () => JSON.stringify(incidentOf(a)) === JSON.stringify(incidentOf(b)), 'both tell the same')
    expect(incidentOf(b).actions.map((x) => x.state)).toEqual(Array.from({ length: n + 1 }, () => 'in_force'))
  }
  expect((await auditOf(url, 'set')).map((e) => e.target)).toEqual(Array.from({ length: 10 }, (_, n) => `tool${n}`))
})
