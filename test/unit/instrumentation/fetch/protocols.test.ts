/**
 * The protocols against a provider that speaks them: requests, answers whole and streamed, in any chunks and broken in any way. What is read
 * is checked against what the provider is known to answer (test/conformance/README.md), not against another reading.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { internalErrors } from '../../../../instrumentation/log.ts'
import type { Answer, ModelRequest, Protocol } from '../../../../instrumentation/fetch/protocol.ts'
import { PROTOCOLS, protocolOf, providerOf } from '../../../../instrumentation/fetch/protocols.ts'
import { AnswerReader, type Ending, formOf } from '../../../../instrumentation/fetch/read-answer.ts'
import { startProvider, type Provider } from '../../../support/provider.ts'
import { ANSWER } from '../../../support/provider/answer.ts'

let provider: Provider
beforeAll(async () => {
  provider = await startProvider()
})
afterAll(() => provider.close())

const weather = { type: 'object', properties: { city: { type: 'string' } } }
interface Dialect {
  readonly name: string
  readonly path: (stream: boolean, model: string) => string
  readonly body: (stream: boolean, model: string, tools: boolean) => object
  readonly usage: Partial<Pick<Answer, 'inputTokens' | 'outputTokens' | 'cacheRead' | 'cacheWrite' | 'reasoning'>>
  readonly model: string
  readonly finish: string
  readonly toolFinish: string
}
const OPENAI_USAGE = { inputTokens: 100, outputTokens: 20, cacheRead: 40, reasoning: 8 }
const DIALECTS: readonly Dialect[] = [
  {
    name: 'openai.chat',
    path: () => '/v1/chat/completions',
    body: (stream, model, tools) => ({
      model,
      messages: [{ role: 'user', content: 'hi' }],
      ...(stream ? { stream, stream_options: { include_usage: true } } : {}),
      ...(tools ? { tools: [{ type: 'function', function: { name: 'get_weather', parameters: weather } }] } : {}),
    }),
    usage: OPENAI_USAGE,
    model: 'm-2026-08-01',
    finish: 'stop',
    toolFinish: 'tool_calls',
  },
  {
    name: 'openai.responses',
    path: () => '/v1/responses',
    body: (stream, model, tools) => ({
      model,
      input: 'hi',
      stream,
      ...(tools ? { tools: [{ type: 'function', name: 'get_weather', parameters: weather }] } : {}),
    }),
    usage: OPENAI_USAGE,
    model: 'm-2026-08-01',
    finish: 'stop',
    toolFinish: 'tool_calls',
  },
  {
    name: 'anthropic.messages',
    path: () => '/v1/messages',
    body: (stream, model, tools) => ({
      model,
      max_tokens: 100,
      messages: [{ role: 'user', content: 'hi' }],
      stream,
      ...(tools ? { tools: [{ name: 'get_weather', input_schema: weather }] } : {}),
    }),
    usage: { inputTokens: 100, outputTokens: 20, cacheRead: 30, cacheWrite: 10 },
    model: 'm',
    finish: 'end_turn',
    toolFinish: 'tool_use',
  },
  {
    name: 'gemini',
    path: (stream, model) => `/v1beta/models/${model}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
    body: (_s, _m, tools) => ({
      contents: [{ role: 'user', parts: [{ text: 'hi' }] }],
      ...(tools ? { tools: [{ functionDeclarations: [{ name: 'get_weather', parameters: weather }] }] } : {}),
    }),
    usage: OPENAI_USAGE,
    model: 'm',
    finish: 'STOP',
    toolFinish: 'tool_calls',
  },
  {
    name: 'ollama',
    path: () => '/api/chat',
    body: (stream, model, tools) => ({
      model,
      stream,
      messages: [{ role: 'user', content: 'hi' }],
      ...(tools ? { tools: [{ type: 'function', function: { name: 'get_weather', parameters: weather } }] } : {}),
    }),
    usage: { inputTokens: 100, outputTokens: 20 },
    model: 'm',
    finish: 'stop',
    toolFinish: 'tool_calls',
  },
  {
    name: 'cohere',
    path: () => '/v2/chat',
    body: (stream, model, tools) => ({
      model,
      stream,
      messages: [{ role: 'user', content: 'hi' }],
      ...(tools ? { tools: [{ type: 'function', function: { name: 'get_weather', parameters: weather } }] } : {}),
    }),
    usage: { inputTokens: 100, outputTokens: 20 },
    model: '',
    finish: 'COMPLETE',
    toolFinish: 'TOOL_CALL',
  },
]

interface Raw {
  readonly bytes: Uint8Array
  readonly contentType: string
  readonly status: number
}
async function ask(d: Dialect, { stream = false, model = 'm', tools = false } = {}): Promise<Raw> {
  const response = await fetch(provider.url + d.path(stream, model), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(d.body(stream, model, tools)),
  })
  const bytes = new Uint8Array(await response.arrayBuffer().catch(() => new ArrayBuffer(0)))
  return { bytes, contentType: response.headers.get('content-type') ?? '', status: response.status }
}
function protocolNamed(name: string): Protocol {
  const found = PROTOCOLS.find((p) => p.name === name)
  if (found === undefined) throw new Error(`no protocol ${name}`)
  return found
}
interface Read {
  readonly answer: Answer
  readonly ending: Ending | undefined
  readonly malformed: boolean
  readonly ends: number
}
/** Reads bytes, cut where `cuts` say. */
function read(
  protocol: Protocol,
  { bytes, contentType }: Pick<Raw, 'bytes' | 'contentType'>,
  cuts: readonly number[] = [],
  max = 1e7,
): Read {
  const endings: Ending[] = []
  const reader = new AnswerReader(protocol, formOf(contentType), max, (ending) => endings.push(ending))
  const sorted = [...new Set(cuts.map((c) => c % (bytes.length + 1)))].sort((a, b) => a - b)
  let from = 0
  for (const to of [...sorted, bytes.length]) {
    if (to > from) reader.chunk(bytes.slice(from, to))
    from = to
  }
  reader.end()
  return { answer: reader.answer, ending: endings[0], malformed: reader.malformed, ends: endings.length }
}

