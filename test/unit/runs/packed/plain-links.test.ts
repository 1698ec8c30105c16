/** Rows must not show: the same spans, with ids that can be rows and with ids that cannot, come to the same runs, counts and drops. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Fact } from '../../../../model/run.ts'
import type { ParentLocation } from '../../../../model/span.ts'
import { MOST_ROWS } from '../../../../processor/runs/packed/plain-links.ts'
import { DEFAULT_RUN_LIMITS, Runs } from '../../../../processor/runs/runs.ts'
import { partsOf } from '../../../../processor/runs/state.ts'
import { agent, model, spansOf } from '../../../support/facts.ts'

const IDS = Array.from({ length: 12 }, (_, i) => `${(i * 0x1f3d_5b79 + 0x8000_0001).toString(16).padStart(16, 'f')}`)
const TRACES = ['0123456789abcdef0123456789abcde', 'fedcba98765432100123456789abcde', '000000000000000000000000000000a'].flatMap((t) =>
  ['0', 'f'].map((last) => t + last),
)
const [wholeAgent, call] = spansOf(agent('a', 'support', [model('m', 10, 1)])).facts as [Fact, Fact]

/** Runs, with every id made to `named`. */
class World {
  readonly said: unknown[] = []
  readonly #named: (id: string) => string
  readonly #limits: Partial<typeof DEFAULT_RUN_LIMITS>
  runs: Runs

  constructor(named: (id: string) => string, limits: Partial<typeof DEFAULT_RUN_LIMITS> = {}) {
    this.#named = named
    this.#limits = limits
    this.runs = this.#made()
  }
  #made(): Runs {
    return new Runs(
      { ...DEFAULT_RUN_LIMITS, settleMs: 500, orphanMs: 800, idleMs: 1000, rememberMs: 5000, ...this.#limits },
      {
        closed: (run, reason) => this.said.push(['closed', run, reason]),
        late: (work) => this.said.push(['late', work]),
        duplicate: (who) => this.said.push(['duplicate', who]),
        linksDropped: (reason, n) => this.said.push([reason, n]),
        evaluationsDropped: () => undefined,
        failed: (error) => {
          throw error
        },
      },
      7,
    )
  }
  link(trace: string, span: string, parent: string, parentLocation: ParentLocation, now: number): void {
    const parentSpanId = parent === '' ? '' : this.#named(parent)
    this.runs.link({ traceId: this.#named(trace), spanId: this.#named(span), parentSpanId, parentLocation }, now)
  }
  add(trace: string, fact: Fact, span: string, parent: string, now: number): void {
    const parentSpanId = parent === '' ? '' : this.#named(parent)
    this.runs.add(this.#named(trace), { ...fact, spanId: this.#named(span), parentSpanId }, now)
  }
  restart(): void {
    const parts = structuredClone([...partsOf(this.runs.capture())])
    this.runs = this.#made()
    for (const part of parts) this.runs.restore(part)
  }
  /** What was told and is held, with ids as they were. */
  seen(): unknown {
    const held = [this.runs.openRuns, this.runs.openSpans, this.runs.linkSpans]
    return JSON.parse(JSON.stringify([this.said, held]).replaceAll('id:', ''))
  }
}
const rows = (limits = {}): World => new World((id) => id, limits)
const objects = (limits = {}): World => new World((id) => `id:${id}`, limits)

const at = fc.record({ trace: fc.constantFrom(...TRACES), span: fc.constantFrom(...IDS), parent: fc.constantFrom('', '', ...IDS) })
const step = fc.oneof(
  { weight: 12, arbitrary: fc.record({ at, where: fc.constantFrom<ParentLocation>('local', 'remote', 'unknown') }) },
  { weight: 2, arbitrary: fc.record({ at, fact: fc.constantFrom(wholeAgent, call) }) },
  { weight: 2, arbitrary: fc.record({ pass: fc.integer({ min: 0, max: 1500 }) }) },
  fc.constantFrom('restart', 'flush'),
)

/** Histories of each kind; `RUNS=4000` for a long look. */
const RUNS = Number(process.env['RUNS'] ?? 150)

test.each([{}, { maxLinkSpans: 7 }, { maxSpansPerRun: 4 }, { maxOpenSpans: 6 }])(
  'the same as objects, within %o',
  (limits) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const worlds = [rows(limits), objects(limits)] as const
        let now = 0
        for (const what of steps) {
          now++
          if (typeof what === 'object' && 'pass' in what) now += what.pass
          for (const world of worlds) {
            if (what === 'restart') world.restart()
            else if (what === 'flush') world.runs.flush(now, 'shutdown')
            else if ('pass' in what) world.runs.sweep(now)
            else if ('fact' in what) world.add(what.at.trace, what.fact, what.at.span, what.at.parent, now)
            else world.link(what.at.trace, what.at.span, what.at.parent, what.where, now)
          }
          expect(worlds[0].seen()).toEqual(worlds[1].seen())
        }
        for (const world of worlds) world.runs.flush(now, 'shutdown')
        expect(worlds[0].seen()).toEqual(worlds[1].seen())
      }),
      { numRuns: RUNS },
    )
  },
  60_000,
)

