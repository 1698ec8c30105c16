/**
 * A panel's answers → what is drawn: named lines, tables with columns in order, cells of heat maps. The same reading of legends, overrides
 * and transformations as Grafana's, for the few that our dashboards use.
 */
import type { Override, Panel, Target, Threshold } from '../../dashboards/grafana.ts'
import type { Answer } from './answers.ts'

export interface Line {
  readonly name: string
  readonly refId: string
  readonly labels: Readonly<Record<string, string>>
  readonly points: readonly (readonly [number, number])[]
  readonly style: Readonly<Record<string, unknown>>
}

export interface Answered {
  readonly target: Target
  readonly answers: readonly Answer[]
}

/** Every series of a panel with its name and what its overrides say. */
export function linesOf(panel: Panel, answered: readonly Answered[]): readonly Line[] {
  return answered.flatMap(({ target, answers }) =>
    answers.map((a) => ({
      name: legendOf(target.legendFormat, a.labels) || panel.title,
      refId: target.refId,
      labels: a.labels,
      points: a.points,
      style: {
        ...styleOf(panel.fieldConfig.overrides, 'byFrameRefID', target.refId),
        ...styleOf(panel.fieldConfig.overrides, 'byName', legendOf(target.legendFormat, a.labels)),
      },
    })),
  )
}

function legendOf(format: string, labels: Readonly<Record<string, string>>): string {
  return format
    .replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => labels[label] ?? '')
    .replaceAll(/\s+/g, ' ')
    .trim()
}

/** Properties that overrides set, by id. */
export function styleOf(overrides: readonly Override[], by: Override['matcher']['id'], what: string): Readonly<Record<string, unknown>> {
  const own = overrides.filter((o) => o.matcher.id === by && o.matcher.options === what)
  return Object.fromEntries(own.flatMap((o) => o.properties.map((p) => [p.id, p.value])))
}

/** The unit that an override sets, or the panel's. */
export function unitOf(style: Readonly<Record<string, unknown>>, own: string): string {
  const unit = style['unit']
  return typeof unit === 'string' ? unit : own
}

export interface Table {
  readonly columns: readonly { readonly from: string; readonly title: string; readonly style: Readonly<Record<string, unknown>> }[]
  readonly rows: readonly (readonly (string | number | undefined)[])[]
}

/** Frames merged by the labels they share, columns ordered, renamed and sorted as the panel's transformations and options say. */
export function tableOf(panel: Panel, answered: readonly Answered[]): Table {
  const organize = panel.transformations?.find((t) => t.id === 'organize')?.options as {
    readonly indexByName: Readonly<Record<string, number>>
    readonly renameByName: Readonly<Record<string, string>>
  }
  const rows = merged(answered)
  const columns = Object.entries(organize.indexByName)
    .toSorted(([, a], [, b]) => a - b)
    .map(([from]) => ({ from, title: organize.renameByName[from] ?? from }))
    .filter(({ from }) => rows.some((r) => r[from] !== undefined && r[from] !== ''))
    .map((c) => ({ ...c, style: styleOf(panel.fieldConfig.overrides, 'byName', c.title) }))
  const sortBy = panel.type === 'table' ? panel.options.sortBy : []
  const sorted = rows.toSorted((a, b) => {
    for (const { displayName, desc } of sortBy) {
      const from = columns.find((c) => c.title === displayName)?.from ?? ''
      const order = compared(a[from], b[from]) * (desc ? -1 : 1)
      if (order !== 0) return order
    }
    return 0
  })
  return { columns, rows: sorted.map((r) => columns.map((c) => r[c.from])) }
}

type Row = Record<string, string | number | undefined>

function merged(answered: readonly Answered[]): readonly Row[] {
  const frames = answered.filter((a) => a.answers.length > 0)
  const labelsOf = (a: Answered): Set<string> => new Set(a.answers.flatMap((x) => Object.keys(x.labels)))
  const shared = frames
    .map(labelsOf)
    .reduce<Set<string> | undefined>((both, own) => (both === undefined ? own : new Set([...both].filter((l) => own.has(l)))), undefined)
  const rows: { readonly key: string; readonly row: Row }[] = []
  for (const { target, answers } of frames) {
    const column = answered.length > 1 ? `Value #${target.refId}` : 'Value'
    for (const { labels, points } of answers) {
      const key = JSON.stringify([...(shared ?? [])].toSorted().map((l) => labels[l] ?? ''))
      const fits = rows.filter((r) => r.key === key && r.row[column] === undefined && agree(r.row, labels))
      if (fits.length === 0) rows.push({ key, row: { ...labels, [column]: points.at(-1)?.[1] } })
      for (const r of fits) Object.assign(r.row, labels, { [column]: points.at(-1)?.[1] })
    }
  }
  return rows.map((r) => r.row)
}

function agree(row: Row, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(labels).every(([k, v]) => row[k] === undefined || row[k] === v)
}

function compared(a: string | number | undefined, b: string | number | undefined): number {
  if (a === b) return 0
  // Nothing comes last, whichever way one sorts for the eye.
  if (a === undefined || (typeof a === 'number' && Number.isNaN(a))) return 1
  if (b === undefined || (typeof b === 'number' && Number.isNaN(b))) return -1
  return a < b ? -1 : 1
}

/** The colour of a value by thresholds: that of the last step it reaches. */
export function colourOf(value: number, steps: readonly Threshold[]): string {
  let colour = steps[0]?.color ?? 'text'
  for (const s of steps) if (s.value !== null && value >= s.value) colour = s.color
  return colour
}
