/** The control plane as guards, operators and other languages meet it: real sockets, real files, real processes. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OFREPProvider } from '@openfeature/ofrep-provider'
import { OpenFeature } from '@openfeature/server-sdk'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { parseConfig } from '../../app/config.ts'
import { Streams } from '../../app/controls/streams.ts'
import { ControlClient } from '../../instrumentation/controls/client.ts'
import type { FlagSet } from '../../model/control.ts'
import { startTestApp, type TestApp, until } from '../support/app.ts'
import { type EventStream, listen } from '../support/events.ts'
import { otlp } from '../support/otlp.ts'

const TOP = join(import.meta.dirname, '../..')
const cleanup: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const c of cleanup.splice(0).toReversed()) await c()
})
function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'agentopz-controls-'))
  cleanup.push(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}
async function start(yaml = 'agents: { support: {} }'): Promise<TestApp> {
  const t = await startTestApp(yaml)
  cleanup.push(() => t.app.stop())
  return t
}
async function hear(url: string, headers?: Record<string, string>): Promise<EventStream> {
  const stream = await listen(url, headers)
  cleanup.push(() => stream.close())
  return stream
}
async function send(method: string, url: string, body?: object): Promise<{ status: number; json: Record<string, unknown> }> {
  const init = body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const answer = await fetch(url, { method, ...init })
  return { status: answer.status, json: (await answer.json()) as Record<string, unknown> }
}
const DISABLE = { control: 'agent', agent: 'support', reason: 'wrong refunds', actor: 'ana@host' }
const disable = (url: string, more: object = {}): ReturnType<typeof send> => send('POST', `${url}/api/v1/controls`, { ...DISABLE, ...more })
const flagsOf = (event: { readonly data: string } | undefined): FlagSet['flags'] => (JSON.parse(event?.data ?? '{}') as FlagSet).flags
const isOff = (event: { readonly data: string } | undefined): boolean =>
  Object.values(flagsOf(event)['agent.support.enabled']?.variants ?? {}).includes(false)

describe('the stream', () => {
  test('sends the flags at once, every change, and the lapse', async () => {
    const { url } = await start()
    const stream = await hear(`${url}/api/v1/control/stream?service=shop&environment=prod&instance=1`)
    await until(async () => stream.events.length === 1, 'the first document')
    const began = performance.now()
    expect((await disable(url, { expires: '2s' })).status).toBe(201)
    await until(async () => stream.events.length === 2, 'the change')
    expect((stream.events[1]?.atMs ?? 0) - began).toBeLessThan(2000)
    await until(async () => stream.events.length === 3, 'the lapse', 5)
    expect(stream.events.map((e) => [e.event, isOff(e)])).toEqual([
      ['flags', false],
      ['flags', true],
      ['flags', false],
    ])
    for (const { id, data } of stream.events) expect((JSON.parse(data) as FlagSet).metadata.version).toBe(id)
  })
  test('says now and then that it is there, three times before a guard takes it for lost', async () => {
    const { url } = await start('controls: { lost_after_seconds: 3 }')
    const stream = await hear(`${url}/api/v1/control/stream`)
    await until(async () => stream.comments.length >= 2, 'two comments', 5)
  })
  test('has as many places as configured, and says who sits there', async () => {
    const t = await start('controls: { max_streams: 2 }')
    const [one] = [await hear(`${t.url}/api/v1/control/stream?service=shop`), await hear(`${t.url}/api/v1/control/stream?service=shop`)]
    const refused = await fetch(`${t.url}/api/v1/control/stream`)
    expect([refused.status, refused.headers.get('retry-after'), await t.value('agentopz_control_streams', { service: 'shop' })]).toEqual([
      503,
      '10',
      2,
    ])
    expect(await t.value('agentopz_control_streams_dropped_total', { reason: 'full' })).toBe(1)
    one.close()
    await until(async () => (await t.value('agentopz_control_streams', { service: 'shop' })) === 1, 'the place is free')
    expect((await hear(`${t.url}/api/v1/control/stream`)).status).toBe(200)
  })
  test('a reload that changes a limit is heard', async () => {
    const t = await start('agents: { support: { steps: { stop_run_at: 60 } } }')
    const stream = await hear(`${t.url}/api/v1/control/stream`)
    await until(async () => stream.events.length === 1, 'the first document')
    const loaded = parseConfig('agents: { support: { steps: { stop_run_at: 20 } } }', 'c.yaml', {})
    expect(loaded.ok && t.app.apply(loaded.config, loaded.dir)).toEqual([])
    await until(async () => stream.events.length === 2, 'the change')
    expect(stream.events.map((e) => flagsOf(e)['agent.support.max_steps']?.variants['limit'])).toEqual([60, 20])
  })
  test('two hundred guards hear of a change', async () => {
    const { url } = await start()
    const streams = await Promise.all(Array.from({ length: 200 }, (_, i) => hear(`${url}/api/v1/control/stream?service=s${i % 5}`)))
    await until(async () => streams.every((s) => s.events.length === 1), 'everybody is there')
    const began = performance.now()
    await disable(url)
    await until(async () => streams.every((s) => s.events.length === 2), 'everybody has heard')
    const took = streams.map((s) => (s.events[1]?.atMs ?? 0) - began).sort((a, b) => a - b)
    const at = (share: number): number => took[Math.ceil(share * took.length) - 1] ?? 0
    process.stdout.write(`200 streams: p50 ${at(0.5).toFixed(1)} ms, p99 ${at(0.99).toFixed(1)} ms after the request was sent\n`)
    expect(at(0.99)).toBeLessThan(2000)
  })
})

describe('a guard that does not read', () => {
  /** Streams behind a real server, with a clock of the test. */
  async function serving(): Promise<{ streams: Streams; url: string; dropped: string[]; clock: { now: number } }> {
    const dropped: string[] = []
    const clock = { now: 0 }
    const streams = new Streams({ max: 10, slowMs: 30_000 }, { dropped: (reason) => dropped.push(reason) })
    const server = createServer((_, response) => void streams.open(response, 'shop', () => clock.now))
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    cleanup.push(() => {
      server.closeAllConnections()
      server.close()
    })
    return { streams, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, dropped, clock }
  }
  const large = (n: number): string => JSON.stringify({ n, filler: 'x'.repeat(4_000_000) })
  test('holds up nobody else, gets the newest when it reads again, and not what lay between', async () => {
    const { streams, url, dropped } = await serving()
    const [stuck, well] = [await hear(url), await hear(url)]
    stuck.pause()
    for (let n = 1; n <= 30; n++) {
      streams.send(String(n), large(n), 0)
      await until(async () => well.events.at(-1)?.id === String(n), 'the other one hears it')
    }
    stuck.resume()
    await until(async () => stuck.events.at(-1)?.id === '30', 'the newest')
    expect(well.events).toHaveLength(30)
    expect(stuck.events.length).toBeLessThan(10)
    expect(dropped).toEqual([])
  })
  test('is cut when it takes nothing for half a minute', async () => {
    const { streams, url, dropped, clock } = await serving()
    const [stuck, well] = [await hear(url), await hear(url)]
    stuck.pause()
    for (let n = 1; n <= 5; n++) {
      streams.send(String(n), large(n), clock.now)
      await until(async () => well.events.at(-1)?.id === String(n), 'the other one hears it')
    }
    clock.now = 29_999
    streams.heartbeat(clock.now)
    expect([dropped, streams.byService().get('shop')]).toEqual([[], 2])
    clock.now = 30_000
    streams.heartbeat(clock.now)
    expect([dropped, streams.byService().get('shop')]).toEqual([['slow'], 1])
    stuck.resume()
    await until(async () => stuck.closed, 'cut')
    await until(async () => well.comments.length >= 2, 'the other one goes on')
  })
})

