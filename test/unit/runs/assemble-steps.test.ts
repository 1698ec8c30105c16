/**
 * Assembly is linear in a trace's spans, whatever their shape: a scrape or a settle assembles anew after each change, and a trace of 50,000 spans
 * is within the bounds. Counted, not timed: how often a field is read that every step of a walk has to read.
 */
import { describe, expect, test } from 'vitest'
import type { Fact, Reading } from '../../../model/run.ts'
import { assemble, type Assembled } from '../../../processor/runs/assemble.ts'
import { agent, idOf, model, type Sketch, spansOf, tool, TRACE } from '../../support/facts.ts'

const SPANS = 2000
/** Well above what a few passes read, far below the two million of a walk to the top from each. */
const FEW_PASSES = 20 * SPANS

/** An agent and spans below it, each under the span that `parentOf` gives by number: 0 is the agent. */
function treeOf(make: (id: string, i: number) => Sketch, parentOf: (i: number) => number, count = SPANS): readonly Fact[] {
  const { facts } = spansOf(agent('0', 'x', []), ...Array.from({ length: count }, (_, i) => make(`${i + 1}`, i + 1)))
  return facts.map((f, i) => (i === 0 ? f : { ...f, parentSpanId: idOf(`${parentOf(i)}`) }))
}

interface Counted extends Assembled {
  readonly reads: number
}

/** Assembles a trace and counts how often a field of its readings is read. */
function countReads(
  facts: readonly Fact[],
  field: keyof Reading,
  evaluations: Parameters<typeof assemble>[0]['evaluations'] = [],
): Counted {
  let reads = 0
  const counting = facts.map((f): Fact => {
    const value = f.reading[field]
    const reading = Object.defineProperty({ ...f.reading }, field, { get: () => (reads++, value) })
    return { ...f, reading }
  })
  const found = assemble({ traceId: TRACE, facts: new Map(counting.map((f) => [f.spanId, f])), links: new Map(), evaluations })
  return { ...found, reads }
}

describe('assembly walks no path for each of its spans', () => {
  test('tools nested in each other are one call', () => {
    const { runs, reads } = countReads(
      treeOf(
        (id) => tool(id, 'search'),
        (i) => i - 1,
      ),
      'toolName',
    )
    expect(runs[0]?.toolCalls).toHaveLength(1)
    expect(reads).toBeLessThan(FEW_PASSES)
  })
  test('leaves at all depths of one path of envelopes are calls of their own', () => {
    // Even ones are the path, odd ones a leaf below each; the last of the path is one too.
    const facts = treeOf(
      (id) => model(id, 1, 1),
      (i) => (i % 2 === 0 ? i - 2 : i - 1),
    )
    const { runs, reads } = countReads(facts, 'perAttempt')
    expect(runs[0]?.modelCalls).toHaveLength(SPANS / 2 + 1)
    expect(reads).toBeLessThan(FEW_PASSES)
  })
  test('the outermost attempt stands for leaves at all depths below it', () => {
    const facts = treeOf(
      (id, i) => model(id, undefined, undefined, i === 4 ? { perAttempt: true } : {}, i === 4 ? { status: 'error' } : {}),
      (i) => (i % 2 === 0 ? i - 2 : i - 1),
      12,
    )
    const { runs } = countReads(facts, 'perAttempt')
    // Two leaves are not below it; the five that are, are tries of one call.
    expect(runs[0]?.modelCalls.map((c) => [c.spanId, c.failedAttempts])).toEqual([
      [idOf('1'), 0],
      [idOf('3'), 0],
      [idOf('12'), 4],
    ])
  })
  test('evaluations by response id look through the spans once', () => {
    const evaluations = Array.from({ length: SPANS }, (_, i) => ({
      spanId: '',
      evaluation: { name: 'good', score: i, source: 'judge', responseId: `r${i}` } as const,
    }))
    const facts = treeOf(
      (id, i) => model(id, 1, 1, { responseId: `r${i}` }),
      () => 0,
    )
    const { runs, reads } = countReads(facts, 'responseId', evaluations)
    expect(runs[0]?.evaluations).toHaveLength(SPANS)
    expect(reads).toBeLessThan(FEW_PASSES)
  })
  test('evaluations of many runs are gone through once, not for each of the runs', () => {
    let reads = 0
    const { facts } = spansOf(...Array.from({ length: SPANS }, (_, i) => agent(`${i}`, 'x', [])))
    const evaluations = facts.map(({ spanId }) => ({
      spanId,
      get evaluation() {
        reads++
        return { name: 'good', source: 'judge' } as const
      },
    }))
    const { runs } = assemble({ traceId: TRACE, facts: new Map(facts.map((f) => [f.spanId, f])), links: new Map(), evaluations })
    expect(runs.map((r) => r.evaluations.length)).toEqual(runs.map(() => 1))
    expect(reads).toBeLessThan(FEW_PASSES)
  })
})
