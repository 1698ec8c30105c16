/**
 * What was done, by whom, when and why: one entry per action on controls and releases. Entries are only ever added, and hold enough to
 * derive the controls in force and the active releases from them alone.
 */
import type { Control, ControlKind } from '../model/control.ts'

export type AuditAction = 'set' | 'replace' | 'undo' | 'publish' | 'activate' | 'rollback'

export interface AuditEntry {
  readonly atMs: number
  readonly action: AuditAction
  readonly control: ControlKind
  /** Of the control that was set or undone; for activate and rollback of the action they are part of, else empty. */
  readonly id: string
  readonly agent: string
  readonly target: string
  readonly environment: string
  readonly reason: string
  readonly actor: string
  /** How it came in: the name of the token, or `loopback`. */
  readonly via: string
  /** The control that `set` and `replace` put in force. */
  readonly put?: Control
  /** Ids that are no longer in force because of this. */
  readonly removed?: readonly string[]
}

/** Who asks, why and when: what every action is told. */
export interface Asked {
  readonly actor: string
  readonly reason: string
  readonly via: string
  readonly now: number
  /** Of the action that activating or rolling back is part of: by it the audit tells after a crash whether it was done. */
  readonly id?: string
}

export { isMachine } from '../model/actor.ts'
