/**
 * A world for scenarios of incidents: the real routes, lifecycle and storage, with a clock that a scenario sets and an Alertmanager of a few
 * lines that sends what the real one sends: everything it holds of a group, whenever something about it changes.
 */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Hono } from 'hono'
import { expect } from 'vitest'
import { Incidents } from '../../app/incidents/incidents.ts'
import { incidentRoutes } from '../../app/incidents/routes.ts'
import { accessOf } from '../support/access.ts'
import { createLog } from '../../app/log.ts'
import { createStorage, type IncidentStorage, type Storage } from '../../app/storage.ts'
import type { Incident, IncidentState } from '../../model/incident.ts'
import { ALERTS, type AlertDefinition } from '../../model/alerts.ts'

/** 2026-12-01T08:00:00Z; scenarios count from here. */
export const START = Date.UTC(2026, 11, 1, 8)
const UNIT: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `90s`, `5m`, `26h`; also `-5m`. */
export function ms(text: string): number {
  return Number(text.slice(0, -1)) * (UNIT[text.slice(-1)] ?? Number.NaN)
}

type Labels = Readonly<Record<string, string>>
interface Held {
  readonly name: string
  readonly labels: Labels
  readonly startsMs: number
  endsMs?: number
}
/** What an incident must be; what is left out is not looked at. */
export interface Expected {
  readonly state?: IncidentState
  readonly severity?: string
  readonly title?: string
  readonly drill?: boolean
  /** `Name` while it fires, `Name (ended)` after. */
  readonly alerts?: readonly string[]
  readonly by?: string | undefined
}

export class World {
  readonly #dir = mkdtempSync(join(tmpdir(), 'agentopz-scenario-'))
  readonly #sent: object[] = []
  #held: Held[] = []
  #storage: Storage & IncidentStorage = createStorage('sqlite:./a.db', this.#dir)
  #incidents: Incidents | undefined
  #app = new Hono()
  #from = '127.0.0.1'
  #isFull = false
  #ids = 0
  /** When each agent was last seen switched off. */
  readonly disabled = new Map<string, number>()
  now = START

  static async begin(): Promise<World> {
    const world = new World()
    await world.restart()
    return world
  }

  async end(): Promise<void> {
    await this.#storage.close()
    rmSync(this.#dir, { recursive: true, force: true })
  }

  /** The process is killed and started again: only what is stored is left. */
  async restart(): Promise<void> {
    await this.#storage.close()
    this.#storage = createStorage('sqlite:./a.db', this.#dir)
    const storage: IncidentStorage = {
      name: 'a.db',
      incidents: () => this.#storage.incidents(),
      writeIncidents: (change) => (this.#isFull ? Promise.reject(new Error('disk full')) : this.#storage.writeIncidents(change)),
      incidentsAlone: (work) => this.#storage.incidentsAlone(work),
    }
    const clock = (): number => this.now
    this.#incidents = new Incidents(
      storage,
      {
        mergeWindowMs: ms('30m'),
        resolveAfterMs: ms('10m'),
        reopenWithinMs: ms('1h'),
        maxIncidents: 100,
        maxAlerts: 50,
        maxTimeline: 200,
        newId: () => `inc_${++this.#ids}`,
        isDrill: () => false,
        lastDisabledMs: (agent) => this.disabled.get(agent),
      },
      clock,
      {
        changed: () => undefined,
        storageFailed: () => undefined,
        dropped: () => undefined,
        listenerFailed: (error) => expect(error).toBe(''),
      },
    )
    await this.#incidents.load()
    this.#app = new Hono()
    incidentRoutes(this.#app, {
      incidents: this.incidents,
      clock,
      log: createLog({ level: 'silent', format: 'json' }),
      ...accessOf(),
      maxWebhookBytes: () => 1_000_000,
      answered: () => undefined,
      told: () => undefined,
      doubted: () => undefined,
    })
  }

