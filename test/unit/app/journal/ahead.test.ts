/** The next group is written while one is applied: applied in order all the same, and never past a snapshot or a disk that failed. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Journal, NotWritten } from '../../../../app/journal/journal.ts'
import { Outbox } from '../../../../app/journal/outbox.ts'
import { recover } from '../../../../app/journal/recover.ts'
import { type Disk, DISK } from '../../../../app/journal/segments.ts'
import { readSnapshot } from '../../../../app/journal/snapshot.ts'

let dir = ''
/** Groups on the disk. */
let written = 0
let isBroken = false
/** What was applied; a snapshot is of how many that were. */
let applied: string[] = []
let snapshotAfter: number | undefined

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'agentopz-ahead-'))
  written = 0
  isBroken = false
  applied = []
  snapshotAfter = undefined
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const disk: Disk = {
  open: async (path, flags, mode) => {
    const handle = await DISK.open(path, flags, mode)
    const writev = async (buffers: Uint8Array[]): Promise<unknown> => {
      if (isBroken) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })
      const result = await handle.writev(buffers)
      if (buffers.length > 1 && !path.endsWith('.tmp')) written++
      return result
    }
    return {
      writev,
      datasync: () => handle.datasync(),
      sync: () => handle.sync(),
      truncate: (length?: number) => handle.truncate(length),
      close: () => handle.close(),
    } as Awaited<ReturnType<Disk['open']>>
  },
}

function journal(): Journal {
  const none = (): void => undefined
  return new Journal(
    { dir, fsync: 'always', whenFull: 'refuse', maxBytes: 2 ** 30, maxAgeMs: 1e9, segmentBytes: 2 ** 20, snapshotMs: 1e9 },
    {
      clock: () => Date.now(),
      capture: () => {
        snapshotAfter = applied.length
        return []
      },
      rules: () => undefined,
      request: none,
      committed: none,
      snapshot: none,
      released: none,
      failed: none,
      recovered: none,
      internalError: (_, error) => {
        throw error
      },
    },
    { outbox: new Outbox([]), recovered: { segments: [], seq: 0, damaged: [] }, boot: 'boot', disk },
  )
}

async function happens(count: number, of: () => number): Promise<void> {
  for (const end = Date.now() + 5000; of() !== count; await wait(1)) if (Date.now() > end) throw new Error(`it stayed at ${of()}`)
}

/** Submits a request that is applied when `go` is called, or at once without it. */
function submit(to: Journal, name: string, isHeld = false): { readonly done: Promise<unknown>; readonly go: () => void } {
  let go = (): void => undefined
  const held = isHeld ? new Promise<void>((resolve) => (go = resolve)) : undefined
  const body = Buffer.from(name)
  const request = { kind: 'request', signal: 'traces', encoding: 'json', contentEncoding: 'identity', contentType: '', body } as const
  const done = to.submit(request, () => {
    applied.push(name)
    return held
  })
  return { done, go: () => go() }
}

test('what comes while a group is applied is on the disk before that is done, and applied after it', async () => {
  const j = journal()
  const [first, second] = [submit(j, 'first', true), submit(j, 'second', true)]
  await happens(1, () => applied.length)
  const third = submit(j, 'third')
  first.go()
  await happens(2, () => written)
  expect(applied).toEqual(['first', 'second'])
  second.go()
  await Promise.all([first.done, second.done, third.done])
  expect(applied).toEqual(['first', 'second', 'third'])
  await j.close()
})

test('a group that would be smaller than what is left to apply waits for more', async () => {
  const j = journal()
  const group = ['first', 'second', 'third'].map((name) => submit(j, name, true))
  await happens(1, () => applied.length)
  const next = submit(j, 'fourth')
  group[0]?.go()
  await happens(2, () => applied.length)
  await wait(30)
  expect(written).toBe(1)
  group[1]?.go()
  await happens(2, () => written)
  expect(applied).toEqual(['first', 'second', 'third'])
  group[2]?.go()
  await next.done
  await j.close()
})

test('a snapshot holds what its number says: nothing is written past it', async () => {
  const j = journal()
  const [first, second] = [submit(j, 'first', true), submit(j, 'second', true)]
  await happens(1, () => applied.length)
  const third = submit(j, 'third')
  // It waits until no group is left.
  const snapshot = j.snapshot()
  first.go()
  await happens(2, () => written)
  second.go()
  await Promise.all([third.done, snapshot])
  const name = readdirSync(dir).find((n) => n.endsWith('.snap'))
  expect(snapshotAfter).toBe(3)
  expect(readSnapshot(join(dir, name ?? ''))?.head.seq).toBe(3)
  await j.close()
})

test('what was being written when the disk failed is refused, and is not there at the next start', async () => {
  const j = journal()
  const [first, second] = [submit(j, 'first', true), submit(j, 'second', true)]
  await happens(1, () => applied.length)
  const third = submit(j, 'third')
  isBroken = true
  first.go()
  second.go()
  await expect(third.done).rejects.toThrow(NotWritten)
  expect(applied).toEqual(['first', 'second'])
  const names: string[] = []
  await recover(dir, 'boot', {
    snapshot: () => undefined,
    restore: () => undefined,
    apply: (record) => (names.push(Buffer.from(record.body).toString()), undefined),
    damaged: () => undefined,
  })
  expect(names).toEqual(['first', 'second'])
})
