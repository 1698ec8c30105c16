/**
 * Verifies what was done about incidents: the runs after an action, and where nobody acted here, the runs after the last change or the end of
 * the last alert. On evidence the incident is mitigated; where an action did not help it is undone or people are told, as its playbook says.
 */
import { enabledAgainMs, escalated, gaveUp, isAwaited, isOwn, relapsed, verified } from '../../incidents/acting.ts'
import type { Standing } from '../../incidents/actions/action.ts'
import { ACTIONS } from '../../incidents/actions/index.ts'
import { mitigated } from '../../incidents/commands.ts'
import { type Indicator, indicatorOf, measurable } from '../../incidents/indicator.ts'
import type { Playbook } from '../../incidents/playbooks.ts'
import { turnOf } from '../../incidents/turning.ts'
import { unverified, verify, verifyContained } from '../../incidents/verify.ts'
import { countText, durationText } from '../../incidents/words.ts'
import type { Action, Incident, Verification } from '../../model/incident.ts'
import type { Incidents } from '../incidents/incidents.ts'
import { PrometheusError } from '../prometheus.ts'
import type { Actions } from './actions.ts'
import type { Evidence } from './evidence.ts'

export interface VerifierSettings {
  readonly playbooks: readonly Playbook[]
  /** A run closes so long after its last span. */
  readonly settleMs: number
  readonly scale: number
  /** Runs in which what no playbook did must have helped, and how long they are waited for. */
  readonly runs: number
  readonly withinMs: number
}

export interface VerifierParts {
  readonly incidents: Incidents
  readonly evidence: Evidence
  readonly settings: () => VerifierSettings
  readonly clock: () => number
  readonly actions: Pick<Actions, 'undo' | 'standing'>
  /** As triage measured it. */
  readonly dispersionOf: (id: string, indicator: Indicator) => number
}

const STANDS: ReadonlySet<Action['state']> = new Set(['in_force', 'verified', 'failed'])

export class Verifier {
  readonly #parts: VerifierParts

  constructor(parts: VerifierParts) {
    this.#parts = parts
  }

  /** Looks at what is in force of one incident. `trouble`: why Prometheus cannot be asked now. */
  async verify(id: string, trouble: string | undefined): Promise<void> {
    const incident = this.#parts.incidents.get(id)
    if (incident === undefined || incident.state === 'resolved') return
    const standing = await this.#parts.actions.standing(incident.agent, incident.environment, 'disable_agent')
    const isOff = standing.controls.some((c) => c.control === 'agent')
    const open = incident.actions.filter((a) => a.state === 'in_force' && isAwaited(a) && a.undo === undefined)
    for (const action of open) {
      const v = await this.#verdict(incident, action, { trouble, isOff, standing })
      const late = trouble === undefined && !isOff ? this.#tooLate(incident, action, v) : undefined
      if (late === undefined) await this.#settled(incident, action, v)
      else await this.#parts.incidents.update(id, (i) => gaveUp(i, action.id, late))
    }
    // Runs of an agent that is off are stopped, and count as failed: they say nothing.
    if (trouble !== undefined || isOff) return
    if (incident.state === 'mitigated') await this.#relapse(incident, standing)
    else if (!incident.actions.some(isAwaited)) await this.#byHand(incident, standing)
  }

