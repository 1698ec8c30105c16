/** Only dialects that a span can be of are asked whether it is theirs, and it is asked only for keys it can have: answers must be as if all were asked. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createDecoder } from '../../../processor/decode/index.ts'
import type { Encoding } from '../../../processor/decode/decode.ts'
import { DIALECTS, INTEREST } from '../../../processor/dialects/index.ts'
import { GEN_AI_KEYS, readGenAi } from '../../../processor/dialects/gen-ai.ts'
import { Marks, MOST_DIALECTS } from '../../../processor/dialects/marks.ts'
import { readSpan } from '../../../processor/read-span.ts'
import type { Attributes, Span } from '../../../model/span.ts'
import { otlp, toJson, toProtobuf } from '../../support/otlp.ts'

const SIGNS = [...INTEREST.marks!.keys()]
/** Values by which some dialects are told. */
const VALUES = ['', 'x', 'strands-agents', 'microsoft.agent_framework', 'execute_event_loop_cycle', 'chat', 1, true]
const SCOPES = [
  ...INTEREST.scopes.flatMap((s) => [s.replace('*', ''), s.replace('*', 'x')]),
  '',
  '@acme/agents',
  'gen_ai',
  'logfire.x',
  'codex',
]
const decoder = createDecoder(INTEREST)

const anySpan = fc.record({
  name: fc.constantFrom('span', 'claude_code.tool', 'session_task.turn'),
  scope: fc.oneof({ weight: 2, arbitrary: fc.constant('@acme/agents') }, { weight: 1, arbitrary: fc.constantFrom(...SCOPES) }),
  service: fc.constantFrom('shop', 'codex_exec', 'claude-code'),
  sdk: fc.constantFrom('opentelemetry', 'openlit'),
  attributes: fc.dictionary(fc.oneof(fc.constantFrom(...SIGNS), fc.constantFrom(...INTEREST.keys)), fc.constantFrom(...VALUES), {
    maxKeys: 5,
  }),
})

describe('the dialect is the first of all that recognises the span', () => {
  for (const encoding of ['protobuf', 'json'] satisfies Encoding[])
    test(encoding, () =>
      fc.assert(
        fc.property(anySpan, ({ name, scope, service, sdk, attributes }) => {
          const request = otlp({
            resource: { 'service.name': service, 'telemetry.sdk.name': sdk },
            scope,
            spans: [{ name, attributes }],
          })
          const link = (): void => undefined
          decoder.traces(encoding === 'json' ? toJson(request) : toProtobuf(request), encoding, {
            span: (s) => expect(readSpan(s).dialect).toBe(DIALECTS.find((d) => d.recognises(s))?.name ?? 'unknown'),
            link,
          })
        }),
        { numRuns: 2000, seed: 7 },
      ),
    )
})

/** The same attributes as where no decoder gathered marks: all is asked for. */
function unmarked(attributes: Attributes): Attributes {
  return new Proxy(attributes, {
    get(a, name: keyof Attributes) {
      const found = name === 'marks' ? undefined : a[name]
      return typeof found === 'function' ? found.bind(a) : found
    },
  })
}

describe('what is on a span is read, be its group of keys rare or not', () => {
  const ROLES = ['chat', 'execute_tool', 'invoke_agent', 'invoke_workflow', 'retrieval', 'embeddings']
  const VALUES_OF_ALL = ['', 'x', '7', 'true', 'batch', '[]', '[{"role":"user","content":"hi"}]', 7]
  const spans = ROLES.flatMap((role) =>
    GEN_AI_KEYS.flatMap((key) =>
      VALUES_OF_ALL.map((value) => ({
        name: 'span',
        attributes: { 'gen_ai.operation.name': role, 'gen_ai.usage.input_tokens': 9, [key]: value },
      })),
    ),
  )
  for (const encoding of ['protobuf', 'json'] satisfies Encoding[])
    test(encoding, () => {
      const request = otlp({ resource: {}, scope: '@acme/agents', spans })
      let read = 0
      const span = ({ attributes: a, kind }: Span): void => {
        const events = (): [] => []
        const asked = readGenAi({ attributes: unmarked(a), kind, events } as unknown as Span)
        expect(readGenAi({ attributes: a, kind, events } as unknown as Span)).toStrictEqual(asked)
        read++
      }
      decoder.traces(encoding === 'json' ? toJson(request) : toProtobuf(request), encoding, { span })
      expect(read).toBe(spans.length)
    })
})

describe('signs', () => {
  for (const { name, keys, signs } of DIALECTS)
    test(`of ${name} are keys that it declares, so that decoders know them`, () =>
      expect(keys).toEqual(expect.arrayContaining([...(signs ?? [])])))
  test('are of at most as many dialects as a mark has bits for', () => {
    const [first] = DIALECTS
    expect(
      () =>
        new Marks(
          Array.from({ length: MOST_DIALECTS + 1 }, () => first!),
          {},
        ),
    ).toThrow('more than the 23')
  })
})
