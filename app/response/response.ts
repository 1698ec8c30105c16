/**
 * What is done about incidents: the cause is looked for, playbooks propose or act, what was done is verified, and undone where it did not help.
 * Every step is stored before it is taken: after a crash what was begun is found in the audit or done once. Prometheus is asked outside the
 * queue, so that a slow one never holds up a person. Where it cannot be asked nothing is concluded and nothing is done by itself.
 */
import { isUnsettled, proposalOf, triaged, withDecisions } from '../../incidents/acting.ts'
import type { Standing } from '../../incidents/actions/action.ts'
import { explainedSpan, openedTools, standingActions, withFurther } from '../../incidents/further.ts'
import { type Indicator, indicatorOf, measurable, ofRuns } from '../../incidents/indicator.ts'
import { decideAll, type Decision, type Playbook, type Situation } from '../../incidents/playbooks.ts'
import { triage } from '../../incidents/triage.ts'
import { isAboutVolume, VOLUME, volumeTriage } from '../../incidents/volume.ts'
import type { Action, Incident, Triage } from '../../model/incident.ts'
import type { Incidents } from '../incidents/incidents.ts'
import { PrometheusError } from '../prometheus.ts'
import { Actions, type ActionsParts } from './actions.ts'
import type { Acted, Asked, UndoneBy } from './asked.ts'
import type { Evidence } from './evidence.ts'
import { Verifier, type VerifierSettings } from './verifier.ts'

export interface ResponseSettings extends VerifierSettings {
  readonly playbooks: readonly Playbook[]
  readonly checkEveryMs: number
}

export interface ResponseParts extends ActionsParts {
  readonly incidents: Incidents
  readonly evidence: Evidence
  readonly settings: () => ResponseSettings
  readonly clock: () => number
  /** Of replicas that share a database one does what is done by time. */
  readonly leads: () => boolean
  readonly events: {
    /** One incident was looked at, or Prometheus could not be asked. */
    looked(outcome: 'ok' | 'failed'): void
    /** A bug: logged and counted, and the others are looked at all the same. */
    failed(error: unknown): void
  }
}

/** A cause that is named is looked for again less often. */
const NAMED_FACTOR = 5
const MAX_PER_ROUND = 10
const WORTH_A_LOOK: ReadonlySet<string> = new Set(['opened', 'reopened', 'alert_fired', 'alert_resolved'])

export class Response {
  readonly #parts: ResponseParts
  readonly #actions: Actions
  readonly #verifier: Verifier
  readonly #dueMs = new Map<string, number>()
  readonly #triagedMs = new Map<string, number>()
  /** By incident and indicator, as triage measured it. */
  readonly #dispersion = new Map<string, Map<string, number>>()
  readonly #unsubscribe: () => void
  #round: Promise<void> | undefined
  #isClosed = false

