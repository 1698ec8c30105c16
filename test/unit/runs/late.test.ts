/**
 * Spans that come after their run closed say only what nothing said before (R3, R4, R8): in the parts that are given here and with a close
 * between, the counts are those of the same spans all at once.
 */
import { describe, expect, test } from 'vitest'
import { wholeReading } from '../../../processor/dialects/whole.ts'
import { DEFAULT_RUN_LIMITS, type LateWork, Runs } from '../../../processor/runs/runs.ts'
import { partsOf } from '../../../processor/runs/state.ts'
import type { Reading, Run, Spend } from '../../../model/run.ts'
import { agent, http, idOf, model, type Sketch, type Spans, spansOf, tool, TRACE } from '../../support/facts.ts'

const S = 1000
const OTHER = '2'.repeat(32)

class World {
  readonly closed: Run[] = []
  readonly late: LateWork[] = []
  readonly failures: unknown[] = []
  dropped = 0
  runs = this.#made()

  #made(): Runs {
    return new Runs(
      { ...DEFAULT_RUN_LIMITS, maxSpansPerRun: 6 },
      {
        closed: (run) => this.closed.push(run),
        late: (work) => this.late.push(work),
        duplicate: () => undefined,
        linksDropped: () => undefined,
        evaluationsDropped: (_, count) => (this.dropped += count),
        failed: (error) => this.failures.push(error),
      },
      7,
    )
  }

  add(spans: Spans, now: number, ids?: readonly string[], traceId = TRACE): void {
    const wanted = ids?.map(idOf)
    const isWanted = (id: string): boolean => wanted === undefined || wanted.includes(id)
    for (const [id, link] of spans.links) if (isWanted(id)) this.runs.link({ traceId, spanId: id, ...link }, now)
    for (const fact of spans.facts) if (isWanted(fact.spanId)) this.runs.add(traceId, { ...fact, reading: wholeReading(fact.reading) }, now)
    this.runs.requestEnded()
  }

  restart(): void {
    const parts = structuredClone([...partsOf(this.runs.capture())])
    this.runs = this.#made()
    for (const part of parts) this.runs.restore(part)
  }

  get counts(): { readonly runs: number; readonly calls: number; readonly tools: number; readonly tokens: number } {
    const all = [...this.closed, ...this.late]
    const tokensOf = ({ usage }: Spend): number => (usage.input ?? 0) + (usage.output ?? 0)
    return {
      runs: this.closed.length,
      calls: all.reduce((n, w) => n + w.modelCalls.length, 0),
      tools: all.reduce((n, w) => n + w.toolCalls.length, 0),
      tokens: all.reduce((n, w) => n + w.spend.reduce((sum, s) => sum + tokensOf(s), 0), 0),
    }
  }
}

const usage = (input: number, output: number): Pick<Reading, 'usage'> => ({ usage: { input, output, cacheAccounting: 'included' } })
const sum = (id: string, children: readonly Sketch[]): Sketch => ({
  ...agent(id, 'support', children),
  reading: { role: 'agent', agentName: 'support', ...usage(100, 10) },
})
const embedding = (id: string, children: readonly Sketch[] = []): Sketch => ({
  id,
  reading: { role: 'embedding', ...usage(50, 0) },
  children,
})
const IDLE = 700 * S
const SETTLED = 11 * S

/** What it is, the spans, which come first, when the rest does. */
const cases: readonly (readonly [string, Sketch, readonly string[], number])[] = [
  ['the agent span with the sum of its calls', sum('a', [model('m', 100, 10)]), ['m'], IDLE],
  ['the same through a step that came in time', sum('a', [http('s', [model('m', 100, 10)])]), ['m', 's'], IDLE],
  ['the same through a step that is late too', sum('a', [http('s', [model('m', 100, 10)])]), ['m'], IDLE],
  ['an agent above an agent that came in time', sum('a', [agent('b', 'helper', [model('m', 100, 10)])]), ['m', 'b'], IDLE],
  ['an outer model span and its agent', agent('a', 'x', [{ ...model('o', 100, 10), children: [model('m', 100, 10)] }]), ['m'], IDLE],
  ['an inner embedding', agent('a', 'x', [model('m', 1, 1), embedding('e', [embedding('f')])]), ['a', 'm', 'e'], SETTLED],
  [
    "the provider's span below the client's and an HTTP span",
    agent('a', 'x', [{ ...model('m', 100, 10), children: [http('h', [model('p', 100, 10, { serverSide: true })])] }]),
    ['a', 'm', 'h'],
    SETTLED,
  ],
  [
    'the server side of a tool call',
    agent('a', 'x', [{ ...tool('t', 'search'), children: [tool('u', 'search', { serverSide: true })] }]),
    ['a', 't'],
    SETTLED,
  ],
  [
    'the same below an HTTP span, with one more of the server',
    agent('a', 'x', [{ ...tool('t', 'search'), children: [http('h', [http('i', [tool('u', 'search', { serverSide: true })])])] }]),
    ['a', 't', 'h'],
    SETTLED,
  ],
  [
    'an equal response id',
    agent('a', 'x', [model('m', 1, 1, { responseId: 'R' }), model('n', 1, 1, { responseId: 'R' })]),
    ['a', 'm'],
    SETTLED,
  ],
  [
    'a sub-agent behind two HTTP spans, of which one is late',
    agent('a', 'x', [model('m', 1, 1), http('h', [http('i', [agent('b', 'helper', [model('n', 7, 3)])])])]),
    ['a', 'm', 'h'],
    SETTLED,
  ],
]

