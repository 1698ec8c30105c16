/** Incidents over HTTP without a port: the webhook's bodies and who may send it, lists, what people do, what is answered. */
import { describe, expect, test } from 'vitest'
import { type App, createApp } from '../../../app/app.ts'
import { parseConfig } from '../../../app/config.ts'
import { createLog } from '../../../app/log.ts'
import { sumOf } from '../../support/app.ts'

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly json: Record<string, unknown>
}
interface World {
  readonly app: App
  readonly ask: (method: string, path: string, body?: unknown, headers?: Record<string, string>, from?: string) => Promise<Answer>
  readonly value: (name: string, labels?: Record<string, string>) => Promise<number>
}
const LOOPBACK = '127.0.0.1'
const TOKENS =
  'auth: { tokens: [{ name: am, role: ingest, token: in }, { name: desk, role: read, token: re }, { name: ops, role: operate, token: op }] }'

async function world(yaml = '', storage = 'sqlite::memory:'): Promise<World> {
  const loaded = parseConfig(`storage: '${storage}'\nlog: { level: silent }\nprometheus: http://127.0.0.1:9\n${yaml}`, 'test.yaml', {})
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'))
  const app = createApp({ config: loaded.config, dir: loaded.dir, log: createLog(loaded.config.log) })
  await app.controls.start()
  await app.incidents.start()
  const { routes } = app
  return {
    app,
    value: async (name, labels) => sumOf((await app.metrics.expose(undefined, Date.now())).body, name, labels),
    ask: async (method, path, body, headers = {}, from = LOOPBACK) => {
      const init = {
        method,
        headers: { host: 'localhost:9464', ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      }
      const answer = await routes.request(`http://localhost:9464${path}`, init, { incoming: { socket: { remoteAddress: from } } })
      const text = await answer.text()
      const isJson = (answer.headers.get('content-type') ?? '').includes('json')
      return { status: answer.status, headers: answer.headers, text, json: isJson ? (JSON.parse(text) as Record<string, unknown>) : {} }
    },
  }
}

/** An alert as Alertmanager 0.25 sends it. */
const alert = (more: object = {}, labels: object = {}): Record<string, unknown> => ({
  status: 'firing',
  labels: {
    alertname: 'AgentQualityDrop',
    severity: 'critical',
    agent: 'support',
    environment: 'prod',
    team: 'blue',
    sli: 'quality',
    ...labels,
  },
  annotations: {
    summary: 'support: 33 % of runs fail',
    description: 'longer',
    runbook_url: 'http://localhost:9464/runbooks/AgentQualityDrop',
  },
  startsAt: new Date(Date.now() - 120_000).toISOString(),
  endsAt: '0001-01-01T00:00:00Z',
  generatorURL: 'http://prometheus:9090/graph?g0.expr=x',
  fingerprint: 'a1b2c3d4e5f60718',
  ...more,
})
const webhook = (alerts: readonly unknown[] = [alert()], more: object = {}): object => ({
  receiver: 'agentopz',
  status: 'firing',
  alerts,
  groupLabels: { agent: 'support', environment: 'prod' },
  commonLabels: { agent: 'support' },
  commonAnnotations: {},
  externalURL: 'http://alertmanager:9093',
  version: '4',
  groupKey: '{}/{severity!~"none|info"}:{agent="support", environment="prod"}',
  truncatedAlerts: 0,
  ...more,
})
const HOOK = '/api/v1/alerts'

describe('the webhook', () => {
  test('makes an incident that is listed and told', async () => {
    const { ask, value } = await world()
    const taken = await ask('POST', HOOK, webhook())
    const [id] = taken.json['incidents'] as string[]
    expect([taken.status, taken.json]).toEqual([200, { incidents: [expect.stringMatching(/^inc_[0-9a-f]{10}$/)], ignored: [] }])
    const { json: list } = await ask('GET', '/api/v1/incidents')
    expect(list).toMatchObject({
      total: 1,
      incidents: [
        {
          id,
          state: 'open',
          severity: 'critical',
          agent: 'support',
          environment: 'prod',
          team: 'blue',
          title: 'support in prod: fewer runs pass than normal',
          alerts: ['AgentQualityDrop'],
          firing: 1,
          drill: false,
        },
      ],
    })
    const { json: one } = await ask('GET', `/api/v1/incidents/${id}`)
    expect(one).toMatchObject({
      id,
      alerts: [{ name: 'AgentQualityDrop', family: 'quality', fingerprint: 'a1b2c3d4e5f60718', summary: 'support: 33 % of runs fail' }],
      timeline: [{ kind: 'alert_fired' }],
      actions: [],
    })
    expect(JSON.stringify(one)).not.toContain('Ms"')
    expect(await value('agentopz_incidents', { agent: 'support', state: 'open', severity: 'critical' })).toBe(1)
    expect(await value('agentopz_incidents_opened_total', { agent: 'support' })).toBe(1)
    expect([
      await value('agentopz_webhook_requests_total', { outcome: 'taken' }),
      await value('agentopz_webhook_alerts_total', { outcome: 'taken' }),
    ]).toEqual([1, 1])
  })
  test('the same again changes nothing, and is counted', async () => {
    const { ask, value } = await world()
    const body = webhook([alert(), alert({ fingerprint: 'ff' }, { alertname: 'AgentLooping' })])
    const first = await ask('POST', HOOK, body)
    const before = (await ask('GET', '/api/v1/incidents')).text
    for (let n = 0; n < 3; n++) expect((await ask('POST', HOOK, body)).json).toEqual(first.json)
    expect((await ask('GET', '/api/v1/incidents')).text).toBe(before)
    expect(await value('agentopz_webhook_alerts_total', { outcome: 'repeated' })).toBe(6)
    expect(await value('agentopz_incidents_opened_total')).toBe(1)
  })
  test('what is about no agent, or urgent for nobody, makes no incident, and the answer says why', async () => {
    const { ask, value } = await world()
    const body = webhook([alert({ fingerprint: '01' }, { agent: '' }), alert({ fingerprint: '02' }, { severity: 'none' })])
    const { status, json } = await ask('POST', HOOK, body)
    expect([status, json]).toEqual([
      200,
      {
        incidents: [],
        ignored: [
          { alert: 'AgentQualityDrop', fingerprint: '01', because: 'no_agent' },
          { alert: 'AgentQualityDrop', fingerprint: '02', because: 'not_urgent' },
        ],
      },
    ])
    expect((await ask('GET', '/api/v1/incidents')).json).toEqual({ incidents: [], total: 0 })
    expect(await value('agentopz_webhook_alerts_total', { outcome: 'no_agent' })).toBe(1)
  })
  test('alerts that Alertmanager left out are noted, once', async () => {
    const { ask, value } = await world()
    for (let n = 0; n < 2; n++) await ask('POST', HOOK, webhook([alert()], { truncatedAlerts: 7 }))
    const { incidents } = (await ask('GET', '/api/v1/incidents')).json as { incidents: { id: string }[] }
    const { timeline } = (await ask('GET', `/api/v1/incidents/${incidents[0]?.id}`)).json as { timeline: { kind: string; text: string }[] }
    expect(timeline.filter((e) => e.kind === 'note').map((e) => e.text)).toEqual([
      'Alertmanager left 7 alerts out of what it told (max_alerts of its receiver); this record does not have them',
    ])
    expect(await value('agentopz_webhook_alerts_total', { outcome: 'truncated' })).toBe(14)
  })
  test('fields we do not know are no mistake; long and dirty words are cut and cleaned', async () => {
    const { ask } = await world()
    const odd = alert({ newField: { a: 1 }, annotations: { summary: `one\n\u0007two ${'x'.repeat(5000)}` } }, { long: 'y'.repeat(5000) })
    expect((await ask('POST', HOOK, webhook([odd], { notificationReason: 'first' }))).status).toBe(200)
    const { incidents } = (await ask('GET', '/api/v1/incidents')).json as { incidents: { id: string }[] }
    const { alerts } = (await ask('GET', `/api/v1/incidents/${incidents[0]?.id}`)).json as {
      alerts: { summary: string; labels: Record<string, string> }[]
    }
    expect(alerts[0]?.summary).toMatch(/^one two x{991}…$/)
    expect(alerts[0]?.labels['long']).toHaveLength(512)
  })
})

describe('a webhook that is refused changes nothing', () => {
  const REFUSED: readonly (readonly [name: string, body: unknown, says: string])[] = [
    ['no JSON', '{"version": "4", ', 'the body: is no JSON'],
    ['not an object', [], 'expected object'],
    ['another version', webhook([alert()], { version: '3' }), 'version: "3" is no version we read; write "4"'],
    ['no version', webhook([alert()], { version: undefined }), 'version: nothing is no version we read'],
    ['no alerts', webhook([]), 'alerts: there are no alerts in it'],
    ['no list of alerts', webhook([], { alerts: 'x' }), 'alerts: Invalid input: expected array'],
    ['an alert without a name', webhook([alert({}, { alertname: '' })]), 'alerts.0.labels: there is no alertname'],
    ['a label that is no text', webhook([alert({}, { agent: 5 })]), 'alerts.0.labels.agent'],
    ['a status that is none', webhook([alert({ status: 'maybe' })]), 'alerts.0.status'],
    ['no start', webhook([alert({ startsAt: '0001-01-01T00:00:00Z' })]), 'alerts.0.startsAt: the alert has no start'],
    ['a start that is no time', webhook([alert({ startsAt: 'yesterday' })]), 'alerts.0.startsAt: write a time such as'],
    [
      'a start that is to come',
      webhook([alert(), alert({ startsAt: '9999-12-31T23:59:59Z' })]),
      'alerts.1.startsAt: is more than a day ahead',
    ],
    ['no fingerprint', webhook([alert({ fingerprint: '../x' })]), 'alerts.0.fingerprint: write hex digits'],
    [
      'too many labels',
      webhook([alert({}, Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`l${i}`, 'x'])))]),
      'at most 64 labels',
    ],
    ['one of several that is wrong', webhook([alert(), alert({ status: 'x' })]), 'alerts.1.status'],
  ]
  for (const [name, body, says] of REFUSED)
    test(name, async () => {
      const { ask, value } = await world()
      const { status, json } = await ask('POST', HOOK, body)
      expect([status, json['title'], json['detail']]).toEqual([400, 'webhook refused', expect.stringContaining(says)])
      expect((await ask('GET', '/api/v1/incidents')).json['total']).toBe(0)
      expect(await value('agentopz_webhook_requests_total', { outcome: 'malformed' })).toBe(1)
    })
  test('another content type: a web page cannot send JSON elsewhere without being asked first', async () => {
    const { ask } = await world()
    expect((await ask('POST', HOOK, webhook(), { 'content-type': 'text/plain' })).status).toBe(400)
  })
  test('too large', async () => {
    const { ask, value } = await world('incidents: { max_webhook_bytes: 1000 }')
    expect((await ask('POST', HOOK, webhook([alert({ annotations: { summary: 'x'.repeat(2000) } })]))).status).toBe(413)
    expect(await value('agentopz_webhook_requests_total', { outcome: 'too_large' })).toBe(1)
  })
  test('another method', async () => {
    const { ask } = await world()
    expect([(await ask('GET', HOOK)).status, (await ask('GET', HOOK)).headers.get('allow')]).toEqual([405, 'POST'])
  })
})

