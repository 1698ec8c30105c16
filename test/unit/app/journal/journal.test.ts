/** The journal over a real folder and a pipeline of its own, with a disk that can be full, and damage done to its files. */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { journalInspect } from '../../../../app/commands/journal.ts'
import { noteLayout } from '../../../../app/journal/layout.ts'
import { type OpenJournal, openJournal } from '../../../../app/journal/open.ts'
import type { JournalSettings } from '../../../../app/journal/journal.ts'
import type { Rules } from '../../../../app/journal/rules.ts'
import { recover } from '../../../../app/journal/recover.ts'
import { bootName, type Disk, DISK } from '../../../../app/journal/segments.ts'
import { createLog } from '../../../../app/log.ts'
import { createDecoder } from '../../../../processor/decode/index.ts'
import { INTEREST } from '../../../../processor/dialects/index.ts'
import { DEFAULT_POLICY } from '../../../../processor/default-settings.ts'
import { createMetrics } from '../../../../processor/metrics.ts'
import { createPipeline } from '../../../../processor/pipeline.ts'
import { createPrices } from '../../../../processor/prices.ts'
import { DEFAULT_RECEIVE_LIMITS, type ReceiveLimits, Refusal } from '../../../../processor/receive.ts'
import { createRelay, DEFAULT_RELAY, type RelayEndpoint } from '../../../../processor/relay.ts'
import { DEFAULT_RUN_LIMITS, type RunLimits } from '../../../../processor/runs/runs.ts'
import { sumOf, until } from '../../../support/app.ts'
import { otlp, toProtobuf } from '../../../support/otlp.ts'

const decoder = createDecoder(INTEREST)
const prices = createPrices({})
const log = createLog({ level: 'silent', format: 'json' })

/** A disk that is full when it is told so: every write takes half and then fails. */
function fillable(): Disk & { isFull: boolean; isBroken: boolean; hasRoomForSnapshots: boolean; snapshotsBegun: number } {
  const disk = {
    isFull: false,
    isBroken: false,
    hasRoomForSnapshots: true,
    snapshotsBegun: 0,
    open: async (path: string, flags: string | number, mode: number) => {
      if (path.endsWith('.snap.tmp')) disk.snapshotsBegun++
      if (path.endsWith('.snap.tmp') && !disk.hasRoomForSnapshots)
        throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
      if (disk.isFull) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
      const handle = await DISK.open(path, flags, mode)
      return {
        writev: async (buffers: NodeJS.ArrayBufferView[]) => {
          if (disk.isBroken) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })
          if (!disk.isFull) return handle.writev(buffers)
          const all = Buffer.concat(buffers.map((b) => Buffer.from(b.buffer as ArrayBuffer, b.byteOffset, b.byteLength)))
          await handle.writev([all.subarray(0, Math.floor(all.length / 2))])
          throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
        },
        datasync: () => handle.datasync(),
        sync: () => handle.sync(),
        truncate: (length?: number) => handle.truncate(length),
        close: () => handle.close(),
      } as Awaited<ReturnType<Disk['open']>>
    },
  }
  return disk
}

interface World {
  readonly journal: OpenJournal
  now: number
  /** Sends a run of two spans. */
  send(n: number): Promise<void>
  value(name: string, labels?: Readonly<Record<string, string>>): Promise<number>
  readonly endpoints: readonly RelayEndpoint[]
}

const dirs: string[] = []
const journals = new Set<OpenJournal>()
function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'agentopz-journal-'))
  dirs.push(dir)
  return join(dir, 'j')
}
afterEach(async () => {
  for (const j of journals) await j.close().catch(() => undefined)
  journals.clear()
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true })
})

const SETTINGS: Omit<JournalSettings, 'dir'> = {
  fsync: 'never',
  whenFull: 'refuse',
  maxBytes: 2 ** 30,
  maxAgeMs: 3_600_000,
  segmentBytes: 2 ** 20,
  snapshotMs: 3_600_000,
}

async function world(
  dir: string,
  settings: Partial<JournalSettings> = {},
  options: {
    disk?: Disk
    endpoints?: readonly RelayEndpoint[]
    now?: number
    continues?: () => Promise<boolean>
    limits?: Partial<ReceiveLimits>
    runs?: Partial<RunLimits>
    decode?: Rules['decode']
  } = {},
): Promise<World> {
  const metrics = createMetrics({})
  let current = options.decode === undefined ? decoder : createDecoder(INTEREST, options.decode)
  const decoding: typeof decoder = {
    traces: (...of) => current.traces(...of),
    logs: (...of) => current.logs(...of),
    metrics: (...of) => current.metrics(...of),
  }
  const runs = { ...DEFAULT_RUN_LIMITS, maxRememberedSpans: 4000, ...options.runs }
  const applied = {
    policyOf: () => DEFAULT_POLICY,
    objectivesOf: () => ({}),
    thresholds: new Map(),
    prices,
    maxPendingEvaluations: 10,
    openRunsMs: 5000,
  }
  const pipeline = createPipeline(decoding, metrics, { ...applied, limits: runs }, {}, Math.floor(Math.random() * 2 ** 31))
  const endpoints = options.endpoints ?? []
  const w = { now: options.now ?? 1_790_000_000_000 }
  const journal = await openJournal({
    settings: { ...SETTINGS, dir, ...settings },
    pipeline,
    metrics,
    log,
    clock: () => w.now,
    limits: { ...DEFAULT_RECEIVE_LIMITS, ...options.limits },
    rules: {
      now: { runs, decode: options.decode ?? {} },
      use: (rules) => {
        current = createDecoder(INTEREST, rules.decode)
        pipeline.apply({ ...applied, limits: rules.runs })
      },
    },
    endpoints,
    ...(options.disk === undefined ? {} : { disk: options.disk }),
    ...(options.continues === undefined ? {} : { continues: options.continues }),
  })
  journals.add(journal)
  return Object.assign(w, {
    journal,
    endpoints,
    send: async (n: number) => {
      const traceId = (n + 1).toString(16).padStart(32, '0')
      const span = (k: number): string => (n * 2 + k + 1).toString(16).padStart(16, '0')
      const unpacked = toProtobuf(
        otlp({
          spans: [
            { traceId, spanId: span(0), attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'support' } },
            {
              traceId,
              spanId: span(1),
              parentSpanId: span(0),
              attributes: { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'gpt-4o' },
            },
          ],
        }),
      )
      const request = {
        signal: 'traces',
        encoding: 'protobuf',
        unpacked,
        body: gzipSync(unpacked),
        contentType: 'application/x-protobuf',
        contentEncoding: 'gzip',
      } as const
      await journal.take(request, (at) => pipeline.ingest('traces', unpacked, 'protobuf', at))
    },
    value: async (name: string, labels: Readonly<Record<string, string>> = {}) =>
      sumOf((await metrics.expose(undefined, w.now)).body, name, labels),
  })
}

