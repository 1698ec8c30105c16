/** What bodies unpack to: counted as it grows, off the event loop where it is much, and the same as zlib's own functions make of it. */
import { randomFillSync } from 'node:crypto'
import zlib from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { decompress, unpackIn } from '../../../processor/body.ts'
import { DEFAULT_RECEIVE_LIMITS, InflightBytes, Place, type ReceiverParts, type Refusal } from '../../../processor/receive.ts'
import { zstdFrames } from '../../../processor/zstd-frames.ts'

const MIB = 2 ** 20
/** Of so many MiB, which pack to some fiftieth. */
function content(mib: number): Buffer {
  const bytes = Buffer.alloc(mib * MIB)
  for (let at = 0; at < bytes.length; at += 4096) randomFillSync(bytes, at, 64)
  return bytes
}
const large = content(20)
const medium = content(6)
const small = Buffer.from('wire path '.repeat(500))
/** Its last member says little. */
const lying = (bytes: Buffer): Buffer => Buffer.concat([zlib.gzipSync(bytes), zlib.gzipSync(small)])

describe('a body that becomes more than it said', () => {
  const parts = (inflight: InflightBytes): ReceiverParts => ({
    limits: DEFAULT_RECEIVE_LIMITS,
    inflight,
    authorise: () => true,
    ingest: () => ({ total: 0, rejected: 0, message: '' }),
    forward: () => undefined,
    events: { request: () => undefined, rejected: () => undefined, internalError: () => undefined },
  })
  const bodies: readonly (readonly [string, Buffer])[] = [
    ['gzip', lying(large)],
    ['deflate', zlib.deflateSync(large)],
    [
      'zstd',
      Buffer.concat([
        zlib.zstdCompressSync(medium),
        zlib.zstdCompressSync(large, { params: { [zlib.constants.ZSTD_c_contentSizeFlag]: 0 } }),
      ]),
    ],
  ]
  for (const journal of [undefined, (): never => undefined as never])
    for (const [encoding, body] of bodies)
      test(`${encoding}${journal === undefined ? '' : ', with a journal'}: is refused as soon as there is no room, and gives back what it held`, async () => {
        const inflight = new InflightBytes(12 * MIB, 256)
        const other = new Place(inflight)
        other.hold(1)
        const place = new Place(inflight)
        const asked: number[] = []
        const hold = place.hold.bind(place)
        place.hold = (bytes) => {
          asked.push(bytes)
          hold(bytes)
        }
        const unpacking = Promise.resolve(
          unpackIn(place, body, encoding, { ...parts(inflight), ...(journal === undefined ? {} : { journal }) }),
        )
        expect(
          await unpacking.then(
            () => 'taken',
            (refusal: Refusal) => refusal.reason,
          ),
        ).toBe('overload')
        expect(asked.length).toBeGreaterThan(3)
        expect(Math.max(...asked)).toBeLessThan(20 * MIB)
        place.leave()
        expect(inflight.bytes).toBe(1)
        // Alone it is taken.
        other.leave()
        const unpacked = await unpackIn(place, body, encoding, parts(inflight))
        expect(unpacked.length).toBeGreaterThanOrEqual(large.length)
        expect(place.held).toBe(body.length + unpacked.length)
        place.leave()
        expect(inflight.bytes).toBe(0)
      })
})

describe('a small body that becomes much', () => {
  for (const [name, encoding, body] of [
    ['as it says', 'gzip', zlib.gzipSync(medium)],
    ['and says otherwise', 'gzip', lying(medium)],
    ['and says nothing', 'deflate', zlib.deflateSync(medium)],
    ['in zstd', 'zstd', zlib.zstdCompressSync(medium)],
  ] as const)
    test(`${name}: others get a turn meanwhile`, async () => {
      expect(body.length).toBeLessThan(DEFAULT_RECEIVE_LIMITS.unpackInlineBytes)
      let turns = 0
      setImmediate(() => turns++)
      expect((await decompress(body, encoding, DEFAULT_RECEIVE_LIMITS)).length).toBeGreaterThanOrEqual(medium.length)
      expect(turns).toBe(1)
    })
  test('and one that becomes little is unpacked at once', async () => {
    let turns = 0
    setImmediate(() => turns++)
    await decompress(zlib.deflateSync(small), 'deflate', DEFAULT_RECEIVE_LIMITS)
    expect(turns).toBe(0)
  })
})

describe('on threads and at once, it is what zlib makes of it', () => {
  const whole = Buffer.from(large.subarray(0, 300_000))
  const cases: readonly (readonly [string, Buffer])[] = [
    ['whole', zlib.gzipSync(whole)],
    ['of nothing', zlib.gzipSync('')],
    ['two members', Buffer.concat([zlib.gzipSync(whole), zlib.gzipSync(whole)])],
    ['zeros behind it', Buffer.concat([zlib.gzipSync(whole), Buffer.alloc(100)])],
    ['something else behind it', Buffer.concat([zlib.gzipSync(whole), Buffer.from('something else')])],
    ['cut off', zlib.gzipSync(whole).subarray(0, -9)],
    ['cut off in its second member', Buffer.concat([zlib.gzipSync(whole), zlib.gzipSync(whole).subarray(0, 50)])],
    ['empty', Buffer.alloc(0)],
  ]
  for (const [name, body] of cases)
    for (const unpackInlineBytes of [1, 2 ** 20])
      test(`gzip, ${name}, ${unpackInlineBytes === 1 ? 'on threads' : 'at once'}`, async () => {
        const own = await Promise.resolve()
          .then(() => zlib.gunzipSync(body))
          .catch(() => undefined)
        const limits = { ...DEFAULT_RECEIVE_LIMITS, unpackInlineBytes }
        const ours = await decompress(body, 'gzip', limits).catch((refusal: Refusal) => refusal.reason)
        expect(ours instanceof Uint8Array ? Buffer.compare(ours, own!) : ours).toBe(own === undefined ? 'corrupt_compression' : 0)
      })
  for (const [encoding, body] of [
    ['deflate', zlib.deflateSync(whole)],
    ['deflate', zlib.deflateRawSync(whole)],
    ['zstd', zlib.zstdCompressSync(whole)],
  ] as const)
    test(`${encoding} (${body[0]}), whole and cut off, on threads`, async () => {
      const limits = { ...DEFAULT_RECEIVE_LIMITS, unpackInlineBytes: 1 }
      expect(Buffer.compare(await decompress(body, encoding, limits), whole)).toBe(0)
      await expect(decompress(body.subarray(0, -3), encoding, limits)).rejects.toMatchObject({ reason: 'corrupt_compression' })
      await expect(decompress(body, encoding, { ...limits, maxDecompressedBytes: 100_000 })).rejects.toMatchObject({
        reason: 'decompressed_too_large',
      })
    })
})

test('of more frames than are taken no more are listed', () => {
  const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0])
  const body = Buffer.concat(Array.from({ length: 5000 }, () => frame))
  expect(zstdFrames(body)).toHaveLength(5000)
  expect(zstdFrames(body, 256)).toHaveLength(257)
})
