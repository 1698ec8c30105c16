/** The conformance harness itself: that it notices what it is there to notice, and that the provider does what its table says. */
import { connect } from 'node:http2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compareRuns, type Volatile } from '../conformance/compare.ts'
import { checkScenario, type Expected, expectedOf, type Truth } from '../conformance/expected.ts'
import type { ProgramRun } from '../conformance/program-run.ts'
import { sdks } from '../conformance/sdks.ts'
import { ofScenario, telemetryOf } from '../conformance/telemetry.ts'
import { otlp, type SpanSketch } from '../support/otlp.ts'
import { type Call, type Provider, startProvider } from '../support/provider.ts'

const CALL: Call = {
  mark: 'chat',
  atMs: 1000,
  method: 'POST',
  path: '/v1/chat/completions',
  model: 'm',
  headers: { host: 'here', 'x-key': 'a' },
  body: '{"model":"m","run_id":"1"}',
  sent: 0,
  end: 'answered',
}
const RUN: ProgramRun = {
  stdout: ['{"scenario":"chat","result":"hello"}', '{"scenario":"other","result":1}'],
  stderr: ['(node:1) a warning'],
  exit: '0',
  marks: [
    { name: 'chat', atMs: 900 },
    { name: 'other', atMs: 2000 },
  ],
  calls: [CALL],
  received: [],
  durationMs: 1,
  printedMs: 3000,
}
const call = (change: Partial<Call>): Partial<ProgramRun> => ({ calls: [{ ...CALL, ...change }] })

describe('two runs differ in', () => {
  const cases: readonly (readonly [name: string, change: Partial<ProgramRun>, found: readonly string[], volatile?: Volatile])[] = [
    ['nothing', {}, []],
    ['the process id of a warning', { stderr: ['(node:2) a warning'] }, []],
    ['trace context and dates', call({ headers: { ...CALL.headers, traceparent: '00', tracestate: 'a', baggage: 'b', date: 'c' } }), []],
    ['one line of ours', { stderr: [...RUN.stderr, 'agentopz: on'] }, []],
    ['what the SDK makes up', call({ body: CALL.body.replace('1', '2') }), [], { body: ['"run_id":"\\d"'] }],
    ['a header that the SDK makes up', call({ headers: { ...CALL.headers, 'x-key': 'b' } }), [], { headers: ['x-key'] }],
    ['how a race ended', call({ end: 'left' }), [], { ends: ['chat'] }],
    ['a warning that is allowed', { stderr: [...RUN.stderr, 'old module'] }, [], { stderr: ['^old module$'] }],
    ['a result', { stdout: ['{"scenario":"chat","result":"hell"}', RUN.stdout[1] ?? ''] }, ['chat stdout']],
    ['a second line', { stdout: [...RUN.stdout, '{"scenario":"chat","unhandledRejection":{}}'] }, ['chat stdout']],
    ['a scenario that is missing', { stdout: RUN.stdout.slice(0, 1) }, [' order', 'other stdout']],
    ['something printed by another', { stdout: [...RUN.stdout, 'hi'] }, [' order', ' stdout']],
    ['the exit code', { exit: '1' }, [' exit']],
    ['a retry', { calls: [CALL, CALL] }, ['chat requests']],
    ['a request that is missing', { calls: [] }, ['chat requests']],
    ['a body', call({ body: `${CALL.body} ` }), ['chat requests']],
    ['a header', call({ headers: { ...CALL.headers, 'x-key': 'b' } }), ['chat requests']],
    ['a path', call({ path: '/v1/responses' }), ['chat requests']],
    ['whether the response was read to its end', call({ end: 'left' }), ['chat requests']],
    ['how much of a flood was taken', call({ sent: 32 * 1024 * 1024 }), ['chat requests']],
    ['a warning', { stderr: [...RUN.stderr, 'MaxListenersExceededWarning'] }, [' stderr']],
    ['two lines of ours', { stderr: [...RUN.stderr, 'agentopz: on', 'agentopz: and more'] }, [' stderr']],
    ['a bug of ours', { stderr: [...RUN.stderr, 'agentopz: a bug of the instrumentation in fetch was contained'] }, [' stderr']],
    ['everything, because it never began', { exit: '1', stdout: [], calls: [], marks: [], stderr: ['no such file'] }, [' exit', ' stderr']],
  ]
  for (const [name, change, found, volatile] of cases)
    test(name, () => expect(compareRuns(RUN, { ...RUN, ...change }, volatile).map((d) => `${d.scenario} ${d.what}`)).toEqual(found))
})