describe('a trace of plain spans', () => {
  test('with more than rows are kept for is held whole, each span once', () => {
    const world = rows()
    const idOf = (i: number): string => (i + 1).toString(16).padStart(16, '0')
    for (let round = 0; round < 2; round++)
      for (let i = 0; i < MOST_ROWS * 3; i++) world.link(TRACES[0]!, idOf(i), i === 0 ? '' : idOf(i - 1), 'local', 0)
    expect(world.runs.linkSpans).toBe(MOST_ROWS * 3)
    world.runs.sweep(1001)
    expect(world.said).toEqual([['idle', MOST_ROWS * 3]])
    expect(world.runs.linkSpans).toBe(0)
  })
  test('leads from a model call up to an agent, through every one of them', () => {
    const world = rows()
    const idOf = (i: number): string => (i + 1).toString(16).padStart(16, '0')
    for (let i = 1; i < 40; i++) world.link(TRACES[0]!, idOf(i), idOf(i - 1), i % 2 === 0 ? 'local' : 'remote', 0)
    world.add(TRACES[0]!, call, idOf(40), idOf(39), 0)
    world.add(TRACES[0]!, wholeAgent, idOf(0), '', 0)
    world.runs.sweep(600)
    expect(world.said).toMatchObject([['closed', { rootSpanId: idOf(0), modelCalls: [{ spanId: idOf(40) }] }, 'settled']])
  })
  test('stays in a capture as it was while rows come and go', () => {
    const world = rows({ maxLinkSpans: 4 })
    for (const i of [0, 1, 2]) world.link(TRACES[0]!, IDS[i]!, IDS[i + 1]!, 'remote', i)
    const captured = world.runs.capture()
    for (let i = 0; i < 200; i++) world.link(TRACES[1 + (i % 5)]!, IDS[i % 12]!, '', 'unknown', 10 + i)
    const open = [...partsOf(captured)].flatMap((p) => (p.kind === 'open' ? p.traces : []))
    const links = [0, 1, 2].map((i) => [IDS[i], { parentSpanId: IDS[i + 1], parentLocation: 'remote' }])
    expect(open.map((t) => [t.traceId, t.place, t.links])).toEqual([[TRACES[0], 'plain', links]])
  })
  test('room of one that went is used for the next', () => {
    const world = rows({ maxLinkSpans: 100 })
    for (let i = 0; i < 5000; i++) world.link(i.toString(16).padStart(32, '0'), IDS[0]!, '', 'unknown', i)
    expect(world.runs.linkSpans).toBe(100)
    expect(world.said).toHaveLength(4900)
  })
})
