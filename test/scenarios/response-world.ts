/**
 * A world for scenarios of the response: the real control plane, incidents, storage and response, and an agent of a few lines that reads its
 * active release, loses its tool when that is opened, and makes no runs while it is disabled. What it does is counted in a log that answers
 * as Prometheus would. The clock is the scenario's, a minute at a time.
 */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { parseConfig } from '../../app/config.ts'
import { createKnownGood } from '../../app/controls/known-good.ts'
import { ControlPlane } from '../../app/controls/plane.ts'
import { Incidents } from '../../app/incidents/incidents.ts'
import { createPrometheus } from '../../app/prometheus.ts'
import type { Acted } from '../../app/response/asked.ts'
import { playbooksOf } from '../../app/response/playbook-schema.ts'
import { Response } from '../../app/response/response.ts'
import { standingOf } from '../../app/response/standing.ts'
import { createStorage, type IncidentStorage, type Storage } from '../../app/storage.ts'
import { ALERTS, type AlertName } from '../../model/alerts.ts'
import type { Action, ActionKind, Incident } from '../../model/incident.ts'
import { random } from '../support/backdated.ts'
import { incidentSettings, planeSettings } from '../support/plane-settings.ts'
import { type LoggedRun, RunLog } from './run-log.ts'
import { ms, START } from './world.ts'

export const AGENT = 'support'
const ENVIRONMENT = 'prod'
const RUNS_A_MINUTE = 4
const MINUTE = 60_000

/** Share of runs that fail, by what they are made with. */
export type Behaviour = (run: { readonly prompt: string; readonly atMs: number; readonly toolIsOpen: boolean }) => {
  readonly failing: number
  /** Share of calls of the tool that end in an error, and spoil the run. */
  readonly toolErrors?: number
}

export class ResponseWorld {
  readonly #dir = mkdtempSync(join(tmpdir(), 'agentopz-response-'))
  readonly #next = random(11)
  readonly #behaves: Behaviour
  readonly #config: ReturnType<typeof configOf>
  #storage: (Storage & IncidentStorage) | undefined
  #plane: ControlPlane | undefined
  #incidents: Incidents | undefined
  #response: Response | undefined
  #isFull = false
  #isQuiet = false
  readonly log = new RunLog()
  now = START

  private constructor(playbooks: string, behaves: Behaviour) {
    this.#config = configOf(playbooks)
    this.#behaves = behaves
  }

  /** A day of normal runs with release v7 lies behind; `playbooks` is YAML. */
  static async begin(playbooks: string, behaves: Behaviour): Promise<ResponseWorld> {
    const world = new ResponseWorld(playbooks, behaves)
    world.now = START - ms('24h')
    await world.restart()
    await world.releases('v6')
    await world.releases('v7')
    while (world.now < START) {
      world.#runs()
      world.now += MINUTE
    }
    return world
  }

