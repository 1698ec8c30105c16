/**
 * A board (sections of panels, variables, annotations) → Grafana's dashboard JSON.
 * Panels flow left to right in 24 columns and wrap; ids are their order, so that adding one is one entry in a list and a small diff.
 * Uids, links and tags are fixed here for all boards.
 */
import { type Annotation, type Dashboard, type DashboardLink, type Panel, type RowPanel, SCHEMA_VERSION, type Variable } from './grafana.ts'
import { panelOf, type PanelSpec } from './panels.ts'

export const UIDS = {
  fleet: 'agentopz-fleet',
  agent: 'agentopz-agent',
  incident: 'agentopz-incident',
  cost: 'agentopz-cost',
  processor: 'agentopz-processor',
} as const
export type BoardName = keyof typeof UIDS
const TITLES: Readonly<Record<BoardName, string>> = {
  fleet: 'Fleet',
  agent: 'Agent',
  incident: 'Incident',
  cost: 'Cost',
  processor: 'Processor',
}

export interface Section {
  readonly title: string
  readonly panels: readonly PanelSpec[]
}

export interface Board {
  readonly name: BoardName
  readonly description: string
  readonly variables: readonly Variable[]
  readonly annotations: readonly Annotation[]
  readonly sections: readonly Section[]
  /** What it opens with, e.g. now-6h. */
  readonly from: string
}

/** A panel beside what it was made from. */
export interface PlacedPanel {
  readonly spec: PanelSpec
  readonly panel: Panel
}

/** Places the panels of a board. */
export function placed(board: Board): readonly (PlacedPanel | { readonly row: RowPanel })[] {
  const out: (PlacedPanel | { readonly row: RowPanel })[] = []
  let y = 0
  for (const section of board.sections) {
    const id = out.length + 1
    out.push({ row: { id, type: 'row', title: section.title, collapsed: false, gridPos: { x: 0, y, w: 24, h: 1 }, panels: [] } })
    y += 1
    let x = 0
    let tallest = 0
    for (const spec of section.panels) {
      if (x + spec.width > 24) {
        x = 0
        y += tallest
        tallest = 0
      }
      out.push({ spec, panel: panelOf(spec, out.length + 1, { x, y }) })
      x += spec.width
      tallest = Math.max(tallest, spec.height ?? 8)
    }
    y += tallest
  }
  return out
}

/** The dashboard as Grafana reads it. */
export function dashboardOf(board: Board): Dashboard {
  return {
    uid: UIDS[board.name],
    title: `agentopz / ${TITLES[board.name]}`,
    description: board.description,
    tags: ['agentopz', 'ai-agents'],
    schemaVersion: SCHEMA_VERSION,
    version: 1,
    editable: true,
    timezone: 'utc',
    graphTooltip: 1,
    refresh: '1m',
    time: { from: board.from, to: 'now' },
    links: (Object.keys(UIDS) as BoardName[]).filter((n) => n !== board.name).map(linkTo),
    annotations: { list: board.annotations },
    templating: { list: board.variables },
    panels: placed(board).map((p) => ('row' in p ? p.row : p.panel)),
  }
}

function linkTo(name: BoardName): DashboardLink {
  return {
    title: TITLES[name],
    type: 'link',
    url: `/d/${UIDS[name]}`,
    icon: 'dashboard',
    tooltip: `agentopz / ${TITLES[name]}, same time and variables`,
    tags: [],
    asDropdown: false,
    includeVars: true,
    keepTime: true,
    targetBlank: false,
  }
}
