/**
 * What the records say of one drill so far: its agent's incidents → alerts, the cause as it was named, actions, recovery. Pure; the record is
 * the only source, so a drill sees what an operator would.
 */
import type { Incident, Triage } from '../../model/incident.ts'
import type { DoneAction, Named } from './observed.ts'

/** The first cause that a triage names; one from before says nothing of what was done since. */
export function namedBy(triage: Triage | undefined, sinceMs: number): Named | undefined {
  const first = triage?.findings.find((f) => f.verdict === 'cause')
  if (triage === undefined || first === undefined || triage.atMs < sinceMs) return undefined
  return { atMs: triage.atMs, cause: first.cause, confidence: first.confidence, text: first.text }
}

export interface Seen {
  readonly incident: Incident | undefined
  readonly alerts: readonly string[]
  /** When the first alert after the injection was received. */
  readonly detectedMs: number | undefined
  readonly actions: readonly DoneAction[]
  /** When evidence said that it is well again, or the incident was over. */
  readonly recoveredMs: number | undefined
}

/** Reads them. `incidents` are those of the agent, newest first. */
export function seen(incidents: readonly Incident[], injectedMs: number): Seen {
  const alerts = incidents.flatMap((i) => i.alerts.filter((a) => a.receivedMs >= injectedMs).map((a) => ({ a, i })))
  const first = alerts.toSorted((x, y) => x.a.receivedMs - y.a.receivedMs)[0]
  const incident = first?.i
  return {
    incident,
    alerts: [...new Set(alerts.map(({ a }) => a.name))],
    detectedMs: first?.a.receivedMs,
    actions: (incident?.actions ?? []).flatMap(doneAction).filter((a) => a.atMs >= injectedMs),
    recoveredMs: [incident?.mitigatedMs, incident?.resolvedMs].find((ms) => ms !== undefined && ms >= injectedMs),
  }
}

const NOT_DONE: ReadonlySet<string> = new Set(['proposed', 'started', 'withdrawn', 'refused'])

function doneAction({ kind, target, actor, state, atMs }: Incident['actions'][number]): readonly DoneAction[] {
  return NOT_DONE.has(state) ? [] : [{ kind, target, actor, atMs }]
}
