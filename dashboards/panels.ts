/**
 * Panels as their authors write them: what is asked, what it means, how wide. One call is one panel; a board is a list of them.
 * Everything Grafana wants beside that is filled in here, the same for all, so that boards hold only what differs.
 * Each query says by itself whether it must return data (the default) or may be empty, with the reason; a test runs them all.
 */
import type { Link, Override, Panel, PanelType, Target, Threshold, Transformation } from './grafana.ts'
import { fieldDefaults, optionsOf } from './look.ts'
import type { Vector } from './query.ts'

/** A legend may name only labels that the vector still has: `'{{tool}}'` over `sum by (agent)` does not compile. */
type Legend<S extends string, L extends string> = S extends `${string}{{${infer Name}}}${infer Rest}`
  ? Name extends L
    ? Legend<Rest, L>
    : `no such label: ${Name}`
  : unknown

export interface QueryStyle {
  readonly color?: string
  /** A dashed line: what should be, beside what is. */
  readonly dashed?: boolean
  readonly bars?: boolean
  /** Draws on its own axis at the right, with its own unit: how many events a share rests on. */
  readonly right?: string
  readonly unit?: string
  /** Not part of a stack. */
  readonly unstacked?: boolean
}

export interface QueryOptions extends QueryStyle {
  /** Why a healthy system may have no answer to it. */
  readonly mayBeEmpty?: string
  readonly exemplar?: boolean
}

export interface Query extends QueryOptions {
  readonly expr: string
  readonly labels: readonly string[]
  readonly legend: string
}

/** One query of a panel. */
export function query<L extends string, const S extends string>(v: Vector<L>, legend: S & Legend<S, L>, options: QueryOptions = {}): Query {
  return { expr: v.promql, labels: v.labels, legend, ...options }
}

export interface PanelText {
  readonly title: string
  /** What it shows, how to read it, and what to do about it. Markdown. */
  readonly description: string
  readonly unit: string
  /** Of 24 columns. */
  readonly width: number
  readonly height?: number
  readonly decimals?: number
  readonly min?: number
  readonly max?: number
  /** Where the axis reaches at least, so that a bound can be seen from below. */
  readonly softMax?: number
  readonly thresholds?: readonly Threshold[]
  /** Colours of series by name, where a colour means something. */
  readonly colours?: Readonly<Record<string, string>>
  readonly links?: readonly Link[]
  /** Shortest step of its queries. */
  readonly interval?: string
  /** Words for values that have a name: 0 is down. */
  readonly words?: Readonly<Record<string, { readonly text: string; readonly color: string }>>
}

export interface PanelSpec extends PanelText {
  readonly type: PanelType
  readonly queries: readonly Query[]
  readonly stack?: 'normal' | 'percent'
  readonly spark?: boolean
  readonly legendRight?: boolean
  readonly columns?: readonly Column[]
  readonly hidden?: readonly string[]
  readonly sort?: readonly { readonly column: string; readonly descending?: boolean }[]
}

export interface Column {
  /** The label or `Value #A` it comes from; `Value` in a table of one query. */
  readonly from: string
  readonly title: string
  readonly unit?: string
  readonly decimals?: number
  readonly thresholds?: readonly Threshold[]
  /** Colours the cell by the thresholds. */
  readonly coloured?: boolean
  readonly link?: Link
  readonly width?: number
}

export const stat = (text: PanelText & { readonly spark?: boolean }, queries: readonly Query[]): PanelSpec => ({
  height: 4,
  ...text,
  type: 'stat',
  queries,
})
export const timeseries = (text: PanelText & Pick<PanelSpec, 'stack' | 'legendRight'>, queries: readonly Query[]): PanelSpec => ({
  ...text,
  type: 'timeseries',
  queries,
})
export const heatmap = (text: PanelText, bucketRate: Vector<'le'>, options: QueryOptions = {}): PanelSpec => ({
  ...text,
  type: 'heatmap',
  queries: [query(bucketRate, '{{le}}', { exemplar: true, ...options })],
})
export const stateTimeline = (text: PanelText, queries: readonly Query[]): PanelSpec => ({ ...text, type: 'state-timeline', queries })
/** A table: one row per set of labels, one column per query. */
export const table = (
  text: PanelText & Required<Pick<PanelSpec, 'columns'>> & Pick<PanelSpec, 'hidden' | 'sort'>,
  queries: readonly Query[],
): PanelSpec => ({ ...text, type: 'table', queries })

const REFS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'
/** The name Grafana gives a panel's nth query. */
export function refId(at: number): string {
  return REFS.charAt(at)
}

