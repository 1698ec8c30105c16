/** Which records the process died of: each is left out after three deaths, however many there are. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Deaths } from '../../../../app/journal/deaths.ts'

let dir = ''
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'agentopz-deaths-'))))
afterEach(() => rmSync(dir, { recursive: true, force: true }))

/** A start over records 1 to `last`: those left out, or the one that it died of. */
function start(deadly: ReadonlySet<number>, last: number): readonly number[] | number {
  const deaths = new Deaths(dir)
  const without: number[] = []
  for (let seq = 1; seq <= last; seq++) {
    if (deaths.isDeadly(seq)) without.push(seq)
    // It dies: nothing is closed, nothing is removed.
    else if (deadly.has(seq)) return seq
  }
  deaths.close()
  return without
}

test('two deadly records cost three starts each, not all starts for ever', () => {
  const deadly = new Set([3, 5])
  expect(Array.from({ length: 7 }, () => start(deadly, 6))).toEqual([3, 3, 3, 5, 5, 5, [3, 5]])
  expect(existsSync(join(dir, 'replaying'))).toBe(false)
})

test('deaths of one record count though it died of another in between', () => {
  const ends = [3, 5, 3, 5, 3].map((seq) => start(new Set([seq]), 6))
  expect([ends, start(new Set([3, 5]), 6), start(new Set([3, 5]), 6)]).toEqual([[3, 5, 3, 5, 3], 5, [3, 5]])
})

test('the newest 1024 are remembered', () => {
  for (let seq = 1; seq <= 1030; seq++) start(new Set([seq]), seq)
  for (const seq of [1, 1030]) for (let n = 0; n < 2; n++) start(new Set([seq]), seq)
  // The first was forgotten, so this is only its third.
  expect([start(new Set([1]), 1), start(new Set([1030]), 1030)]).toEqual([1, [1, 1030]])
})

test('what is no file is left alone', () => {
  mkdirSync(join(dir, 'replaying'))
  writeFileSync(join(dir, 'replaying', 'a'), '')
  expect(start(new Set(), 3)).toEqual([])
  expect(existsSync(join(dir, 'replaying', 'a'))).toBe(true)
})
