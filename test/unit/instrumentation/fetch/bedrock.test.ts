/** Amazon Bedrock's bodies: told apart by shape, whoever's model it is; frames of AWS's event stream, however they are cut. */
import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FrameReader } from '../../../../instrumentation/fetch/aws-frames.ts'
import { bedrockConverse, converseAnswer, converseEvents } from '../../../../instrumentation/fetch/bedrock-converse.ts'
import { bedrockInvoke } from '../../../../instrumentation/fetch/bedrock-invoke.ts'
import { Answer, type Json, type Protocol } from '../../../../instrumentation/fetch/protocol.ts'
import { withoutBytes } from '../../../../instrumentation/integrations/bedrock-output.ts'

function answered(protocol: Protocol, body: Json): Partial<Answer> {
  const answer = new Answer()
  protocol.answer(body, answer)
  return answer
}

function streamed(protocol: Protocol, events: readonly Json[]): Partial<Answer> {
  const answer = new Answer()
  for (const event of events) protocol.event(event, answer)
  return answer
}

const invoke = (body: Json, model: string, how = 'invoke') => bedrockInvoke.request(body, `/model/${encodeURIComponent(model)}/${how}`)

describe('requests of InvokeModel', () => {
  const cases: readonly (readonly [name: string, model: string, body: Json, expected: Json])[] = [
    [
      'Anthropic',
      'us.anthropic.claude-sonnet-5-v1:0',
      { anthropic_version: 'bedrock-2023-05-31', max_tokens: 9, system: 'be brief', messages: [{ role: 'user', content: 'hi' }] },
      { operation: 'chat', model: 'us.anthropic.claude-sonnet-5-v1:0', instructions: 'be brief', maxTokens: 9 },
    ],
    [
      'Amazon Nova',
      'amazon.nova-pro-v1:0',
      { schemaVersion: 'messages-v1', messages: [{ role: 'user', content: [{ text: 'hi' }] }], inferenceConfig: { maxTokens: 7 } },
      { operation: 'chat', model: 'amazon.nova-pro-v1:0', maxTokens: 7 },
    ],
    [
      'OpenAI',
      'openai.gpt-oss-120b-1:0',
      { messages: [{ role: 'user', content: 'hi' }], max_completion_tokens: 5 },
      { operation: 'chat', model: 'openai.gpt-oss-120b-1:0', maxTokens: 5 },
    ],
    [
      'Titan text',
      'amazon.titan-text-express-v1',
      { inputText: 'hi', textGenerationConfig: { maxTokenCount: 3 } },
      { operation: 'text_completion', model: 'amazon.titan-text-express-v1', maxTokens: 3 },
    ],
    ['Titan embeddings', 'amazon.titan-embed-text-v2:0', { inputText: 'hi' }, { operation: 'embeddings', wantsForm: true }],
    ['Llama', 'meta.llama4-maverick-v1:0', { prompt: 'hi', max_gen_len: 4 }, { operation: 'text_completion', maxTokens: 4 }],
  ]
  for (const [name, model, body, expected] of cases) test(name, () => expect(invoke(body, model)).toMatchObject(expected))

  test('a stream is told by the path', () =>
    expect(invoke({ prompt: 'hi' }, 'meta.llama4', 'invoke-with-response-stream').stream).toBe(true))
})

describe('answers of InvokeModel', () => {
  const cases: readonly (readonly [name: string, body: Json, expected: Json])[] = [
    [
      'Anthropic: cached tokens are added',
      {
        type: 'message',
        id: 'msg_1',
        content: [{ type: 'text', text: 'hello' }],
        stop_reason: 'end_turn',
        usage: { input_tokens: 60, cache_read_input_tokens: 30, cache_creation_input_tokens: 10, output_tokens: 20 },
      },
      { inputTokens: 100, cacheRead: 30, cacheWrite: 10, outputTokens: 20, finish: ['end_turn'], text: 'hello' },
    ],
    [
      'Amazon Nova: its own names of cached tokens',
      {
        output: { message: { role: 'assistant', content: [{ text: 'hello' }] } },
        stopReason: 'end_turn',
        usage: { inputTokens: 60, cacheReadInputTokenCount: 30, cacheWriteInputTokenCount: 10, outputTokens: 20 },
      },
      { inputTokens: 100, cacheRead: 30, cacheWrite: 10, outputTokens: 20, finish: ['end_turn'], text: 'hello' },
    ],
    [
      'Titan text',
      { inputTextTokenCount: 5, results: [{ tokenCount: 2, outputText: 'hello', completionReason: 'FINISH' }] },
      { inputTokens: 5, outputTokens: 2, finish: ['FINISH'], text: 'hello' },
    ],
    ['Titan embeddings', { embedding: [0.1], inputTextTokenCount: 5 }, { inputTokens: 5, outputTokens: undefined, isComplete: false }],
    [
      'Llama',
      { generation: 'hello', prompt_token_count: 5, generation_token_count: 2, stop_reason: 'stop' },
      { inputTokens: 5, outputTokens: 2, finish: ['stop'], text: 'hello' },
    ],
    ['an error', { message: 'no access' }, { errorType: 'error', errorMessage: 'no access' }],
  ]
  for (const [name, body, expected] of cases) test(name, () => expect(answered(bedrockInvoke, body)).toMatchObject(expected))

  test('in a stream of a maker that reports nothing, what Bedrock counted is taken', () => {
    const chunk = (body: Json): Json => ({ chunk: { bytes: Buffer.from(JSON.stringify(body)).toString('base64') } })
    const last = { generation: '', stop_reason: 'stop', 'amazon-bedrock-invocationMetrics': { inputTokenCount: 5, outputTokenCount: 2 } }
    expect(streamed(bedrockInvoke, [chunk({ generation: 'hello' }), chunk(last)])).toMatchObject({
      inputTokens: 5,
      outputTokens: 2,
      text: 'hello',
      finish: ['stop'],
    })
  })
})

