import { describe, expect, test } from 'vitest'
import { withoutContent } from '../../../../instrumentation/export/without-content.ts'

const SECRET = 'my card is 4111 1111'
const genkitOutput = JSON.stringify({
  message: { role: 'model', content: [{ text: SECRET }, { toolRequest: { name: 'search', ref: 'c1', input: { q: SECRET } } }] },
  finishReason: 'stop',
  usage: { inputTokens: 100, outputTokens: 20 },
  raw: { id: 'chatcmpl-1', model: 'gpt-5-mini', usage: { prompt_tokens: 100 }, choices: [{ message: { content: SECRET } }] },
})

describe('what SDKs write of messages does not leave', () => {
  test.each([
    ['conventions', { 'gen_ai.input.messages': SECRET, 'gen_ai.output.messages': SECRET, 'gen_ai.tool.call.result': SECRET }, ''],
    ['instructions, tools and arguments', { 'gen_ai.system_instructions': SECRET, 'gen_ai.tool.definitions': SECRET }, ''],
    ['OpenInference', { 'input.value': SECRET, 'llm.input_messages.0.message.content': SECRET }, ''],
    ['OpenLLMetry', { 'gen_ai.prompt.0.content': SECRET, 'traceloop.entity.input': SECRET }, ''],
    ['Vercel AI SDK 6', { 'ai.prompt.messages': SECRET, 'ai.response.text': SECRET, 'ai.toolCall.args': SECRET }, ''],
    ['Google ADK', { 'gcp.vertex.agent.llm_request': SECRET, 'gcp.vertex.agent.tool_response': SECRET }, ''],
    ['Genkit', { 'genkit:input': SECRET, 'genkit:output': genkitOutput, 'genkit:metadata:subtype': 'model' }, ''],
    ['events of messages', { content: SECRET, message: SECRET, 'tool.result': SECRET }, 'gen_ai.choice'],
  ])('%s', (_, values, event) => {
    expect(JSON.stringify(withoutContent(values as Record<string, string>, event))).not.toContain('4111')
  })

  test('name and version of a prompt are no content', () => {
    const values = { 'gen_ai.prompt.name': 'system', 'gen_ai.prompt.version': 'v2', 'gen_ai.agent.name': 'a' }
    expect(withoutContent(values)).toBe(values)
  })

  test('hashes of it do: cohorts and loops rest on them', () => {
    const kept = withoutContent({ 'gen_ai.system_instructions': 'be brief', 'gen_ai.tool.call.arguments': '{"q":1}' })
    expect(kept['agentopz.system_instructions_hash']).toMatch(/^[0-9a-f]{8}$/)
    expect(kept['agentopz.tool.call.arguments_hash']).toMatch(/^[0-9a-f]{8}$/)
  })

  test("of Genkit's output the counts, the ids and the kinds of parts", () => {
    const kept = withoutContent({ 'genkit:output': genkitOutput, 'genkit:metadata:subtype': 'model' })
    expect(JSON.parse(String(kept['genkit:output']))).toEqual({
      usage: { inputTokens: 100, outputTokens: 20 },
      finishReason: 'stop',
      raw: { id: 'chatcmpl-1', model: 'gpt-5-mini', usage: { prompt_tokens: 100 } },
      message: { content: [{ text: '…' }, { toolRequest: { name: 'search', ref: 'c1' } }] },
    })
  })

  test("of Genkit's tools whether anything came back", () => {
    const tool = { 'genkit:metadata:subtype': 'tool', 'genkit:input': '{"q":1}' }
    expect(withoutContent({ ...tool, 'genkit:output': '[]' })).toMatchObject({ 'agentopz.tool.result_empty': true })
    expect(withoutContent({ ...tool, 'genkit:output': '"21C"' })).toMatchObject({ 'agentopz.tool.result_empty': false })
  })

  test('everything else stays, and without content the very object', () => {
    const plain = { message: 'of the application', 'gen_ai.request.model': 'm', 'http.route': '/' }
    expect(withoutContent(plain)).toBe(plain)
  })
})
