/**
 * One dashboard → one picture: every panel's queries are asked, the page is made, Chromium turns it into a PNG.
 */
import { statSync, writeFileSync } from 'node:fs'
import type { Browser } from 'playwright-core'
import { AGENTS } from '../../app/fleet/sketch.ts'
import { type Board, dashboardOf } from '../../dashboards/board.ts'
import type { Panel } from '../../dashboards/grafana.ts'
import { run } from '../detection/processes.ts'
import { ask, type Asking } from './answers.ts'
import type { Dot, Mark } from './charts.ts'
import type { Answered } from './frames.ts'
import { PAGE_WIDTH, pageOf } from './page.ts'
import type { Exemplar } from './past.ts'
import { colour } from './units.ts'

const POINTS = 240

export interface Shown {
  readonly url: string
  readonly start: number
  readonly end: number
  readonly exemplars: readonly Exemplar[]
}

/** Draws a board into a file; returns its size in bytes. */
export async function picture(board: Board, world: Shown, browser: Browser, file: string): Promise<number> {
  const several = board.variables.some((v) => v.name === 'agent' && v.multi)
  const agent = several ? `(${AGENTS.map((a) => a.name).join('|')})` : 'support-agent'
  const asking: Asking = {
    url: world.url,
    start: world.start,
    end: world.end,
    points: POINTS,
    variables: { agent, environment: '.*', team: '.*', window: board.name === 'cost' ? '1h' : '30m' },
  }
  const dashboard = dashboardOf(board)
  const answers = new Map<number, readonly Answered[]>()
  for (const panel of dashboard.panels) if (panel.type !== 'row') answers.set(panel.id, await answersOf(panel, asking))
  const shown = board.variables.filter((v) => ['environment', 'team', 'agent', 'window'].includes(v.name) && v.hide === 0)
  const words: Readonly<Record<string, string>> = { ...asking.variables, agent: several ? 'All' : agent, environment: 'All', team: 'All' }
  const html = pageOf({
    dashboard,
    answers,
    marks: await marksOf(board, asking),
    dots: (panel) => dotsOf(panel, world, agent),
    variables: Object.fromEntries(shown.map((v) => [v.label, words[v.name] ?? ''])),
    start: world.start,
    end: world.end,
  })
  const page = await browser.newPage({ viewport: { width: PAGE_WIDTH, height: 900 }, deviceScaleFactor: 1 })
  await page.setContent(html)
  const bytes = await page.screenshot({ fullPage: true, type: 'png' })
  await page.close()
  writeFileSync(file, bytes)
  // Few colours: a quarter of the size, and no eye sees it.
  await run('pngquant', ['--force', '--nofs', '--speed', '1', '--output', file, '80', file])
  return statSync(file).size
}

async function answersOf(panel: Panel, asking: Asking): Promise<readonly Answered[]> {
  return Promise.all(panel.targets.map(async (target) => ({ target, answers: await ask(target, panel, asking) })))
}

/** What the annotations mark: a line at a change, a shade while an alert fires. */
async function marksOf(board: Board, asking: Asking): Promise<readonly Mark[]> {
  const marks: Mark[] = []
  for (const a of board.annotations) {
    const target = { expr: a.expr, instant: false, range: true, refId: 'A', legendFormat: '', exemplar: false } as Parameters<typeof ask>[0]
    for (const { points } of await ask(target, { interval: '1m' }, asking)) {
      const line = (points.at(-1)?.[1] ?? 0) / 1000
      if (a.useValueForTime && line > asking.start) marks.push({ kind: 'line', from: line, to: line, colour: colour(a.iconColor) })
      const from = points[0]?.[0]
      if (!a.useValueForTime && from !== undefined)
        marks.push({ kind: 'region', from, to: points.at(-1)?.[0] ?? from, colour: colour(a.iconColor) })
    }
  }
  // Shades of several alerts would add up to a wall: one is enough to see.
  const regions = marks.filter((m) => m.kind === 'region')
  const first = regions.toSorted((x, y) => x.from - y.from).slice(0, 1)
  return [...marks.filter((m) => m.kind === 'line'), ...first]
}

function dotsOf(panel: Panel, world: Shown, agent: string): readonly Dot[] {
  const series = /(agentopz_\w+)\{/.exec(panel.targets[0]?.expr ?? '')?.[1]
  const dots = world.exemplars.filter((e) => e.series === series && e.agent === agent && e.at >= world.start)
  // Grafana thins them as well.
  return dots.filter((_, at) => at % Math.ceil(dots.length / 60) === 0)
}
