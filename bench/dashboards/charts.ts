/**
 * Lines, stacks, heat maps and state timelines as SVG, with Apache ECharts in this process: answers and a panel's JSON in, text out.
 * What a panel does not say is drawn as Grafana does by default, so that the picture shows what the JSON means.
 */
import { type CustomSeriesOption, type EChartsOption, init } from 'echarts'
import type { Panel, Threshold } from '../../dashboards/grafana.ts'
import { colourOf, type Line, unitOf } from './frames.ts'
import { cellsOf } from './heat.ts'
import { colour, paletteColour, tick, written } from './units.ts'

export interface Box {
  readonly width: number
  readonly height: number
  readonly start: number
  readonly end: number
}

/** Marks on the time axis that annotations make. */
export interface Mark {
  readonly kind: 'line' | 'region'
  readonly from: number
  readonly to: number
  readonly colour: string
}

const GRID_LINE = 'rgba(204,204,220,0.09)'
const TEXT = '#9d9fa8'
const FONT = { color: TEXT, fontSize: 11, fontFamily: 'Inter, DejaVu Sans, sans-serif' }

/** Draws an option; sizes in pixels. */
function svg(option: EChartsOption, box: Box): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: box.width, height: box.height })
  chart.setOption({ animation: false, ...option })
  const text = chart.renderToSVGString()
  chart.dispose()
  return text
}

const timeAxis = (box: Box): object => ({
  type: 'time',
  min: box.start * 1000,
  max: box.end * 1000,
  splitNumber: Math.max(2, Math.floor(box.width / 110)),
  axisLine: { show: false },
  axisTick: { show: false },
  axisLabel: { ...FONT, hideOverlap: true, formatter: '{HH}:{mm}' },
  splitLine: { show: true, lineStyle: { color: GRID_LINE } },
})

/** The colours of a panel's lines by name: legends and charts agree. */
export function lineColours(lines: readonly Line[]): readonly string[] {
  const names = [...new Set(lines.filter((l) => l.style['color'] === undefined).map((l) => l.name))].toSorted()
  return lines.map((l) => {
    const fixed = (l.style['color'] as { readonly fixedColor: string } | undefined)?.fixedColor
    return fixed === undefined ? paletteColour(names.indexOf(l.name)) : colour(fixed)
  })
}

/** A timeseries panel. */
export function drawLines(panel: Panel, lines: readonly Line[], marks: readonly Mark[], box: Box): string {
  const { defaults } = panel.fieldConfig
  const custom = defaults.custom
  const colours = lineColours(lines)
  const hasRight = lines.some((l) => l.style['custom.axisPlacement'] === 'right')
  const rightUnit = unitOf(lines.find((l) => l.style['custom.axisPlacement'] === 'right')?.style ?? {}, defaults.unit)
  const stacked = custom.stacking !== undefined && custom.stacking.mode !== 'none'
  const isStacked = (l: Line): boolean => stacked && l.style['custom.stacking'] === undefined
  const values = stacked ? aligned(lines.filter(isStacked), custom.stacking?.mode === 'percent') : new Map<Line, Point[]>()
  const percent = custom.stacking?.mode === 'percent'
  const axis = (unit: string, side: 'left' | 'right'): object => ({
    type: 'value',
    position: side,
    ...(side === 'left' && defaults.min !== undefined ? { min: defaults.min } : side === 'right' ? { min: 0 } : {}),
    ...(side === 'left' && defaults.max !== undefined ? { max: defaults.max } : {}),
    ...(side === 'left' && percent ? { min: 0, max: 1, interval: 0.25 } : {}),
    ...(side === 'left' && defaults.min === 0 && defaults.max === 1 ? { interval: 0.25 } : {}),
    ...boundsOf(lines, side, unit, custom.axisSoftMax),
    scale: true,
    splitNumber: Math.max(2, Math.floor(box.height / 45)),
    axisLabel: { ...FONT, formatter: (v: number) => tick(v, side === 'left' && percent ? 'percentunit' : unit) },
    splitLine: { show: side === 'left', lineStyle: { color: GRID_LINE } },
  })
  const bounds = custom.thresholdsStyle?.mode === 'dashed' ? defaults.thresholds.steps.filter((s) => s.value !== null) : []
  return svg(
    {
      useUTC: true,
      grid: { left: 4, right: hasRight ? 4 : 22, top: 10, bottom: 2, containLabel: true },
      xAxis: timeAxis(box),
      yAxis: hasRight ? [axis(defaults.unit, 'left'), axis(rightUnit, 'right')] : [axis(defaults.unit, 'left')],
      series: [
        ...lines.map((l, at) => seriesOf(l, colours[at] ?? '', { custom, data: values.get(l), stacked: isStacked(l) })),
        {
          type: 'line',
          data: [],
          silent: true,
          markLine: {
            symbol: ['none', 'none'],
            label: { show: false },
            data: [
              ...bounds.map((b) => ({ yAxis: b.value ?? 0, lineStyle: { color: colour(b.color), type: 'dashed', opacity: 0.8 } })),
              ...marks
                .filter((m) => m.kind === 'line')
                .map((m) => ({ xAxis: m.from * 1000, lineStyle: { color: m.colour, type: 'dashed', width: 1.5 } })),
            ],
          },
          markArea: {
            data: marks
              .filter((m) => m.kind === 'region')
              .map((m): [object, object] => [
                { xAxis: m.from * 1000, itemStyle: { color: m.colour, opacity: 0.1 } },
                { xAxis: m.to * 1000 },
              ]),
          },
        },
      ],
    } as EChartsOption,
    box,
  )
}

