import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CloseReason, Run } from '../../../model/run.ts'
import { DEFAULT_RUN_LIMITS, type LateWork, type RunLimits, Runs } from '../../../processor/runs/runs.ts'
import { agent, http, idOf, model, type Sketch, type Spans, spansOf, tool, TRACE } from '../../support/facts.ts'

class World {
  readonly closed: [Run, CloseReason][] = []
  readonly late: LateWork[] = []
  readonly duplicates: string[] = []
  linksDropped = 0
  dropped = 0
  readonly failures: unknown[] = []
  readonly runs: Runs
  constructor(limits: Partial<RunLimits> = {}) {
    this.runs = new Runs(
      { ...DEFAULT_RUN_LIMITS, ...limits },
      {
        closed: (run, reason) => this.closed.push([run, reason]),
        late: (work) => this.late.push(work),
        duplicate: (a) => this.duplicates.push(a),
        linksDropped: (_, n) => (this.linksDropped += n),
        evaluationsDropped: (_, count) => (this.dropped += count),
        failed: (error) => this.failures.push(error),
      },
      7,
    )
  }
  add(spans: Spans, now: number, traceId = TRACE): void {
    for (const [id, l] of spans.links) this.runs.link({ traceId, spanId: id, ...l }, now)
    for (const f of spans.facts) this.runs.add(traceId, { ...f }, now)
  }
}
const S = 1000
const support = (): Sketch => agent('a', 'support', [model('m', 10, 1), tool('t', 'search'), model('n', 20, 2)])
const summary = (r: Run): unknown => ({
  agent: r.agent,
  calls: r.modelCalls.length,
  tools: r.toolCalls.length,
  spend: r.spend,
  outcome: r.outcome,
})

