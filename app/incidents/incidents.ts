/**
 * The incidents: owns their state, stores every change before it counts, and tells who subscribed. One change at a time, across replicas
 * too; what is done by time is done by the one that leads. While what is stored is not known (a file that cannot be read) nothing is taken:
 * Alertmanager is told to send it again.
 */
import type { ToldAlert } from '../../incidents/alert.ts'
import { applyCommand, applyUpdate, type IncidentCommand, type IncidentRefused } from '../../incidents/commands.ts'
import { applyAlerts, applyObserved, applyTime } from '../../incidents/lifecycle.ts'
import { changesBetween } from '../../incidents/seen.ts'
import type { Disposition, IncidentState, LifecycleSettings, Observed, Outcome, Why } from '../../incidents/state.ts'
import type { Incident, IncidentState as State } from '../../model/incident.ts'
import { type IncidentChange, type IncidentStorage, isLeader } from '../storage.ts'
import { type NotStored, type StoredAs, StoredState } from '../stored-state.ts'

export interface IncidentsEvents {
  /** Here, not by another replica. `before` is absent for one that was opened. */
  changed(after: Incident, why: Why, before: Incident | undefined): void
  storageFailed(operation: 'open' | 'read' | 'write', error: unknown): void
  /** Another replica's change came between: the change was decided again. */
  conflicted?(): void
  /** What bounds have dropped. */
  dropped(what: 'incident' | 'alert' | 'entry', count: number): void
  /** Somebody who subscribed threw. */
  listenerFailed(error: unknown): void
}

export interface IncidentFilter {
  readonly states?: readonly State[]
  readonly agent?: string
  /** Opened since. */
  readonly sinceMs?: number
}

export type Listener = (incident: Incident, why: Why) => void
export type IncidentsUnavailable = NotStored
export type Received = { readonly ok: true; readonly dispositions: readonly Disposition[] } | IncidentsUnavailable
export type Updated = { readonly ok: true; readonly incident: Incident } | IncidentRefused | IncidentsUnavailable

const RETRY_MS = 10_000

export class Incidents {
  readonly #storage: IncidentStorage
  readonly #events: IncidentsEvents
  readonly #clock: () => number
  readonly #listeners = new Set<Listener>()
  readonly #stored: StoredState<IncidentState, IncidentChange>
  #settings: LifecycleSettings
  #retryAtMs = 0

