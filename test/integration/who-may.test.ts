/**
 * Every door of the product, and who gets in: each route that there is has a row here, and is asked without a token, with one nobody knows, and
 * with one of each role, over real sockets. A route without a row fails.
 */
import { connect, type IncomingHttpHeaders } from 'node:http2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestApp, startTestApp, until } from '../support/app.ts'

type Who = 'ingest' | 'read' | 'operate'
/** Who may: anybody, or whose token has one of the roles. Operators may read. */
type May = 'anybody' | readonly Who[]
const READ: May = ['read', 'operate']
const OPERATE: May = ['operate']
const FLAGS: May = ['ingest', 'read', 'operate']

/** By method and path as it is registered. */
const DOORS: Readonly<Record<string, May>> = {
  'GET /metrics': READ,
  'GET /-/healthy': 'anybody',
  'GET /-/ready': 'anybody',
  'POST /-/reload': OPERATE,
  'PUT /-/reload': OPERATE,
  'POST /api/v1/feedback': ['ingest'],
  'GET /api/v1/controls': READ,
  'POST /api/v1/controls': OPERATE,
  'GET /api/v1/controls/:id': READ,
  'GET /api/v1/controls/:id/fallback': READ,
  'DELETE /api/v1/controls/:id': OPERATE,
  'GET /api/v1/releases/:agent': READ,
  'GET /api/v1/releases/:agent/:version': READ,
  'POST /api/v1/releases/:agent': OPERATE,
  'POST /api/v1/releases/:agent/rollback': OPERATE,
  'POST /api/v1/releases/:agent/:version/activate': OPERATE,
  'GET /api/v1/control/flags': FLAGS,
  'GET /api/v1/control/stream': FLAGS,
  'POST /ofrep/v1/evaluate/flags': FLAGS,
  'POST /ofrep/v1/evaluate/flags/:key{.+}': FLAGS,
  'POST /api/v1/alerts': ['ingest', 'operate'],
  'GET /api/v1/incidents': READ,
  'GET /api/v1/incidents/:id': READ,
  'GET /api/v1/incidents/:id/review': READ,
  'POST /api/v1/incidents/:id/acknowledge': OPERATE,
  'POST /api/v1/incidents/:id/note': OPERATE,
  'POST /api/v1/incidents/:id/resolve': OPERATE,
  'POST /api/v1/incidents/:id/actions': OPERATE,
  'DELETE /api/v1/incidents/:id/actions/:action': OPERATE,
  'GET /api/v1/readiness': READ,
  'GET /api/v1/readiness/:agent{.+}': READ,
  'GET /api/v1/drills': READ,
  'POST /api/v1/drills': OPERATE,
  'GET /runbooks': 'anybody',
  'GET /runbooks/:alert': 'anybody',
  'GET /': 'anybody',
}
const TOKENS = { ingest: 'token-of-ingest', read: 'token-of-read', operate: 'token-of-operate' } as const
const SHOWN = { nobody: undefined, unknown: 'never-issued', ...TOKENS } as const

let w: TestApp
beforeAll(async () => {
  const tokens = Object.entries(TOKENS).map(([role, token]) => `{ name: the-${role}, role: ${role}, token: ${token} }`)
  w = await startTestApp(
    `prometheus: http://127.0.0.1:9\nalertmanager: http://127.0.0.1:9\nauth: { protect_metrics: true, refused_per_minute: 1000, tokens: [${tokens.join(', ')}] }\nagents: { support: {} }`,
  )
})
afterAll(() => w.app.stop())

/** What is answered, without waiting for the end of streams. */
async function status(base: string, door: string, token: string | undefined): Promise<number> {
  const [method = '', path = ''] = door.split(' ')
  const filled = path.replaceAll(/:\w+(\{[^}]*\})?/g, 'x')
  const cut = new AbortController()
  const answer = await fetch(`${base}${filled}`, {
    method,
    headers: { 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    ...(method === 'GET' ? {} : { body: '{}' }),
    signal: cut.signal,
  })
  cut.abort()
  return answer.status
}
const registered = (): readonly string[] => [...new Set(w.app.routes.routes.map((r) => `${r.method} ${r.path}`))]

