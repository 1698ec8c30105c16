/**
 * Incidents as they are made in production: a real Prometheus fires alerts, a real Alertmanager routes and silences them and calls the
 * webhook, processes are killed. The alerts' conditions are controls set over HTTP, so that a test says what fires and when it ends.
 * Needs Debian's prometheus and prometheus-alertmanager, as the other tests here do.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { alertmanagerConfig } from '../../alert-rules/alertmanager.ts'
import { BOARDS } from '../../dashboards/index.ts'
import { parseConfig } from '../../app/config.ts'
import { freePort } from '../../app/free-port.ts'
import { type Services, startServices } from '../../app/services.ts'
import { startTestApp, type TestApp, until } from '../support/app.ts'
import { otlp } from '../support/otlp.ts'

const TOP = join(import.meta.dirname, '../..')
const dir = mkdtempSync(join(tmpdir(), 'agentopz-incidents-'))
const cleanup: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const c of cleanup.splice(0).toReversed()) await c()
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

interface Row {
  readonly id: string
  readonly state: string
  readonly agent: string
  readonly title: string
  readonly firing: number
  readonly blast?: { readonly runs?: number; readonly failed_runs?: number; readonly cost_usd?: number; readonly users: string }
}
interface Whole extends Omit<Row, 'alerts'> {
  readonly alerts: readonly {
    readonly name: string
    readonly fingerprint: string
    readonly labels: Record<string, string>
    readonly starts_at: string
    readonly ends_at?: string
    readonly end_from?: string
  }[]
  readonly timeline: readonly { readonly at: string; readonly kind: string; readonly text: string }[]
  readonly before?: Record<string, unknown>
}
async function send(method: string, url: string, body?: object): Promise<{ status: number; json: Record<string, unknown> }> {
  const init = body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const answer = await fetch(url, { method, ...init })
  return { status: answer.status, json: (await answer.json()) as Record<string, unknown> }
}
const list = async (url: string): Promise<readonly Row[]> =>
  ((await send('GET', `${url}/api/v1/incidents`)).json as unknown as { incidents: readonly Row[] }).incidents
const whole = async (url: string, id: string): Promise<Whole> =>
  (await send('GET', `${url}/api/v1/incidents/${id}`)).json as unknown as Whole

describe('alerts of a real Prometheus, through a real Alertmanager', () => {
  let t: TestApp
  let services: Services
  /** Fires while a control opens the tool of that name: `fire:ALERT`. */
  const rule = (alert: string): string =>
    `{ alert: ${alert}, expr: 'max by (agent, environment) (agentopz_control{target="fire:${alert}"}) == 1', labels: { severity: critical, family: quality, team: blue, sli: quality }, annotations: { summary: '{{ $labels.agent }} is bad' } }`
  const fire = async (alert: string, agent = 'support'): Promise<() => Promise<void>> => {
    const body = { control: 'tool', agent, target: `fire:${alert}`, environment: 'prod', reason: 'a test', actor: 'test' }
    const { json, status } = await send('POST', `${t.url}/api/v1/controls?force=1`, body)
    expect(status).toBe(201)
    return async () => void (await send('DELETE', `${t.url}/api/v1/controls/${String(json['id'])}`, { reason: 'over', actor: 'test' }))
  }
  const incidentOf = async (agent: string): Promise<Row | undefined> => (await list(t.url)).find((i) => i.agent === agent)
  /** The newest record of an agent once it is so. */
  const becomes = async (agent: string, holds: (i: Whole) => boolean, what: string): Promise<Whole> => {
    let last: Whole | undefined
    const isSo = async (): Promise<boolean> => {
      const row = await incidentOf(agent)
      last = row === undefined ? undefined : await whole(t.url, row.id)
      return last !== undefined && holds(last)
    }
    await until(isSo, what, 30).catch((error: unknown) => {
      throw new Error(`${what}; it is ${JSON.stringify(last, null, 1)}`, { cause: error })
    })
    return last!
  }

  beforeAll(async () => {
    const [prometheusPort, alertmanagerPort] = [await freePort(0, () => undefined), await freePort(0, () => undefined)]
    t = await startTestApp(
      `prometheus: http://127.0.0.1:${prometheusPort}\nruns: { settle_seconds: 0.3, idle_seconds: 1 }\nincidents: { check_every: 1, resolve_after: 4, merge_window: 30, reopen_within: 30 }\nagents: { support: { fallback: 'call us' } }`,
    )
    const rules = join(dir, 'test.rules.yaml')
    const names = ['AgentQualityDrop', 'AgentTruncationSpike', 'AgentRunErrors']
    writeFileSync(rules, `groups: [{ name: test, interval: 1s, rules: [${names.map(rule).join(', ')}] }]`)
    services = await startServices({
      dir: join(dir, 'services'),
      target: new URL(t.url).host,
      // A scrape may take as long as this: on a busy machine one that is given up would let alerts flap.
      scrapeSeconds: 2,
      ruleFiles: [rules],
      alertmanager: alertmanagerConfig({
        teams: [],
        urlOf: () => undefined,
        webhookUrl: `${t.url}/api/v1/alerts`,
        times: { pageWait: '1s', pageInterval: '1s' },
      }),
      resendSeconds: 1,
      prometheusPort,
      alertmanagerPort,
    })
    expect(services.notes).toEqual([])
  })
  afterAll(async () => {
    await services.stop()
    await t.app.stop()
  })

  test('one incident of all of them; ends that nobody told are asked for; resolved when they have ended', async () => {
    const endQuality = await fire('AgentQualityDrop')
    await becomes('support', (i) => i.firing === 1, 'the symptom is told')
    const endSpike = await fire('AgentTruncationSpike')
    await becomes('support', (i) => i.firing === 2, 'the cause is told')
    const shade = BOARDS.flatMap((b) => b.annotations).find((a) => a.name === 'Incidents')
    const query = (shade?.expr ?? '').replaceAll('$agent', 'support').replaceAll('$environment', 'prod')
    const { json } = await send('GET', `${services.prometheusUrl}/api/v1/query?query=${encodeURIComponent(query)}`)
    expect(json).toMatchObject({ data: { result: [{ metric: { state: 'open', severity: 'critical' }, value: [expect.anything(), '1'] }] } })
    // From here on the cause silences the symptom: Alertmanager will not tell that it ends.
    await endQuality()
    const quality = await becomes('support', (i) => i.firing === 1, 'the end of the symptom is known')
    expect(quality.alerts.map((a) => [a.name, a.ends_at !== undefined, a.end_from])).toEqual([
      ['AgentQualityDrop', true, 'prometheus'],
      ['AgentTruncationSpike', false, undefined],
    ])
    expect(quality.title).toBe('support in prod: answers are cut off')
    await endSpike()
    const over = await becomes('support', (i) => i.state === 'resolved', 'it is resolved')
    const kinds = over.timeline.map((e) => e.kind)
    expect(kinds.filter((k) => k === 'alert_fired' || k === 'alert_resolved' || k === 'resolved')).toEqual([
      'alert_fired',
      'alert_fired',
      'alert_resolved',
      'alert_resolved',
      'resolved',
    ])
    // What was done to the agent is in it, from the audit.
    expect(over.timeline.filter((e) => e.kind === 'action' || e.kind === 'undone').map((e) => e.text)).toEqual([
      expect.stringMatching(/^tool fire:AgentQualityDrop is open until .* UTC: a test$/),
      expect.stringMatching(/^tool fire:AgentTruncationSpike is open until/),
      'tool fire:AgentQualityDrop is no longer open: over',
      'tool fire:AgentTruncationSpike is no longer open: over',
    ])
    expect(over.before).toMatchObject({ no_baseline: true, fallback: 'message', active_release: null, former_release: null })
    // A relapse soon after opens it again.
    const end = await fire('AgentTruncationSpike')
    const again = await becomes('support', (i) => i.state === 'open', 'it is open again')
    expect([again.id, again.timeline.filter((e) => e.kind === 'reopened').length]).toEqual([over.id, 1])
    await end()
    await becomes('support', (i) => i.state === 'resolved', 'it is resolved again')
  }, 180_000)

  test('the blast radius, from the samples of real spans', async () => {
    let n = 0
    const run = async (prompt: string, isError: boolean): Promise<void> => {
      const traceId = (++n).toString(16).padStart(32, '0')
      const root = {
        traceId,
        spanId: '00000000000000a1',
        attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'shop', 'gen_ai.prompt.version': prompt },
        status: isError ? ('error' as const) : ('ok' as const),
      }
      const call = {
        traceId,
        spanId: '00000000000000a2',
        parentSpanId: root.spanId,
        attributes: {
          'gen_ai.operation.name': 'chat',
          'gen_ai.provider.name': 'openai',
          'gen_ai.request.model': 'gpt-4o-mini',
          'gen_ai.response.model': 'gpt-4o-mini',
          'gen_ai.usage.input_tokens': 1_000_000,
          'gen_ai.usage.output_tokens': 10,
          'gen_ai.response.finish_reasons': ['stop'],
        },
      }
      const resource = { 'service.name': 'shop', 'deployment.environment.name': 'prod' }
      expect((await send('POST', `${t.otlp}/v1/traces`, otlp({ resource, spans: [root, call] }))).status).toBe(200)
    }
    const samples = async (query: string): Promise<number> => {
      const answer = await fetch(`${services.prometheusUrl}/api/v1/query?query=${encodeURIComponent(query)}`)
      const { data } = (await answer.json()) as { data: { result: readonly { value: [number, string] }[] } }
      return Number(data.result[0]?.value[1] ?? 0)
    }
    const seen = async (runs: number): Promise<void> =>
      until(async () => (await samples('sum(agentopz_runs_total{agent="shop"})')) === runs, `${runs} runs are scraped`, 30)
    // The series are there before it begins, so that what comes then is an increase.
    for (const prompt of ['v1', 'v2']) for (const isError of [false, true]) await run(prompt, isError)
    await seen(4)
    await new Promise((done) => setTimeout(done, 3000))
    const end = await fire('AgentRunErrors', 'shop')
    await becomes('shop', (i) => i.firing === 1, 'it is told')
    for (let k = 0; k < 30; k++) await run('v2', k % 3 === 0)
    await seen(34)
    const i = await becomes('shop', (x) => (x.blast?.runs ?? 0) >= 30, 'the runs are counted')
    // `increase` extrapolates to the edges of its window: a few more than were seen.
    expect(i.blast?.runs).toBeLessThanOrEqual(36)
    expect(i.blast?.failed_runs).toBeGreaterThanOrEqual(10)
    expect(i.blast?.failed_runs).toBeLessThanOrEqual(13)
    // 0.15 US dollars a million tokens of input.
    expect(i.blast?.cost_usd).toBeGreaterThan(30 * 0.14)
    expect(i.blast?.users).toBe('unknown')
    const review = await (await fetch(`${t.url}/api/v1/incidents/${i.id}/review`)).text()
    expect(review).toContain(`${i.blast?.runs} runs of the agent closed since`)
    await end()
  })

  test('an end that was none: told to fire again from the same start, and Prometheus says so too', async () => {
    const end = await fire('AgentRunErrors', 'doubted')
    const { id, alerts } = await becomes('doubted', (i) => i.firing === 1, 'it is told')
    const { fingerprint, starts_at: startsAt, labels } = alerts[0]!
    const tell = async (status: 'firing' | 'resolved', endsAt: string): Promise<void> => {
      const alert = { status, labels, annotations: {}, startsAt, endsAt, fingerprint }
      await send('POST', `${t.url}/api/v1/alerts`, { version: '4', groupKey: 'g', truncatedAlerts: 0, alerts: [alert] })
    }
    await tell('resolved', new Date().toISOString())
    expect((await whole(t.url, id)).firing).toBe(0)
    await tell('firing', '0001-01-01T00:00:00Z')
    const again = await becomes('doubted', (i) => i.firing === 1, 'Prometheus was asked')
    expect(again.timeline.map((e) => e.text)).toContain('AgentRunErrors still fires, Prometheus says; its end was not one')
    expect(await t.value('agentopz_webhook_alerts_total', { outcome: 'doubted' })).toBe(1)
    await end()
  })

  test('what Prometheus cannot be asked stays unknown, and comes when it can', async () => {
    const loaded = (url: string): string => `prometheus: ${url}\nincidents: { check_every: 1 }`
    const other = await startTestApp(loaded('http://127.0.0.1:1'))
    cleanup.push(() => other.app.stop())
    const alert = {
      status: 'firing',
      labels: { alertname: 'AgentRunErrors', severity: 'critical', agent: 'support', environment: 'prod' },
      annotations: {},
      startsAt: new Date().toISOString(),
      endsAt: '0001-01-01T00:00:00Z',
      fingerprint: 'abc1',
    }
    const { json } = await send('POST', `${other.url}/api/v1/alerts`, { version: '4', groupKey: 'g', truncatedAlerts: 0, alerts: [alert] })
    const [id] = json['incidents'] as string[]
    await until(async () => (await other.value('agentopz_incident_refreshes_total', { outcome: 'failed' })) >= 2, 'it was tried twice')
    const before = await whole(other.url, id ?? '')
    expect([before.state, before.firing, before.blast, before.before]).toEqual(['open', 1, undefined, undefined])
    expect(await (await fetch(`${other.url}/api/v1/incidents/${id}/review`)).text()).toContain(
      'How many runs it met: Prometheus did not say.',
    )
    const next = parseConfig(`storage: 'sqlite::memory:'\n${loaded(services.prometheusUrl ?? '')}`, 'x.yaml', {})
    if (next.ok) expect(other.app.apply(next.config, next.dir)).toEqual([])
    await until(async () => (await whole(other.url, id ?? '')).before !== undefined, 'it was asked', 20)
    // An alert that this Prometheus never knew is not taken for ended: it may be another's.
    expect((await whole(other.url, id ?? '')).firing).toBe(1)
  })
})