describe('what outlives the process', () => {
  test('a process that controls nothing leaves no file', async () => {
    const dir = folder()
    const t = await start(`storage: 'sqlite:${dir}/a.db'`)
    await hear(`${t.url}/api/v1/control/stream`)
    expect((await send('GET', `${t.url}/api/v1/controls?all=1`)).json).toEqual({ controls: [], audit: [], refused: [] })
    await t.app.stop()
    expect(readdirSync(dir)).toEqual([])
  })
  test('controls and releases are in force after a restart, under the same version', async () => {
    const yaml = `storage: 'sqlite:${folder()}/a.db'\nagents: { support: {} }`
    const one = await start(yaml)
    await disable(one.url, { expires: 'never' })
    await send('POST', `${one.url}/api/v1/releases/support`, {
      version: 'v1',
      prompts: { system: 'be brief' },
      actor: 'ci',
      activate: true,
    })
    const before = await fetch(`${one.url}/api/v1/control/flags`)
    await one.app.stop()
    const two = await start(yaml)
    const after = await fetch(`${two.url}/api/v1/control/flags`)
    expect([after.headers.get('etag'), await after.text()]).toEqual([before.headers.get('etag'), await before.text()])
    expect(after.headers.get('etag')).toMatch(/^"[0-9a-f]{16}"$/)
  })
  test('what was answered with 201 survives kill -9', async () => {
    const dir = folder()
    writeFileSync(
      join(dir, 'agentopz.yaml'),
      'receive: { otlp_http: off, otlp_grpc: off }\nlisten: 127.0.0.1:0\nlog: { format: json }\nagents: { support: {} }\n',
    )
    const serve = async (): Promise<{ child: ChildProcess; url: string }> => {
      const child = spawn(process.execPath, [join(TOP, 'app/cli.ts'), 'serve'], { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] })
      cleanup.push(() => void child.kill('SIGKILL'))
      let log = ''
      child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()))
      const address = (): string | undefined => /"listen":"([^"]+)".*agentopz is ready/.exec(log)?.[1]
      await until(async () => address() !== undefined, 'it listens')
      return { child, url: `http://${address()}` }
    }
    for (let round = 0; round < 3; round++) {
      const { child, url } = await serve()
      const { status, json } = await disable(url, { environment: `e${round}`, expires: 'never' })
      child.kill('SIGKILL')
      expect(status).toBe(201)
      await new Promise((done) => child.once('exit', done))
      const again = await serve()
      const controls = (await send('GET', `${again.url}/api/v1/controls`)).json['controls'] as { id: string }[]
      expect(controls.map((c) => c.id)).toContain(json['id'])
      expect(controls).toHaveLength(round + 1)
      again.child.kill('SIGKILL')
    }
  })
  test('a file that is no database takes down neither ingestion nor metrics', async () => {
    const dir = folder()
    writeFileSync(join(dir, 'a.db'), 'no database '.repeat(500))
    const t = await start(`storage: 'sqlite:${dir}/a.db'\nruns: { settle_seconds: 0.2, idle_seconds: 0.5 }\nagents: { support: {} }`)
    const spans = [
      {
        traceId: '1af7651916cd43dd8448eb211c80319c',
        spanId: '00000000000000a1',
        attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'support' },
      },
    ]
    expect((await send('POST', `${t.otlp}/v1/traces`, otlp({ spans }))).status).toBe(200)
    await until(async () => (await t.value('agentopz_runs_total')) === 1, 'the run is counted')
    const refused = await disable(t.url)
    expect([refused.status, refused.json['detail']]).toEqual([503, expect.stringContaining('file is not a database')])
    expect((await fetch(`${t.url}/api/v1/control/stream`)).status).toBe(503)
    expect(await t.value('agentopz_storage_up')).toBe(0)
    // Nor is it touched: somebody may want to mend it.
    expect(readFileSync(join(dir, 'a.db'), 'utf8')).toBe('no database '.repeat(500))
    expect(existsSync(join(dir, 'a.db-wal'))).toBe(false)
  })
})

