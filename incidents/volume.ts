/**
 * What can be said of an incident about how many runs there are. Nothing fails in it that could be compared, so no cause is named; but when the
 * last run was, how many there should be, and whether other agents are quiet as well, narrows down where to look. Facts in, a triage without
 * findings out; a fact that is not known is not told. Pure.
 */
import type { Incident, Triage } from '../model/incident.ts'
import { clock } from './causes/cause.ts'
import { countText } from './words.ts'

export interface VolumeFacts {
  /** When a run of the agent last closed. */
  readonly lastRunMs?: number
  /** Runs of the agent within the last hour, and how many this time of the week brings. */
  readonly runs?: number
  readonly expected?: number
  /** Agents of the same environment that had enough runs before the alert to be missed, and those of them that have none now. */
  readonly others: { readonly running: number; readonly quiet: readonly string[] }
}

/** What a triage is about that is about no indicator. */
export const VOLUME = 'volume'
const NAMES = 3

/** Whether the incident is about how many runs there are. */
export function isAboutVolume({ alerts }: Pick<Incident, 'alerts'>): boolean {
  return alerts.some((a) => a.family === 'volume')
}

/** What the record supports, in words. */
export function volumeTriage({ alerts }: Pick<Incident, 'alerts'>, facts: VolumeFacts, now: number): Triage {
  const isSurge = alerts.some((a) => a.name === 'AgentVolumeSurge')
  const said = [lastRun(facts, now), hour(facts), ...(isSurge ? [] : [others(facts)])].filter((s) => s !== undefined)
  const why = 'cannot tell: only the number of runs changed, so there are no failing runs to compare.'
  return { atMs: now, sli: VOLUME, findings: [], summary: [why, ...said].join(' '), gaps: [] }
}

function lastRun({ lastRunMs }: VolumeFacts, now: number): string | undefined {
  return lastRunMs === undefined ? undefined : `The last run closed at ${clock(lastRunMs, now)}.`
}

function hour({ runs, expected }: VolumeFacts): string | undefined {
  if (runs === undefined) return undefined
  const usual = expected === undefined ? '' : `, usual at this time of the week are ${Math.round(expected)}`
  return `${countText(runs, 'run')} closed within the last hour${usual}.`
}

function others({ others: { running, quiet } }: VolumeFacts): string {
  if (running === 0) return 'No other agent of this environment has runs often enough to tell whether it is alone.'
  if (quiet.length === 0)
    return `${running === 1 ? 'The one other agent' : `All ${running} other agents`} of this environment ${running === 1 ? 'has' : 'have'} runs: look at this agent and at what calls it.`
  const names = quiet.length > NAMES ? `${quiet.slice(0, NAMES).join(', ')} and others` : quiet.join(', ')
  const which = quiet.length === running ? 'All' : `${quiet.length} of ${running}`
  return `${which} other agents of this environment have none either (${names}): look first at what they share, and at the way of their spans (agentopz_spans_received_total).`
}
