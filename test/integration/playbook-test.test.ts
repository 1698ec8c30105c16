/**
 * `agentopz playbook test` against a real Prometheus that remembers incidents whose every count is known, and against none at all.
 * Needs `prometheus` and `promtool` on PATH (Debian: apt-get install prometheus).
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stretches } from '../../app/backtest/past-incidents.ts'
import { startPrometheus } from '../support/backdated.ts'

const CLI = resolve(import.meta.dirname, '../../app/cli.ts')
const MINUTE = 60
const HOUR = 3600
const NOW = Math.floor(Date.now() / 1000 / HOUR) * HOUR
const BEGAN = NOW - 8 * HOUR
const OVER = BEGAN + 2 * HOUR
const FROM = BEGAN - 26 * HOUR

let dir: string
let prometheus: { readonly url: string; readonly process: ChildProcess }

function series(name: string, labels: string, value: (at: number) => number | undefined): string {
  const out: string[] = []
  for (let at = FROM; at <= NOW; at += MINUTE) {
    const v = value(at)
    if (v !== undefined) out.push(`${name}{${labels}} ${v} ${at}`)
  }
  return out.join('\n')
}
/** Events a minute before it began, while it lasted, and since. */
function counter(name: string, labels: string, [before, bad, since]: readonly [number, number, number]): string {
  const minutes = (from: number, to: number, at: number): number => Math.max(0, Math.min(at, to) - from) / MINUTE
  return series(name, labels, (at) =>
    Math.floor(before * minutes(FROM, BEGAN, at) + bad * minutes(BEGAN, OVER, at) + since * minutes(OVER, NOW, at)),
  )
}
const who = (agent: string): string => `agent="${agent}",environment="prod"`
const runs = (agent: string, prompt: string, quality: string, rates: readonly [number, number, number]): string =>
  counter(
    'agentopz_runs_total',
    `${who(agent)},agent_version="1",prompt_version="${prompt}",model="m",tools_version="t",outcome="ok",quality="${quality}"`,
    rates,
  )
const seen = (agent: string, prompt: string, at: number): string =>
  series('agentopz_cohort_first_seen_timestamp_seconds', `${who(agent)},dimension="prompt_version",value="${prompt}"`, (t) =>
    t < at ? undefined : at,
  )
const fired = (agent: string, from: number, to: number): string =>
  series('ALERTS', `${who(agent)},alertname="AgentQualityDrop",alertstate="firing",severity="critical",sli="quality"`, (at) =>
    at < from || at > to ? undefined : 1,
  )

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'agentopz-backtest-'))
  const families: readonly (readonly [string, string, readonly string[]])[] = [
    [
      'agentopz_runs_total',
      'counter',
      [
        // A new prompt that loses four of ten, and is taken back by somebody two hours later.
        runs('rolled-back', 'v1', 'pass', [9.5, 0, 9.5]),
        runs('rolled-back', 'v1', 'fail', [0.5, 0, 0.5]),
        runs('rolled-back', 'v2', 'pass', [0, 5.5, 0]),
        runs('rolled-back', 'v2', 'fail', [0, 4.5, 0]),
        // A new prompt that came with a trouble that went by itself: the prompt has stayed.
        runs('coincidence', 'v1', 'pass', [9.5, 0, 0]),
        runs('coincidence', 'v1', 'fail', [0.5, 0, 0]),
        runs('coincidence', 'v2', 'pass', [0, 5.5, 9.5]),
        runs('coincidence', 'v2', 'fail', [0, 4.5, 0.5]),
        // Nothing changed that anybody could see.
        runs('riddle', 'v1', 'pass', [9.5, 5.5, 9.5]),
        runs('riddle', 'v1', 'fail', [0.5, 4.5, 0.5]),
        // As rolled-back, in a drill.
        runs('drilled', 'v1', 'pass', [9.5, 0, 9.5]),
        runs('drilled', 'v2', 'fail', [0, 9, 0]),
      ],
    ],
    [
      'agentopz_cohort_first_seen_timestamp_seconds',
      'gauge',
      ['rolled-back', 'coincidence'].flatMap((a) => [seen(a, 'v1', FROM), seen(a, 'v2', BEGAN)]),
    ],
    ['ALERTS', 'gauge', ['rolled-back', 'coincidence', 'riddle', 'drilled'].map((a) => fired(a, BEGAN + 15 * MINUTE, OVER + 20 * MINUTE))],
    [
      'agentopz_control',
      'gauge',
      [series('agentopz_control', `${who('drilled')},control="drill",target="x",state="running",reason="r"`, () => 1)],
    ],
  ]
  const file = join(dir, 'history.om')
  writeFileSync(
    file,
    `${families.map(([name, type, all]) => `# TYPE ${type === 'counter' ? name.replace(/_total$/, '') : name} ${type}\n${all.join('\n')}`).join('\n')}\n# EOF\n`,
  )
  mkdirSync(join(dir, 'data'))
  const made = spawnSync('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', '-q', file, join(dir, 'data')], { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(made.stderr)
  prometheus = await startPrometheus(dir)
}, 60_000)
afterAll(() => {
  prometheus.process.kill('SIGKILL')
  rmSync(dir, { recursive: true, force: true })
})

