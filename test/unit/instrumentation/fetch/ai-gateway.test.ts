/** Vercel AI Gateway: its requests are read from body and headers, and its two forms of usage and finish reason are told apart by the path. */
import { describe, expect, test } from 'vitest'
import { Answer, type Json, type Protocol } from '../../../../instrumentation/fetch/protocol.ts'
import { protocolOf } from '../../../../instrumentation/fetch/protocols.ts'

function of(path: string): Protocol {
  const found = protocolOf(path)
  if (found === undefined) throw new Error(`no protocol for ${path}`)
  return found
}
const OLD = of('/v1/ai/language-model')
const NEW = of('/v3/ai/language-model')
const headers = (streaming: boolean): Headers =>
  new Headers({ 'ai-language-model-id': 'openai/gpt-5-mini', 'ai-language-model-streaming': String(streaming) })

function read(protocol: Protocol, body: Json): Answer {
  const into = new Answer()
  protocol.answer(body, into)
  return into
}

function readEvents(protocol: Protocol, events: readonly Json[]): Answer {
  const into = new Answer()
  for (const event of events) protocol.event(event, into)
  return into
}

describe('requests', () => {
  test('the model and whether to stream are in the headers', () => {
    const request = NEW.request({ prompt: [] }, '', headers(true))
    expect([request.model, request.stream]).toEqual(['openai/gpt-5-mini', true])
    expect(NEW.request({ prompt: [] }, '', headers(false)).stream).toBe(false)
    expect(NEW.request({ prompt: [] }, '').model).toBeUndefined()
  })

  test('instructions, limits, and results of tools in the newest turn', () => {
    const prompt = [
      { role: 'system', content: 'be brief' },
      { role: 'user', content: [{ type: 'text', text: 'weather?' }] },
      { role: 'tool', content: [{ type: 'tool-result', toolCallId: 'old', toolName: 't', output: { type: 'text', value: 'old' } }] },
      { role: 'assistant', content: [{ type: 'tool-call', toolCallId: 'a', toolName: 't', input: {} }] },
      {
        role: 'tool',
        content: [
          { type: 'tool-result', toolCallId: 'a', toolName: 't', output: { type: 'json', value: { c: 21 } } },
          { type: 'tool-result', toolCallId: 'b', toolName: 't', output: { type: 'error-text', value: 'it broke' } },
        ],
      },
    ]
    expect(NEW.request({ prompt, maxOutputTokens: 50, temperature: 0 }, '', headers(false))).toMatchObject({
      instructions: 'be brief',
      maxTokens: 50,
      temperature: 0,
      toolResults: [
        { id: 'a', text: '{"c":21}', isError: false },
        { id: 'b', text: 'it broke', isError: true },
      ],
    })
  })

  test.each([
    [{ prompt: [] }, false],
    [{ prompt: [], toolChoice: { type: 'auto' } }, false],
    [{ prompt: [], responseFormat: { type: 'text' } }, false],
    [{ prompt: [], responseFormat: { type: 'json', schema: {} } }, true],
    [{ prompt: [], toolChoice: { type: 'required' } }, true],
    [{ prompt: [], toolChoice: { type: 'tool', toolName: 't' } }, true],
  ])('%j: a text would not do: %s', (body, wantsForm) => {
    expect(NEW.request(body, '', headers(false)).wantsForm).toBe(wantsForm)
  })

  test('embeddings, bare or as a list', () => {
    const embeddings = of('/v3/ai/embedding-model')
    expect([embeddings.fits({ values: ['a'] }), embeddings.fits({ input: 'a' }), embeddings.fits({})]).toEqual([true, true, false])
    const request = embeddings.request({ values: ['a'] }, '', new Headers({ 'ai-model-id': 'openai/e' }))
    expect([request.operation, request.model]).toEqual(['embeddings', 'openai/e'])
    expect(read(embeddings, { embeddings: [], usage: { tokens: 3 } }).inputTokens).toBe(3)
  })
})

const flat = { inputTokens: 100, outputTokens: 20, totalTokens: 120, cachedInputTokens: 40, reasoningTokens: 8 }
const parts = { inputTokens: { total: 100, noCache: 60, cacheRead: 40 }, outputTokens: { total: 20, text: 12, reasoning: 8 } }
const FORMS = [
  ['specification 2', OLD, { usage: flat, finishReason: 'tool-calls' }],
  ['specification 3', NEW, { usage: parts, finishReason: { unified: 'tool-calls', raw: 'tool_calls' } }],
] as const

describe.each(FORMS)('answers of %s', (_name, protocol, end) => {
  const call = { type: 'tool-call', toolCallId: 'c1', toolName: 'get_weather', input: '{"city":"Paris"}' }
  const wanted = {
    id: 'gen_1',
    model: 'openai/gpt-5-mini',
    inputTokens: 100,
    outputTokens: 20,
    cacheRead: 40,
    reasoning: 8,
    finish: ['tool-calls'],
    toolCalls: [{ id: 'c1', name: 'get_weather', args: '{"city":"Paris"}' }],
    isComplete: true,
  }
  const head = { id: 'gen_1', modelId: 'openai/gpt-5-mini' }

  test('whole', () => {
    expect(read(protocol, { content: [{ type: 'text', text: 'so: ' }, call], response: head, ...end })).toMatchObject({
      ...wanted,
      text: 'so: ',
    })
  })

  test('streamed', () => {
    const events = [
      { type: 'response-metadata', ...head },
      { type: 'text-delta', id: '1', delta: 'so: ' },
      call,
      { type: 'finish', ...end },
    ]
    expect(readEvents(protocol, events)).toMatchObject({ ...wanted, text: 'so: ' })
    expect(readEvents(protocol, events.slice(0, -1)).isComplete).toBe(false)
  })

  test('an error, whole and in a stream', () => {
    const error = { message: 'no', type: 'forbidden', code: 'AGENTOPZ_COST_GUARD' }
    expect(read(protocol, { error })).toMatchObject({ isError: true, errorType: 'AGENTOPZ_COST_GUARD', errorMessage: 'no' })
    expect(readEvents(protocol, [{ type: 'error', error: { type: 'x' } }]).errorType).toBe('x')
  })

  test('a fallback is an answer of the same form', () => {
    const request = (stream: boolean): ReturnType<Protocol['request']> => protocol.request({ prompt: [] }, '', headers(stream))
    const whole = read(protocol, JSON.parse(protocol.fallback?.(request(false), 'closed')?.body ?? '{}') as Json)
    const events = (protocol.fallback?.(request(true), 'closed')?.body ?? '').split('\n\n').filter((line) => line !== '')
    const streamed = readEvents(
      protocol,
      events.map((line) => JSON.parse(line.slice('data: '.length)) as Json),
    )
    for (const answer of [whole, streamed])
      expect(answer).toMatchObject({ text: 'closed', inputTokens: 0, outputTokens: 0, finish: ['stop'], isComplete: true })
  })
})
