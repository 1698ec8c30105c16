/**
 * What an action file is given and what it gives. A kind of action says whether it fits what was found and what stands, which change of
 * controls or releases it is, and how its effect can be seen. Pure: nothing is done here. A new kind is one file and one line in `index.ts`.
 */
import type { Control, ControlKind } from '../../model/control.ts'
import type { Action, ActionKind, Finding, Incident, IncidentAlert } from '../../model/incident.ts'

/** What stands about an agent now, as the control plane knows it. Absent is unknown. */
export interface Standing {
  /** In force, about this agent in this environment or about every agent's tools. */
  readonly controls: readonly Control[]
  /** null where none is active. */
  readonly activeRelease?: string | null
  /** Model that the active release sets. */
  readonly activeModel?: string
  /** Published versions. */
  readonly releases?: readonly string[]
  /** Release to go back to and why this one; where there is none, why. */
  readonly rollbackTo?: { readonly version: string; readonly text: string } | { readonly none: string }
  /** What answers while the agent is disabled. */
  readonly fallback?: string
}

/** What calls for an action: what triage found, the alert, or what the playbook or a person named. */
export interface Cue {
  readonly incident: Pick<Incident, 'agent' | 'environment' | 'triage' | 'before'>
  readonly finding?: Finding
  readonly alert?: IncidentAlert
  /** Named by the playbook or a person; found where it is left out. */
  readonly target?: string
}

/** `title` is what would be done, as a sentence without its end. */
export type Fit =
  | { readonly fits: true; readonly target: string; readonly title: string }
  | { readonly fits: false; readonly because: string; readonly unknown?: readonly string[] }

/** One thing that must hold before a playbook acts by itself, and how it stands. */
export interface Condition {
  readonly holds: boolean
  /** A sentence without its end: what is so, with numbers. */
  readonly text: string
}

/** The change that an action is, for the control plane. */
export type Command =
  | { readonly do: 'control'; readonly control: ControlKind; readonly target: string; readonly fallback?: string }
  | { readonly do: 'rollback' | 'activate'; readonly version: string }

export interface ActionFile {
  readonly kind: ActionKind
  readonly fits: (cue: Cue, standing: Standing) => Fit
  /** What must hold beside the playbook's own conditions before it is done without a person. */
  readonly alone?: (cue: Cue, standing: Standing) => readonly Condition[]
  readonly command: (action: Pick<Action, 'target' | 'fallback'>) => Command
  /** By what its effect is seen: the indicator of the incident, the quality of the runs, or that no run fails while the agent is off. */
  readonly seenBy: 'incident' | 'runs' | 'containment'
}

/** `v8` of `prompt version v8`: what a finding is about, where it is one thing. */
export function valueOf({ subject }: Pick<Finding, 'subject'>): string | undefined {
  return /^(?:prompt version|tool set|model(?! behind)|tool(?! (?:set|calls)\b)) (.+)$/.exec(subject)?.[1]
}

export function fits(target: string, title: string): Fit {
  return { fits: true, target, title }
}

export function misfit(because: string): Fit {
  return { fits: false, because }
}
