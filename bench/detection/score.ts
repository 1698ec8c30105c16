/**
 * Signals against the truth of one fleet. An incident is detected when an alert that tells of its class starts inside it or up to 15 minutes
 * after. Every page that is not such a page is false: in quiet time, as an echo in the 26 hours after an incident, or inside an incident
 * but about something else. Pure.
 */
import { ALERTS, type Cause } from '../../model/alerts.ts'
import type { FiredAlert } from './evaluate.ts'
import type { Truth, TruthIncident } from './fleet/truth.ts'
import { type Episode, episodesOf, type Signal, signalsOf } from './pages.ts'
import type { RuleSet } from './rule-set.ts'

const AFTER_SECONDS = 15 * 60
/** A page in the hour after an incident is still about it, as in the published comparison; later ones are echoes. */
const NEAR_SECONDS = 3600
const ECHO_SECONDS = 26 * 3600
/** Alerts of one group that start within this are in one notification. */
const TOGETHER_SECONDS = 60
const WEEK_SECONDS = 7 * 86_400

export type CauseNamed = 'right' | 'among' | 'undecided' | 'wrong'

export interface ScoredIncident {
  readonly environment: string
  readonly agent: string
  readonly peakRunsPerHour: number
  readonly incidentClass: string
  readonly cause: Cause
  readonly start: number
  readonly end: number
  /** The first alert that tells of it; undefined when none does. */
  readonly first: Signal | undefined
  readonly minutes: number | undefined
  /** Pages that started in it, whatever they say. */
  readonly pages: number
  readonly causeNamed: CauseNamed | undefined
  readonly isUserVisible: boolean
  readonly isBeforeThirdComplaint: boolean
}

export interface FalsePage {
  readonly environment: string
  readonly agent: string
  readonly peakRunsPerHour: number
  readonly kind: 'quiet' | 'echo' | 'other symptom'
  readonly start: number
  readonly minutes: number
  readonly alerts: readonly string[]
  /** The incident it follows or falls into. */
  readonly incidentClass?: string
}

export interface Exposure {
  readonly environment: string
  readonly agent: string
  readonly peakRunsPerHour: number
  /** Agent-weeks outside incidents. */
  readonly weeks: number
  readonly pages: number
}

export interface FleetScore {
  readonly incidents: readonly ScoredIncident[]
  readonly falsePages: readonly FalsePage[]
  readonly exposures: readonly Exposure[]
  /** Critical alerts about the watching itself. */
  readonly watchers: readonly FiredAlert[]
}

/** Scores one fleet by pages alone, or by pages and tickets. */
export function scoreFleet(
  fired: readonly FiredAlert[],
  rules: RuleSet,
  truth: Truth,
  severities: readonly ('page' | 'ticket')[],
): FleetScore {
  const { signals, watchers } = signalsOf(fired, rules, truth.environment)
  const incidents: ScoredIncident[] = []
  const falsePages: FalsePage[] = []
  const exposures: Exposure[] = []
  for (const agent of truth.agents) {
    const who = { environment: truth.environment, agent: agent.name, peakRunsPerHour: agent.peakRunsPerHour }
    const own = signals.filter((s) => s.agent === agent.name && severities.includes(s.severity))
    const happened = truth.incidents.filter((i) => i.agent === agent.name)
    const episodes = episodesOf(own)
    incidents.push(...happened.map((i) => ({ ...who, ...scoreIncident(i, own, episodes) })))
    for (const e of episodes) {
      const wrong = judgePage(e, happened)
      if (wrong !== undefined) falsePages.push({ ...who, ...wrong, start: e.start, minutes: (e.end - e.start) / 60, alerts: namesOf(e) })
    }
    const blocked = happened.reduce((sum, i) => sum + i.end - i.start + NEAR_SECONDS, 0)
    exposures.push({ ...who, weeks: Math.max(0, truth.testEnd - truth.testStart - blocked) / WEEK_SECONDS, pages: episodes.length })
  }
  return { incidents, falsePages, exposures, watchers }
}

function scoreIncident(
  i: TruthIncident,
  signals: readonly Signal[],
  episodes: readonly Episode[],
): Omit<ScoredIncident, 'environment' | 'agent' | 'peakRunsPerHour'> {
  const first = signals.find((s) => isInside(s, i) && s.tells.some((t) => i.alerts.includes(t)))
  const third = i.complaints[2]
  return {
    incidentClass: i.incidentClass,
    cause: i.cause,
    start: i.start,
    end: i.end,
    first,
    minutes: first === undefined ? undefined : (first.start - i.start) / 60,
    pages: episodes.filter((e) => isInside(e, i, NEAR_SECONDS)).length,
    causeNamed: first === undefined ? undefined : causeOf(first, episodes, i.cause),
    isUserVisible: i.isUserVisible,
    isBeforeThirdComplaint: first !== undefined && third !== undefined && first.start < third,
  }
}

function isInside(at: { readonly start: number }, i: TruthIncident, after = AFTER_SECONDS): boolean {
  return at.start >= i.start && at.start <= i.end + after
}

/** The causes named by what is firing in the page's first notification. */
function causeOf(first: Signal, episodes: readonly Episode[], cause: Cause): CauseNamed {
  const episode = episodes.find((e) => e.signals.includes(first))
  const told = (episode?.signals ?? [first]).filter((s) => s.start <= first.start + TOGETHER_SECONDS && s.end > first.start)
  const causes = new Set<Cause>(told.map((s) => ALERTS[s.alert].cause))
  causes.delete('unknown')
  if (causes.size === 0) return 'undecided'
  if (!causes.has(cause)) return 'wrong'
  return causes.size === 1 ? 'right' : 'among'
}

/** Why a page is false; undefined when it is not. */
function judgePage(e: Episode, incidents: readonly TruthIncident[]): Pick<FalsePage, 'kind' | 'incidentClass'> | undefined {
  const around = incidents.find((i) => isInside(e, i, NEAR_SECONDS))
  if (around !== undefined) {
    const isAbout = e.signals.some((s) => isInside(s, around, NEAR_SECONDS) && s.tells.some((t) => around.alerts.includes(t)))
    return isAbout ? undefined : { kind: 'other symptom', incidentClass: around.incidentClass }
  }
  const before = incidents.findLast((i) => e.start > i.end + NEAR_SECONDS && e.start <= i.end + ECHO_SECONDS)
  return before === undefined ? { kind: 'quiet' } : { kind: 'echo', incidentClass: before.incidentClass }
}

function namesOf(e: Episode): readonly string[] {
  return [...new Set(e.signals.map((s) => [s.name, s.labels['sli'], s.labels['tool']].filter((w) => w !== undefined).join('/')))]
}