describe('what comes late and was counted before counts nothing', () => {
  for (const [name, sketch, first, lateMs] of cases)
    for (const isRestarted of [false, true])
      test(`${name}${isRestarted ? ', after a restart' : ''}`, () => {
        const spans = spansOf(sketch)
        const whole = new World()
        whole.add(spans, 0)
        whole.runs.flush(SETTLED, 'settled')
        const w = new World()
        w.add(spans, 0, first)
        w.runs.sweep(lateMs)
        w.runs.sweep(lateMs)
        expect(w.closed).toHaveLength(1)
        if (isRestarted) w.restart()
        const rest = [...spans.facts.map((f) => f.spanId), ...spans.links.map(([id]) => id)].filter((id) => !first.map(idOf).includes(id))
        w.add(
          { facts: spans.facts.filter((f) => rest.includes(f.spanId)), links: spans.links.filter(([id]) => rest.includes(id)) },
          lateMs + 1,
        )
        w.runs.sweep(lateMs + IDLE)
        w.runs.sweep(lateMs + IDLE)
        expect(w.counts).toEqual(whole.counts)
      })
})

describe('what comes late and is new counts', () => {
  test('the sum of an agent that no call told anything of', () => {
    const w = new World()
    const spans = spansOf(sum('a', [tool('t', 'search')]))
    w.add(spans, 0, ['t'])
    w.runs.sweep(IDLE)
    w.runs.sweep(IDLE)
    w.add(spans, IDLE + 1, ['a'])
    w.runs.sweep(2 * IDLE)
    expect(w.counts).toEqual({ runs: 1, calls: 0, tools: 1, tokens: 110 })
  })
  test('a call of a closed run as often as the run does', () => {
    const w = new World()
    const spans = spansOf({ ...agent('a', 'x', [model('m', 1, 1), model('n', 1, 1)]), weight: 10 })
    w.add(spans, 0, ['a', 'm'])
    w.runs.sweep(SETTLED)
    w.restart()
    w.add(spans, SETTLED, ['n'])
    expect([w.closed[0]?.weight, w.late[0]?.weight]).toEqual([10, 10])
  })
  test('beyond the bound of a run, after it and whatever was written down between', () => {
    const w = new World()
    const spans = spansOf(
      agent(
        'a',
        'x',
        ['m1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7', 'm8'].map((id) => model(id, 1, 1)),
      ),
    )
    for (const id of ['a', 'm1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7']) w.add(spans, 0, [id])
    w.restart()
    w.add(spans, 1, ['m7', 'm8'])
    expect(w.counts).toEqual({ runs: 1, calls: 8, tools: 0, tokens: 16 })
  })
})

test('a late span of the first of two runs that closed one after the other is late, and no third run', () => {
  const w = new World()
  const first = spansOf({ ...agent('a', 'first', [model('m', 1, 1), agent('c', 'sub', [model('k', 5, 5)])]), missing: 'remote' })
  w.add(first, 0, ['a', 'm'])
  w.runs.sweep(SETTLED)
  w.add(spansOf({ ...agent('b', 'second', [model('n', 1, 1)]), missing: 'remote' }), 50 * S)
  w.runs.sweep(61 * S)
  w.add(first, 62 * S, ['k', 'c'])
  w.runs.sweep(IDLE)
  w.runs.sweep(IDLE)
  expect(w.closed.map((r) => r.agent)).toEqual(['first', 'second'])
  expect(w.late.map((l) => l.agent)).toEqual(['first', 'first'])
})

