import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Run } from '../../../model/run.ts'
import { assemble, type Assembled } from '../../../processor/runs/assemble.ts'
import { agent, http, idOf, model, type Sketch, spansOf, tool, TRACE } from '../../support/facts.ts'

function runsOf(...roots: readonly Sketch[]): Assembled {
  const { facts, links } = spansOf(...roots)
  return assemble({ traceId: TRACE, facts: new Map(facts.map((f) => [f.spanId, f])), links: new Map(links), evaluations: [] })
}
function only(...roots: readonly Sketch[]): Run {
  const { runs } = runsOf(...roots)
  expect(runs).toHaveLength(1)
  return runs[0] as Run
}
const tokens = (run: Run): Record<string, number> => {
  const sum: Record<string, number> = {}
  for (const s of run.spend) for (const [k, v] of Object.entries(s.usage)) if (v !== undefined) sum[k] = (sum[k] ?? 0) + (v as number)
  return sum
}

describe('R1 root', () => {
  test('the highest agent is the root, through HTTP hops between agents', () => {
    const run = only(http('h', [agent('a', 'front', [http('c', [http('s', [agent('b', 'back', [model('m', 10, 1)])])])])]))
    expect(run.rootSpanId).toBe(idOf('a'))
    expect(run.agent).toBe('front')
    expect(run.modelCalls).toHaveLength(1)
  })
  test('disjoint roots in one trace are several runs', () => {
    const { runs } = runsOf(http('job', [agent('a', 'one', [model('m', 1, 1)]), agent('b', 'two', [model('n', 2, 2)])]))
    expect(runs.map((r) => r.agent)).toEqual(['one', 'two'])
  })
  test('steps without an agent are one run', () => {
    const run = only(http('h', [model('m', 10, 1), http('x', [tool('t', 'search')]), model('n', 10, 1)]))
    expect([run.agent, run.modelCalls.length, run.toolCalls.length, run.outcome]).toEqual(['shop', 2, 1, 'ok'])
  })
  test('a call whose parent was filtered out belongs to the run under way when it started', () => {
    const orphan = { ...model('o', 5, 5, {}, { at: 15 }), missing: 'local' } as const
    const { runs, rootsEnded } = runsOf(agent('a', 'x', [model('m', 10, 1, {}, { at: 12 })], { at: 10, ms: 100 }), orphan)
    expect([runs.length, runs[0]?.modelCalls.length, rootsEnded]).toEqual([1, 2, 'yes'])
    const apart = runsOf(agent('a', 'x', [], { at: 10, ms: 2 }), orphan)
    expect([apart.runs[0]?.modelCalls.length, apart.loose?.modelCalls.length, apart.rootsEnded]).toEqual([0, 1, 'no'])
  })
  test('a loop of parent ids is cut, nothing hangs', () => {
    const { facts } = spansOf(agent('a', 'x', [model('m', 1, 1)]))
    const looped = facts.map((f) => (f.spanId === idOf('a') ? { ...f, parentSpanId: idOf('m') } : f))
    const { runs } = assemble({ traceId: TRACE, facts: new Map(looped.map((f) => [f.spanId, f])), links: new Map(), evaluations: [] })
    expect(runs).toHaveLength(1)
  })
  test('a loop is cut at its first span, whichever of it comes first and whatever hangs on it', () => {
    const { facts } = spansOf(agent('a', 'x', [model('m', 1, 1), tool('t', 'search', {}, { children: [model('n', 2, 2)] })]))
    const looped = facts.map((f) => (f.spanId === idOf('a') ? { ...f, parentSpanId: idOf('n') } : f))
    for (const order of [looped, looped.toReversed()]) {
      const { runs, loose } = assemble({
        traceId: TRACE,
        facts: new Map(order.map((f) => [f.spanId, f])),
        links: new Map(),
        evaluations: [],
      })
      expect([runs.map((r) => [r.agent, r.modelCalls.length, r.toolCalls.length]), loose]).toEqual([[['x', 2, 1]], undefined])
    }
  })
  test('20,000 nested spans, each before the one around it, take no longer and count once', () => {
    const { facts } = spansOf(...Array.from({ length: 20_000 }, (_, i) => (i === 0 ? agent('a', 'x', []) : model(`m${i}`, 1, 1))))
    const nested = facts.map((f, i) => ({ ...f, startMs: 1e6 - i, parentSpanId: i === 0 ? '' : (facts[i - 1]?.spanId ?? '') }))
    const { runs } = assemble({ traceId: TRACE, facts: new Map(nested.map((f) => [f.spanId, f])), links: new Map(), evaluations: [] })
    expect([runs[0]?.agent, runs[0]?.modelCalls.length, runs[0]?.spend.length]).toEqual(['x', 1, 1])
  })
  test('20,000 nested spans take less than a quadratic walk would', () => {
    let chain: Sketch = model('m0', 1, 1)
    const flat: Sketch[] = []
    for (let i = 1; i < 20_000; i++) flat.push(model(`m${i}`, 1, 1))
    const { facts } = spansOf(...flat)
    const nested = facts.map((f, i) => ({ ...f, parentSpanId: i === 0 ? '' : (facts[i - 1]?.spanId ?? '') }))
    chain = model('x')
    expect(chain).toBeDefined()
    const { runs } = assemble({ traceId: TRACE, facts: new Map(nested.map((f) => [f.spanId, f])), links: new Map(), evaluations: [] })
    expect(runs[0]?.modelCalls).toHaveLength(1)
  })
})