describe('names', () => {
  test('an agent and a tool that were seen are known, and the control shows where the agent runs', async () => {
    const t = await start('runs: { settle_seconds: 0.2, idle_seconds: 0.5 }')
    expect((await disable(t.url)).status).toBe(404)
    const ids = { traceId: '1af7651916cd43dd8448eb211c80319c' }
    const body = otlp({
      resource: { 'service.name': 'shop', 'deployment.environment.name': 'prod' },
      spans: [
        { ...ids, spanId: '00000000000000a1', attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'support' } },
        {
          ...ids,
          spanId: '00000000000000a2',
          parentSpanId: '00000000000000a1',
          attributes: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'search' },
        },
      ],
    })
    await send('POST', `${t.otlp}/v1/traces`, body)
    await until(async () => (await t.value('agentopz_runs_total')) === 1, 'the run is counted')
    expect((await disable(t.url)).status).toBe(201)
    // The alert that silences the others joins by environment.
    expect(await t.value('agentopz_control', { agent: 'support', environment: 'prod', control: 'agent', state: 'disabled' })).toBe(1)
    const open = (target: string): ReturnType<typeof send> => disable(t.url, { control: 'tool', agent: '', target })
    expect([(await open('search')).status, (await open('serach')).status]).toEqual([201, 404])
  })
  test('an agent whose only run is still open can be stopped', async () => {
    const t = await start()
    const spans = [
      {
        traceId: '2af7651916cd43dd8448eb211c80319c',
        spanId: '00000000000000a2',
        parentSpanId: '00000000000000a1',
        attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'runaway' },
      },
    ]
    await send('POST', `${t.otlp}/v1/traces`, otlp({ spans }))
    expect((await disable(t.url, { agent: 'runaway' })).status).toBe(201)
  })
})