  constructor(parts: ResponseParts) {
    this.#parts = parts
    this.#actions = new Actions(parts)
    this.#verifier = new Verifier({
      ...parts,
      actions: this.#actions,
      dispersionOf: (id, indicator) => this.#dispersion.get(id)?.get(nameOf(indicator)) ?? 1,
    })
    this.#unsubscribe = parts.incidents.subscribe(({ id }, why) => {
      if (WORTH_A_LOOK.has(why)) this.soon(id)
    })
  }

  /** Called every second. */
  tick(now: number): void {
    if (this.#round !== undefined || this.#isClosed || !this.#parts.leads()) return
    const due = this.#current().filter((i) => (this.#dueMs.get(i.id) ?? 0) <= now)
    if (due.length > 0) void this.#look(due.slice(0, MAX_PER_ROUND))
  }

  /** Looks at one at the next tick: something has happened. */
  soon(id: string): void {
    this.#dueMs.set(id, 0)
    this.#triagedMs.delete(id)
  }

  /** Looks at all of them now. Never throws. */
  async look(): Promise<void> {
    await this.#round
    await this.#look(this.#current())
  }

  /** What a person does: takes a proposal, or something of their own. Stored before it is answered. */
  act(id: string, asked: Asked): Promise<Acted> {
    return this.#actions.act(id, asked)
  }

  undo(id: string, actionId: string, who: UndoneBy): Promise<Acted> {
    return this.#actions.undo(id, actionId, who)
  }

  /** Ends after what is under way. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#unsubscribe()
    await this.#round
    await this.#actions.idle()
  }

  #current(): readonly Incident[] {
    return this.#parts.incidents.list().filter((i) => i.agent !== '' && (i.state !== 'resolved' || i.actions.some(isUnsettled)))
  }

  #look(due: readonly Incident[]): Promise<void> {
    this.#round = this.#lookAll(due).finally(() => {
      this.#round = undefined
    })
    return this.#round
  }

  async #lookAll(due: readonly Incident[]): Promise<void> {
    const { clock, settings, events } = this.#parts
    for (const { id } of due) {
      if (this.#isClosed) return
      this.#dueMs.set(id, clock() + settings().checkEveryMs)
      try {
        events.looked((await this.#lookAt(id)) ? 'ok' : 'failed')
      } catch (error) {
        events.failed(error)
      }
    }
    const known = new Set(this.#current().map((i) => i.id))
    for (const held of [this.#dueMs, this.#triagedMs, this.#dispersion]) for (const id of held.keys()) if (!known.has(id)) held.delete(id)
  }

  /** Whether Prometheus answered. */
  async #lookAt(id: string): Promise<boolean> {
    const { incidents } = this.#parts
    await this.#actions.settle(id)
    const trouble = await this.#triage(id)
    await this.#verifier.verify(id, trouble)
    const incident = incidents.get(id)
    if (incident === undefined || incident.state === 'resolved') return trouble === undefined
    const fires = await this.#fires(incident)
    await this.#decide(incident, fires)
    return trouble === undefined
  }

  /** Looks for the cause where it is due; why it could not. */
  async #triage(id: string): Promise<string | undefined> {
    const { incidents, clock, settings } = this.#parts
    const incident = incidents.get(id)
    const about = incident === undefined ? undefined : indicatorOf(incident)
    if (incident === undefined || incident.state === 'resolved') return undefined
    if (about === undefined && !isAboutVolume(incident)) return undefined
    const now = clock()
    // What an action leaves unexplained must be known before it is said that it did not help.
    const isUrgent = !isNamed(incident) || standingActions(incident).some(isUnsettled)
    const everyMs = settings().checkEveryMs * (isUrgent ? 1 : NAMED_FACTOR)
    // What is well again is not looked into further: the runs after it would blur what the runs before it say.
    if (incident.state === 'mitigated' || now < (this.#triagedMs.get(id) ?? Number.NEGATIVE_INFINITY) + everyMs) return undefined
    let said: (i: Incident) => Incident
    try {
      said = await (about === undefined ? this.#volume(incident, now) : this.#cause(incident, about, now))
      this.#triagedMs.set(id, now)
    } catch (error) {
      if (!(error instanceof PrometheusError)) throw error
      // What was found before stands; where nothing was, the record says why.
      const none: Triage = {
        atMs: now,
        sli: sliOf(about),
        findings: [],
        summary: `cannot tell: ${error.message}`,
        gaps: [error.message],
      }
      if (incident.triage === undefined) await incidents.update(id, (i) => (i.triage === undefined ? triaged(i, none) : i))
      return error.message
    }
    await (said(incident).timeline === incident.timeline ? incidents.refresh(id, said) : incidents.update(id, said))
    return undefined
  }

  #cause(incident: Incident, about: Indicator, now: number): Promise<(i: Incident) => Incident> {
    const done = isNamed(incident) ? standingActions(incident) : []
    return done.length === 0 ? this.#first(incident, about, now) : this.#further(incident, done, now)
  }

  /** Nothing fails that could be compared: what is known of the runs is said, and no cause. */
  async #volume(incident: Incident, nowMs: number): Promise<(i: Incident) => Incident> {
    const { agent, environment, startedMs } = incident
    const facts = await this.#parts.evidence.volume({ agent, environment, startedMs, nowMs, scale: this.#parts.settings().scale })
    return (i) => triaged(i, volumeTriage(i, facts, nowMs))
  }

  async #first(incident: Incident, about: Indicator, now: number): Promise<(i: Incident) => Incident> {
    const { controls } = await this.#actions.standing(incident.agent, incident.environment, 'open_tool')
    const own = await this.#found(incident, about, controls, now)
    const also = about.tool === undefined ? undefined : ofRuns(incident)
    const found = also === undefined ? own : withFurther(own, await this.#found(incident, also, controls, now))
    return (i) => triaged(i, found)
  }

  /** What was found before something was done stands; what that does not explain is added. */
  async #further(incident: Incident, done: readonly Action[], now: number): Promise<(i: Incident) => Incident> {
    const { agent, environment } = incident
    const { controls } = await this.#actions.standing(agent, environment, 'open_tool')
    // Runs of an agent that is off are stopped, and say nothing.
    if (controls.some((c) => c.control === 'agent')) return (i) => i
    const about = measurable(done[0]?.indicator ?? indicatorOf(incident), controls) ?? { sli: 'quality' }
    const { settleMs, scale } = this.#parts.settings()
    const lastMs = Math.max(...done.map((a) => a.atMs))
    const pauseMs = await this.#parts.evidence.pause({ agent, environment, changedMs: lastMs, settleMs, scale })
    const explained = explainedSpan(incident, done, pauseMs)
    if (now <= explained.toMs) return (i) => i
    const found = await this.#found(incident, about, controls, now, explained)
    return (i) => (i.triage === undefined ? i : triaged(i, withFurther(i.triage, found, done, pauseMs)))
  }

  async #found(
    incident: Incident,
    about: Indicator,
    controls: Standing['controls'],
    nowMs: number,
    explained?: { readonly fromMs: number; readonly toMs: number },
  ): Promise<Triage> {
    const { evidence, settings } = this.#parts
    const { id, agent, environment, startedMs } = incident
    const { scale } = settings()
    const span = explained === undefined ? {} : { explained }
    const facts = await evidence.facts({ agent, environment, ...about, startedMs, nowMs, scale, ...span })
    const known = this.#dispersion.get(id) ?? new Map<string, number>()
    this.#dispersion.set(id, known.set(nameOf(about), facts.dispersion))
    return triage({ ...facts, opened: openedTools(incident, controls) }, nowMs)
  }

  async #fires({ agent, environment, alerts }: Incident): Promise<boolean | undefined> {
    const { evidence, clock } = this.#parts
    const firing = alerts.filter((a) => a.endsMs === undefined).map((a) => a.name)
    try {
      return await evidence.fires({ agent, environment, alerts: firing, nowMs: clock() })
    } catch (error) {
      if (error instanceof PrometheusError) return undefined
      throw error
    }
  }

  async #decide({ id, agent, environment }: Incident, fires: boolean | undefined): Promise<void> {
    const { incidents, settings, clock } = this.#parts
    const standing = await this.#actions.standing(agent, environment)
    let decisions: readonly Decision[] = []
    const said = (i: Incident): Incident => {
      decisions = decideAll(settings().playbooks, this.#situation(i, fires, standing), clock())
      return withDecisions(i, decisions, clock())
    }
    const before = incidents.get(id)
    if (before === undefined) return
    // What changed is only how near a condition is: nothing was decided.
    await (said(before).timeline === before.timeline ? incidents.refresh(id, said) : incidents.update(id, said))
    const [first] = decisions
    const incident = incidents.get(id)
    if (first?.verdict !== 'acts' || incident === undefined) return
    const proposal = proposalOf(incident, first)
    const playbook = settings().playbooks.find((p) => p.name === first.playbook)
    if (proposal !== undefined && playbook !== undefined) await this.#actions.actAlone(id, proposal.id, playbook)
  }

  #situation(incident: Incident, fires: boolean | undefined, standing: Standing): Situation {
    const past = this.#parts.incidents
      .list({ agent: incident.agent })
      .filter((i) => i.environment === incident.environment && i.id !== incident.id)
      .flatMap((i) => i.actions.map((action) => ({ incident: i.id, action })))
    return { incident, fires, standing, past: [...past, ...incident.actions.map((action) => ({ incident: incident.id, action }))] }
  }
}

function nameOf({ sli, tool, evaluation }: Indicator): string {
  return JSON.stringify([sli, tool, evaluation])
}

function isNamed({ triage: found }: Incident): boolean {
  return found?.findings[0]?.verdict === 'cause'
}

function sliOf(about: Indicator | undefined): string {
  return about?.sli ?? VOLUME
}
