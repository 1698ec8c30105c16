/**
 * What a class of drill is: something that is done to one agent on purpose, what should come of it, and how it is taken back. One class is one
 * file in classes/ and one line in its index. A class of kind `incident` is to be detected, attributed, mitigated and to recover; a rehearsal
 * does something an operator would do, and looks whether it had its effect.
 */
import type { AlertName } from '../../model/alerts.ts'
import type { RecordedName } from '../../model/recorded.ts'
import type { ActionKind, TriageCause } from '../../model/incident.ts'
import type { Conditions, PromptName, RunReport } from './conditions.ts'

/** What a class may do, always to its own agent. Everything goes the way a user's own change would. */
export interface DrillWorld {
  readonly agent: string
  readonly environment: string
  /** Changes the application or its surroundings; what is not named stays. */
  change(conditions: Partial<Conditions>): void
  /** Publishes and activates a release with this prompt. */
  release(version: string, prompt: PromptName): Promise<void>
  /** Goes back to the release before. */
  rollback(reason: string): Promise<void>
  /** Switches the agent off, and on again. */
  disable(reason: string): Promise<void>
  enable(reason: string): Promise<void>
  /** Runs that the application has told of since then, oldest first. */
  runsSince(ms: number): readonly RunReport[]
  /** Runs that Prometheus has counted since then, by prompt version; undefined where it does not answer. */
  countedSince(ms: number): Promise<ReadonlyMap<string, number> | undefined>
  /** @throws where the drill is interrupted. */
  wait(seconds: number): Promise<void>
  now(): number
}

/** What came of one thing that a rehearsal looks at. */
export interface Check {
  readonly ok: boolean
  /** A sentence with numbers. */
  readonly text: string
}

interface Common {
  /** As in `agentopz drill NAME`. */
  readonly name: string
  /** What is made to happen, as a reader of the report is told. */
  readonly what: string
  /** Hours of usual traffic that the alert needs, in the time of the rules. */
  readonly usualHours: number
  /** What must be known of the agent before it begins, beside what is normal of its quality and tools. */
  readonly knows?: RecordedName
  /** Configuration of the agent beside the drills' own. */
  readonly config?: object
}

export interface IncidentClass extends Common {
  readonly kind: 'incident'
  /** Any of these should fire. */
  readonly alerts: readonly AlertName[]
  /** Any of these is right to be named first. Empty: nothing changed about the agent itself, and naming a cause with confidence is wrong. */
  readonly causes: readonly TriageCause[]
  /** Each of the causes should be named, not only one. */
  readonly namesAll?: true
  /** What a playbook should do; absent where nothing that can be taken back would help, so that the drill itself repairs it. */
  readonly action?: ActionKind
  /** Actions that help in part: done or not, they are no mistake. */
  readonly helps?: readonly ActionKind[]
  inject(world: DrillWorld): Promise<void>
  /** Takes back what was injected and what no action has taken back. */
  repair(world: DrillWorld): Promise<void>
}

/** A control reaches a running agent within this; runs that begin later must follow it. */
export const WITHIN_MS = 2000
/** How long a rehearsal looks after each of its commands. */
export const LOOK_SECONDS = 15

export interface RehearsalClass extends Common {
  readonly kind: 'rehearsal'
  rehearse(world: DrillWorld): Promise<readonly Check[]>
}

export type DrillClass = IncidentClass | RehearsalClass

export const ENVIRONMENT = 'drill'

/** The agent of a class; no agent of the operator's is called so. */
export function agentOf({ name }: Common): string {
  return `drill-${name}`
}