describe.each(DIALECTS)('$name', (d) => {
  const protocol = protocolNamed(d.name)

  test('is told by path and body', () => {
    const path = d.path(true, 'm').replace(/\?.*/, '')
    expect(protocolOf(path)).toBe(protocol)
    expect(protocol.fits(d.body(true, 'm', false) as Record<string, unknown>)).toBe(true)
    expect(protocol.fits({})).toBe(false)
    expect(protocol.fits({ messages: 'hi', input: undefined, contents: {} })).toBe(false)
  })

  test.each([false, true])('an answer, streamed: %s', async (stream) => {
    const { answer, ending, malformed, ends } = read(protocol, await ask(d, { stream }))
    expect(answer).toMatchObject({ ...d.usage, text: ANSWER, hasContent: true, finish: [d.finish], toolCalls: [], isComplete: true })
    if (d.model !== '') expect(answer.model).toBe(d.model)
    for (const key of ['cacheRead', 'cacheWrite', 'reasoning'] as const) if (!(key in d.usage)) expect(answer[key]).toBeUndefined()
    expect({ ending, malformed, ends }).toEqual({ ending: 'complete', malformed: false, ends: 1 })
  })

  test.each([false, true])('tool calls, streamed: %s', async (stream) => {
    const { answer } = read(protocol, await ask(d, { stream, tools: true }))
    expect(answer.toolCalls.map((t): unknown[] => [t.name, JSON.parse(t.args) as unknown])).toEqual([['get_weather', { city: 'Paris' }]])
    expect(answer.finish).toEqual([d.toolFinish])
    expect(answer.hasContent).toBe(true)
    if (d.name !== 'ollama' && d.name !== 'gemini') expect(answer.toolCalls[0]?.id).not.toBe('')
  })

  test.each([false, true])('without usage the tokens are unknown, not 0; streamed: %s', async (stream) => {
    const { answer } = read(protocol, await ask(d, { stream, model: 'no-usage' }))
    expect(answer.text).toBe(ANSWER)
    expect([answer.inputTokens, answer.outputTokens]).toEqual([undefined, undefined])
  })

  test("an error in the provider's words", async () => {
    const raw = await ask(d, { model: 'fail-429' })
    const { answer } = read(protocol, raw)
    expect(raw.status).toBe(429)
    expect(answer.isError).toBe(true)
    expect(answer.errorMessage).toBeTruthy()
    expect(answer.isComplete).toBe(false)
  })

  test('a body that is cut off, or an event that is no JSON: malformed, what could be read is there', async () => {
    expect(read(protocol, await ask(d, { model: 'malformed-json' })).malformed).toBe(true)
    expect(read(protocol, await ask(d, { model: 'malformed-json', stream: true })).malformed).toBe(true)
  })

  test.each([false, true])('cut anywhere into chunks the answer is the same; streamed: %s', async (stream) => {
    for (const tools of [false, true]) {
      const raw = await ask(d, { stream, tools })
      const whole = read(protocol, raw)
      const everywhere = Array.from({ length: raw.bytes.length }, (_, i) => i)
      expect(read(protocol, raw, everywhere)).toEqual(whole)
      fc.assert(
        fc.property(fc.array(fc.nat(raw.bytes.length), { maxLength: 20 }), (cuts) => {
          expect(read(protocol, raw, cuts)).toEqual(whole)
        }),
        { numRuns: 30 },
      )
    }
  })

  test('a stream that stops anywhere is incomplete unless its end was seen, and nothing throws', async () => {
    const raw = await ask(d, { stream: true })
    const before = new Map(internalErrors())
    for (let length = 0; length < raw.bytes.length; length += 7) {
      const { ending, answer, ends } = read(protocol, { ...raw, bytes: raw.bytes.slice(0, length) })
      expect(ends).toBe(1)
      expect(ending).toBe(answer.isComplete ? 'complete' : 'incomplete')
      expect(ANSWER.startsWith(answer.text)).toBe(true)
    }
    expect(new Map(internalErrors())).toEqual(before)
  })

  test('a request whose fields are anything at all is read without a throw', () =>
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom(
            'model',
            'messages',
            'input',
            'contents',
            'system',
            'tools',
            'tool_choice',
            'stream',
            'max_tokens',
            'response_format',
            'systemInstruction',
            'generationConfig',
            'options',
            'text',
            'conversation',
          ),
          fc.jsonValue(),
        ),
        (body) => {
          const request = protocol.request(body, d.path(false, 'm'))
          expect(typeof request.stream).toBe('boolean')
          expect(Array.isArray(request.toolResults)).toBe(true)
          if (request.maxTokens !== undefined) expect(Number.isFinite(request.maxTokens)).toBe(true)
          protocol.rewrite?.(body, { model: 'other', prompt: (text) => `${text}!` })
          protocol.fallback?.(request, 'text')
        },
      ),
    ))

  test('an answer that is any JSON at all is read without a throw, and never gives a token count that is none', () =>
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 4 }),
        fc.jsonValue({ maxDepth: 4 }),
        fc.constantFrom('application/json', 'text/event-stream', 'application/x-ndjson'),
        (one, two, contentType) => {
          const before = internalErrors().get('answer') ?? 0
          const usage = {
            usage: one,
            usageMetadata: one,
            message: two,
            choices: [one, two],
            candidates: [two],
            output: [one],
            content: one,
            error: two,
            delta: { message: one, usage: two },
            response: one,
            type: 'message-end',
            done: true,
            prompt_eval_count: one,
          }
          const text =
            contentType === 'application/json'
              ? JSON.stringify(usage)
              : [one, usage, two].map((v) => `${contentType === 'text/event-stream' ? 'data: ' : ''}${JSON.stringify(v)}\n`).join('\n')
          const { answer } = read(protocol, { bytes: new TextEncoder().encode(text), contentType })
          expect(internalErrors().get('answer') ?? 0).toBe(before)
          for (const n of [answer.inputTokens, answer.outputTokens, answer.cacheRead, answer.cacheWrite, answer.reasoning])
            if (n !== undefined) expect(Number.isInteger(n) && n >= 0).toBe(true)
          for (const s of [answer.id, answer.model, answer.errorType, answer.errorMessage])
            if (s !== undefined) expect(typeof s).toBe('string')
        },
      ),
    ))

  test('bytes that are nothing at all are read without a throw', () =>
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.constantFrom('application/json', 'text/event-stream', 'application/x-ndjson'),
        (bytes, contentType) => {
          const before = internalErrors().get('answer') ?? 0
          expect(read(protocol, { bytes, contentType }, [50, 100]).ends).toBe(1)
          expect(internalErrors().get('answer') ?? 0).toBe(before)
        },
      ),
    ))
})

