/**
 * Words for incidents: one or more alerts about one agent, what became of them, what caused it, what was done and whether it helped.
 * Everything here is data that is stored and printed; times are Unix milliseconds. What is not known is absent, never 0.
 */
import type { Family, Severity } from './alerts.ts'
import type { ControlKind } from './control.ts'
import type { SliName } from './slis.ts'

/** `open` → `acknowledged` (a person has it) → `mitigated` (evidence says the runs are well again) → `resolved`. A relapse reopens. */
export const INCIDENT_STATES = ['open', 'acknowledged', 'mitigated', 'resolved'] as const
export type IncidentState = (typeof INCIDENT_STATES)[number]

/** One alert of Alertmanager's as it was last told. Identified by its fingerprint and start. */
export interface IncidentAlert {
  readonly fingerprint: string
  readonly name: string
  readonly severity: Severity
  readonly family: Family | undefined
  readonly labels: Readonly<Record<string, string>>
  readonly summary: string
  /** Prometheus's clock: when the condition began to hold. */
  readonly startsMs: number
  /** Prometheus's clock; absent while it fires. */
  readonly endsMs?: number
  /**
   * Set where nobody told the end. `prometheus` was asked: Alertmanager tells no end of an alert that another one silences by then.
   * `successor`: the same alert began anew, so it had ended by then.
   */
  readonly endFrom?: 'prometheus' | 'successor'
  /** Our clock: when we first heard of it. */
  readonly receivedMs: number
}

/** What happened, in order. `atMs` is when it happened, not when it was heard. */
export interface TimelineEntry {
  readonly atMs: number
  readonly kind:
    | 'onset'
    | 'alert_fired'
    | 'alert_resolved'
    | 'change'
    | 'acknowledged'
    | 'triaged'
    | 'proposed'
    | 'action'
    | 'undone'
    | 'verified'
    | 'not_recovered'
    | 'mitigated'
    | 'resolved'
    | 'reopened'
    | 'reported'
    | 'note'
  readonly text: string
  readonly actor?: string
  /** Id of the control, release, alert or query that the entry is about. */
  readonly ref?: string
}

/** The four causes of an agent incident, and none of them. */
export const CAUSES = ['prompt', 'tools', 'model', 'input'] as const
export type TriageCause = (typeof CAUSES)[number]

/** Two shares with their counts, compared. */
export interface Comparison {
  readonly bad: readonly [before: number, after: number]
  readonly total: readonly [before: number, after: number]
  /** Difference of shares, after less before, with its 95 % interval. */
  readonly difference: number
  readonly interval: readonly [low: number, high: number]
  /** Two-sided, before correction for several comparisons, and after. */
  readonly p: number
  readonly adjustedP?: number
}

export type Confidence = 'high' | 'medium' | 'low'

/** What triage found about one possible cause. */
export interface Finding {
  readonly cause: TriageCause
  /** `cause`: stands. `ruled_out`: looked like it, and why not. `cannot_tell`: too few runs. `unchanged`: nothing moved. */
  readonly verdict: 'cause' | 'ruled_out' | 'cannot_tell' | 'unchanged'
  readonly confidence: Confidence
  /** What moved: a prompt version, a tool, a model, a feature of the inputs. */
  readonly subject: string
  /** A sentence that a person on call can act on. */
  readonly text: string
  readonly comparison?: Comparison
  /** When the subject changed, where that is known. */
  readonly changedMs?: number
  /** Runs that would be needed to tell, where it cannot be told. */
  readonly runsNeeded?: number
  /** PromQL that shows the numbers again. */
  readonly query: string
}

/** The outcome of one triage. */
export interface Triage {
  readonly atMs: number
  /** Estimated beginning, with the interval it lies in; absent where no change point was found. */
  readonly onset?: { readonly atMs: number; readonly fromMs: number; readonly toMs: number }
  /** SLI the incident is about, as in model/slis.ts; `volume` where it is about how many runs there are. */
  readonly sli: string
  /** Best first; `cause` before all others. */
  readonly findings: readonly Finding[]
  /** The answer in one sentence: a cause, several, or that it cannot be told and what is missing. */
  readonly summary: string
  /** Why parts are missing: Prometheus not reachable, no samples before the onset. */
  readonly gaps: readonly string[]
}

/** What the incident has cost so far; absent is unknown. */
export interface BlastRadius {
  readonly sinceMs: number
  /** When it was mitigated: what the well runs after it cost is none of the incident's. Absent while it goes on. */
  readonly untilMs?: number
  readonly runs?: number
  readonly failedRuns?: number
  readonly costUsd?: number
  /** Users are not in the telemetry. */
  readonly users: 'unknown'
}

