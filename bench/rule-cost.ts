/**
 * What the shipped rules cost a Prometheus: a live one scrapes 200 agents every 15 s, evaluates the shipped files at their own intervals
 * for some minutes, and is asked how long its rule groups took and how much CPU time it used beside a twin that only scrapes.
 * History is as long as the run: the weekly baselines then read minutes instead of 168 hours, so their part is told apart.
 *
 *   npm run bench:rules -- [--agents 200] [--minutes 6]
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createMetrics, type Metrics } from '../processor/metrics.ts'
import { freePort } from './detection/processes.ts'

const { values } = parseArgs({ options: { agents: { type: 'string', default: '200' }, minutes: { type: 'string', default: '6' } } })
const AGENTS = Number(values.agents)
const MINUTES = Number(values.minutes)
const RULES = join(import.meta.dirname, '../alert-rules')
const TOOLS = ['search', 'order', 'refund'] as const
const CHECKS = ['completed', 'not_truncated', 'not_filtered', 'not_refused', 'not_empty', 'no_loop', 'tools_ok'] as const

/** One run of one agent, as the processor would record it. */
function record(m: Metrics, agent: string, now: number): void {
  const by = { agent, environment: 'bench' }
  const made = { prompt_version: '7', model: 'model-a' }
  const fails = Math.random() < 0.05
  for (const quality of ['pass', 'fail'])
    m.start('agentopz_runs_total', { ...by, ...made, agent_version: '1', tools_version: 'h:1', outcome: 'ok', quality }, now)
  const run = { ...by, ...made, agent_version: '1', tools_version: 'h:1', outcome: 'ok', quality: fails ? 'fail' : 'pass' }
  m.add('agentopz_runs_total', run, 1, now)
  m.set('agentopz_last_run_timestamp_seconds', by, now / 1000, now)
  for (const evaluation of [...CHECKS, 'answer_quality']) {
    const source = evaluation === 'answer_quality' ? 'judge' : 'builtin'
    m.add('agentopz_evaluations_total', { ...by, ...made, evaluation, source, verdict: fails ? 'fail' : 'pass' }, 1, now)
  }
  for (const tool of TOOLS) {
    for (const outcome of ['ok', 'error']) m.start('agentopz_tool_calls_total', { ...by, tool, outcome }, now)
    m.add('agentopz_tool_calls_total', { ...by, tool, outcome: 'ok' }, 1, now)
  }
  const weight = 1
  m.observe('agentopz_run_cost_usd', by, { value: 0.02 + Math.random() / 10, weight }, now)
  m.observe('agentopz_run_steps', by, { value: 3 + Math.floor(Math.random() * 8), weight }, now)
  m.observe('agentopz_run_tool_calls', by, { value: 3, weight }, now)
  m.observe('agentopz_run_duration_seconds', by, { value: 5 + Math.random() * 60, weight }, now)
  m.add('agentopz_cost_usd_total', { ...by, model: 'model-a', provider: 'p' }, 0.05, now)
  m.add('agentopz_tokens_total', { ...by, model: 'model-a', provider: 'p', class: 'input' }, 900, now)
  m.add('agentopz_model_calls_total', { ...by, model: 'model-a', provider: 'p', outcome: 'ok', finish_reason: 'stop' }, 2, now)
  m.add('agentopz_input_feature_total', { ...by, feature: 'tokens', bucket: Math.random() < 0.5 ? '256-1024' : '1024-4096' }, 1, now)
  m.set('agentopz_objective_info', { ...by, team: 'bench', severity: '', runbook_url: '' }, 1, now)
}

interface Started {
  readonly url: string
  readonly child: ChildProcess
}

async function prometheus(dir: string, target: number, isEvaluating: boolean): Promise<Started> {
  mkdirSync(dir)
  const port = await freePort()
  const files = isEvaluating ? `rule_files: [${join(RULES, 'recording.rules.yaml')}, ${join(RULES, 'alerts.rules.yaml')}]\n` : ''
  writeFileSync(
    join(dir, 'prometheus.yml'),
    `global: { scrape_interval: 15s, evaluation_interval: 1m }\n${files}scrape_configs: [{ job_name: agentopz, static_configs: [{ targets: ['127.0.0.1:${target}'] }] }]\n`,
  )
  const args = [`--config.file=${dir}/prometheus.yml`, `--storage.tsdb.path=${dir}/data`, `--web.listen-address=127.0.0.1:${port}`]
  return { url: `http://127.0.0.1:${port}`, child: spawn('prometheus', [...args, '--log.level=error'], { stdio: 'ignore' }) }
}

async function metric(url: string, name: string): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const found = new Map<string, number>()
  for (const [, labels, value] of text.matchAll(new RegExp(`^${name}(\\{[^}]*\\})? (\\S+)$`, 'gm'))) found.set(labels ?? '', Number(value))
  return found
}

const metrics = createMetrics({})
const server = createServer((request, response) => {
  const now = Date.now()
  void metrics
    .expose(request.headers.accept, now)
    .then(({ contentType, body }) => response.writeHead(200, { 'content-type': contentType }).end(body))
})
await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
const port = (server.address() as AddressInfo).port
const timer = setInterval(() => {
  for (let i = 0; i < AGENTS; i++) if (Math.random() < 0.2) record(metrics, `agent-${i}`, Date.now())
}, 1000)
const dir = mkdtempSync(join(tmpdir(), 'agentopz-rule-cost-'))
const both = await Promise.all([prometheus(join(dir, 'rules'), port, true), prometheus(join(dir, 'twin'), port, false)])
try {
  await sleep(MINUTES * 60_000)
  const [rules, twin] = both
  let perMinute = 0
  for (const [labels, seconds] of await metric(rules.url, 'prometheus_rule_group_last_duration_seconds')) {
    const interval = (await metric(rules.url, 'prometheus_rule_group_interval_seconds')).get(labels) ?? 60
    perMinute += (seconds * 60) / interval
    process.stdout.write(`${(/;([\w-]+)/.exec(labels)?.[1] ?? labels).padEnd(24)} ${(seconds * 1000).toFixed(0)} ms every ${interval} s\n`)
  }
  const cpu = async (at: Started): Promise<number> => (await metric(at.url, 'process_cpu_seconds_total')).get('') ?? Number.NaN
  const spent = ((await cpu(rules)) - (await cpu(twin))) / MINUTES
  process.stdout.write(
    `\n${AGENTS} agents, ${metrics.seriesCount()} series: groups took ${perMinute.toFixed(2)} s of a minute (${((perMinute / 60) * 100).toFixed(1)} % of the interval); CPU of evaluation, on average, ${spent.toFixed(2)} s a minute (${((spent / 60) * 100).toFixed(1)} % of a core)\n`,
  )
} finally {
  clearInterval(timer)
  for (const p of both) p.child.kill('SIGKILL')
  server.closeAllConnections()
  server.close()
  await sleep(200)
  rmSync(dir, { recursive: true, force: true })
}