describe('bounds', () => {
  const chat = protocolNamed('openai.chat')
  const event = (fields: object): string => `data: ${JSON.stringify(fields)}\n\n`
  const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
  test('a line over the bound is left out and said to be malformed, however it is cut; what comes after it is read', () => {
    const text =
      event({ choices: [{ delta: { content: 'x'.repeat(5000) } }] }) +
      event({ usage: { prompt_tokens: 7, completion_tokens: 3 }, choices: [] })
    for (const cuts of [[], [100, 2000, 3000, 4000], Array.from({ length: 600 }, (_, i) => i * 10)]) {
      const { answer, malformed } = read(chat, { bytes: bytesOf(text), contentType: 'text/event-stream' }, cuts, 1000)
      expect({ malformed, input: answer.inputTokens, text: answer.text }).toEqual({ malformed: true, input: 7, text: '' })
    }
  })
  test('a body over the bound is not read at all, however it is cut', () => {
    const text = JSON.stringify({ pad: 'x'.repeat(5000), usage: { prompt_tokens: 7 }, choices: [] })
    for (const cuts of [[], [100, 2000, 5005], Array.from({ length: 600 }, (_, i) => i * 10)]) {
      const { answer, malformed } = read(chat, { bytes: bytesOf(text), contentType: 'application/json' }, cuts, 1000)
      expect({ malformed, input: answer.inputTokens }).toEqual({ malformed: true, input: undefined })
    }
  })
  test('text, arguments, tool calls and finish reasons of an endless answer are kept up to a bound', () => {
    const many = Array.from({ length: 2000 }, (_, i) =>
      event({
        choices: [
          {
            finish_reason: 'stop',
            delta: {
              content: 'x'.repeat(100),
              tool_calls: [{ index: i, id: `c${i}`, function: { name: 't', arguments: 'y'.repeat(100) } }],
            },
          },
        ],
      }),
    ).join('')
    const { answer } = read(chat, { bytes: bytesOf(many), contentType: 'text/event-stream' })
    expect(answer.text.length).toBeLessThanOrEqual(16_384)
    expect(answer.toolCalls.length).toBeLessThanOrEqual(257)
    expect(answer.finish.length).toBeLessThanOrEqual(128)
    const one = Array.from({ length: 2000 }, () =>
      event({ choices: [{ delta: { tool_calls: [{ index: 0, id: 'c', function: { name: 't', arguments: 'y'.repeat(100) } }] } }] }),
    ).join('')
    expect(read(chat, { bytes: bytesOf(one), contentType: 'text/event-stream' }).answer.toolCalls[0]?.args.length).toBeLessThan(70_000)
  })
  test('comments, other fields and empty lines of an event stream are no news', () => {
    const text = `: ping\n\nevent: x\nid: 3\nretry: 5\ndata:${JSON.stringify({ model: 'm', choices: [] })}\r\n\r\ndata: [DONE]\n\n`
    const { answer, malformed, ending } = read(chat, { bytes: bytesOf(text), contentType: 'text/event-stream' })
    expect({ malformed, ending, model: answer.model }).toEqual({ malformed: false, ending: 'complete', model: 'm' })
  })
})