/** As a kill leaves it: nothing is written any more, the lock is gone. */
async function killed(dir: string): Promise<string> {
  const copy = folder()
  mkdirSync(copy, { recursive: true })
  for (const name of readdirSync(dir))
    if (/^(segment|snapshot|whole)/.test(name)) writeFileSync(join(copy, name), readFileSync(join(dir, name)))
  return copy
}
const segments = (dir: string): readonly string[] =>
  readdirSync(dir)
    .filter((n) => n.startsWith('segment'))
    .toSorted()
const sweep = async (w: World): Promise<void> => {
  w.journal.tick()
  await w.send(9_999_999)
}

test('a sweep is written when it closes something, and nothing of packing', async () => {
  const dir = folder()
  const w = await world(dir)
  await w.send(1)
  const bytes = await w.value('agentopz_journal_written_bytes_total')
  // Quiet, so packed, and not due.
  w.now += 5000
  w.journal.sweep()
  await wait(20)
  expect(await w.value('agentopz_journal_written_bytes_total')).toBe(bytes)
  w.now += 6000
  w.journal.sweep()
  await until(async () => (await w.value('agentopz_runs_total')) === 1, 'the run is closed')
  expect(await w.value('agentopz_journal_written_bytes_total')).toBeGreaterThan(bytes)
  const again = await world(await killed(dir))
  expect(await again.value('agentopz_runs_total')).toBe(1)
})

test('all that is due at once is closed in turns, one after the other', async () => {
  const w = await world(folder())
  const traces = 350
  await Promise.all(Array.from({ length: traces }, (_, n) => w.send(n)))
  const commits = await w.value('agentopz_journal_commit_seconds_count')
  w.now += 11_000
  w.journal.sweep()
  await until(async () => (await w.value('agentopz_runs_total')) === traces, 'the runs are closed')
  expect((await w.value('agentopz_journal_commit_seconds_count')) - commits).toBe(4)
})

describe('agentopz journal inspect', () => {
  function inspected(dir: string, isJson: boolean): { readonly code: number; readonly out: string } {
    let out = ''
    const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((out += String(text)), true))
    try {
      return { code: journalInspect(dir, isJson), out }
    } finally {
      spy.mockRestore()
    }
  }

  test('tells of several processes by the folder that the configuration names', async () => {
    const dir = folder()
    noteLayout(dir, 2)
    for (const process of [0, 1]) {
      const w = await world(join(dir, String(process)))
      await w.send(process)
      await w.journal.close()
    }
    const { code, out } = inspected(dir, false)
    expect([code, out.match(/^Process .*$/gm)]).toEqual([
      0,
      [`Process 0 of 2, numbered from 0, in ${dir}/0:`, `Process 1 of 2, numbered from 0, in ${dir}/1:`],
    ])
    expect(out.match(/the state after record \d+;/g)).toHaveLength(2)
    const json = JSON.parse(inspected(dir, true).out) as { processes: readonly { process: number; dir: string; snapshots: unknown[] }[] }
    expect(json.processes.map((p) => [p.process, p.dir, p.snapshots.length])).toEqual([
      [0, join(dir, '0'), 1],
      [1, join(dir, '1'), 1],
    ])
    rmSync(join(dir, '1'), { recursive: true })
    const less = inspected(dir, false)
    expect([less.code, less.out.split('\n').at(-2)]).toEqual([1, 'There is no journal in this folder.'])
  })
})

