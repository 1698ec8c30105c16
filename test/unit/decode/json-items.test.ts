/** The items of a long list, each by itself, and hashes of long texts: what reading all of it gives. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { shortHash } from '../../../model/short-hash.ts'
import { itemsIn } from '../../../processor/decode/json-items.ts'
import { TextHashes } from '../../../processor/decode/text-hashes.ts'
import { readSpan } from '../../../processor/read-span.ts'
import { otlp, toJson, toProtobuf } from '../../support/otlp.ts'
import { decoder } from './reading.ts'

/** What stands around a text in a body may look like more of it. */
const AROUND = ['', ' ', '\n \t', ',1]', '"', ']', '}]', '[', '\\', '0', 'e5']
const space = fc.constantFrom('', ' ', '\n', '\t\r ')
const item = fc.oneof(
  { weight: 3, arbitrary: fc.json({ depthSize: 'medium', noUnicodeString: false }) },
  fc.constantFrom(
    '0',
    '-1.5e3',
    '1E400',
    'true',
    'null',
    '""',
    '"\\ud800"',
    '"\\u0041\\"\\\\"',
    '{"a":1,"a":2}',
    '{"__proto__":1}',
    '[]',
    '{}',
  ),
)
const list = fc
  .tuple(space, fc.array(fc.tuple(space, item, space), { maxLength: 6 }), space)
  .map(([before, items, after]) => `${before}[${items.map((parts) => parts.join('')).join(',')}]${after}`)

function itemsOf(text: string, before: string, after: string): readonly unknown[] | undefined {
  const start = Buffer.byteLength(before)
  const items = itemsIn(Buffer.from(before + text + after), start, start + Buffer.byteLength(text))
  return items === undefined ? undefined : Array.from({ length: items.length }, (_, i) => items.at(i))
}
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

describe('items of a list in a text', () => {
  test('are those of the whole', () => {
    fc.assert(
      fc.property(list, fc.constantFrom(...AROUND), fc.constantFrom(...AROUND), (text, before, after) => {
        expect(itemsOf(text, before, after)).toEqual(JSON.parse(text))
      }),
      { numRuns: 2000 },
    )
  })
  test('are there only where the whole is a list', () => {
    const changed = fc.oneof(
      fc.tuple(list, fc.nat(), fc.constantFrom('', ',', '"', '[', ']', '{', '\u0001', 'x', '\\', ' ')).map(([text, at, by]) => {
        const i = at % (text.length + 1)
        return text.slice(0, i) + by + text.slice(i + 1)
      }),
      fc.tuple(list, fc.nat()).map(([text, at]) => text.slice(0, at % (text.length + 1))),
      item,
    )
    let there = 0
    fc.assert(
      fc.property(changed, fc.constantFrom(...AROUND), (text, after) => {
        // What is cut within a pair of surrogates is no UTF-8, and would not have come so far.
        fc.pre(text.isWellFormed())
        const items = itemsOf(text, '', after)
        if (items === undefined) return
        there++
        expect(items).toEqual(parsed(text))
      }),
      { numRuns: 5000 },
    )
    expect(there).toBeGreaterThan(500)
  })
  test('nested too deep are left to JSON.parse', () => {
    expect(itemsOf(`[${'['.repeat(98)}${']'.repeat(98)}]`, '', '')).toBeDefined()
    expect(itemsOf(`[${'['.repeat(200)}${']'.repeat(200)}]`, '', '')).toBeUndefined()
  })
})

