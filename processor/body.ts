/**
 * Request bodies: decompressed within bounds. A bomb stops at the bound, a lying size hint reserves no more than the body can hold,
 * and large bodies are unpacked off the event loop.
 */
import { promisify } from 'node:util'
import zlib from 'node:zlib'
import { createReusedGunzip, LARGEST } from './gunzip.ts'
import { LentMemory } from './lent-memory.ts'
import { type Place, type ReceiveLimits, type ReceiverParts, Refusal } from './receive.ts'
import { zstdFrames } from './zstd-frames.ts'

/** Content encodings this Node can unpack; zstd came with 22.15. */
export const ENCODINGS: readonly string[] = [
  'identity',
  'gzip',
  'deflate',
  ...(typeof zlib.zstdDecompressSync === 'function' ? ['zstd'] : []),
]

interface Bounds {
  readonly maxOutputLength: number
  readonly chunkSize: number
}

type Unpack = (body: Uint8Array, bounds: Bounds) => Buffer | Promise<Buffer>

const inThread: Readonly<Record<string, (body: Uint8Array, bounds: Bounds) => Promise<Buffer>>> = {
  gzip: promisify<Uint8Array, Bounds, Buffer>(zlib.gunzip),
  deflate: promisify<Uint8Array, Bounds, Buffer>(zlib.inflate),
  raw: promisify<Uint8Array, Bounds, Buffer>(zlib.inflateRaw),
  zstd: (body, bounds) =>
    new Promise((done, fail) => zlib.zstdDecompress(body, bounds, (error, result) => (error === null ? done(result) : fail(error)))),
}
const inline: Readonly<Record<string, (body: Uint8Array, bounds: Bounds) => Buffer>> = {
  gzip: (body, bounds) => zlib.gunzipSync(body, bounds),
  deflate: (body, bounds) => zlib.inflateSync(body, bounds),
  raw: (body, bounds) => zlib.inflateRawSync(body, bounds),
  zstd: (body, bounds) => zlib.zstdDecompressSync(body, bounds),
}

/** Bytes a body may become: the absolute limit, or the compression ratio beyond the first MiB. */
export function decompressedLimit(bodyBytes: number, limits: ReceiveLimits): number {
  return Math.min(limits.maxDecompressedBytes, 2 ** 20 + bodyBytes * limits.maxCompressionRatio)
}

/** Bytes to reserve before unpacking: what the body claims to become, as far as that is believable. */
export function expectedBytes(body: Uint8Array, encoding: string, limits: ReceiveLimits): number {
  if (encoding === 'identity') return 0
  const most = decompressedLimit(body.length, limits)
  if (encoding === 'zstd') return Math.min(most, expectedOfZstd(body))
  if (encoding !== 'gzip' || body.length < 18) return Math.min(most, 65_536 + body.length * 8)
  const { buffer, byteOffset, byteLength } = body
  const claimed = new DataView(buffer, byteOffset, byteLength).getUint32(byteLength - 4, true)
  return Math.min(claimed + 1, 65_536 + body.length * 64, most)
}

/** What its frames say, as far as that is believable; a frame that does not say is taken for eight times its size. */
function expectedOfZstd(body: Uint8Array): number {
  const frames = zstdFrames(body) ?? []
  const said = frames.reduce((sum, { start, end, contentBytes }) => sum + (contentBytes ?? (end - start) * 8), 1)
  return Math.min(said, 65_536 + body.length * 64)
}

/** Times `unpackInlineBytes`: up to 1 MiB of gzip and 4 MiB unpacked are some 8 ms, less than what is done with them after. */
const REUSED_FACTOR = 4
const reusedGunzip = createReusedGunzip()

/** Whether a body may be unpacked at once, into memory that is used again. */
function isReusable(body: Uint8Array, encoding: string, limits: ReceiveLimits): boolean {
  return encoding === 'gzip' && body.length <= limits.unpackInlineBytes * REUSED_FACTOR
}

/**
 * Unpacks a body: where it can be done without waiting, the answer is no promise, and good until the next call (receive-take.ts minds that).
 * @throws Refusal `decompressed_too_large`, `corrupt_compression` or `content_encoding`, here or by the promise.
 */
export function unpack(body: Uint8Array, encoding: string, limits: ReceiveLimits): Uint8Array | Promise<Uint8Array> {
  if (encoding === 'identity') return body
  if (isReusable(body, encoding, limits)) {
    const unpacked = reusedGunzip?.(body, expectedBytes(body, encoding, limits))
    if (unpacked !== undefined) return unpacked
  }
  return decompress(body, encoding, limits)
}