/** An axis reaches its soft maximum, and goes up in powers of two where bytes are counted. */
function boundsOf(lines: readonly Line[], side: 'left' | 'right', unit: string, softMax: number | undefined): object {
  const own = lines.filter((l) => (l.style['custom.axisPlacement'] === 'right') === (side === 'right'))
  const most = Math.max(0, ...own.flatMap((l) => l.points.map(([, v]) => v).filter(Number.isFinite)))
  if (unit === 'bytes') {
    const interval = 2 ** Math.ceil(Math.log2(Math.max(most, 4096) / 4))
    return { interval, max: interval * Math.ceil(Math.max(most, 4096) / interval) }
  }
  return side === 'left' && softMax !== undefined && most < softMax ? { max: softMax } : {}
}

type Point = readonly [number, number | null]

function seriesOf(
  l: Line,
  lineColour: string,
  how: { readonly custom: Panel['fieldConfig']['defaults']['custom']; readonly data: Point[] | undefined; readonly stacked: boolean },
): object {
  const bars = l.style['custom.drawStyle'] === 'bars'
  const dashed = l.style['custom.lineStyle'] !== undefined
  const fill = Number(l.style['custom.fillOpacity'] ?? how.custom.fillOpacity ?? 0) / 100
  return {
    name: l.name,
    type: bars ? 'bar' : 'line',
    yAxisIndex: l.style['custom.axisPlacement'] === 'right' ? 1 : 0,
    data: how.data ?? l.points.map(([at, v]) => [at * 1000, Number.isFinite(v) ? v : null]),
    showSymbol: l.points.length === 1,
    symbolSize: 4,
    color: lineColour,
    z: bars ? 1 : dashed ? 3 : 2,
    ...(how.stacked ? { stack: 'stack' } : {}),
    ...(bars
      ? { barCategoryGap: '0%', barWidth: '99%', itemStyle: { opacity: fill } }
      : {
          lineStyle: { width: dashed ? 1.5 : (how.custom.lineWidth ?? 1), type: dashed ? [6, 5] : 'solid' },
          areaStyle: { opacity: dashed ? 0 : fill },
        }),
  }
}

/** Stacks need a value of every line at every time; shares of the whole where asked. */
function aligned(lines: readonly Line[], asShares: boolean): Map<Line, Point[]> {
  const times = [...new Set(lines.flatMap((l) => l.points.map(([at]) => at)))].toSorted((a, b) => a - b)
  const columns = lines.map((l) => new Map(l.points))
  const totals = times.map((at) => columns.reduce((sum, c) => sum + (c.get(at) ?? 0), 0))
  return new Map(
    lines.map((l, i) => [
      l,
      times.map((at, t): Point => {
        const v = columns[i]?.get(at) ?? 0
        return [at * 1000, asShares ? ((totals[t] ?? 0) === 0 ? 0 : v / (totals[t] ?? 1)) : v]
      }),
    ]),
  )
}

