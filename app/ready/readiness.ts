/**
 * Readiness of every agent: looks by itself every `readiness.check_every`, and at once for who asks when what is known is older than a
 * few seconds; one look at a time. Off the data path: a few agents at a time, each question bounded in time and asked once for all.
 * A check that throws is unknown, never failed; a bug in one is counted and hides no other.
 */
import { isEnough, type ReadinessResult, type ReadinessScore, scoreOf, STATE_VALUE } from '../../incidents/readiness.ts'
import { OVERFLOW } from '../../model/metrics.ts'
import type { Config } from '../config-schema.ts'
import { merged } from '../settings.ts'
import { type About, type AgentName, type ReadinessCheck, Unanswered, type World } from './check.ts'
import { READINESS_CHECKS } from './checks/index.ts'
import { keyOf } from './world.ts'

export interface AgentReadiness extends AgentName, ReadinessScore {
  readonly atMs: number
  readonly results: readonly ReadinessResult[]
  readonly isEnough: 'yes' | 'no' | 'unknown'
}

export interface ReadinessParts {
  readonly clock: () => number
  readonly config: () => Config
  /** A new round of questions. */
  readonly world: (now: number) => World
  /** Agents that closed a run since the start, with their environments. */
  readonly seenAgents: () => ReadonlyMap<string, ReadonlySet<string>>
  readonly bug: (check: string, error: unknown) => void
  readonly checks?: readonly ReadinessCheck[]
}

/** Agents looked at at the same time. */
const AT_ONCE = 4
/** What is known is told again for so long, so that a burst of questions costs one look. */
const FRESH_MS = 5000
/** Before the first look: what is started together with agentopz answers by then. */
const FIRST_MS = 60_000

export class Readiness {
  readonly #parts: ReadinessParts
  readonly #checks: readonly ReadinessCheck[]
  #known: readonly AgentReadiness[] = []
  #lookedMs: number | undefined
  #looking: Promise<void> | undefined
  #dueMs: number
  #isClosed = false

  constructor(parts: ReadinessParts) {
    this.#parts = parts
    this.#checks = parts.checks ?? READINESS_CHECKS
    this.#dueMs = parts.clock() + FIRST_MS
  }

  /** Called every second. */
  tick(now: number): void {
    if (now < this.#dueMs || this.#isClosed) return
    void this.#look()
  }

  /** The configuration is another: what is known may be wrong. */
  apply(): void {
    this.#dueMs = 0
    this.#lookedMs = undefined
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#looking
  }

  /** As it is now, or was a moment ago; in order of names. */
  async now(): Promise<readonly AgentReadiness[]> {
    const isFresh = this.#lookedMs !== undefined && this.#parts.clock() - this.#lookedMs < FRESH_MS
    if (!isFresh && !this.#isClosed) await this.#look()
    return this.#known
  }

  /** Agents there are, for who asks for another. */
  get agents(): readonly string[] {
    return [...new Set(this.#known.map((k) => k.agent))]
  }

  /** Rows of agentopz_readiness; what is unknown has none. */
  *rows(): Iterable<readonly [{ readonly agent: string; readonly environment: string; readonly check: string }, number]> {
    for (const { agent, environment, results } of this.#current())
      for (const { check, state } of results) if (state !== 'unknown') yield [{ agent, environment, check }, STATE_VALUE[state]]
  }

  *scoreRows(): Iterable<readonly [AgentName, number]> {
    for (const { agent, environment, score } of this.#current()) if (score !== undefined) yield [{ agent, environment }, score]
  }

  /** Old answers are none: a gauge must not tell of last week. */
  #current(): readonly AgentReadiness[] {
    const maxMs = 3 * this.#parts.config().readiness.check_every * 1000
    return this.#known.filter((k) => this.#parts.clock() - k.atMs <= maxMs)
  }

  #look(): Promise<void> {
    this.#looking ??= this.#round().finally(() => (this.#looking = undefined))
    return this.#looking
  }

  async #round(): Promise<void> {
    const now = this.#parts.clock()
    this.#dueMs = now + this.#parts.config().readiness.check_every * 1000
    try {
      const world = this.#parts.world(now)
      const left = [...this.#agents()]
      const found: AgentReadiness[] = []
      const work = async (): Promise<void> => {
        for (let next = left.shift(); next !== undefined; next = left.shift()) found.push(await this.#ofAgent(next, world))
      }
      await Promise.all(Array.from({ length: AT_ONCE }, work))
      this.#known = found.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
      this.#lookedMs = this.#parts.clock()
    } catch (error) {
      this.#parts.bug('round', error)
    }
  }

  /** Those that run, in each of their environments, and those that are configured; as many as the bound allows. */
  #agents(): readonly AgentName[] {
    const config = this.#parts.config()
    const seen = this.#parts.seenAgents()
    const all = [...new Set([...Object.keys(config.agents), ...seen.keys()])].filter((agent) => agent !== OVERFLOW)
    return all
      .flatMap((agent) => [...(seen.get(agent) ?? [''])].map((environment) => ({ agent, environment })))
      .slice(0, config.readiness.max_agents)
  }

  async #ofAgent(name: AgentName, world: World): Promise<AgentReadiness> {
    const { config } = world
    const own = config.agents[name.agent]
    const about: About = { ...name, own, agentConfig: merged(config, own), world }
    const results = await Promise.all(this.#checks.map((check) => this.#answer(check, about)))
    const score = scoreOf(results)
    return { ...name, ...score, atMs: world.now, results, isEnough: isEnough(score, config.readiness.min_score) }
  }

  async #answer(check: ReadinessCheck, about: About): Promise<ReadinessResult> {
    const { name, weight } = check
    try {
      return { check: name, weight, ...(await check.look(about)) }
    } catch (error) {
      if (error instanceof Unanswered) return { check: name, weight, state: 'unknown', text: error.message, advice: error.advice }
      this.#parts.bug(name, error)
      return { check: name, weight, state: 'unknown', text: 'a bug of agentopz kept it from looking', advice: 'see its log, and report it' }
    }
  }
}
