/** Results of drills as a person reads them: a table, the misses below it, and what each drill did. Pure; an unknown time is a dash. */
import type { DrillResult } from './observed.ts'

const COLUMNS = ['drill', 'outcome', 'detected', 'attributed', 'mitigated', 'recovered', 'by alert', 'cause named first'] as const

/** One row per drill. */
export function rowsOf(results: readonly DrillResult[]): readonly (readonly string[])[] {
  return results.map((r) => [
    r.drill,
    r.outcome,
    seconds(r.detectSeconds),
    seconds(r.attributeSeconds),
    seconds(r.mitigateSeconds),
    seconds(r.recoverSeconds),
    r.observed.alerts[0] ?? '–',
    causeText(r),
  ])
}

function causeText({ attribution, observed: { named, causes, checks } }: DrillResult): string {
  if (checks.length > 0) return '–'
  if (attribution === 'none to name' && named === undefined) return 'none, rightly'
  if (named === undefined) return '–'
  const also = causes.filter((c) => c.cause !== named.cause).map((c) => `${c.cause} (${c.confidence})`)
  return [`${named.cause} (${named.confidence}), ${attribution === 'wrong' ? 'WRONG' : attribution}`, ...also].join('; also ')
}

function seconds(value: number | undefined): string {
  return value === undefined ? '–' : `${value.toFixed(1)} s`
}

/** The table as text, with what was missed. */
export function tableText(results: readonly DrillResult[]): string {
  const rows = [COLUMNS, ...rowsOf(results)]
  const widths = COLUMNS.map((_, at) => Math.max(...rows.map((r) => (r[at] ?? '').length)))
  const lines = rows.map((r) =>
    r
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  return [...lines, '', ...missesText(results)].join('\n')
}

function missesText(results: readonly DrillResult[]): readonly string[] {
  const misses = results.flatMap((r) => r.misses.map((m) => `${r.drill}: ${m}`))
  const passed = results.filter((r) => r.outcome === 'passed').length
  return [...misses, `${passed} of ${results.length} drills passed${misses.length === 0 ? ', nothing was missed' : ''}`]
}

/** Columns for a table in Markdown. */
export const MARKDOWN_COLUMNS: readonly string[] = COLUMNS
