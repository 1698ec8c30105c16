/**
 * Actions of incidents, one at a time: decided and stored, then done, then recorded as done. `settle` finishes what a crash or a full disk left
 * between those steps, and notices what others took out of force. In: what a person or a playbook asks; out: the incident, or why not.
 */
import {
  actionOf,
  auditIdOf,
  begun,
  conflictOf,
  type Draft,
  ended,
  inForce,
  refusedAction,
  undoing,
  withAction,
} from '../../incidents/acting.ts'
import type { Cue, Standing } from '../../incidents/actions/action.ts'
import { ACTIONS } from '../../incidents/actions/index.ts'
import { indicatorOf } from '../../incidents/indicator.ts'
import type { Playbook } from '../../incidents/playbooks.ts'
import { playbookActor } from '../../model/actor.ts'
import type { AuditEntry } from '../../control/audit.ts'
import type { Action, ActionKind, Incident, TimelineEntry } from '../../model/incident.ts'
import { controlEntries } from '../incidents/changes.ts'
import type { Incidents, Updated } from '../incidents/incidents.ts'
import {
  type Acted,
  type ActionRefused,
  type Asked,
  IN_FORCE,
  notProposed,
  notUndoable,
  refused,
  unavailable,
  type UndoneBy,
  unfit,
} from './asked.ts'
import { perform, type Performer, revert, stands, whoEnded } from './perform.ts'

export interface ActionsParts extends Performer {
  readonly incidents: Incidents
  readonly standingOf: (agent: string, environment: string, choosing: boolean) => Promise<Standing>
  readonly knownTools: () => Iterable<string>
}

export class Actions {
  readonly #parts: ActionsParts
  #queue: Promise<unknown> = Promise.resolve()

  constructor(parts: ActionsParts) {
    this.#parts = parts
  }

  /** `kind`: only what that kind of action asks for. */
  standing(agent: string, environment: string, kind?: ActionKind): Promise<Standing> {
    return this.#parts.standingOf(agent, environment, kind === undefined || kind === 'rollback_release')
  }

  /** After what is under way. */
  async idle(): Promise<void> {
    await this.#queue
  }