/** What stood when the incident began, as it was found then; absent is unknown. */
export interface Preparedness {
  readonly atMs: number
  /** What is normal of the SLI that the first alert is about. */
  readonly baseline?: { readonly sli: string; readonly badRatio: number; readonly total: number }
  /** Whether Prometheus was asked and has no baseline. */
  readonly noBaseline?: true
  /** Configured thresholds and targets, by name as in agentopz_objective. */
  readonly objectives?: Readonly<Record<string, number>>
  /** What answers while the agent is disabled. */
  readonly fallback?: 'none' | 'message' | 'url'
  /** Whether the fallback's URL answered. */
  readonly fallbackReachable?: boolean
  /** The release that was active, and the one before it; null where there was none. */
  readonly activeRelease?: string | null
  readonly formerRelease?: string | null
}

/** What can be done about an incident; each is one file of incidents/actions/. */
export const ACTION_KINDS = ['rollback_release', 'activate_release', 'open_tool', 'disable_agent', 'stop_runs'] as const
export type ActionKind = (typeof ACTION_KINDS)[number]

/**
 * `proposed` → `started` (decided and stored, not yet known to be done) → `in_force` → `verified` (the runs after it are well) or `failed`
 * (they are not). It ends as `undone` or `lapsed`; a proposal that was not taken as `withdrawn` (no longer called for) or `refused`.
 */
export const ACTION_STATES = ['proposed', 'started', 'in_force', 'verified', 'failed', 'undone', 'lapsed', 'withdrawn', 'refused'] as const
export type ActionState = (typeof ACTION_STATES)[number]

/** Something done about an incident, or proposed. */
export interface Action {
  /** Within the incident: `act_1`, `act_2`, … */
  readonly id: string
  readonly kind: ActionKind
  /** The release to go to, the tool, the agent. */
  readonly target: string
  /** Control that it made; `release:VERSION` for the others. Known, and stored, before it is done. */
  readonly ref?: string
  readonly control?: ControlKind
  readonly state: ActionState
  /** Why: what triage found, or what a person said. */
  readonly reason: string
  /** A person, or `playbook:NAME`. */
  readonly actor: string
  /** Proposed, and once it is done, done. */
  readonly atMs: number
  readonly verification?: Verification
  /** Playbook that proposed it. */
  readonly playbook?: string
  /** The cause it is against, where one was named. */
  readonly cause?: TriageCause
  /** What the incident was about when it was done, as in model/slis.ts: its effect is seen by this, whatever the incident is about since. */
  readonly indicator?: { readonly sli: SliName; readonly tool?: string; readonly evaluation?: string }
  /** Release that was active before, for undoing. */
  readonly from?: string
  readonly fallback?: string
  readonly expiresMs?: number
  /** How it was asked for, as in the audit: a token's name, `loopback`; absent for playbooks. */
  readonly via?: string
  /** Of a proposal: why it was not done by itself. Of one refused, withdrawn or lapsed: why. */
  readonly because?: string
  /** Asked to be undone: by whom and why. Stored before it is done. */
  readonly undo?: { readonly actor: string; readonly reason: string; readonly atMs: number; readonly via?: string }
  /** Somebody was told that it did not help; of one that is `in_force`, that whether it did cannot be told, and is waited for no longer. */
  readonly escalated?: true
}

/** Whether the runs after an action are well again. */
export interface Verification {
  /** `contained`: the agent is disabled, so nothing fails and nothing is well either. `unknown`: Prometheus could not be asked. */
  readonly verdict: 'waiting' | 'recovered' | 'contained' | 'not_recovered' | 'unknown'
  readonly text: string
  readonly runsSeen: number
  readonly runsNeeded: number
  /** The baseline before the onset against the runs after the action. */
  readonly comparison?: Comparison
  /** Not recovered, and yet surely better than before the action. */
  readonly inPart?: true
  readonly atMs: number
}

/** What a playbook says to an incident, and why it does not do more. */
export interface PlaybookVerdict {
  readonly playbook: string
  readonly verdict: 'does_not_apply' | 'waits' | 'proposes' | 'acts'
  readonly text: string
}

/** The label that marks an alert as made by a drill; its value is `true`. */
export const DRILL_LABEL = 'drill'

export interface Incident {
  readonly id: string
  /** Empty for the watching itself: alerts about agentopz have no agent. */
  readonly agent: string
  readonly environment: string
  readonly team: string
  readonly state: IncidentState
  /** The most urgent of its alerts. */
  readonly severity: Severity
  readonly title: string
  /** True for one that a drill made: it pages nobody and counts nowhere. */
  readonly drill: boolean
  /** Prometheus's clock: the earliest start of its alerts. */
  readonly startedMs: number
  /** Our clock: when the first alert was received. */
  readonly openedMs: number
  /** These four are of the present: a relapse takes them away, and the timeline keeps them. */
  readonly acknowledgedMs?: number
  readonly acknowledgedBy?: string
  readonly mitigatedMs?: number
  readonly resolvedMs?: number
  /** When triage first named a cause. */
  readonly namedMs?: number
  readonly before?: Preparedness
  readonly alerts: readonly IncidentAlert[]
  readonly timeline: readonly TimelineEntry[]
  readonly triage?: Triage
  readonly blast?: BlastRadius
  readonly actions: readonly Action[]
  /** What each playbook that is about its alerts last said. */
  readonly playbooks?: readonly PlaybookVerdict[]
}
