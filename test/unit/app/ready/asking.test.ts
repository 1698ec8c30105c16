/** What is asked over the network, against servers that are down, slow, refuse, or are something else; and that each is asked once. */
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { parseConfig } from '../../../../app/config.ts'
import { askAlertmanager, notificationsIn } from '../../../../app/ready/alertmanager.ts'
import { Unanswered, type World } from '../../../../app/ready/check.ts'
import { reach } from '../../../../app/ready/reach.ts'
import { createWorld } from '../../../../app/ready/world.ts'
import { NOW, ROUTES } from './support.ts'

const cleanup: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const c of cleanup.splice(0)) await c()
})
async function server(answer: RequestListener): Promise<{ readonly url: string; readonly host: string }> {
  const s = createServer(answer)
  await new Promise<void>((done) => s.listen(0, '127.0.0.1', done))
  cleanup.push(async () => {
    s.closeAllConnections()
    await new Promise((done) => s.close(done))
  })
  const host = `127.0.0.1:${(s.address() as AddressInfo).port}`
  return { url: `http://${host}`, host }
}

const SILENCE = {
  id: 's1',
  createdBy: 'ana',
  endsAt: '2026-12-01T09:00:00Z',
  status: { state: 'active' },
  matchers: [
    { name: 'agent', value: 'sup.*', isRegex: true, isEqual: true },
    { name: 'severity', value: 'none', isRegex: false, isEqual: false },
  ],
}
const WATCHDOG = {
  labels: { alertname: 'AgentopzWatchdog', severity: 'none', family: 'watcher', cause: 'telemetry', cluster: 'eu' },
  annotations: { runbook_url: 'http://x/runbooks/AgentopzWatchdog' },
}
/** Alertmanager's answers; `over` replaces some by path. */
const answers =
  (over: Readonly<Record<string, unknown>> = {}): RequestListener =>
  (request, response) => {
    const path = (request.url ?? '').split('?', 1)[0] ?? ''
    const usual: Readonly<Record<string, unknown>> = {
      '/api/v2/status': { config: { original: ROUTES } },
      '/api/v2/alerts': [WATCHDOG],
      '/api/v2/silences': [SILENCE, { ...SILENCE, id: 's2', status: { state: 'expired' } }],
      '/metrics': 'alertmanager_notifications_total{integration="pagerduty"} 3\n',
    }
    const body = path in over ? over[path] : usual[path]
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  }

