/**
 * Readiness against a real Prometheus with the shipped rules, a real Alertmanager with the shipped routes, a pager, a guard's stream and
 * the command as a process: everything well, then one thing after the other taken away. Needs `prometheus`, `prometheus-alertmanager`,
 * `promtool` and `amtool` (Debian's names; upstream's work too).
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { alertmanagerConfig } from '../../alert-rules/alertmanager.ts'
import { createClient } from '../../app/commands/control-client.ts'
import { compressedRules } from '../../app/compressed-rules.ts'
import { freePort } from '../../app/free-port.ts'
import { alertmanagerYaml } from '../../app/generate-alertmanager.ts'
import { recordDrill } from '../../app/ready/drills.ts'
import { readRoutes } from '../../app/ready/routing.ts'
import { type Services, startServices } from '../../app/services.ts'
import type { ReadinessResult } from '../../incidents/readiness.ts'
import type { RecordedName } from '../../model/recorded.ts'
import { startTestApp, type TestApp, until } from '../support/app.ts'
import { type EventStream, listen } from '../support/events.ts'
import { otlp } from '../support/otlp.ts'
import { startWebhook, type Webhook } from '../support/webhook.ts'

const CLI = join(import.meta.dirname, '../../app/cli.ts')
const HOUR = 3600
const NOW = Math.floor(Date.now() / 1000)
const AGENT = 'desk "a"'
const ENVIRONMENT = 'prod'
const SECONDS = 120_000

const dir = mkdtempSync(join(tmpdir(), 'agentopz-readiness-'))
let t: TestApp
let services: Services | undefined
let pager: Webhook
let site: Server
let guard: EventStream | undefined
let alertmanager: string

/** A day of recorded series, up to now: 200 rated runs an hour, 5 % of them bad, and what rules make of it. */
function history(): string {
  const who = `agent="${AGENT.replaceAll('"', '\\"')}",environment="${ENVIRONMENT}"`
  const series = (name: RecordedName, labels: string, value: number): string =>
    `# TYPE ${name} gauge\n${Array.from({ length: 30 * 60 }, (_, i) => `${name}{${who},${labels}} ${value} ${NOW - 30 * HOUR + i * 60}`).join('\n')}\n`
  const both = (name: RecordedName, value: number): string =>
    `# TYPE ${name} gauge\n${['quality', 'run_error'].map((sli) => series(name, `sli="${sli}"`, value).split('\n').slice(1).join('\n')).join('')}`
  const verdicts = Array.from(
    { length: 30 * 60 },
    (_, i) =>
      `agentopz_evaluations_total{${who},evaluation="grounded",source="external",verdict="pass",prompt_version="",model=""} ${i * 3} ${NOW - 30 * HOUR + i * 60}`,
  )
  return [
    both('agent_sli:total:increase1h', 200),
    both('agent_sli:total:baseline', 6000),
    series('agent_sli:bad_ratio:baseline', 'sli="quality"', 0.05),
    series('agent_sli:dispersion1h:baseline', 'sli="quality"', 1),
    series('agent_sli:dispersion6h:baseline', 'sli="quality"', 1),
    `# TYPE agentopz_evaluations counter\n${verdicts.join('\n')}\n`,
    '# EOF\n',
  ].join('')
}