describe('who may', () => {
  const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })
  test('with tokens: ingest and operate tell alerts, from anywhere; read and nobody do not', async () => {
    const { ask, value } = await world(TOKENS)
    const status = async (headers: Record<string, string>): Promise<number> =>
      (await ask('POST', HOOK, webhook(), headers, '10.1.2.3')).status
    expect([
      await status(bearer('in')),
      await status(bearer('op')),
      await status(bearer('re')),
      await status(bearer('no')),
      await status({}),
    ]).toEqual([200, 200, 403, 401, 401])
    expect(await value('agentopz_webhook_requests_total', { outcome: 'unauthorized' })).toBe(3)
    expect(await value('agentopz_incidents_opened_total')).toBe(1)
  })
  test('without tokens: this machine only', async () => {
    const { ask, value } = await world()
    const far = await ask('POST', HOOK, webhook(), {}, '10.1.2.3')
    expect([far.status, far.json['detail']]).toEqual([403, expect.stringContaining('http_config.authorization')])
    expect((await ask('POST', HOOK, webhook(), { origin: 'http://evil.example' })).status).toBe(403)
    expect([
      await value('agentopz_webhook_requests_total', { outcome: 'forbidden' }),
      await value('agentopz_incidents_opened_total'),
    ]).toEqual([2, 0])
  })
  test('reading takes read or operate, changing takes operate', async () => {
    const { ask } = await world(TOKENS)
    const { json } = await ask('POST', HOOK, webhook(), bearer('in'))
    const path = `/api/v1/incidents/${(json['incidents'] as string[])[0]}`
    const reads = async (token: string): Promise<number[]> => [
      (await ask('GET', '/api/v1/incidents', undefined, bearer(token))).status,
      (await ask('GET', path, undefined, bearer(token))).status,
      (await ask('GET', `${path}/review`, undefined, bearer(token))).status,
    ]
    expect([await reads('in'), await reads('re'), await reads('op')]).toEqual([
      [403, 403, 403],
      [200, 200, 200],
      [200, 200, 200],
    ])
    for (const what of ['acknowledge', 'note', 'resolve']) {
      const body = { actor: 'ana', ...(what === 'acknowledge' ? {} : { text: 'x' }) }
      expect([
        (await ask('POST', `${path}/${what}`, body, bearer('re'))).status,
        (await ask('POST', `${path}/${what}`, body, bearer('op'))).status,
      ]).toEqual([403, 200])
    }
  })
})

