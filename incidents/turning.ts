/**
 * When did people do something that may have helped? The last change, control or release in the timeline since the onset, and the end of the
 * last alert: the runs after it are looked at, whoever did it. Pure.
 */
import type { Incident } from '../model/incident.ts'
import { allEndedMs } from './state.ts'

export interface Turn {
  readonly atMs: number
  /** What it was, for the record. */
  readonly text: string
}

/** The last of them; undefined where nothing was done and its alerts still fire. */
export function turnOf(incident: Incident): Turn | undefined {
  const sinceMs = incident.triage?.onset?.toMs ?? incident.startedMs
  const entries = incident.timeline.filter((e) => (e.kind === 'action' || e.kind === 'undone' || e.kind === 'change') && e.atMs > sinceMs)
  const done = entries.map((e) => ({ atMs: e.atMs, text: e.text }))
  const endedMs = allEndedMs(incident)
  if (endedMs !== undefined && endedMs > sinceMs) done.push({ atMs: endedMs, text: 'its last alert ended' })
  return done.toSorted((a, b) => a.atMs - b.atMs).at(-1)
}
