/**
 * The control plane: owns the state of controls and releases, stores every change before it counts, and makes the flag document that
 * guards read. One action at a time, across replicas too. While what is stored is not known (a file that cannot be read) there is no flag
 * document at all: an empty one would switch agents on again that somebody had switched off, none makes guards keep what they last heard.
 */
import { randomBytes } from 'node:crypto'
import type { Asked, AuditEntry } from '../../control/audit.ts'
import {
  applyControl,
  type ControlAction,
  type ControlOutcome,
  type ControlRequest,
  type ControlState,
  inForce,
  nextLapseMs,
  type Refused,
} from '../../control/controls.ts'
import { flagSet, type FlagSettings } from '../../control/flags.ts'
import {
  type Activated,
  activateRelease,
  type AgentReleases,
  type Published,
  publishRelease,
  type ReleaseDraft,
  type ReleaseRefusal,
  type ReleaseState,
  rollbackRelease,
  type RollbackTarget,
} from '../../control/releases.ts'
import type { Control, FlagSet } from '../../model/control.ts'
import type { Storage, StorageChange } from '../storage.ts'
import { type NotStored, type StoredAs, StoredState } from '../stored-state.ts'

export interface PlaneSettings {
  readonly flags: FlagSettings
  readonly maxControls: number
  readonly maxReleases: number
  readonly maxReleaseBytes: number
  /** Of the whole flag document: guards refuse what is far larger. */
  readonly maxDocumentBytes: number
}

/** What the rest of the app is told. */
export interface PlaneEvents {
  done(entry: AuditEntry): void
  /** The flags are others than before. */
  changed(document: FlagDocument): void
  storageFailed(operation: 'open' | 'read' | 'write', error: unknown): void
  storageRecovered(): void
  /** Another replica's change came between: the action was decided again. */
  conflicted?(): void
  /** Another replica has changed something. */
  heard?(): void
}

/** The flag set as it is sent, made once for everybody. */
export interface FlagDocument {
  readonly set: FlagSet
  readonly json: string
}

/** Who asks and why; the time is the plane's. */
export type Who = Omit<Asked, 'now'>
export type Unavailable = NotStored
export type TooLarge = Refused<'document_too_large'>
type Done<T> = Promise<T | Unavailable>

interface State {
  readonly controls: ControlState
  readonly releases: ReleaseState
}
type Step<T> = (state: State, asked: Asked) => { readonly outcome: T; readonly next?: State; readonly change?: StorageChange }

const RETRY_MS = 10_000

export class ControlPlane {
  readonly #storage: Storage
  readonly #events: PlaneEvents
  readonly #stored: StoredState<State, StorageChange>
  #settings: PlaneSettings
  #now = 0
  #retryAtMs = 0
  #document: (FlagDocument & { readonly untilMs: number }) | undefined