describe('R2 agent name', () => {
  test('below an unnamed root the outermost named agent gives the name', () => {
    expect(
      only(agent('a', undefined, [agent('b', undefined, [agent('c', 'weather', [agent('d', 'sub', [model('m', 1, 1)])])])])).agent,
    ).toBe('weather')
  })
  test('a workflow takes the name of the agent below it', () => {
    const root: Sketch = {
      id: 'w',
      reading: { role: 'workflow', agentName: 'Agent workflow' },
      children: [agent('a', 'triage', [model('m', 1, 1)])],
    }
    expect(only(root).agent).toBe('triage')
  })
  test('a UUID is no name', () => {
    expect(only(agent('a', '0f8fad5b-d9cb-469f-a165-70867728950e', [model('m', 1, 1)])).agent).toBe('shop')
  })
  test('a run whose root is missing takes the name its tools carry', () => {
    expect(only({ ...tool('t', 'x', { agentName: 'support' }), missing: 'local' }).agent).toBe('support')
  })
})

describe('R3 steps and R4 usage', () => {
  test('an envelope is no second call and its usage is dropped', () => {
    const run = only(agent('a', 'x', [{ ...model('outer', 100, 20), children: [http('h', [model('inner', 100, 20)])] }]))
    expect([run.modelCalls.length, tokens(run)]).toEqual([1, { input: 100, output: 20 }])
  })
  test('an envelope keeps its usage where the calls below report none', () => {
    const run = only(agent('a', 'x', [{ ...model('outer', 200, 40), children: [model('c1'), tool('t', 'w'), model('c2')] }]))
    expect([run.modelCalls.length, run.toolCalls.length, tokens(run)]).toEqual([2, 1, { input: 200, output: 40 }])
  })
  test('a model call inside a tool inside a model call is another call', () => {
    const run = only(agent('a', 'x', [{ ...model('m', 10, 1), children: [{ ...tool('t', 'summarise'), children: [model('n', 7, 1)] }] }]))
    expect([run.modelCalls.length, tokens(run)]).toEqual([2, { input: 17, output: 2 }])
  })
  test('equal response ids are one call and count a conflict', () => {
    const run = only(agent('a', 'x', [model('m', 10, 1, { responseId: 'r1' }), model('n', 10, 1, { responseId: 'r1' })]))
    expect([run.modelCalls.length, tokens(run), run.conflicts]).toEqual([1, { input: 10, output: 1 }, ['duplicate_response']])
  })
  test('a provider-side span under the client span is the same call', () => {
    const run = only(agent('a', 'x', [{ ...model('m', 10, 1), children: [model('srv', 11, 1, { serverSide: true })] }]))
    expect([run.modelCalls.length, tokens(run)]).toEqual([1, { input: 10, output: 1 }])
  })
  test.each([0, 3])('an MCP server whose clock is %i ms behind its caller is the same call', (behind) => {
    // Both orders of ids: spans that start in the same millisecond are sorted by id.
    for (const [outer, inner] of [
      ['p', 'q'],
      ['q', 'p'],
    ] as const) {
      const server = tool(inner, 'search', { serverSide: true }, { at: 10 - behind })
      const run = only(agent('a', 'x', [{ ...tool(outer, 'search', {}, { at: 10 }), children: [server] }], { at: 0, ms: 100 }))
      expect(run.toolCalls).toHaveLength(1)
    }
  })
  test('a tool span and the MCP span inside it are one call, with the inner failure', () => {
    const run = only(agent('a', 'x', [{ ...tool('t', 'search'), children: [tool('mcp', 'search', {}, { status: 'error' })] }]))
    expect(run.toolCalls.map((t) => [t.tool, t.outcome])).toEqual([['search', 'error']])
  })
  test('different tools inside a tool are calls of their own', () => {
    const run = only(agent('a', 'x', [{ ...tool('t', 'Agent'), children: [tool('u', 'Read'), tool('v', 'Grep')] }]))
    expect(run.toolCalls.map((t) => t.tool)).toEqual(['Agent', 'Read', 'Grep'])
  })
  test('failed attempts that were tried again are one call', () => {
    const attempt = { perAttempt: true }
    const run = only(
      agent('a', 'x', [
        model('m', undefined, undefined, attempt, { status: 'error' }),
        model('n', undefined, undefined, attempt, { status: 'error' }),
        model('o', 10, 1, attempt),
      ]),
    )
    expect(run.modelCalls.map((c) => [c.outcome, c.failedAttempts])).toEqual([['ok', 2]])
  })
  test('an attempt that failed for good is one failed call', () => {
    const run = only(
      agent('a', 'x', [
        model('m', 10, 1, { perAttempt: true }),
        tool('t', 'w'),
        model('n', undefined, undefined, { perAttempt: true }, { status: 'error' }),
      ]),
    )
    expect([run.modelCalls.map((c) => c.outcome), run.outcome]).toEqual([['ok', 'error'], 'error'])
  })
  test('agent usage counts where no model call below reported any', () => {
    const run = only(
      agent('a', 'x', [tool('t', 'w')], {
        reading: { role: 'agent', agentName: 'x', usage: { input: 500, output: 50, cacheAccounting: 'included' } },
      }),
    )
    expect([run.modelCalls.length, tokens(run)]).toEqual([0, { input: 500, output: 50 }])
  })
  test('an agent sum off by more than 1 % is a conflict, never averaged', () => {
    const usage = { input: 500, output: 50, cacheAccounting: 'included' } as const
    const run = only(agent('a', 'x', [model('m', 100, 20)], { reading: { role: 'agent', agentName: 'x', usage } }))
    expect([tokens(run), run.conflicts]).toEqual([{ input: 100, output: 20 }, ['agent_sum']])
  })
  test('embeddings are priced but are neither steps nor a run', () => {
    const embedding = (id: string): Sketch => ({ id, reading: { role: 'embedding', usage: { input: 10, cacheAccounting: 'included' } } })
    const run = only(agent('a', 'x', [{ ...embedding('e'), children: [embedding('f')] }, model('m', 1, 1)]))
    expect([run.embeddings, run.modelCalls.length, tokens(run)]).toEqual([1, 1, { input: 11, output: 1 }])
    const alone = runsOf(embedding('e'))
    expect([alone.runs.length, alone.loose?.spend.length]).toEqual([0, 1])
  })
})