describe('R7 close', () => {
  test('ten seconds after the last span when the root has ended', () => {
    const w = new World()
    w.add(spansOf(support()), 0)
    w.runs.sweep(9 * S)
    expect(w.closed).toHaveLength(0)
    w.runs.sweep(10 * S)
    expect(w.closed.map(([r, why]) => [r.agent, why])).toEqual([['support', 'settled']])
    expect(w.runs.openSpans).toBe(0)
  })
  test('steps whose agent span has not come wait for it until idle', () => {
    const w = new World()
    w.add(spansOf({ ...model('m', 1, 1), missing: 'local' }), 0)
    w.runs.sweep(599 * S)
    expect(w.closed).toHaveLength(0)
    w.runs.sweep(600 * S)
    expect(w.closed.map(([r, why]) => [r.outcome, why])).toEqual([['abandoned', 'idle']])
  })
  test('an agent span whose parent never came waits a minute for an agent around it', () => {
    for (const missing of ['local', 'unknown'] as const) {
      const w = new World()
      w.add(spansOf({ ...support(), missing }), 0)
      w.runs.sweep(59 * S)
      expect(w.closed).toHaveLength(0)
      w.runs.sweep(60 * S)
      expect(w.closed.map(([r, why]) => [r.agent, r.outcome, why])).toEqual([['support', 'ok', 'settled']])
    }
  })
  test('an agent around it that ends within that minute is the root', () => {
    const w = new World()
    const { facts } = spansOf(agent('o', 'outer', [support()]))
    for (const f of facts.slice(1)) w.runs.add(TRACE, f, 0)
    w.runs.sweep(40 * S)
    w.runs.add(TRACE, facts[0]!, 45 * S)
    w.runs.sweep(60 * S)
    expect(w.closed.map(([r]) => [r.agent, r.modelCalls.length])).toEqual([['outer', 2]])
  })
  test('a parent in another process may never be exported: settle', () => {
    const w = new World()
    w.add(spansOf({ ...support(), missing: 'remote' }), 0)
    w.runs.sweep(10 * S)
    expect(w.closed).toHaveLength(1)
  })
  test('a trace that never ends is closed at max_run_seconds', () => {
    const w = new World({ maxRunMs: 100 * S })
    for (let s = 0; s <= 100; s += 5) {
      w.add(spansOf({ ...model(`m${s}`, 1, 1), missing: 'local' }), s * S)
      w.runs.sweep(s * S)
    }
    expect(w.closed.map(([r, why]) => [r.modelCalls.length, why])).toEqual([[21, 'max_age']])
  })
  test('bounds evict the oldest first and say so', () => {
    const w = new World({ maxOpen: 2 })
    for (const [i, id] of ['1', '2', '3'].entries()) w.add(spansOf(agent('a', `agent${id}`, [model('m', 1, 1)])), i, id.repeat(32))
    expect(w.closed.map(([r, why]) => [r.agent, why])).toEqual([['agent1', 'evicted_runs']])
    const v = new World({ maxOpenSpans: 4 })
    for (const [i, id] of ['1', '2', '3'].entries()) v.add(spansOf(agent('a', `agent${id}`, [model('m', 1, 1)])), i, id.repeat(32))
    expect(v.closed.map(([r, why]) => [r.agent, why])).toEqual([['agent1', 'evicted_spans']])
  })
  test('a run at its span limit is closed once, the rest is late', () => {
    const w = new World({ maxSpansPerRun: 10 })
    for (let i = 0; i < 25; i++) w.add(spansOf({ ...model(`m${i}`, 1, 1), missing: 'local' }), i)
    const { facts } = spansOf({ id: 'root', reading: { role: 'agent', agentName: 'x' } })
    w.runs.add(TRACE, { ...facts[0]!, spanId: 'ffffffffffffff01' }, 30)
    w.runs.flush(40, 'shutdown')
    expect(w.closed.map(([, why]) => why)).toEqual(['span_limit'])
    expect(w.late.reduce((n, l) => n + l.spend.length, 0) + (w.closed[0]?.[0].spend.length ?? 0)).toBe(25)
  })
  test('spans that are no GenAI are forgotten when idle or over the bound', () => {
    const w = new World({ maxLinkSpans: 100 })
    for (let i = 0; i < 150; i++)
      w.runs.link({ traceId: i.toString(10).padStart(32, 'a'), spanId: 'a'.repeat(16), parentSpanId: '', parentLocation: 'unknown' }, i)
    expect([w.runs.linkSpans, w.linksDropped]).toEqual([100, 50])
    w.runs.sweep(3600 * S)
    expect(w.runs.linkSpans).toBe(0)
  })
})

