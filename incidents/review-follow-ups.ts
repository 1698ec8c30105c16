/**
 * What a review asks of people: follow-ups that a fact of the record calls for, and what the record does not hold and how it could have.
 */
import type { Incident } from '../model/incident.ts'
import { NOT_DONE } from './review-words.ts'
import { countText, md } from './words.ts'

export const FOLLOW_UPS: Readonly<Record<string, (i: Incident) => string | undefined>> = {
  baseline: ({ before }) => (before?.noBaseline === true ? 'Measure what is normal of the agent: `agentopz baseline`' : undefined),
  fallback: ({ before }) => (before?.fallback === 'none' ? 'Configure a fallback for the agent' : undefined),
  fallback_reachable: ({ before }) => (before?.fallbackReachable === false ? "Repair the fallback's URL: it did not answer" : undefined),
  release: ({ before }) =>
    before?.formerRelease === null
      ? 'Publish prompts as releases, so that there is one to roll back to: `agentopz release publish`'
      : undefined,
  people_first: (i) =>
    (i.timeline.find((e) => e.kind === 'reported')?.atMs ?? i.openedMs) < i.openedMs
      ? 'Find out why people noticed before the alert did'
      : undefined,
  cause: ({ triage }) => {
    const subjects = triage?.findings.filter((f) => f.verdict === 'cause').map((f) => md(f.subject)) ?? []
    return subjects.length === 0 ? undefined : `Keep the cause from coming back: ${subjects.join(', ')}`
  },
  cannot_tell: ({ triage }) => {
    const needed = triage?.findings.find((f) => f.verdict === 'cannot_tell' && f.runsNeeded !== undefined)?.runsNeeded
    return needed === undefined ? undefined : `Triage again after ${countText(needed, 'more run')}`
  },
  failed_action: ({ actions }) => {
    const failed = actions
      .filter((a) => a.state === 'failed' || a.verification?.verdict === 'not_recovered')
      .map((a) => `${a.kind} ${md(a.target)}`)
    return failed.length === 0 ? undefined : `Find out why it did not help: ${failed.join(', ')}`
  },
}

/** Follow-ups that the record calls for. */
export function followUps(i: Incident): readonly string[] {
  return Object.values(FOLLOW_UPS).flatMap((say) => say(i) ?? [])
}

const has = (i: Incident, kind: Incident['timeline'][number]['kind']): boolean => i.timeline.some((e) => e.kind === kind)

/** What is missing, and how it gets there. Each is there exactly while its fact is not. */
export const MISSING: Readonly<Record<string, (i: Incident) => string | undefined>> = {
  onset: ({ triage, agent }) =>
    triage?.onset === undefined && agent !== '' ? 'When the signal began to change: no onset was estimated.' : undefined,
  report: (i) =>
    has(i, 'reported')
      ? undefined
      : `Whether people noticed first: no report is recorded. Add one: \`agentopz incident note ${i.id} TEXT --reported --at TIME\`.`,
  acknowledged: (i) => (has(i, 'acknowledged') ? undefined : 'Who had it: nobody acknowledged it here.'),
  triage: ({ triage, agent }) => (triage === undefined && agent !== '' ? 'What caused it: no triage is recorded.' : undefined),
  runs: ({ blast, agent }) => (blast?.runs === undefined && agent !== '' ? 'How many runs it met: Prometheus did not say.' : undefined),
  failed_runs: ({ blast, agent }) =>
    blast?.failedRuns === undefined && agent !== '' ? 'How many runs failed: Prometheus did not say.' : undefined,
  cost: ({ blast, agent }) => (blast?.costUsd === undefined && agent !== '' ? 'What it cost: Prometheus did not say.' : undefined),
  baseline: ({ before, agent }) =>
    before?.baseline === undefined && before?.noBaseline === undefined && agent !== ''
      ? 'Whether a baseline existed: Prometheus could not be asked when it began.'
      : undefined,
  objectives: ({ before, agent }) =>
    before?.objectives === undefined && agent !== ''
      ? 'Which objectives were set: Prometheus has no samples of them from then.'
      : undefined,
  fallback: ({ before, agent }) =>
    before?.fallback === undefined && agent !== '' ? 'Whether a fallback was configured when it began.' : undefined,
  release: ({ before, agent }) =>
    before?.formerRelease === undefined && agent !== '' ? 'Whether there was a release to roll back to when it began.' : undefined,
  actions: ({ actions, timeline }) =>
    actions.every((a) => NOT_DONE.has(a.state)) && !timeline.some((e) => e.kind === 'action')
      ? 'What was done about it: no action is recorded.'
      : undefined,
}

/** What the record does not hold. */
export function missing(i: Incident): readonly string[] {
  return Object.values(MISSING).flatMap((say) => say(i) ?? [])
}
