/** Shorthand for controls and whoever asks. */
import type { Asked } from '../../../control/audit.ts'
import type { ControlAction, ControlLimits, ControlOutcome, ControlRequest, ControlState } from '../../../control/controls.ts'
import { applyControl, NO_CONTROLS } from '../../../control/controls.ts'
import type { Control } from '../../../model/control.ts'

export const ASKED: Asked = { actor: 'ana@host', reason: 'answers are cut off', via: 'loopback', now: 1_000_000 }
export const LIMITS: ControlLimits = { maxControls: 3, isRelease: (agent, version) => agent === 'support' && /^v\d$/.test(version) }

export function request(more: Partial<ControlRequest> = {}): ControlRequest {
  return { control: 'agent', agent: 'support', target: '', environment: '', ...more }
}

let ids = 0
export function setting(more: Partial<ControlRequest> = {}, id = `c${++ids}`): ControlAction {
  return { action: 'set', id, request: request(more) }
}

/** The state after actions that must all be taken. */
export function after(...actions: readonly (readonly [ControlAction, Partial<Asked>?])[]): {
  readonly state: ControlState
  readonly outcomes: readonly Extract<ControlOutcome, { ok: true }>[]
} {
  let state = NO_CONTROLS
  const outcomes: Extract<ControlOutcome, { ok: true }>[] = []
  for (const [action, asked] of actions) {
    const outcome = applyControl(state, action, { ...ASKED, ...asked }, LIMITS)
    if (!outcome.ok) throw new Error(`${outcome.because}: ${outcome.detail}`)
    state = outcome.state
    outcomes.push(outcome)
  }
  return { state, outcomes }
}

export function control(more: Partial<Control> = {}): Control {
  return {
    id: 'c1',
    control: 'agent',
    agent: 'support',
    target: '',
    environment: '',
    reason: 'why',
    actor: 'ana@host',
    createdMs: 1_000_000,
    ...more,
  }
}
