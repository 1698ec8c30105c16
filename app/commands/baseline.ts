/**
 * `agentopz baseline`: measure what is normal from Prometheus, propose objectives, show them as a diff of the configuration, write them only
 * when told to. Results go to standard output, progress to standard error. Whatever goes wrong, nothing is written.
 */
import { realpathSync, renameSync, statSync, writeFileSync, existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { CELL, type Grid } from '../baseline/counts.ts'
import { unifiedDiff } from '../baseline/diff.ts'
import { editConfig } from '../baseline/edit.ts'
import { type AgentName, agentsIn, endOf, isScraped, readHistory, watchedCells } from '../baseline/history.ts'
import { measure, type Measurement } from '../baseline/measure.ts'
import { type Proposal, propose } from '../baseline/propose.ts'
import { printable } from '../baseline/words.ts'
import { DEFAULT_FILE, loadConfig, parseConfig } from '../config.ts'
import type { Config } from '../config-schema.ts'
import { createPrometheus, type Prometheus, PrometheusError } from '../prometheus.ts'
import { OVERFLOW } from '../../model/metrics.ts'
import { agentJson, type AgentReport, agentText } from './baseline-report.ts'
import { print, printError, say } from './output.ts'

export interface BaselineOptions {
  readonly since: string
  readonly agent?: readonly string[]
  readonly environment?: string
  readonly prometheus?: string
  readonly timeout: number
  readonly write?: boolean
  readonly replace?: boolean
  readonly json?: boolean
  readonly config?: string
}

/** A reason to end, with its exit code. */
class Stop extends Error {
  override readonly name = 'Stop'
  readonly code: 1 | 2
  constructor(code: 1 | 2, message: string) {
    super(message)
    this.code = code
  }
}

/** Measures and proposes; returns the exit code. */
export async function baselineCommand(o: BaselineOptions, now = Date.now()): Promise<number> {
  try {
    await run(o, now)
    return 0
  } catch (error) {
    if (!(error instanceof Stop) && !(error instanceof PrometheusError)) throw error
    if (o.json === true) say(JSON.stringify({ ok: false, error: error.message }))
    else printError(`agentopz baseline: ${error.message}\n`)
    return error instanceof Stop ? error.code : 1
  }
}

async function run(o: BaselineOptions, now: number): Promise<void> {
  const loaded = loadConfig(o.config, process.env)
  if (!loaded.ok) throw new Stop(2, loaded.problems.join('\n'))
  const grid = gridOf(o.since, now)
  const prometheus = clientOf(o.prometheus ?? loaded.config.prometheus, o.timeout)
  const progress = (line: string): void => (o.json === true ? undefined : printError(`${line}\n`))

  const names = await wantedAgents(prometheus, grid, o)
  const watched = await watchedCells(prometheus, grid)
  const measured: Measurement[] = []
  for (const [i, name] of names.entries()) {
    progress(
      `measuring ${printable(name.agent)}${name.environment === '' ? '' : ` in ${printable(name.environment)}`} (${i + 1} of ${names.length})`,
    )
    const history = await readHistory(prometheus, name, { grid, watched })
    if (history !== undefined) measured.push(measure(history))
  }
  if (measured.length === 0)
    throw new Stop(1, `No agent had a run in the last ${o.since} up to ${hour(endOf(grid))}, the last full hour. Write a longer --since`)
  const reports = reportsOf(measured, loaded.config)

  const file = loaded.file ?? DEFAULT_FILE
  const before = existsSync(file) ? readFileSync(file, 'utf8') : undefined
  const { text, notes } = editConfig(before ?? '', proposalsOf(reports), o.replace === true)
  const diff = unifiedDiff(before, text, file)
  const check = parseConfig(text, file, process.env)
  if (!check.ok)
    throw new Stop(1, `The proposal would not be a valid configuration, which is a bug; nothing is written.\n${check.problems.join('\n')}`)
  const isWritten = o.write === true && diff !== ''
  if (isWritten) writeWhole(file, text)

  const range = {
    from: new Date(grid.startSeconds * 1000).toISOString(),
    to: new Date(endOf(grid) * 1000).toISOString(),
  }
  if (o.json === true) {
    say(
      JSON.stringify({
        ok: true,
        prometheus: prometheus.url,
        ...range,
        agents: reports.map(agentJson),
        notes,
        file,
        diff,
        written: isWritten,
      }),
    )
    return
  }
  for (const report of reports) print(`${agentText(report)}\n`)
  for (const note of notes) say(note)
  print(diff === '' ? `Nothing to change in ${file}.\n` : `\n${diff}`)
  if (diff !== '') printError(isWritten ? `${file} is written.\n` : `Nothing is written; --write puts this into ${file}.\n`)
}

const LONGEST_DAYS = 92
const UNIT: Readonly<Record<string, number>> = { m: 60, h: 3600, d: 86_400, w: 604_800 }

/** Whole hours up to the last full one, so that two runs within an hour see the same. */
function gridOf(since: string, now: number): Grid {
  if (!/^(\d+(\.\d+)?[mhdw])+$/.test(since)) throw new Stop(2, `--since "${since}" is no time; write something like 14d, 36h, 2w`)
  const seconds = [...since.matchAll(/(\d+(?:\.\d+)?)([mhdw])/g)].reduce((s, [, n, unit]) => s + Number(n) * (UNIT[unit ?? ''] ?? 0), 0)
  if (seconds < 3600 || seconds > LONGEST_DAYS * 86_400)
    throw new Stop(2, `--since "${since}" is not between 1h and ${LONGEST_DAYS}d; 14d is usual`)
  const hours = Math.round(seconds / 3600)
  return { startSeconds: (Math.floor(now / 3_600_000) - hours) * 3600, cells: (hours * 3600) / CELL }
}

function clientOf(url: string, timeoutSeconds: number): Prometheus {
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw new Stop(2, `--prometheus "${url}" is no URL; write something like http://127.0.0.1:9090`)
  if (timeoutSeconds <= 0) throw new Stop(2, '--timeout 0 is no time; write seconds, such as 30')
  return createPrometheus(url, { timeoutMs: timeoutSeconds * 1000 })
}

async function wantedAgents(prometheus: Prometheus, grid: Grid, o: BaselineOptions): Promise<readonly AgentName[]> {
  const found = await agentsIn(prometheus, grid, o.environment)
  // What was folded because there were too many agents is nobody.
  const agents = found.filter((n) => n.agent !== OVERFLOW)
  const where = o.environment === undefined ? '' : ` in environment ${printable(o.environment)}`
  if (agents.length === 0) {
    const end = endOf(grid)
    const thisHour = { startSeconds: end, cells: 3600 / CELL }
    const fresh = await agentsIn(prometheus, thisHour, o.environment)
    if (fresh.some((n) => n.agent !== OVERFLOW))
      throw new Stop(
        1,
        `Prometheus at ${prometheus.url} holds runs${where} only since ${hour(end)}, and whole hours are measured; ask again after ${hour(end + 3600)}`,
      )
    const scraped = (await isScraped(prometheus, grid)) || (await isScraped(prometheus, thisHour))
    throw new Stop(
      1,
      scraped
        ? `Prometheus at ${prometheus.url} scrapes agentopz, but holds no run of any agent${where} in the last ${o.since}. Send spans first, or write a longer --since${o.environment === undefined ? '' : ' or another --environment'}`
        : `Prometheus at ${prometheus.url} holds no metrics of agentopz${where} in the last ${o.since}. Does it scrape agentopz's /metrics (scrape_configs)? Is it the right Prometheus? Write --prometheus URL, or the key prometheus in agentopz.yaml`,
    )
  }
  if (o.agent === undefined) return agents
  const missing = o.agent.filter((a) => !agents.some((n) => n.agent === a))
  if (missing.length > 0) {
    const known = [...new Set(agents.map((n) => printable(n.agent)))]
    throw new Stop(
      1,
      `No run of ${missing.map(printable).join(', ')}${where} in the last ${o.since}. There are runs of: ${known.slice(0, 20).join(', ')}${known.length > 20 ? ` and ${known.length - 20} more` : ''}`,
    )
  }
  return agents.filter((n) => o.agent?.includes(n.agent))
}

function hour(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(11, 16)} UTC`
}

/** The configuration knows agents, not environments: the one with the most runs decides, the others are only shown. */
function reportsOf(measured: readonly Measurement[], config: Config): readonly AgentReport[] {
  return measured.map((measurement) => {
    const same = measured.filter((m) => m.agent === measurement.agent)
    const busiest = same.reduce((a, b) => (b.volume.runs > a.volume.runs ? b : a))
    if (busiest !== measurement)
      return {
        measurement,
        proposals: [],
        notes: [
          `objectives are proposed from environment ${printable(busiest.environment)}, which has more runs; --environment chooses another`,
        ],
      }
    const own = config.agents[measurement.agent]?.quality?.target
    return { measurement, ...propose(measurement, own ?? config.defaults.quality.target) }
  })
}

function proposalsOf(reports: readonly AgentReport[]): ReadonlyMap<string, readonly Proposal[]> {
  return new Map(reports.flatMap((r) => (r.proposals.length === 0 ? [] : [[r.measurement.agent, r.proposals] as const])))
}

/** Replaces a file in one step, through links and with its mode kept: a reload never reads half of it. */
function writeWhole(file: string, text: string): void {
  const target = existsSync(file) ? realpathSync(file) : resolve(file)
  const part = `${target}.${process.pid}.part`
  try {
    writeFileSync(part, text, existsSync(target) ? { mode: statSync(target).mode } : {})
    renameSync(part, target)
  } catch (error) {
    throw new Stop(1, `${file} cannot be written: ${error instanceof Error ? error.message : String(error)}`)
  }
}
