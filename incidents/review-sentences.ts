/**
 * The sentences of a post-incident review. Each says one fact of the record, with its numbers, and is not there when the fact is not:
 * `say` gives undefined then. Words that came from elsewhere are escaped: they are read as Markdown.
 */
import type { Action, Finding, Incident, TimelineEntry } from '../model/incident.ts'
import { happenedMs } from './alert.ts'
import { becauseText, comparisonText, ended, NOT_DONE, PROPOSED, untilText } from './review-words.ts'
import { countText, durationText, ending, md, shareText, timeText, usdText } from './words.ts'

export const SECTIONS = ['Impact', 'Detection', 'Cause', 'What stood before', 'Response'] as const
export type Section = (typeof SECTIONS)[number]

export interface Sentence {
  readonly section: Section
  /** The sentence, several where the fact is a list; undefined or none without the fact. */
  readonly say: (incident: Incident) => string | readonly string[] | undefined
}

const onsetMs = (i: Incident): number | undefined => i.triage?.onset?.atMs
const firstOf = (i: Incident, kind: TimelineEntry['kind']): TimelineEntry | undefined => i.timeline.find((e) => e.kind === kind)
const after = (i: Incident, ms: number): string => `${durationText(ms - i.openedMs)} after the first alert was received`
const findings = (i: Incident, verdict: Finding['verdict']): readonly Finding[] =>
  i.triage?.findings.filter((f) => f.verdict === verdict) ?? []
const actions = (i: Incident, kind: Action['kind']): readonly Action[] => i.actions.filter((a) => a.kind === kind && !NOT_DONE.has(a.state))