describe('R8 late and repeated spans', () => {
  test('repeats are ignored within the run and after it closed', () => {
    const w = new World()
    w.add(spansOf(support()), 0)
    w.add(spansOf(support()), 1)
    w.runs.sweep(11 * S)
    w.add(spansOf(support()), 12 * S)
    w.runs.sweep(60 * S)
    expect([w.closed.length, w.duplicates, w.late.length]).toEqual([1, Array.from({ length: 8 }, () => 'support'), 0])
  })
  test('a late call adds to counters at once and makes no run', () => {
    const w = new World()
    w.add(spansOf(support()), 0)
    w.runs.sweep(10 * S)
    const { facts } = spansOf(agent('a', 'support', [model('late', 5, 5)]))
    w.runs.add(TRACE, facts[1]!, 20 * S)
    expect(w.late.map((l) => [l.agent, l.lateSpans, l.spend[0]?.usage])).toEqual([['support', 1, { input: 5, output: 5 }]])
    w.runs.sweep(900 * S)
    expect(w.closed).toHaveLength(1)
  })
  test('a late envelope or inner span of a counted call brings no tokens', () => {
    const whole = spansOf(agent('a', 'x', [{ ...model('outer', 100, 20), children: [model('inner', 100, 20)] }]))
    for (const missing of ['outer', 'inner']) {
      const w = new World()
      w.add({ links: [], facts: whole.facts.filter((f) => f.spanId !== idOf(missing)) }, 0)
      w.runs.flush(700 * S, 'idle')
      w.runs.add(
        TRACE,
        whole.facts.find((f) => f.spanId === idOf(missing))!,
        701 * S,
      )
      expect([...w.closed.flatMap(([r]) => r.spend), ...w.late.flatMap((l) => l.spend)]).toHaveLength(1)
    }
  })
  test('the root of a run that closed idle is late, not a second run', () => {
    const whole = spansOf(support())
    const w = new World()
    w.add({ links: [], facts: whole.facts.slice(1) }, 0)
    w.runs.sweep(10 * S)
    w.runs.sweep(600 * S)
    expect(w.closed.map(([r]) => r.outcome)).toEqual(['abandoned'])
    w.runs.add(TRACE, whole.facts[0]!, 700 * S)
    w.runs.sweep(800 * S)
    expect(w.closed).toHaveLength(1)
  })
  test('another run under the same remote parent is a run of its own', () => {
    const w = new World()
    w.add(spansOf({ ...agent('a', 'support', [model('m', 1, 1)]), missing: 'remote' }), 0)
    w.runs.sweep(10 * S)
    w.add(spansOf({ ...agent('b', 'support', [model('n', 1, 1)]), missing: 'remote' }), 60 * S)
    w.runs.sweep(70 * S)
    expect(w.closed).toHaveLength(2)
    expect(w.late).toHaveLength(0)
  })
  test('remembered spans are forgotten in time and in number', () => {
    const w = new World({ rememberMs: 100 * S, maxRememberedTraces: 5 })
    for (let i = 0; i < 9; i++) w.add(spansOf(support()), i, i.toString().repeat(32))
    w.runs.sweep(11 * S)
    expect(w.runs.rememberedTraces).toBe(5)
    w.runs.sweep(200 * S)
    expect(w.runs.rememberedTraces).toBe(0)
  })
})

describe('the same call in two traces (equal response ids)', () => {
  const agentTrace = spansOf(agent('a', 'weather', [model('m', 100, 20, { responseId: 'r1' })]))
  const bareTrace = spansOf(model('z', 100, 20, { responseId: 'r1' }))
  const [one, two] = ['a'.repeat(32), 'b'.repeat(32)]
  for (const [name, order] of [
    ['agent first', ['agent', 'bare']],
    ['bare first', ['bare', 'agent']],
  ] as const) {
    test(`the agent's trace keeps it: ${name}`, () => {
      const w = new World()
      for (const which of order) w.add(which === 'agent' ? agentTrace : bareTrace, 0, which === 'agent' ? two : one)
      w.runs.sweep(20 * S)
      expect(w.closed.map(([r]) => summary(r))).toEqual([summary({ ...(w.closed[0]?.[0] as Run), agent: 'weather' })])
      expect(w.late.flatMap((l) => l.conflicts)).toEqual(['duplicate_response'])
      expect(w.late.flatMap((l) => l.spend)).toEqual([])
    })
  }
})

