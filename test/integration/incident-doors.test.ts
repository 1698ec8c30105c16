/** The doors of incidents: the command line, a real Alertmanager with a token, and whatever bytes anybody sends. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { alertmanagerConfig } from '../../alert-rules/alertmanager.ts'
import { startServices } from '../../app/services.ts'
import { startTestApp, type TestApp, until } from '../support/app.ts'

const TOP = join(import.meta.dirname, '../..')
const cleanup: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const c of cleanup.splice(0).toReversed()) await c()
})
async function start(yaml = ''): Promise<TestApp> {
  const t = await startTestApp(`prometheus: http://127.0.0.1:1\n${yaml}`)
  cleanup.push(() => t.app.stop())
  return t
}
const alert = (more: object = {}, labels: object = {}): object => ({
  status: 'firing',
  labels: { alertname: 'AgentRunErrors', severity: 'critical', agent: 'support', environment: 'prod', team: 'blue', ...labels },
  annotations: { summary: 'support: 12 % of runs end in an error' },
  startsAt: new Date(Date.now() - 300_000).toISOString(),
  endsAt: '0001-01-01T00:00:00Z',
  fingerprint: 'a1',
  ...more,
})
async function tell(url: string, ...alerts: readonly object[]): Promise<readonly string[]> {
  const body = JSON.stringify({ version: '4', groupKey: 'g', truncatedAlerts: 0, alerts })
  const answer = await fetch(`${url}/api/v1/alerts`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  expect(answer.status).toBe(200)
  return ((await answer.json()) as { incidents: string[] }).incidents
}

describe('the command line', () => {
  const run = (args: readonly string[], env: Record<string, string> = {}): Promise<{ code: number | null; out: string; err: string }> =>
    new Promise((done) => {
      const child = spawn(process.execPath, [join(TOP, 'app/cli.ts'), 'incident', ...args], {
        cwd: tmpdir(),
        env: { ...process.env, USER: 'ana', ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      let [out, err] = ['', '']
      child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
      child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
      child.once('close', (code) => done({ code, out, err }))
    })

  test('list, show, ack, note, resolve, review', async () => {
    const { url } = await start()
    expect((await run(['list', '--url', url])).out).toBe('no incident is open\n')
    const [id = ''] = await tell(url, alert())
    const listed = await run(['list', '--url', url])
    expect(listed.out).toMatch(new RegExp(`^id +state +severity .*\\n${id} +open +critical .* support in prod: runs end in errors\\n$`))
    const ack = await run(['ack', id, '--url', url])
    expect([ack.code, ack.out]).toEqual([
      0,
      expect.stringMatching(new RegExp(`^ana@\\S+ has ${id}: support in prod: runs end in errors\\n$`)),
    ])
    const again = await run(['ack', id, '--url', url, '--actor', 'bo'])
    expect([again.code, again.err]).toEqual([1, expect.stringMatching(/^agentopz: ana@\S+ has had inc_\w+ since \d\d:\d\d:\d\d UTC\n$/)])
    expect((await run(['note', id, 'first complaint', '--reported', '--at', '20m', '--url', url])).out).toBe(
      `it is in the timeline of ${id}\n`,
    )
    const shown = await run(['show', id, '--url', url])
    expect(shown.out).toMatch(
      /^inc_\w+ {2}support in prod: runs end in errors\nacknowledged, critical, since .* UTC, team blue, ana@\S+ has it\n/,
    )
    expect(
      shown.out
        .split('\n')
        .filter((l) => /^\d{4}-/.test(l))
        .map((l) => l.replace(/^\S+ \S+ +/, '')),
    ).toEqual([
      expect.stringMatching(/^reported +ana@\S+ +first complaint$/),
      expect.stringMatching(/^alert fired +AgentRunErrors \(critical\) fires: support: 12 % of runs end in an error$/),
      expect.stringMatching(/^acknowledged +ana@\S+ +ana@\S+ has it$/),
    ])
    expect((await run(['resolve', id, '--reason', 'a load test', '--url', url])).out).toBe(
      `${id} is resolved; 1 of its alerts still fires, and only a new one would open it again\n`,
    )
    expect((await run(['list', '--url', url])).out).toBe('no incident is open\n')
    expect((await run(['list', '--all', '--url', url])).out).toContain(id)
    const review = await run(['review', id, '--url', url])
    expect([review.code, review.out]).toEqual([0, expect.stringContaining('The alert did not come first')])
    const json = JSON.parse((await run(['review', id, '--url', url, '--json'])).out) as { id: string; markdown: string }
    expect([json.id, json.markdown.trim()]).toEqual([id, review.out.trim()])
    expect(JSON.parse((await run(['show', id, '--url', url, '--json'])).out)).toMatchObject({ id, state: 'resolved' })
    expect(JSON.parse((await run(['list', '--all', '--agent', 'support', '--since', '1h', '--url', url, '--json'])).out)).toMatchObject({
      total: 1,
    })
  })
  test('what is wrong is said, with the exit code', async () => {
    const { url } = await start()
    const [id = ''] = await tell(url, alert())
    const cases = await Promise.all([
      run(['show', `${id.slice(0, -1)}x`, '--url', url]),
      run(['list', '--state', 'closed', '--url', url]),
      run(['note', id, 'x', '--at', 'noon', '--url', url]),
      run(['resolve', id, '--url', url]),
      run(['list', '--url', 'http://127.0.0.1:1']),
    ])
    expect(cases.map((c) => [c.code, c.err.split('\n')[0]])).toEqual([
      [1, expect.stringContaining(`did you mean ${id}?`)],
      [1, expect.stringContaining('write one or more of open, acknowledged, mitigated, resolved')],
      [2, expect.stringContaining('write a time such as 2026-12-01T08:00:00Z, or how long ago: 20m')],
      [2, expect.stringContaining("required option '--reason <text>' not specified")],
      [1, expect.stringContaining('no answer from http://127.0.0.1:1')],
    ])
  })
  test('a token from the environment or the option', async () => {
    const { url } = await start('auth: { tokens: [{ name: desk, role: read, token: secret }] }')
    const runs = await Promise.all([run(['list', '--url', url]), run(['list', '--url', url], { AGENTOPZ_TOKEN: 'secret' })])
    expect(runs.map((r) => r.code)).toEqual([1, 0])
  })
})

test('a real Alertmanager with the token of its receiver is let in, and the file that holds it is for its owner', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'agentopz-token-'))
  cleanup.push(() => rmSync(dir, { recursive: true, force: true }))
  const t = await start('auth: { tokens: [{ name: alertmanager, role: ingest, token: s3cret }, { name: desk, role: read, token: re }] }')
  const withToken = async (name: string, token: string): Promise<string> => {
    const services = await startServices({
      dir: join(dir, name),
      target: '127.0.0.1:1',
      scrapeSeconds: 60,
      ruleFiles: [],
      alertmanager: alertmanagerConfig({
        teams: [],
        urlOf: () => undefined,
        webhookUrl: `${t.url}/api/v1/alerts`,
        webhookToken: token,
        times: { pageWait: '1s' },
      }),
      prometheusPort: 0,
      alertmanagerPort: 0,
    })
    cleanup.push(() => services.stop())
    const labels = { alertname: 'AgentRunErrors', severity: 'critical', agent: name, environment: 'prod' }
    const times = { startsAt: new Date().toISOString(), endsAt: new Date(Date.now() + 600_000).toISOString() }
    await fetch(`${services.alertmanagerUrl}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify([{ labels, annotations: {}, ...times }]),
    })
    return join(dir, name, 'alertmanager.yml')
  }
  const agents = async (): Promise<readonly string[]> => {
    const answer = await fetch(`${t.url}/api/v1/incidents`, { headers: { authorization: 'Bearer re' } })
    return ((await answer.json()) as { incidents: { agent: string }[] }).incidents.map((i) => i.agent)
  }
  await withToken('stranger', 'guessed')
  await until(
    async () => (await t.value('agentopz_webhook_requests_total', { outcome: 'unauthorized' })) > 0,
    'the stranger is turned away',
  )
  const file = await withToken('known', 's3cret')
  await until(async () => (await agents()).length > 0, 'the other one is let in')
  expect(await agents()).toEqual(['known'])
  expect([readFileSync(file, 'utf8').includes('credentials: s3cret'), (statSync(file).mode & 0o777).toString(8)]).toEqual([true, '600'])
})

test('whatever bytes come: refused and counted, or an incident; never an error of ours', async () => {
  const t = await start()
  /** The first two are right, and come more often. */
  const mostly = (...words: readonly string[]): fc.Arbitrary<string> =>
    fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...words.slice(0, 2)) }, { weight: 1, arbitrary: fc.constantFrom(...words) })
  const word = fc.oneof(fc.string(), fc.constantFrom('AgentRunErrors', 'critical', '', '__proto__', 'constructor', '\u0000'))
  const anAlert = fc.record(
    {
      status: mostly('firing', 'resolved', 'x'),
      labels: fc
        .tuple(
          fc.dictionary(fc.constantFrom('environment', 'severity', 'team', '__proto__', 'drill', 'tool'), word),
          word,
          mostly('A', 'B', ''),
        )
        .map(([labels, alertname, agent]) => ({ ...labels, alertname, agent })),
      annotations: fc.dictionary(word, word),
      startsAt: mostly(
        '2026-11-01T08:00:00Z',
        '2026-11-01T09:30:00+02:00',
        '0001-01-01T00:00:00Z',
        '+275760-09-13T00:00:00Z',
        '9999-12-31T23:59:59Z',
        'x',
      ),
      endsAt: mostly('2026-11-01T09:00:00Z', '0001-01-01T00:00:00Z', '9999-12-31T23:59:59Z', ''),
      fingerprint: mostly('a', 'b', 'zz', ''),
    },
    { requiredKeys: ['status', 'labels', 'startsAt', 'fingerprint'] },
  )
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((b) => Buffer.from(b)),
    fc.json().map((j) => Buffer.from(j)),
    fc
      .record({
        version: mostly('4', '4', '5'),
        alerts: fc.array(anAlert, { maxLength: 5 }),
        truncatedAlerts: fc.oneof({ weight: 9, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.constant(-1) }),
      })
      .map((w) => Buffer.from(JSON.stringify(w))),
  )
  let taken = 0
  await fc.assert(
    fc.asyncProperty(body, async (bytes) => {
      const answer = await fetch(`${t.url}/api/v1/alerts`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: bytes })
      await answer.arrayBuffer()
      expect([200, 400]).toContain(answer.status)
      if (answer.status === 200) taken++
    }),
    { numRuns: 600 },
  )
  expect(taken).toBeGreaterThan(20)
  expect(await t.value('agentopz_webhook_requests_total')).toBe(600)
  const { incidents } = (await (await fetch(`${t.url}/api/v1/incidents`)).json()) as { incidents: { id: string }[] }
  for (const { id } of incidents)
    for (const what of ['', '/review']) expect((await fetch(`${t.url}/api/v1/incidents/${id}${what}`)).status).toBe(200)
  expect(await t.value('agentopz_internal_errors_total')).toBe(0)
})