describe('a restart', () => {
  test('after a kill goes on with open runs and counters', async () => {
    const dir = folder()
    const one = await world(dir)
    await one.send(1)
    one.now += 11_000
    await sweep(one)
    expect([await one.value('agentopz_runs_total'), await one.value('agentopz_spans_received_total')]).toEqual([1, 4])
    const two = await world(await killed(dir), {}, { now: one.now })
    expect([
      await two.value('agentopz_runs_total'),
      await two.value('agentopz_spans_received_total'),
      await two.value('agentopz_open_runs'),
    ]).toEqual([1, 4, 1])
    await two.send(1)
    expect(await two.value('agentopz_duplicate_spans_total')).toBe(2)
  })
  test('after a graceful end leaves only a snapshot, and runs stay open', async () => {
    const dir = folder()
    const one = await world(dir)
    await one.send(1)
    await one.journal.close()
    journals.delete(one.journal)
    expect(segments(dir)).toEqual([])
    const two = await world(dir)
    expect([await two.value('agentopz_open_runs'), await two.value('agentopz_spans_received_total')]).toEqual([1, 2])
  })
  test('the time nobody listened is not quiet time', async () => {
    const dir = folder()
    const one = await world(dir)
    await one.send(1)
    const two = await world(await killed(dir), {}, { now: one.now + 3600_000 })
    await sweep(two)
    expect(await two.value('agentopz_runs_total')).toBe(0)
    two.now += 11_000
    await sweep(two)
    // The one from before, and the one that was sent an hour later.
    expect(await two.value('agentopz_runs_total')).toBe(2)
  })
  test('what was refused is refused again', async () => {
    const dir = folder()
    const one = await world(dir)
    const request = {
      signal: 'traces',
      encoding: 'protobuf',
      unpacked: Buffer.from([255]),
      body: Buffer.from([255]),
      contentType: 'x',
      contentEncoding: 'identity',
    } as const
    await expect(
      one.journal.take(request, () => {
        throw new Refusal('undecodable', 'no')
      }),
    ).rejects.toThrow('no')
    const two = await world(await killed(dir))
    expect([await two.value('agentopz_spans_received_total'), await two.value('agentopz_internal_errors_total')]).toEqual([0, 0])
  })
})

describe('with other settings than before', () => {
  test('what was taken is taken again though it would be too large now', async () => {
    const dir = folder()
    const one = await world(dir)
    await one.send(1)
    for (const options of [
      { decode: { maxItems: 1 } },
      { limits: { maxBodyBytes: 10, maxDecompressedBytes: 10, maxCompressionRatio: 1 } },
    ]) {
      const two = await world(await killed(dir), {}, options)
      expect([await two.value('agentopz_spans_received_total'), await two.value('agentopz_journal_damage_total')]).toEqual([2, 0])
    }
    const three = await world(await killed(dir), {}, { decode: { maxItems: 1 } })
    await expect(three.send(2)).rejects.toThrow('more than 1 items')
  })
  test('what was too large then is not taken now', async () => {
    const dir = folder()
    const one = await world(dir, {}, { decode: { maxItems: 1 } })
    await expect(one.send(1)).rejects.toThrow('more than 1 items')
    const two = await world(await killed(dir))
    expect([await two.value('agentopz_spans_received_total'), await two.value('agentopz_journal_damage_total')]).toEqual([0, 0])
    await two.send(1)
    expect(await two.value('agentopz_spans_received_total')).toBe(2)
  })
  test('what cannot be taken any more is told, and counters begin again', async () => {
    const dir = folder()
    const one = await world(dir)
    await one.send(1)
    const [body, taken] = [Buffer.from('no gzip'), { total: 0, rejected: 0, message: '' }]
    const request = { signal: 'traces', encoding: 'json', unpacked: body, body, contentType: 'x', contentEncoding: 'gzip' } as const
    await one.journal.take(request, () => taken)
    const two = await world(await killed(dir))
    expect(await two.value('agentopz_journal_damage_total', { kind: 'refused_record' })).toBe(1)
    expect([await two.value('agentopz_spans_received_total'), await two.value('agentopz_open_runs')]).toEqual([0, 1])
  })
  test('runs that were closed are closed again, and what comes closes by the new times', async () => {
    const dir = folder()
    const one = await world(dir, {}, { runs: { settleMs: 2000 } })
    await one.send(1)
    one.now += 3000
    await sweep(one)
    expect(await one.value('agentopz_runs_total')).toBe(1)
    const two = await world(await killed(dir), {}, { now: one.now, runs: { settleMs: 60_000 } })
    expect([await two.value('agentopz_runs_total'), await two.value('agentopz_journal_damage_total')]).toEqual([1, 0])
    two.now += 30_000
    await sweep(two)
    expect(await two.value('agentopz_runs_total')).toBe(1)
    // As it is in the records of the second start.
    const three = await world(await killed(lastDir()), {}, { now: two.now, runs: { settleMs: 2000 } })
    expect(await three.value('agentopz_runs_total')).toBe(1)
  })
  test('also where they changed while it ran, before or after a snapshot', async () => {
    for (const isSnapshot of [false, true]) {
      const dir = folder()
      const one = await world(dir, { snapshotMs: 1000 })
      one.journal.apply({ runs: { ...DEFAULT_RUN_LIMITS, settleMs: 2000 }, decode: {} })
      await one.send(1)
      if (isSnapshot) {
        one.now += 1000
        one.journal.tick()
        await until(() => Promise.resolve(readdirSync(dir).some((name) => name.endsWith('.snap'))), 'there is a snapshot')
      }
      one.now += 3000
      expect(await one.value('agentopz_runs_total')).toBe(0)
      one.journal.sweep()
      await until(async () => (await one.value('agentopz_runs_total')) === 1, 'it is closed')
      const two = await world(await killed(dir), {}, { now: one.now })
      expect(await two.value('agentopz_runs_total')).toBe(1)
    }
  })
  test('while the disk is full they wait for it', async () => {
    const disk = fillable()
    const one = await world(folder(), {}, { disk })
    await one.send(1)
    disk.isFull = true
    one.journal.apply({ runs: { ...DEFAULT_RUN_LIMITS, settleMs: 2000 }, decode: {} })
    await expect(one.send(2)).rejects.toBeInstanceOf(Refusal)
    disk.isFull = false
    one.now += 3000
    one.journal.tick()
    await until(async () => ((one.now += 500), one.journal.sweep(), (await one.value('agentopz_runs_total')) === 1), 'it is closed')
    expect(one.now).toBeLessThan(1_790_000_009_000)
  })
})