/**
 * Unpacks a body with room for it: what it should become is held before, what it became after.
 * @throws Refusal as `unpack`, `overload` or `share`.
 */
export function unpackIn(
  place: Place,
  body: Uint8Array,
  encoding: string,
  { journal, own, limits }: ReceiverParts,
): Uint8Array | Promise<Uint8Array> {
  place.hold(body.length + expectedBytes(body, encoding, limits))
  const held = (unpacked: Uint8Array): Uint8Array => {
    if (unpacked !== body) place.hold(body.length + unpacked.length)
    return unpacked
  }
  // With a journal the request waits before it is taken in, and its bytes must last. What is split between processes may be on its way to
  // another one for longer than the request.
  const unpacking =
    journal === undefined
      ? unpack(body, encoding, limits)
      : ((own === undefined ? unpackLent(place, body, encoding, limits) : undefined) ?? decompress(body, encoding, limits))
  return unpacking instanceof Promise ? unpacking.then(held) : held(unpacking)
}

const lent = new LentMemory()

/**
 * Unpacks a body into memory that is lent to `place` until it leaves; undefined where that cannot be done. New memory for each, some 500 kB
 * for 512 spans, made V8 collect everything twice as often: the journal's cost, docs/decisions/0016-journal.md.
 */
function unpackLent(place: Place, body: Uint8Array, encoding: string, limits: ReceiveLimits): Uint8Array | undefined {
  if (reusedGunzip === undefined || !isReusable(body, encoding, limits)) return undefined
  const room = expectedBytes(body, encoding, limits)
  if (room > LARGEST) return undefined
  const piece = lent.lend(room)
  place.onLeave(() => lent.giveBack(piece))
  return reusedGunzip(body, room, piece)
}

/**
 * Unpacks a body into memory of its own.
 * @throws Refusal `decompressed_too_large`, `corrupt_compression` or `content_encoding`.
 */
export async function decompress(body: Uint8Array, encoding: string, limits: ReceiveLimits): Promise<Uint8Array> {
  if (encoding === 'identity') return body
  // Senders call both zlib-wrapped and bare deflate "deflate" (RFC 9110 section 8.4.1.2).
  const how = encoding === 'deflate' && ((body[0] ?? 0) & 0x0f) !== 8 ? 'raw' : encoding
  const maxOutputLength = decompressedLimit(body.length, limits)
  const options = { maxOutputLength, chunkSize: Math.max(1024, expectedBytes(body, encoding, limits)) }
  const unpack = ENCODINGS.includes(encoding) ? (body.length <= limits.unpackInlineBytes ? inline : inThread)[how] : undefined
  if (unpack === undefined)
    throw new Refusal('content_encoding', `content encoding ${encoding} is not supported; use one of ${ENCODINGS.join(', ')}`)
  try {
    return await (encoding === 'zstd' ? unpackFrames(body, unpack, options) : unpack(body, options))
  } catch (error) {
    const code = (error as { code?: string }).code ?? ''
    if (code === 'ERR_BUFFER_TOO_LARGE')
      throw new Refusal('decompressed_too_large', `the body unpacks to more than ${maxOutputLength} bytes; send smaller batches`)
    throw new Refusal('corrupt_compression', `the body is not valid ${encoding}: ${error instanceof Error ? error.message : code}`)
  }
}

/** Of one body: each is a call of some 20 µs, and may be of a dozen bytes. */
const MOST_FRAMES = 256

/** Frame by frame: Node stops after the first. Together they stay within the bound. */
async function unpackFrames(body: Uint8Array, unpack: Unpack, bounds: Bounds): Promise<Uint8Array> {
  const frames = zstdFrames(body)
  if (frames === undefined) throw new Error('it is cut off, or followed by something else')
  if (frames.length > MOST_FRAMES) throw new Error(`it has more than ${MOST_FRAMES} frames; send one`)
  const [first] = frames
  if (first !== undefined && frames.length === 1) return unpack(body.subarray(first.start, first.end), bounds)
  const parts: Uint8Array[] = []
  let bytes = 0
  for (const { start, end, contentBytes } of frames) {
    const left = bounds.maxOutputLength - bytes
    // Node takes no bound of 0, and an empty frame fits into any.
    const chunkSize = Math.max(64, Math.min(left, (contentBytes ?? (end - start) * 8) + 1, bounds.chunkSize))
    const part = await unpack(body.subarray(start, end), { maxOutputLength: Math.max(1, left), chunkSize })
    bytes += part.length
    parts.push(part)
  }
  return Buffer.concat(parts, bytes)
}
