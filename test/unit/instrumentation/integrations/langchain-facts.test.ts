/** Facts of calls of models that only LangChain sees: what its messages, results and chunks come to. */
import { describe, expect, test } from 'vitest'
import { Answer } from '../../../../instrumentation/fetch/protocol.ts'
import { addAnswer, addChunk, factsOf } from '../../../../instrumentation/integrations/langchain/model-facts.ts'

const CHAT = { isChat: true, stream: false }
const system = { type: 'system', content: 'be brief' }
const human = {
  type: 'human',
  content: [
    { type: 'text', text: 'weather ' },
    { type: 'text', text: 'in Paris?' },
  ],
}
const asking = { type: 'ai', content: '', tool_calls: [{ id: 'call-1', name: 'get_weather', args: { city: 'Paris' } }] }
const result = { type: 'tool', content: '21C', tool_call_id: 'call-1' }
const model = { getLsParams: () => ({ ls_provider: 'Own', ls_model_name: 'own-small', ls_temperature: 0, ls_max_tokens: 64 }) }

describe('a request', () => {
  test('has provider, model, parameters, instructions and the messages as text', () => {
    const { provider, request } = factsOf(model, [[system, human]], { tools: ['t'] }, CHAT)
    expect(provider).toBe('own')
    expect(request).toMatchObject({
      operation: 'chat',
      model: 'own-small',
      temperature: 0,
      maxTokens: 64,
      instructions: 'be brief',
      tools: ['t'],
    })
    expect(request.messages).toEqual([
      { role: 'system', parts: [{ type: 'text', content: 'be brief' }] },
      { role: 'user', parts: [{ type: 'text', content: 'weather in Paris?' }] },
    ])
  })
  test('brings back the results of the newest turn only, errors marked', () => {
    const failed = { ...result, tool_call_id: 'call-2', status: 'error' }
    const { request } = factsOf(model, [[human, asking, result, asking, failed, { ...result, tool_call_id: 'call-3' }]], {}, CHAT)
    expect(request.toolResults).toEqual([
      { id: 'call-2', text: '21C', isError: true },
      { id: 'call-3', text: '21C', isError: false },
    ])
  })
  test('is the same again when it is, and another with other arguments of a tool', () => {
    const hash = (city: string): string =>
      factsOf(model, [[human, { ...asking, tool_calls: [{ id: city, name: 'get_weather', args: { city } }] }]], {}, CHAT).bodyHash
    expect(hash('Paris')).toBe(hash('Paris'))
    expect(hash('Paris')).not.toBe(hash('Rome'))
  })
  test('of a text model is its prompt; what a model does not tell is absent', () => {
    const { provider, request } = factsOf({ model: 'text-1' }, ['say hi'], undefined, { isChat: false, stream: true })
    expect(provider).toBe('unknown')
    expect(request).toMatchObject({ operation: 'text_completion', model: 'text-1', stream: true })
    expect(request.messages).toEqual([{ role: 'user', parts: [{ type: 'text', content: 'say hi' }] }])
    expect(request).not.toHaveProperty('maxTokens')
  })
  test('of messages before version 1, whose type is a method', () => {
    const { request } = factsOf(model, [[{ _getType: () => 'system', content: 'be brief' }]], {}, CHAT)
    expect(request.instructions).toBe('be brief')
  })
  for (const input of [undefined, null, 7, [], [[]], [[null]], [['text']]])
    test(`of ${JSON.stringify(input)} does not throw`, () => {
      expect(factsOf({}, input, undefined, CHAT).request.operation).toBe('chat')
    })
})

const usage = (input: number, output: number): object => ({
  input_tokens: input,
  output_tokens: output,
  input_token_details: { cache_read: 4, cache_creation: 1 },
  output_token_details: { reasoning: 2 },
})

describe('an answer', () => {
  test('has text, calls, usage, finish reason, model and id', () => {
    const answer = new Answer()
    const message = {
      id: 'msg-1',
      content: 'let me see',
      tool_calls: asking.tool_calls,
      usage_metadata: usage(10, 5),
      response_metadata: { finish_reason: 'tool_calls', model_name: 'own-small-2' },
    }
    addAnswer(answer, { generations: [[{ text: '', message }]] })
    expect(answer).toMatchObject({ id: 'msg-1', model: 'own-small-2', finish: ['tool_calls'], text: 'let me see' })
    expect(answer).toMatchObject({ inputTokens: 10, outputTokens: 5, cacheRead: 4, cacheWrite: 1, reasoning: 2 })
    expect(answer.toolCalls).toEqual([{ id: 'call-1', name: 'get_weather', args: '{"city":"Paris"}' }])
  })
  test('of a text model has the usage of its result', () => {
    const answer = new Answer()
    const generation = { text: 'hi', generationInfo: { finishReason: 'length' } }
    addAnswer(answer, { generations: [[generation]], llmOutput: { tokenUsage: { promptTokens: 3, completionTokens: 2 } } })
    expect(answer).toMatchObject({ text: 'hi', finish: ['length'], inputTokens: 3, outputTokens: 2 })
  })
  test('has no id where LangChain made it up, and no usage where there is none', () => {
    const answer = new Answer()
    addAnswer(answer, { generations: [[{ message: { id: 'run-0199', content: 'hi' } }]] })
    expect(answer.id).toBeUndefined()
    expect(answer.inputTokens).toBeUndefined()
  })
  test('of several prompts is their sum', () => {
    const answer = new Answer()
    addAnswer(answer, {
      generations: [[{ message: { content: 'a', usage_metadata: usage(10, 5) } }], [{ message: { usage_metadata: usage(1, 1) } }]],
    })
    expect(answer).toMatchObject({ inputTokens: 11, outputTokens: 6 })
  })
  test('in chunks adds up: messages, chunks around messages, text', () => {
    const answer = new Answer()
    addChunk(answer, { content: 'The ', usage_metadata: usage(10, 0) })
    addChunk(answer, { message: { content: 'weather', usage_metadata: { input_tokens: 0, output_tokens: 5 } } })
    addChunk(answer, ' is fine')
    addChunk(answer, undefined)
    expect(answer).toMatchObject({ text: 'The weather is fine', inputTokens: 10, outputTokens: 5 })
  })
  test('in chunks has the arguments of its calls whole', () => {
    const answer = new Answer()
    const pieces = [
      { index: 0, id: 'call-1', name: 'get_weather', args: '' },
      { index: 0, args: '{"city":' },
      { index: 2, id: 'call-2', name: 'get_wind', args: '{}' },
      { index: 0, args: '"Paris"}' },
      { index: 2, id: 'call-3', name: 'get_wind', args: '{}' },
    ]
    for (const piece of pieces)
      addChunk(answer, { content: '', tool_calls: [{ name: piece.name ?? '', args: {} }], tool_call_chunks: [piece] })
    expect(answer.toolCalls).toEqual([
      { id: 'call-1', name: 'get_weather', args: '{"city":"Paris"}' },
      { id: 'call-2', name: 'get_wind', args: '{}' },
      { id: 'call-3', name: 'get_wind', args: '{}' },
    ])
  })
})