  get incidents(): Incidents {
    if (this.#incidents === undefined) throw new Error('begin the world first')
    return this.#incidents
  }

  /** It is so long after the start; every second of the app's own clock has passed by then. */
  async at(time: string): Promise<this> {
    expect(START + ms(time)).toBeGreaterThanOrEqual(this.now)
    this.now = START + ms(time)
    this.incidents.tick(this.now)
    await this.incidents.update('', (i) => i)
    return this
  }

  diskIs(full: 'full' | 'free'): void {
    this.#isFull = full === 'full'
  }

  /** Prometheus tells Alertmanager, and that tells agentopz. Returns the status. */
  async fires(name: string, labels: Labels): Promise<number> {
    this.#held.push({ name, labels, startsMs: this.now })
    return this.#notify(labels)
  }

  async ends(name: string, labels: Labels): Promise<number> {
    const held = this.#held.find((h) => h.name === name && isSame(h.labels, labels) && h.endsMs === undefined)
    if (held === undefined) throw new Error(`${name} does not fire`)
    held.endsMs = this.now
    const status = await this.#notify(labels)
    // What has ended and was told is forgotten.
    if (status === 200) this.#held = this.#held.filter((h) => h.endsMs === undefined)
    return status
  }

  /** It tells again what it holds: after a failure, or because hours have passed. */
  async tellsAgain(labels: Labels): Promise<number> {
    return this.#notify(labels)
  }

  /** Every webhook so far is sent again, in an order of the scenario's. */
  async replays(order: (webhooks: readonly object[]) => readonly object[] = (w) => w): Promise<readonly number[]> {
    const out: number[] = []
    for (const body of order([...this.#sent])) out.push(await this.#post('/api/v1/alerts', body))
    return out
  }

  /** Somebody elsewhere sends a webhook that nobody asked for. */
  async forges(name: string, labels: Labels): Promise<number> {
    this.#from = '10.9.8.7'
    const status = await this.#post('/api/v1/alerts', this.#webhook([{ name, labels, startsMs: this.now }]))
    this.#from = '127.0.0.1'
    return status
  }

  async person(actor: string, what: 'acknowledge' | 'note' | 'resolve', body: object = {}, agent = 'support'): Promise<number> {
    return this.#post(`/api/v1/incidents/${this.of(agent).id}/${what}`, { actor, ...body })
  }

  async review(agent = 'support'): Promise<string> {
    const path = `/api/v1/incidents/${this.of(agent).id}/review`
    return (await this.#app.request(`http://localhost${path}`, {}, { incoming: { socket: { remoteAddress: this.#from } } })).text()
  }

  /** The newest incident of an agent. */
  of(agent: string): Incident {
    const [newest] = this.incidents.list({ agent })
    if (newest === undefined) throw new Error(`${agent} has no incident`)
    return newest
  }

  expectIncident(agent: string, wanted: Expected): void {
    const i = this.of(agent)
    const alerts = i.alerts.map((a) => `${a.name}${a.endsMs === undefined ? '' : ' (ended)'}`)
    expect({ state: i.state, severity: i.severity, title: i.title, drill: i.drill, alerts, by: i.acknowledgedBy }).toMatchObject(wanted)
  }

  /** The timeline as `5m kind: text`, without what is not asked for. */
  timeline(agent: string, ...kinds: readonly string[]): readonly string[] {
    return this.of(agent)
      .timeline.filter((e) => kinds.length === 0 || kinds.includes(e.kind))
      .map((e) => `${(e.atMs - START) / 60_000}m ${e.kind}: ${e.text}`)
  }

  #notify(labels: Labels): Promise<number> {
    const body = this.#webhook(
      this.#held.filter((h) => h.labels['agent'] === labels['agent'] && h.labels['environment'] === labels['environment']),
    )
    this.#sent.push(body)
    return this.#post('/api/v1/alerts', body)
  }

  #webhook(held: readonly Held[]): object {
    return {
      version: '4',
      groupKey: 'g',
      truncatedAlerts: 0,
      status: held.some((h) => h.endsMs === undefined) ? 'firing' : 'resolved',
      receiver: 'agentopz',
      alerts: held.map((h) => {
        const definition = (ALERTS as Readonly<Record<string, AlertDefinition>>)[h.name]
        const labels = { alertname: h.name, severity: definition?.severity ?? 'critical', ...h.labels }
        return {
          status: h.endsMs === undefined ? 'firing' : 'resolved',
          labels,
          annotations: { summary: definition?.title ?? h.name },
          startsAt: new Date(h.startsMs).toISOString(),
          endsAt: h.endsMs === undefined ? '0001-01-01T00:00:00Z' : new Date(h.endsMs).toISOString(),
          generatorURL: '',
          fingerprint: createHash('sha256').update(JSON.stringify(labels)).digest('hex').slice(0, 16),
        }
      }),
    }
  }

  async #post(path: string, body: object): Promise<number> {
    const init = { method: 'POST', headers: { host: 'localhost', 'content-type': 'application/json' }, body: JSON.stringify(body) }
    return (await this.#app.request(`http://localhost${path}`, init, { incoming: { socket: { remoteAddress: this.#from } } })).status
  }
}

function isSame(a: Labels, b: Labels): boolean {
  return Object.keys({ ...a, ...b }).every((k) => a[k] === b[k])
}
