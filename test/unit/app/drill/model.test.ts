/** The drills' provider as a model: it does what it is told, and what is wrong with it shows in the answers alone. */
import { describe, expect, test } from 'vitest'
import { type Conditions, HEALTHY, MODEL, PROMPTS, TOOL } from '../../../../app/drill/conditions.ts'
import { answerOf, type Asked, hashed, RUNAWAY } from '../../../../app/drill/model.ts'
import { seeded } from '../../../../app/fleet/sketch.ts'

interface Body {
  readonly model: string
  readonly choices: readonly {
    readonly finish_reason: string
    readonly message: {
      readonly content: string | null
      readonly tool_calls?: readonly { readonly function: { readonly name: string; readonly arguments: string } }[]
    }
  }[]
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number }
}

const tools = (argument: string): NonNullable<Asked['tools']> => [{ function: { name: TOOL, parameters: { required: [argument] } } }]
const CALM: Conditions = { ...HEALTHY, filtered: 0, truncated: 0, careless: 0 }

function asked(system: string, results: readonly string[], question = 'Where is my order 7?'): Asked {
  const found = results.map((content) => ({ role: 'tool', content }))
  return {
    model: MODEL,
    tools: tools('query'),
    messages: [{ role: 'system', content: system }, { role: 'user', content: question }, ...found],
  }
}

function answer(request: Asked, now: Conditions, seed = 1): Body {
  return answerOf(request, now, seeded(seed), 'id').body as Body
}
/** Share of a thousand answers for which something holds. */
function share(request: Asked, now: Conditions, holds: (b: Body) => boolean): number {
  const random = seeded(7)
  const answers = Array.from({ length: 1000 }, () => answerOf(request, now, random, 'id').body as Body)
  return answers.filter(holds).length / 1000
}
const calls = (b: Body): readonly string[] => (b.choices[0]?.message.tool_calls ?? []).map((c) => c.function.name)
const names = (b: Body): boolean => /\[\w+\]/.test(b.choices[0]?.message.content ?? '')
const FOUND = '[{"order":"7"}]'
/** A question that asks for the first tool only. */
const plain = Array.from({ length: 50 }, (_, n) => `Where is my order ${n}?`).find((q) => hashed(q) > 0.5) ?? ''

describe('what it is told', () => {
  test('searches before it answers, with the argument that the schema asks for', () => {
    const body = answer(asked(PROMPTS.good, []), CALM)
    expect([calls(body), body.choices[0]?.finish_reason]).toEqual([[TOOL], 'tool_calls'])
    expect(Object.keys(JSON.parse(body.choices[0]?.message.tool_calls?.[0]?.function.arguments ?? '{}') as object)).toEqual(['query'])
  })
  test('names its source where the prompt says so, and in half of the answers where it does not', () => {
    expect(share(asked(PROMPTS.good, [FOUND], plain), CALM, names)).toBe(1)
    expect(share(asked(PROMPTS.other, [FOUND], plain), CALM, names)).toBe(1)
    expect(share(asked(PROMPTS.bad, [FOUND], plain), CALM, names)).toBeCloseTo(0.5, 1)
  })
  test('names none about what was not found', () => {
    for (const result of ['[]', 'error: no answer']) expect(share(asked(PROMPTS.good, [result], plain), CALM, names)).toBeCloseTo(0.15, 1)
  })
  test('searches again and again where the prompt asks for certainty, but not for ever', () => {
    const keen = Array.from({ length: 50 }, (_, n) => `Order ${n}?`).find((q) => hashed(q) < 0.4) ?? ''
    const after = (n: number): readonly string[] => calls(answer(asked(PROMPTS.endless, Array(n).fill(FOUND) as string[], keen), CALM))
    expect([after(1), after(5), after(6)]).toEqual([[TOOL], [TOOL], []])
  })
  test('misses a new argument half of the time', () => {
    const request: Asked = { ...asked(PROMPTS.good, []), tools: tools('customer_id') }
    const old = (b: Body): boolean => b.choices[0]?.message.tool_calls?.[0]?.function.arguments.includes('query') === true
    expect(share(request, CALM, old)).toBeCloseTo(0.55, 1)
  })
})

describe('what is wrong with it', () => {
  const final = asked(PROMPTS.good, [FOUND], plain)
  const finish =
    (reason: string) =>
    (b: Body): boolean =>
      b.choices[0]?.finish_reason === reason
  test('filtered and cut off', () => {
    expect(share(final, { ...CALM, filtered: 0.4 }, finish('content_filter'))).toBeCloseTo(0.4, 1)
    expect(share(final, { ...CALM, truncated: 0.4 }, finish('length'))).toBeCloseTo(0.4, 1)
  })
  test('careless, wordy, and about letters', () => {
    expect(share(final, { ...CALM, careless: 0.4 }, names)).toBeCloseTo(0.6, 1)
    expect(share(final, { ...CALM, inputs: 'other' }, names)).toBeCloseTo(0.65, 1)
    expect(answer(final, { ...CALM, wordy: 2 }).usage.completion_tokens).toBeGreaterThan(answer(final, CALM).usage.completion_tokens * 1.9)
  })
  test('says who it is, or not', () => {
    expect(answer(final, CALM).model).toBe(MODEL)
    expect(answer(final, { ...CALM, answeredAs: 'another' }).model).toBe('another')
  })
  test('a run away is answered with another search until it is over', () => {
    const endless = asked(PROMPTS.good, Array(300).fill(FOUND) as string[], `${RUNAWAY} of the year.`)
    expect([calls(answer(endless, { ...CALM, isRunaway: true })), calls(answer(endless, CALM))]).toEqual([[TOOL], []])
  })
})
