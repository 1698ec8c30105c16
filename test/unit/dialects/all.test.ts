/** What must hold for all dialects together: precedence on real spans, and never a guess. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createDecoder } from '../../../processor/decode/index.ts'
import { genAi } from '../../../processor/dialects/gen-ai.ts'
import { DIALECTS, INTEREST } from '../../../processor/dialects/index.ts'
import { readSpan } from '../../../processor/read-span.ts'
import { otlp, toJson } from '../../support/otlp.ts'
import { span } from './view.ts'

const CAPTURES = join(import.meta.dirname, '../../fixtures/captures')
const decoder = createDecoder(INTEREST)

/** Dialect of every span of a capture, by what its scopes and attributes are. */
const EXPECTED: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'adk-native-otel3': { google_adk: 5 },
  'ai6-experimental-telemetry': { vercel_ai: 4 },
  'ai7-otel3': { vercel_ai: 29 },
  'anthropic-1.12.0-native-otel3': { anthropic: 7 },
  'anthropic-1.12.0-openlit': { openlit: 5 },
  'bedrock-official-otel3': { gen_ai: 5 },
  'claude-traceparent': { claude_code: 3 },
  'doublecount-lc-openai': { gen_ai: 6 },
  'genkit-native-otel3': { genkit: 9 },
  'lc-agent-cjs-openinference': { openinference: 38 },
  'lc-traceloop-dedup-agent-mjs': { openllmetry: 38 },
  'mastra-bridge-otel3': { mastra: 33 },
  'mistral-native-otel3-global': { gen_ai: 1 },
  'oaiagents-openlit': { openlit: 49 },
  'openai6-official-otel3-chat': { gen_ai: 2 },
  'openai6-official-otel3-errors': { gen_ai: 6 },
  'openai6-official-otel3-responses': { gen_ai: 6 },
  'openai6-official-otel3-stream': { gen_ai: 3 },
  'openai6-traceloop-responses2': { openllmetry: 4 },
  'openai7-openinference-cjs-stream': { openinference: 4 },
}

describe('every span of every capture is read by its own dialect', () => {
  for (const file of readdirSync(CAPTURES).filter((f) => f.endsWith('.traces.jsonl'))) {
    const name = file.replace('.traces.jsonl', '')
    test(name, () => {
      const seen: Record<string, number> = {}
      const count = (dialect: string): void => void (seen[dialect] = (seen[dialect] ?? 0) + 1)
      for (const line of readFileSync(join(CAPTURES, file), 'utf8')
        .split('\n')
        .filter((l) => l !== '')) {
        decoder.traces(Buffer.from(line), 'json', { span: (s) => count(readSpan(s).dialect), link: () => count('other') })
      }
      expect(seen).toEqual(EXPECTED[name])
    })
  }
})

test('names are distinct', () => expect(new Set(DIALECTS.map((d) => d.name)).size).toBe(DIALECTS.length))

describe('a sender may write the names that every object has, whatever the key', () => {
  for (const dialect of DIALECTS)
    test(dialect.name, () => {
      const scopes = [...(dialect.scopes ?? []).map((s) => s.replace('*', '')), '']
      const signs = [{}, ...(dialect.signs ?? []).map((sign) => ({ [sign]: 'chat' }))]
      const spans = ['constructor', 'toString', '__proto__'].flatMap((word) =>
        dialect.keys.flatMap((key) =>
          scopes.flatMap((scope) => signs.map((sign) => span(dialect, { name: word, scope, attributes: { ...sign, [key]: word } }))),
        ),
      )
      const readings = spans.flatMap((s) => Object.entries(dialect.read(s) ?? {}))
      expect(readings.filter(([, v]) => typeof v === 'function' || v === Object.prototype)).toEqual([])
    })
})

test('a span that looks like GenAI but is of no dialect is unknown', () => {
  const seen: string[] = []
  decoder.traces(
    toJson(
      otlp({
        spans: [{ attributes: { 'llm.brand.new': 1 } }, { attributes: { 'gen_ai.invented': 1 } }, { attributes: { 'http.route': '/' } }],
      }),
    ),
    'json',
    { span: (s) => seen.push(readSpan(s).dialect), link: () => seen.push('link') },
  )
  expect(seen).toEqual(['unknown', 'unknown', 'link'])
})