test('an alert that fires while agentopz is down makes its incident when it is back', async () => {
  const [port, alertmanagerPort] = [await freePort(0, () => undefined), await freePort(0, () => undefined)]
  const services = await startServices({
    dir: join(dir, 'down'),
    target: '127.0.0.1:1',
    scrapeSeconds: 60,
    ruleFiles: [],
    alertmanager: alertmanagerConfig({
      teams: [],
      urlOf: () => undefined,
      webhookUrl: `http://127.0.0.1:${port}/api/v1/alerts`,
      times: { pageWait: '1s', pageInterval: '1s' },
    }),
    prometheusPort: 0,
    alertmanagerPort,
  })
  cleanup.push(() => services.stop())
  const labels = { alertname: 'AgentSilent', severity: 'critical', family: 'volume', agent: 'night', environment: 'prod' }
  const startsAt = new Date(Date.now() - 1000).toISOString()
  const posted = await fetch(`${services.alertmanagerUrl}/api/v2/alerts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify([{ labels, annotations: { summary: 'no runs' }, startsAt, endsAt: new Date(Date.now() + 600_000).toISOString() }]),
  })
  expect(posted.status).toBe(200)
  await new Promise((done) => setTimeout(done, 3000))
  const up = await startOn(port)
  cleanup.push(() => void up.child.kill('SIGKILL'))
  await until(async () => (await list(up.url)).length === 1, 'it was told again', 30)
  expect((await list(up.url))[0]).toMatchObject({ agent: 'night', title: 'night in prod: no runs although there should be' })
  // Repeats of it change nothing.
  await new Promise((done) => setTimeout(done, 3000))
  expect(await list(up.url)).toHaveLength(1)
})

/** `agentopz serve` as a process of its own, storing in `folder`. */
async function startOn(port: number, folder = mkdtempSync(join(dir, 'serve-'))): Promise<{ child: ChildProcess; url: string }> {
  writeFileSync(
    join(folder, 'agentopz.yaml'),
    `receive: { otlp_http: off, otlp_grpc: off }\nlisten: 127.0.0.1:${port}\nprometheus: http://127.0.0.1:1\nlog: { format: json }\n`,
  )
  const child = spawn(process.execPath, [join(TOP, 'app/cli.ts'), 'serve'], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()))
  const address = (): string | undefined => /"listen":"([^"]+)".*agentopz is ready/.exec(log)?.[1]
  await until(async () => address() !== undefined, 'it listens')
  return { child, url: `http://${address()}` }
}