describe('the hash of a text', () => {
  test('is that of the text, the first time and later', () => {
    const hashes = new TextHashes()
    const text = fc.string({ unit: 'binary', maxLength: 1200 }).filter((t) => t.isWellFormed())
    fc.assert(
      fc.property(text, fc.nat(20), (t, before) => {
        const bytes = Buffer.from('x'.repeat(before) + t + 'yy')
        for (let again = 0; again < 2; again++) expect(hashes.of(bytes, before, bytes.length - 2)).toBe(shortHash(t))
      }),
    )
  })
  test('is right for more texts than are remembered, and for those that differ in a letter', () => {
    const hashes = new TextHashes()
    for (let n = 0; n < 5000; n++) {
      const text = `${'instructions '.repeat(30)}${n % 2500}`
      expect(hashes.of(Buffer.from(text), 0, text.length)).toBe(shortHash(text))
    }
  })
})

describe('a span with a long conversation, long instructions and tools', () => {
  const part = (content: string): object => ({ type: 'text', content })
  const conversation = (n: number, last: object): string =>
    JSON.stringify([
      { role: 'user', parts: [part('first')] },
      ...Array.from({ length: n }, (_, i) => ({ role: i % 2 ? 'tool' : 'assistant', parts: [part(`ä "quoted" \n ${'x'.repeat(500)}`)] })),
      last,
      { role: 'assistant', parts: [{ type: 'tool_call', name: 'lookup' }] },
    ])
  const cases = {
    'whose newest question is near the end': conversation(40, { role: 'user', parts: [part('Größe?')] }),
    'whose only question is the first': conversation(40, { role: 'assistant', parts: [part('no')] }),
    'whose newest question is empty': conversation(40, { role: 'user', parts: [] }),
    'that was cut off': conversation(40, { role: 'user', parts: [part('cut')] }).slice(0, 15_000),
    'that is no list': JSON.stringify({ a: 'x'.repeat(10_000) }),
    'that is short': conversation(1, { role: 'user', parts: [part('short')] }),
  }
  for (const [name, messages] of Object.entries(cases))
    test(`${name} reads the same from protobuf, the first time and later, and from JSON`, () => {
      const attributes = {
        'gen_ai.operation.name': 'chat',
        'gen_ai.input.messages': messages,
        'gen_ai.system_instructions': JSON.stringify([part('Be kind. ü '.repeat(200))]),
        'gen_ai.tool.definitions': JSON.stringify(Array.from({ length: 30 }, (_, i) => ({ type: 'function', name: `tool${i}` }))),
      }
      const readings: unknown[] = []
      const sink = {
        span: (s: Parameters<typeof readSpan>[0]) => readings.push(readSpan(s).fact?.reading),
        link: () => expect.unreachable(),
      }
      const request = otlp({ spans: [{ attributes }] })
      decoder.traces(toProtobuf(request), 'protobuf', sink)
      decoder.traces(toProtobuf(request), 'protobuf', sink)
      decoder.traces(toJson(request), 'json', sink)
      expect(readings[1]).toEqual(readings[0])
      expect(readings[2]).toEqual(readings[0])
      expect(readings[0]).toMatchObject({ instructionsHash: shortHash(attributes['gen_ai.system_instructions']) })
    })
  test('of the AI SDK gives instructions and question', () => {
    const prompt = [
      { role: 'system', content: 'be brief' },
      ...Array.from({ length: 300 }, (_, i) => ({ role: i % 2 ? 'tool' : 'assistant', content: 'x'.repeat(1000) })),
      { role: 'user', content: [{ type: 'text', text: 'and now?' }] },
    ]
    const attributes = { 'ai.operationId': 'ai.generateText.doGenerate', 'ai.prompt.messages': JSON.stringify(prompt) }
    const readings: unknown[] = []
    const sink = { span: (s: Parameters<typeof readSpan>[0]) => readings.push(readSpan(s).fact?.reading), link: () => expect.unreachable() }
    const request = otlp({ scope: 'ai', spans: [{ attributes }] })
    decoder.traces(toProtobuf(request), 'protobuf', sink)
    decoder.traces(toJson(request), 'json', sink)
    for (const reading of readings) expect(reading).toMatchObject({ inputText: 'and now?', instructionsHash: shortHash('be brief') })
    expect(readings).toHaveLength(2)
  })
})