describe('the conventions', () => {
  const read = (attributes: Record<string, unknown>, more: object = {}): unknown => genAi.read(span(genAi, { attributes, ...more }))
  const cases: readonly (readonly [string, Record<string, unknown>, object])[] = [
    [
      'v1.26 token names',
      { 'gen_ai.operation.name': 'chat', 'gen_ai.usage.prompt_tokens': 3, 'gen_ai.usage.completion_tokens': 2 },
      { role: 'model', usage: { input: 3, output: 2, cacheAccounting: 'included' } },
    ],
    [
      'v1.40 cache name',
      { 'gen_ai.operation.name': 'chat', 'gen_ai.usage.input_tokens': 9, 'gen_ai.usage.cache_creation.input_tokens': 2 },
      { usage: { input: 9, cacheWrite: 2, cacheAccounting: 'included' } },
    ],
    [
      'the newest cache and reasoning names',
      {
        'gen_ai.operation.name': 'generate_content',
        'gen_ai.usage.input_tokens': 9,
        'gen_ai.usage.cache_write.input_tokens': 2,
        'gen_ai.usage.reasoning.output_tokens': 1,
      },
      { role: 'model', usage: { input: 9, cacheWrite: 2, reasoning: 1, cacheAccounting: 'included' } },
    ],
    ['-1 is unknown', { 'gen_ai.operation.name': 'chat', 'gen_ai.usage.input_tokens': -1 }, { role: 'model' }],
    ['a workflow', { 'gen_ai.operation.name': 'invoke_workflow', 'gen_ai.workflow.name': 'w' }, { role: 'workflow', agentName: 'w' }],
    ['making an agent', { 'gen_ai.operation.name': 'create_agent', 'gen_ai.agent.name': 'x' }, { role: 'other' }],
    ['an MCP tool call', { 'mcp.method.name': 'tools/call', 'gen_ai.tool.name': 't' }, { role: 'tool', toolName: 't' }],
    ['listing MCP tools', { 'mcp.method.name': 'tools/list' }, { role: 'other' }],
    ['a hand-off', { 'gen_ai.operation.name': 'agent_handoff' }, { role: 'handoff' }],
    [
      'fetching a response is no call',
      { 'gen_ai.operation.name': 'fetch_response', 'gen_ai.response.id': 'r', 'gen_ai.usage.input_tokens': 5 },
      { role: 'other' },
    ],
    [
      'searching memory',
      { 'gen_ai.operation.name': 'search_memory', 'gen_ai.memory.record.count': 0 },
      { role: 'retrieval', resultEmpty: true },
    ],
    [
      'a prompt version',
      { 'gen_ai.operation.name': 'chat', 'gen_ai.prompt.name': 'p', 'gen_ai.prompt.version': '7' },
      { promptVersion: '7' },
    ],
    [
      'a refusal part',
      { 'gen_ai.operation.name': 'chat', 'gen_ai.output.messages': '[{"role":"assistant","parts":[{"type":"refusal","content":"no"}]}]' },
      { finish: 'refusal' },
    ],
    [
      'an empty answer',
      { 'gen_ai.operation.name': 'chat', 'gen_ai.output.messages': '[{"role":"assistant","parts":[]}]' },
      { outputEmpty: true },
    ],
    [
      'content cut off by a length limit says nothing',
      { 'gen_ai.operation.name': 'chat', 'gen_ai.output.messages': '[{"role":"assi' },
      { role: 'model' },
    ],
    [
      'a control that stopped the run',
      { 'gen_ai.operation.name': 'invoke_agent', 'agentopz.run.stopped_by': 'cost_guard' },
      { stoppedBy: 'cost_guard' },
    ],
  ]
  for (const [name, attributes, expected] of cases) test(name, () => expect(read(attributes)).toMatchObject(expected))
  test('-1 gives no usage at all', () =>
    expect(read({ 'gen_ai.operation.name': 'chat', 'gen_ai.usage.input_tokens': -1 })).toEqual({ role: 'model' }))
  test('a SERVER root that invokes an agent is the agent, not the provider side', () =>
    expect(read({ 'gen_ai.operation.name': 'invoke_agent' }, { kind: 2 })).toEqual({ role: 'agent' }))
})

test('README.md and CHANGELOG.md say how many there are', () => {
  const read = (name: string): string => readFileSync(join(import.meta.dirname, '../../..', name), 'utf8')
  const words: Readonly<Record<number, string>> = { 19: 'Nineteen', 20: 'Twenty', 21: 'Twenty-one', 22: 'Twenty-two', 23: 'Twenty-three' }
  expect(read('README.md')).toContain(`${words[DIALECTS.length]} ways of writing GenAI spans`)
  expect(read('CHANGELOG.md')).toContain(`; ${DIALECTS.length} dialects;`)
})
