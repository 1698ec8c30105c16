/**
 * A flag set → answers for guards, evaluated in process by flagd's own core. Answers are kept per agent and tool until the set changes, a flag
 * expires or the control plane is lost, so that a guard pays a map look-up. An invalid set changes nothing.
 */
import { createRequire } from 'node:module'
import type * as FlagdModule from '@openfeature/flagd-core'
import type { FlagdCore } from '@openfeature/flagd-core'
import { type ControlMetadata, FLAG, type FlagContext, type FlagSet, type WhenLost } from '../../model/control.ts'
import type { ReleaseDocument } from '../../model/release.ts'
import { BoundedMap } from '../bounded-map.ts'
import type { AgentControls, Allowed, ToolControls } from './view.ts'

const MAX_KEPT = 5000
const KEEP_MS = 1000
/** What a look-up for any agent that has no flag of its own falls back to. */
const ANY = '*'

interface Kept<T> {
  readonly value: T
  readonly untilMs: number
}
interface Resolved<T> {
  readonly value: T | undefined
  /** Id of the control that set the value, where one did. */
  readonly variant?: string
  readonly metadata: ControlMetadata
}

/** Loads flagd's core when a flag set first needs it: an agent without a control plane does not pay for it. */
function newCore(): FlagdCore {
  const { FlagdCore: Core } = createRequire(import.meta.url)('@openfeature/flagd-core') as typeof FlagdModule
  return new Core()
}

export class Flags {
  readonly #core: FlagdCore
  readonly #environment: string
  readonly #kept = new BoundedMap<string, Kept<unknown>>(MAX_KEPT)
  readonly version: string
  readonly lostAfterMs: number
  readonly #whenLost: WhenLost
  #isLost = false
  /** The earliest expiry met while an answer is put together. */
  #untilMs = Infinity

  /** @throws Error when the set does not validate: it is then not used at all. */
  constructor(text: string, environment: string) {
    const set = validate(JSON.parse(text))
    this.#core = newCore()
    this.#core.setConfigurations(text)
    this.#environment = environment
    this.version = set.metadata.version
    this.lostAfterMs = set.metadata.lost_after_seconds * 1000
    this.#whenLost = set.metadata.when_lost
  }

  /** The core, for an OpenFeature provider. */
  get core(): FlagdCore {
    return this.#core
  }

