/**
 * The part of Grafana's classic dashboard JSON that is written here, as types: panels of the core, no plugins.
 * Narrower than Grafana's own types on purpose, so that a panel without a description or a unit does not compile.
 * test/unit/dashboards-grafana.test.ts holds these against @grafana/schema: every key exists there and has a type that fits.
 */

/** The schema of dashboards before the V2 resource; every Grafana since 11 reads it, and 13 migrates it on load. */
export const SCHEMA_VERSION = 42

export interface DataSourceRef {
  readonly type: 'prometheus'
  // oxlint-disable-next-line no-template-curly-in-string -- Grafana's own notation for a variable
  readonly uid: '${datasource}'
}

export interface GridPos {
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
}

export interface Target {
  readonly refId: string
  readonly datasource: DataSourceRef
  readonly expr: string
  readonly legendFormat: string
  readonly editorMode: 'code'
  readonly instant: boolean
  readonly range: boolean
  readonly exemplar: boolean
  readonly format: 'time_series' | 'table' | 'heatmap'
}

export interface Threshold {
  readonly color: string
  readonly value: number | null
}

export interface Link {
  readonly title: string
  readonly url: string
  readonly targetBlank: boolean
}

export interface ValueMapping {
  readonly type: 'value'
  readonly options: Readonly<Record<string, { readonly text?: string; readonly color?: string; readonly index: number }>>
}

/** What a timeseries draws by; the other panels use a few of the keys. */
export interface CustomField {
  readonly drawStyle?: 'line' | 'bars'
  readonly lineWidth?: number
  readonly lineInterpolation?: 'linear' | 'stepAfter'
  readonly lineStyle?: { readonly fill: 'dash'; readonly dash: number[] }
  readonly fillOpacity?: number
  readonly showPoints?: 'never' | 'auto'
  readonly spanNulls?: number
  readonly stacking?: { readonly mode: 'none' | 'normal' | 'percent'; readonly group: string }
  readonly axisPlacement?: 'auto' | 'right'
  readonly axisLabel?: string
  readonly axisSoftMin?: number
  readonly axisSoftMax?: number
  readonly thresholdsStyle?: { readonly mode: 'off' | 'dashed' }
}

export interface FieldDefaults {
  readonly unit: string
  readonly decimals?: number
  readonly min?: number
  readonly max?: number
  readonly noValue?: string
  readonly color: { readonly mode: 'palette-classic-by-name' | 'thresholds' | 'fixed'; readonly fixedColor?: string }
  readonly thresholds: { readonly mode: 'absolute'; readonly steps: readonly Threshold[] }
  readonly mappings: readonly ValueMapping[]
  readonly custom: CustomField
}

export interface Override {
  readonly matcher: { readonly id: 'byFrameRefID' | 'byName'; readonly options: string }
  readonly properties: readonly { readonly id: string; readonly value: unknown }[]
}

export interface Transformation {
  readonly id: 'merge' | 'organize'
  readonly options: Readonly<Record<string, unknown>>
}

export interface StatOptions {
  readonly reduceOptions: { readonly calcs: string[]; readonly fields: string; readonly values: boolean }
  readonly orientation: 'auto' | 'vertical' | 'horizontal'
  readonly textMode: 'auto' | 'value_and_name'
  readonly colorMode: 'value' | 'background'
  readonly graphMode: 'none' | 'area'
  readonly justifyMode: 'auto'
  readonly wideLayout: boolean
  readonly showPercentChange: boolean
  readonly percentChangeColorMode: 'standard'
}

interface Legend {
  readonly displayMode: 'list' | 'table'
  readonly placement: 'bottom' | 'right'
  readonly showLegend: boolean
  readonly calcs: string[]
}

interface Tooltip {
  readonly mode: 'multi' | 'single'
  readonly sort: 'none' | 'desc'
}

export interface TimeseriesOptions {
  readonly legend: Legend
  readonly tooltip: Tooltip
}

export interface TableOptions {
  readonly frameIndex: number
  readonly showHeader: boolean
  readonly cellHeight: 'sm'
  readonly sortBy: { readonly displayName: string; readonly desc: boolean }[]
}