function run(args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [CLI, 'playbook', 'test', ...args], { cwd: dir })
  let [out, err] = ['', '']
  child.stdout.on('data', (d: Buffer) => (out += d.toString()))
  child.stderr.on('data', (d: Buffer) => (err += d.toString()))
  return new Promise((done) => child.on('close', (code) => done({ code: code ?? -1, out, err })))
}
interface Row {
  readonly agent: string
  readonly would: string
  readonly text: string
  readonly started_at: string
  readonly at: string
  readonly hindsight?: { readonly verdict: string; readonly text: string }
}

describe('a playbook over the past', () => {
  test('says when it would have acted, and whether that would have been right', async () => {
    const { code, out, err } = await run(['roll-back-prompt', '--prometheus', prometheus.url, '--json'])
    const result = JSON.parse(out) as { incidents: number; playbooks: object[]; tested: Row[] }
    const of = (agent: string): Row | undefined => result.tested.find((t) => t.agent === agent)
    expect(result.incidents).toBe(3)
    expect(of('rolled-back')).toMatchObject({ would: 'act', hindsight: { verdict: 'right' } })
    expect(of('rolled-back')?.text).toMatch(/^roll back from release v2 to v1 \(it had \d+ runs in the day before it began\)$/)
    expect(of('rolled-back')?.hindsight?.text).toMatch(
      /^prompt version v2 went away \(100 % of the runs then, 0 % later\), and the runs were well again by .*failed meanwhile\)$/,
    )
    expect(of('coincidence')).toMatchObject({ would: 'act', hindsight: { verdict: 'wrong' } })
    expect(of('coincidence')?.hindsight?.text).toContain('with prompt version v2 still there')
    expect(of('riddle')).toMatchObject({ would: 'wait' })
    expect(result.playbooks).toEqual([
      { name: 'roll-back-prompt', mode: 'suggest', incidents: 3, acts: 2, right: 1, wrong: 1, needless: 0, unknown: 0 },
    ])
    expect([code, err]).toEqual([1, expect.stringContaining('of 3: rolled-back in prod')])
  }, 60_000)
  test('as text, of one agent; 0 where none would have been wrong', async () => {
    const { code, out } = await run(['--agent', 'rolled-back', '--since', '2d', '--prometheus', prometheus.url])
    expect(code).toBe(0)
    expect(out).toMatch(/^1 incident from /)
    expect(out).toMatch(/\n {2}roll-back-prompt: acts after \d+ min: roll back from release v2 to v1/)
    expect(out).toMatch(/\n {4}right: prompt version v2 went away/)
    expect(out).toMatch(/\nroll-back-prompt \(suggest\): would have acted in 1 of 1 incident: 1 right\n/)
    expect(out).toContain('assumed: every playbook is taken as if its mode were auto')
  }, 60_000)
  test('no incident in that time is said', async () =>
    expect((await run(['--since', '1h', '--prometheus', prometheus.url])).out).toMatch(/^no incident of any agent from /))
})

describe('what goes wrong', () => {
  test.each([
    ['a playbook that there is not', ['rollback-prompt'], 2, /there is no playbook "rollback-prompt"; did you mean roll-back-prompt/],
    ['a time that is none', ['--since', 'yesterday'], 2, /--since "yesterday" is no time of at most 90d/],
    ['no Prometheus', ['--prometheus', 'http://127.0.0.1:9'], 1, /Cannot reach Prometheus/],
  ] as const)('%s', async (_, args, code, says) => {
    const answer = await run(args)
    expect([answer.code, answer.out]).toEqual([code, ''])
    expect(answer.err).toMatch(says)
  })
})

test('an alert that paused is two, and one that fires still has no end', () => {
  const at = (minutes: readonly number[]): readonly (readonly [number, number])[] => minutes.map((m) => [m * MINUTE, 1])
  const found = stretches({ labels: { alertname: 'A', alertstate: 'firing' }, points: at([1, 2, 3, 10, 11]) }, 12 * MINUTE * 1000)
  expect(found.map((a) => [a.startsMs / 60_000, a.endsMs === undefined ? undefined : a.endsMs / 60_000, a.status])).toEqual([
    [1, 4, 'resolved'],
    [10, undefined, 'firing'],
  ])
})