  /** Whether the control plane is lost; kept answers are forgotten when that changes. */
  setLost(lost: boolean): void {
    if (lost === this.#isLost) return
    this.#isLost = lost
    for (const key of [...this.#kept.entries()].map(([k]) => k)) this.#kept.delete(key)
  }

  /** Switch, fallback and limits of an agent: its own flags, else those of any agent. */
  agent(agent: string, now: number): AgentControls {
    return this.#remembered(`agent ${agent}`, now, () => {
      const context = { agent }
      const enabled = this.#allowed(FLAG.agentEnabled(agent), FLAG.agentFallback(agent), FLAG.agentFallback(ANY), context, now)
      const limit = (key: (agent: string) => string): number | undefined =>
        this.#number(key(agent), context, now) ?? this.#number(key(ANY), context, now)
      const window = this.#object(FLAG.maxCostWindow(agent), context, now) ?? this.#object(FLAG.maxCostWindow(ANY), context, now)
      const [maxCostUsd, maxSteps, maxIdenticalCalls] = [limit(FLAG.maxCostUsd), limit(FLAG.maxSteps), limit(FLAG.maxIdenticalCalls)]
      return {
        ...enabled,
        ...(maxCostUsd === undefined ? {} : { maxCostUsd }),
        ...(maxSteps === undefined ? {} : { maxSteps }),
        ...(maxIdenticalCalls === undefined ? {} : { maxIdenticalCalls }),
        ...(isNumbers(window, 'usd', 'seconds') ? { costWindow: window } : {}),
      }
    })
  }

  /** Switch, fallback and breaker of a tool. */
  tool(agent: string, tool: string, now: number): ToolControls {
    return this.#remembered(`tool ${agent}\0${tool}`, now, () => {
      const context = { agent }
      const allowed = this.#allowed(FLAG.toolEnabled(tool), FLAG.toolFallback(tool), undefined, context, now)
      const breaker = this.#object(FLAG.toolBreaker(tool), context, now)
      return { ...allowed, ...(isNumbers(breaker, 'failures', 'seconds') ? { breaker } : {}) }
    })
  }

  /** Whether a run may go on. Not kept: runs come and go. */
  run(agent: string, run: string, startedMs: number | undefined, now: number): Allowed {
    return this.#core.getFlag(FLAG.runEnabled(run)) === undefined && this.#core.getFlag(FLAG.runEnabled(ANY)) === undefined
      ? { allowed: true, reason: '' }
      : this.#either(
          FLAG.runEnabled(run),
          FLAG.runEnabled(ANY),
          { agent, run, ...(startedMs === undefined ? {} : { run_started_ms: startedMs }) },
          now,
        )
  }

  /** The active release of an agent. */
  release(agent: string, now: number): ReleaseDocument | undefined {
    return this.#remembered(`release ${agent}`, now, () => {
      const found = this.#object(FLAG.agentReleaseDocument(agent), { agent }, now)
      return found !== undefined && typeof found['version'] === 'string' && typeof found['prompts'] === 'object'
        ? ({ config: {}, known: {}, agent, ...found } as unknown as ReleaseDocument)
        : undefined
    })
  }

  #either(own: string, any: string, context: FlagContext, now: number): Allowed {
    const first = this.#allowed(own, undefined, undefined, context, now)
    return first.allowed ? this.#allowed(any, undefined, undefined, context, now) : first
  }

  #allowed(key: string, fallbackKey: string | undefined, anyFallback: string | undefined, context: FlagContext, now: number): Allowed {
    const { value, metadata, variant } = this.#resolve(key, true, 'boolean', context, now)
    const lost = this.#isLost && (metadata.when_lost ?? this.#whenLost) === 'refuse'
    if (value !== false && !lost) return { allowed: true, reason: '' }
    const fallback =
      (fallbackKey === undefined ? undefined : this.#text(fallbackKey, context, now)) ??
      (anyFallback === undefined ? undefined : this.#text(anyFallback, context, now))
    return {
      allowed: false,
      reason: value === false ? (metadata.reason ?? 'switched off') : 'the control plane is lost and this fails closed',
      ...(value === false ? {} : { isLost: true }),
      ...(metadata.control_id === undefined ? {} : { controlId: oneOf(metadata.control_id, variant) }),
      ...(fallback === undefined ? {} : { fallback }),
    }
  }

  #number(key: string, context: FlagContext, now: number): number | undefined {
    const { value } = this.#resolve(key, 0, 'number', context, now)
    return typeof value === 'number' && value >= 0 ? value : undefined
  }

  #text(key: string, context: FlagContext, now: number): string | undefined {
    const { value } = this.#resolve(key, '', 'string', context, now)
    return typeof value === 'string' && value !== '' ? value : undefined
  }

  #object(key: string, context: FlagContext, now: number): Readonly<Record<string, unknown>> | undefined {
    const { value } = this.#resolve(key, {}, 'object', context, now)
    return value as Readonly<Record<string, unknown>> | undefined
  }

  /** A flag's value; undefined when it is absent, expired, or set aside because the control plane is lost. */
  #resolve(
    key: string,
    byDefault: unknown,
    type: 'boolean' | 'number' | 'string' | 'object',
    context: FlagContext,
    now: number,
  ): Resolved<unknown> {
    if (this.#core.getFlag(key) === undefined) return { value: undefined, metadata: {} }
    const full = { ...context, environment: this.#environment, targetingKey: context.run ?? context.agent ?? '' }
    const found = this.#core.resolve(type, key, byDefault as never, full)
    const metadata = found.flagMetadata as ControlMetadata
    if (found.reason === 'ERROR' || found.reason === 'DISABLED') return { value: undefined, metadata: {} }
    if (metadata.expires_ms !== undefined) {
      if (now >= metadata.expires_ms) return { value: undefined, metadata: {} }
      this.#untilMs = Math.min(this.#untilMs, metadata.expires_ms)
    }
    // A release is what the agent runs on, not a restriction: it is kept.
    if (this.#isLost && metadata.when_lost === 'admit' && !/\.release(_document)?$/.test(key)) return { value: undefined, metadata }
    return { value: found.value, metadata, ...(found.variant === undefined ? {} : { variant: found.variant }) }
  }

  #remembered<T>(key: string, now: number, make: () => T): T {
    const kept = this.#kept.get(key)
    if (kept !== undefined && now < kept.untilMs) return kept.value as T
    // Targeting rules read the time too, so no answer is kept for long, expiry or not.
    this.#untilMs = now + KEEP_MS
    const value = make()
    this.#kept.set(key, { value, untilMs: this.#untilMs })
    return value
  }
}

/** Of several controls that share a flag, the one that decided; all of them where that is not told. */
function oneOf(ids: string, variant: string | undefined): string {
  return variant !== undefined && ids.split(' ').includes(variant) ? variant : ids
}

function isNumbers<K extends string>(
  value: Readonly<Record<string, unknown>> | undefined,
  ...keys: readonly K[]
): value is Readonly<Record<K, number>> {
  return value !== undefined && keys.every((k) => typeof value[k] === 'number' && value[k] > 0)
}

/** The parts of a flag set that everything rests on. @throws Error with what is wrong. */
function validate(value: unknown): FlagSet {
  const set = value as Partial<FlagSet> | null
  const metadata = typeof set === 'object' && set !== null ? (set.metadata as Partial<FlagSet['metadata']> | undefined) : undefined
  if (typeof set?.flags !== 'object' || metadata === undefined) throw new Error('no flag set: flags or metadata are missing')
  if (typeof metadata.version !== 'string') throw new Error('no flag set: metadata.version is missing')
  return {
    flags: set.flags,
    metadata: {
      version: metadata.version,
      lost_after_seconds:
        typeof metadata.lost_after_seconds === 'number' && metadata.lost_after_seconds > 0 ? metadata.lost_after_seconds : 60,
      when_lost: metadata.when_lost === 'admit' || metadata.when_lost === 'refuse' ? metadata.when_lost : 'keep',
    },
  }
}