const AGENT: SpanSketch = {
  spanId: 'a'.repeat(16),
  startMs: 1000,
  attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'weather' },
}
const MODEL: SpanSketch = {
  spanId: 'b'.repeat(16),
  parentSpanId: AGENT.spanId ?? '',
  kind: 3,
  startMs: 1001,
  attributes: {
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'openai',
    'gen_ai.request.model': 'm',
    'gen_ai.response.finish_reasons': ['stop'],
    'gen_ai.usage.input_tokens': 100,
    'gen_ai.usage.cache_read.input_tokens': 40,
    'gen_ai.usage.output_tokens': 20,
  },
}
const TOOL: SpanSketch = {
  spanId: 'c'.repeat(16),
  parentSpanId: AGENT.spanId ?? '',
  startMs: 1002,
  attributes: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'get_weather' },
}
const TRUTH: Truth = {
  agent: 'weather',
  modelCalls: 1,
  tokens: { input: 60, cache_read: 40, output: 20 },
  tools: ['get_weather ok'],
  models: ['m'],
  providers: ['openai'],
  finish: 'stop',
}

describe('what is emitted is wrong in', () => {
  const seen = (spans: readonly SpanSketch[]): ReturnType<typeof ofScenario> =>
    ofScenario(
      telemetryOf({ ...RUN, received: [{ signal: 'traces', request: otlp({ resource: { 'service.name': 's' }, spans }) }] }),
      'chat',
    )
  const check = (spans: readonly SpanSketch[], truth: Truth = TRUTH): readonly string[] => {
    const expected: Expected = { scenarios: { chat: truth } }
    return checkScenario(expected, 'chat', seen(spans), 's')
  }
  const named = (problems: readonly string[]): readonly string[] => problems.map((p) => p.replace(/ .*/, ''))
  const { 'gen_ai.usage.output_tokens': _, ...withoutOutput } = MODEL.attributes ?? {}

  test('nothing', () => expect(check([AGENT, MODEL, TOOL])).toEqual([]))
  test('a field that is not asserted, with a reason', () =>
    expect(check([AGENT, MODEL], { ...TRUTH, tools: null, why: { tools: 'none is seen' } })).toEqual([]))
  test('a field that is not asserted, without one', () =>
    expect(named(check([AGENT, MODEL], { ...TRUTH, tools: null }))).toEqual(['tools']))
  test('a scenario without truth', () => expect(checkScenario({ scenarios: {} }, 'chat', seen([AGENT]), 's')).toHaveLength(1))
  const cases: readonly (readonly [string, readonly SpanSketch[], readonly string[]])[] = [
    ['the tools', [AGENT, MODEL], ['tools']],
    ['the outcome of a tool', [AGENT, MODEL, { ...TOOL, status: 'error' }], ['tools']],
    ['the number of calls', [AGENT, MODEL, { ...MODEL, spanId: 'd'.repeat(16) }, TOOL], ['modelCalls', 'tokens']],
    ['tokens', [AGENT, { ...MODEL, attributes: withoutOutput }, TOOL], ['tokens']],
    [
      'an error',
      [AGENT, { ...MODEL, status: 'error', attributes: { ...MODEL.attributes, 'error.type': '500' } }, TOOL],
      ['outcome', 'modelErrors'],
    ],
    ['a call in a trace of its own', [AGENT, { ...MODEL, traceId: '1'.repeat(32) }, TOOL], ['runs', 'agent', 'outcome']],
    ['a parent that was never sent', [AGENT, { ...MODEL, parentSpanId: 'e'.repeat(16) }, TOOL], ['nested']],
    [
      'another scenario',
      [AGENT, MODEL, TOOL].map((s) => ({ ...s, startMs: 2500 })),
      ['runs', 'agent', 'outcome', 'modelCalls', 'tokens', 'tools', 'models', 'providers', 'finish'],
    ],
  ]
  for (const [name, spans, wrong] of cases) test(name, () => expect(named(check(spans))).toEqual(wrong))
})