/** The panel as Grafana reads it. */
export function panelOf(spec: PanelSpec, id: number, place: { readonly x: number; readonly y: number }): Panel {
  const instant = spec.type === 'table' || (spec.type === 'stat' && spec.spark !== true)
  const format = spec.type === 'table' ? 'table' : spec.type === 'heatmap' ? 'heatmap' : 'time_series'
  const targets = spec.queries.map((q, at): Target => ({
    refId: refId(at),
    // oxlint-disable-next-line no-template-curly-in-string -- Grafana's own notation
    datasource: { type: 'prometheus', uid: '${datasource}' },
    expr: q.expr,
    legendFormat: q.legend,
    editorMode: 'code',
    instant,
    range: !instant,
    exemplar: q.exemplar === true,
    format,
  }))
  const transformations = spec.type === 'table' ? tableTransformations(spec) : undefined
  // The union of panels is discriminated by type; optionsOf answers for each type with its own options.
  return {
    id,
    type: spec.type,
    title: spec.title,
    description: spec.description,
    // oxlint-disable-next-line no-template-curly-in-string -- Grafana's own notation
    datasource: { type: 'prometheus', uid: '${datasource}' },
    gridPos: { x: place.x, y: place.y, w: spec.width, h: spec.height ?? 8 },
    ...(spec.interval === undefined ? {} : { interval: spec.interval }),
    targets,
    fieldConfig: { defaults: fieldDefaults(spec), overrides: overridesOf(spec) },
    options: optionsOf(spec),
    ...(transformations === undefined ? {} : { transformations }),
    ...(spec.links === undefined ? {} : { links: spec.links }),
  } as Panel
}

function overridesOf(spec: PanelSpec): readonly Override[] {
  const colours = Object.entries(spec.colours ?? {}).map(([name, fixedColor]): Override => ({
    matcher: { id: 'byName', options: name },
    properties: [{ id: 'color', value: { mode: 'fixed', fixedColor } }],
  }))
  return [...spec.queries.flatMap(styleOf), ...(spec.columns ?? []).map(columnOf), ...colours]
}

function styleOf(q: Query, at: number): readonly Override[] {
  const properties = [
    ...(q.color === undefined ? [] : [{ id: 'color', value: { mode: 'fixed', fixedColor: q.color } }]),
    ...(q.dashed === true
      ? [
          { id: 'custom.lineStyle', value: { fill: 'dash', dash: [8, 6] } },
          { id: 'custom.fillOpacity', value: 0 },
        ]
      : []),
    ...(q.bars === true
      ? [
          { id: 'custom.drawStyle', value: 'bars' },
          { id: 'custom.fillOpacity', value: 18 },
          { id: 'custom.lineWidth', value: 0 },
        ]
      : []),
    ...(q.right === undefined
      ? []
      : [
          { id: 'custom.axisPlacement', value: 'right' },
          { id: 'custom.axisLabel', value: q.right },
          { id: 'min', value: 0 },
          { id: 'max', value: null },
        ]),
    ...(q.unit === undefined ? [] : [{ id: 'unit', value: q.unit }]),
    ...(q.unstacked === true ? [{ id: 'custom.stacking', value: { mode: 'none', group: 'A' } }] : []),
  ]
  return properties.length === 0 ? [] : [{ matcher: { id: 'byFrameRefID', options: refId(at) }, properties }]
}

function columnOf(c: Column): Override {
  const properties = [
    ...(c.unit === undefined ? [] : [{ id: 'unit', value: c.unit }]),
    ...(c.decimals === undefined ? [] : [{ id: 'decimals', value: c.decimals }]),
    ...(c.thresholds === undefined ? [] : [{ id: 'thresholds', value: { mode: 'absolute', steps: c.thresholds } }]),
    ...(c.coloured === true ? [{ id: 'custom.cellOptions', value: { type: 'color-background', mode: 'basic' } }] : []),
    ...(c.link === undefined ? [] : [{ id: 'links', value: [c.link] }]),
    ...(c.width === undefined ? [] : [{ id: 'custom.width', value: c.width }]),
  ]
  return { matcher: { id: 'byName', options: c.title }, properties }
}

/** Queries become columns of one table, in the order written, with words for headings; the scrape's labels and the time are left out. */
function tableTransformations(spec: PanelSpec): readonly Transformation[] {
  const columns = spec.columns ?? []
  const hidden = ['Time', '__name__', 'job', 'instance', ...(spec.hidden ?? [])]
  const organize: Transformation = {
    id: 'organize',
    options: {
      excludeByName: Object.fromEntries(hidden.map((name) => [name, true])),
      indexByName: Object.fromEntries(columns.map((c, at) => [c.from, at])),
      renameByName: Object.fromEntries(columns.map((c) => [c.from, c.title])),
    },
  }
  return spec.queries.length > 1 ? [{ id: 'merge', options: {} }, organize] : [organize]
}
