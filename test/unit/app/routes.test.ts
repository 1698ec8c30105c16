import { describe, expect, test } from 'vitest'
import { createAuthorise } from '../../../app/auth.ts'
import { createRoutes, type RouteParts } from '../../../app/routes.ts'
import type { ExternalEvaluation } from '../../../model/run.ts'
import { createMetrics } from '../../../processor/metrics.ts'
import { accessOf } from '../../support/access.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
function world(more: Partial<RouteParts> = {}): {
  request: (path: string, init?: RequestInit) => Promise<Response>
  feedback: [ExternalEvaluation, string, string][]
} {
  const feedback: [ExternalEvaluation, string, string][] = []
  const app = createRoutes({
    metrics: createMetrics({}),
    clock: () => 0,
    access: accessOf(),
    protectMetrics: () => false,
    notReady: () => '',
    reload: () => [],
    version: '1',
    feedback: (...f) => feedback.push(f),
    ...more,
  })
  const here = { incoming: { socket: { remoteAddress: '127.0.0.1' } } }
  return {
    feedback,
    request: async (path, init) =>
      app.request(
        `http://localhost:9464${path}`,
        { ...init, headers: new Headers([['host', 'localhost:9464'], ...new Headers(init?.headers)]) },
        here,
      ),
  }
}
const json = (body: unknown): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

describe('health', () => {
  test('healthy and ready', async () =>
    expect([(await world().request('/-/healthy')).status, (await world().request('/-/ready')).status]).toEqual([200, 200]))
  test('not ready says why, as a problem document', async () => {
    const answer = await world({ notReady: () => 'starting' }).request('/-/ready')
    expect([answer.status, answer.headers.get('content-type'), await answer.json()]).toEqual([
      503,
      'application/problem+json',
      { type: 'about:blank', title: 'not ready', status: 503, detail: 'starting' },
    ])
  })
})

describe('metrics', () => {
  test('plain and OpenMetrics', async () => {
    const { request } = world()
    expect((await request('/metrics')).headers.get('content-type')).toContain('text/plain; version=0.0.4')
    const open = await request('/metrics', { headers: { accept: 'application/openmetrics-text;version=1.0.0' } })
    expect([open.headers.get('content-type')?.startsWith('application/openmetrics-text'), (await open.text()).endsWith('# EOF\n')]).toEqual(
      [true, true],
    )
  })
  test('protected when asked for', async () => {
    const { request } = world({ protectMetrics: () => true, access: accessOf({ name: 'p', role: 'read', token: 'secret' }) })
    expect([
      (await request('/metrics')).status,
      (await request('/metrics', { headers: { authorization: 'Bearer secret' } })).status,
    ]).toEqual([401, 200])
  })
})

describe('reload', () => {
  test('POST only, and the problems when refused', async () => {
    const { request } = world({ reload: () => ['c.yaml:1:1  x: no such key'] })
    const refused = await request('/-/reload', { method: 'POST' })
    expect([(await request('/-/reload')).status, refused.status, ((await refused.json()) as { detail: string }).detail]).toEqual([
      405,
      400,
      'c.yaml:1:1  x: no such key',
    ])
    expect((await world().request('/-/reload', { method: 'POST' })).status).toBe(200)
  })
  test('needs the operate role', async () => {
    const { request } = world({
      access: accessOf({ name: 'r', role: 'read', token: 'r' }, { name: 'o', role: 'operate', token: 'o' }),
    })
    const ask = async (token: string): Promise<number> =>
      (await request('/-/reload', { method: 'POST', headers: { authorization: `Bearer ${token}` } })).status
    expect([await ask('r'), await ask('x'), await ask('o')]).toEqual([403, 401, 200])
  })
})

