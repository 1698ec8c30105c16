/**
 * Every capture of a real SDK against its golden file, field by field, in the order it was recorded, backwards, and with every request
 * sent twice. A golden file was worked out from the raw spans by hand (test/golden/README.md): a failure here is a bug until proven otherwise.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { compareRuns, type Golden, type SignalLine } from '../../../app/conformance.ts'
import { runsOf } from '../../support/runs-of.ts'

const GOLDEN = join(import.meta.dirname, '../../golden')
const CAPTURES = join(import.meta.dirname, '../../fixtures/captures')

const goldens = readdirSync(GOLDEN)
  .filter((f) => f.endsWith('.json'))
  .map((f) => JSON.parse(readFileSync(join(GOLDEN, f), 'utf8')) as Golden)
  .filter((g) => g.capture !== 'published-traces')

function linesOf(capture: string): readonly SignalLine[] {
  return (['traces', 'logs'] as const).flatMap((signal) => {
    const file = join(CAPTURES, `${capture}.${signal}.jsonl`)
    if (!existsSync(file)) return []
    const texts = readFileSync(file, 'utf8').split('\n')
    return texts.filter((t) => t.trim() !== '').map((text) => ({ signal, text }))
  })
}

/** Trace ids as the file has them, read without our decoder. */
function traceIdsIn(lines: readonly SignalLine[]): ReadonlySet<string> {
  return new Set(
    lines.filter((l) => l.signal === 'traces').flatMap((l) => [...l.text.matchAll(/"traceId":"([0-9a-f]{32})"/g)].map((m) => m[1]!)),
  )
}

async function differences(golden: Golden, lines: readonly SignalLine[]): Promise<readonly string[]> {
  const { mismatches } = compareRuns(golden.runs, runsOf(lines), golden.noRun)
  return mismatches.map((m) => `${m.traceId.slice(0, 6)} ${m.field}: expected ${m.expected}, got ${m.got}`)
}

test('every capture has a golden file', () => {
  const captures = readdirSync(CAPTURES)
    .filter((f) => f.endsWith('.traces.jsonl'))
    .map((f) => f.slice(0, -'.traces.jsonl'.length))
  expect(goldens.map((g) => g.capture).sort()).toEqual(captures.sort())
})

describe.each(goldens.map((g) => ({ name: g.capture, golden: g })))('$name', ({ golden }) => {
  const lines = linesOf(golden.capture)

  test('every trace is stated', () => {
    const stated = new Set([...golden.runs.map((r) => r.traceId), ...(golden.noRun ?? [])])
    expect([...traceIdsIn(lines)].filter((id) => !stated.has(id))).toEqual([])
  })
  test('runs are as worked out by hand', async () => {
    expect(await differences(golden, lines)).toEqual([])
  })
  test('the same backwards', async () => {
    expect(await differences(golden, lines.toReversed())).toEqual([])
  })
  test('the same when every request is sent twice', async () => {
    expect(
      await differences(
        golden,
        lines.flatMap((l) => [l, l]),
      ),
    ).toEqual([])
  })
})

describe('all captures through one pipeline, as one replay sends them', () => {
  const lines = goldens.flatMap((g) => linesOf(g.capture))
  const expected = goldens.flatMap((g) => g.runs)
  const noRun = goldens.flatMap((g) => g.noRun ?? [])

  test('runs of one capture do not touch those of another', async () => {
    const { mismatches } = compareRuns(expected, runsOf(lines), noRun)
    expect(mismatches.map((m) => `${m.traceId.slice(0, 6)} ${m.field}: expected ${m.expected}, got ${m.got}`)).toEqual([])
  })
})
