/**
 * What the response asks a real Prometheus: a history of which every run is known, and the verdict that its counts lead to. Needs `prometheus`
 * and `promtool` on PATH (Debian: apt-get install prometheus).
 */
import { type ChildProcess, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createPrometheus, PrometheusError } from '../../app/prometheus.ts'
import { type Evidence, evidenceOf } from '../../app/response/evidence.ts'
import { verify } from '../../incidents/verify.ts'
import { METRICS } from '../../model/metrics.ts'
import type { SliName } from '../../model/slis.ts'
import { startPrometheus } from '../support/backdated.ts'

const MINUTE = 60
const NOW = Math.floor(Date.now() / 1000 / 3600) * 3600
/** Bad for two hours, rolled back an hour ago, disabled for the last ten minutes. */
const BEGAN = NOW - 3 * 60 * MINUTE
const FIXED = NOW - 60 * MINUTE
const DISABLED = NOW - 10 * MINUTE
const FROM = BEGAN - 25 * 60 * MINUTE
const WHO = { agent: 'shop "a"', environment: 'prod' }

let dir: string
let prometheus: { readonly url: string; readonly process: ChildProcess }
let evidence: Evidence

/** A counter of so many events a minute in each of the four times. */
function counting(...perMinute: readonly [number, number, number, number]): (at: number) => number {
  const edges = [FROM, BEGAN, FIXED, DISABLED, NOW]
  return (at) => perMinute.reduce((n, rate, i) => n + (rate * Math.max(0, Math.min(at, edges[i + 1]!) - edges[i]!)) / MINUTE, 0)
}

type Rates = Parameters<typeof counting>
const others: readonly (readonly [agent: string, environment: string, rates: Rates])[] = [
  ['steady', 'prod', [1, 1, 1, 1]],
  ['quiet', 'prod', [1, 1, 0, 0]],
  ['rare', 'prod', [0.1, 0.1, 0, 0]],
  ['elsewhere', 'test', [1, 1, 0, 0]],
]

function lines(name: string, labels: string, value: (at: number) => number | undefined, who = WHO): string {
  const out: string[] = []
  for (let at = FROM; at <= NOW; at += MINUTE) {
    const v = value(at)
    if (v !== undefined) out.push(`${name}{agent=${JSON.stringify(who.agent)},environment="${who.environment}",${labels}} ${v} ${at}`)
  }
  return out.join('\n')
}

const run = (outcome: string, quality: string): string =>
  `agent_version="1",prompt_version="p",model="m",tools_version="t",outcome="${outcome}",quality="${quality}"`
const ROUND = (bound: number): number => (bound >= 20 ? 1 : 0)

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'agentopz-evidence-'))
  const buckets = METRICS.agentopz_run_duration_seconds.buckets
  const families: readonly (readonly [string, string, readonly string[]])[] = [
    [
      'agentopz_runs_total',
      'counter',
      [
        lines('agentopz_runs_total', run('ok', 'pass'), counting(9, 5, 9, 0)),
        lines('agentopz_runs_total', run('ok', 'fail'), counting(1, 5, 1, 0)),
        lines('agentopz_runs_total', run('stopped', 'fail'), counting(0, 0, 0, 4)),
        lines('agentopz_runs_total', run('error', 'unrated'), counting(0, 0, 0, 0)),
        // Beside it: one that goes on, one that is quiet since it was fixed, one that is quiet as often as not, and one elsewhere.
        ...others.map(([agent, environment, rates]) =>
          lines('agentopz_runs_total', run('ok', 'pass'), counting(...rates), { agent, environment }),
        ),
      ],
    ],
    [
      'agentopz_tool_calls_total',
      'counter',
      [
        lines('agentopz_tool_calls_total', 'tool="search",outcome="ok"', counting(20, 10, 20, 0)),
        lines('agentopz_tool_calls_total', 'tool="search",outcome="error"', counting(0, 10, 0, 0)),
        lines('agentopz_tool_calls_total', 'tool="order",outcome="ok"', counting(7, 7, 7, 7)),
      ],
    ],
    [
      'agentopz_run_duration_seconds',
      'histogram',
      [
        // Every run takes from 10 to 20 seconds.
        ...buckets.map((b) => lines('agentopz_run_duration_seconds_bucket', `le="${b}"`, (at) => counting(10, 10, 10, 4)(at) * ROUND(b))),
        lines('agentopz_run_duration_seconds_bucket', 'le="+Inf"', counting(10, 10, 10, 4)),
        lines('agentopz_run_duration_seconds_count', 'x=""', counting(10, 10, 10, 4)),
        lines('agentopz_run_duration_seconds_sum', 'x=""', counting(150, 150, 150, 60)),
      ],
    ],
    [
      'agentopz_last_run_timestamp_seconds',
      'gauge',
      [lines('agentopz_last_run_timestamp_seconds', 'x=""', (at) => Math.min(at, DISABLED))],
    ],
    ['ALERTS', 'gauge', [lines('ALERTS', 'alertname="AgentQualityDrop",alertstate="firing"', (at) => (at > FIXED ? 1 : undefined))]],
  ]
  const text = families.map(([name, type, series]) => `# TYPE ${name.replace(/_total$/, '')} ${type}\n${series.join('\n')}\n`)
  writeFileSync(join(dir, 'history.om'), `${text.join('')}# EOF\n`.replaceAll(',x=""', ''))
  mkdirSync(join(dir, 'data'))
  const args = ['tsdb', 'create-blocks-from', 'openmetrics', '--max-block-duration=162h', '-q', join(dir, 'history.om'), join(dir, 'data')]
  const made = spawnSync('promtool', args, { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(`promtool: ${made.stderr}${made.stdout}`)
  prometheus = await startPrometheus(dir)
  evidence = evidenceOf(() => createPrometheus(prometheus.url))
}, 120_000)
afterAll(() => {
  prometheus.process.kill('SIGKILL')
  rmSync(dir, { recursive: true })
})