describe('HTTP on listen', () => {
  test('every route has a row, and every row a route', () => expect(registered().toSorted()).toEqual(Object.keys(DOORS).toSorted()))
  for (const [door, may] of Object.entries(DOORS))
    test(`${door}: ${may === 'anybody' ? may : may.join(', ')}`, async () => {
      const got: Record<string, string> = {}
      const expected: Record<string, string> = {}
      for (const [who, token] of Object.entries(SHOWN)) {
        const answer = await status(w.url, door, token)
        got[who] = answer === 401 || answer === 403 ? String(answer) : 'in'
        const isIn = may === 'anybody' || may.some((role) => role === who)
        expected[who] = isIn ? 'in' : token === undefined || who === 'unknown' ? '401' : '403'
      }
      expect(got).toEqual(expected)
    })
  test('a path that is not there gives nothing away', async () => expect(await status(w.url, 'GET /api/v1/secrets', undefined)).toBe(404))
  test('a token in the query, or another scheme, is none', async () => {
    const at = `${w.url}/api/v1/controls`
    const basic = { authorization: `Basic ${Buffer.from(`x:${TOKENS.operate}`).toString('base64')}` }
    expect([(await fetch(`${at}?token=${TOKENS.operate}`)).status, (await fetch(at, { headers: basic })).status]).toEqual([401, 401])
  })
})

describe('OTLP', () => {
  for (const signal of ['traces', 'logs', 'metrics'])
    test(`/v1/${signal}: ingest`, async () => {
      const got = await Promise.all(Object.values(SHOWN).map((token) => status(w.otlp, `POST /v1/${signal}`, token)))
      expect(got).toEqual([401, 401, 200, 401, 401])
    })
  for (const service of ['trace.v1.TraceService', 'logs.v1.LogsService', 'metrics.v1.MetricsService'])
    test(`gRPC ${service}: ingest`, async () => {
      const path = `/opentelemetry.proto.collector.${service}/Export`
      const got = await Promise.all(Object.values(SHOWN).map((token) => grpc(path, token)))
      expect(got).toEqual(['16', '16', '0', '16', '16'])
    })
})

function grpc(path: string, token: string | undefined): Promise<string> {
  const session = connect(`http://${w.grpc}`)
  return new Promise((done, fail) => {
    session.on('error', fail)
    const call = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    })
    let found: string | string[] | undefined
    call.on('response', (headers) => (found = headers['grpc-status'] as string | undefined))
    call.on('trailers', (headers: IncomingHttpHeaders) => (found ??= headers['grpc-status']))
    call.on('error', fail)
    call.on('close', () => {
      session.close()
      done(String(found))
    })
    call.resume()
    call.end(Buffer.alloc(5))
  })
}

describe('refused attempts', () => {
  test('are told: what was asked, by which token, from where, and never the token itself', async () => {
    await status(w.url, 'DELETE /api/v1/controls/ctl_1', TOKENS.read)
    await until(async () => JSON.stringify(await refused()).includes('ctl_1'), 'the attempt is recorded')
    expect((await refused()).find((r) => String(r['endpoint']).endsWith('ctl_1'))).toMatchObject({
      status: 403,
      endpoint: 'DELETE /api/v1/controls/ctl_1',
      roles: ['operate'],
      token: 'the-read',
      address: '127.0.0.1',
      left_out: 0,
    })
    const everything = JSON.stringify(await refused())
    expect(Object.values(SHOWN).some((token) => token !== undefined && everything.includes(token))).toBe(false)
    expect(everything).not.toContain('"endpoint":"GET')
  })
  test('are counted by role and status, reading too', async () => {
    expect(await value('agentopz_requests_refused_total', '{role="read",status="401"}')).toBeGreaterThan(0)
    expect(await value('agentopz_requests_refused_total', '{role="operate",status="403"}')).toBeGreaterThan(0)
  })
})

async function refused(): Promise<readonly Record<string, unknown>[]> {
  const answer = await fetch(`${w.url}/api/v1/controls?all=1&limit=1000`, { headers: { authorization: `Bearer ${TOKENS.read}` } })
  return ((await answer.json()) as { refused: Record<string, unknown>[] }).refused
}
async function value(name: string, labels: string): Promise<number> {
  const text = await (await fetch(`${w.url}/metrics`, { headers: { authorization: `Bearer ${TOKENS.read}` } })).text()
  const line = text.split('\n').find((l) => l.startsWith(`${name}${labels}`))
  return Number(line?.split(' ').at(-1) ?? 0)
}

describe('without tokens', () => {
  const act = async (yaml: string): Promise<number> => {
    const started = await startTestApp(`agents: { support: {} }\n${yaml}`)
    try {
      const port = new URL(started.url).port
      return await status(`http://127.0.0.1:${port}`, 'POST /-/reload', undefined)
    } finally {
      await started.app.stop()
    }
  }
  test('this machine may act while listen is a loopback address', async () => expect(await act('')).toBe(400))
  test('not when the configuration says never', async () => expect(await act('auth: { operate_without_token: never }')).toBe(403))
})
