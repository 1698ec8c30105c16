/** The control routes without a port: bodies, names, who may, what is answered. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { createApp } from '../../../app/app.ts'
import { parseConfig } from '../../../app/config.ts'
import { isLocal } from '../../../app/controls/local.ts'
import { createLog } from '../../../app/log.ts'

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly json: Record<string, unknown>
}
interface World {
  readonly ask: (method: string, path: string, body?: unknown, headers?: Record<string, string>, from?: string) => Promise<Answer>
  readonly metrics: () => Promise<string>
}
const LOOPBACK = '127.0.0.1'

async function world(yaml = 'agents: { support: { required_tools: [search] } }', storage = 'sqlite::memory:'): Promise<World> {
  const loaded = parseConfig(`storage: '${storage}'\nlog: { level: silent }\n${yaml}`, 'test.yaml', {})
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'))
  const app = createApp({ config: loaded.config, dir: loaded.dir, log: createLog(loaded.config.log) })
  await app.controls.start()
  const { routes } = app
  return {
    metrics: async () => (await app.metrics.expose(undefined, Date.now())).body,
    ask: async (method, path, body, headers = {}, from = LOOPBACK) => {
      const init = {
        method,
        headers: { host: 'localhost:9464', ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      }
      const answer = await routes.request(`http://localhost:9464${path}`, init, { incoming: { socket: { remoteAddress: from } } })
      const text = await answer.text()
      return { status: answer.status, headers: answer.headers, json: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) }
    },
  }
}
const DISABLE = { control: 'agent', agent: 'support', reason: 'wrong refunds', actor: 'ana@host' }

describe('what callers of a disabled agent get', () => {
  const fallbackOf = async (yaml: string, more: object = {}): Promise<unknown> => {
    const { ask } = await world(yaml)
    const { json } = await ask('POST', '/api/v1/controls?force=1', { ...DISABLE, ...more })
    return (await ask('GET', `/api/v1/controls/${String(json['id'])}/fallback`)).json
  }
  test('nothing, a message, or a page that is there or is not', async () => {
    const server = createServer((request, response) => response.writeHead(request.url === '/away' ? 503 : 200).end())
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    expect(await fallbackOf('')).toEqual({ kind: 'none', text: 'there is none: callers get an error' })
    expect(await fallbackOf('defaults: { fallback: Write to us. }')).toEqual({ kind: 'message', text: 'it is a message' })
    expect(await fallbackOf('', { fallback: `${url}/help?token=s3cret` })).toEqual({
      kind: 'url',
      url: `${url}/help`,
      is_reached: true,
      text: `${url}/help answers 200`,
    })
    expect(await fallbackOf(`agents: { support: { fallback: '${url}/away' } }`)).toMatchObject({
      is_reached: false,
      text: `${url}/away answers 503`,
    })
    expect(await fallbackOf('', { fallback: 'http://[broken' })).toEqual({
      kind: 'url',
      is_reached: false,
      text: 'it begins like a URL and is none',
    })
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
    expect(await fallbackOf('', { fallback: url })).toMatchObject({
      is_reached: false,
      text: `${url}/ does not answer: the connection was refused`,
    })
  })
  test('another control has none', async () => {
    const { ask } = await world()
    const { json } = await ask('POST', '/api/v1/controls?force=1', { ...DISABLE, control: 'tool', target: 'search' })
    expect((await ask('GET', `/api/v1/controls/${String(json['id'])}/fallback`)).status).toBe(404)
  })
})

describe('setting and undoing', () => {
  test('201, with the control and where it is', async () => {
    const { ask } = await world()
    const set = await ask('POST', '/api/v1/controls', { ...DISABLE, expires: '2h', fallback: 'paused' })
    expect(set.status).toBe(201)
    expect(set.json).toMatchObject({ ...DISABLE, target: '', environment: '', state: 'disabled', fallback: 'paused' })
    expect(Date.parse(String(set.json['expires_at'])) - Date.parse(String(set.json['created_at']))).toBe(7_200_000)
    const location = set.headers.get('location') ?? ''
    expect((await ask('GET', location)).json).toEqual(set.json)
    expect((await ask('GET', '/api/v1/controls')).json).toEqual({ controls: [set.json] })
    const undone = await ask('DELETE', location, { reason: 'fixed', actor: 'bo@host' })
    expect([undone.status, undone.json]).toMatchObject([200, { action: 'undo', reason: 'fixed', actor: 'bo@host', via: 'loopback' }])
    expect([(await ask('GET', location)).status, (await ask('DELETE', location, { reason: 'x', actor: 'y' })).status]).toEqual([404, 404])
    const all = await ask('GET', '/api/v1/controls?all=1')
    expect([all.json['controls'], (all.json['audit'] as { action: string }[]).map((e) => e.action)]).toEqual([[], ['undo', 'set']])
    expect((await ask('GET', '/api/v1/controls?all=1&limit=1')).json['audit']).toHaveLength(1)
  })
  for (const [said, seconds] of [
    [undefined, 14_400],
    ['90m', 5400],
    [60, 60],
    ['never', undefined],
  ] as const)
    test(`expires: ${said ?? 'nothing said'}`, async () => {
      const { json } = await (
        await world()
      ).ask('POST', '/api/v1/controls', { ...DISABLE, ...(said === undefined ? {} : { expires: said }) })
      const { expires_at: until, created_at: from } = json as { expires_at: string | null; created_at: string }
      const lasts = until === null ? undefined : Date.parse(until) - Date.parse(from)
      expect(lasts === undefined ? undefined : lasts / 1000).toBe(seconds)
    })
  test('the default expiry is that of the configuration', async () => {
    const { ask } = await world('agents: { support: {} }\ncontrols: { default_expiry: never }')
    expect((await ask('POST', '/api/v1/controls', DISABLE)).json['expires_at']).toBeNull()
  })
  test('an absolute time, of any zone', async () => {
    const { json } = await (await world()).ask('POST', '/api/v1/controls', { ...DISABLE, expires: '2099-01-01T02:00:00+02:00' })
    expect(json['expires_at']).toBe('2099-01-01T00:00:00.000Z')
  })
  test('the next about the same says what it replaced', async () => {
    const { ask } = await world()
    const first = await ask('POST', '/api/v1/controls', DISABLE)
    expect((await ask('POST', '/api/v1/controls', DISABLE)).json['replaced']).toEqual([first.json['id']])
  })
})

describe('what is refused', () => {
  const cases: readonly (readonly [string, unknown, number, string])[] = [
    ['no JSON', '{', 400, 'the body: is no JSON'],
    ['a list', [], 400, 'expected object'],
    ['a kind that is none', { ...DISABLE, control: 'planet' }, 400, 'control: '],
    ['no reason', { ...DISABLE, reason: undefined }, 400, 'reason: '],
    ['an empty reason', { ...DISABLE, reason: '' }, 400, 'reason: '],
    ['a reason of blanks', { ...DISABLE, reason: ' ' }, 400, 'say why'],
    ['no actor', { ...DISABLE, actor: '' }, 400, 'actor: '],
    ['an unknown key', { ...DISABLE, until: 'tomorrow' }, 400, '"until"'],
    ['an expiry that is none', { ...DISABLE, expires: 'tomorrow' }, 400, 'expires: write a duration such as 4h'],
    ['an expiry in the past', { ...DISABLE, expires: '2020-01-01T00:00:00Z' }, 400, 'it would have lapsed at 2020-01-01T00:00:00.000Z'],
    ['a line break in the reason', { ...DISABLE, reason: 'a\nb' }, 400, 'reason: write one line'],
    ['a name without end', { ...DISABLE, agent: 'x'.repeat(257) }, 400, 'agent: '],
    ['a fallback for a run', { ...DISABLE, control: 'run', target: '*', fallback: 'x' }, 400, 'leave fallback out'],
    ['more than 64 KiB', { ...DISABLE, fallback: 'x'.repeat(70_000) }, 413, 'at most 65536 bytes'],
    ['an agent nobody knows', { ...DISABLE, agent: 'suport' }, 404, 'did you mean support?'],
    ['a tool nobody knows', { ...DISABLE, control: 'tool', target: 'serach' }, 404, 'did you mean search?'],
    ['a release nobody published', { ...DISABLE, control: 'release', target: 'v1' }, 404, 'has no active release'],
  ]
  for (const [name, body, status, says] of cases)
    test(name, async () => {
      const { ask } = await world()
      const answer = await ask('POST', '/api/v1/controls', body)
      expect([answer.status, answer.headers.get('content-type')]).toEqual([status, 'application/problem+json'])
      expect(answer.json['detail']).toContain(says)
      expect((await ask('GET', '/api/v1/controls?all=1')).json).toEqual({ controls: [], audit: [], refused: [] })
    })
  test('a body that does not say it is JSON: a web page could send it', async () => {
    const { ask } = await world()
    expect((await ask('POST', '/api/v1/controls', DISABLE, { 'content-type': 'text/plain' })).status).toBe(415)
  })
  test('unless it is asked for: ?force=1 takes names nobody has seen', async () => {
    const { ask } = await world()
    expect((await ask('POST', '/api/v1/controls?force=1', { ...DISABLE, agent: 'new' })).status).toBe(201)
    // It has been named now.
    expect((await ask('POST', '/api/v1/controls', { ...DISABLE, agent: 'new', environment: 'prod' })).status).toBe(201)
  })
  test('an undo without a reason', async () => {
    const { ask } = await world()
    expect((await ask('DELETE', '/api/v1/controls/x', { actor: 'a' })).status).toBe(400)
    expect((await ask('DELETE', '/api/v1/controls/x')).status).toBe(415)
  })
})

describe('who may', () => {
  const TOKENS = `agents: { support: {} }
auth: { tokens: [{ name: spans, role: ingest, token: i }, { name: board, role: read, token: r }, { name: oncall, role: operate, token: o }] }`
  const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })
  const all: readonly (readonly [string, string, unknown])[] = [
    ['GET', '/api/v1/controls', undefined],
    ['GET', '/api/v1/releases/support', undefined],
    ['POST', '/api/v1/controls', DISABLE],
    ['DELETE', '/api/v1/controls/x', { reason: 'a', actor: 'b' }],
    ['POST', '/api/v1/releases/support', { prompts: { system: 's' }, actor: 'ci' }],
    ['POST', '/api/v1/releases/support/v1/activate', { actor: 'ci' }],
    ['POST', '/api/v1/releases/support/rollback', { actor: 'ci' }],
    ['GET', '/api/v1/control/flags', undefined],
    ['POST', '/ofrep/v1/evaluate/flags', {}],
    ['POST', '/ofrep/v1/evaluate/flags/x', {}],
  ]
  const allowed = async (token: string | undefined, from?: string): Promise<readonly boolean[]> => {
    const { ask } = await world(TOKENS)
    const answers: boolean[] = []
    for (const [method, path, body] of all) {
      const { status } = await ask(method, path, body, token === undefined ? {} : bearer(token), from)
      answers.push(status !== 401 && status !== 403)
    }
    return answers
  }
  const [yes, no] = [true, false]
  for (const [who, token, expected] of [
    ['nobody', undefined, [no, no, no, no, no, no, no, no, no, no]],
    ['an unknown token', 'x', [no, no, no, no, no, no, no, no, no, no]],
    ['ingest reads flags', 'i', [no, no, no, no, no, no, no, yes, yes, yes]],
    ['read reads', 'r', [yes, yes, no, no, no, no, no, yes, yes, yes]],
    ['operate does everything', 'o', [yes, yes, yes, yes, yes, yes, yes, yes, yes, yes]],
  ] as const)
    test(`with tokens: ${who}`, async () => expect(await allowed(token)).toEqual(expected))
  for (const [name, yaml] of [
    ['where others can connect', 'listen: 0.0.0.0:9464'],
    ['where the configuration says never', 'auth: { operate_without_token: never }'],
  ] as const)
    test(`without tokens nobody acts ${name}, this machine neither`, async () => {
      const { ask } = await world(`agents: { support: {} }\n${yaml}`)
      const answer = await ask('POST', '/api/v1/controls', DISABLE)
      expect([answer.status, answer.json['detail']]).toEqual([403, expect.stringContaining('configure a token with the operate role')])
      expect((await ask('POST', '/-/reload')).status).toBe(403)
      expect((await ask('GET', '/api/v1/controls')).status).toBe(200)
    })
  test('a token counts from anywhere, and its name is in the audit', async () => {
    const { ask } = await world(TOKENS)
    expect((await ask('POST', '/api/v1/controls', DISABLE, bearer('o'), '203.0.113.9')).status).toBe(201)
    expect((await ask('GET', '/api/v1/controls?all=1', undefined, bearer('r'))).json['audit']).toMatchObject([{ via: 'oncall' }])
  })
  test('without tokens only this machine changes anything, and everybody reads', async () => {
    const { ask } = await world()
    const far = await ask('POST', '/api/v1/controls', DISABLE, {}, '203.0.113.9')
    expect([far.status, far.json['detail']]).toEqual([403, expect.stringContaining('configure a token with the operate role')])
    expect((await ask('GET', '/api/v1/controls', undefined, {}, '203.0.113.9')).status).toBe(200)
    expect((await ask('POST', '/api/v1/releases/support', { model: 'm', actor: 'ci' }, {}, '203.0.113.9')).status).toBe(403)
  })
})

describe('a request of this machine', () => {
  const local = { host: 'localhost:9464' }
  const cases: readonly (readonly [string, string | undefined, Record<string, string>, boolean])[] = [
    ['over loopback', '127.0.0.1', local, true],
    ['by address', '127.0.0.1', { host: '127.0.0.1:9464' }, true],
    ['over IPv6', '::1', { host: '[::1]:9464' }, true],
    ['over IPv4 in IPv6', '::ffff:127.0.0.1', local, true],
    ['from another machine', '10.0.0.2', local, false],
    ['from nowhere', undefined, local, false],
    ['through a proxy', '127.0.0.1', { ...local, 'x-forwarded-for': '203.0.113.9' }, false],
    ['through one that says Forwarded', '127.0.0.1', { ...local, forwarded: 'for=203.0.113.9' }, false],
    ['by a web page', '127.0.0.1', { ...local, origin: 'https://evil.example' }, false],
    ['by a name that resolves here', '127.0.0.1', { host: 'evil.example:9464' }, false],
    ['by a name that looks like ours', '127.0.0.1', { host: '127.0.0.1.evil.example' }, false],
    ['without a host', '127.0.0.1', {}, false],
    ['with a host that is none', '127.0.0.1', { host: 'a b' }, false],
  ]
  for (const [name, remoteAddress, headers, expected] of cases)
    test(`${name}: ${expected ? 'is one' : 'is none'}`, () => expect(isLocal({ remoteAddress, header: (h) => headers[h] })).toBe(expected))
})

describe('flags', () => {
  test('the document, its ETag, and 304 as long as nothing changes', async () => {
    const { ask, metrics } = await world()
    const first = await ask('GET', '/api/v1/control/flags')
    const etag = first.headers.get('etag') ?? ''
    expect(etag).toBe(`"${(first.json['metadata'] as { version: string }).version}"`)
    for (const tag of [etag, `W/${etag}`, `"other", ${etag}`, '*'])
      expect((await ask('GET', '/api/v1/control/flags', undefined, { 'if-none-match': tag })).status, tag).toBe(304)
    await ask('POST', '/api/v1/controls', DISABLE)
    const second = await ask('GET', '/api/v1/control/flags', undefined, { 'if-none-match': etag })
    expect([second.status, second.headers.get('etag') === etag]).toEqual([200, false])
    const text = await metrics()
    expect(text).toContain('agentopz_control_polls_total{protocol="flags",code="304"} 4')
    expect(text).toContain('agentopz_control_polls_total{protocol="flags",code="200"} 2')
    expect(text).toContain(
      'agentopz_control{agent="support",environment="",control="agent",target="",state="disabled",reason="wrong refunds"} 1',
    )
    expect(text).toContain(
      'agentopz_control_actions_total{agent="support",environment="",control="agent",action="set",actor="ana@host",reason="wrong refunds"} 1',
    )
  })
  test('the id of a run is no label', async () => {
    const { ask, metrics } = await world()
    await ask('POST', '/api/v1/controls', { ...DISABLE, control: 'run', target: '0af7651916cd43dd8448eb211c80319c' })
    expect(await metrics()).toContain('agentopz_control{agent="support",environment="",control="run",target="",state="stopped"')
  })
})

describe('OFREP', () => {
  test('one flag, for a context', async () => {
    const { ask } = await world()
    const { json: set } = await ask('POST', '/api/v1/controls', { ...DISABLE, environment: 'prod' })
    const one = async (environment: string): Promise<unknown> =>
      (await ask('POST', '/ofrep/v1/evaluate/flags/agent.support.enabled', { context: { environment } })).json
    expect(await one('prod')).toMatchObject({
      key: 'agent.support.enabled',
      value: false,
      reason: 'TARGETING_MATCH',
      variant: set['id'],
      metadata: { reason: 'wrong refunds', control_id: set['id'] },
    })
    expect(await one('test')).toMatchObject({ value: true, reason: 'DEFAULT', variant: 'on' })
  })
  test('all flags, with an ETag that is about the context too', async () => {
    const { ask } = await world()
    await ask('POST', '/api/v1/controls', { ...DISABLE, environment: 'prod' })
    const all = (environment: string, etag?: string): Promise<Answer> =>
      ask('POST', '/ofrep/v1/evaluate/flags', { context: { environment } }, etag === undefined ? {} : { 'if-none-match': etag })
    const prod = await all('prod')
    expect(prod.json['flags']).toMatchObject([{ key: 'agent.support.enabled', value: false }])
    const etag = prod.headers.get('etag') ?? ''
    expect([(await all('prod', etag)).status, (await all('test', etag)).status]).toEqual([304, 200])
  })
  const cases: readonly (readonly [string, string, unknown, number, unknown])[] = [
    ['a flag that is not there', '/x', {}, 404, { key: 'x', errorCode: 'FLAG_NOT_FOUND' }],
    ['no JSON', '/x', '{', 400, { key: 'x', errorCode: 'PARSE_ERROR' }],
    ['a context that is none', '/x', { context: 7 }, 400, { key: 'x', errorCode: 'INVALID_CONTEXT' }],
    ['a list for a body', '', [], 400, { errorCode: 'INVALID_CONTEXT' }],
    ['no JSON, for all', '', 'nonsense', 400, { errorCode: 'PARSE_ERROR' }],
  ]
  for (const [name, path, body, status, answer] of cases)
    test(`${name}: ${status}`, async () => {
      const { ask } = await world()
      const got = await ask('POST', `/ofrep/v1/evaluate/flags${path}`, body)
      expect([got.status, got.json]).toMatchObject([status, answer])
    })
  test('no body at all is no context', async () => {
    const { ask } = await world()
    expect((await ask('POST', '/ofrep/v1/evaluate/flags')).json['flags']).toHaveLength(1)
  })
  test('names with slashes, escaped or not', async () => {
    const { ask } = await world('agents: { "team/a b": {} }')
    for (const name of ['team/a%20b', 'team%2Fa%20b'])
      expect((await ask('POST', `/ofrep/v1/evaluate/flags/agent.${name}.enabled`, {})).json, name).toMatchObject({ value: true })
  })
})

describe('releases', () => {
  const PUBLISH = { prompts: { system: 'be brief' }, config: { temperature: 0 }, actor: 'ci' }
  test('publish, again, activate, another, roll back', async () => {
    const { ask } = await world()
    const first = await ask('POST', '/api/v1/releases/support', { ...PUBLISH, version: 'v1', activate: true })
    expect([first.status, first.json['is_active'], first.headers.get('location')]).toEqual([201, true, '/api/v1/releases/support/v1'])
    const again = await ask('POST', '/api/v1/releases/support', { ...PUBLISH, version: 'v1', activate: true })
    expect([again.status, again.json['is_active']]).toEqual([200, true])
    const second = await ask('POST', '/api/v1/releases/support', { ...PUBLISH, prompts: { system: 'be long' } })
    const version = String(second.json['version'])
    expect([second.status, second.json['is_active'], version]).toEqual([201, false, expect.stringMatching(/^[0-9a-f]{12}$/)])
    expect((await ask('POST', `/api/v1/releases/support/${version}/activate`, { actor: 'ci' })).json).toEqual({
      agent: 'support',
      active: version,
      former: 'v1',
      changes: [{ path: 'prompts.system', kind: 'changed' }],
      held: [],
    })
    expect((await ask('GET', '/api/v1/releases/support')).json).toMatchObject({
      active: version,
      releases: [
        { version, is_active: true },
        { version: 'v1', is_active: false, prompts: ['system'], config: ['temperature'] },
      ],
    })
    expect((await ask('GET', '/api/v1/releases/support/v1')).json).toMatchObject({
      prompts: { system: 'be brief' },
      config: { temperature: 0 },
    })
    expect((await ask('POST', '/api/v1/releases/support/rollback', { actor: 'ana' })).json).toMatchObject({ active: 'v1', former: version })
    expect((await ask('POST', '/ofrep/v1/evaluate/flags/agent.support.release', {})).json).toMatchObject({ value: 'v1' })
  })
  test('a control that holds another version is told to whoever activates', async () => {
    const { ask } = await world()
    await ask('POST', '/api/v1/releases/support', { ...PUBLISH, version: 'v1', activate: true })
    await ask('POST', '/api/v1/releases/support', { model: 'm', actor: 'ci', version: 'v2' })
    const { json } = await ask('POST', '/api/v1/controls', { ...DISABLE, control: 'release', target: 'v1' })
    const answer = await ask('POST', '/api/v1/releases/support/v2/activate', { actor: 'ci' })
    expect(answer.json['held']).toEqual([{ id: json['id'], version: 'v1', environment: '' }])
    expect((await ask('POST', '/ofrep/v1/evaluate/flags/agent.support.release', {})).json).toMatchObject({ value: 'v1' })
  })
  test('names of agents are taken as they are', async () => {
    const { ask } = await world()
    const path = `/api/v1/releases/${encodeURIComponent('team/a b')}`
    expect((await ask('POST', path, { ...PUBLISH, version: 'v1' })).json['agent']).toBe('team/a b')
    expect((await ask('GET', `${path}/v1`)).status).toBe(200)
  })
  const cases: readonly (readonly [string, string, unknown, number, string])[] = [
    ['nothing in it', '', { actor: 'ci' }, 400, 'this one has none'],
    ['no actor', '', { model: 'm' }, 400, 'actor: '],
    ['a prompt that is no text', '', { prompts: { system: 7 }, actor: 'ci' }, 400, 'prompts.system: '],
    ['a version with blanks', '', { model: 'm', version: 'a b', actor: 'ci' }, 400, 'version: write up to 64'],
    ['an unknown key', '', { model: 'm', actor: 'ci', tools: [] }, 400, '"tools"'],
    ['too large', '', { prompts: { system: 'x'.repeat(3000) }, actor: 'ci' }, 413, 'controls.max_release_bytes'],
    ['far too large', '', { prompts: { system: 'x'.repeat(100_000) }, actor: 'ci' }, 413, 'the body is at most'],
    ['activating nothing', '/v1/activate', { actor: 'ci' }, 404, 'no release of support was published'],
    ['rolling back nothing', '/rollback', { actor: 'ci' }, 404, 'no release of support was published'],
  ]
  for (const [name, path, body, status, says] of cases)
    test(`${name}: ${status}`, async () => {
      const { ask } = await world('controls: { max_release_bytes: 2000 }')
      const answer = await ask('POST', `/api/v1/releases/support${path}`, body)
      expect([answer.status, answer.json['detail']]).toEqual([status, expect.stringContaining(says)])
    })
})

describe('storage that cannot be read', () => {
  test('503 everywhere, and metrics go on', async () => {
    // A folder is no database.
    const { ask, metrics } = await world('agents: { support: {} }', `sqlite:${import.meta.dirname}`)
    const paths: readonly (readonly [string, string, unknown])[] = [
      ['GET', '/api/v1/controls', undefined],
      ['POST', '/api/v1/controls', DISABLE],
      ['GET', '/api/v1/control/flags', undefined],
      ['GET', '/api/v1/control/stream', undefined],
      ['POST', '/ofrep/v1/evaluate/flags', {}],
      ['POST', '/ofrep/v1/evaluate/flags/x', {}],
      ['GET', '/api/v1/releases/support', undefined],
      ['POST', '/api/v1/releases/support', { model: 'm', actor: 'ci' }],
    ]
    for (const [method, path, body] of paths) {
      const answer = await ask(method, path, body)
      expect([answer.status, answer.json['because'], answer.headers.get('retry-after')], path).toEqual([503, 'not_loaded', '10'])
    }
    const text = await metrics()
    expect(text).toContain('agentopz_storage_up 0')
    expect(text).toContain('agentopz_storage_errors_total{operation="open"} 1')
  })
})