/** Within one in fifty: windows are cut between samples. */
function near(found: number, put: number): void {
  expect(found).toBeGreaterThanOrEqual(put * 0.98 - 0.01)
  expect(found).toBeLessThanOrEqual(put * 1.02 + 0.01)
}

const around = (sli: SliName, tool?: string): ReturnType<Evidence['around']> =>
  evidence.around({
    ...WHO,
    indicator: { sli, ...(tool === undefined ? {} : { tool }) },
    onsetMs: BEGAN * 1000,
    badFromMs: BEGAN * 1000,
    changedMs: FIXED * 1000,
    fromMs: (FIXED + 60) * 1000,
    nowMs: DISABLED * 1000,
    scale: 1,
  })

test('of silence: the last run, the last hour, and who else is quiet', async () => {
  const facts = await evidence.volume({ ...WHO, startedMs: FIXED * 1000, nowMs: NOW * 1000, scale: 1 })
  expect(facts).toMatchObject({ lastRunMs: DISABLED * 1000, others: { running: 2, quiet: ['quiet'] } })
  // 50 minutes of ten a minute and ten of four; Prometheus extrapolates to the edges of the hour.
  expect(facts.runs).toBeGreaterThan(535)
  expect(facts.runs).toBeLessThan(555)
  expect(facts.expected).toBeUndefined()
})

describe('runs around a change', () => {
  test('are what was put in: a day before the onset, the bad time, and since', async () => {
    const { baseline, bad, after } = await around('quality')
    near(baseline.total, 10 * 24 * 60)
    near(baseline.bad, 24 * 60)
    near(bad.total, 10 * 120)
    near(bad.bad, 5 * 120)
    near(after.total, 10 * 49)
    near(after.bad, 49)
    expect(verify({ sli: 'quality', baseline, bad, after, dispersion: 1, runs: 50 }, 0).verdict).toBe('recovered')
  })
  test('of one tool, without the others', async () => {
    const { baseline, bad, after } = await around('tool_error', 'search')
    near(baseline.total, 20 * 24 * 60)
    near(bad.bad, 10 * 120)
    expect([baseline.bad, after.bad]).toEqual([0, 0])
  })
  for (const sli of ['cost', 'steps', 'refusal', 'evaluation', 'no_tool'] as const)
    test(`of ${sli}, of which there are no samples: none, and no query is refused`, async () => {
      const { baseline, after } = await around(sli)
      expect([baseline.bad, after.total]).toEqual([0, 0])
    })
  test('of a size: where the runs lie on the scale of their buckets', async () => {
    const { baseline, bad } = await around('duration')
    near(bad.bad / bad.total, baseline.bad / baseline.total)
    expect(bad.total).toBeGreaterThan(1000)
  })
})

test('the pause is as long as 99 in 100 runs take, and until they close and are scraped', async () => {
  const pause = await evidence.pause({ ...WHO, changedMs: FIXED * 1000, settleMs: 10_000, scale: 1 })
  expect(pause).toBeGreaterThan(10_000 + 10_000 + 30_000)
  expect(pause).toBeLessThanOrEqual(30_000 + 10_000 + 30_000)
})

test('the pause of an agent whose runs were never timed is until they close and are scraped', async () => {
  expect(await evidence.pause({ agent: 'nobody', environment: '', changedMs: FIXED * 1000, settleMs: 10_000, scale: 1 })).toBe(40_000)
})

describe('runs that fail', () => {
  test('of themselves: what a control stopped is not among them', async () => {
    expect(await evidence.failed({ ...WHO, fromMs: (DISABLED + 60) * 1000, nowMs: NOW * 1000 })).toBe(0)
    near((await evidence.failed({ ...WHO, fromMs: (BEGAN + 60) * 1000, nowMs: (BEGAN + 3660) * 1000 }))!, 300)
  })
  test('of an agent that Prometheus does not know, nobody knows', async () => {
    expect(await evidence.failed({ agent: 'nobody', environment: '', fromMs: DISABLED * 1000, nowMs: NOW * 1000 })).toBeUndefined()
  })
})

describe('whether an alert fires', () => {
  for (const [name, alerts, environment, fires] of [
    ['it does', ['AgentLooping', 'AgentQualityDrop'], 'prod', true],
    ['another does', ['AgentLooping'], 'prod', false],
    ['in another environment', ['AgentQualityDrop'], 'test', false],
    ['none is asked about', [], 'prod', false],
    ['a name is no pattern', ['Agent.*'], 'prod', false],
  ] as const)
    test(name, async () => expect(await evidence.fires({ agent: WHO.agent, environment, alerts, nowMs: NOW * 1000 })).toBe(fires))
})

test('a Prometheus that is down is an error of its own, whatever is asked', async () => {
  const none = evidenceOf(() => createPrometheus('http://127.0.0.1:9'))
  const asked = [
    none.pause({ ...WHO, changedMs: 0, settleMs: 0, scale: 1 }),
    none.failed({ ...WHO, fromMs: 0, nowMs: 1000 }),
    none.fires({ ...WHO, alerts: ['x'], nowMs: 0 }),
  ]
  for (const answer of asked) await expect(answer).rejects.toBeInstanceOf(PrometheusError)
})
