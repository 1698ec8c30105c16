/**
 * What a check of readiness is, and what it may ask. A check answers for one agent; what is asked of others (Prometheus, Alertmanager) is
 * asked once per round for all agents and comes through `World`. A question without an answer throws `Unanswered`, and the check is unknown.
 */
import type { DrillRecord } from '../../model/drill.ts'
import { answers, type ReadinessAnswer } from '../../incidents/readiness.ts'
import type { AgentConfig, Config } from '../config-schema.ts'
import type { NoChoice, RollbackChoice } from '../../control/known-good.ts'
import type { AgentReleases } from '../../control/releases.ts'
import type { Sample, Series } from '../prometheus.ts'
import type { Reached } from './reach.ts'
import type { RouteTree } from './routing.ts'

/** Something that could not be asked: what, and what to do about it. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered'
  readonly advice: string
  constructor(message: string, advice: string) {
    super(message)
    this.advice = advice
  }
}

export interface AgentName {
  readonly agent: string
  readonly environment: string
}

export const NOBODY: AgentName = { agent: '', environment: '' }

/** One of Alertmanager's silences that is active. */
export interface Silence {
  readonly id: string
  readonly createdBy: string
  readonly endsMs: number
  readonly matches: (labels: Readonly<Record<string, string>>) => boolean
}

/** What Alertmanager says of itself and of what it does. */
export interface AlertmanagerView {
  readonly url: string
  readonly routes: RouteTree
  /** Active silences. */
  readonly silences: readonly Silence[]
  /** Alerts named AgentopzWatchdog that are active in it, with their annotations. */
  readonly watchdogs: readonly { readonly runbookUrl: string | undefined }[]
  /** Notifications by integration, attempted and failed, over `notifiedOver`. */
  readonly notified: ReadonlyMap<string, { readonly tried: number; readonly failed: number }>
  readonly notifiedOver: string
  /** Labels that Prometheus adds to every alert it sends. */
  readonly externalLabels: Readonly<Record<string, string>>
}

/** What checks may ask. Everything may throw `Unanswered`. */
export interface World {
  readonly now: number
  readonly startedMs: number
  readonly config: Config
  /** An instant query about all agents; the samples of one, or with `NOBODY` those without an agent. */
  instant(query: string, of: AgentName): Promise<readonly Sample[]>
  /** A range over the last `hours` by the hour, likewise. */
  hourly(query: string, hours: number, of: AgentName): Promise<readonly Series[]>
  alertmanager(): Promise<AlertmanagerView>
  reach(url: string): Promise<Reached>
  /** @throws Unanswered while what is stored is not known. */
  releases(agent: string): AgentReleases | undefined
  /** What rolling back would go to now, and why. */
  rollback(agent: string): Promise<RollbackChoice | NoChoice>
  /** Guards that hold a stream of this process, by the service they named. */
  guards(): ReadonlyMap<string, number>
  /** When somebody last polled flags; undefined for not since the start. */
  readonly pollMs: number | undefined
  services(agent: string): readonly string[]
  drills(): Promise<readonly DrillRecord[]>
  /** When Alertmanager's webhook was last taken; undefined for not since the start. */
  readonly webhookMs: number | undefined
}

/** One agent, as a check sees it. */
export interface About extends AgentName {
  /** Its configuration with the defaults behind it. */
  readonly agentConfig: AgentConfig
  /** What is configured for it alone. */
  readonly own: AgentConfig | undefined
  readonly world: World
}

export interface ReadinessCheck {
  /** The label `check` of agentopz_readiness. */
  readonly name: string
  readonly weight: number
  look(about: About): Promise<ReadinessAnswer>
}

export const { ok, weak, failed, unknown } = answers