export const SENTENCES = {
  lasted: {
    section: 'Impact',
    say: (i) => {
      const endMs = i.mitigatedMs ?? i.resolvedMs
      if (endMs === undefined) return undefined
      const began = onsetMs(i)
      const from = began === undefined ? `${timeText(i.startedMs)}, when its first alert began` : `${timeText(began)}, its estimated onset`
      return `It lasted ${durationText(endMs - (began ?? i.startedMs))}: from ${from}, to ${timeText(endMs)}, when it was ${i.mitigatedMs === undefined ? 'resolved' : 'mitigated'}.`
    },
  },
  not_over: {
    section: 'Impact',
    say: (i) => {
      const firing = i.alerts.filter((a) => a.endsMs === undefined)
      return i.state === 'resolved' || firing.length === 0
        ? undefined
        : `It is not over: ${[...new Set(firing.map((a) => md(a.name)))].join(', ')} still ${firing.length === 1 ? 'fires' : 'fire'}.`
    },
  },
  runs: {
    section: 'Impact',
    say: ({ blast }) =>
      blast?.runs === undefined
        ? undefined
        : `${countText(blast.runs, 'run')} of the agent closed since ${timeText(blast.sinceMs)}${untilText(blast)}.`,
  },
  failed_runs: {
    section: 'Impact',
    say: ({ blast }) => {
      if (blast?.failedRuns === undefined) return undefined
      const share = blast.runs === undefined || blast.runs === 0 ? '' : ` (${shareText(blast.failedRuns / blast.runs)} of them)`
      return `${countText(blast.failedRuns, 'run')} failed${share}: ended in an error, or failed a required check.`
    },
  },
  cost: {
    section: 'Impact',
    say: ({ blast }) => (blast?.costUsd === undefined ? undefined : `The agent's model calls cost ${usdText(blast.costUsd)} in that time.`),
  },
  users: {
    section: 'Impact',
    say: ({ blast }) => (blast === undefined ? undefined : 'How many users met it is unknown: users are not in the telemetry.'),
  },
  onset: {
    section: 'Detection',
    say: ({ triage }) => {
      const { onset, sli } = triage ?? {}
      if (onset === undefined) return undefined
      const between = onset.fromMs === onset.toMs ? '' : ` (between ${timeText(onset.fromMs)} and ${timeText(onset.toMs)})`
      return `The signal \`${md(sli ?? '')}\` began to change at ${timeText(onset.atMs)}${between}, as estimated from its counts.`
    },
  },
  first_alert: {
    section: 'Detection',
    say: ({ alerts: [first] }) =>
      first === undefined
        ? undefined
        : `The first alert was ${md(first.name)} (${first.severity}), from ${timeText(first.startsMs)} on${first.summary === '' ? '' : `: ${md(first.summary)}`}.`,
  },
  received: {
    section: 'Detection',
    say: ({ openedMs, alerts: [first] }) =>
      first === undefined
        ? undefined
        : `agentopz heard of it at ${timeText(openedMs)}, ${durationText(openedMs - happenedMs(first))} after it had begun to fire.`,
  },
  time_to_detect: {
    section: 'Detection',
    say: (i) => {
      const began = onsetMs(i)
      if (began === undefined) return undefined
      return i.openedMs < began
        ? `The first alert was received ${durationText(began - i.openedMs)} before the estimated onset.`
        : `Time to detect: ${durationText(i.openedMs - began)} from the estimated onset to the first alert received.`
    },
  },
  alert_or_people: {
    section: 'Detection',
    say: (i) => {
      const report = firstOf(i, 'reported')
      if (report === undefined) return undefined
      const who = report.actor === undefined ? 'Somebody' : md(report.actor)
      const difference = report.atMs - i.openedMs
      const order =
        difference < 0
          ? `The alert did not come first: it was received ${durationText(-difference)} later.`
          : `The alert came first, by ${durationText(difference)}.`
      return `${who} reported trouble at ${timeText(report.atMs)}: ${ending(md(report.text))} ${order}`
    },
  },
  acknowledged: {
    section: 'Detection',
    say: (i) => {
      const entry = firstOf(i, 'acknowledged')
      return entry?.actor === undefined ? undefined : `${md(entry.actor)} took it at ${timeText(entry.atMs)}, ${after(i, entry.atMs)}.`
    },
  },
  cause: {
    section: 'Cause',
    say: ({ triage }) => (triage === undefined ? undefined : `${ending(md(triage.summary))} (Triage of ${timeText(triage.atMs)}.)`),
  },
  time_to_name: {
    section: 'Cause',
    say: (i) => (i.namedMs === undefined ? undefined : `Triage first named a cause at ${timeText(i.namedMs)}, ${after(i, i.namedMs)}.`),
  },
  causes: {
    section: 'Cause',
    say: (i) =>
      findings(i, 'cause').map(
        (f) => `${md(f.subject)} (${f.cause}, ${f.confidence} confidence): ${ending(md(f.text))}${comparisonText(f.comparison)}`,
      ),
  },
  ruled_out: {
    section: 'Cause',
    say: (i) =>
      findings(i, 'ruled_out').map((f) => `Ruled out, ${md(f.subject)} (${f.cause}): ${ending(md(f.text))}${comparisonText(f.comparison)}`),
  },
  cannot_tell: {
    section: 'Cause',
    say: (i) =>
      findings(i, 'cannot_tell').map(
        (f) =>
          `Cannot be told, ${md(f.subject)} (${f.cause}): ${ending(md(f.text))}${f.runsNeeded === undefined ? '' : ` ${countText(f.runsNeeded, 'run')} would be needed.`}`,
      ),
  },
  unchanged: {
    section: 'Cause',
    say: (i) => {
      const subjects = findings(i, 'unchanged').map((f) => `${md(f.subject)} (${f.cause})`)
      return subjects.length === 0 ? undefined : `Looked at and unchanged: ${subjects.join(', ')}.`
    },
  },
  triage_gaps: { section: 'Cause', say: ({ triage }) => triage?.gaps.map((gap) => `Missing from the triage: ${ending(md(gap))}`) },
  baseline: {
    section: 'What stood before',
    say: ({ before }) =>
      before?.baseline === undefined
        ? undefined
        : `A baseline existed: ${shareText(before.baseline.badRatio)} of ${Math.round(before.baseline.total)} events of \`${md(before.baseline.sli)}\` were bad before.`,
  },
  no_baseline: {
    section: 'What stood before',
    say: ({ before }) => (before?.noBaseline === true ? 'No baseline existed: Prometheus was asked and had none.' : undefined),
  },
  objectives: {
    section: 'What stood before',
    say: ({ before }) => {
      if (before?.objectives === undefined) return undefined
      return `Objectives were set: ${Object.entries(before.objectives)
        .map(([name, value]) => `\`${md(name)}\` ${value}`)
        .join(', ')}.`
    },
  },
  fallback: {
    section: 'What stood before',
    say: ({ before }) => {
      if (before?.fallback === undefined) return undefined
      return before.fallback === 'none' ? 'No fallback was configured.' : `A fallback was configured (a ${before.fallback}).`
    },
  },
  fallback_reachable: {
    section: 'What stood before',
    say: ({ before }) => {
      if (before?.fallbackReachable === undefined) return undefined
      return before.fallbackReachable
        ? `Its URL answered when it was asked at ${timeText(before.atMs)}.`
        : `Its URL did not answer when it was asked at ${timeText(before.atMs)}.`
    },
  },
  active_release: {
    section: 'What stood before',
    say: ({ before }) => {
      if (before?.activeRelease === undefined) return undefined
      return before.activeRelease === null ? 'No release was active.' : `Release ${md(before.activeRelease)} was active.`
    },
  },
  former_release: {
    section: 'What stood before',
    say: ({ before }) => {
      if (before?.formerRelease === undefined) return undefined
      return before.formerRelease === null
        ? 'There was no release to roll back to.'
        : `Release ${md(before.formerRelease)} was there to roll back to.`
    },
  },
  rollback_used: {
    section: 'Response',
    say: (i) =>
      actions(i, 'rollback_release').map(
        (a) => `Rollback was used: ${md(a.target)}, by ${md(a.actor)} at ${timeText(a.atMs)}; ${ended(a)}.`,
      ),
  },
  fallback_used: {
    section: 'Response',
    say: (i) =>
      actions(i, 'disable_agent').map(
        (a) => `The agent was disabled, which puts its fallback in its place: by ${md(a.actor)} at ${timeText(a.atMs)}; ${ended(a)}.`,
      ),
  },
  other_actions: {
    section: 'Response',
    say: (i) =>
      (['open_tool', 'stop_runs', 'activate_release'] as const)
        .flatMap((kind) => actions(i, kind))
        .map((a) => `${a.kind} ${md(a.target)}, by ${md(a.actor)} at ${timeText(a.atMs)}: ${md(a.reason)}; ${ended(a)}.`),
  },
  proposals: {
    section: 'Response',
    say: (i) =>
      i.actions
        .filter((a) => a.playbook !== undefined && (a.state === 'proposed' || a.state === 'withdrawn' || a.state === 'refused'))
        .map(
          (a) => `${md(a.actor)} proposed ${a.kind} ${md(a.target)} at ${timeText(a.atMs)}, and it ${PROPOSED[a.state]}${becauseText(a)}.`,
        ),
  },
  verifications: {
    section: 'Response',
    say: (i) =>
      i.actions.flatMap(({ id, verification: v }) =>
        v === undefined
          ? []
          : [`After ${md(id)}: ${md(v.text)} (${v.verdict}, ${v.runsSeen} of ${v.runsNeeded} runs seen)${comparisonText(v.comparison)}`],
      ),
  },
  mitigated: {
    section: 'Response',
    say: (i) => {
      const entry = firstOf(i, 'mitigated')
      return entry === undefined ? undefined : `Mitigated at ${timeText(entry.atMs)}, ${after(i, entry.atMs)}: ${ending(md(entry.text))}`
    },
  },
  reopened: {
    section: 'Response',
    say: (i) => {
      const times = i.timeline.filter((e) => e.kind === 'reopened')
      return times.length === 0
        ? undefined
        : `It was opened again ${countText(times.length, 'time')}: ${times.map((e) => timeText(e.atMs)).join(', ')}.`
    },
  },
  resolved: {
    section: 'Response',
    say: (i) => {
      const entry = i.resolvedMs === undefined ? undefined : i.timeline.findLast((e) => e.kind === 'resolved')
      if (entry === undefined) return undefined
      const by = entry.actor === undefined ? '' : ` by ${md(entry.actor)}`
      return `Resolved at ${timeText(entry.atMs)}${by}, ${after(i, entry.atMs)}: ${ending(md(entry.text))}`
    },
  },
} as const satisfies Record<string, Sentence>
