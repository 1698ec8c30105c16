/** Scores → text for a terminal: totals, classes with what told first, every false page. For whoever tunes rules. */
import type { Truth } from './fleet/truth.ts'
import { fixed, percent, time, whole } from './numbers.ts'
import type { RuleSet } from './rule-set.ts'
import type { FleetScore } from './score.ts'
import { detection, summarize, type Summary } from './summary.ts'

export interface Result {
  readonly rules: RuleSet
  readonly pages: readonly FleetScore[]
  readonly withTickets: readonly FleetScore[]
  readonly truths: readonly Truth[]
}

/** For a terminal: totals, classes, every miss and every false page. */
export function textOf(results: readonly Result[]): string {
  const lines: string[] = []
  for (const r of results) {
    lines.push('', `== ${r.rules.name}`, `pages             ${summaryLine(summarize(r.pages))}`)
    lines.push(`pages and tickets ${summaryLine(summarize(r.withTickets))}`)
    const incidents = r.pages.flatMap((s) => s.incidents)
    const ticketed = new Map(r.withTickets.flatMap((s) => s.incidents).map((i) => [`${i.environment}/${i.agent}/${i.start}`, i]))
    for (const [name, of] of Map.groupBy(incidents, (i) => i.incidentClass)) {
      const d = detection(of)
      const firsts = of.map((i) => i.first?.name ?? `(${ticketed.get(`${i.environment}/${i.agent}/${i.start}`)?.first?.name ?? 'nothing'})`)
      lines.push(
        `  ${name.padEnd(16)} ${`${d.detected}/${d.incidents}`.padEnd(6)} median ${whole(d.medianMinutes).padStart(4)} worst ${whole(d.worstMinutes).padStart(4)}  ${of.map((i, k) => `${i.agent}:${whole(i.minutes)}:${firsts[k] ?? ''}`).join(' ')}`,
      )
    }
    for (const f of r.pages.flatMap((s) => s.falsePages).toSorted((a, b) => a.start - b.start))
      lines.push(
        `  false (${f.kind}${f.incidentClass === undefined ? '' : ` of ${f.incidentClass}`}) ${f.environment} ${f.agent} ${time(f.start)} ${whole(f.minutes)} min  ${f.alerts.join(' ')}`,
      )
    for (const w of r.pages.flatMap((s) => s.watchers))
      lines.push(`  watcher ${w.name} ${time(w.start)} ${whole((w.end - w.start) / 60)} min`)
  }
  return `${lines.join('\n')}\n`
}

function summaryLine(s: Summary): string {
  return [
    `${s.detected}/${s.incidents} (${percent(s.detected / s.incidents)})`,
    `median ${whole(s.medianMinutes)} p90 ${whole(s.p90Minutes)} worst ${whole(s.worstMinutes)} min`,
    `false ${s.falsePages} in ${s.agentWeeks.toFixed(1)} agent-weeks = ${fixed(s.falsePerWeek)} (${s.falseInterval.map(fixed).join('–')}): quiet ${s.falseQuiet}, echo ${s.falseEcho}, other symptom ${s.falseOther}`,
    `precision ${percent(s.precision)}`,
    `${fixed(s.pagesPerIncident)} pages per incident`,
    `before third complaint ${s.beforeThirdComplaint}/${s.userVisible}`,
    `cause right ${s.causes.right}, among others ${s.causes.among}, undecided ${s.causes.undecided}, wrong ${s.causes.wrong}`,
  ].join('; ')
}