  constructor(storage: IncidentStorage, settings: LifecycleSettings, clock: () => number, events: IncidentsEvents) {
    this.#storage = storage
    this.#settings = settings
    this.#clock = clock
    this.#events = events
    this.#stored = new StoredState({
      state: 'incidents',
      name: storage.name,
      shared: storage.shared,
      ...storedAs(storage),
      alone: (work) => storage.incidentsAlone((turn) => work(storedAs(turn))),
      taken: (value, before) => {
        if (before !== undefined) for (const { incident, why } of changesBetween(before, value)) this.#notify(incident, why)
      },
      failed: (operation, error) => events.storageFailed(operation, error),
      recovered: () => undefined,
      conflicted: () => events.conflicted?.(),
    })
  }

  /** Reads what is stored. When that fails nothing is known, and it is tried again by `tick`. */
  async load(): Promise<void> {
    this.#retryAtMs = this.#clock() + RETRY_MS
    await this.#stored.load()
    if (this.#stored.value !== undefined) this.#retryAtMs = 0
  }

  /** Takes over what other replicas change from now on. */
  follow(): void {
    this.#stored.follow()
  }

  /** Called every second: what is over is resolved. */
  tick(now: number): void {
    if (now < this.#retryAtMs) return
    const state = this.#stored.value
    if (state === undefined) void this.load()
    else if (isLeader(this.#storage) && applyTime(state, now, this.#settings).changed.length > 0) {
      // Where it cannot be stored now, it is tried again later and not every second.
      this.#retryAtMs = now + RETRY_MS
      void this.#step((before) => applyTime(before, now, this.#settings)).then((done) => {
        if (!isUnavailable(done)) this.#retryAtMs = 0
      })
    }
  }

  apply(settings: LifecycleSettings): void {
    this.#settings = settings
  }

  /** Ends after the changes under way; later ones are refused. The storage is another's to close. */
  async close(): Promise<void> {
    this.#retryAtMs = Number.POSITIVE_INFINITY
    await this.#stored.close()
  }

  /** Why nothing is known; undefined when all is well. */
  get notLoaded(): string | undefined {
    return this.#stored.notLoaded
  }

  /** Newest first. */
  list({ states, agent, sinceMs }: IncidentFilter = {}): readonly Incident[] {
    return [...(this.#stored.value?.incidents.values() ?? [])]
      .filter(
        (i) =>
          (states === undefined || states.includes(i.state)) &&
          (agent === undefined || i.agent === agent) &&
          (sinceMs === undefined || i.openedMs >= sinceMs),
      )
      .toReversed()
  }

  get(id: string): Incident | undefined {
    return this.#stored.value?.incidents.get(id)
  }

  /** Takes what Alertmanager told at once: all of it, or nothing where it cannot be stored. */
  async receive(alerts: readonly ToldAlert[]): Promise<Received> {
    const done = await this.#step((state, now) => applyAlerts(state, alerts, now, this.#settings))
    return isUnavailable(done) ? done : { ok: true, dispositions: done.dispositions }
  }

  /** What a person does. */
  async command(command: IncidentCommand): Promise<Updated> {
    return this.#step((state, now) => applyCommand(state, command, now, this.#settings))
  }

  /** Changes one incident, from what it is when its turn comes; the same object back changes nothing. */
  async update(id: string, change: (incident: Incident) => Incident): Promise<Updated> {
    return this.#step((state, now) => applyUpdate(state, id, change, { now, settings: this.#settings }))
  }

  /** The same for what was only looked up. */
  async refresh(id: string, change: (incident: Incident) => Incident): Promise<Updated> {
    return this.#step((state, now) => applyUpdate(state, id, change, { now, settings: this.#settings, isRefresh: true }))
  }

  /** What Prometheus says of alerts. */
  async observe(observed: readonly Observed[]): Promise<void> {
    await this.#step((state, now) => applyObserved(state, observed, now, this.#settings))
  }

  /** Told of every change once it is stored. Returns how to end it. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** One change: decided over the state as it is when its turn comes, stored, and only then the state. */
  #step<T extends Outcome | IncidentRefused>(decide: (state: IncidentState, now: number) => T): Promise<T | IncidentsUnavailable> {
    return this.#stored.step(
      (state) => {
        const outcome = decide(state, this.#clock())
        if (!('state' in outcome) || outcome.changed.length === 0) return { outcome }
        return {
          outcome,
          next: outcome.state,
          change: { put: outcome.changed.map((c) => c.incident), removed: outcome.forgotten },
        }
      },
      (_, outcome, before) => {
        if ('state' in outcome) this.#tell(outcome, before)
      },
    )
  }

  #tell({ changed, forgotten, lost }: Outcome, before: IncidentState): void {
    if (forgotten.length > 0) this.#events.dropped('incident', forgotten.length)
    if (lost.alerts > 0) this.#events.dropped('alert', lost.alerts)
    if (lost.entries > 0) this.#events.dropped('entry', lost.entries)
    for (const { incident, why } of changed) {
      this.#events.changed(incident, why, before.incidents.get(incident.id))
      this.#notify(incident, why)
    }
  }

  #notify(incident: Incident, why: Why): void {
    for (const listener of this.#listeners) {
      try {
        listener(incident, why)
      } catch (error) {
        this.#events.listenerFailed(error)
      }
    }
  }
}

function storedAs(storage: Pick<IncidentStorage, 'incidents' | 'writeIncidents'>): StoredAs<IncidentState, IncidentChange> {
  return {
    read: async () => {
      const { incidents, revision } = await storage.incidents()
      return { value: { incidents: new Map(incidents.map((i) => [i.id, i])) }, revision }
    },
    write: (change, over) => storage.writeIncidents({ ...change, revision: over }),
  }
}

function isUnavailable<T extends object>(done: T | IncidentsUnavailable): done is IncidentsUnavailable {
  return 'because' in done && (done.because === 'not_loaded' || done.because === 'not_stored' || done.because === 'not_known')
}