beforeAll(async () => {
  pager = await startWebhook()
  site = createServer((request, response) => response.writeHead(request.method === 'HEAD' ? 405 : 200).end())
  await new Promise<void>((done) => site.listen(0, '127.0.0.1', done))
  const siteUrl = `http://127.0.0.1:${(site.address() as AddressInfo).port}`
  const none = (): void => undefined
  const [prometheusPort, alertmanagerPort] = [await freePort(0, none), await freePort(0, none)]
  alertmanager = `http://127.0.0.1:${alertmanagerPort}`
  t = await startTestApp(`
prometheus: http://127.0.0.1:${prometheusPort}
alertmanager: ${alertmanager}
runs: { settle_seconds: 1 }
agents:
  ${JSON.stringify(AGENT)}: { team: support, quality: 0.9, cost_usd: { per_run: 1 }, fallback: ${siteUrl}/help, runbook_url: ${siteUrl}/wiki }
  bare: {}
`)
  const data = join(dir, 'prometheus')
  mkdirSync(data, { recursive: true })
  writeFileSync(join(dir, 'history.om'), history())
  const made = spawnSync('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', join(dir, 'history.om'), data], { encoding: 'utf8' })
  expect(made.status, made.stderr).toBe(0)
  const rules = join(dir, 'compressed.rules.yaml')
  writeFileSync(rules, compressedRules(60))
  services = await startServices({
    dir,
    target: t.url.replace('http://', ''),
    scrapeSeconds: 1,
    resendSeconds: 5,
    ruleFiles: [rules],
    alertmanager: alertmanagerConfig({
      teams: ['support'],
      urlOf: (receiver) => `${pager.url}/${receiver}`,
      webhookUrl: `${t.url}/api/v1/alerts`,
      times: { pageWait: '1s', pageInterval: '3s' },
    }),
    prometheusPort,
    alertmanagerPort,
  })
  expect(services.notes).toEqual([])
  guard = await listen(`${t.url}/api/v1/control/stream?service=desk-service&environment=prod&instance=1`)
  const body = otlp({
    resource: { 'service.name': 'desk-service', 'deployment.environment.name': ENVIRONMENT },
    spans: [
      {
        traceId: '1af7651916cd43dd8448eb211c80319c',
        spanId: '00000000000000a1',
        attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': AGENT },
      },
    ],
  })
  const sent = await fetch(`${t.otlp}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  expect(sent.status).toBe(200)
}, SECONDS)

afterAll(async () => {
  guard?.close()
  await services?.stop()
  await t.app.stop()
  await pager.stop().catch(() => undefined)
  await new Promise((done) => site.close(done))
  rmSync(dir, { recursive: true, force: true })
})

interface Row {
  readonly agent: string
  readonly environment: string
  readonly score?: number
  readonly lowest: number
  readonly highest: number
  readonly checks: readonly ReadinessResult[]
}

async function ask(agent: string): Promise<Row> {
  const answer = await fetch(`${t.url}/api/v1/readiness/${encodeURIComponent(agent)}`)
  const { agents } = (await answer.json()) as { readonly agents: readonly Row[] }
  return agents[0]!
}
async function of(check: string, agent = AGENT): Promise<ReadinessResult> {
  return (await ask(agent)).checks.find((c) => c.check === check)!
}
/** Waits: what is known is told again for a few seconds. */
async function becomes(check: string, state: string, says: RegExp): Promise<void> {
  let last = ''
  const holds = async (): Promise<boolean> => {
    const found = await of(check)
    last = `${found.state}: ${found.text}`
    return found.state === state && says.test(found.text)
  }
  await until(holds, `${check} is ${state}`, 40).catch((error: unknown) => {
    throw new Error(`${String(error)}; it is ${last}`)
  })
}
const page = (more: object = {}): object => ({
  labels: {
    alertname: 'AgentQualityDrop',
    severity: 'critical',
    family: 'quality',
    agent: AGENT,
    environment: ENVIRONMENT,
    team: 'support',
    ...more,
  },
  annotations: { summary: 'a test' },
})
async function fire(...alerts: readonly object[]): Promise<void> {
  const answer = await fetch(`${alertmanager}/api/v2/alerts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(alerts),
  })
  expect(answer.status).toBe(200)
}
function run(...args: readonly string[]): Promise<{ readonly code: number | null; readonly out: string; readonly err: string }> {
  return new Promise((done) => {
    const child = spawn(process.execPath, [CLI, 'ready', ...args, '--url', t.url], { cwd: tmpdir(), stdio: ['ignore', 'pipe', 'pipe'] })
    let [out, err] = ['', '']
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
    child.once('close', (code) => done({ code, out, err }))
  })
}