test('every program has its truth, and every null its reason', () => {
  const wrong = sdks().flatMap((sdk) => {
    const expected = expectedOf(sdk)
    if (expected === undefined) return [`${sdk.name} has no expected.json`]
    return Object.entries(expected.scenarios).flatMap(([scenario, truth]) =>
      Object.entries(truth).flatMap(([field, value]) =>
        value !== null || typeof truth.why === 'string' || truth.why?.[field] !== undefined
          ? []
          : [`${sdk.name} ${scenario}: ${field} is null without a reason`],
      ),
    )
  })
  expect(wrong).toEqual([])
})

describe('the provider', () => {
  let provider: Provider
  beforeAll(async () => {
    provider = await startProvider()
  })
  afterAll(() => provider.close())
  const ask = async (model: string, more: object = {}, signal?: AbortSignal): Promise<Response> =>
    fetch(`${provider.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }], ...more }),
      ...(signal === undefined ? {} : { signal }),
    })
  const mark = async (name: string): Promise<void> => void (await fetch(`${provider.url}/__mark/${name}`))
  const ended = async (): Promise<string | undefined> => {
    for (let i = 0; i < 100 && provider.calls.at(-1)?.end === 'open'; i++) await new Promise((r) => setTimeout(r, 10))
    return provider.calls.at(-1)?.end
  }

  test('answers equal requests of two runs with equal bytes', async () => {
    const run = async (): Promise<string> => {
      provider.reset()
      await mark('one')
      return (await (await ask('gpt')).text()) + (await (await ask('gpt', { stream: true })).text())
    }
    expect(await run()).toBe(await run())
  })
  test('ids are not repeated between sections', async () => {
    await mark('two')
    const first = (await (await ask('gpt')).json()) as { readonly id: string }
    await mark('three')
    expect(((await (await ask('gpt')).json()) as { readonly id: string }).id).not.toBe(first.id)
  })
  for (const status of [400, 401, 403, 429, 500])
    test(`fails with ${status}`, async () => expect((await ask(`fail-${status}`)).status).toBe(status))
  test('fails once in a section', async () => {
    await mark('four')
    expect([(await ask('once-500')).status, (await ask('once-500')).status]).toEqual([500, 200])
    await mark('five')
    expect((await ask('once-500')).status).toBe(500)
  })
  test('sends a body that is no JSON', async () => expect((await ask('malformed-json')).json()).rejects.toThrow(SyntaxError))
  test('leaves usage out', async () => expect(await (await ask('no-usage')).json()).not.toHaveProperty('usage'))
  test('cuts a stream', async () => {
    await expect((await ask('cut-stream', { stream: true })).text()).rejects.toThrow('terminated')
    expect(await ended()).toBe('cut')
  })
  test('sees a client that leaves', async () => {
    await expect(ask('hang', {}, AbortSignal.timeout(30))).rejects.toThrow()
    expect(await ended()).toBe('left')
  })
  test('does not send faster than it is read', async () => {
    const reader = (await ask('flood', { stream: true })).body?.getReader()
    await reader?.read()
    await new Promise((r) => setTimeout(r, 200))
    expect(provider.calls.at(-1)?.sent).toBeLessThan(16 * 1024 * 1024)
    await reader?.cancel()
    expect(await ended()).toBe('left')
  })
  test('records what was asked, in which section', async () => {
    await mark('six')
    await ask('gpt')
    expect(provider.calls.at(-1)).toMatchObject({ mark: 'six', method: 'POST', path: '/v1/chat/completions', model: 'gpt' })
  })
  test('speaks HTTP/2', async () => {
    const session = connect(provider.url)
    const stream = session.request({ ':method': 'POST', ':path': '/model/claude/converse' })
    stream.end('{"messages":[]}')
    let body = ''
    for await (const part of stream) body += String(part)
    session.close()
    expect(JSON.parse(body)).toMatchObject({ stopReason: 'end_turn' })
  })
})