describe('Alertmanager', () => {
  test('is asked for routes, silences, the watchdog and what became of its notifications', async () => {
    const { url } = await server(answers())
    const view = await askAlertmanager(url, 2000)
    expect(view.routes.destinations({ agent: 'a', severity: 'critical' }).map((d) => d.receiver)).toEqual(['agentopz', 'pager'])
    expect(view.silences.map((s) => [s.id, s.matches({ agent: 'support', severity: 'critical' }), s.matches({ agent: 'shop' })])).toEqual([
      ['s1', true, false],
    ])
    expect(view).toMatchObject({
      url,
      externalLabels: { cluster: 'eu' },
      watchdogs: [{ runbookUrl: 'http://x/runbooks/AgentopzWatchdog' }],
    })
    expect([...view.notified]).toEqual([['pagerduty', { tried: 3, failed: 0 }]])
  })
  test('with credentials in its URL is asked with them, and they are in no message', async () => {
    const asked: (string | undefined)[] = []
    const { host } = await server((request, response) => {
      asked.push(request.headers.authorization)
      response.writeHead(401).end()
    })
    const failure = await askAlertmanager(`http://ana:p%40ss@${host}/am/`, 2000).catch((error: unknown) => error as Unanswered)
    expect(asked[0]).toBe(`Basic ${Buffer.from('ana:p@ss').toString('base64')}`)
    expect(failure).toMatchObject({ name: 'Unanswered', message: `Alertmanager at http://${host}/am answers 401 to /api/v2/status` })
    expect(JSON.stringify([failure, (failure as Unanswered).advice])).not.toMatch(/p@ss|p%40ss/)
  })
  test.each([
    ['an error', (_, r) => r.writeHead(500).end('oops'), /answers 500 to \/api\/v2\/\w+/, /is that URL Alertmanager/],
    ['a login page', (_, r) => r.end('<html>'), /with what is not Alertmanager's/, /login page/],
    ['JSON of something else', (_, r) => r.end('{"status":"success"}'), /with what is not Alertmanager's/, /is that URL/],
    ['nothing', () => undefined, /does not answer: nothing within 0\.2 s/, /start it/],
    [
      'half an answer',
      (_, r) => void r.writeHead(200, { 'content-length': '50' }).write('{', () => r.destroy()),
      /does not answer/,
      /start it/,
    ],
    [
      'routes of another form',
      answers({ '/api/v2/status': { config: { original: 'route: { receiver: a, routes: [{ matchers: ["x ? 1"] }] }\nreceivers: []' } } }),
      /cannot be read: a matcher/,
      /amtool config routes/,
    ],
    ['no YAML', answers({ '/api/v2/status': { config: { original: '[' } } }), /cannot be read/, /amtool config routes/],
  ] satisfies readonly (readonly [string, RequestListener, RegExp, RegExp])[])(
    'that answers with %s is unknown',
    async (_, answer, says, advises) => {
      const { url } = await server(answer)
      const failure = await askAlertmanager(url, 200).catch((error: unknown) => error)
      expect(failure).toBeInstanceOf(Unanswered)
      expect([(failure as Unanswered).message, (failure as Unanswered).advice]).toEqual([
        expect.stringMatching(says),
        expect.stringMatching(advises),
      ])
    },
  )
  test('a silence that cannot be read here silences nothing', async () => {
    const odd = { ...SILENCE, matchers: [{ name: 'agent', value: '(', isRegex: true }] }
    const { url } = await server(answers({ '/api/v2/silences': [odd] }))
    expect((await askAlertmanager(url, 2000)).silences.map((s) => s.matches({ agent: '(' }))).toEqual([false])
  })
})

test('notifications of all versions: failures by reason, both by receiver', () => {
  const text = [
    '# HELP alertmanager_notifications_total x',
    'alertmanager_notifications_total{integration="webhook",receiver_name="a"} 5',
    'alertmanager_notifications_total{integration="webhook",receiver_name="b"} 2',
    'alertmanager_notifications_failed_total{integration="webhook",reason="clientError",receiver_name="a"} 1',
    'alertmanager_notifications_failed_total{integration="webhook",reason="serverError"} 3',
    'alertmanager_notifications_total{integration="email"} 1e+06',
    'alertmanager_notifications_suppressed_total{reason="silence"} 9',
  ].join('\n')
  expect([...notificationsIn(text)]).toEqual([
    ['webhook', { tried: 7, failed: 4 }],
    ['email', { tried: 1_000_000, failed: 0 }],
  ])
})

describe('a URL', () => {
  test.each([
    [200, true],
    [204, true],
    [302, true],
    [401, true],
    [403, true],
    [404, false],
    [410, false],
    [503, false],
  ])('that answers %i: %s', async (status, isReached) => {
    const { url } = await server((_, response) => response.writeHead(status).end())
    expect(await reach(url, 2000)).toEqual({ isReached, text: `answers ${status}` })
  })
  test.each([404, 405, 501])('whose server answers %i to HEAD is asked with GET', async (status) => {
    const methods: (string | undefined)[] = []
    const { url } = await server((request, response) => {
      methods.push(request.method)
      response.writeHead(request.method === 'GET' ? 200 : status).end('page')
    })
    expect(await reach(url, 2000)).toEqual({ isReached: true, text: 'answers 200' })
    expect(methods).toEqual(['HEAD', 'GET'])
  })
  test('with credentials in it is asked with them', async () => {
    const asked: (string | undefined)[] = []
    const { host } = await server((request, response) => {
      asked.push(request.headers.authorization)
      response.end()
    })
    expect((await reach(`http://ana:p%40ss%zz@${host}/help`, 2000)).isReached).toBe(true)
    expect((await reach(`http://ana:p%40ss@${host}/help`, 2000)).isReached).toBe(true)
    expect(asked).toEqual(['ana:p%40ss%zz', 'ana:p@ss'].map((login) => `Basic ${Buffer.from(login).toString('base64')}`))
  })
  test('that is none', async () =>
    expect(await reach('https://', 2000)).toEqual({ isReached: false, text: 'does not answer: ERR_INVALID_URL' }))
  test('that takes too long, refuses, or is no host', async () => {
    const { url } = await server(() => undefined)
    expect(await reach(url, 100)).toEqual({ isReached: false, text: 'does not answer: nothing within 0.1 s' })
    const gone = await server(() => undefined)
    await cleanup.pop()?.()
    expect(await reach(gone.url, 2000)).toEqual({ isReached: false, text: 'does not answer: the connection was refused' })
    expect((await reach('http://no-such-host.invalid/', 5000)).isReached).toBe(false)
  })
})

describe('a round', () => {
  async function round(answer: RequestListener): Promise<World> {
    const { url } = await server(answer)
    const loaded = parseConfig(`prometheus: ${url}\nalertmanager: ${url}\nreadiness: { timeout: 2 }\n`, 'test.yaml', {})
    if (!loaded.ok) throw new Error(loaded.problems.join('\n'))
    const inside = {
      releases: () => undefined,
      guards: () => new Map<string, number>(),
      services: () => [],
      drills: () => Promise.resolve([]),
    }
    const rollback = (): Promise<never> => Promise.reject(new Error('not asked here'))
    return createWorld({ ...inside, rollback, config: loaded.config, startedMs: 0, webhookMs: undefined, pollMs: undefined }, NOW)
  }
  const vector = (...rows: readonly (readonly [agent: string, environment: string, value: number])[]): string =>
    JSON.stringify({
      status: 'success',
      data: {
        resultType: 'vector',
        result: rows.map(([agent, environment, v]) => ({ metric: { agent, environment }, value: [1, String(v)] })),
      },
    })

  test('asks once for all agents, and gives each its own', async () => {
    let asked = 0
    const world = await round((_, response) => {
      asked++
      response.end(vector(['a', '', 1], ['a', 'prod', 2], ['b', '', 3]))
    })
    const of = (agent: string, environment: string): Promise<readonly number[]> =>
      world.instant('up', { agent, environment }).then((rows) => rows.map((r) => r.value))
    expect(await Promise.all([of('a', ''), of('a', 'prod'), of('b', ''), of('c', '')])).toEqual([[1], [2], [3], []])
    expect(asked).toBe(1)
    await world.instant('down', { agent: 'a', environment: '' })
    expect(asked).toBe(2)
  })
  test('asks once also when there is no answer, and everybody is told', async () => {
    let asked = 0
    const world = await round((_, response) => {
      asked++
      response.writeHead(503).end()
    })
    for (const agent of ['a', 'b'])
      await expect(world.instant('up', { agent, environment: '' })).rejects.toMatchObject({
        name: 'Unanswered',
        message: expect.stringContaining('503') as string,
      })
    expect(asked).toBe(1)
    await expect(world.hourly('up', 24, { agent: 'a', environment: '' })).rejects.toBeInstanceOf(Unanswered)
    await expect(world.alertmanager()).rejects.toBeInstanceOf(Unanswered)
  })
  test('takes a warning of Prometheus for no answer: part of the data may be missing', async () => {
    const world = await round((_, response) =>
      response.end(JSON.stringify({ ...(JSON.parse(vector(['a', '', 1])) as object), warnings: ['a store is down'] })),
    )
    await expect(world.instant('up', { agent: 'a', environment: '' })).rejects.toMatchObject({
      name: 'Unanswered',
      message: expect.stringContaining('a store is down') as string,
    })
  })
})