describe('R10 outcome', () => {
  const cases: readonly (readonly [string, Sketch, Run['outcome']])[] = [
    ['a clean run', agent('a', 'x', [model('m', 1, 1)]), 'ok'],
    ['a failed root', agent('a', 'x', [model('m', 1, 1)], { status: 'error' }), 'error'],
    [
      'a failed last call under an unset root',
      agent('a', 'x', [model('m', 1, 1), model('n', undefined, undefined, {}, { status: 'error' })]),
      'error',
    ],
    [
      'a failed call that was not the last',
      agent('a', 'x', [model('m', undefined, undefined, {}, { status: 'error' }), model('n', 1, 1)]),
      'ok',
    ],
    ['a failed tool', agent('a', 'x', [tool('t', 'w', {}, { status: 'error' }), model('m', 1, 1)]), 'ok'],
    [
      'a control stopped it',
      agent('a', 'x', [model('m', 1, 1)], { status: 'error', reading: { role: 'agent', agentName: 'x', stoppedBy: 'cost_guard' } }),
      'stopped',
    ],
    ['an aborted call says nothing', agent('a', 'x', [model('m')]), 'unknown'],
    ['left before its first call', agent('a', 'x', [], { reading: { role: 'agent', agentName: 'x', incomplete: true } }), 'unknown'],
    ['its root never came', { ...model('m', 1, 1), missing: 'local' }, 'abandoned'],
    ['its parent is another service', { ...model('m', 1, 1), missing: 'remote' }, 'ok'],
  ]
  for (const [name, sketch, outcome] of cases) test(name, () => expect(only(sketch).outcome).toBe(outcome))
})

