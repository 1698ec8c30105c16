/**
 * Request bodies: decompressed within bounds. A bomb stops at the bound, a lying size hint reserves no more than the body can hold,
 * what becomes more than it said is counted as it grows, and large bodies are unpacked off the event loop.
 */
import type { Transform } from 'node:stream'
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

/** Told how much there is so far; what it throws ends the unpacking. */
type Grew = (bytes: number) => void
type Unpack = (body: Uint8Array, bounds: Bounds, grew: Grew) => Buffer | Promise<Buffer>

const TOO_LARGE = 'ERR_BUFFER_TOO_LARGE'
/** zlib's own. A claim of nothing would have a large body come in thousands of pieces. */
const SMALLEST_CHUNK = 16_384

/** On other threads, chunk by chunk, as zlib's own functions do it: those say nothing before the end. */
function streamed(create: (options: { readonly chunkSize: number }) => Transform): Unpack {
  return (body, { maxOutputLength, chunkSize }, grew) =>
    new Promise((done, fail) => {
      const stream = create({ chunkSize })
      const parts: Buffer[] = []
      let bytes = 0
      stream.on('data', (part: Buffer) => {
        bytes += part.length
        try {
          if (bytes > maxOutputLength) throw Object.assign(new Error('too large'), { code: TOO_LARGE })
          grew(bytes)
          parts.push(part)
        } catch (refusal) {
          parts.length = 0
          fail(refusal as Error)
          stream.destroy()
        }
      })
      stream.on('end', () => done(parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts, bytes)))
      stream.on('error', fail)
      stream.end(body)
    })
}

const inThread: Readonly<Record<string, Unpack>> = {
  gzip: streamed((options) => zlib.createGunzip(options)),
  deflate: streamed((options) => zlib.createInflate(options)),
  raw: streamed((options) => zlib.createInflateRaw(options)),
  zstd: streamed((options) => zlib.createZstdDecompress(options)),
}
const inline: Readonly<Record<string, Unpack>> = {
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
  const frames = zstdFrames(body, MOST_FRAMES) ?? []
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
export function unpack(body: Uint8Array, encoding: string, limits: ReceiveLimits, grew?: Grew): Uint8Array | Promise<Uint8Array> {
  if (encoding === 'identity') return body
  if (isReusable(body, encoding, limits)) {
    const unpacked = reusedGunzip?.(body, expectedBytes(body, encoding, limits))
    if (unpacked !== undefined) return unpacked
  }
  return decompress(body, encoding, limits, grew)
}

/**
 * Unpacks a body with room for it: what it should become is held before, what it became after, and what is more than that as it grows.
 * @throws Refusal as `unpack`, `overload` or `share`.
 */
export function unpackIn(
  place: Place,
  body: Uint8Array,
  encoding: string,
  { journal, own, limits }: ReceiverParts,
): Uint8Array | Promise<Uint8Array> {
  place.hold(body.length + expectedBytes(body, encoding, limits))
  const grew = (bytes: number): void => place.hold(body.length + bytes)
  const held = (unpacked: Uint8Array): Uint8Array => {
    if (unpacked !== body) place.hold(body.length + unpacked.length)
    return unpacked
  }
  // With a journal the request waits before it is taken in, and its bytes must last. What is split between processes may be on its way to
  // another one for longer than the request.
  const unpacking =
    journal === undefined
      ? unpack(body, encoding, limits, grew)
      : ((own === undefined ? unpackLent(place, body, encoding, limits) : undefined) ?? decompress(body, encoding, limits, grew))
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
 * Unpacks a body into memory of its own; `grew` is told on the way what there is of it.
 * @throws Refusal `decompressed_too_large`, `corrupt_compression`, `content_encoding`, or what `grew` throws.
 */
export async function decompress(
  body: Uint8Array,
  encoding: string,
  limits: ReceiveLimits,
  grew: Grew = () => undefined,
): Promise<Uint8Array> {
  if (encoding === 'identity') return body
  // Senders call both zlib-wrapped and bare deflate "deflate" (RFC 9110 section 8.4.1.2).
  const how = encoding === 'deflate' && ((body[0] ?? 0) & 0x0f) !== 8 ? 'raw' : encoding
  const most = decompressedLimit(body.length, limits)
  const expected = expectedBytes(body, encoding, limits)
  const inParts = ENCODINGS.includes(encoding) ? inThread[how] : undefined
  const atOnce = body.length <= limits.unpackInlineBytes && expected <= LARGEST ? inline[how] : undefined
  if (inParts === undefined)
    throw new Refusal('content_encoding', `content encoding ${encoding} is not supported; use one of ${ENCODINGS.join(', ')}`)
  const bounds = { maxOutputLength: most, chunkSize: Math.max(SMALLEST_CHUNK, expected) }
  try {
    const unpacked = atOnce === undefined ? undefined : await tryAtOnce(body, encoding, atOnce, bounds)
    return unpacked ?? (await (encoding === 'zstd' ? unpackFrames(body, inParts, bounds, grew) : inParts(body, bounds, grew)))
  } catch (error) {
    if (error instanceof Refusal) throw error
    const code = (error as { code?: string }).code ?? ''
    if (code === TOO_LARGE) throw new Refusal('decompressed_too_large', `the body unpacks to more than ${most} bytes; send smaller batches`)
    throw new Refusal('corrupt_compression', `the body is not valid ${encoding}: ${error instanceof Error ? error.message : code}`)
  }
}

/** On the event loop, where a body may lie about what it becomes: undefined when that is more than may hold up others. */
async function tryAtOnce(body: Uint8Array, encoding: string, unpack: Unpack, bounds: Bounds): Promise<Uint8Array | undefined> {
  const within = { ...bounds, maxOutputLength: Math.min(bounds.maxOutputLength, LARGEST) }
  const nothing = (): void => undefined
  try {
    return await (encoding === 'zstd' ? unpackFrames(body, unpack, within, nothing) : unpack(body, within, nothing))
  } catch (error) {
    if (bounds.maxOutputLength > LARGEST && (error as { code?: string }).code === TOO_LARGE) return undefined
    throw error
  }
}

/** Of one body: each is a call of some 20 µs, and may be of a dozen bytes. */
const MOST_FRAMES = 256

/** Frame by frame: Node stops after the first. Together they stay within the bound. */
async function unpackFrames(body: Uint8Array, unpack: Unpack, bounds: Bounds, grew: Grew): Promise<Uint8Array> {
  const frames = zstdFrames(body, MOST_FRAMES)
  if (frames === undefined) throw new Error('it is cut off, or followed by something else')
  if (frames.length > MOST_FRAMES) throw new Error(`it has more than ${MOST_FRAMES} frames; send one`)
  const [first] = frames
  if (first !== undefined && frames.length === 1) return unpack(body.subarray(first.start, first.end), bounds, grew)
  const parts: Uint8Array[] = []
  let bytes = 0
  for (const { start, end, contentBytes } of frames) {
    const left = bounds.maxOutputLength - bytes
    const before = bytes
    // Parts keep their chunks until the last is there: hardly more than they say, and what lies comes in not too many.
    const chunkSize = Math.max(4096, Math.min(left, (contentBytes ?? (end - start) * 8) + 1, bounds.chunkSize))
    // Node takes no bound of 0, and an empty frame fits into any.
    const part = await unpack(body.subarray(start, end), { maxOutputLength: Math.max(1, left), chunkSize }, (more) => grew(before + more))
    bytes += part.length
    parts.push(part)
  }
  return Buffer.concat(parts, bytes)
}
