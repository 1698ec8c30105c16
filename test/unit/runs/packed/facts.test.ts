import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Fact, RawUsage, Reading } from '../../../../model/run.ts'
import { Reader } from '../../../../processor/runs/packed/bytes.ts'
import { type Contents, packContents, unpackContents } from '../../../../processor/runs/packed/facts.ts'
import { OpenTrace } from '../../../../processor/runs/trace.ts'

const word = fc.oneof(fc.constantFrom('openai', 'gpt-5-mini', '', 'support', 'ok'), fc.string({ unit: 'binary', maxLength: 20 }))
/** Cut in the middle of a character, as a bound on length may. */
const text = fc.oneof(fc.string({ maxLength: 300 }), fc.constant('\u{1F600}'.slice(0, 1)), fc.constant('naïve café — ø'))
const amount = fc.oneof(fc.nat(), fc.double({ noNaN: true }), fc.constantFrom(0, -0, 0.1, 2 ** 53, -1, 1e21, 900.123456, Number.MAX_VALUE))
const some = <T>(arb: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arb, { nil: undefined })
/** Without the keys that are undefined, as readings are made. */
const present = <T extends object>(o: T): T => Object.fromEntries(Object.entries(o).filter(([, v]) => v !== undefined)) as T
const evaluation = fc.record({ name: fc.string(), source: fc.constantFrom('external', 'judge', 'feedback') }, { noNullPrototype: true })

const usage = fc
  .record({
    input: some(amount),
    output: some(amount),
    cacheRead: some(amount),
    cacheWrite: some(amount),
    cacheWrite1h: some(amount),
    reasoning: some(amount),
    total: some(amount),
    cacheAccounting: fc.constantFrom('included', 'excluded', 'unknown'),
    reasoningOutsideOutput: some(fc.boolean()),
  })
  .map((u) => present(u) as RawUsage)
const reading = fc
  .record({
    role: fc.constantFrom('model', 'tool', 'agent', 'retrieval', 'other'),
    agentName: some(word),
    agentVersion: some(word),
    promptName: some(word),
    promptVersion: some(word),
    instructionsHash: some(word),
    toolsHash: some(word),
    provider: some(word),
    requestModel: some(word),
    responseModel: some(word),
    responseId: some(text),
    usage: some(usage),
    givenCostUsd: some(amount),
    serviceTier: some(fc.constantFrom('batch', 'flex', 'priority')),
    finish: some(fc.constantFrom('stop', 'length', 'tool_call')),
    outputEmpty: some(fc.boolean()),
    perAttempt: some(fc.boolean()),
    outputInvalid: some(fc.boolean()),
    outputText: some(text),
    inputText: some(text),
    toolName: some(word),
    toolCallId: some(text),
    argumentsHash: some(text),
    resultEmpty: some(fc.boolean()),
    blocked: some(fc.boolean()),
    serverSide: some(fc.boolean()),
    failed: some(fc.boolean()),
    errorType: some(word),
    stoppedBy: some(word),
    incomplete: some(fc.boolean()),
    intervention: some(fc.record({ guard: word, cause: word }, { noNullPrototype: true })),
    evaluations: some(fc.array(evaluation, { maxLength: 2 })),
  })
  .map((r) => present(r) as Reading)