describe('evaluations join their run', () => {
  const e = { name: 'grounded', source: 'external', score: 0.4 } as const
  test('by span while it is open, and late after it closed', () => {
    const w = new World()
    w.add(spansOf(support()), 0)
    expect(w.runs.evaluate(e, TRACE, idOf('m'))).toBe(true)
    w.runs.sweep(10 * S)
    expect(w.closed[0]?.[0].evaluations).toEqual([e])
    expect(w.runs.evaluate(e, TRACE, idOf('m'))).toBe(true)
    expect(w.late[0]?.evaluations).toEqual([e])
  })
  test('by response id', () => {
    const w = new World()
    w.add(spansOf(agent('a', 'x', [model('m', 1, 1, { responseId: 'r9' })])), 0)
    expect(w.runs.evaluate({ ...e, responseId: 'r9' }, '', '')).toBe(true)
    expect(w.runs.evaluate({ ...e, responseId: 'nobody' }, '', '')).toBe(false)
  })
  const one = spansOf(http('h', [support()]))
  const two = spansOf(http('h', [agent('a', 'first', [model('m', 1, 1)]), agent('b', 'second', [http('c', [model('n', 1, 1)])])]))
  test.each([
    ['on an HTTP span around the agent', one, 'h', 'support'],
    ['on a span that never came', one, 'x', 'support'],
    ['on a trace', one, '', 'support'],
    ['on a span of the second of two runs', two, 'n', 'second'],
    ['on a span of neither of two runs', two, 'h', 'first'],
    ['on a span in the second that is no GenAI', two, 'c', 'second'],
    ['on a trace with two runs', two, '', 'first'],
  ])('%s: whether it comes before the close or after it', (_, spans, span, home) => {
    const before = new World()
    before.add(spans, 0)
    expect(before.runs.evaluate(e, TRACE, span === '' ? '' : idOf(span))).toBe(true)
    before.runs.sweep(10 * S)
    expect(before.closed.flatMap(([r]) => r.evaluations.map(() => r.agent))).toEqual([home])
    const after = new World()
    after.add(spans, 0)
    after.runs.sweep(10 * S)
    expect(after.runs.evaluate(e, TRACE, span === '' ? '' : idOf(span))).toBe(true)
    expect(after.late.flatMap((l) => l.evaluations.map(() => l.agent))).toEqual([home])
  })
  test('by the response of the second of two runs while they are open', () => {
    const w = new World()
    w.add(spansOf(agent('a', 'first', [model('m', 1, 1)]), agent('b', 'second', [model('n', 1, 1, { responseId: 'r9' })])), 0)
    expect(w.runs.evaluate({ ...e, responseId: 'r9' }, '', '')).toBe(true)
    w.runs.sweep(10 * S)
    expect(w.closed.map(([r]) => r.evaluations.length)).toEqual([0, 1])
  })
})

test('any order, repetition and batching of arrival gives the same runs', () => {
  const spans = spansOf(
    http('h', [
      agent('a', 'front', [
        { ...model('o', 100, 20), children: [model('i', 100, 20)] },
        http('c', [http('s', [agent('b', 'back', [model('m', 7, 1), { ...tool('t', 'q'), children: [tool('u', 'q')] }])])]),
      ]),
    ]),
  )
  const arrivals = [...spans.facts.map((fact) => ({ fact })), ...spans.links.map((link) => ({ link }))]
  const play = (order: readonly (typeof arrivals)[number][], step: number): unknown => {
    const w = new World()
    let now = 0
    for (const x of order) {
      if ('fact' in x) w.runs.add(TRACE, x.fact, now)
      else w.runs.link({ traceId: TRACE, spanId: x.link[0], ...x.link[1] }, now)
      now += step
      w.runs.sweep(now)
    }
    w.runs.sweep(now + 20 * S)
    return w.closed
  }
  const expected = play(arrivals, 0)
  expect(expected).toHaveLength(1)
  fc.assert(
    fc.property(
      fc.shuffledSubarray([...arrivals, ...arrivals], { minLength: arrivals.length * 2 }),
      fc.constantFrom(0, 1, 900),
      (order, step) => {
        expect(play(order, step)).toEqual(expected)
      },
    ),
    { numRuns: 300 },
  )
}, 60_000)

test('open runs stay within bounds and every one is closed', () => {
  const w = new World({ maxOpen: 5_000 })
  const { facts } = spansOf(agent('a', 'x', [model('m', 1, 1)]))
  for (let i = 0; i < 20_000; i++) for (const f of facts) w.runs.add(i.toString(10).padStart(32, 'a'), f, i)
  expect(w.runs.openRuns).toBe(5_000)
  while (w.runs.sweep(10_000_000)) continue
  expect(w.closed).toHaveLength(20_000)
})
