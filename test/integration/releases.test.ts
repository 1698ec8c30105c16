/**
 * Rolling back to the last known-good release against a real Prometheus whose every count is known, and against ones that are slow or gone.
 * Needs `prometheus` and `promtool` on PATH (Debian: apt-get install prometheus).
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../support/app.ts'
import { startPrometheus } from '../support/backdated.ts'

const CLI = resolve(import.meta.dirname, '../../app/cli.ts')
const MINUTE = 60
const DAY = 86_400
const NOW = Math.floor(Date.now() / 1000 / MINUTE) * MINUTE
const AGENT = 'shop "a" \\ {x}'

let dir: string
let prometheus: { readonly url: string; readonly process: ChildProcess }
const apps: TestApp[] = []
const servers: Server[] = []

/** A counter that grows evenly to `count` over a day that ended `daysAgo`, and stays for an hour. */
function counter(name: string, labels: string, count: number, daysAgo: number): string {
  const agent = AGENT.replaceAll('\\', '\\\\').replaceAll('"', '\\"')
  const end = NOW - daysAgo * DAY
  const out: string[] = []
  for (let at = end - DAY; at <= end + 60 * MINUTE; at += MINUTE)
    if (at <= NOW)
      out.push(`${name}{agent="${agent}",environment="prod",${labels}} ${Math.min(count, (count * (at - end + DAY)) / DAY)} ${at}`)
  return out.join('\n')
}
const runs = (version: string, pass: number, fail: number, daysAgo: number): string[] =>
  [
    ['pass', pass],
    ['fail', fail],
  ].map(([quality, count]) =>
    counter('agentopz_runs_total', `prompt_version="${version}",quality="${quality}",outcome="ok",model="m"`, Number(count), daysAgo),
  )

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'agentopz-releases-'))
  const file = join(dir, 'history.om')
  const families = [
    '# TYPE agentopz_runs counter',
    // The dot is one of a version, not any character: v1x1 is another.
    ...runs('v1.1', 980, 20, 9),
    ...runs('v1x1', 5000, 0, 9),
    ...runs('v2', 700, 300, 7),
    ...runs('v3', 30, 0, 5),
    ...runs('v4', 200, 800, 1),
    '# TYPE agentopz_run_exceeded counter',
    counter('agentopz_run_exceeded_total', 'prompt_version="v1.1",objective="cost",model="m"', 5, 9),
  ]
  writeFileSync(file, `${families.join('\n')}\n# EOF\n`)
  mkdirSync(join(dir, 'data'))
  const made = spawnSync('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', '-q', file, join(dir, 'data')], { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(made.stderr)
  prometheus = await startPrometheus(dir)
}, 60_000)
afterEach(async () => {
  await Promise.all(apps.splice(0).map((a) => a.app.stop()))
  for (const s of servers.splice(0)) s.close()
})
afterAll(() => {
  prometheus.process.kill('SIGKILL')
  rmSync(dir, { recursive: true, force: true })
})