describe('feedback', () => {
  test('is taken, and the comment is not kept', async () => {
    const w = world()
    expect(
      (await w.request('/api/v1/feedback', json({ trace_id: TRACE.toUpperCase(), label: 'thumbs_down', comment: 'my secret' }))).status,
    ).toBe(202)
    expect(w.feedback).toEqual([[{ name: 'user_feedback', source: 'feedback', label: 'thumbs_down' }, TRACE, '']])
  })
  test('by response id, with a score', async () => {
    const w = world()
    await w.request('/api/v1/feedback', json({ response_id: 'r1', score: 0.5, name: 'stars' }))
    expect(w.feedback[0]?.[0]).toEqual({ name: 'stars', source: 'feedback', score: 0.5, responseId: 'r1' })
  })
  for (const [name, body, says] of [
    ['names no run', { score: 1 }, 'trace_id or response_id'],
    ['says nothing', { trace_id: TRACE }, 'a score or a label'],
    ['has a bad id', { trace_id: 'x', score: 1 }, 'write 32 hex digits'],
    ['has an unknown key', { trace_id: TRACE, score: 1, stars: 5 }, 'stars'],
    ['is no JSON', undefined, ''],
  ] as const) {
    test(`is refused when it ${name}`, async () => {
      const answer = await world().request('/api/v1/feedback', body === undefined ? { method: 'POST', body: '{' } : json(body))
      expect([answer.status, ((await answer.json()) as { detail: string }).detail.includes(says)]).toEqual([400, true])
    })
  }
  test('is refused when too large', async () =>
    expect((await world().request('/api/v1/feedback', json({ trace_id: TRACE, score: 1, comment: 'x'.repeat(70_000) }))).status).toBe(413))
})

describe('runbooks', () => {
  test('are listed, with what each alert says', async () => {
    const answer = await world().request('/runbooks')
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/markdown; charset=utf-8'])
    expect(await answer.text()).toContain('- [AgentQualityDrop](/runbooks/AgentQualityDrop): fewer runs pass than normal (critical)\n')
  })
  test('are Markdown for curl and escaped HTML for a browser', async () => {
    const { request } = world()
    const plain = await request('/runbooks/AgentQualityDrop', { headers: { accept: '*/*' } })
    const text = await plain.text()
    expect([plain.status, plain.headers.get('content-type'), text.startsWith('# AgentQualityDrop\n')]).toEqual([
      200,
      'text/markdown; charset=utf-8',
      true,
    ])
    const page = await request('/runbooks/AgentQualityDrop', { headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } })
    const pre = /<pre>([\s\S]*)<\/pre>/.exec(await page.text())?.[1] ?? ''
    expect([page.headers.get('content-type'), page.headers.get('vary')]).toEqual(['text/html; charset=utf-8', 'accept'])
    expect(pre).not.toMatch(/[<>"]/)
    const back = { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'", '&amp;': '&' }
    expect(pre.replaceAll(/&(?:lt|gt|quot|#39|amp);/g, (e) => back[e as keyof typeof back])).toBe(text)
  })
  for (const [asked, says] of [
    ['AgentQualityDorp', 'did you mean AgentQualityDrop'],
    ['qualitydrop', 'did you mean AgentQualityDrop'],
    ['%3Cscript%3E', 'there is no alert of this name; GET /runbooks lists all'],
    ['..%2F..%2Fpackage.json', 'there is no alert of this name'],
    ['constructor', 'there is no alert of this name'],
  ] as const) {
    test(`${asked} is no alert, and the nearest names are told`, async () => {
      const answer = await world().request(`/runbooks/${asked}`)
      expect([answer.status, answer.headers.get('content-type')]).toEqual([404, 'application/problem+json'])
      expect(((await answer.json()) as { detail: string }).detail).toContain(says)
    })
  }
})

test('unknown paths get a problem document, the front page lists links', async () => {
  const { request } = world()
  expect((await request('/nothing')).status).toBe(404)
  expect(await (await request('/')).text()).toContain('/metrics')
})

test('roles: operators may read, readers may not operate, nobody needs a token when none is set', () => {
  const may = createAuthorise([
    { name: 'o', role: 'operate', token: 'o' },
    { name: 'i', role: 'ingest', token: 'i' },
  ])
  expect([
    may('read', 'Bearer o'),
    may('operate', 'bearer o'),
    may('ingest', 'Bearer o'),
    may('read', 'Bearer i'),
    may('ingest', undefined),
    may('ingest', 'Basic i'),
  ]).toEqual([true, true, false, false, false, false])
  expect(createAuthorise([])('operate', undefined)).toBe(true)
})