  /** What is still not known when its time is over stays so. */
  #tooLate(incident: Incident, action: Action, v: Verification): Verification | undefined {
    const withinMs = this.#playbookOf(action)?.verify.withinMs ?? this.#parts.settings().withinMs
    const now = this.#parts.clock()
    const isOpen = v.verdict === 'waiting' || v.verdict === 'unknown'
    if (!isOpen || now < Math.max(action.atMs, enabledAgainMs(incident) ?? 0) + withinMs) return undefined
    const seen = countText(v.runsSeen, 'run')
    return {
      ...v,
      verdict: 'unknown',
      text: `whether it helped is not known after ${durationText(withinMs)} and ${seen}, and it stays: ${v.text}`,
    }
  }

  async #verdict(
    incident: Incident,
    action: Action,
    { trouble, isOff, standing }: { readonly trouble: string | undefined; readonly isOff: boolean; readonly standing: Standing },
  ): Promise<Verification> {
    const { clock } = this.#parts
    const runs = this.#playbookOf(action)?.verify.runs ?? this.#parts.settings().runs
    if (trouble !== undefined) return unverified(trouble, action.verification, runs, clock())
    try {
      const { seenBy } = ACTIONS[action.kind]
      if (seenBy !== 'containment') {
        if (isOff)
          return {
            ...unverified('', action.verification, runs, clock()),
            verdict: 'waiting',
            text: 'the agent is disabled: there are no runs to look at',
          }
        const since = Math.max(action.atMs, enabledAgainMs(incident) ?? 0)
        const indicator = seenBy === 'runs' ? undefined : measurable(action.indicator ?? indicatorOf(incident), standing.controls)
        return await this.#judged(incident, { changedMs: action.atMs, sinceMs: since, runs, indicator })
      }
      const { agent, environment } = incident
      const fromMs = action.atMs + (await this.#pause(incident, action.atMs))
      const now = clock()
      const failed = now < fromMs ? 0 : await this.#parts.evidence.failed({ agent, environment, fromMs, nowMs: now })
      const fallback = action.fallback ?? standing.fallback
      return verifyContained({ disabledMs: action.atMs, failed, fromMs, fallback: fallback !== undefined }, now)
    } catch (error) {
      if (!(error instanceof PrometheusError)) throw error
      return unverified(error.message, action.verification, runs, clock())
    }
  }

  /** The runs after a change, by an indicator or, without one, by how the runs fare as a whole. */
  async #judged(
    incident: Incident,
    {
      changedMs,
      sinceMs,
      runs,
      indicator: asked,
    }: { readonly changedMs: number; readonly sinceMs: number; readonly runs: number; readonly indicator: Indicator | undefined },
  ): Promise<Verification> {
    const { evidence, settings, clock, dispersionOf } = this.#parts
    const { agent, environment, id } = incident
    const candidates: readonly Indicator[] = asked === undefined ? [{ sli: 'quality' }, { sli: 'run_error' }] : [asked]
    const onsetMs = Math.min(changedMs, incident.triage?.onset?.atMs ?? incident.startedMs)
    const pause = await this.#pause(incident, changedMs)
    const fromMs = sinceMs + pause
    // What an earlier action has bettered is not this one's doing.
    const earlier = incident.actions.filter((a) => STANDS.has(a.state) && a.atMs < changedMs && a.atMs > onsetMs).map((a) => a.atMs + pause)
    const badFromMs = Math.max(onsetMs, ...earlier.filter((at) => at < changedMs))
    let judged: Verification | undefined
    for (const indicator of candidates) {
      const nowMs = clock()
      const counts = await evidence.around({
        agent,
        environment,
        indicator,
        onsetMs,
        badFromMs,
        changedMs,
        fromMs,
        nowMs,
        scale: settings().scale,
      })
      judged = verify({ sli: indicator.sli, ...counts, dispersion: dispersionOf(id, indicator), runs }, nowMs)
      if (counts.baseline.total > 0) break
    }
    return judged ?? unverified('the alerts are about nothing that fails', undefined, runs, clock())
  }

  #pause({ agent, environment }: Incident, changedMs: number): Promise<number> {
    const { evidence, settings } = this.#parts
    const { settleMs, scale } = settings()
    return evidence.pause({ agent, environment, changedMs, settleMs, scale })
  }

  async #settled(incident: Incident, action: Action, v: Verification): Promise<void> {
    const { incidents, clock } = this.#parts
    const { id } = incident
    const isWell = v.verdict === 'recovered' || v.verdict === 'contained'
    const said = (i: Incident): Incident =>
      isWell ? mitigated(verified(i, action.id, v), 'agentopz', `${action.id}: ${v.text}`, clock()) : verified(i, action.id, v)
    await (v.verdict === 'waiting' ? incidents.refresh(id, said) : incidents.update(id, said))
    if (v.verdict === 'not_recovered') await this.#failed(incident, action, v)
  }

  /**
   * A person's action is a person's to undo. What helped in part would be worse undone, and so may be what was done about one of several
   * causes: the runs cannot be well before the others are dealt with. What contains is not made better by letting go.
   */
  async #failed({ id, triage, actions: all }: Incident, action: Action, v: Verification): Promise<void> {
    const { incidents, actions, clock } = this.#parts
    const dealtWith = new Set(all.filter((a) => STANDS.has(a.state)).map((a) => a.cause))
    const other = triage?.findings.find((f) => f.verdict === 'cause' && f.confidence !== 'low' && !dealtWith.has(f.cause))
    const why = !isOwn(action)
      ? `${action.actor} did it, and it stays until a person undoes it`
      : v.inPart === true
        ? 'it stays, for it helped in part'
        : ACTIONS[action.kind].seenBy === 'containment'
          ? 'it stays'
          : action.cause !== undefined && other !== undefined
            ? `it stays while ${other.cause} is named as a cause too`
            : undefined
    if (why === undefined && this.#playbookOf(action)?.verify.otherwise !== 'escalate') {
      await actions.undo(id, action.id, { actor: action.actor, reason: 'it did not help' })
      return
    }
    await incidents.update(id, (i) =>
      escalated(i, action.id, `${action.id} needs a person: ${why ?? 'it stays until a person undoes it'}`, clock()),
    )
  }

  /** Fixed elsewhere, or gone by itself: mitigated on the same evidence. Nothing is said while it is not. */
  async #byHand(incident: Incident, standing: Standing): Promise<void> {
    const turn = turnOf(incident)
    if (turn === undefined) return
    const v = await this.#told(incident, turn.atMs, standing)
    if (v?.verdict !== 'recovered') return
    const { incidents, clock } = this.#parts
    await incidents.update(incident.id, (i) => mitigated(i, 'agentopz', `${v.text}, after ${turn.text}`, clock()))
  }

  /** The first runs were well, and those after them are not: an alert that never ended tells nobody anew. */
  async #relapse(incident: Incident, standing: Standing): Promise<void> {
    const { mitigatedMs, alerts, id } = incident
    if (mitigatedMs === undefined || alerts.every((a) => a.endsMs !== undefined)) return
    const v = await this.#told(incident, mitigatedMs, standing)
    if (v?.verdict !== 'not_recovered') return
    const { incidents, clock } = this.#parts
    await incidents.update(id, (i) => relapsed(i, `the runs since it was mitigated are not well: ${v.text}`, clock()))
  }

  async #told(incident: Incident, changedMs: number, standing: Standing): Promise<Verification | undefined> {
    try {
      const { runs } = this.#parts.settings()
      return await this.#judged(incident, {
        changedMs,
        sinceMs: changedMs,
        runs,
        indicator: measurable(indicatorOf(incident), standing.controls),
      })
    } catch (error) {
      if (error instanceof PrometheusError) return undefined
      throw error
    }
  }

  #playbookOf({ playbook }: Action): Playbook | undefined {
    return playbook === undefined ? undefined : this.#parts.settings().playbooks.find((p) => p.name === playbook)
  }
}
