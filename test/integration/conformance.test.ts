/**
 * The conformance matrix on the current Node: every program in test/conformance/sdks, bare and instrumented, and under guards.
 * What is wrong with one of them: `node test/conformance/run.ts NAME [--cjs] [--spans] [--guards]`.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Cell, type CellResult, cellsOn, runCells } from '../conformance/matrix.ts'
import { rowHeads } from '../conformance/report.ts'
import { CURRENT_NODE, sdks } from '../conformance/sdks.ts'

/** Programs run a few at a time; the last one's results are waited for the longest. */
const TIMEOUT_MS = 20 * 60_000

const cells = cellsOn([CURRENT_NODE])
let running: ReadonlyMap<Cell, Promise<CellResult>> | undefined

/** All programs are started when the first result is asked for. */
async function resultOf(cell: Cell): Promise<CellResult> {
  running ??= runCells(cells)
  const result = await running.get(cell)
  if (result === undefined) throw new Error('a cell of another matrix')
  return result
}

test('there are programs to run', () => expect(cells.length).toBeGreaterThan(40))

for (const cell of cells) {
  describe(`${cell.sdk.name} ${cell.module}`, { timeout: TIMEOUT_MS }, () => {
    test('runs bare', async () => expect((await resultOf(cell)).broken).toEqual([]))
    test('behaves the same', async () => expect((await resultOf(cell)).behaviour).toEqual([]))
    test('emits what is true', async () => expect((await resultOf(cell)).spans).toEqual([]))
    test('is stopped by guards', async () => expect((await resultOf(cell)).guards).toEqual([]))
  })
}

test('docs/conformance.md is about these SDKs, versions and scenarios: npm run conformance', () => {
  const doc = readFileSync(join(import.meta.dirname, '../../docs/conformance.md'), 'utf8')
  expect(rowHeads(sdks()).filter((head) => !doc.includes(head))).toEqual([])
})