test('an output that the SDK could not parse is told of the last call', () => {
  const run = only(
    agent('a', 'x', [model('m', 1, 1), model('n', 1, 1)], { reading: { role: 'agent', agentName: 'x', outputInvalid: true } }),
  )
  expect(run.modelCalls.map((c) => c.outputInvalid)).toEqual([undefined, true])
})

describe('R13 cohort', () => {
  test('prompt, tools and the model of the root agent by tokens', () => {
    const run = only(
      agent('a', 'x', [
        model('m', 10, 1, { instructionsHash: 'aaaaaaaa', toolsHash: 'bbbbbbbb' }),
        agent('b', 'sub', [model('n', 999, 1, { responseModel: 'big', instructionsHash: 'cccccccc' })]),
      ]),
    )
    expect(run.cohort).toEqual({
      agentVersion: '',
      promptVersion: 'h:aaaaaaaa',
      model: 'gpt-5-mini-2026-08-01',
      toolsVersion: 'h:bbbbbbbb',
    })
  })
  test('a declared prompt version wins over the hash', () => {
    expect(only(agent('a', 'x', [model('m', 1, 1, { promptVersion: '7', instructionsHash: 'aaaaaaaa' })])).cohort.promptVersion).toBe('7')
  })
})

/** Random traces: any tree of agents, calls, tools and other spans. */
const readings = fc.oneof(
  fc.constantFrom<Sketch['reading']>(
    undefined,
    { role: 'agent', agentName: 'a' },
    { role: 'agent' },
    { role: 'workflow' },
    { role: 'step' },
    { role: 'evaluator' },
  ),
  fc.record({
    role: fc.constant('model' as const),
    responseId: fc.constantFrom('r1', 'r2', 'r3', 'r4'),
    usage: fc.record({ input: fc.nat(999), output: fc.nat(99), cacheAccounting: fc.constant('included' as const) }),
  }),
  fc.constantFrom<Sketch['reading']>(
    { role: 'model' },
    { role: 'model', perAttempt: true },
    { role: 'tool', toolName: 't' },
    { role: 'tool', toolName: 'u' },
    { role: 'retrieval' },
    { role: 'embedding', usage: { input: 3, cacheAccounting: 'included' } },
  ),
)
const traces = fc
  .array(
    fc.record({
      reading: readings,
      parent: fc.nat(30),
      status: fc.constantFrom('unset' as const, 'ok' as const, 'error' as const),
      at: fc.nat(40),
      ms: fc.nat(40),
    }),
    { minLength: 1, maxLength: 24 },
  )
  .map((nodes) => {
    const sketches = nodes.map((n, i): Sketch & { children: Sketch[] } => ({
      id: `n${i}`,
      at: n.at,
      ms: n.ms,
      status: n.status,
      children: [],
      ...(n.reading === undefined ? {} : { reading: n.reading }),
    }))
    const roots: Sketch[] = []
    for (const [i, n] of nodes.entries()) {
      const self = sketches[i] as Sketch
      if (n.parent < i) sketches[n.parent]?.children.push(self)
      else roots.push(n.parent === 30 ? { ...self, missing: 'local' } : self)
    }
    return spansOf(...roots)
  })

