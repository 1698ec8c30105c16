import { randomFillSync } from 'node:crypto'
import zlib from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decompress, expectedBytes } from '../../../processor/body.ts'
import { DEFAULT_RECEIVE_LIMITS } from '../../../processor/receive.ts'
import { zstdFrames } from '../../../processor/zstd-frames.ts'

const limits = DEFAULT_RECEIVE_LIMITS
const pack = (bytes: Uint8Array, params: Record<number, number> = {}): Buffer => zlib.zstdCompressSync(bytes, { params })
const unpack = async (body: Uint8Array, of: typeof limits = limits): Promise<string> =>
  Buffer.from(await decompress(body, 'zstd', of)).toString('latin1')
const a = Buffer.from('wire path '.repeat(3000))
const b = Buffer.from('of runs '.repeat(2000))
const skippable = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4])
const corrupt: unknown = expect.objectContaining({ reason: 'corrupt_compression' })

describe('zstd bodies', () => {
  test('several frames are one body, as of several members of gzip', async () => {
    expect(await unpack(Buffer.concat([pack(a), pack(b)]))).toBe(Buffer.concat([a, b]).toString('latin1'))
  })
  test('skippable frames are skipped wherever they are', async () => {
    const body = Buffer.concat([skippable, pack(a), skippable, skippable, pack(b), skippable])
    expect(await unpack(body)).toBe(Buffer.concat([a, b]).toString('latin1'))
    expect(await unpack(skippable)).toBe('')
  })
  test('every frame form is found whole: with and without checksum, of any size, of one repeated byte, not compressible', () => {
    const contents = [0, 1, 255, 256, 65_791, 65_792, 300_000].flatMap((n) => [Buffer.alloc(n), randomFillSync(Buffer.alloc(n))])
    for (const content of contents)
      for (const params of [{}, { [zlib.constants.ZSTD_c_checksumFlag]: 1 }, { [zlib.constants.ZSTD_c_contentSizeFlag]: 0 }]) {
        const packed = pack(content, params)
        const frames = zstdFrames(Buffer.concat([packed, packed]))
        expect(frames?.map((f) => [f.start, f.end])).toEqual([
          [0, packed.length],
          [packed.length, packed.length * 2],
        ])
        const said = frames?.[0]?.contentBytes
        expect(said === undefined || said === content.length).toBe(true)
      }
  })
  test('cut off anywhere, or followed by anything, is refused', async () => {
    const body = Buffer.concat([pack(a), pack(b)])
    const whole = pack(a).length
    for (let n = 0; n < body.length; n++) if (n !== whole) await expect(unpack(body.subarray(0, n)), String(n)).rejects.toEqual(corrupt)
    for (const rest of ['x', 'something else', '\0\0\0\0\0\0\0\0'])
      await expect(unpack(Buffer.concat([body, Buffer.from(rest)]))).rejects.toEqual(corrupt)
    await expect(unpack(Buffer.concat([pack(a), skippable.subarray(0, 9)]))).rejects.toEqual(corrupt)
  })
  test('many small frames are held to the bound of the whole, and one that is too large is refused', async () => {
    const frame = pack(Buffer.alloc(100_000))
    const body = Buffer.concat(Array.from({ length: 30 }, () => frame))
    const of = { ...limits, maxDecompressedBytes: 2_000_000, maxCompressionRatio: 1e6 }
    await expect(unpack(body, of)).rejects.toMatchObject({ reason: 'decompressed_too_large' })
    expect(await unpack(body.subarray(0, frame.length * 20), of)).toHaveLength(2_000_000)
    await expect(unpack(pack(Buffer.alloc(2_000_001)), of)).rejects.toMatchObject({ reason: 'decompressed_too_large' })
  })
  test('more frames than any sender makes are refused', async () => {
    const frame = pack(Buffer.from('x'))
    expect(await unpack(Buffer.concat(Array.from({ length: 256 }, () => frame)))).toHaveLength(256)
    await expect(unpack(Buffer.concat(Array.from({ length: 257 }, () => frame)))).rejects.toThrow(/more than 256 frames/)
  })
  test('a frame that says how much it becomes is reserved for, one that lies only as far as that is believable', () => {
    expect(expectedBytes(pack(a), 'zstd', limits)).toBe(a.length + 1)
    const liar = pack(a)
    // A single segment of 4 bytes of size: the descriptor, then the size itself.
    const huge = Buffer.concat([liar.subarray(0, 4), Buffer.from([0xa0, 0xff, 0xff, 0xff, 0xff]), Buffer.from([1, 0, 0])])
    expect(zstdFrames(huge)?.[0]?.contentBytes).toBe(2 ** 32 - 1)
    expect(expectedBytes(huge, 'zstd', limits)).toBe(65_536 + huge.length * 64)
  })
  test('any bytes after a magic number are frames within the body, or none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const body = Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), bytes])
        let at = 0
        for (const { start, end } of zstdFrames(body) ?? []) {
          expect(start).toBeGreaterThanOrEqual(at)
          expect(end).toBeGreaterThan(start)
          expect(end).toBeLessThanOrEqual(body.length)
          at = end
        }
      }),
      { numRuns: 2000 },
    )
  })
})