describe('a response that two traces report, one of them late', () => {
  const mine = spansOf(agent('a', 'support', [model('m', 100, 10, { responseId: 'R' })]))
  const bare = spansOf(model('x', 100, 10, { responseId: 'R' }))
  test('was counted by the other', () => {
    const w = new World()
    w.add(mine, 0, ['a'])
    w.add(bare, 0, undefined, OTHER)
    w.runs.sweep(SETTLED)
    w.add(mine, SETTLED, ['m'])
    expect(w.counts.tokens).toBe(110)
    expect(w.late.map((l) => l.conflicts)).toEqual([['duplicate_response']])
  })
  test('is counted by it, and not by the other', () => {
    const w = new World()
    w.add(mine, 0, ['a'])
    w.runs.sweep(SETTLED)
    w.add(mine, SETTLED, ['m'])
    w.add(bare, SETTLED, undefined, OTHER)
    w.runs.flush(30 * S, 'settled')
    expect(w.counts.tokens).toBe(110)
  })
  test('by more traces than are told apart, counts once', () => {
    const w = new World()
    for (let i = 0; i < 12; i++) w.add(bare, i, undefined, i.toString(16).padStart(32, '0'))
    w.runs.flush(30 * S, 'settled')
    expect(w.counts).toEqual({ runs: 1, calls: 1, tools: 0, tokens: 110 })
  })
})

test('an evaluation of a trace that is open again goes to the run that closed as it is now', () => {
  const w = new World()
  w.add(spansOf({ ...agent('a', 'first', [model('m', 1, 1)]), missing: 'remote' }), 0)
  w.runs.sweep(SETTLED)
  for (let i = 0; i < 8; i++) w.runs.evaluate({ name: 'good', score: 1, source: 'external' }, TRACE, idOf('a'))
  expect(w.late.map((l) => l.agent)).toEqual(Array.from({ length: 8 }, () => 'first'))
})

test('evaluations of an open run beyond its bound are told', () => {
  const w = new World()
  w.add(spansOf(agent('a', 'x', [model('m', 1, 1)])), 0)
  for (let i = 0; i < 8; i++) w.runs.evaluate({ name: 'good', score: 1, source: 'external' }, TRACE, idOf('a'))
  expect(w.dropped).toBe(2)
})

test('evaluations of a trace that closes without a run are told, and those of a late span that judge another are not its own', () => {
  const w = new World()
  w.add(spansOf(embedding('e')), 0)
  w.runs.evaluate({ name: 'good', score: 1, source: 'external' }, TRACE, idOf('e'))
  w.runs.sweep(IDLE)
  w.runs.sweep(IDLE)
  expect([w.closed.length, w.dropped]).toEqual([0, 1])
  const other = new World()
  const evaluation = { name: 'good', score: 1, source: 'external' } as const
  const judged = [evaluation, { ...evaluation, name: 'other', target: { traceId: OTHER, spanId: idOf('x') } }]
  const spans = spansOf(agent('a', 'x', [model('m', 1, 1), { id: 'v', reading: { role: 'evaluator', evaluations: judged } }]))
  other.add(spans, 0, ['a', 'm'])
  other.runs.sweep(SETTLED)
  other.add(spans, SETTLED, ['v'])
  expect(other.late.map((l) => l.evaluations)).toEqual([[evaluation]])
})

test('a trace over which our own code throws is given up, told, and holds up nobody', () => {
  const w = new World()
  const spans = spansOf(agent('a', 'x', [model('m', 1, 1)]))
  const [bad] = spans.facts.map((f) => ({ ...f, reading: wholeReading({ ...f.reading, agentName: {} as never }) }))
  w.runs.add(OTHER, { ...bad! }, 0)
  w.add(spans, 0)
  expect(w.failures).toHaveLength(1)
  w.runs.sweep(SETTLED)
  w.runs.sweep(SETTLED + 1)
  expect(w.closed.map((r) => r.traceId)).toContain(TRACE)
  expect(w.runs.openRuns).toBe(0)
  w.runs.sweep(2 * SETTLED)
  expect(w.failures.length).toBeLessThan(4)
})

test('a clock that was set back is noticed after a restart as without one', () => {
  for (const isRestarted of [false, true]) {
    const w = new World()
    w.add(spansOf(agent('a', 'x', [model('m', 1, 1)])), 3600 * S)
    w.runs.sweep(3601 * S)
    if (isRestarted) w.restart()
    w.runs.sweep(1000 * S)
    w.runs.sweep(1011 * S)
    expect(w.closed).toHaveLength(1)
  }
})

test('what has closed is forgotten in time when the clock was set back', () => {
  const w = new World()
  w.add(spansOf(agent('a', 'x', [model('m', 1, 1)])), 86_400 * S)
  w.runs.sweep(86_411 * S)
  expect(w.runs.rememberedTraces).toBe(1)
  w.runs.sweep(0)
  w.runs.sweep(7200 * S)
  expect(w.runs.rememberedTraces).toBe(0)
})