describe('requests in normal form', () => {
  interface Case {
    readonly name: string
    readonly protocol: string
    readonly body: object
    readonly path?: string
    readonly is: Partial<ModelRequest>
  }
  const cases: readonly Case[] = [
    {
      name: 'OpenAI: instructions of system and developer, in order',
      protocol: 'openai.chat',
      body: {
        model: 'm',
        messages: [
          { role: 'system', content: 'a' },
          { role: 'developer', content: [{ type: 'text', text: 'b' }] },
          { role: 'user', content: 'c' },
        ],
      },
      is: { instructions: 'a\nb', model: 'm', stream: false, operation: 'chat', wantsForm: false },
    },
    {
      name: 'OpenAI: the newer limit of tokens',
      protocol: 'openai.chat',
      body: { messages: [], max_tokens: 5, max_completion_tokens: 9, temperature: 0 },
      is: { maxTokens: 9, temperature: 0 },
    },
    {
      name: 'OpenAI: JSON is a form',
      protocol: 'openai.chat',
      body: { messages: [], response_format: { type: 'json_schema' } },
      is: { wantsForm: true },
    },
    {
      name: 'OpenAI: text is none',
      protocol: 'openai.chat',
      body: { messages: [], response_format: { type: 'text' }, tool_choice: 'auto' },
      is: { wantsForm: false },
    },
    {
      name: 'OpenAI: a tool that must be called is a form',
      protocol: 'openai.chat',
      body: { messages: [], tool_choice: 'required' },
      is: { wantsForm: true },
    },
    {
      name: 'OpenAI: only results of the newest turn',
      protocol: 'openai.chat',
      body: {
        messages: [
          { role: 'tool', tool_call_id: 'old', content: 'x' },
          { role: 'assistant', tool_calls: [] },
          { role: 'tool', tool_call_id: 'a', content: 'y' },
          { role: 'tool', tool_call_id: 'b', content: [{ type: 'text', text: 'z' }] },
        ],
      },
      is: {
        toolResults: [
          { id: 'a', text: 'y', isError: false },
          { id: 'b', text: 'z', isError: false },
        ],
      },
    },
    {
      name: 'responses: instructions, what it goes on with, conversation',
      protocol: 'openai.responses',
      body: {
        model: 'm',
        instructions: 'a',
        input: [
          { role: 'developer', content: 'b' },
          { type: 'function_call_output', call_id: 'c', output: 'r' },
        ],
        previous_response_id: 'p',
        conversation: { id: 'k' },
      },
      is: { instructions: 'a\nb', previousResponseId: 'p', conversation: 'k', toolResults: [{ id: 'c', text: 'r', isError: false }] },
    },
    {
      name: 'Anthropic: system blocks, failed tools, a tool that must be used',
      protocol: 'anthropic.messages',
      body: {
        model: 'm',
        max_tokens: 7,
        system: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
        tool_choice: { type: 'any' },
        messages: [{ role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: 'no', is_error: true }] }],
      },
      is: { instructions: 'ab', maxTokens: 7, wantsForm: true, toolResults: [{ id: 't', text: 'no', isError: true }] },
    },
    {
      name: 'Gemini: the model is in the path, also on Vertex AI',
      protocol: 'gemini',
      path: '/v1/projects/p/locations/l/publishers/google/models/gemini-3:streamGenerateContent',
      body: {
        contents: [],
        system_instruction: { parts: [{ text: 'a' }] },
        generationConfig: { maxOutputTokens: 5, responseMimeType: 'application/json' },
      },
      is: { model: 'gemini-3', stream: true, instructions: 'a', maxTokens: 5, wantsForm: true, operation: 'generate_content' },
    },
    {
      name: 'Ollama streams unless it is told not to',
      protocol: 'ollama',
      body: { model: 'm', messages: [], options: { num_predict: 3 } },
      is: { stream: true, maxTokens: 3 },
    },
  ]
  for (const c of cases)
    test(c.name, () => expect(protocolNamed(c.protocol).request(c.body as Record<string, unknown>, c.path ?? '/')).toMatchObject(c.is))
})

describe('whose model it is', () => {
  test.each([
    ['api.openai.com', 'openai'],
    ['my-thing.openai.azure.com', 'azure.ai.openai'],
    ['api.groq.com', 'groq'],
    ['eu.api.mistral.ai', 'mistral_ai'],
    ['localhost', 'openai'],
    ['openai.com.evil.example', 'openai'],
    ['notgroq.com', 'openai'],
  ])('%s is %s', (host, is) => expect(providerOf(host, protocolNamed('openai.chat'))).toBe(is))
})