test('kill -9 at any moment: what was answered is there after a restart, once', async () => {
  const folder = mkdtempSync(join(dir, 'kill-'))
  const webhook = (n: number): object => ({
    version: '4',
    groupKey: 'g',
    truncatedAlerts: 0,
    alerts: [
      {
        status: 'firing',
        labels: { alertname: 'AgentRunErrors', severity: 'critical', agent: `agent-${n}`, environment: 'prod' },
        annotations: { summary: 'runs end in errors' },
        startsAt: '2026-11-01T08:00:00Z',
        endsAt: '0001-01-01T00:00:00Z',
        fingerprint: n.toString(16).padStart(16, '0'),
      },
    ],
  })
  const answered = new Map<string, string>()
  const noted = new Map<string, number>()
  let n = 0
  for (let round = 0; round < 6; round++) {
    const { child, url } = await startOn(0, folder)
    const kill = setTimeout(() => child.kill('SIGKILL'), 30 + round * 40)
    const work = async (): Promise<void> => {
      for (;;) {
        const mine = n++
        const { json, status } = await send('POST', `${url}/api/v1/alerts`, webhook(mine))
        if (status !== 200) return
        const id = (json['incidents'] as string[])[0] ?? ''
        answered.set(`agent-${mine}`, id)
        const note = await send('POST', `${url}/api/v1/incidents/${id}/note`, { actor: 'ana', text: 'seen' })
        if (note.status === 200) noted.set(id, 1)
      }
    }
    // Several at once; each ends when the process is gone.
    await Promise.all(Array.from({ length: 4 }, () => work().catch(() => undefined)))
    clearTimeout(kill)
    if (child.exitCode === null && child.signalCode === null) await new Promise((done) => child.once('exit', done))
    const again = await startOn(0, folder)
    const { incidents } = (await send('GET', `${again.url}/api/v1/incidents?limit=1000`)).json as unknown as { incidents: readonly Row[] }
    const agents = incidents.map((i) => i.agent)
    expect(new Set(agents).size).toBe(agents.length)
    const byAgent = new Map(incidents.map((i) => [i.agent, i.id]))
    for (const [agent, id] of answered) expect(byAgent.get(agent)).toBe(id)
    for (const id of noted.keys())
      expect((await whole(again.url, id)).timeline.filter((e) => e.kind === 'note').map((e) => e.text)).toEqual(['seen'])
    again.child.kill('SIGKILL')
    await new Promise((done) => again.child.once('exit', done))
  }
  expect(answered.size).toBeGreaterThan(10)
})
