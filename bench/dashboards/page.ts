/**
 * A dashboard with its answers → one HTML page: the grid, titles, legends, numbers and tables; charts are SVG.
 * It says that it is no screenshot of Grafana. Names and values come from telemetry: every one of them is escaped.
 */
import type { Dashboard, Panel, Threshold } from '../../dashboards/grafana.ts'
import { type Box, type Dot, drawHeat, drawLines, drawStates, lineColours, type Mark } from './charts.ts'
import { type Answered, colourOf, type Line, linesOf, tableOf, unitOf } from './frames.ts'
import { CSS } from './style.ts'
import { colour, written } from './units.ts'

export interface PageParts {
  readonly dashboard: Dashboard
  /** Answers by id of the panel. */
  readonly answers: ReadonlyMap<number, readonly Answered[]>
  readonly marks: readonly Mark[]
  /** Exemplars of a panel's series. */
  readonly dots: (panel: Panel) => readonly Dot[]
  readonly variables: Readonly<Record<string, string>>
  readonly start: number
  readonly end: number
}

export const PAGE_WIDTH = 1560
const GAP = 8
const UNIT = 33
const COLUMN = (PAGE_WIDTH - 2 * 16 + GAP) / 24

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

/** The page. */
export function pageOf(p: PageParts): string {
  const height = Math.max(...p.dashboard.panels.map((x) => x.gridPos.y + x.gridPos.h)) * UNIT
  const at = (s: number): string => new Date(s * 1000).toISOString().slice(0, 16).replace('T', ' ')
  const chips = Object.entries(p.variables).map(([k, v]) => `<span class="chip"><b>${escaped(k)}</b> ${escaped(v)}</span>`)
  return `<!doctype html><meta charset="utf-8"><style>${CSS}</style><body style="width:${PAGE_WIDTH}px">
<header><h1>${escaped(p.dashboard.title)}</h1>${chips.join('')}<span class="time">${at(p.start)} to ${at(p.end).slice(11)} UTC</span></header>
<main style="height:${height}px">${p.dashboard.panels.map((panel) => placedPanel(panel, p)).join('\n')}</main>
<footer>Drawn with Apache ECharts from this dashboard’s own panels and queries, answered by a real Prometheus. Not a screenshot of Grafana. The fleet is simulated; its spans went through the real processor.</footer></body>`
}

function placedPanel(panel: Dashboard['panels'][number], p: PageParts): string {
  const g = panel.gridPos
  const place = `left:${g.x * COLUMN}px;top:${g.y * UNIT}px;width:${g.w * COLUMN - GAP}px;height:${g.h * UNIT - GAP}px`
  if (panel.type === 'row') return `<section class="row" style="${place}">${escaped(panel.title)}</section>`
  const answered = p.answers.get(panel.id) ?? []
  const empty = answered.every((a) => a.answers.length === 0)
  const size = { width: g.w * COLUMN - GAP - 16, height: g.h * UNIT - GAP - 36 }
  const inside = empty ? '<div class="empty">No data: nothing of the kind happened</div>' : insideOf(panel, answered, p, size)
  return `<section class="panel ${panel.type}" style="${place}"><h2>${escaped(panel.title)}</h2>${inside}</section>`
}

function insideOf(
  panel: Panel,
  answered: readonly Answered[],
  p: PageParts,
  size: { readonly width: number; readonly height: number },
): string {
  const box = (legend: number): Box => ({ width: size.width, height: size.height - legend, start: p.start, end: p.end })
  const lines = linesOf(panel, answered)
  switch (panel.type) {
    case 'stat':
      return statOf(panel, answered)
    case 'table':
      return tableHtml(panel, answered)
    case 'state-timeline':
      return drawStates(panel, lines, box(0))
    case 'heatmap':
      return drawHeat(panel, lines, p.dots(panel), box(0))
    case 'timeseries':
      return `${drawLines(panel, lines, p.marks, box(legendHeight(lines, size.width)))}${legendOf(lines, size.width)}`
  }
}

/** As many rows as the names need, three at most. */
function legendHeight(lines: readonly Line[], width: number): number {
  const all = [...new Set(lines.map((l) => l.name))].reduce((sum, name) => sum + 33 + 6.1 * name.length, 0)
  return 6 + 18 * Math.min(3, Math.max(1, Math.ceil((all * 1.1) / width)))
}

function legendOf(lines: readonly Line[], width: number): string {
  const colours = lineColours(lines)
  const seen = new Set<string>()
  const items = lines.flatMap((l, at) => {
    if (seen.has(l.name)) return []
    seen.add(l.name)
    const dash = l.style['custom.lineStyle'] === undefined ? '' : ' dash'
    return [`<span><i class="key${dash}" style="--c:${colours[at] ?? ''}"></i>${escaped(l.name)}</span>`]
  })
  return `<div class="legend" style="height:${legendHeight(lines, width)}px">${items.join('')}</div>`
}

function statOf(panel: Panel, answered: readonly Answered[]): string {
  const { defaults } = panel.fieldConfig
  const lines = linesOf(panel, answered)
  const named = panel.type === 'stat' && panel.options.textMode === 'value_and_name'
  const values = lines.map((l) => {
    const value = l.points.findLast(([, v]) => Number.isFinite(v))?.[1] ?? Number.NaN
    const word = defaults.mappings[0]?.options[String(value)]
    const fixed = (l.style['color'] as { readonly fixedColor: string } | undefined)?.fixedColor
    const by = defaults.color.mode === 'thresholds' ? colourOf(value, defaults.thresholds.steps) : (defaults.color.fixedColor ?? 'text')
    const unit = unitOf(l.style, defaults.unit)
    const text = word?.text ?? written(value, unit, l.style['unit'] === undefined ? defaults.decimals : unit === 'none' ? 2 : undefined)
    const name = named || l.name !== panel.title ? `<small>${escaped(l.name)}</small>` : ''
    return `<div class="value">${name}<strong style="color:${colour(fixed ?? word?.color ?? by)}">${escaped(text)}</strong></div>`
  })
  return `<div class="values n${values.length}">${values.join('')}</div>`
}

const SEVERITY: Readonly<Record<string, string>> = { critical: 'red', warning: 'yellow' }

function tableHtml(panel: Panel, answered: readonly Answered[]): string {
  const { columns, rows } = tableOf(panel, answered)
  const heads = columns.map((c) => `<th>${escaped(c.title)}</th>`).join('')
  const body = rows.map((row) => {
    const cells = row.map((v, at) => {
      const style = columns[at]?.style ?? {}
      if (typeof v === 'string') {
        const link = style['links'] === undefined ? '' : ' class="link"'
        const mark = columns[at]?.title === 'severity' ? ` style="color:${colour(SEVERITY[v] ?? 'text')}"` : ''
        return `<td${link}${mark}>${escaped(v)}</td>`
      }
      if (v === undefined) return '<td></td>'
      const text = written(v, unitOf(style, panel.fieldConfig.defaults.unit), style['decimals'] as number | undefined)
      const steps = (style['thresholds'] as { readonly steps: readonly Threshold[] } | undefined)?.steps
      const back =
        style['custom.cellOptions'] !== undefined && steps !== undefined && Number.isFinite(v)
          ? ` style="background:${colour(colourOf(v, steps))}55"`
          : ''
      return `<td class="number"${back}>${escaped(text)}</td>`
    })
    return `<tr>${cells.join('')}</tr>`
  })
  return `<div class="scroll"><table><thead><tr>${heads}</tr></thead><tbody>${body.join('')}</tbody></table></div>`
}