describe('one process only', () => {
  test('the second is told so', async () => {
    const dir = folder()
    await world(dir)
    await expect(world(dir)).rejects.toThrow(`the journal in ${dir} is in use by another agentopz`)
  })
  test('is told by a file that takes no room on a disk that is full', async () => {
    const dir = folder()
    await world(dir)
    expect(readdirSync(dir).filter((name) => name.startsWith('lock'))).toEqual(['lock'])
    expect(statSync(join(dir, 'lock')).size).toBe(0)
  })
  test('a file where the folder should be is told with what to type', async () => {
    const dir = folder()
    writeFileSync(dir, '')
    await expect(world(dir)).rejects.toThrow('set journal.dir to another')
  })
})

describe('a full disk', () => {
  test('refuse: nothing is taken, and all goes on when there is room', async () => {
    const disk = fillable()
    const dir = folder()
    const one = await world(dir, { whenFull: 'refuse' }, { disk })
    await one.send(1)
    disk.isFull = true
    await expect(one.send(2)).rejects.toMatchObject({ reason: 'overload' })
    expect([await one.value('agentopz_spans_received_total'), await one.value('agentopz_journal_up')]).toEqual([2, 0])
    disk.isFull = false
    await expect(one.send(2)).rejects.toMatchObject({ reason: 'overload' })
    one.now += 1001
    await one.send(2)
    expect([await one.value('agentopz_spans_received_total'), await one.value('agentopz_journal_up')]).toEqual([4, 1])
    expect(await one.value('agentopz_journal_requests_total', { outcome: 'refused' })).toBe(2)
    const two = await world(await killed(dir))
    expect([await two.value('agentopz_spans_received_total'), await two.value('agentopz_journal_damage_total')]).toEqual([4, 0])
  })
  test('refuse: runs are not closed meanwhile, for the next start would not know', async () => {
    const disk = fillable()
    const one = await world(folder(), {}, { disk })
    await one.send(1)
    disk.isFull = true
    one.now += 20_000
    one.journal.tick()
    await expect(one.send(2)).rejects.toBeInstanceOf(Refusal)
    expect(await one.value('agentopz_runs_total')).toBe(0)
  })
  test('degrade: all is taken; killed before there is room, counters begin again and say nothing wrong', async () => {
    const disk = fillable()
    const dir = folder()
    const one = await world(dir, { whenFull: 'degrade' }, { disk })
    await one.send(1)
    disk.isFull = true
    await one.send(2)
    await one.send(3)
    expect(await one.value('agentopz_spans_received_total')).toBe(6)
    expect(await one.value('agentopz_journal_requests_total', { outcome: 'unwritten' })).toBe(2)
    const two = await world(await killed(dir))
    expect([await two.value('agentopz_spans_received_total'), await two.value('agentopz_open_runs')]).toEqual([0, 1])
    expect(await two.value('agentopz_journal_damage_total', { kind: 'missing_records' })).toBe(1)
    // It is told once: what comes now continues.
    await two.send(4)
    const three = await world(await killed(two.journal === one.journal ? dir : lastDir()))
    expect(await three.value('agentopz_spans_received_total')).toBe(2)
  })
  test('degrade: with room again a snapshot makes it whole', async () => {
    const disk = fillable()
    const dir = folder()
    const one = await world(dir, { whenFull: 'degrade' }, { disk })
    disk.isFull = true
    await one.send(1)
    expect(readdirSync(dir)).not.toContain('whole')
    disk.isFull = false
    one.now += 1001
    await one.send(2)
    await until(async () => readdirSync(dir).includes('whole'), 'it is whole')
    const two = await world(await killed(dir))
    expect(await two.value('agentopz_spans_received_total')).toBe(4)
  })
  test('degrade: room for records but not for a snapshot: it is tried once a second, and told as long as it fails', async () => {
    const disk = fillable()
    const dir = folder()
    const one = await world(dir, { whenFull: 'degrade' }, { disk })
    disk.isFull = true
    await one.send(0)
    disk.isFull = false
    disk.hasRoomForSnapshots = false
    one.now += 1001
    for (let n = 1; n <= 20; n++) await one.send(n)
    expect(disk.snapshotsBegun).toBe(1)
    expect(readdirSync(dir).filter((name) => name.startsWith('segment')).length).toBeLessThanOrEqual(3)
    disk.hasRoomForSnapshots = true
    one.now += 1001
    await one.send(21)
    await until(async () => readdirSync(dir).includes('whole'), 'it is whole')
    const two = await world(await killed(dir))
    expect(await two.value('agentopz_spans_received_total')).toBe(44)
  })
  test('an error of the disk is no crash, and what it cut short is cut off', async () => {
    const disk = fillable()
    const dir = folder()
    const one = await world(dir, {}, { disk })
    await one.send(1)
    disk.isBroken = true
    await expect(one.send(2)).rejects.toBeInstanceOf(Refusal)
    disk.isBroken = false
    one.now += 1001
    await one.send(3)
    const two = await world(await killed(dir))
    expect([await two.value('agentopz_spans_received_total'), await two.value('agentopz_journal_damage_total')]).toEqual([4, 0])
  })
  test('is tried again though the clock was set back meanwhile', async () => {
    const disk = fillable()
    const one = await world(folder(), { snapshotMs: 1000 }, { disk })
    disk.isFull = true
    await expect(one.send(1)).rejects.toBeInstanceOf(Refusal)
    disk.isFull = false
    one.now -= 600_000
    await one.send(1)
    disk.hasRoomForSnapshots = false
    one.now += 602_000
    one.journal.tick()
    await until(() => Promise.resolve(disk.snapshotsBegun === 1), 'a snapshot was begun')
    await wait(20)
    disk.hasRoomForSnapshots = true
    one.now -= 600_000
    await one.send(2)
    one.journal.tick()
    await until(() => Promise.resolve(disk.snapshotsBegun === 2), 'it is tried again')
  })
  test('a snapshot that had no room is tried again though nothing comes any more', async () => {
    const disk = fillable()
    const dir = folder()
    const one = await world(dir, { snapshotMs: 60_000 }, { disk })
    await one.send(1)
    disk.hasRoomForSnapshots = false
    one.now += 60_001
    one.journal.tick()
    await until(() => Promise.resolve(disk.snapshotsBegun === 1), 'it was tried')
    await wait(20)
    disk.hasRoomForSnapshots = true
    one.now += 1001
    one.journal.tick()
    await until(() => Promise.resolve(readdirSync(dir).some((name) => name.endsWith('.snap'))), 'it was written')
  })
  test('a file that somebody removes to make room does not have it refuse for ever', async () => {
    let isFull = true
    const disk: Disk = {
      open: async (path, flags, mode) => {
        const handle = await DISK.open(path, flags, mode)
        if (!isFull || !path.endsWith('.log')) return handle
        rmSync(path)
        const writev = (): Promise<never> => Promise.reject(Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' }))
        const [datasync, sync, truncate, close] = [handle.datasync, handle.sync, handle.truncate, handle.close].map((f) => f.bind(handle))
        return { writev, datasync, sync, truncate, close } as Awaited<ReturnType<Disk['open']>>
      },
    }
    const one = await world(folder(), {}, { disk })
    await expect(one.send(1)).rejects.toBeInstanceOf(Refusal)
    isFull = false
    one.now += 1001
    await one.send(1)
    expect(await one.value('agentopz_journal_up')).toBe(1)
  })
  test('its own bound counts as full, and a snapshot makes room', async () => {
    const dir = folder()
    const one = await world(dir, { maxBytes: 3000, segmentBytes: 500 })
    let refused = 0
    for (let n = 0; n < 60; n++) {
      const isTaken = await one.send(n).then(
        () => true,
        () => false,
      )
      one.now += 1100
      if (isTaken) continue
      refused++
      await until(async () => (await one.value('agentopz_journal_bytes')) < 1500, 'a snapshot has made room')
    }
    expect(refused).toBeGreaterThan(0)
    const sent = 60 - refused
    expect(sent).toBeGreaterThan(20)
    const two = await world(await killed(dir), {}, { now: one.now })
    expect(await two.value('agentopz_spans_received_total')).toBe(sent * 2)
  })
})

describe('damage', () => {
  async function filled(): Promise<string> {
    const dir = folder()
    const one = await world(dir, { segmentBytes: 500 })
    for (let n = 0; n < 12; n++) await one.send(n)
    const copy = await killed(dir)
    expect(segments(copy).length).toBeGreaterThan(3)
    return copy
  }
  test('a torn tail is cut off; nothing is lost, and it is not met again', async () => {
    const dir = await filled()
    const path = join(dir, segments(dir).at(-1)!)
    writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.from('\x89AGJ half of a record', 'latin1')]))
    const one = await world(dir)
    expect([
      await one.value('agentopz_spans_received_total'),
      await one.value('agentopz_journal_damage_total', { kind: 'torn_tail' }),
    ]).toEqual([24, 1])
    const two = await world(await killed(dir))
    expect([await two.value('agentopz_spans_received_total'), await two.value('agentopz_journal_damage_total')]).toEqual([24, 0])
  })
  test('a damaged record: those before and after are used, the file is moved aside, counters begin again', async () => {
    const dir = await filled()
    const name = segments(dir)[1]!
    const bytes = readFileSync(join(dir, name))
    bytes[80] = bytes[80]! ^ 1
    writeFileSync(join(dir, name), bytes)
    const one = await world(dir)
    expect(await one.value('agentopz_journal_damage_total', { kind: 'corrupt_record' })).toBe(1)
    expect([await one.value('agentopz_open_runs'), await one.value('agentopz_spans_received_total')]).toEqual([11, 0])
    expect(readdirSync(join(dir, 'damaged'))).toEqual([name])
    const two = await world(await killed(dir))
    expect([await two.value('agentopz_open_runs'), await two.value('agentopz_journal_damage_total')]).toEqual([11, 0])
  })
  test('a start that is killed before its snapshot leaves the damaged file to the next one', async () => {
    for (const hurt of [
      (path: string) => flip(path, 150),
      // Of the last one too, which no other file follows.
      (path: string) => writeFileSync(path, Buffer.concat([readFileSync(path).subarray(0, 32), Buffer.alloc(500), readFileSync(path)])),
      (path: string) => writeFileSync(path, 'nonsense, and more than a head is long'),
    ]) {
      const dir = folder()
      const one = await world(dir)
      for (let n = 0; n < 6; n++) await one.send(n)
      const hurtDir = await killed(dir)
      hurt(join(hurtDir, segments(hurtDir)[0]!))
      const before = segments(hurtDir)
      let waits = (): void => undefined
      const isRead = new Promise<void>((done) => (waits = done))
      // Others share the work, and this one waits for what they say of theirs.
      void world(hurtDir, {}, { continues: () => (waits(), new Promise(() => undefined)) })
      await isRead
      expect([segments(hurtDir), readdirSync(hurtDir)]).toEqual([before, expect.not.arrayContaining(['damaged'])])
      const two = await world(await killed(hurtDir))
      const undisturbed = await world(await killed(hurtDir))
      expect(await two.value('agentopz_journal_damage_total')).toBeGreaterThan(0)
      expect(await two.value('agentopz_open_runs')).toBe(await undisturbed.value('agentopz_open_runs'))
      expect(await two.value('agentopz_spans_received_total')).toBe(0)
      // What comes now is written beside the damaged file, not over it.
      expect(readdirSync(join(lastDir(), 'damaged'))).toEqual(before)
    }
  })
  test.each([
    ['a segment that is a folder', 'segment-000000000000099.log', 'corrupt_segment', (path: string) => mkdirSync(path)],
    ['a segment with the next number', 'segment-000000000000014.log', 'corrupt_segment', (path: string) => mkdirSync(path)],
    ['a segment with the highest number', 'segment-999999999999999.log', 'corrupt_segment', (path: string) => mkdirSync(path)],
    ['a segment that links to nothing', 'segment-000000000000099.log', 'corrupt_segment', (path: string) => symlinkSync('/nowhere', path)],
    ['a segment that links to itself', 'segment-000000000000099.log', 'corrupt_segment', (path: string) => symlinkSync(path, path)],
    ['a snapshot that is a folder', 'snapshot-000000000000000.snap', 'corrupt_snapshot', (path: string) => mkdirSync(path)],
    [
      'a snapshot that links to nothing',
      'snapshot-000000000000000.snap',
      'corrupt_snapshot',
      (path: string) => symlinkSync('/nowhere', path),
    ],
  ])('%s is told of, and the rest is used', async (_, name, kind, make) => {
    const dir = await filled()
    make(join(dir, name))
    const one = await world(dir)
    expect(await one.value('agentopz_journal_damage_total', { kind })).toBe(1)
    expect([await one.value('agentopz_open_runs'), await one.value('agentopz_spans_received_total')]).toEqual([12, 0])
    expect(readdirSync(join(dir, 'damaged'))).toEqual([name])
    await one.send(20)
    const two = await world(await killed(dir))
    expect([await two.value('agentopz_open_runs'), await two.value('agentopz_journal_damage_total')]).toEqual([13, 0])
  })
  test('folders in the place of other files stop no start', async () => {
    const dir = await filled()
    rmSync(join(dir, 'whole'))
    for (const name of ['whole', 'replaying', 'snapshot-000000000000014.snap.tmp']) mkdirSync(join(dir, name))
    const one = await world(dir)
    expect([await one.value('agentopz_open_runs'), await one.value('agentopz_spans_received_total')]).toEqual([12, 24])
    await one.journal.close()
    journals.delete(one.journal)
    expect(await (await world(dir)).value('agentopz_spans_received_total')).toBe(24)
  })
  test('a damaged snapshot stays until another one is written', async () => {
    const dir = folder()
    const one = await world(dir)
    await one.send(1)
    await one.journal.close()
    journals.delete(one.journal)
    const name = readdirSync(dir).find((n) => n.startsWith('snapshot'))!
    flip(join(dir, name), 40)
    const disk = fillable()
    disk.hasRoomForSnapshots = false
    const two = await world(dir, {}, { disk })
    expect(readdirSync(dir)).toContain(name)
    const three = await world(await killed(dir))
    expect(await three.value('agentopz_journal_damage_total', { kind: 'corrupt_snapshot' })).toBe(1)
    disk.hasRoomForSnapshots = true
    await two.journal.close()
    journals.delete(two.journal)
    expect(readdirSync(join(dir, 'damaged'))).toEqual([name])
  })
  test('eight damaged files are kept, the newest by their time, and none in the place of another', async () => {
    const dir = await filled()
    const name = segments(dir)[1]!
    mkdirSync(join(dir, 'damaged'))
    // Of a journal before this one, whose numbers had come further.
    for (let n = 0; n < 8; n++) {
      const path = join(dir, 'damaged', n === 7 ? name : `snapshot-00000000000090${n}.snap`)
      writeFileSync(path, 'old')
      utimesSync(path, 1_000_000 + n, 1_000_000 + n)
    }
    flip(join(dir, name), 80)
    await world(dir)
    const kept = readdirSync(join(dir, 'damaged'))
    expect(kept).toHaveLength(8)
    expect(kept).toEqual(expect.arrayContaining([name, `${name}.1`]))
    expect(kept).not.toContain('snapshot-000000000000900.snap')
  })
  test('a segment without its head, and one that is gone', async () => {
    for (const [kind, hurt] of [
      ['corrupt_segment', (p: string) => writeFileSync(p, 'nonsense, and more than a head is long')],
      ['missing_records', (p: string) => rmSync(p)],
    ] as const) {
      const dir = await filled()
      hurt(join(dir, segments(dir)[1]!))
      const one = await world(dir)
      expect(await one.value('agentopz_journal_damage_total', { kind })).toBe(1)
      expect(await one.value('agentopz_spans_received_total')).toBe(0)
      expect(await one.value('agentopz_open_runs')).toBeGreaterThan(6)
    }
  })
  test('a snapshot of which any byte changed is not used', async () => {
    const dir = folder()
    const one = await world(dir)
    await one.send(1)
    await one.journal.close()
    journals.delete(one.journal)
    const name = readdirSync(dir).find((n) => n.startsWith('snapshot'))!
    const bytes = readFileSync(join(dir, name))
    bytes[Math.floor(bytes.length / 2)]! ^= 4
    writeFileSync(join(dir, name), bytes)
    const two = await world(dir)
    expect(await two.value('agentopz_journal_damage_total', { kind: 'corrupt_snapshot' })).toBe(1)
    expect(await two.value('agentopz_spans_received_total')).toBe(0)
    await two.send(2)
    expect(await two.value('agentopz_spans_received_total')).toBe(2)
  })
  test('a record that the process died of three times is left out', async () => {
    const dir = await filled()
    const note = Buffer.alloc(12)
    note.writeDoubleLE(3)
    note.writeUInt32LE(3, 8)
    writeFileSync(join(dir, 'replaying'), note)
    const one = await world(dir)
    expect(await one.value('agentopz_journal_damage_total', { kind: 'deadly_record' })).toBe(1)
    expect(await one.value('agentopz_spans_received_total')).toBe(22)
    expect(readdirSync(dir)).not.toContain('replaying')
  })
  test('another boot of the machine: what was not synced may be gone', async () => {
    const dir = await filled()
    const path = join(dir, segments(dir).at(-1)!)
    const bytes = readFileSync(path)
    const { decodeSegmentHead, encodeSegmentHead } = await import('../../../../app/journal/record.ts')
    encodeSegmentHead({ ...decodeSegmentHead(bytes)!, boot: 'another boot' }).copy(bytes)
    writeFileSync(path, bytes)
    const one = await world(dir)
    expect([await one.value('agentopz_spans_received_total'), await one.value('agentopz_open_runs')]).toEqual([0, 12])
  })
})