describe('other languages', () => {
  test("OpenFeature's own OFREP provider reads the flags", async () => {
    const { url } = await start('agents: { support: { steps: { stop_run_at: 60 }, cost_usd: { stop_agent_at: { usd: 5, every: 1h } } } }')
    await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl: url }))
    cleanup.push(() => OpenFeature.close())
    const client = OpenFeature.getClient()
    const enabled = (environment: string) => client.getBooleanDetails('agent.support.enabled', true, { environment })
    expect(await enabled('prod')).toMatchObject({ value: true, variant: 'on' })
    const { json } = await disable(url, { environment: 'prod' })
    expect(await enabled('prod')).toMatchObject({ value: false, variant: json['id'], flagMetadata: { reason: 'wrong refunds' } })
    expect(await enabled('test')).toMatchObject({ value: true })
    expect(await client.getNumberValue('agent.support.max_steps', 0)).toBe(60)
    expect(await client.getObjectValue('agent.support.max_cost_window', {})).toEqual({ usd: 5, seconds: 3600 })
    expect(await client.getBooleanDetails('agent.nobody.enabled', true)).toMatchObject({ value: true, errorCode: 'FLAG_NOT_FOUND' })
  })
})

describe('the guards of our own instrumentation', () => {
  function guard(t: TestApp, cacheFile?: string): ControlClient {
    const client = new ControlClient({
      url: t.url,
      token: undefined,
      cacheFile,
      coldDeadlineMs: 1000,
      neverHeard: 'admit',
      service: 'shop',
      environment: 'prod',
      changed: () => undefined,
    })
    client.start()
    cleanup.push(() => client.stop())
    return client
  }
  test('come to the answers that were meant', async () => {
    const t = await start(`defaults: { steps: { stop_run_at: 9 } }
agents: { support: { cost_usd: { stop_run_at: 2, stop_agent_at: { usd: 50, every: 1h } }, loop: { stop_run_at: 8 }, fallback: call us } }
tools: { search: { open_after_failures: 3, open_seconds: 7, fallback: no search } }`)
    const client = guard(t)
    await until(async () => client.state === 'live', 'it is connected')
    expect([client.agent('support'), client.agent('unheard of'), client.tool('support', 'search'), client.run('support', 'r1')]).toEqual([
      { allowed: true, reason: '', maxCostUsd: 2, maxSteps: 9, maxIdenticalCalls: 8, costWindow: { usd: 50, seconds: 3600 } },
      { allowed: true, reason: '', maxSteps: 9 },
      { allowed: true, reason: '', breaker: { failures: 3, seconds: 7 } },
      { allowed: true, reason: '' },
    ])
    const began = performance.now()
    const { json } = await disable(t.url, { environment: 'prod' })
    await until(async () => !client.agent('support').allowed, 'it is switched off', 2)
    expect(performance.now() - began).toBeLessThan(2000)
    expect(client.agent('support')).toMatchObject({ reason: 'wrong refunds', controlId: json['id'], fallback: 'call us' })
    await send('DELETE', `${t.url}/api/v1/controls/${String(json['id'])}`, { reason: 'fixed', actor: 'ana' })
    await until(async () => client.agent('support').allowed, 'it is on again', 2)
    await disable(t.url, { environment: 'test' })
    await disable(t.url, { control: 'tool', target: 'search', reason: 'down' })
    await disable(t.url, { control: 'run', agent: '', target: 'r1' })
    await until(async () => !client.run('support', 'r1').allowed, 'the run is stopped', 2)
    expect([client.agent('support').allowed, client.run('support', 'r2').allowed, client.tool('other', 'search').allowed]).toEqual([
      true,
      true,
      true,
    ])
    expect(client.tool('support', 'search')).toMatchObject({ allowed: false, reason: 'down', fallback: 'no search' })
  })
  test('read the active release, and another one where it is held', async () => {
    const t = await start()
    const client = guard(t)
    const publish = (version: string): ReturnType<typeof send> =>
      send('POST', `${t.url}/api/v1/releases/support`, { version, prompts: { system: version }, actor: 'ci', activate: true })
    await publish('v1')
    await publish('v2')
    await until(async () => client.release('support')?.version === 'v2', 'the active one', 2)
    expect(client.release('support')).toMatchObject({ prompts: { system: 'v2' }, config: {} })
    await disable(t.url, { control: 'release', target: 'v1', environment: 'prod' })
    await until(async () => client.release('support')?.version === 'v1', 'the one that is held', 2)
  })
  test('start from what they heard last, and keep it while nobody answers', async () => {
    const [cache, storage] = [join(folder(), 'controls.json'), `${folder()}/a.db`]
    const t = await start(`storage: 'sqlite:${storage}'\nagents: { support: {} }`)
    const first = guard(t, cache)
    await disable(t.url)
    await until(async () => !first.agent('support').allowed && existsSync(cache), 'it is switched off and kept')
    await t.app.stop()
    const second = guard(t, cache)
    expect([second.state, second.agent('support').allowed]).toEqual(['kept', false])
  })
})

