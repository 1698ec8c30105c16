/**
 * The incidents: owns their state, stores every change before it counts, and tells who subscribed. One change at a time.
 * While what is stored is not known (a file that cannot be read) nothing is taken: Alertmanager is told to send it again.
 */
import type { ToldAlert } from '../../incidents/alert.ts'
import { applyCommand, applyUpdate, type IncidentCommand, type IncidentRefused } from '../../incidents/commands.ts'
import { applyAlerts, applyObserved, applyTime } from '../../incidents/lifecycle.ts'
import type { Disposition, IncidentState, LifecycleSettings, Observed, Outcome, Why } from '../../incidents/state.ts'
import type { Incident, IncidentState as State } from '../../model/incident.ts'
import type { IncidentStorage } from '../storage.ts'

export interface IncidentsEvents {
  /** `before` is absent for one that was opened. */
  changed(after: Incident, why: Why, before: Incident | undefined): void
  storageFailed(operation: 'open' | 'write', error: unknown): void
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
/** `not_loaded`: what is stored could not be read; `not_stored`: the change could not be made durable. Nothing changed in either case. */
export interface IncidentsUnavailable {
  readonly ok: false
  readonly because: 'not_loaded' | 'not_stored'
  readonly detail: string
}
export type Received = { readonly ok: true; readonly dispositions: readonly Disposition[] } | IncidentsUnavailable
export type Updated = { readonly ok: true; readonly incident: Incident } | IncidentRefused | IncidentsUnavailable

const RETRY_MS = 10_000

export class Incidents {
  readonly #storage: IncidentStorage
  readonly #events: IncidentsEvents
  readonly #clock: () => number
  readonly #listeners = new Set<Listener>()
  #settings: LifecycleSettings
  #state: IncidentState | undefined
  #why = 'it was not read yet'
  #retryAtMs = 0
  #queue: Promise<unknown> = Promise.resolve()

  constructor(storage: IncidentStorage, settings: LifecycleSettings, clock: () => number, events: IncidentsEvents) {
    this.#storage = storage
    this.#settings = settings
    this.#clock = clock
    this.#events = events
  }

  /** Reads what is stored. When that fails nothing is known, and it is tried again by `tick`. */
  async load(): Promise<void> {
    this.#retryAtMs = this.#clock() + RETRY_MS
    try {
      const stored = await this.#storage.incidents()
      this.#state = { incidents: new Map(stored.map((i) => [i.id, i])) }
      this.#retryAtMs = 0
    } catch (error) {
      this.#why = messageOf(error)
      this.#events.storageFailed('open', error)
    }
  }

  /** Called every second: what is over is resolved. */
  tick(now: number): void {
    if (now < this.#retryAtMs) return
    if (this.#state === undefined) void this.#serial(() => (this.#state === undefined ? this.load() : Promise.resolve()))
    else if (applyTime(this.#state, now, this.#settings).changed.length > 0) {
      // Where it cannot be stored now, it is tried again later and not every second.
      this.#retryAtMs = now + RETRY_MS
      void this.#step((state) => applyTime(state, now, this.#settings)).then((done) => {
        if (!isUnavailable(done)) this.#retryAtMs = 0
      })
    }
  }

  apply(settings: LifecycleSettings): void {
    this.#settings = settings
  }

  /** Ends after the changes under way; later ones are refused. The storage is another's to close. */
  async close(): Promise<void> {
    await this.#serial(() => {
      this.#state = undefined
      this.#why = 'agentopz is stopping'
      this.#retryAtMs = Number.POSITIVE_INFINITY
      return Promise.resolve()
    })
  }

  /** Why nothing is known; undefined when all is well. */
  get notLoaded(): string | undefined {
    return this.#state === undefined ? `${this.#storage.name}: ${this.#why}` : undefined
  }

  /** Newest first. */
  list({ states, agent, sinceMs }: IncidentFilter = {}): readonly Incident[] {
    return [...(this.#state?.incidents.values() ?? [])]
      .filter(
        (i) =>
          (states === undefined || states.includes(i.state)) &&
          (agent === undefined || i.agent === agent) &&
          (sinceMs === undefined || i.openedMs >= sinceMs),
      )
      .toReversed()
  }

  get(id: string): Incident | undefined {
    return this.#state?.incidents.get(id)
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
    return this.#serial(async (): Promise<T | IncidentsUnavailable> => {
      const before = this.#state
      if (before === undefined) return { ok: false, because: 'not_loaded', detail: this.notLoaded ?? '' }
      const outcome = decide(before, this.#clock())
      if (!('state' in outcome) || outcome.changed.length === 0) return outcome
      try {
        await this.#storage.writeIncidents({ put: outcome.changed.map((c) => c.incident), removed: outcome.forgotten })
      } catch (error) {
        this.#events.storageFailed('write', error)
        return { ok: false, because: 'not_stored', detail: `${this.#storage.name}: ${messageOf(error)}` }
      }
      this.#state = outcome.state
      this.#tell(outcome, before)
      return outcome
    })
  }

  #tell({ changed, forgotten, lost }: Outcome, before: IncidentState): void {
    if (forgotten.length > 0) this.#events.dropped('incident', forgotten.length)
    if (lost.alerts > 0) this.#events.dropped('alert', lost.alerts)
    if (lost.entries > 0) this.#events.dropped('entry', lost.entries)
    for (const { incident, why } of changed) {
      this.#events.changed(incident, why, before.incidents.get(incident.id))
      for (const listener of this.#listeners) {
        try {
          listener(incident, why)
        } catch (error) {
          this.#events.listenerFailed(error)
        }
      }
    }
  }

  #serial<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#queue.then(work)
    this.#queue = next.catch(() => undefined)
    return next
  }
}

function isUnavailable<T extends object>(done: T | IncidentsUnavailable): done is IncidentsUnavailable {
  return 'because' in done && (done.because === 'not_loaded' || done.because === 'not_stored')
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
