/**
 * A Prometheus that holds a past with an incident in it: raw metrics of the real processor, recorded series and alerts of the shipped rules.
 * The tests run every query of every dashboard against it, and the pictures are drawn from it. It ends on a Thursday, so that the day before
 * stands for the week that is missing (alert-rules/recording-volume.ts).
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ruleGroups } from '../../alert-rules/rules.ts'
import { dashboardOf } from '../../dashboards/board.ts'
import { BOARDS } from '../../dashboards/index.ts'
import { RECORDED } from '../../model/recorded.ts'
import { loadOpenMetrics, Prometheus } from '../detection/prometheus.ts'
import { type Episode, makePast, type Past } from './past.ts'
import { record } from './record.ts'

export interface World {
  readonly prometheus: Prometheus
  readonly past: Past
  readonly start: number
  readonly end: number
  stop(): Promise<void>
}

export interface WorldOptions {
  readonly days: number
  /** Hours before the end that dashboards can be drawn for. */
  readonly shownHours: number
  readonly rate: number
  readonly say: (message: string) => void
}

/** A Thursday, 15:00 UTC. */
export const END = Date.UTC(2026, 10, 26, 15) / 1000
/** Somebody edits a prompt; hours before, a tool of another agent had been down for a while. */
export const EPISODES: readonly Episode[] = [
  { agent: 'support-agent', trouble: 'bad_prompt', fromHours: 1.6, toHours: 0 },
  { agent: 'research-agent', trouble: 'tool_broken', fromHours: 4.5, toHours: 3.6 },
]

/** Makes it. @throws when Prometheus or promtool is missing, with how to get them. */
export async function makeWorld(o: WorldOptions): Promise<World> {
  const dir = mkdtempSync(join(tmpdir(), 'agentopz-dashboards-'))
  const tsdb = join(dir, 'tsdb')
  mkdirSync(tsdb)
  const prometheus = new Prometheus(tsdb)
  const stop = async (): Promise<void> => {
    await prometheus.stop()
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    const rules = JSON.stringify(ruleGroups())
    const shown = JSON.stringify(BOARDS.map(dashboardOf))
    const began = performance.now()
    const past = await makePast(
      {
        end: END,
        days: o.days,
        wholeHours: o.shownHours + 1,
        rate: o.rate,
        seed: 11,
        episodes: EPISODES,
        keep: mentioned(rules),
        keepLate: mentioned(shown),
      },
      dir,
    )
    o.say(`${past.runs} runs, ${past.samples} samples, ${seconds(began)}`)
    const loading = performance.now()
    await loadOpenMetrics(past.files, tsdb, '24h', 2)
    o.say(`loaded in ${seconds(loading)}`)
    await prometheus.start()
    await record({
      prometheus,
      tsdb,
      dir,
      dataStart: END - o.days * 86_400 + 300,
      start: END - o.shownHours * 3600,
      end: END,
      wanted: Object.keys(RECORDED).filter(mentioned(shown)),
      say: o.say,
    })
    return { prometheus, past, start: END - o.shownHours * 3600, end: END, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Whether a series is named in a text, whole. */
function mentioned(text: string): (series: string) => boolean {
  const words = new Set(text.match(/[a-zA-Z_:][\w:]*/g) ?? [])
  return (series) => words.has(series)
}

function seconds(began: number): string {
  return `${((performance.now() - began) / 1000).toFixed(1)} s`
}
