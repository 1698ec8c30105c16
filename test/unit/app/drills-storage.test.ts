import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { createStorage, type DrillStorage, type Storage } from '../../../app/storage.ts'
import { KEPT } from '../../../app/storage-drills.ts'
import type { DrillRecord } from '../../../model/drill.ts'

const cleanup: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const c of cleanup.splice(0).toReversed()) await c()
})
function open(dir: string, url = 'sqlite:./a.db'): Storage & DrillStorage {
  const storage = createStorage(url, dir)
  cleanup.push(() => storage.close())
  return storage
}
function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'agentopz-drills-'))
  cleanup.push(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}
const drill = (id: string, endedMs: number, more: Partial<DrillRecord> = {}): DrillRecord => ({
  id,
  drill: 'prompt-regression',
  agent: 'support',
  environment: '',
  startedMs: endedMs - 60_000,
  endedMs,
  outcome: 'passed',
  misses: [],
  version: '0.1.0',
  ...more,
})

test('drills outlive a restart, newest first, and asking for them makes no file', async () => {
  const dir = folder()
  const one = open(dir)
  expect(await one.drills()).toEqual([])
  expect(readdirSync(dir)).toEqual([])
  const failed = drill('d2', 900, { outcome: 'failed', misses: ['no alert within 120 s'], detectedMs: 5 })
  for (const d of [drill('d1', 500), failed, drill('d3', 100)]) await one.recordDrill(d)
  await one.close()
  expect(await open(dir).drills()).toEqual([failed, drill('d1', 500), drill('d3', 100)])
})

test('a record that is told again stays as it was', async () => {
  const storage = open('.', 'sqlite::memory:')
  await storage.recordDrill(drill('d1', 500))
  await storage.recordDrill(drill('d1', 800, { outcome: 'failed', misses: ['x'] }))
  expect(await storage.drills()).toEqual([drill('d1', 500)])
})

test('the oldest go when there are too many', async () => {
  const storage = open('.', 'sqlite::memory:')
  for (let i = 0; i < KEPT + 3; i++) await storage.recordDrill(drill(`d${i}`, i))
  const kept = await storage.drills()
  expect([kept.length, kept[0]?.id, kept.at(-1)?.id]).toEqual([KEPT, `d${KEPT + 2}`, 'd3'])
})
