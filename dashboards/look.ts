/** How panels look unless they say otherwise: field defaults and options by type of panel. Units come from the panel, never from here. */
import type { CustomField, FieldDefaults, OptionsByType, PanelType, Threshold } from './grafana.ts'
import type { PanelSpec } from './panels.ts'

const PLAIN: readonly Threshold[] = [{ color: 'green', value: null }]
const NO_LEGEND = { displayMode: 'list', placement: 'bottom', showLegend: false, calcs: [] as string[] } as const

/** Field defaults of a panel. */
export function fieldDefaults(spec: PanelSpec): FieldDefaults {
  const byThreshold = spec.type === 'state-timeline' || spec.type === 'table' || (spec.type === 'stat' && spec.thresholds !== undefined)
  return {
    unit: spec.unit,
    ...(spec.decimals === undefined ? {} : { decimals: spec.decimals }),
    ...(spec.min === undefined ? {} : { min: spec.min }),
    ...(spec.max === undefined ? {} : { max: spec.max }),
    ...(spec.type === 'stat' ? { noValue: 'no data' } : {}),
    color: byThreshold
      ? { mode: 'thresholds' }
      : spec.type === 'stat'
        ? { mode: 'fixed', fixedColor: 'text' }
        : { mode: 'palette-classic-by-name' },
    thresholds: { mode: 'absolute', steps: spec.thresholds ?? PLAIN },
    mappings:
      spec.words === undefined
        ? []
        : [
            {
              type: 'value',
              options: Object.fromEntries(Object.entries(spec.words).map(([value, word], index) => [value, { ...word, index }])),
            },
          ],
    custom: customOf(spec),
  }
}

function customOf(spec: PanelSpec): CustomField {
  if (spec.type === 'state-timeline') return { fillOpacity: 80, lineWidth: 0 }
  if (spec.type !== 'timeseries') return {}
  const stacked = spec.stack !== undefined
  return {
    drawStyle: 'line',
    lineWidth: stacked ? 1 : 2,
    lineInterpolation: 'linear',
    fillOpacity: stacked ? 45 : 0,
    showPoints: 'never',
    // A gap of a few scrapes is drawn through, a longer one is a gap.
    spanNulls: 300_000,
    stacking: { mode: spec.stack ?? 'none', group: 'A' },
    axisPlacement: 'auto',
    ...(spec.softMax === undefined ? {} : { axisSoftMax: spec.softMax }),
    thresholdsStyle: { mode: spec.thresholds === undefined ? 'off' : 'dashed' },
  }
}

const OPTIONS: { readonly [T in PanelType]: (spec: PanelSpec) => OptionsByType[T] } = {
  stat: (spec) => ({
    reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
    orientation: 'auto',
    textMode: spec.queries.length > 1 ? 'value_and_name' : 'auto',
    colorMode: 'value',
    graphMode: spec.spark === true ? 'area' : 'none',
    justifyMode: 'auto',
    wideLayout: true,
    showPercentChange: false,
    percentChangeColorMode: 'standard',
  }),
  timeseries: (spec) => ({
    legend: {
      displayMode: spec.legendRight === true ? 'table' : 'list',
      placement: spec.legendRight === true ? 'right' : 'bottom',
      showLegend: true,
      calcs: spec.legendRight === true ? ['lastNotNull'] : [],
    },
    tooltip: { mode: 'multi', sort: 'desc' },
  }),
  table: (spec) => ({
    frameIndex: 0,
    showHeader: true,
    cellHeight: 'sm',
    sortBy: (spec.sort ?? []).map((s) => ({ displayName: s.column, desc: s.descending === true })),
  }),
  'state-timeline': () => ({
    mergeValues: true,
    rowHeight: 0.85,
    showValue: 'never',
    alignValue: 'left',
    legend: { ...NO_LEGEND, calcs: [] },
    tooltip: { mode: 'single', sort: 'none' },
  }),
  heatmap: (spec) => ({
    calculate: false,
    color: { mode: 'scheme', scheme: 'Blues', steps: 64, exponent: 0.5, fill: 'dark-blue', reverse: false },
    cellGap: 1,
    exemplars: { color: 'rgba(255,0,255,0.7)' },
    filterValues: { le: 1e-9 },
    legend: { show: true },
    rowsFrame: { layout: 'auto' },
    showValue: 'never',
    tooltip: { mode: 'single', yHistogram: true },
    yAxis: { axisPlacement: 'left', unit: spec.unit },
  }),
}

/** Options of a panel's type. */
export function optionsOf(spec: PanelSpec): OptionsByType[PanelType] {
  return OPTIONS[spec.type](spec)
}