describe('an agent that is prepared', () => {
  test('is found to be, once its run, an alert, two releases and a drill were seen', { timeout: SECONDS }, async () => {
    await until(async () => (await ask(AGENT))?.environment === ENVIRONMENT, 'the run is closed', 20)
    await fire(page())
    await until(async () => pager.sentTo('pager-support').length > 0, 'somebody is paged', 20)
    for (const version of ['v1', 'v2']) {
      const answer = await fetch(`${t.url}/api/v1/releases/${encodeURIComponent(AGENT)}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ version, prompts: { system: version }, actor: 'ana', activate: true }),
      })
      expect(answer.status).toBe(201)
    }
    const drill = { id: 'd1', drill: 'tool-failing', agent: AGENT, environment: ENVIRONMENT, misses: [], version: '1' }
    await recordDrill(createClient({ url: t.url }), { ...drill, startedMs: Date.now() - 5000, endedMs: Date.now(), outcome: 'passed' })
    await becomes('rules', 'ok', /AgentopzWatchdog is active/)
    await becomes(
      'routing',
      'ok',
      /goes to pager-support \(webhook\); \d+ notifications by webhook since Alertmanager started, none failed/,
    )
    await becomes('drill', 'ok', /passed/)
    const { score, checks } = await ask(AGENT)
    expect(checks.map((c) => `${c.check} ${c.state}`)).toEqual([
      'objectives ok',
      'baseline ok',
      'evaluations ok',
      'rules ok',
      'routing ok',
      'webhook ok',
      'runbook ok',
      'fallback ok',
      // No run of these releases was ever counted: there is one to go back to, and whether it is good is not known.
      'release weak',
      'guards ok',
      'drill ok',
    ])
    expect(score).toBe(95)
    expect((await of('baseline')).text).toMatch(/6000 runs in \d+ hours of the last week, 6000 rated runs among them/)
    expect((await of('evaluations')).text).toMatch(
      /at 200 rated runs in a usual hour a fall of 12 points would page within 2 hours.*verdicts from external/,
    )
  })

  test('beside one that is not', async () => {
    const { checks, score } = await ask('bare')
    expect(checks.filter((c) => c.state === 'failed').map((c) => c.check)).toEqual([
      'baseline',
      'evaluations',
      'fallback',
      'release',
      'drill',
    ])
    expect(score).toBeLessThan(60)
  })

  test('is in the metrics, and Prometheus has them', { timeout: SECONDS }, async () => {
    expect(await t.value('agentopz_readiness_score', { environment: ENVIRONMENT })).toBe(95)
    expect(await t.value('agentopz_readiness', { check: 'release', environment: ENVIRONMENT })).toBe(0.5)
    expect(await t.value('agentopz_webhook_received_timestamp_seconds')).toBeGreaterThan(NOW)
    const query = new URLSearchParams({ query: 'count(agentopz_readiness)' }).toString()
    await until(
      async () => {
        const answer = (await (await fetch(`${services!.prometheusUrl}/api/v1/query?${query}`)).json()) as { data: { result: unknown[] } }
        return answer.data.result.length === 1
      },
      'a scrape',
      20,
    )
  })

  test('the command: a table, all of one, JSON, and exit codes', { timeout: SECONDS }, async () => {
    const all = await run('--min-score', '0')
    expect([all.code, all.err]).toEqual([0, ''])
    expect(all.out).toMatch(/^desk "a"\s+prod\s+95\s+release\s*$/m)
    const one = await run(AGENT, '--min-score', '95')
    expect([one.code, one.err]).toEqual([0, ''])
    expect(one.out).toContain('desk "a" in prod: 95 of 100')
    expect(one.out).toMatch(/^release\s+10\s+in part\s+rolling back would go from v2 to v1/m)
    expect(one.out).toMatch(/^\s+→ see what is known of each/m)
    const under = await run(AGENT, '--min-score', '96')
    expect([under.code, under.err]).toEqual([1, 'agentopz: the readiness of desk "a" in prod is 95 and should be at least 96\n'])
    const json = await run(AGENT, '--json', '--min-score', '96')
    expect([json.code, JSON.parse(json.out)]).toMatchObject([
      1,
      { is_enough: false, min_score: 96, agents: [{ score: 95, is_enough: 'no' }] },
    ])
    expect(await run('desk')).toMatchObject({ code: 1, err: expect.stringContaining('did you mean desk "a"') as string })
    expect((await run('--min-score', 'high')).code).toBe(2)
  })
})

describe('one thing after the other', () => {
  test('a silence, and its end', { timeout: SECONDS }, async () => {
    const matchers = [{ name: 'agent', value: 'desk.*', isRegex: true, isEqual: true }]
    const body = {
      matchers,
      startsAt: new Date().toISOString(),
      endsAt: new Date(Date.now() + 600_000).toISOString(),
      createdBy: 'ana',
      comment: 'x',
    }
    const answer = await fetch(`${alertmanager}/api/v2/silences`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    const { silenceID } = (await answer.json()) as { silenceID: string }
    await becomes('routing', 'failed', /silenced until .* UTC by ana/)
    expect((await of('routing')).advice).toContain(silenceID)
    expect((await of('routing', 'bare')).state).not.toBe('failed')
    await fetch(`${alertmanager}/api/v2/silence/${silenceID}`, { method: 'DELETE' })
    await becomes('routing', 'ok', /none failed/)
  })

  test('the guard goes away', { timeout: SECONDS }, async () => {
    guard!.close()
    // Prometheus knows of it until its next scrape.
    await becomes('guards', 'failed', /its runs come from desk-service, and no guard of that is connected/)
  })

  test('the fallback goes away', { timeout: SECONDS }, async () => {
    site.closeAllConnections()
    await new Promise((done) => site.close(done))
    await becomes('fallback', 'failed', /does not answer: the connection was refused/)
    expect((await of('runbook')).state).toBe('failed')
  })

  test('the pager goes away', { timeout: SECONDS }, async () => {
    await pager.stop()
    await fire(page({ alertname: 'AgentRunErrors' }))
    await becomes('routing', 'weak', /\d+ of \d+ notifications by webhook failed/)
  })

  test('Prometheus and Alertmanager go away: that is unknown and not missing', { timeout: SECONDS }, async () => {
    await services!.stop()
    services = undefined
    await becomes('routing', 'unknown', /Alertmanager at http:\/\/127\.0\.0\.1:\d+ does not answer: the connection was refused/)
    const { checks, lowest, highest } = await ask(AGENT)
    expect(checks.filter((c) => c.state === 'unknown').map((c) => c.check)).toEqual(['baseline', 'evaluations', 'rules', 'routing'])
    // It came a moment ago: whatever is down now, the way works.
    expect(checks.find((c) => c.check === 'webhook')?.state).toBe('ok')
    expect(highest - lowest).toBe(50)
    const told = await run(AGENT, '--min-score', '50')
    expect([told.code, told.err]).toEqual([
      1,
      expect.stringContaining(
        `lies between ${lowest} and ${highest}, for not everything could be asked, and should be at least 50: it cannot be told`,
      ),
    ])
    expect(await t.value('agentopz_readiness', { check: 'routing' })).toBe(0)
    expect(await t.metrics()).not.toContain('check="routing"')
    expect(await t.value('agentopz_internal_errors_total')).toBe(0)
  })
})

describe('routes are walked as amtool walks them', () => {
  const config = alertmanagerYaml(
    alertmanagerConfig({
      teams: ['support', 'a"b', 'x|y', 'back\\slash'],
      urlOf: () => undefined,
      webhookUrl: 'http://127.0.0.1:1/api/v1/alerts',
    }),
  )
  const file = join(dir, 'routes.yml')
  const cases = ['critical', 'warning', 'info', 'none', 'sev-1'].flatMap((severity) =>
    ['support', 'a"b', 'x|y', 'back\\slash', 'other', ''].flatMap((team) =>
      [{}, { drill: 'true' }, { alertname: 'AgentopzWatchdog' }].map((more) => ({
        alertname: 'AgentQualityDrop',
        severity,
        team,
        ...more,
      })),
    ),
  )
  test('in every combination of severity, team and drill', { timeout: SECONDS }, () => {
    writeFileSync(file, config)
    const routes = readRoutes(config)
    for (const labels of cases) {
      const given = Object.entries(labels).flatMap(([k, v]) => (v === '' ? [] : [`${k}=${JSON.stringify(v)}`]))
      const { stdout } = spawnSync('amtool', ['config', 'routes', 'test', `--config.file=${file}`, ...given], { encoding: 'utf8' })
      expect(
        routes
          .destinations(labels)
          .map((d) => d.receiver)
          .join(','),
        given.join(' '),
      ).toBe(stdout.trim())
    }
  })
})