describe('lists', () => {
  const make = async (): Promise<World> => {
    const w = await world()
    const agents = ['support', 'shop', 'shop-2']
    for (const [n, agent] of agents.entries()) await w.ask('POST', HOOK, webhook([alert({ fingerprint: `0${n}` }, { agent })]))
    return w
  }
  const agentsOf = ({ json }: Answer): unknown => (json['incidents'] as { agent: string }[]).map((i) => i.agent)
  test('newest first, by state, agent and time', async () => {
    const { ask } = await make()
    const { incidents } = (await ask('GET', '/api/v1/incidents')).json as { incidents: { id: string }[] }
    await ask('POST', `/api/v1/incidents/${incidents[0]?.id}/resolve`, { actor: 'ana', text: 'a test' })
    const list = async (query: string): Promise<unknown> => agentsOf(await ask('GET', `/api/v1/incidents?${query}`))
    expect(await list('')).toEqual(['shop-2', 'shop', 'support'])
    expect(await list('state=open')).toEqual(['shop', 'support'])
    expect(await list('state=resolved,acknowledged')).toEqual(['shop-2'])
    expect(await list('agent=shop')).toEqual(['shop'])
    expect(await list('since=1h')).toHaveLength(3)
    expect(await list(`since=${new Date(Date.now() + 60_000).toISOString()}`)).toEqual([])
    expect((await ask('GET', '/api/v1/incidents?limit=1')).json).toMatchObject({ total: 3, incidents: [{ agent: 'shop-2' }] })
  })
  for (const query of ['state=closed', 'since=yesterday', 'limit=0', 'limit=x', 'agnet=x'])
    test(`refused: ${query}`, async () => expect((await (await make()).ask('GET', `/api/v1/incidents?${query}`)).status).toBe(400))
})

