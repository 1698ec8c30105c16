/** Whatever becomes of the bytes: what is read back is what was written, or it is reported. Nothing in between. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { eventOf, type JournalEvent, recordOf } from '../../../../app/journal/events.ts'
import { decodeSegmentHead, encodeRecord, encodeSegmentHead, type JournalRecord, scanRecords } from '../../../../app/journal/record.ts'
import { DEFAULT_RUN_LIMITS } from '../../../../processor/runs/runs.ts'

const SALT = 0x1234_5678

const records = fc
  .array(
    fc.record({
      kind: fc.constantFrom<JournalRecord['kind']>('request', 'evaluation', 'sweep', 'expire', 'resume', 'delivered'),
      at: fc.double({ noNaN: true }),
      small: fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255)),
      label: fc.string({ maxLength: 40 }),
      body: fc.uint8Array({ maxLength: 200 }),
    }),
    { maxLength: 12 },
  )
  .map((list) => list.map((r, i): JournalRecord => ({ ...r, seq: i + 1, label: r.label.toWellFormed() })))

const bytesOf = (list: readonly JournalRecord[], salt = SALT): Buffer => Buffer.concat(list.flatMap((r) => encodeRecord(r, salt)))
const plain = (r: JournalRecord): unknown => ({ ...r, body: Buffer.from(r.body).toString('hex') })

function scan(bytes: Buffer, salt = SALT): { readonly good: readonly unknown[]; readonly bad: number; readonly badTails: number } {
  const found = [...scanRecords(bytes, 0, salt)]
  const bad = found.filter((f) => !('record' in f))
  // Every byte is accounted for.
  expect(found.reduce((n, f) => n + f.bytes, 0)).toBe(bytes.length)
  return {
    good: found.flatMap((f) => ('record' in f ? [plain(f.record)] : [])),
    bad: bad.length,
    badTails: bad.filter((f) => 'isTail' in f && f.isTail).length,
  }
}

describe('records', () => {
  test('are read as they were written', () => {
    fc.assert(
      fc.property(records, (list) => {
        expect(scan(bytesOf(list))).toEqual({ good: list.map(plain), bad: 0, badTails: 0 })
      }),
    )
  })
  test('cut anywhere: those before the cut, and a damaged tail', () => {
    fc.assert(
      fc.property(records, fc.double({ min: 0, max: 1, noNaN: true }), (list, where) => {
        const bytes = bytesOf(list)
        const cut = Math.floor(bytes.length * where)
        const { good, bad, badTails } = scan(bytes.subarray(0, cut))
        const whole = list.filter((_, i) => bytesOf(list.slice(0, i + 1)).length <= cut)
        expect(good).toEqual(whole.map(plain))
        const isClean = bytesOf(whole).length === cut
        expect([bad, badTails]).toEqual(isClean ? [0, 0] : [1, 1])
      }),
    )
  })
  test('any byte changed: all others are read, and one is reported', () => {
    fc.assert(
      fc.property(
        records.filter((l) => l.length > 0),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.integer({ min: 1, max: 255 }),
        (list, where, by) => {
          const bytes = bytesOf(list)
          const at = Math.floor(bytes.length * where)
          bytes[at] = (bytes[at] ?? 0) ^ by
          const hit = list.findIndex((_, i) => bytesOf(list.slice(0, i + 1)).length > at)
          const { good, bad } = scan(bytes)
          expect(good).toEqual(list.filter((_, i) => i !== hit).map(plain))
          expect(bad).toBe(1)
        },
      ),
      { numRuns: 500 },
    )
  })
  test('any bytes at all are damage, not records', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
        expect(scan(Buffer.from(bytes)).good).toEqual([])
      }),
    )
  })
  test('a record that a sender wrote into a body is not taken for one of ours when the one around it is damaged', () => {
    const forged = bytesOf([{ seq: 2, kind: 'sweep', at: 1, small: [0, 0, 0], label: '', body: new Uint8Array(0) }], SALT + 1)
    const bytes = bytesOf([{ seq: 1, kind: 'request', at: 1, small: [0, 0, 0], label: 'x', body: forged }])
    bytes[4] = (bytes[4] ?? 0) ^ 1
    expect(scan(bytes)).toEqual({ good: [], bad: 1, badTails: 1 })
  })
  test('a length of 4 GB is not believed', () => {
    const bytes = bytesOf([{ seq: 1, kind: 'sweep', at: 1, small: [0, 0, 0], label: '', body: new Uint8Array(0) }])
    bytes.writeUInt32LE(0xffff_fff0, 8)
    expect(scan(bytes)).toEqual({ good: [], bad: 1, badTails: 1 })
  })
})

describe('the head of a segment', () => {
  test('is read as it was written, and not at all when a byte of it changed', () => {
    const head = { salt: 42, boot: 'abcdef012345', isLazy: true }
    const bytes = encodeSegmentHead(head)
    expect(decodeSegmentHead(bytes)).toEqual(head)
    for (let i = 0; i < bytes.length; i++) {
      const changed = Buffer.from(bytes)
      changed[i] = (changed[i] ?? 0) ^ 0x40
      expect(decodeSegmentHead(changed)).toBeUndefined()
    }
    expect(decodeSegmentHead(bytes.subarray(0, 20))).toBeUndefined()
  })
})

describe('events', () => {
  const cases: readonly JournalEvent[] = [
    {
      kind: 'request',
      signal: 'logs',
      encoding: 'json',
      contentEncoding: 'zstd',
      contentType: 'application/json; charset=utf-8',
      body: Buffer.from('{}'),
    },
    { kind: 'evaluation', evaluation: { name: 'user_feedback', source: 'feedback', score: 1 }, traceId: 'a'.repeat(32), spanId: '' },
    { kind: 'sweep', limit: 100 },
    { kind: 'expire' },
    { kind: 'resume', rules: undefined },
    { kind: 'rules', rules: { runs: DEFAULT_RUN_LIMITS, decode: { maxItems: 7 } } },
    { kind: 'delivered', notes: { tempo: [1, 2, 3] } },
  ]
  for (const event of cases)
    test(`${event.kind} becomes a record and an event again`, () => {
      const [found] = scanRecords(bytesOf([recordOf(event, 7, 1_790_000_000_000.5)]), 0, SALT)
      if (found === undefined || !('record' in found)) throw new Error('no record')
      expect([found.record.seq, found.record.at]).toEqual([7, 1_790_000_000_000.5])
      expect(eventOf(found.record)).toEqual(event)
    })
  test('a sweep that does not say how much it closed is of two thousand traces', () => {
    expect(eventOf({ seq: 1, kind: 'sweep', at: 0, small: [0, 0, 0], label: '', body: new Uint8Array(0) })).toEqual({
      kind: 'sweep',
      limit: 2000,
    })
  })
  test('a number of a later version is no event', () => {
    expect(eventOf({ seq: 1, kind: 'request', at: 0, small: [9, 0, 0], label: '', body: new Uint8Array(0) })).toBeUndefined()
  })
})
