/**
 * Results of benches → docs/performance.md. Each bench writes one file of results, with the machine and versions it ran on; the page is
 * put together from all of them and nothing else, so that no number in it was typed by hand.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'

export interface Table {
  readonly caption: string
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

export interface Result {
  readonly title: string
  /** Place on the page. */
  readonly order: number
  readonly command: string
  /** What was measured and how, one paragraph each. */
  readonly intro: readonly string[]
  readonly tables: readonly Table[]
  /** What is missed and why, what to mind when reading. */
  readonly notes: readonly string[]
  readonly ranOn: string
}

const TOP = join(import.meta.dirname, '..')
const RESULTS = join(TOP, 'bench/results')
export const PAGE = join(TOP, 'docs/performance.md')

/** Machine and versions, for the record. */
export function ranOn(versions: Readonly<Record<string, string>> = {}): string {
  const others = Object.entries(versions).map(([name, version]) => `, ${name} ${version}`)
  return `${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}, Node ${process.versions.node}, zlib ${process.versions.zlib ?? 'unknown'}${others.join('')}`
}

/** Keeps a bench's result and writes the page anew. */
export function keep(name: string, result: Result): void {
  writeFileSync(join(RESULTS, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`)
  writeFileSync(PAGE, performancePage())
}

/** The page as the kept results give it. */
export function performancePage(): string {
  const results = readdirSync(RESULTS)
    .filter((f) => f.endsWith('.json'))
    .map((f) => JSON.parse(readFileSync(join(RESULTS, f), 'utf8')) as Result)
    .sort((a, b) => a.order - b.order || a.title.localeCompare(b.title))
  const head = `# Performance

Every section is written by the bench it names, from one run on one machine. Machines differ and are shared: quote ratios, which are taken
between contenders in turns, and not nanoseconds. Numbers in brackets are the lowest and the highest round.
`
  return `${head}${results.map(sectionOf).join('')}`
}

function sectionOf(r: Result): string {
  return `
## ${r.title}

${r.intro.join('\n\n')}

\`${r.command}\` on ${r.ranOn}.
${r.tables.map(tableOf).join('')}${r.notes.length === 0 ? '' : `\n${r.notes.map((n) => `- ${n}`).join('\n')}\n`}`
}

function tableOf(t: Table): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return `
${t.caption}

${[row(t.head), row(t.head.map(() => '---')), ...t.rows.map(row)].join('\n')}
`
}