describe('what people do', () => {
  const one = async (): Promise<World & { readonly path: string; readonly id: string }> => {
    const w = await world()
    const { json } = await w.ask('POST', HOOK, webhook())
    const id = (json['incidents'] as string[])[0] ?? ''
    return { ...w, id, path: `/api/v1/incidents/${id}` }
  }
  test('acknowledge, once; the second hears who was first', async () => {
    const { ask, path, value } = await one()
    expect((await ask('POST', `${path}/acknowledge`, { actor: 'ana@desk' })).json).toMatchObject({
      state: 'acknowledged',
      acknowledged_by: 'ana@desk',
    })
    expect((await ask('POST', `${path}/acknowledge`, { actor: 'bo' })).json).toMatchObject({
      status: 409,
      because: 'already_acknowledged',
      detail: expect.stringContaining('ana@desk') as string,
    })
    expect(await value('agentopz_incidents', { state: 'acknowledged' })).toBe(1)
    expect(await value('agentopz_incident_time_to_acknowledge_seconds_count', { agent: 'support' })).toBe(1)
  })
  test('notes and reports, when they happened', async () => {
    const { ask, path } = await one()
    const at = new Date(Date.now() - 600_000).toISOString()
    const { json } = await ask('POST', `${path}/note`, { actor: 'ana', text: 'a user wrote', at, reported: true })
    expect((json['timeline'] as unknown[])[0]).toEqual({ at, kind: 'reported', text: 'a user wrote', actor: 'ana' })
    expect((await ask('POST', `${path}/note`, { actor: 'ana', text: 'x', at: '2999-01-01T00:00:00Z' })).json).toMatchObject({
      status: 400,
      because: 'still_to_come',
    })
  })
  test('resolve, and the times it took', async () => {
    const { ask, path, value } = await one()
    expect((await ask('POST', `${path}/resolve`, { actor: 'ana', text: 'a test of ours' })).json).toMatchObject({ state: 'resolved' })
    expect((await ask('POST', `${path}/resolve`, { actor: 'ana', text: 'again' })).status).toBe(409)
    expect([await value('agentopz_incidents'), await value('agentopz_incident_time_to_resolve_seconds_count')]).toEqual([0, 1])
  })
  test('the review, as Markdown', async () => {
    const { ask, path, id } = await one()
    const { headers, text } = await ask('GET', `${path}/review`)
    expect([headers.get('content-type'), text]).toEqual(['text/markdown; charset=utf-8', expect.stringContaining(`| incident | ${id} |`)])
  })
  test('an id that is not there: 404 with the nearest, whatever is asked', async () => {
    const { ask, id } = await one()
    const near = `${id.slice(0, -1)}z`
    for (const [method, path, body] of [
      ['GET', '', undefined],
      ['GET', '/review', undefined],
      ['POST', '/acknowledge', { actor: 'a' }],
      ['POST', '/note', { actor: 'a', text: 'x' }],
      ['POST', '/resolve', { actor: 'a', text: 'x' }],
    ] as const)
      expect((await ask(method, `/api/v1/incidents/${near}${path}`, body)).json).toMatchObject({
        status: 404,
        detail: expect.stringContaining(`did you mean ${id}?`) as string,
      })
  })
  test('bodies are strict', async () => {
    const { ask, path } = await one()
    for (const body of [{}, { actor: '' }, { actor: 'a', x: 1 }, { actor: 'a\nb' }])
      expect((await ask('POST', `${path}/acknowledge`, body)).status).toBe(400)
    for (const body of [{ actor: 'a' }, { actor: 'a', text: '' }, { actor: 'a', text: 'x', at: 'noon' }])
      expect((await ask('POST', `${path}/note`, body)).status).toBe(400)
    expect((await ask('POST', `${path}/note`, 'actor=a', { 'content-type': 'application/x-www-form-urlencoded' })).status).toBe(415)
  })
})

test('drills are incidents that count nowhere', async () => {
  const { ask, value } = await world()
  await ask('POST', HOOK, webhook([alert({}, { drill: 'true' })]))
  expect((await ask('GET', '/api/v1/incidents')).json).toMatchObject({ total: 1, incidents: [{ drill: true }] })
  expect([await value('agentopz_incidents'), await value('agentopz_incidents_opened_total')]).toEqual([0, 0])
})

test('a storage that cannot be used: 503, so that Alertmanager sends it again', async () => {
  const { ask, value } = await world('', 'sqlite:/nowhere/at/all/a.db')
  const sent = await ask('POST', HOOK, webhook())
  expect([sent.status, sent.json['because']]).toEqual([503, 'not_stored'])
  expect((await ask('GET', '/api/v1/incidents')).json).toEqual({ incidents: [], total: 0 })
  expect(await value('agentopz_webhook_requests_total', { outcome: 'not_stored' })).toBe(1)
})
