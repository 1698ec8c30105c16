/** An incident as the demo tells it: when it is opened, when a cause is named, what is done, when it is over. In: changes; out: lines, each once. */
import type { Why } from '../../incidents/state.ts'
import { durationText } from '../../incidents/words.ts'
import type { Incident, TimelineEntry } from '../../model/incident.ts'
import { typed } from './typed.ts'

/** Kinds that are told as they come; alerts are told as pages, and changes by triage. */
const TOLD: ReadonlySet<TimelineEntry['kind']> = new Set([
  'proposed',
  'action',
  'undone',
  'verified',
  'not_recovered',
  'mitigated',
  'resolved',
  'reopened',
])

export class IncidentTeller {
  readonly #url: string
  readonly #told = new Map<string, Set<string>>()

  /** `url`: where the commands that it names find this process. */
  constructor(url: string) {
    this.#url = url
  }

  /** What is new about it; the first line is the news, the others go with it. */
  lines(i: Incident, why: Why): readonly (readonly [line: string, ...more: string[]])[] {
    const known = this.#told.get(i.id)
    const said = known ?? new Set<string>()
    this.#told.set(i.id, said)
    const out: [string, ...string[]][] = []
    if (known === undefined)
      out.push([
        `INCIDENT ${i.id} is ${why === 'opened' ? 'opened' : i.state}: ${i.title}`,
        `  all of it     ${typed(`incident show ${i.id}`, { url: this.#url })}`,
        `  its review    ${typed(`incident review ${i.id}`, { url: this.#url })}`,
      ])
    const { triage } = i
    // Its numbers change with every run; what is told is another answer.
    const answer = triage?.summary.replaceAll(/\d+/g, '#')
    if (triage !== undefined && answer !== undefined && !said.has(answer)) {
      said.add(answer)
      const took = `${durationText(triage.atMs - i.openedMs)} after it was opened`
      out.push([
        `triage of ${i.id}, ${took}: ${triage.summary}`,
        ...triage.findings.map((f) => `  ${f.verdict.replace('_', ' ')}: ${f.text}`),
      ])
    }
    for (const entry of i.timeline) {
      const key = `${entry.kind} ${entry.atMs} ${entry.text}`
      if (!TOLD.has(entry.kind) || said.has(key)) continue
      said.add(key)
      out.push([`${i.id} ${entry.kind.replace('_', ' ')}: ${entry.text}${entry.actor === undefined ? '' : ` (${entry.actor})`}`])
    }
    return out
  }
}
