/**
 * `agentopz playbook test [NAME]`: what playbooks would have done about the incidents that Prometheus remembers, and whether that would have been
 * right. Changes nothing. Exit codes: 0 whatever would have been done, unless one would have been wrong: 1; Prometheus cannot be asked: 1.
 */
import { backtest, type Tested } from '../backtest/backtest.ts'
import { pastIncidents } from '../backtest/past-incidents.ts'
import { loadConfig } from '../config.ts'
import { duration } from '../duration.ts'
import { nearest } from '../nearest.ts'
import { createPrometheus, PrometheusError } from '../prometheus.ts'
import { playbooksOf } from '../response/playbook-schema.ts'
import { merged } from '../settings.ts'
import { print, printError } from './output.ts'
import { backtestJson, backtestText } from './playbook-report.ts'

export interface PlaybookTestOptions {
  readonly config?: string
  readonly since: string
  readonly agent?: string
  readonly prometheus?: string
  readonly timeout: number
  readonly json?: boolean
}

/** Oldest incidents beyond this are left out, and it is said. */
const MAX_INCIDENTS = 200
const LONGEST_SECONDS = 90 * 86_400

export async function playbookTest(name: string | undefined, o: PlaybookTestOptions, nowMs = Date.now()): Promise<number> {
  const since = duration.safeParse(o.since)
  if (!since.success || since.data > LONGEST_SECONDS)
    return refuse(`--since "${o.since}" is no time of at most 90d; write something like 14d, 36h`)
  const loaded = loadConfig(o.config, process.env)
  if (!loaded.ok) {
    for (const problem of loaded.problems) printError(`${problem}\n`)
    return 2
  }
  const { config } = loaded
  const all = playbooksOf(config.playbooks)
  const playbooks = name === undefined ? all : all.filter((p) => p.name === name)
  if (playbooks.length === 0)
    return refuse(
      none(
        name,
        all.map((p) => p.name),
      ),
    )
  const prometheus = createPrometheus(o.prometheus ?? config.prometheus, { timeoutMs: o.timeout * 1000 })
  const fromMs = nowMs - since.data * 1000
  const progress = (line: string): void => printError(`${line}\n`)
  try {
    const { merge_window, resolve_after, reopen_within } = config.incidents
    const settings = { mergeWindowMs: merge_window * 1000, resolveAfterMs: resolve_after * 1000, reopenWithinMs: reopen_within * 1000 }
    progress(`looking for incidents of the last ${o.since} in Prometheus at ${prometheus.url}`)
    const found = await pastIncidents(prometheus, { fromMs, toMs: nowMs, settings, ...(o.agent === undefined ? {} : { agent: o.agent }) })
    const incidents = found.slice(-MAX_INCIDENTS)
    const fallbackOf = (agent: string): string | undefined => merged(config, config.agents[agent]).fallback
    const tested = await backtest(incidents, { prometheus, playbooks, nowMs, fallbackOf, progress })
    const result = { fromMs, nowMs, incidents: incidents.length, leftOut: found.length - incidents.length, playbooks, tested }
    print(o.json === true ? `${JSON.stringify(backtestJson(result), null, 2)}\n` : backtestText(result))
    return wrong(tested) ? 1 : 0
  } catch (error) {
    if (!(error instanceof PrometheusError)) throw error
    printError(`agentopz: ${error.message}\n`)
    return 1
  }
}

function wrong(tested: readonly Tested[]): boolean {
  return tested.some((t) => t.hindsight?.verdict === 'wrong')
}

function none(name: string | undefined, names: readonly string[]): string {
  if (name === undefined || names.length === 0) return 'no playbook is configured; write some under playbooks, see docs/playbooks.md'
  const near = nearest(name, names)
  return `there is no playbook "${name}"; ${near.length === 0 ? `there are ${names.join(', ')}` : `did you mean ${near.join(', ')}?`}`
}

function refuse(text: string): 2 {
  printError(`agentopz: ${text}\n`)
  return 2
}