  /** For a person. */
  act(id: string, asked: Asked): Promise<Acted> {
    return this.#serial(async () => {
      const incident = this.#parts.incidents.get(id)
      if (incident === undefined) return this.#unknown(id)
      if (incident.state === 'resolved') return refused('incident_resolved', `${id} is resolved; use agentopz agent, tool, run or release`)
      if ('proposal' in asked) {
        const proposal = actionOf(incident, asked.proposal)
        const wrong = notProposed(incident, asked.proposal, proposal)
        if (wrong !== undefined || proposal === undefined) return wrong ?? refused('unknown_action', '')
        const unfit = await this.#misfit(incident, { ...proposal, target: proposal.target })
        if (unfit !== undefined) return unfit
        return this.#start(id, () => asked.proposal, {
          actor: asked.actor,
          via: asked.via,
          ...expiry(asked),
          ...(asked.reason === undefined ? {} : { reason: asked.reason }),
        })
      }
      return this.#free(incident, asked)
    })
  }

  /** For a playbook. */
  actAlone(id: string, proposal: string, playbook: Playbook): Promise<Acted> {
    const expiresMs = this.#parts.clock() + playbook.expiresMs
    return this.#serial(() => this.#start(id, () => proposal, { actor: playbookActor(playbook.name), expiresMs }))
  }

  undo(id: string, actionId: string, who: UndoneBy): Promise<Acted> {
    return this.#serial(async () => {
      const { incidents, clock } = this.#parts
      let refusal: ActionRefused | undefined
      const atMs = clock()
      const updated = await incidents.update(id, (i) => {
        const action = actionOf(i, actionId)
        refusal = notUndoable(i, actionId, action)
        return refusal === undefined ? undoing(i, actionId, { ...who, atMs }) : i
      })
      if (!updated.ok) return updated
      return refusal ?? this.#finishUndo(id, actionId)
    })
  }

  /** Finishes what was begun, and notices what is no longer in force. */
  settle(id: string): Promise<void> {
    return this.#serial(async () => {
      for (const { id: actionId, state, undo } of this.#parts.incidents.get(id)?.actions ?? []) {
        if (state === 'started') await this.#finish(id, actionId)
        else if (undo !== undefined && IN_FORCE.has(state)) await this.#finishUndo(id, actionId)
        else if (IN_FORCE.has(state)) await this.#reconcile(id, actionId)
      }
    })
  }

  async #free(incident: Incident, asked: Extract<Asked, { readonly action: ActionKind }>): Promise<Acted> {
    const { knownTools } = this.#parts
    const { action: kind, target, fallback, reason, actor, force = false } = asked
    if (kind === 'open_tool' && target !== undefined && !force) {
      const known = [...new Set(knownTools())]
      if (!known.includes(target)) return { ...refused('unknown_name', `no tool ${target} is configured or was seen`), known }
    }
    const cue: Cue = { incident, ...(target === undefined ? {} : { target }) }
    const fit = ACTIONS[kind].fits(cue, await this.standing(incident.agent, incident.environment, kind))
    if (!fit.fits) return unfit(fit)
    const draft: Draft = { kind, target: fit.target, reason, actor, ...(fallback === undefined ? {} : { fallback }) }
    // With the same step that begins it: a proposal of a person to themselves would be left behind by a crash.
    return this.#start(incident.id, draft, { actor, reason, via: asked.via, ...expiry(asked) })
  }

  /** Begins an action that is proposed, or a new one, and finishes it. */
  async #start(
    id: string,
    what: Draft | (() => string),
    who: { readonly actor: string; readonly via?: string; readonly reason?: string; readonly expiresMs?: number },
  ): Promise<Acted> {
    const { incidents, plane, clock } = this.#parts
    let refusal: ActionRefused | undefined
    let actionId = ''
    const updated = await incidents.update(id, (i) => {
      refusal = undefined
      const [next, action] = typeof what === 'function' ? [i, actionOf(i, what())] : withAction(i, what, 'proposed', clock())
      if (action === undefined || action.state !== 'proposed') refusal = notProposed(i, action?.id ?? '', action)
      else refusal = this.#conflict(i, action)
      if (refusal !== undefined || action === undefined) return i
      actionId = action.id
      const isRelease = ACTIONS[action.kind].command(action).do !== 'control'
      const from = isRelease ? plane.releases(i.agent)?.activations.at(-1) : undefined
      const ref = isRelease ? `release:${action.target}` : auditIdOf(i, action)
      // A release has no end of its own.
      const { expiresMs, ...rest } = who
      return begun(
        next,
        action.id,
        {
          ...rest,
          ref,
          ...aboutNow(i),
          ...(from === undefined ? {} : { from }),
          ...(isRelease || expiresMs === undefined ? {} : { expiresMs }),
        },
        clock(),
      )
    })
    if (!updated.ok) return updated
    return refusal ?? this.#finish(id, actionId)
  }

  /** Does what was begun and records it. What cannot be stored now stays begun, and is finished later. */
  async #finish(id: string, actionId: string): Promise<Acted> {
    const { incidents, clock } = this.#parts
    const incident = incidents.get(id)
    const action = incident === undefined ? undefined : actionOf(incident, actionId)
    if (incident === undefined || action === undefined) return this.#unknown(id)
    const performed = await perform(this.#parts, incident, action)
    if (!performed.ok && performed.because === 'unavailable') return unavailable(performed.detail)
    const updated = await incidents.update(id, (i) =>
      performed.ok
        ? inForce(i, actionId, saidOf(i, performed.entry), performed.entry.atMs)
        : refusedAction(i, actionId, performed.detail, clock()),
    )
    if (!performed.ok) return refused('refused', performed.detail)
    return this.#acted(updated, actionId)
  }

  async #finishUndo(id: string, actionId: string): Promise<Acted> {
    const { incidents } = this.#parts
    const incident = incidents.get(id)
    const action = incident === undefined ? undefined : actionOf(incident, actionId)
    if (incident === undefined || action?.undo === undefined) return this.#unknown(id)
    const { actor, reason } = action.undo
    const reverted = await revert(this.#parts, incident, action)
    if (reverted === 'over') return this.#over(incident, action)
    if (!reverted.ok && reverted.because === 'unavailable') return unavailable(reverted.detail)
    const updated = await incidents.update(id, (i) => {
      if (reverted.ok) return ended(i, actionId, 'undone', `${actor}: ${reason}`, saidOf(i, reverted.entry))
      const { undo: _, ...rest } = actionOf(i, actionId) ?? action
      return { ...i, actions: i.actions.map((a) => (a.id === actionId ? { ...rest, because: reverted.detail } : a)) }
    })
    if (!reverted.ok) return refused('refused', reverted.detail)
    return this.#acted(updated, actionId)
  }

  async #reconcile(id: string, actionId: string): Promise<void> {
    const incident = this.#parts.incidents.get(id)
    const action = incident === undefined ? undefined : actionOf(incident, actionId)
    if (incident === undefined || action === undefined || stands(this.#parts, incident, action)) return
    // Of two replicas this one may have heard of the action before it hears of the control.
    if (!(await this.#parts.plane.catchUp()) || stands(this.#parts, incident, action)) return
    await this.#over(incident, action)
  }

  /** It is no longer in force, and this did not do it. */
  async #over(incident: Incident, action: Action): Promise<Acted> {
    const { incidents, plane, clock } = this.#parts
    let by: AuditEntry | undefined
    try {
      by = await whoEnded(plane, incident, action)
    } catch (error) {
      return unavailable(error instanceof Error ? error.message : String(error))
    }
    const now = clock()
    const updated = await incidents.update(incident.id, (i) => {
      const { actor, reason = '', atMs } = by ?? action.undo ?? { actor: undefined, atMs: now }
      if (actor !== undefined) {
        const next = action.undo === undefined ? undoing(i, action.id, { actor, reason, atMs }) : i
        return ended(next, action.id, 'undone', `${actor}: ${reason}`, by === undefined ? undefined : saidOf(i, by))
      }
      const atLapse = Math.min(now, action.expiresMs ?? now)
      const text = `${action.id} (${action.kind} ${action.target}) has lapsed`
      return ended(i, action.id, 'lapsed', 'it has lapsed', { atMs: atLapse, kind: 'undone', text, ref: action.ref ?? action.id })
    })
    return this.#acted(updated, action.id)
  }

  /** It is done; that the record cannot say so now does not make it undone. */
  #acted(updated: Updated, actionId: string): Acted {
    if (!updated.ok) return updated.because === 'not_stored' ? unavailable(updated.detail) : updated
    const action = actionOf(updated.incident, actionId)
    return action === undefined ? refused('unknown_action', actionId) : { ok: true, incident: updated.incident, action }
  }

  async #misfit(incident: Incident, action: Action): Promise<ActionRefused | undefined> {
    const cue: Cue = { incident, target: action.target }
    const fit = ACTIONS[action.kind].fits(cue, await this.standing(incident.agent, incident.environment, action.kind))
    return fit.fits ? undefined : unfit(fit)
  }

  /** Releases are one for every environment, controls are of one. */
  #conflict(incident: Incident, action: Action): ActionRefused | undefined {
    const others = this.#parts.incidents.list({ agent: incident.agent }).filter((i) => i.id !== incident.id)
    for (const i of [incident, ...others]) {
      const first = conflictOf(i, action)
      if (first === undefined || first.id === action.id) continue
      const isRelease = ACTIONS[first.kind].command(first).do !== 'control'
      if (i.id !== incident.id && !isRelease && i.environment !== incident.environment) continue
      const where = i.id === incident.id ? '' : ` of ${i.id}`
      const how = first.state === 'started' ? 'is under way' : 'is in force and not verified yet'
      return refused(
        'conflict',
        `${first.id}${where} (${first.kind} ${first.target}, by ${first.actor}) ${how}; undo it first, or wait for its verification`,
      )
    }
    return undefined
  }

  #unknown(id: string): Extract<Updated, { ok: false }> {
    const { notLoaded } = this.#parts.incidents
    if (notLoaded !== undefined) return { ok: false, because: 'not_loaded', detail: notLoaded }
    return { ok: false, because: 'unknown_incident', detail: `there is no incident ${id}; see: agentopz incident list` }
  }

  #serial<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#queue.then(work)
    this.#queue = next.catch(() => undefined)
    return next
  }
}

/** What the incident is about may be something else by the time that the effect is seen. */
function aboutNow(incident: Incident): Pick<Action, 'indicator'> {
  const indicator = indicatorOf(incident)
  return indicator === undefined ? {} : { indicator }
}

function expiry({ expiresMs }: { readonly expiresMs?: number }): { readonly expiresMs?: number } {
  return expiresMs === undefined ? {} : { expiresMs }
}

/** The entry that the watch makes of the same audit: written once, whoever is first. */
function saidOf({ agent, environment }: Incident, entry: AuditEntry): TimelineEntry {
  const [said] = controlEntries([entry], { agent, environment, fromMs: entry.atMs, toMs: entry.atMs })
  return said ?? { atMs: entry.atMs, kind: 'action', text: entry.reason, actor: entry.actor, ref: entry.id }
}