  async end(): Promise<void> {
    await this.#response?.close()
    await this.#plane?.close()
    rmSync(this.#dir, { recursive: true, force: true })
  }

  /** The process is killed and started again: only what is stored is left. */
  async restart(): Promise<void> {
    await this.#response?.close()
    await this.#plane?.close()
    const stored = createStorage('sqlite:./a.db', this.#dir)
    const storage: Storage & IncidentStorage = {
      ...stored,
      write: (change) => (this.#isFull ? Promise.reject(new Error('disk full')) : stored.write(change)),
    }
    const clock = (): number => this.now
    const failed = (error: unknown): void => expect(error).toBe('')
    const plane = new ControlPlane(storage, planeSettings(), {
      done: () => undefined,
      changed: () => undefined,
      storageFailed: (_, e) => (this.#isFull ? undefined : failed(e)),
      storageRecovered: () => undefined,
      conflicted: () => undefined,
    })
    const incidents = new Incidents(storage, incidentSettings(), clock, {
      changed: () => undefined,
      storageFailed: (_, e) => failed(e),
      dropped: () => undefined,
      listenerFailed: failed,
    })
    await plane.load(this.now)
    await incidents.load()
    const config = this.#config
    // It is not asked: the release before is taken.
    const prometheus = createPrometheus('http://127.0.0.1:1')
    const knownGood = createKnownGood({ plane, prometheus: () => prometheus, config: () => config, clock, failed })
    this.#response = new Response({
      plane,
      incidents,
      clock,
      leads: () => true,
      evidence: this.log.evidence,
      settings: () => ({
        playbooks: playbooksOf(config.playbooks),
        checkEveryMs: MINUTE,
        settleMs: 10_000,
        scale: 1,
        runs: 50,
        withinMs: ms('4h'),
      }),
      standingOf: (agent, environment, choosing) =>
        standingOf(
          { plane, choose: (name) => knownGood.choose(name, 'former'), fallbackOf: (name) => config.agents[name]?.fallback },
          { agent, environment, choosing, now: clock() },
        ),
      knownTools: () => [this.log.tool],
      events: { looked: () => undefined, failed },
    })
    this.#storage = storage
    this.#plane = plane
    this.#incidents = incidents
  }

  get plane(): ControlPlane {
    return known(this.#plane)
  }
  get incidents(): Incidents {
    return known(this.#incidents)
  }
  get response(): Response {
    return known(this.#response)
  }
  get storage(): Storage & IncidentStorage {
    return known(this.#storage)
  }

  /** It is so long after the start; every minute the agent has run and the response has looked. */
  async at(time: string): Promise<void> {
    while (this.now < START + ms(time)) {
      this.#runs()
      this.now += MINUTE
      this.incidents.tick(this.now)
      await this.response.look()
    }
  }

  /** Nobody calls the agent any more, or they do again. */
  pauses(): void {
    this.#isQuiet = true
  }
  resumes(): void {
    this.#isQuiet = false
  }

  /** Controls and releases cannot be stored; incidents can, which were stored first. */
  diskIs(full: 'full' | 'free'): void {
    this.#isFull = full === 'full'
  }

  /** Somebody publishes and activates a release. */
  async releases(version: string, actor = 'ana'): Promise<void> {
    const who = { actor, reason: '', via: 'loopback' }
    const clock = (): number => this.now
    await this.plane.publish({ agent: AGENT, version, prompts: { system: `You are ${version}.` }, config: {} }, who, clock)
    expect((await this.plane.activate(AGENT, version, who, clock)).ok).toBe(true)
  }

  async fires(name: AlertName, labels: Readonly<Record<string, string>> = {}): Promise<void> {
    this.log.firing.add(name)
    await this.#tell(name, labels, 'firing')
  }

  async ends(name: AlertName, labels: Readonly<Record<string, string>> = {}): Promise<void> {
    this.log.firing.delete(name)
    await this.#tell(name, labels, 'resolved')
  }

  accepts(proposal: string, actor = 'ana'): Promise<Acted> {
    return this.response.act(this.incident.id, { proposal, actor, via: 'loopback' })
  }

  does(action: ActionKind, target: string | undefined, actor = 'ana'): Promise<Acted> {
    const what = { action, actor, via: 'loopback', reason: 'by hand', ...(target === undefined ? {} : { target }) }
    return this.response.act(this.incident.id, what)
  }

  undoes(action: string, actor = 'ana'): Promise<Acted> {
    return this.response.undo(this.incident.id, action, { actor, reason: 'not this', via: 'loopback' })
  }

  get incident(): Incident {
    return known(this.incidents.list()[0])
  }

  action(id: string): Action {
    return known(this.incident.actions.find((a) => a.id === id))
  }

  get active(): string | undefined {
    return this.plane.releases(AGENT)?.activations.at(-1)
  }

  /** The timeline as `5m kind: text`. */
  timeline(...kinds: readonly string[]): readonly string[] {
    return this.incident.timeline
      .filter((e) => kinds.length === 0 || kinds.includes(e.kind))
      .map((e) => `${Math.round((e.atMs - START) / MINUTE)}m ${e.kind}: ${e.text}`)
  }

  async #tell(name: AlertName, labels: Readonly<Record<string, string>>, status: 'firing' | 'resolved'): Promise<void> {
    const all = { alertname: name, severity: ALERTS[name].severity, agent: AGENT, environment: ENVIRONMENT, ...labels }
    const fingerprint = createHash('sha256').update(JSON.stringify(all)).digest('hex').slice(0, 16)
    const first = this.#incidents?.list()[0]?.alerts.find((a) => a.fingerprint === fingerprint)?.startsMs ?? this.now
    const told = {
      fingerprint,
      status,
      labels: all,
      summary: ALERTS[name].title,
      startsMs: first,
      ...(status === 'resolved' ? { endsMs: this.now } : {}),
    }
    expect((await this.incidents.receive([told])).ok).toBe(true)
  }

  #runs(): void {
    if (this.#isQuiet) return
    const controls = this.plane.controls(this.now)
    const prompt = this.active ?? 'none'
    const isDisabled = controls.some((c) => c.control === 'agent')
    const toolIsOpen = controls.some((c) => c.control === 'tool' && c.target === this.log.tool)
    for (let i = 0; i < RUNS_A_MINUTE; i++) {
      const atMs = this.now + (i * MINUTE) / RUNS_A_MINUTE
      const { failing, toolErrors = 0.01 } = this.#behaves({ prompt, atMs, toolIsOpen })
      const call: LoggedRun['call'] = toolIsOpen ? 'blocked' : this.#next() < toolErrors ? 'error' : 'ok'
      const fails = this.#next() < failing || call === 'error'
      this.log.runs.push({ atMs, fails: isDisabled || fails, prompt, call, outcome: isDisabled ? 'stopped' : 'ok' })
    }
  }
}

function configOf(playbooks: string): Extract<ReturnType<typeof parseConfig>, { ok: true }>['config'] {
  const loaded = parseConfig(`agents: { ${AGENT}: { fallback: "We are back soon." } }\n${playbooks}`, 'agentopz.yaml', {})
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'))
  return loaded.config
}

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('there is none yet')
  return value
}
