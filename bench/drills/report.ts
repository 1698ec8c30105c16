/** A run of all drills → the measured part of docs/drills.md: a row per drill, what was missed, what each is. The rest is written by hand. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LIMITS } from '../../app/drill/observed.ts'
import { MARKDOWN_COLUMNS, rowsOf } from '../../app/drill/report.ts'
import type { DrillsRun } from '../../app/drill/run-drills.ts'

const DOCUMENT = join(import.meta.dirname, '../../docs/drills.md')
const [BEGIN, END] = ['<!-- measured: npm run drill:report -->', '<!-- end -->']

/** Versions of what took part, by name. */
export type Versions = Readonly<Record<string, string>>

/** The measured part. */
export function measured({ results, sdk, startedMs, endedMs, load }: DrillsRun, versions: Versions): string {
  const passed = results.filter((r) => r.outcome === 'passed')
  const caused = results.filter((r) => r.attribution !== 'none to name')
  const right = caused.filter((r) => r.attribution === 'right')
  const with_ = Object.entries({ ...versions, 'SDK of the agents': sdk }).map(([name, version]) => `${name} ${version}`)
  const misses = results.flatMap((r) => r.misses.map((m) => `- **${r.drill}**: ${m}`))
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [
    `${new Date(startedMs).toISOString().slice(0, 16).replace('T', ' ')} UTC, ${results.length} drills in ${Math.round((endedMs - startedMs) / 60_000)} minutes. ${with_.join(', ')}; ${load.cores} cores with a load of ${load.average.toFixed(0)}.`,
    `${passed.length} of ${results.length} drills passed; the right cause was named first in ${right.length} of ${caused.length} that have one.`,
    '',
    row(MARKDOWN_COLUMNS),
    row(MARKDOWN_COLUMNS.map(() => '---')),
    ...rowsOf(results).map(row),
    '',
    misses.length === 0 ? 'Nothing was missed.' : 'Missed:',
    ...(misses.length === 0 ? [] : ['', ...misses]),
    '',
    `Times are seconds since what was done began to be done; a second here is a minute to the rules. Waited for at most: ${LIMITS.detect} s for an alert, ${LIMITS.attribute} s for a cause, ${LIMITS.mitigate} s for an action, ${LIMITS.recover} s for recovery.`,
    'Where nothing that can be taken back would help, "mitigated" is when the drill itself repaired it, after the cause was named or not.',
    ...sentences(results),
  ].join('\n')
}

/** What triage said, and what rehearsals saw. */
function sentences(results: DrillsRun['results']): readonly string[] {
  const said = results.flatMap(({ drill, observed: o }) => {
    const texts = [...(o.summary === undefined ? [] : [o.summary]), ...o.checks.map((c) => c.text)]
    return texts.length === 0 ? [] : [`- **${drill}**: ${texts.join('; ')}`]
  })
  return said.length === 0 ? [] : ['', 'What triage said last, and what the rehearsals saw:', '', ...said]
}

/** The document with another measured part. @throws when it has none. */
export function withMeasured(document: string, part: string): string {
  const [from, to] = [document.indexOf(BEGIN), document.indexOf(END)]
  if (from < 0 || to < from) throw new Error(`docs/drills.md: ${BEGIN} and ${END} are not there; put them back where the table belongs`)
  return `${document.slice(0, from + BEGIN.length)}\n\n${part}\n\n${document.slice(to)}`
}

export function writeReport(run: DrillsRun, versions: Versions): void {
  writeFileSync(DOCUMENT, withMeasured(readFileSync(DOCUMENT, 'utf8'), measured(run, versions)))
}