describe('a loss of power', () => {
  /** What a start finds after another boot of the machine. */
  async function afterBoot(dir: string): Promise<boolean> {
    const hooks = { snapshot() {}, restore() {}, apply: () => undefined, damaged() {} }
    return (await recover(dir, 'another boot', hooks)).isWhole
  }
  async function snapshotted(fsync: JournalSettings['fsync'], endpoints: readonly RelayEndpoint[] = []): Promise<[World, string]> {
    const dir = folder()
    const one = await world(dir, { fsync, snapshotMs: 1000 }, { endpoints })
    await one.send(1)
    one.now += 1000
    one.journal.tick()
    await until(() => Promise.resolve(readdirSync(dir).some((name) => name.endsWith('.snap'))), 'there is a snapshot')
    return [one, dir]
  }
  test('a file begun after the last snapshot may be gone with its name, where not all is synced', async () => {
    const [one, dir] = await snapshotted('second')
    await one.send(2)
    const copy = await killed(dir)
    for (const name of segments(copy)) rmSync(join(copy, name))
    expect(await afterBoot(copy)).toBe(false)
    // The same boot loses nothing.
    expect((await recover(copy, bootName(), { snapshot() {}, restore() {}, apply: () => undefined, damaged() {} })).isWhole).toBe(true)
    const [, synced] = await snapshotted('always')
    expect(await afterBoot(await killed(synced))).toBe(true)
  })
  test('after a graceful end there is nothing to lose, though files wait for a relay endpoint', async () => {
    const [one, dir] = await snapshotted('never', [{ ...DEFAULT_RELAY, name: 'tempo', url: 'http://127.0.0.1:9' }])
    await one.journal.close()
    journals.delete(one.journal)
    expect(segments(dir)).toHaveLength(1)
    expect(await afterBoot(dir)).toBe(true)
  })
})