const agentKey = JSON.stringify(AGENT)
async function world(url = prometheus.url, versions = ['v1.1', 'v2', 'v3', 'v4'], more = ''): Promise<TestApp> {
  const started = await startTestApp(`prometheus: ${url}\nagents: { ${agentKey}: { cost_usd: { per_run: 1, target: 0.99 } } }\n${more}`)
  apps.push(started)
  for (const version of versions) await post(started, '', { version, prompts: { system: `be ${version}` }, activate: true, actor: 'ci' })
  return started
}
async function post(w: TestApp, path: string, body: object): Promise<{ status: number; json: Record<string, unknown> }> {
  const answer = await fetch(`${w.url}/api/v1/releases/${encodeURIComponent(AGENT)}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: answer.status, json: (await answer.json()) as Record<string, unknown> }
}
function run(args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [CLI, ...args], { cwd: dir })
  let [out, err] = ['', '']
  child.stdout.on('data', (d: Buffer) => (out += d.toString()))
  child.stderr.on('data', (d: Buffer) => (err += d.toString()))
  return new Promise((done) => child.on('close', (code) => done({ code: code ?? -1, out, err })))
}
async function lastReason(w: TestApp): Promise<string | undefined> {
  const [last] = await w.app.controls.plane.audit(1)
  return last?.reason
}
/** Takes connections and never answers. */
async function deaf(): Promise<string> {
  const server = createServer(() => undefined).listen(0, '127.0.0.1')
  servers.push(server)
  await new Promise((done) => server.once('listening', done))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('the last known-good release', () => {
  test('is rolled back to past one that was bad and one that had too few runs, and the answer says so', async () => {
    const w = await world()
    const { status, json } = await post(w, '/rollback', { actor: 'ana', reason: 'refunds are wrong' })
    expect([status, json['active'], json['former']]).toEqual([200, 'v1.1', 'v4'])
    expect(await lastReason(w)).toBe('refunds are wrong')
    expect(json['choice']).toEqual({
      because: 'known_good',
      text: 'last known to be good: 98 % of 1,000 rated runs passed (target 95 %); 99.5 % of 1,000 runs stayed under their cost (target 99 %); passed over v3 (30 runs, and it takes 100 to tell), v2 (70 % of 1,000 rated runs passed, under the target of 95 %)',
      passed_over: [
        { version: 'v3', verdict: 'too_few_runs', verdict_text: '30 runs, and it takes 100 to tell', runs: 30, good_share: 1 },
        {
          version: 'v2',
          verdict: 'missed',
          verdict_text: '70 % of 1,000 rated runs passed, under the target of 95 %',
          runs: 1000,
          good_share: 0.7,
        },
      ],
    })
  })
  test('a second rollback meanwhile is refused, for it was chosen over another release', async () => {
    const w = await world()
    const both = await Promise.all([post(w, '/rollback', { actor: 'ana' }), post(w, '/rollback', { actor: 'bo' })])
    expect(both.map((b) => b.status).toSorted((a, b) => a - b)).toEqual([200, 409])
    const { json } = both.find((b) => b.status === 409) ?? { json: {} }
    expect(json).toMatchObject({
      because: 'not_active',
      detail: expect.stringMatching(/reads v1.1 by now, and no longer v4.*: rollback to v1.1 by (ana|bo) at 20/) as string,
    })
  })
  test('enough runs is what the configuration says', async () => {
    const w = await world(prometheus.url, undefined, 'controls: { known_good_runs: 30 }')
    expect((await post(w, '/rollback', { actor: 'ana' })).json).toMatchObject({ active: 'v3', choice: { because: 'known_good' } })
    expect(await lastReason(w)).toMatch(/^last known to be good: 100 % of 30 rated runs passed/)
  })
  test('runs of longer ago than is configured do not count', async () => {
    const w = await world(prometheus.url, ['v1.1', 'v2'], 'controls: { known_good_since: 3d }')
    expect((await post(w, '/rollback', { actor: 'ana' })).json).toMatchObject({
      active: 'v1.1',
      choice: { because: 'former', text: 'the one before; whether it is good is not known: 0 runs, and it takes 100 to tell' },
    })
  })
  test('where all before are known to be bad none is chosen; the one before when it is asked for', async () => {
    const w = await world(prometheus.url, ['v2', 'v4'])
    const refused = await post(w, '/rollback', { actor: 'ana' })
    expect([refused.status, refused.json['because']]).toEqual([409, 'no_known_good'])
    expect((await post(w, '/rollback', { actor: 'ana', to: 'former' })).json).toMatchObject({ active: 'v2', choice: { because: 'former' } })
  })
})

describe('without an answer from Prometheus', () => {
  test('a slow one holds a rollback for two seconds: then it is the one before, and it says so', async () => {
    const w = await world(await deaf())
    const began = performance.now()
    const { json } = await post(w, '/rollback', { actor: 'ana' })
    expect(performance.now() - began).toBeLessThan(3000)
    expect(json).toMatchObject({
      active: 'v3',
      choice: { because: 'former', text: expect.stringContaining('did not answer within 2 s') as string },
    })
  })
  test('one that is not there costs nothing', async () => {
    const w = await world('http://127.0.0.1:9')
    const began = performance.now()
    const { json } = await post(w, '/rollback', { actor: 'ana' })
    expect(performance.now() - began).toBeLessThan(1500)
    expect(json).toMatchObject({
      active: 'v3',
      choice: { because: 'former', text: expect.stringContaining('Cannot reach Prometheus') as string },
    })
  })
  test('the list says that nothing is known, and why', async () => {
    const w = await world('http://127.0.0.1:9')
    const list = await run(['release', 'list', AGENT, '--url', w.url])
    expect(list.out).toMatch(/\nv2 +unknown +- +- +/)
    expect(list.out).toContain('objectives: Cannot reach Prometheus')
  })
})

describe('the command', () => {
  test('list shows runs, share of good runs and verdict; rollback says why', async () => {
    const w = await world()
    const list = await run(['release', 'list', AGENT, '--url', w.url])
    expect(list.out.split('\n').map((line) => line.slice(0, 45).trimEnd())).toEqual([
      'version  active  objectives    runs  good',
      'v4       yes     missed        1000  20.0 %',
      'v3               too few runs  30    100.0 %',
      'v2               missed        1000  70.0 %',
      'v1.1             met           1000  98.0 %',
      '',
    ])
    const json = JSON.parse((await run(['release', 'list', AGENT, '--url', w.url, '--json'])).out) as { releases: object[] }
    expect(json.releases[3]).toMatchObject({ version: 'v1.1', verdict: 'met', runs: 1000, good_share: 0.98 })
    const back = await run(['release', 'rollback', AGENT, '--url', w.url])
    expect([back.code, back.out.split('\n').slice(0, 2)]).toEqual([
      0,
      [`${AGENT} reads release v1.1 instead of v4`, expect.stringMatching(/^ {2}last known to be good: 98 %.*passed over v3/) as string],
    ])
  })
})