const hex = (length: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'.split('')), minLength: length, maxLength: length })
const spanId = fc.oneof(hex(16), fc.string({ minLength: 1, maxLength: 20 }), fc.constant('ABCDEF0123456789'))
const fact = fc
  .record({
    spanId,
    parentSpanId: fc.oneof(fc.constantFrom('', 'a'.repeat(16)), spanId),
    parentLocation: fc.constantFrom('local', 'remote', 'unknown'),
    startMs: fc.oneof(fc.nat({ max: 2e12 }), fc.double({ min: 1.6e12, max: 2.1e12 }), fc.constantFrom(0, -5, 3e12)),
    durationMs: fc.oneof(fc.nat(), fc.double({ min: 0, max: 1e9, noNaN: true })),
    status: fc.constantFrom('unset', 'ok', 'error'),
    dialect: word,
    reading,
    service: word,
    serviceVersion: some(word),
    mainAgent: some(word),
    environment: word,
    weight: fc.oneof(fc.constant(1), fc.double({ min: 1, max: 1e6, noNaN: true })),
    fromLog: some(fc.constant(true)),
  })
  .map((f) => present(f) as Fact)
const link = fc.record({ parentSpanId: spanId, parentLocation: fc.constantFrom('local', 'remote', 'unknown') }, { noNullPrototype: true })

test('what is packed comes back exactly, in its order', () => {
  fc.assert(
    fc.property(
      fc.array(fact, { maxLength: 12 }),
      fc.array(fc.tuple(spanId, link), { maxLength: 5 }),
      fc.array(fc.record({ spanId, evaluation }, { noNullPrototype: true }), { maxLength: 3 }),
      (facts, links, evaluations) => {
        const contents = { facts: new Map(facts.map((f) => [f.spanId, f])), links: new Map(links), evaluations } as Contents
        const bytes = Buffer.from(packContents(contents, () => undefined))
        const trace = new OpenTrace('t', 0)
        unpackContents(new Reader(bytes, 0), trace)
        expect([...trace.facts.values()]).toEqual([...contents.facts.values()])
        expect([...trace.links]).toStrictEqual([...contents.links])
        expect(trace.evaluations).toEqual(contents.evaluations)
      },
    ),
    { numRuns: 500 },
  )
})

test('more words than get a number come back too', () => {
  const named = (i: number): Fact => ({
    spanId: i.toString(16).padStart(16, '0'),
    parentSpanId: '',
    parentLocation: 'local',
    startMs: i,
    durationMs: 1,
    status: 'ok',
    dialect: 'gen_ai',
    reading: { role: i % 3 === 0 ? 'model' : 'tool', toolName: `tool-${i % 100}` },
    service: `service-${i % 7}`,
    environment: '',
    weight: 1,
  })
  const facts = Array.from({ length: 300 }, (_, i) => named(i))
  const bytes = Buffer.from(
    packContents({ facts: new Map(facts.map((f) => [f.spanId, f])), links: new Map(), evaluations: [] }, () => undefined),
  )
  const trace = new OpenTrace('t', 0)
  unpackContents(new Reader(bytes, 0), trace)
  expect([...trace.facts.values()]).toEqual(facts)
})

test('a run of eight ordinary spans is less than 800 bytes', () => {
  const facts = Array.from({ length: 8 }, (_, i): Fact => {
    const tool: Reading = {
      role: 'tool',
      agentName: 'support',
      toolName: 'search',
      toolCallId: `call_${'c'.repeat(24)}`,
      argumentsHash: '0123abcd',
    }
    const model: Reading = {
      role: 'model',
      agentName: 'support',
      provider: 'openai',
      requestModel: 'gpt-5-mini',
      responseModel: 'gpt-5-mini-2025-08-07',
      responseId: `chatcmpl-${'d'.repeat(28)}`,
      usage: { input: 3600 + i, output: 140, cacheRead: 1024, cacheAccounting: 'included' },
      finish: 'tool_call',
    }
    return {
      spanId: `${i}`.repeat(16),
      parentSpanId: 'a'.repeat(16),
      parentLocation: 'local',
      startMs: 1_790_000_000_000 + i * 1200.25,
      durationMs: 900.123456,
      status: 'unset',
      dialect: 'gen_ai',
      reading: i % 2 === 0 ? model : tool,
      service: 'shop',
      serviceVersion: '3.1.0',
      environment: 'production',
      weight: 1,
    }
  })
  const contents = { facts: new Map(facts.map((f) => [f.spanId, f])), links: new Map(), evaluations: [] }
  expect(packContents(contents, () => undefined).length).toBeLessThan(800)
})