describe('Converse', () => {
  test('a made-up answer reads as what it says, whole and as events', () => {
    const expected = { text: 'paused', finish: ['end_turn'], inputTokens: 0, outputTokens: 0, isComplete: true }
    expect(answered(bedrockConverse, converseAnswer('paused'))).toMatchObject(expected)
    expect(streamed(bedrockConverse, converseEvents('paused'))).toMatchObject({ ...expected, isLast: true })
  })

  test('tool results bring their id, text and whether they are errors', () => {
    const toolResult = { toolUseId: 't1', status: 'error', content: [{ text: 'no ' }, { json: { city: 1 } }] }
    const { toolResults } = bedrockConverse.request({ messages: [{ role: 'user', content: [{ toolResult }] }] }, '/model/m/converse')
    expect(toolResults).toEqual([{ id: 't1', text: 'no {"city":1}', isError: true }])
  })

  test('arguments of a streamed tool call are put together', () => {
    const answer = streamed(bedrockConverse, [
      { contentBlockStart: { start: { toolUse: { toolUseId: 't1', name: 'get_weather' } } } },
      { contentBlockDelta: { delta: { toolUse: { input: '{"city":' } } } },
      { contentBlockDelta: { delta: { toolUse: { input: '"Paris"}' } } } },
    ])
    expect(answer.toolCalls).toEqual([{ id: 't1', name: 'get_weather', args: '{"city":"Paris"}' }])
  })
})

describe('bytes in a request', () => {
  test('their hash stands for them: equal bytes are equal, others are not', () => {
    const image = (bytes: Uint8Array): unknown => withoutBytes({ messages: [{ content: [{ image: { source: { bytes } } }] }] })
    expect(image(new Uint8Array([1, 2]))).toEqual(image(Buffer.from([1, 2])))
    expect(image(new Uint8Array([1, 2]))).not.toEqual(image(new Uint8Array([1, 3])))
  })
})

/** A frame whose headers are strings; checksums are left at zero, they are not looked at. */
function frame(headers: Readonly<Record<string, string>>, payload: string): Buffer {
  const named = Buffer.concat(
    Object.entries(headers).map(([key, value]) =>
      Buffer.concat([Buffer.from([key.length]), Buffer.from(key), Buffer.from([7, 0, value.length]), Buffer.from(value)]),
    ),
  )
  const body = Buffer.from(payload)
  const head = Buffer.alloc(12)
  head.writeUInt32BE(16 + named.length + body.length, 0)
  head.writeUInt32BE(named.length, 4)
  return Buffer.concat([head, named, body, Buffer.alloc(4)])
}

describe('frames', () => {
  const bytes = Buffer.concat([
    frame({ ':event-type': 'messageStart', ':message-type': 'event' }, '{"role":"assistant"}'),
    frame({ ':event-type': 'contentBlockDelta' }, '{"delta":{"text":"grüß dich"}}'),
    frame({ ':exception-type': 'throttlingException', ':message-type': 'exception' }, '{"message":"slow down"}'),
  ])
  const events = [
    { messageStart: { role: 'assistant' } },
    { contentBlockDelta: { delta: { text: 'grüß dich' } } },
    { message: 'slow down', __type: 'throttlingException' },
  ]

  test('any cut of the bytes gives the same events', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length)), (cuts) => {
        const reader = new FrameReader(10_000)
        const at = [0, ...cuts.toSorted((a, b) => a - b), bytes.length]
        const seen = at.flatMap((from, i) => reader.push(bytes.subarray(from, at[i + 1] ?? bytes.length)))
        expect(seen).toEqual(events)
      }),
    )
  })

  test('what is no frame, or longer than the bound, ends the reading and never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (noise) => {
        new FrameReader(1000).push(noise)
      }),
    )
    const small = new FrameReader(10)
    expect([small.push(bytes), small.isBroken]).toEqual([[], true])
  })
})