describe('relays', () => {
  const endpoint: RelayEndpoint = { ...DEFAULT_RELAY, name: 'tempo', url: 'http://127.0.0.1:9' }
  test('what a full queue is done with at once, or what was refused, is not offered again', async () => {
    const dir = folder()
    const one = await world(dir, {}, { endpoints: [endpoint] })
    const body = Buffer.from('{}')
    const request = { signal: 'traces', encoding: 'json', unpacked: body, body, contentType: 'x', contentEncoding: 'identity' } as const
    const dropped = { total: 0, rejected: 0, message: '' }
    const done = (ticket: number): typeof dropped => (one.journal.settled('tempo', ticket), dropped)
    await one.journal.take(request, (_, ticket) => done(ticket))
    // A large one is taken in turns.
    await one.journal.take(request, async (_, ticket) => (await wait(1), done(ticket)))
    const refuse = (): never => {
      throw new Refusal('undecodable', 'no')
    }
    await expect(one.journal.take(request, refuse)).rejects.toThrow('no')
    await expect(one.journal.take(request, async () => (await wait(1), refuse()))).rejects.toThrow('no')
    await one.send(1)
    await one.journal.close()
    journals.delete(one.journal)
    // The last only.
    expect(offeredBy(await world(dir, {}, { endpoints: [endpoint] }))).toEqual([6])
  })
  test('of a damaged file what is good is offered again, also by the start after; what is not holds nothing up', async () => {
    const dir = folder()
    const one = await world(dir, {}, { endpoints: [endpoint] })
    for (let n = 0; n < 6; n++) await one.send(n)
    const hurt = await killed(dir)
    const path = join(hurt, segments(hurt)[0]!)
    flip(path, readFileSync(path).indexOf('application/x-protobuf') + 100)
    const two = await world(hurt, { snapshotMs: 1000 }, { endpoints: [endpoint] })
    const good = offeredBy(two)
    expect(good).toHaveLength(5)
    expect(segments(hurt)).not.toContain(segments(dir)[0])
    // Killed before the endpoint took any of it.
    const copy = await killed(hurt)
    cpSync(join(hurt, 'damaged'), join(copy, 'damaged'), { recursive: true })
    expect(offeredBy(await world(copy, {}, { endpoints: [endpoint] }))).toEqual(good)
    // And with that file gone they are given up.
    const gone = await killed(hurt)
    const three = await world(gone, { snapshotMs: 1000 }, { endpoints: [endpoint] })
    expect(offeredBy(three)).toEqual([])
    expect(await three.value('agentopz_journal_released_requests_total', { reason: 'damage' })).toBe(5)
    for (let n = 0; n < 3; n++) {
      three.now += 2000
      three.journal.tick()
      await wait(30)
    }
    await until(() => Promise.resolve(segments(gone).length <= 1), 'nothing is kept for them')
  })
  test('a file without records that is begun anew after a kill is not removed while somebody waits for what is in it', async () => {
    const dir = folder()
    const one = await world(dir, {}, { endpoints: [endpoint] })
    await one.send(1)
    await one.journal.close()
    journals.delete(one.journal)
    // Begun by the next start, which was killed before anything else was in it.
    const [first] = segments(dir)
    writeFileSync(join(dir, 'segment-000000000000003.log'), readFileSync(join(dir, first!)).subarray(0, 32))
    const two = await world(dir, { snapshotMs: 1000 }, { endpoints: [endpoint] })
    await two.send(2)
    two.journal.settled('tempo', 2)
    two.now += 2000
    two.journal.tick()
    await until(() => Promise.resolve(segments(dir).join() === 'segment-000000000000003.log'), 'the first is gone, and not the second')
    await two.send(3)
    const three = await world(await killed(dir), {}, { endpoints: [endpoint] })
    expect(offeredBy(three)).toHaveLength(2)
  })
  test('what an endpoint has not taken is kept over snapshots, and offered again', async () => {
    const dir = folder()
    const one = await world(dir, { segmentBytes: 500 }, { endpoints: [endpoint] })
    for (let n = 0; n < 6; n++) await one.send(n)
    // Records 1 is the start; 2 to 7 are requests.
    for (const seq of [2, 3, 5]) one.journal.settled('tempo', seq)
    one.journal.tick()
    await one.send(100)
    await one.journal.close()
    journals.delete(one.journal)
    const two = await world(dir, {}, { endpoints: [endpoint] })
    const again = offeredBy(two)
    expect(again.slice(0, 3)).toEqual([4, 6, 7])
    expect(again).toHaveLength(4)
  })
  test('what is kept too long is released and counted', async () => {
    const dir = folder()
    const one = await world(dir, { segmentBytes: 300, maxAgeMs: 5000 }, { endpoints: [endpoint] })
    for (let n = 0; n < 4; n++) await one.send(n)
    one.journal.tick()
    one.now += 6000
    one.journal.tick()
    await until(async () => (await one.value('agentopz_journal_released_requests_total', { reason: 'age' })) > 0, 'released')
  })
  test('also where all of it is in one file, and nothing comes any more', async () => {
    const dir = folder()
    const one = await world(dir, { maxAgeMs: 5000, snapshotMs: 1000 }, { endpoints: [endpoint] })
    await one.send(1)
    for (let s = 0; s < 3; s++) {
      one.now += 3000
      one.journal.tick()
      await wait(30)
    }
    await until(() => Promise.resolve(segments(dir).length === 0), 'the file is gone')
    expect(await one.value('agentopz_journal_released_requests_total', { reason: 'age' })).toBe(1)
  })
  test('one file that has reached the bound makes room, though nobody takes what is in it', async () => {
    const dir = folder()
    const one = await world(dir, { maxBytes: 3000, segmentBytes: 2 ** 20 }, { endpoints: [endpoint] })
    const isTaken = (n: number): Promise<boolean> =>
      one.send(n).then(
        () => true,
        () => false,
      )
    let n = 0
    while (await isTaken(n)) n++
    const refused = (): Promise<number> => one.value('agentopz_journal_requests_total', { outcome: 'refused' })
    expect(await refused()).toBe(1)
    await until(async () => ((one.now += 1001), one.journal.tick(), await isTaken(++n)), 'it takes requests again')
    expect(await one.value('agentopz_journal_released_requests_total', { reason: 'bytes' })).toBeGreaterThan(0)
  })
})

function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at] = bytes[at]! ^ 1
  writeFileSync(path, bytes)
}

/** What is relayed again to the endpoint tempo, by its number. */
function offeredBy(w: World): readonly number[] {
  const again: number[] = []
  w.journal.forward({
    ...createRelay([], { delivered() {}, retried() {}, dropped() {}, down() {}, up() {} }),
    offerAgain: (request, names) => void (names.includes('tempo') && again.push(request.ticket)),
  })
  return again
}

function lastDir(): string {
  return join(dirs.at(-1)!, 'j')
}
