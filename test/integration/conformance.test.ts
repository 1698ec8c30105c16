/**
 * The conformance matrix on the current Node: every program in test/conformance/sdks, bare and instrumented, and under guards.
 * What is wrong with one of them: `node test/conformance/run.ts NAME [--cjs] [--spans] [--guards]`.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { cellsOn, runCells } from '../conformance/matrix.ts'
import { hasInstrumentation } from '../conformance/program-run.ts'
import { rowHeads } from '../conformance/report.ts'
import { CURRENT_NODE, sdks } from '../conformance/sdks.ts'

/** Programs run a few at a time; the last one's results are waited for the longest. */
const TIMEOUT_MS = 15 * 60_000

const results = runCells(cellsOn([CURRENT_NODE]))

test('there are programs to run', () => expect(results.size).toBeGreaterThan(15))

for (const [{ sdk, module }, result] of results) {
  describe(`${sdk.name} ${module}`, () => {
    test('runs bare', { timeout: TIMEOUT_MS }, async () => expect((await result).broken).toEqual([]))
    test.skipIf(!hasInstrumentation())('behaves the same', { timeout: TIMEOUT_MS }, async () =>
      expect((await result).behaviour).toEqual([]),
    )
    test.skipIf(!hasInstrumentation())('emits what is true', { timeout: TIMEOUT_MS }, async () => expect((await result).spans).toEqual([]))
    test.skipIf(!hasInstrumentation())('is stopped by guards', { timeout: TIMEOUT_MS }, async () =>
      expect((await result).guards ?? []).toEqual([]),
    )
  })
}

test('docs/conformance.md is about these SDKs, versions and scenarios: npm run conformance', () => {
  const doc = readFileSync(join(import.meta.dirname, '../../docs/conformance.md'), 'utf8')
  expect(rowHeads(sdks()).filter((head) => !doc.includes(head))).toEqual([])
})
