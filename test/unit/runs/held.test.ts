/** Packing must not show: the same spans, with quiet traces packed in between and without, come to the same runs. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { CloseReason, Fact, Run } from '../../../model/run.ts'
import { DEFAULT_RUN_LIMITS, type LateWork, type OpenMaxima, Runs } from '../../../processor/runs/runs.ts'
import { partsOf } from '../../../processor/runs/state.ts'
import { agent, http, model, spansOf, tool } from '../../support/facts.ts'

class World {
  readonly said: unknown[] = []
  runs: Runs
  constructor() {
    this.runs = this.#runs()
  }
  #runs(): Runs {
    return new Runs(
      {
        ...DEFAULT_RUN_LIMITS,
        settleMs: 1e9,
        orphanMs: 1e9,
        idleMs: 1e9,
        maxRunMs: 1e9,
        maxRememberedSpans: 1000,
        maxRememberedTraces: 100,
      },
      {
        closed: (run: Run, reason: CloseReason) => this.said.push(['closed', run, reason]),
        late: (work: LateWork) => this.said.push(['late', work]),
        duplicate: (who, where) => this.said.push(['duplicate', who, where]),
        linksDropped: () => undefined,
        evaluationsDropped: () => undefined,
        failed: (error) => {
          throw error
        },
        costOf: (run) => run.spend.length,
      },
      7,
    )
  }
  /** As a restart does. */
  restart(): void {
    const parts = [...partsOf(this.runs.capture())]
    this.runs = this.#runs()
    for (const part of structuredClone(parts)) this.runs.restore(part)
  }
  views(): readonly OpenMaxima[] {
    for (const step of this.runs.findViews()) expect(step).toBeUndefined()
    return [...this.runs.openMaxima()].sort((a, b) => (`${a.agent} ${a.environment}` < `${b.agent} ${b.environment}` ? -1 : 1))
  }
}

const { facts, links } = spansOf(
  http('h', [
    agent('a', 'support', [
      model('m', 10, 1),
      http('i', [tool('t', 'search'), tool('u', 'search')]),
      agent('b', 'helper', [model('n', 20, 2)]),
    ]),
  ]),
  { ...model('o', 5, 5), missing: 'local' },
)
const TRACES = ['1'.repeat(32), '2'.repeat(32), 'log:session-3']

/** With an agent of its own in each trace, so that maxima by agent are those of one trace's runs. */
function named(fact: Fact, trace: string): Fact {
  const { agentName } = fact.reading
  return agentName === undefined ? { ...fact } : { ...fact, reading: { ...fact.reading, agentName: `${agentName} ${trace}` } }
}

test('packed or not, woken or not, restarted or not: the same runs, views and late work', () => {
  const step = fc.record({
    trace: fc.constantFrom(...TRACES),
    what: fc.oneof(
      { weight: 8, arbitrary: fc.record({ fact: fc.nat(facts.length - 1) }) },
      { weight: 3, arbitrary: fc.record({ link: fc.nat(links.length - 1) }) },
      fc.record({ evaluation: fc.nat(3) }),
      fc.constantFrom('quiet', 'request', 'spans', 'restart', 'close'),
    ),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const plain = new World()
      const packed = new World()
      for (const [i, { trace, what }] of steps.entries()) {
        const now = i * 10
        for (const { runs } of [plain, packed]) {
          if (what === 'close') runs.flush(now, 'shutdown')
          if (typeof what === 'string') continue
          if ('fact' in what) runs.add(trace, named(facts[what.fact]!, trace), now)
          else if ('link' in what) {
            const [id, l] = links[what.link]!
            runs.link({ traceId: trace, spanId: id, ...l }, now)
          } else runs.evaluate({ name: 'good', score: what.evaluation, source: 'judge' }, trace, '')
        }
        if (what === 'request') packed.runs.requestEnded()
        if (what === 'spans') packed.runs.requestEnded(true)
        if (what === 'quiet') packed.runs.sweep(now + 5000)
        if (what === 'restart') packed.restart()
        expect(packed.views()).toEqual(plain.views())
        expect([packed.runs.openRuns, packed.runs.openSpans, packed.runs.linkSpans]).toEqual([
          plain.runs.openRuns,
          plain.runs.openSpans,
          plain.runs.linkSpans,
        ])
      }
      for (const { runs } of [plain, packed]) runs.flush(1e6, 'shutdown')
      expect(packed.said).toEqual(plain.said)
    }),
    { numRuns: 200 },
  )
}, 60_000)

test('what was captured stays as it was while traces come and go', () => {
  const w = new World()
  for (const f of facts) w.runs.add(TRACES[0]!, { ...f }, 0)
  w.runs.sweep(5000)
  const captured = w.runs.capture()
  w.runs.flush(6000, 'shutdown')
  for (let i = 0; i < 50; i++) w.runs.add(`${i}`.padStart(32, 'b'), { ...facts[1]! }, 6000)
  w.runs.sweep(12_000)
  const open = [...partsOf(captured)].flatMap((p) => (p.kind === 'open' ? p.traces : []))
  expect(open.map((t) => [t.traceId, t.facts])).toEqual([[TRACES[0], facts]])
  // A field that is there and undefined would be written into snapshots by name.
  const fields = open.flatMap((t) => t.facts).flatMap((f): unknown[] => Object.values({ ...f, ...f.reading }))
  expect(fields).not.toContain(undefined)
})
