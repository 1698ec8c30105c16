/**
 * The record of an incident → its post-incident review, as Markdown. It says what the record holds, with its numbers and times, and at the
 * end what the record does not hold; nothing else. Follow-ups have an empty owner and date: those are for people.
 */
import type { Incident, TimelineEntry } from '../model/incident.ts'
import { followUps, missing } from './review-follow-ups.ts'
import { SECTIONS, SENTENCES, type Sentence } from './review-sentences.ts'
import { durationText, md, timeText } from './words.ts'

/** The review. */
export function reviewOf(i: Incident): string {
  const sections = SECTIONS.flatMap((section) => {
    const lines = Object.values<Sentence>(SENTENCES)
      .filter((s) => s.section === section)
      .flatMap((s) => s.say(i) ?? [])
    return lines.length === 0 ? [] : [`## ${section}`, '', ...lines.map((l) => `- ${l}`), '']
  })
  return [
    `# ${md(i.title)}`,
    '',
    ...facts(i),
    '',
    ...sections,
    ...changes(i),
    '## Timeline',
    '',
    '| when | what | who |',
    '|---|---|---|',
    ...i.timeline.map((e) => `| ${timeText(e.atMs)} | ${md(`${e.kind}: ${e.text}`)} | ${md(e.actor ?? '')} |`),
    '',
    ...queries(i),
    '## Follow-ups',
    '',
    '| what | owner | due |',
    '|---|---|---|',
    ...followUps(i).map((what) => `| ${what} | | |`),
    '| | | |',
    '',
    ...gaps(i),
  ].join('\n')
}

function facts(i: Incident): readonly string[] {
  const rows: readonly (readonly [string, string])[] = [
    ['incident', i.id],
    ['agent', i.agent === '' ? 'agentopz itself: the watching, not an agent' : i.agent],
    ['environment', i.environment],
    ['team', i.team],
    ['severity', i.severity],
    ['state', i.state],
    ['drill', i.drill ? 'yes: made on purpose' : ''],
  ]
  return ['| | |', '|---|---|', ...rows.filter(([, value]) => value !== '').map(([name, value]) => `| ${name} | ${md(value)} |`)]
}

/** What changed, and what was done, before it began and since. */
function changes(i: Incident): readonly string[] {
  const beganMs = i.triage?.onset?.atMs ?? i.startedMs
  const relevant = i.timeline.filter((e) => e.kind === 'change' || e.kind === 'action' || e.kind === 'undone')
  const line = (e: TimelineEntry): string => {
    const from = e.atMs < beganMs ? `${durationText(beganMs - e.atMs)} before` : `${durationText(e.atMs - beganMs)} after`
    return `- ${timeText(e.atMs)}, ${from} it began: ${md(e.text)}${e.actor === undefined ? '' : ` (${md(e.actor)})`}`
  }
  const [before, since] = [relevant.filter((e) => e.atMs < beganMs), relevant.filter((e) => e.atMs >= beganMs)]
  return [
    ...(before.length === 0 ? [] : ['## What changed before it began', '', ...before.map(line), '']),
    ...(since.length === 0 ? [] : ['## What changed since', '', ...since.map(line), '']),
  ]
}

/** What to ask Prometheus again, and for which time. */
function queries(i: Incident): readonly string[] {
  const fromMs = (i.triage?.onset?.fromMs ?? i.startedMs) - 3_600_000
  const toMs = i.resolvedMs ?? i.timeline.at(-1)?.atMs ?? i.openedMs
  const matchers = `agent=${JSON.stringify(i.agent)},environment=${JSON.stringify(i.environment)}`
  const own =
    i.agent === ''
      ? []
      : [
          `sum by (quality, prompt_version) (increase(agentopz_runs_total{${matchers}}[10m]))`,
          `sum by (outcome) (increase(agentopz_runs_total{${matchers}}[10m]))`,
          `ALERTS{${matchers}}`,
        ]
  const all = [...new Set([...(i.triage?.findings.map((f) => f.query) ?? []), ...own])].filter((q) => q !== '')
  if (all.length === 0) return []
  const span = `From ${timeText(fromMs)}, an hour before it began, to ${timeText(toMs)}:`
  return ['## Queries to run again', '', span, '', '```promql', ...all.map((q) => q.replaceAll('```', '')), '```', '']
}

function gaps(i: Incident): readonly string[] {
  const lines = missing(i)
  return lines.length === 0 ? [] : ['## Not in the record', '', ...lines.map((l) => `- ${l}`), '']
}