describe('any order of the same spans gives the same runs', () => {
  test('permutations', () => {
    fc.assert(
      fc.property(
        traces.chain((t) =>
          fc.tuple(
            fc.constant(t),
            fc.shuffledSubarray([...t.facts], { minLength: t.facts.length }),
            fc.shuffledSubarray([...t.links], { minLength: t.links.length }),
          ),
        ),
        ([t, facts, links]) => {
          const one = assemble({
            traceId: TRACE,
            facts: new Map(t.facts.map((f) => [f.spanId, f])),
            links: new Map(t.links),
            evaluations: [],
          })
          const two = assemble({ traceId: TRACE, facts: new Map(facts.map((f) => [f.spanId, f])), links: new Map(links), evaluations: [] })
          expect({ ...two, missingParents: [...two.missingParents].sort() }).toEqual({
            ...one,
            missingParents: [...one.missingParents].sort(),
          })
        },
      ),
      { numRuns: 500 },
    )
  })
  test('spans beside them change nothing: few spans are searched in place, many in Maps', () => {
    const beside = spansOf(
      ...Array.from({ length: 20 }, (_, i): Sketch => ({ id: `beside${i}`, at: 1000 + i, children: [], reading: { role: 'step' } })),
    )
    fc.assert(
      fc.property(traces, (t) => {
        const [few, many] = [t.facts, [...t.facts, ...beside.facts]].map((facts) =>
          assemble({ traceId: TRACE, facts: new Map(facts.map((f) => [f.spanId, f])), links: new Map(t.links), evaluations: [] }),
        )
        const counted = (a: Assembled | undefined): unknown => ({
          runs: a?.runs.map(({ modelCalls, toolCalls, spend, conflicts, agent, cohort }) => [
            modelCalls,
            toolCalls,
            spend,
            conflicts,
            agent,
            cohort,
          ]),
          loose: [a?.loose?.modelCalls ?? [], a?.loose?.toolCalls ?? [], a?.loose?.spend ?? []],
        })
        expect(counted(many)).toEqual(counted(few))
      }),
      { numRuns: 500 },
    )
  })
  test('no token is counted twice: spend never exceeds the sum of the reporting spans', () => {
    fc.assert(
      fc.property(traces, (t) => {
        const { runs, loose } = assemble({
          traceId: TRACE,
          facts: new Map(t.facts.map((f) => [f.spanId, f])),
          links: new Map(t.links),
          evaluations: [],
        })
        const spent = [...runs.flatMap((r) => r.spend), ...(loose?.spend ?? [])].map((s) => s.spanId)
        expect(new Set(spent).size).toBe(spent.length)
        const calls = runs.flatMap((r) => r.modelCalls.map((c) => c.spanId))
        expect(new Set(calls).size).toBe(calls.length)
      }),
      { numRuns: 500 },
    )
  })
})
