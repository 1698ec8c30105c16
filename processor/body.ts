/**
 * Request bodies: decompressed within bounds. A bomb stops at the bound, a lying size hint reserves no more than the body can hold,
 * and large bodies are unpacked off the event loop.
 */
import { promisify } from 'node:util'
import zlib from 'node:zlib'
import { createReusedGunzip } from './gunzip.ts'
import type { ReceiveLimits } from './receive.ts'
import { Refusal } from './receive.ts'

/** Content encodings this Node can unpack; zstd came with 22.15. */
export const ENCODINGS: readonly string[] = [
  'identity',
  'gzip',
  'deflate',
  ...(typeof zlib.zstdDecompressSync === 'function' ? ['zstd'] : []),
]

/** Bodies above this are unpacked on the thread pool: 256 kB of gzip can be 100 ms of work. */
const INLINE_BYTES = 256 * 1024

interface Bounds {
  readonly maxOutputLength: number
  readonly chunkSize: number
}

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
  if (encoding !== 'gzip' || body.length < 18) return Math.min(most, 65_536 + body.length * 8)
  const { buffer, byteOffset, byteLength } = body
  const claimed = new DataView(buffer, byteOffset, byteLength).getUint32(byteLength - 4, true)
  return Math.min(claimed + 1, 65_536 + body.length * 64, most)
}

/** Up to 1 MiB of gzip and 4 MiB unpacked are some 8 ms: less than what is done with them after. */
const REUSED_BYTES = 2 ** 20
const reusedGunzip = createReusedGunzip()

/**
 * Unpacks a body that is taken in at once: where it can be done without waiting, the answer is no promise, and good until the next call.
 * @throws Refusal `decompressed_too_large`, `corrupt_compression` or `content_encoding`, here or by the promise.
 */
export function unpack(body: Uint8Array, encoding: string, limits: ReceiveLimits): Uint8Array | Promise<Uint8Array> {
  if (encoding === 'identity') return body
  if (encoding === 'gzip' && body.length <= REUSED_BYTES) {
    const unpacked = reusedGunzip?.(body, expectedBytes(body, encoding, limits))
    if (unpacked !== undefined) return unpacked
  }
  return decompress(body, encoding, limits)
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
  const unpack = ENCODINGS.includes(encoding) ? (body.length <= INLINE_BYTES ? inline : inThread)[how] : undefined
  if (unpack === undefined)
    throw new Refusal('content_encoding', `content encoding ${encoding} is not supported; use one of ${ENCODINGS.join(', ')}`)
  try {
    return await unpack(body, options)
  } catch (error) {
    const code = (error as { code?: string }).code ?? ''
    if (code === 'ERR_BUFFER_TOO_LARGE')
      throw new Refusal('decompressed_too_large', `the body unpacks to more than ${maxOutputLength} bytes; send smaller batches`)
    throw new Refusal('corrupt_compression', `the body is not valid ${encoding}: ${error instanceof Error ? error.message : code}`)
  }
}