export interface StateTimelineOptions {
  readonly mergeValues: boolean
  readonly rowHeight: number
  readonly showValue: 'never' | 'auto'
  readonly alignValue: 'left'
  readonly legend: Legend
  readonly tooltip: Tooltip
}

export interface HeatmapOptions {
  readonly calculate: boolean
  readonly color: {
    readonly mode: 'scheme'
    readonly scheme: string
    readonly steps: number
    readonly exponent: number
    readonly fill: string
    readonly reverse: boolean
  }
  readonly cellGap: number
  readonly exemplars: { readonly color: string }
  readonly filterValues: { readonly le: number }
  readonly legend: { readonly show: boolean }
  readonly rowsFrame: { readonly layout: 'auto' }
  readonly showValue: 'never'
  readonly tooltip: { readonly mode: 'single'; readonly yHistogram: boolean }
  readonly yAxis: { readonly axisPlacement: 'left'; readonly unit: string }
}

/** Options by type of panel. */
export interface OptionsByType {
  readonly stat: StatOptions
  readonly timeseries: TimeseriesOptions
  readonly table: TableOptions
  readonly 'state-timeline': StateTimelineOptions
  readonly heatmap: HeatmapOptions
}
export type PanelType = keyof OptionsByType

export interface PanelOf<T extends PanelType> {
  readonly id: number
  readonly type: T
  readonly title: string
  readonly description: string
  readonly datasource: DataSourceRef
  readonly gridPos: GridPos
  /** Shortest step; Grafana's $__rate_interval is never shorter. */
  readonly interval?: string
  readonly targets: readonly Target[]
  readonly fieldConfig: { readonly defaults: FieldDefaults; readonly overrides: readonly Override[] }
  readonly options: OptionsByType[T]
  readonly transformations?: readonly Transformation[]
  readonly links?: readonly Link[]
}
export type Panel = { [T in PanelType]: PanelOf<T> }[PanelType]

export interface RowPanel {
  readonly id: number
  readonly type: 'row'
  readonly title: string
  readonly collapsed: boolean
  readonly gridPos: GridPos
  readonly panels: readonly []
}

export interface Annotation {
  readonly name: string
  readonly datasource: DataSourceRef
  readonly enable: boolean
  readonly hide: boolean
  readonly iconColor: string
  readonly expr: string
  readonly step: string
  readonly titleFormat: string
  readonly textFormat: string
  readonly tagKeys: string
  /** The value of the series is the time, in milliseconds. */
  readonly useValueForTime: boolean
}

export interface Variable {
  readonly name: string
  readonly label: string
  readonly type: 'datasource' | 'query' | 'custom' | 'textbox'
  /** qryType 1 is label values: without it Grafana runs the query, and its editor shows none. */
  readonly query: string | { readonly qryType: 1; readonly query: string; readonly refId: string }
  readonly datasource?: DataSourceRef
  readonly multi: boolean
  readonly includeAll: boolean
  readonly allValue?: string
  readonly refresh?: 2
  readonly sort?: 1
  readonly hide: 0 | 2
  readonly current: { readonly text: string; readonly value: string }
  readonly options: readonly { readonly text: string; readonly value: string; readonly selected: boolean }[]
}

export interface DashboardLink {
  readonly title: string
  readonly type: 'link'
  readonly url: string
  readonly icon: 'dashboard'
  readonly tooltip: string
  readonly tags: readonly []
  readonly asDropdown: boolean
  readonly includeVars: boolean
  readonly keepTime: boolean
  readonly targetBlank: boolean
}

export interface Dashboard {
  readonly uid: string
  readonly title: string
  readonly description: string
  readonly tags: readonly string[]
  readonly schemaVersion: typeof SCHEMA_VERSION
  readonly version: number
  readonly editable: boolean
  readonly timezone: 'utc'
  readonly graphTooltip: 1
  readonly refresh: string
  readonly time: { readonly from: string; readonly to: string }
  readonly links: readonly DashboardLink[]
  readonly annotations: { readonly list: readonly Annotation[] }
  readonly templating: { readonly list: readonly Variable[] }
  readonly panels: readonly (Panel | RowPanel)[]
}