  constructor(storage: Storage, settings: PlaneSettings, events: PlaneEvents) {
    this.#storage = storage
    this.#settings = settings
    this.#events = events
    this.#stored = new StoredState({
      state: 'controls',
      name: storage.name,
      shared: storage.shared,
      ...storedAs(storage),
      alone: (work) => storage.alone((turn) => work(storedAs(turn))),
      taken: (_, before) => {
        this.#changed()
        this.#publish(this.#now)
        if (before !== undefined) events.heard?.()
      },
      failed: (operation, error) => events.storageFailed(operation, error),
      recovered: () => events.storageRecovered(),
      conflicted: () => events.conflicted?.(),
    })
  }

  /** Reads what is stored. When that fails the plane is there all the same, knows nothing, and tries again by `tick`. */
  async load(now: number): Promise<void> {
    this.#now = now
    this.#retryAtMs = now + RETRY_MS
    await this.#stored.load()
  }

  /** Takes over what other replicas change from now on. */
  follow(): void {
    this.#stored.follow()
  }

  /** Takes over what other replicas have changed by now. False where that cannot be known. */
  catchUp(): Promise<boolean> {
    return this.#stored.catchUp()
  }

  /** Called every second: what lapsed is announced, what could not be read is tried again. */
  tick(now: number): void {
    this.#now = now
    if (this.#stored.value !== undefined) this.#publish(now)
    else if (now >= this.#retryAtMs) void this.load(now)
  }

  apply(settings: PlaneSettings, now: number): void {
    this.#settings = settings
    this.#document = undefined
    if (this.#stored.value !== undefined) this.#publish(now)
  }

  /** Ends after the actions under way; later ones are refused. */
  close(): Promise<void> {
    return this.#stored.close(() => this.#storage.close())
  }

  /** Why nothing is known; undefined when all is well. */
  get notLoaded(): string | undefined {
    return this.#stored.notLoaded
  }

  /** Controls in force, oldest first. */
  controls(now: number): readonly Control[] {
    return this.#stored.value === undefined ? [] : inForce(this.#stored.value.controls, now)
  }

  releases(agent: string): AgentReleases | undefined {
    return this.#stored.value?.releases.get(agent)
  }

  get agentsWithReleases(): readonly string[] {
    return [...(this.#stored.value?.releases.keys() ?? [])]
  }

  /** The newest audit entries, newest first. @throws when they cannot be read. */
  async audit(limit: number): Promise<readonly AuditEntry[]> {
    try {
      return await this.#storage.audit(limit)
    } catch (error) {
      this.#events.storageFailed('read', error)
      throw error
    }
  }

  /** The flags as they are now; undefined while what is stored is not known. */
  flags(now: number): FlagDocument | undefined {
    const state = this.#stored.value
    if (state === undefined) return undefined
    const current = this.#document
    if (current !== undefined && now < current.untilMs) return current
    const { controls, releases } = state
    const set = flagSet(inForce(controls, now), this.#settings.flags, releases)
    const untilMs = nextLapseMs(controls, now) ?? Number.POSITIVE_INFINITY
    const isSame = current?.set.metadata.version === set.metadata.version
    this.#document = isSame ? { ...current, untilMs } : { set, json: JSON.stringify(set), untilMs }
    return this.#document
  }

  /** With an id of the caller's it is set once, however often it is asked for: the next time is refused as `id_taken`. */
  set(request: ControlRequest, who: Who, now: () => number, id = `ctl_${randomBytes(5).toString('hex')}`): Done<ControlOutcome> {
    return this.#act({ action: 'set', id, request }, who, now)
  }

  undo(id: string, who: Who, now: () => number): Done<ControlOutcome> {
    return this.#act({ action: 'undo', id }, who, now)
  }

  #act(action: ControlAction, who: Who, now: () => number): Done<ControlOutcome> {
    return this.#step<ControlOutcome>(who, now, (state, asked) => {
      const isRelease = (agent: string, version: string): boolean => {
        const known = state.releases.get(agent)
        return known !== undefined && known.activations.length > 0 && known.releases.has(version)
      }
      const outcome = applyControl(state.controls, action, asked, { maxControls: this.#settings.maxControls, isRelease })
      if (!outcome.ok) return { outcome }
      const { put, removed } = outcome.entry
      return {
        outcome,
        next: { ...state, controls: outcome.state },
        change: {
          audit: outcome.entry,
          ...(put === undefined ? {} : { putControl: put }),
          ...(removed === undefined ? {} : { removedControls: removed }),
        },
      }
    })
  }

  publish(draft: ReleaseDraft, who: Who, now: () => number): Done<Published | Refused<ReleaseRefusal>> {
    return this.#step<Published | Refused<ReleaseRefusal>>(who, now, (state, asked) => {
      const { maxReleases, maxReleaseBytes: maxBytes } = this.#settings
      const held = new Set(
        inForce(state.controls, asked.now)
          .filter((c) => c.control === 'release' && c.agent === draft.agent)
          .map((c) => c.target),
      )
      const outcome = publishRelease(state.releases, draft, asked, { maxReleases, maxBytes, held })
      if (!outcome.ok || outcome.entry === undefined) return { outcome }
      return {
        outcome,
        next: { ...state, releases: outcome.state },
        change: {
          audit: outcome.entry,
          putRelease: outcome.release,
          removedReleases: { agent: draft.agent, versions: outcome.forgotten },
        },
      }
    })
  }

  activate(agent: string, version: string, who: Who, now: () => number): Done<Activated | Refused<ReleaseRefusal> | TooLarge> {
    return this.#step<Activated | Refused<ReleaseRefusal> | TooLarge>(who, now, (state, asked) => {
      const outcome = activateRelease(state.releases, agent, version, asked)
      const tooLarge = outcome.ok ? this.#tooLarge({ ...state, releases: outcome.state }, asked.now) : undefined
      return tooLarge === undefined ? activated(state, agent, outcome) : { outcome: tooLarge }
    })
  }

  /** Why a state cannot be sent. A control is never refused for this: it has to get through, whatever else is large. */
  #tooLarge({ controls, releases }: State, now: number): TooLarge | undefined {
    const max = this.#settings.maxDocumentBytes
    const bytes = Buffer.byteLength(JSON.stringify(flagSet(inForce(controls, now), this.#settings.flags, releases)))
    if (bytes <= max) return undefined
    const detail = `guards would be sent ${bytes} bytes, more than the ${max} of controls.max_document_bytes; every guard gets the active release of every agent`
    return { ok: false, because: 'document_too_large', detail }
  }

  /** To the release before, or to the one that known-good.ts chose: refused when another is active by now than when it chose. */
  rollback(agent: string, who: Who, now: () => number, to?: RollbackTarget): Done<Activated | Refused<ReleaseRefusal>> {
    return this.#step(who, now, (state, asked) => activated(state, agent, rollbackRelease(state.releases, agent, asked, to)))
  }

  /** One action: decided over the state as it is when its turn comes, stored, and only then the state. */
  #step<T>(who: Who, now: () => number, decide: Step<T>): Done<T> {
    return this.#stored.step(
      (state) => decide(state, { ...who, now: now() }),
      ({ audit }) => {
        this.#changed()
        this.#events.done(audit)
        this.#publish(now())
      },
    )
  }

  /** The flags are to be made again. */
  #changed(): void {
    this.#document = this.#document === undefined ? undefined : { ...this.#document, untilMs: 0 }
  }

  #published: string | undefined
  #publish(now: number): void {
    const document = this.flags(now)
    if (document === undefined || document.set.metadata.version === this.#published) return
    this.#published = document.set.metadata.version
    this.#events.changed(document)
  }
}

function storedAs(storage: Pick<Storage, 'load' | 'write'>): StoredAs<State, StorageChange> {
  return {
    read: async () => {
      const { controls, releases, revision, problem } = await storage.load()
      const value = { controls: { controls: new Map(controls.map((c) => [c.id, c])) }, releases }
      return { value, revision, ...(problem === undefined ? {} : { problem }) }
    },
    write: (change, over) => storage.write({ ...change, revision: over }),
  }
}

function activated(
  state: State,
  agent: string,
  outcome: Activated | Refused<ReleaseRefusal>,
): { readonly outcome: Activated | Refused<ReleaseRefusal>; readonly next?: State; readonly change?: StorageChange } {
  if (!outcome.ok) return { outcome }
  const versions = outcome.state.get(agent)?.activations ?? []
  return {
    outcome,
    next: { ...state, releases: outcome.state },
    change: { audit: outcome.entry, activations: { agent, versions } },
  }
}
