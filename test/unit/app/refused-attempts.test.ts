/** The record of refused attempts: what is in it, how little a flood leaves, and what happens when it cannot be stored. */
import { describe, expect, test } from 'vitest'
import type { RefusedRequest } from '../../../app/controls/access.ts'
import { RefusedAttempts } from '../../../app/controls/refused-attempts.ts'
import { createLog } from '../../../app/log.ts'
import { createStorage } from '../../../app/storage.ts'
import type { RefusedAttempt, RefusedStorage } from '../../../app/storage-refused.ts'
import { createMetrics } from '../../../processor/metrics.ts'
import { sumOf } from '../../support/app.ts'

const ATTEMPT: RefusedRequest = {
  roles: ['operate'],
  status: 401,
  actor: undefined,
  address: '203.0.113.9',
  endpoint: 'POST /api/v1/controls',
}

interface World {
  readonly attempts: RefusedAttempts
  readonly storage: RefusedStorage & { close(): Promise<void> }
  readonly counted: (outcome: string) => Promise<number>
  /** Milliseconds pass. */
  readonly pass: (ms: number) => void
}
function world(
  settings = { refused_per_minute: 10, max_refused: 100 },
  storage: World['storage'] = createStorage('sqlite::memory:', '.'),
): World {
  let now = 60_000 * 1000
  const metrics = createMetrics({})
  const log = createLog({ level: 'silent', format: 'json' })
  const attempts = new RefusedAttempts({ storage, metrics, log, clock: () => now, settings: () => settings })
  return {
    attempts,
    storage,
    counted: async (outcome) => sumOf((await metrics.expose(undefined, now)).body, 'agentopz_refused_attempts_total', { outcome }),
    pass: (ms) => (now += ms),
  }
}
async function flood(w: World, count: number): Promise<readonly RefusedAttempt[]> {
  for (let i = 0; i < count; i++) w.attempts.saw(ATTEMPT)
  await w.attempts.close()
  return w.storage.refused(1000)
}

describe('one attempt', () => {
  test('is kept as it was, newest first', async () => {
    const w = world()
    w.attempts.saw(ATTEMPT)
    w.pass(1000)
    w.attempts.saw({ ...ATTEMPT, status: 403, actor: 'board', endpoint: `POST /${'x'.repeat(500)}` })
    await w.attempts.close()
    expect(await w.storage.refused(10)).toEqual([
      {
        atMs: 60_001_000,
        roles: ['operate'],
        status: 403,
        actor: 'board',
        address: '203.0.113.9',
        endpoint: `POST /${'x'.repeat(194)}`,
        leftOut: 0,
      },
      { atMs: 60_000_000, roles: ['operate'], status: 401, address: '203.0.113.9', endpoint: 'POST /api/v1/controls', leftOut: 0 },
    ])
  })
  test('to read is counted, not kept', async () => {
    const w = world()
    w.attempts.saw({ ...ATTEMPT, roles: ['read'] })
    expect(await flood(w, 0)).toEqual([])
  })
})

describe('a flood', () => {
  test('leaves the first ten of a minute, and one whenever it has doubled; none is uncounted', async () => {
    const w = world()
    const kept = await flood(w, 100_000)
    expect(kept.map((k) => k.leftOut).toReversed()).toEqual([
      0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 19, 39, 79, 159, 319, 639, 1279, 2559, 5119, 10_239, 20_479, 40_959,
    ])
    expect([await w.counted('recorded'), await w.counted('left_out')]).toEqual([23, 99_977])
  })
  test('of one minute does not hide the next', async () => {
    const w = world()
    await flood(w, 1000)
    w.pass(60_000)
    const kept = await flood(w, 1)
    expect(kept[0]?.leftOut).toBe(1000 - 640)
  })
  test('cannot fill the disk: the newest are kept', async () => {
    const w = world({ refused_per_minute: 1000, max_refused: 5 })
    await flood(w, 20)
    w.pass(1)
    const kept = await flood(w, 1)
    expect([kept.length, kept[0]?.atMs]).toEqual([5, 60_000_001])
  })
})

test('a storage that fails loses them, counted, and nobody else notices', async () => {
  const broken = {
    refused: () => Promise.resolve([]),
    recordRefused: () => Promise.reject(new Error('disk full')),
    close: () => Promise.resolve(),
  }
  const w = world(undefined, broken)
  await flood(w, 3)
  expect(await w.counted('lost')).toBe(3)
})
