/** What became of an incident that nobody acted on, asked of Prometheus: when the runs were well again, how many failed, whether the suspect left. */
import { valueOf } from '../../incidents/actions/action.ts'
import type { Afterwards } from '../../incidents/hindsight.ts'
import { type Indicator, indicatorOf } from '../../incidents/indicator.ts'
import type { Decision } from '../../incidents/playbooks.ts'
import { allEndedMs } from '../../incidents/state.ts'
import { verify } from '../../incidents/verify.ts'
import type { Finding, Incident, Triage } from '../../model/incident.ts'
import { type Prometheus, whole } from '../prometheus.ts'
import { countsAround, failedRuns } from '../response/aftermath.ts'
import { increaseBy } from '../triage/queries.ts'

export interface AfterQuestion {
  readonly incident: Incident
  readonly triage: Triage | undefined
  readonly dispersion: number
  readonly decision: Extract<Decision, { readonly step: unknown }>
  readonly actedMs: number
  readonly nowMs: number
}

const HOUR_MS = 3_600_000
/** How long after the last alert the runs are looked at. */
const AFTER_MS = [HOUR_MS, 6 * HOUR_MS] as const
/** Runs that say whether they are well. */
const RUNS = 50

/** @throws PrometheusError */
export async function afterwards(prometheus: Prometheus, q: AfterQuestion): Promise<Afterwards> {
  const { incident, actedMs, nowMs, decision } = q
  const { agent, environment } = incident
  const well = await wellAgain(prometheus, q)
  const untilMs = well?.untilMs ?? Math.min(nowMs, (allEndedMs(incident) ?? nowMs) + HOUR_MS)
  const failed = await failedRuns(prometheus, { agent, environment, fromMs: actedMs, nowMs: well?.wellMs ?? untilMs })
  const suspect = await suspectOf(prometheus, q, well?.wellMs ?? untilMs - HOUR_MS, untilMs)
  return {
    kind: decision.step.kind,
    actedMs,
    untilMs,
    ...(well === undefined ? {} : { wellMs: well.wellMs }),
    ...(failed === undefined ? {} : { failedRuns: failed }),
    ...(suspect === undefined ? {} : { suspect }),
  }
}

/** The end of the last alert, where the runs after it are as they were before it began. */
async function wellAgain(
  prometheus: Prometheus,
  q: AfterQuestion,
): Promise<{ readonly wellMs: number; readonly untilMs: number } | undefined> {
  const { incident, triage, dispersion, actedMs, nowMs } = q
  const indicator: Indicator | undefined = indicatorOf(incident)
  const wellMs = allEndedMs(incident)
  if (indicator === undefined || wellMs === undefined || wellMs <= actedMs)
    return wellMs === undefined ? undefined : { wellMs, untilMs: wellMs + HOUR_MS }
  const onsetMs = triage?.onset?.atMs ?? incident.startedMs
  const { agent, environment } = incident
  for (const afterMs of AFTER_MS) {
    const untilMs = Math.min(nowMs, wellMs + afterMs)
    const question = {
      agent,
      environment,
      indicator,
      onsetMs,
      badFromMs: onsetMs,
      changedMs: actedMs,
      fromMs: wellMs,
      nowMs: untilMs,
      scale: 1,
    }
    const counts = await countsAround(prometheus, question)
    const { verdict } = verify({ sli: indicator.sli, ...counts, dispersion, runs: RUNS }, untilMs)
    if (verdict === 'recovered') return { wellMs, untilMs }
    if (verdict === 'not_recovered') return undefined
  }
  return undefined
}

/** Share of what the action is against: of the runs for a version or a model, failing calls for a tool; undefined where it is against nothing. */
async function suspectOf(prometheus: Prometheus, q: AfterQuestion, fromMs: number, untilMs: number): Promise<Afterwards['suspect']> {
  const { decision, triage, incident, actedMs } = q
  const finding = triage?.findings.find((f) => f.verdict === 'cause' && f.cause === decision.cause)
  const onsetMs = triage?.onset?.atMs ?? incident.startedMs
  const share = shareOf(prometheus, q, finding)
  if (share === undefined) return undefined
  const before = await share.at(onsetMs, actedMs)
  const after = await share.at(fromMs, untilMs)
  return before === undefined ? undefined : { name: share.name, of: share.of, before, ...(after === undefined ? {} : { after }) }
}

interface Share {
  readonly name: string
  readonly of: string
  at(fromMs: number, toMs: number): Promise<number | undefined>
}

function shareOf(prometheus: Prometheus, { decision, incident }: AfterQuestion, finding: Finding | undefined): Share | undefined {
  const { kind } = decision.step
  const about = { ...incident, sli: 'quality' as const }
  const counted = async (counter: string, by: string, fromMs: number, toMs: number): Promise<ReadonlyMap<string, number>> => {
    const seconds = Math.max(120, Math.round((toMs - fromMs) / 1000))
    const found = whole(await prometheus.instant(increaseBy(counter, about, { seconds }, by), toMs / 1000), prometheus.url)
    return new Map(found.map((s) => [s.labels[by] ?? '', s.value]))
  }
  const parts = (counts: ReadonlyMap<string, number>, of: (name: string) => boolean): number | undefined => {
    const all = [...counts].reduce((sum, [, n]) => sum + n, 0)
    return all < 1 ? undefined : [...counts].reduce((sum, [name, n]) => sum + (of(name) ? n : 0), 0) / all
  }
  if (kind === 'open_tool') {
    const calls = `agentopz_tool_calls_total{tool=${JSON.stringify(decision.target)}}`
    const at = async (fromMs: number, toMs: number): Promise<number | undefined> =>
      // Without a call it has gone too.
      parts(await counted(calls, 'outcome', fromMs, toMs), (outcome) => outcome === 'error' || outcome === 'empty') ?? 0
    return { name: `failing of tool ${decision.target}`, of: 'its calls', at }
  }
  if (kind !== 'rollback_release' && kind !== 'activate_release') return undefined
  const value = finding === undefined ? undefined : valueOf(finding)
  const by = finding?.cause === 'model' ? 'model' : 'prompt_version'
  if (finding === undefined || value === undefined) return undefined
  const at = async (fromMs: number, toMs: number): Promise<number | undefined> =>
    parts(await counted('agentopz_runs_total', by, fromMs, toMs), (name) => name === value)
  return { name: finding.subject, of: 'the runs', at }
}
