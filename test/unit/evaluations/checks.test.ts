import { describe, expect, test } from 'vitest'
import type { ExternalEvaluation, Run, Verdict } from '../../../model/run.ts'
import type { AgentPolicy } from '../../../processor/evaluations/check.ts'
import { verdictOf } from '../../../processor/evaluations/external.ts'
import { CHECKS, DEFAULT_CHECKS, evaluate } from '../../../processor/evaluations/index.ts'
import { longestPingPong, longestStreak } from '../../../processor/evaluations/no-loop.ts'
import { assemble } from '../../../processor/runs/assemble.ts'
import { agent, model, type Sketch, spansOf, tool, TRACE } from '../../support/facts.ts'

const POLICY: AgentPolicy = { checks: DEFAULT_CHECKS, loop: { identicalCalls: 5, pingPong: 4 }, requiredTools: [] }

function run(root: Sketch, evaluations: readonly ExternalEvaluation[] = []): Run {
  const { facts, links } = spansOf(root)
  const { runs } = assemble({
    traceId: TRACE,
    facts: new Map(facts.map((f) => [f.spanId, f])),
    links: new Map(links),
    evaluations: evaluations.map((evaluation) => ({ spanId: '', evaluation })),
  })
  return runs[0]!
}
const of = (...steps: readonly Sketch[]): Sketch => agent('a', 'x', steps)
const repeat = (n: number, args: (i: number) => string | undefined): Sketch =>
  of(
    ...Array.from({ length: n }, (_, i) => tool(`t${i}`, 'search', args(i) === undefined ? {} : { argumentsHash: args(i)! })),
    model('m', 1, 1),
  )

const cases: readonly (readonly [check: string, when: string, root: Sketch, verdict: Verdict, policy?: Partial<AgentPolicy>])[] = [
  ['completed', 'the run ended', of(model('m', 1, 1)), 'pass'],
  ['completed', 'the run failed', agent('a', 'x', [model('m', 1, 1)], { status: 'error' }), 'fail'],
  ['completed', 'a control stopped it', agent('a', 'x', [], { reading: { role: 'agent', stoppedBy: 'cost_guard' } }), 'fail'],
  ['completed', 'the call was aborted', of(model('m')), 'abstain'],
  ['completed', 'its root never came', { ...model('m', 1, 1), missing: 'local' }, 'abstain'],
  ['completed', 'it died while a tool was due', { ...model('m', 1, 1, { finish: 'tool_call' }), missing: 'local' }, 'fail'],
  ['not_truncated', 'the answer was cut off', of(model('m', 1, 1, { finish: 'length' })), 'fail'],
  ['not_truncated', 'only an earlier step was cut off', of(model('m', 1, 1, { finish: 'length' }), model('n', 1, 1)), 'pass'],
  ['not_truncated', 'the finish reason is unknown', of(model('m')), 'abstain'],
  ['not_filtered', 'a filter blocked the answer', of(model('m', 1, 1, { finish: 'content_filter' })), 'fail'],
  ['not_filtered', 'no filter did', of(model('m', 1, 1)), 'pass'],
  ['not_filtered', 'the finish reason is unknown', of(model('m')), 'abstain'],
  ['not_refused', 'the model refused', of(model('m', 1, 1, { finish: 'refusal' })), 'fail'],
  ['not_refused', 'it did not', of(model('m', 1, 1)), 'pass'],
  ['not_refused', 'the finish reason is unknown', of(model('m')), 'abstain'],
  ['not_empty', 'the content is empty', of(model('m', 1, 1, { outputEmpty: true })), 'fail'],
  ['not_empty', 'there is content', of(model('m', 1, 1, { outputEmpty: false })), 'pass'],
  ['not_empty', 'no visible token came', of(model('m', 1, 0)), 'fail'],
  ['not_empty', 'tokens came', of(model('m', 1, 9)), 'pass'],
  ['not_empty', 'the answer is a tool call', of(model('m', 1, 0, { finish: 'tool_call' })), 'pass'],
  ['not_empty', 'nothing is known', of(model('m')), 'abstain'],
  ['not_empty', 'the last call failed', of(model('m', undefined, undefined, {}, { status: 'error' })), 'abstain'],
  ['not_empty', 'there was no model call', of(tool('t', 'x')), 'abstain'],
  ['no_loop', 'five identical calls in a row', repeat(5, () => 'same'), 'fail'],
  ['no_loop', 'four identical calls in a row', repeat(4, () => 'same'), 'pass'],
  ['no_loop', 'different arguments', repeat(9, (i) => `${i}`), 'pass'],
  ['no_loop', 'two calls taking turns', repeat(8, (i) => `${i % 2}`), 'fail'],
  ['no_loop', 'arguments unknown in many calls', repeat(9, () => undefined), 'abstain'],
  ['no_loop', 'arguments unknown in few calls', repeat(3, () => undefined), 'pass'],
  ['tools_ok', 'a tool failed', of(tool('t', 'x', {}, { status: 'error' })), 'fail'],
  ['tools_ok', 'a tool was blocked', of(tool('t', 'x', { blocked: true })), 'fail'],
  ['tools_ok', 'all succeeded', of(tool('t', 'x')), 'pass'],
  ['tools_ok', 'no tool was called', of(model('m', 1, 1)), 'abstain'],
  ['retrieval_not_empty', 'every retrieval was empty', of({ id: 'r', reading: { role: 'retrieval', resultEmpty: true } }), 'fail'],
  [
    'retrieval_not_empty',
    'one found something',
    of({ id: 'r', reading: { role: 'retrieval', resultEmpty: true } }, { id: 's', reading: { role: 'retrieval', resultEmpty: false } }),
    'pass',
  ],
  ['retrieval_not_empty', 'results are unknown', of({ id: 'r', reading: { role: 'retrieval' } }), 'abstain'],
  ['valid_output', 'the SDK says invalid', of(model('m', 1, 1, { outputInvalid: true })), 'fail'],
  ['valid_output', 'the SDK says valid', of(model('m', 1, 1, { outputInvalid: false })), 'pass'],
  ['valid_output', 'the form is wrong', of(model('m', 1, 1, { outputText: 'hello' })), 'fail', { acceptsOutput: (t) => t.startsWith('{') }],
  ['valid_output', 'the form is right', of(model('m', 1, 1, { outputText: '{}' })), 'pass', { acceptsOutput: (t) => t.startsWith('{') }],
  ['valid_output', 'there is no content', of(model('m', 1, 1)), 'abstain', { acceptsOutput: () => false }],
  [
    'valid_output',
    'the kept text may be cut off',
    of(model('m', 1, 1, { outputText: 'x'.repeat(4096) })),
    'abstain',
    { acceptsOutput: () => false },
  ],
  ['grounded_call', 'the required tool answered', of(tool('t', 'search')), 'pass', { requiredTools: ['search'] }],
  ['grounded_call', 'it failed', of(tool('t', 'search', {}, { status: 'error' })), 'fail', { requiredTools: ['search'] }],
  ['grounded_call', 'it was not called', of(model('m', 1, 1)), 'fail', { requiredTools: ['search'] }],
  ['grounded_call', 'none is required', of(model('m', 1, 1)), 'abstain'],
]