test('nonsense at any door is the sender’s mistake, and changes nothing', async () => {
  const t = await start()
  const doors = [
    '/api/v1/controls',
    '/api/v1/releases/support',
    '/api/v1/releases/support/rollback',
    '/ofrep/v1/evaluate/flags',
    '/ofrep/v1/evaluate/flags/x',
  ]
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.json({ maxDepth: 4 }).map((text) => Buffer.from(text)),
    fc.record({ control: fc.anything(), agent: fc.anything(), reason: fc.anything(), expires: fc.anything() }).map((value) => {
      // Not every value has JSON.
      try {
        return Buffer.from(JSON.stringify(value))
      } catch {
        return Buffer.from('{')
      }
    }),
  )
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...doors), body, async (door, bytes) => {
      const answer = await fetch(`${t.url}${door}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: bytes })
      await answer.arrayBuffer()
      expect(door.startsWith('/ofrep') ? [200, 400, 404] : [400, 404, 409]).toContain(answer.status)
    }),
    { numRuns: 300 },
  )
  expect((await send('GET', `${t.url}/api/v1/controls?all=1`)).json).toEqual({ controls: [], audit: [], refused: [] })
  expect(await t.value('agentopz_internal_errors_total')).toBe(0)
})

describe('the command line', () => {
  const run = (args: readonly string[], env: Record<string, string> = {}): Promise<{ code: number | null; out: string; err: string }> =>
    new Promise((done) => {
      const child = spawn(process.execPath, [join(TOP, 'app/cli.ts'), ...args], {
        cwd: tmpdir(),
        env: { ...process.env, USER: 'ana', ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      let [out, err] = ['', '']
      child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
      child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
      child.once('close', (code) => done({ code, out, err }))
    })
  test('disable, list, enable', async () => {
    const { url } = await start('agents: { support: {} }\ntools: { search: {} }')
    const asked = await run(['agent', 'disable', 'support', '--reason', 'wrong refunds', '--fallback', 'paused', '--url', url])
    expect([asked.code, asked.err]).toEqual([0, ''])
    expect(asked.out).toMatch(
      /^agent support is disabled until \d{4}-\d\d-\d\d \d\d:\d\d UTC \(ctl_[0-9a-f]{10}\)\nfallback: it is a message\nundo: npm run -s agentopz -- agent enable support --url (\S+)\n$/,
    )
    const tool = await run([
      'tool',
      'open',
      'search',
      '--agent',
      'support',
      '--reason',
      'down',
      '--expires',
      'never',
      '--url',
      url,
      '--json',
    ])
    expect(JSON.parse(tool.out)).toMatchObject({ control: 'tool', agent: 'support', target: 'search', expires_at: null })
    const staging = ['agent', 'disable', 'support', '--environment', 'staging', '--reason', 'x', '--url', url]
    expect((await run(staging)).out).toContain(`undo: npm run -s agentopz -- agent enable support --environment staging --url ${url}\n`)
    expect((await run(['agent', 'enable', 'support', '--environment', 'staging', '--url', url])).code).toBe(0)
    const again = await run(['agent', 'enable', 'support', '--environment', 'staging', '--url', url])
    expect(again.err).toContain(`see: npm run -s agentopz -- control list --url ${url}\n`)
    const { controls } = JSON.parse((await run(['control', 'list', '--url', url, '--json'])).out) as { controls: { actor: string }[] }
    expect(controls).toMatchObject([
      { agent: 'support', reason: 'wrong refunds', fallback: 'paused' },
      { control: 'tool', target: 'search' },
    ])
    expect(controls[0]?.actor).toMatch(/^ana@./)
    const [enabled, closed] = await Promise.all([
      run(['agent', 'enable', 'support', '--url', url]),
      run(['tool', 'close', 'search', '--url', url, '--reason', 'up again']),
    ])
    expect([enabled.code, closed.code, enabled.out]).toEqual([
      0,
      0,
      expect.stringMatching(/^agent support is no longer disabled/) as string,
    ])
    const all = await run(['control', 'list', '--all', '--url', url])
    expect(all.out).toContain('no control is in force\n')
    expect(all.out).toMatch(/undo +tool +support +search +ana@\S+ +up again\n/)
  })
  test('runs and releases', async () => {
    const { url } = await start()
    const file = join(folder(), 'release.yaml')
    writeFileSync(file, 'prompts: { system: be brief }\nmodel: gpt-5-mini\n')
    const stopped = await run(['run', 'stop', '--agent', 'support', '--reason', 'loops', '--url', url])
    expect(stopped.out).toMatch(/^every run under way of support is stopped until .*\nundo: npm run -s agentopz -- control undo ctl_/)
    const published = await run(['release', 'publish', 'support', file, '--release-version', 'v1', '--activate', '--url', url])
    expect([published.code, published.out]).toEqual([0, 'support has release v1, and it is active\n'])
    writeFileSync(file, 'prompts: { system: be long }\n')
    await run(['release', 'publish', 'support', file, '--release-version', 'v2', '--url', url])
    expect((await run(['release', 'activate', 'support', 'v2', '--url', url])).out).toBe(
      'support reads release v2 instead of v1\n  removed model\n  changed prompts.system\n',
    )
    expect((await run(['release', 'rollback', 'support', '--url', url])).out).toContain('support reads release v1 instead of v2\n')
    expect((await run(['release', 'list', 'support', '--url', url])).out).toMatch(/\nv1 +yes +.*gpt-5-mini +prompts.system\n/)
  })
  test('a token from the environment or the option', async () => {
    const { url } = await start('agents: { support: {} }\nauth: { tokens: [{ name: oncall, role: operate, token: secret }] }')
    const args = ['agent', 'disable', 'support', '--reason', 'x', '--url', url]
    const [none, env, option] = await Promise.all([run(args), run(args, { AGENTOPZ_TOKEN: 'secret' }), run([...args, '--token', 'secret'])])
    expect([none.code, env.code, option.code]).toEqual([1, 0, 0])
    expect(none.err).toBe('agentopz: a bearer token with the operate role is needed; give one with --token or AGENTOPZ_TOKEN\n')
  })
  const nowhere = 'http://127.0.0.1:9'
  const mistakes: readonly (readonly [string, readonly string[], number, RegExp])[] = [
    [
      'nobody there',
      ['control', 'list', '--url', 'http://127.0.0.1:59999'],
      1,
      /no answer from http:\/\/127\.0\.0\.1:59999 \(ECONNREFUSED\); start it with: npm run -s agentopz -- serve, or say/,
    ],
    ['no reason', ['agent', 'disable', 'support', '--url', nowhere], 2, /required option '--reason <text>' not specified/],
    [
      'an expiry that is none',
      ['tool', 'open', 'x', '--reason', 'y', '--expires', 'soon', '--url', nowhere],
      2,
      /write a duration such as 4h/,
    ],
    ['neither run nor agent', ['run', 'stop', '--reason', 'y', '--url', nowhere], 2, /name the run, or with --agent NAME/],
    ['a URL that is none', ['control', 'list', '--url', 'here'], 2, /--url here is no URL; write something like/],
    ['a file that is not there', ['release', 'publish', 'a', '/nowhere.yaml', '--url', nowhere], 2, /nowhere\.yaml: ENOENT/],
    [
      'a configuration that is wrong',
      ['control', 'list', '-c', '/nowhere.yaml'],
      2,
      /no such file[\s\S]*say where agentopz listens with --url/,
    ],
  ]
  test.each(mistakes)('%s', async (_, args, code, says) => {
    const { code: got, err, out } = await run(args)
    expect([got, out]).toEqual([code, ''])
    expect(err).toMatch(says)
  })
  test('a name nobody knows, and one that is not disabled', async () => {
    const { url } = await start()
    const [typo, idle] = await Promise.all([
      run(['agent', 'disable', 'suport', '--reason', 'x', '--url', url]),
      run(['agent', 'enable', 'support', '--url', url]),
    ])
    expect([typo.code, typo.err]).toEqual([
      1,
      'agentopz: no agent "suport" is configured or was seen; did you mean support? to take it all the same: --force, over HTTP ?force=1\n',
    ])
    expect([idle.code, idle.err]).toEqual([
      1,
      `agentopz: no control in force is about agent support; see: npm run -s agentopz -- control list --url ${url}\n`,
    ])
    expect((await run(['agent', 'disable', 'suport', '--reason', 'x', '--force', '--url', url])).code).toBe(0)
  })
})
