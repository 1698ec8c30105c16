/**
 * Controls: what operators, playbooks and budgets may do to running agents, and the flags in which that travels to them.
 * Shared by the control plane (control/, app/) and the guards (instrumentation/). A control is immutable; changing one makes a new one.
 * Flags travel as an OpenFeature flag set in flagd's JSON form, and flag by flag over OFREP; keys are the contract of design §7.
 */

/**
 * `agent`: no new model calls, answer with the fallback. `tool`: calls are refused. `run`: one run (or every run of an agent, target `*`)
 * is stopped. `release`: the version of prompts and configuration that the agent reads is held. `drill`: what happens to the agent is made on
 * purpose; nothing is done to it, its incidents are drills and page nobody.
 */
export const CONTROL_KINDS = ['agent', 'tool', 'run', 'release', 'drill'] as const
export type ControlKind = (typeof CONTROL_KINDS)[number]

/** The state a control of each kind puts its target into; the label `state` of agentopz_control. */
export const CONTROL_STATE = {
  agent: 'disabled',
  tool: 'open',
  run: 'stopped',
  release: 'active',
  drill: 'running',
} as const satisfies Record<ControlKind, string>

/** What a guard does when it has not heard from the control plane for `lost_after_seconds`. */
export type WhenLost = 'keep' | 'admit' | 'refuse'

/** One control in force. */
export interface Control {
  readonly id: string
  readonly control: ControlKind
  /** Agent it is about; empty for a tool of every agent. */
  readonly agent: string
  /** Tool name, run id (or `*`), release version, name of the drill; empty for an agent. */
  readonly target: string
  /** Empty for every environment. */
  readonly environment: string
  readonly reason: string
  /** Who did it: a person, `rule:NAME`, `playbook:NAME`. */
  readonly actor: string
  readonly createdMs: number
  /** When it lapses by itself; absent for never. */
  readonly expiresMs?: number
  /** What answers instead: a message, or an http(s) URL that a person or the application can follow. */
  readonly fallback?: string
}

/** Why a guard stepped in; the value of `agentopz.intervention.control`, of `agentopz.run.stopped_by` and of metrics. */
export const GUARDS = ['kill_switch', 'run_stop', 'cost_guard', 'step_guard', 'loop_guard', 'tool_breaker', 'release_pin'] as const
export type Guard = (typeof GUARDS)[number]

/**
 * Flag keys. Values: enabled boolean, limits number (absent flag = no limit), fallback string (empty = none), release string, document object.
 * The variant of a flag that a control set is the control's id; what stands without one is `on`, `limit`, `configured`, `none` or a version.
 * Where an agent has no flag of its own, the one for agent `*` holds: limits and fallback of `defaults`.
 */
export const FLAG = {
  agentEnabled: (agent: string) => `agent.${agent}.enabled`,
  agentFallback: (agent: string) => `agent.${agent}.fallback`,
  agentRelease: (agent: string) => `agent.${agent}.release`,
  agentReleaseDocument: (agent: string) => `agent.${agent}.release_document`,
  maxCostUsd: (agent: string) => `agent.${agent}.max_cost_usd`,
  maxSteps: (agent: string) => `agent.${agent}.max_steps`,
  maxIdenticalCalls: (agent: string) => `agent.${agent}.max_identical_calls`,
  /** Object `{usd, seconds}`: what all runs of the agent in one process may cost in any such window. */
  maxCostWindow: (agent: string) => `agent.${agent}.max_cost_window`,
  /** With `agent` in the evaluation context where a control is about one agent's tool. */
  toolEnabled: (tool: string) => `tool.${tool}.enabled`,
  toolFallback: (tool: string) => `tool.${tool}.fallback`,
  /** Object `{failures, seconds}`: opens by itself after so many failures in a row, tries one call after so many seconds. */
  toolBreaker: (tool: string) => `tool.${tool}.breaker`,
  runEnabled: (run: string) => `run.${run}.enabled`,
} as const

/** What a guard puts into the evaluation context; targeting rules read these. */
export interface FlagContext {
  readonly targetingKey?: string
  readonly agent?: string
  readonly environment?: string
  readonly run?: string
  /** Stopping every run of an agent (`run.*`) is about those that had started by then; without it the control counts for any run. */
  readonly run_started_ms?: number
}

/** Metadata of every flag that a control or a limit set; flat, as OpenFeature asks. */
export interface ControlMetadata {
  /** Where several controls share a flag, their ids with spaces between, and their reasons with `; `. The variant says which one it was. */
  readonly control_id?: string
  readonly reason?: string
  readonly actor?: string
  /**
   * Unix milliseconds; a guard treats the flag as absent from then on, heard from the control plane or not. Where several controls share
   * the flag it is the last one's time, and absent where one never lapses or where the flag says something without them too:
   * `targeting` compares `$flagd.timestamp` for each.
   */
  readonly expires_ms?: number
  readonly when_lost?: WhenLost
}

/** One flag in flagd's form. `targeting` is JSONLogic over a `FlagContext`. */
export interface Flag {
  readonly state: 'ENABLED' | 'DISABLED'
  readonly variants: Readonly<Record<string, FlagValue>>
  readonly defaultVariant: string
  readonly targeting?: unknown
  readonly metadata?: ControlMetadata
}
export type FlagValue = boolean | number | string | Readonly<Record<string, unknown>>

/** The whole control document: what `GET /api/v1/control/flags` answers and `event: flags` of the stream carries. */
export interface FlagSet {
  readonly flags: Readonly<Record<string, Flag>>
  readonly metadata: {
    /** Changes whenever anything in `flags` does; the ETag. */
    readonly version: string
    /** Guards that have not heard from the control plane for so long apply each flag's `when_lost`. */
    readonly lost_after_seconds: number
    /** For flags that have no `when_lost` of their own. */
    readonly when_lost: WhenLost
  }
}