/** A state timeline: a row per series, coloured by the panel's thresholds. */
export function drawStates(panel: Panel, lines: readonly Line[], box: Box): string {
  const { steps } = panel.fieldConfig.defaults.thresholds
  const rows = lines.map((l) => l.name).toReversed()
  const step = stepOf(lines)
  const data = lines.flatMap((l) =>
    statesOf(l, steps, step).map((r) => [r.from * 1000, r.to * 1000, rows.indexOf(l.name), colour(r.colour)]),
  )
  const labelWidth = 12 + 6.4 * Math.max(...rows.map((r) => r.length))
  const half = ((box.height - 26) / Math.max(1, rows.length)) * 0.42
  const rectangles: CustomSeriesOption = {
    type: 'custom',
    data,
    encode: { x: [0, 1], y: 2 },
    clip: true,
    renderItem: (_, api) => {
      const [x, y] = api.coord([api.value(0), api.value(2)])
      const [right] = api.coord([api.value(1), api.value(2)])
      return {
        type: 'rect',
        shape: { x: x ?? 0, y: (y ?? 0) - half, width: (right ?? 0) - (x ?? 0), height: 2 * half },
        style: { fill: String(api.value(3)), opacity: 0.85 },
      }
    },
  }
  return svg(
    {
      useUTC: true,
      grid: { left: labelWidth, right: 22, top: 4, bottom: 22 },
      xAxis: timeAxis(box),
      yAxis: {
        type: 'category',
        data: rows,
        axisLine: { show: false },
        axisTick: { show: false },
        axisLabel: { ...FONT, color: '#ccccdc', interval: 0 },
      },
      series: [rectangles],
    } as EChartsOption,
    box,
  )
}

/** Neighbouring points of one colour are one state. */
function statesOf(
  l: Line,
  steps: readonly Threshold[],
  step: number,
): readonly { readonly from: number; readonly to: number; readonly colour: string }[] {
  const out: { from: number; to: number; colour: string }[] = []
  for (const [at, v] of l.points) {
    if (!Number.isFinite(v)) continue
    const last = out.at(-1)
    const own = colourOf(v, steps)
    if (last?.colour === own && last.to >= at) last.to = at + step
    else out.push({ from: at, to: at + step, colour: own })
  }
  return out
}

export interface Dot {
  readonly at: number
  readonly value: number
}

const BLUES = ['#15233b', '#17365f', '#1b4f8f', '#2f74c0', '#5a9fdf', '#9cc9f2', '#deeefc']

/** A heat map of classic buckets; dots are exemplars. */
export function drawHeat(panel: Panel, lines: readonly Line[], dots: readonly Dot[], box: Box): string {
  const { cells, bounds, most } = cellsOf(lines)
  const step = stepOf(lines)
  const place = (value: number): number => {
    const above = bounds.findIndex((b) => value <= b.to)
    const b = bounds[above]
    if (b === undefined) return bounds.length
    const share = b.to === Infinity || b.to === b.from ? 0.5 : (value - b.from) / (b.to - b.from)
    return above + Math.min(0.95, Math.max(0.05, share))
  }
  const rectangles: CustomSeriesOption = {
    type: 'custom',
    clip: true,
    data: cells.map((c) => [(c.at - step) * 1000, c.at * 1000, c.row, Math.sqrt(c.count / most)]),
    encode: { x: [0, 1], y: 2 },
    renderItem: (_, api) => {
      const [x, y] = api.coord([api.value(0), api.value(2)])
      const [right, top] = api.coord([api.value(1), Number(api.value(2)) + 1])
      const shade = BLUES[Math.min(BLUES.length - 1, Math.floor(Number(api.value(3)) * BLUES.length))] ?? ''
      return {
        type: 'rect',
        shape: { x: (x ?? 0) + 0.5, y: (top ?? 0) + 0.5, width: (right ?? 0) - (x ?? 0) - 1, height: (y ?? 0) - (top ?? 0) - 1 },
        style: { fill: shade },
      }
    },
  }
  return svg(
    {
      useUTC: true,
      grid: { left: 4, right: 22, top: 8, bottom: 2, containLabel: true },
      xAxis: { ...timeAxis(box), splitLine: { show: false } },
      yAxis: {
        type: 'value',
        min: 0,
        max: bounds.length,
        interval: 1,
        axisLabel: {
          ...FONT,
          formatter: (at: number) => {
            const to = bounds[at - 1]?.to
            return to === undefined || to === Infinity ? '' : written(to, panel.fieldConfig.defaults.unit)
          },
        },
        splitLine: { show: false },
      },
      series: [
        rectangles,
        {
          type: 'scatter',
          symbol: 'diamond',
          symbolSize: 5,
          itemStyle: { color: '#ff4fd8' },
          data: dots.map((d) => [d.at * 1000, place(d.value)]),
        },
      ],
    } as EChartsOption,
    box,
  )
}

/** The shortest time between two points. */
function stepOf(lines: readonly Line[]): number {
  const gaps = lines.flatMap((l) => l.points.slice(1).map(([at], i) => at - (l.points[i]?.[0] ?? at)))
  return gaps.length === 0 ? 60 : Math.min(...gaps)
}
