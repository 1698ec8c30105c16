/**
 * What guards ask of the controls, answered from memory. The client (client.ts) implements it over the flag set it last heard;
 * `NO_CONTROLS` is the answer where there is no control plane: everything goes ahead, nothing is limited.
 */
import type { ReleaseDocument } from '../../model/release.ts'

/** Whether something may go ahead, and by whose word not. */
export interface Allowed {
  readonly allowed: boolean
  readonly reason: string
  /** True where nobody said so, but the control plane is lost and this fails closed. */
  readonly isLost?: boolean
  readonly controlId?: string
  readonly fallback?: string
}

export interface AgentControls extends Allowed {
  /** Limits of one run; absent for none. */
  readonly maxCostUsd?: number
  readonly maxSteps?: number
  readonly maxIdenticalCalls?: number
  /** Limit of all runs of the agent in this process within a window. */
  readonly costWindow?: { readonly usd: number; readonly seconds: number }
}

export interface ToolControls extends Allowed {
  readonly breaker?: { readonly failures: number; readonly seconds: number }
}

/** `none`: no control plane. `cold`: nothing heard yet. `live`: stream. `polling`. `kept`: from disk. `lost`: unheard for too long. */
export type ControlState = 'none' | 'cold' | 'live' | 'polling' | 'kept' | 'lost'

export interface ControlView {
  agent(agent: string): AgentControls
  tool(agent: string, tool: string): ToolControls
  run(agent: string, run: string, startedMs?: number): Allowed
  release(agent: string): ReleaseDocument | undefined
  readonly state: ControlState
  /** Resolves when controls were heard or are on disk, at the latest after the cold deadline. Undefined when there is nothing to wait for. */
  ready(): Promise<void> | undefined
}

export const ALLOWED: Allowed = { allowed: true, reason: '' }

export const NO_CONTROLS: ControlView = {
  agent: () => ALLOWED,
  tool: () => ALLOWED,
  run: () => ALLOWED,
  release: () => undefined,
  state: 'none',
  ready: () => undefined,
}