describe('checks', () => {
  for (const [check, when, root, verdict, policy] of cases) {
    test(`${check}: ${verdict} when ${when}`, () => {
      const { verdicts } = evaluate(run(root), { ...POLICY, ...policy }, new Map())
      expect(verdicts.find((v) => v.evaluation === check)?.verdict).toBe(verdict)
    })
  }
  test('every check has cases for pass, fail and abstain', () => {
    for (const check of CHECKS)
      for (const verdict of ['pass', 'fail', 'abstain'])
        expect(
          cases.some((c) => c[0] === check.name && c[3] === verdict),
          `${check.name} ${verdict}`,
        ).toBe(true)
  })
})

describe('quality', () => {
  const external = (label: string): ExternalEvaluation => ({ name: 'grounded', source: 'external', label })
  test('fails when a required check fails', () =>
    expect(evaluate(run(of(model('m', 1, 1, { finish: 'length' }))), POLICY, new Map()).quality).toBe('fail'))
  test('passes when one could speak and none failed', () =>
    expect(evaluate(run(of(model('m', 1, 1))), POLICY, new Map()).quality).toBe('pass'))
  test('is unrated when no required check could speak', () =>
    expect(evaluate(run(of(tool('t', 'x'))), { ...POLICY, checks: ['not_truncated'] }, new Map()).quality).toBe('unrated'))
  test('a check that is not required decides nothing', () =>
    expect(evaluate(run(of(model('m', 1, 1), tool('t', 'x', {}, { status: 'error' }))), POLICY, new Map()).quality).toBe('pass'))
  test('an evaluation from outside decides when it is required', () => {
    const policy = { ...POLICY, checks: ['external:grounded'] }
    expect(evaluate(run(of(model('m', 1, 1)), [external('fail')]), policy, new Map()).quality).toBe('fail')
    expect(evaluate(run(of(model('m', 1, 1)), [external('pass')]), policy, new Map()).quality).toBe('pass')
    expect(evaluate(run(of(model('m', 1, 1))), policy, new Map()).quality).toBe('unrated')
  })
})

describe('verdicts from outside', () => {
  const e = (more: Partial<ExternalEvaluation>): ExternalEvaluation => ({ name: 'n', source: 'external', ...more })
  test('a score alone says nothing', () => expect(verdictOf(e({ score: 0.1 }), undefined)).toBe('abstain'))
  test('a threshold turns a score into a verdict', () =>
    expect([
      verdictOf(e({ score: 0.1 }), { passAtLeast: 0.5 }),
      verdictOf(e({ score: 0.7 }), { passAtLeast: 0.5 }),
      verdictOf(e({ score: 3 }), { passAtMost: 2 }),
    ]).toEqual(['fail', 'pass', 'fail']))
  test('plain labels are verdicts, others are not', () =>
    expect([
      verdictOf(e({ label: 'Passed' }), undefined),
      verdictOf(e({ label: 'thumbs-down' }), undefined),
      verdictOf(e({ label: 'meh' }), undefined),
    ]).toEqual(['pass', 'fail', 'abstain']))
  test('an evaluator that failed is an error', () =>
    expect(verdictOf(e({ errorType: 'Timeout', score: 1 }), { passAtLeast: 0 })).toBe('error'))
})

describe('loops', () => {
  const calls = (keys: string): Parameters<typeof longestStreak>[0] =>
    keys.split('').map((k, i) => ({
      spanId: `${i}`,
      startMs: i,
      durationMs: 1,
      tool: 't',
      outcome: 'ok' as const,
      retrieval: false,
      ...(k === '?' ? {} : { argumentsHash: k }),
    }))
  test('streaks', () =>
    expect(['', 'a', 'aab', 'abab', 'baaab', 'aa?aa', '???'].map((k) => longestStreak(calls(k)))).toEqual([0, 1, 2, 1, 3, 2, 0]))
  test('ping-pong', () =>
    expect(['', 'ab', 'aba', 'abab', 'ababab', 'aaaa', 'abcabc', 'xababy'].map((k) => longestPingPong(calls(k)))).toEqual([
      0, 0, 1, 2, 3, 0, 0, 2,
    ]))
})
