/**
 * A prepared request → the same request about traces that nobody has seen: for loads that last longer than bodies can be kept ready.
 * Trace and response ids are written over in the protobuf bytes; the serializer writes a span's ids first and in order, which is how they are found.
 */
import { gunzipSync, gzipSync } from 'node:zlib'

interface Raw {
  readonly head: string
  readonly bytes: Buffer
  readonly traceIds: readonly number[]
  readonly firstIds: readonly number[]
  readonly responseIds: readonly number[]
}

const known = new Map<Buffer, Raw>()
const RESPONSE = Buffer.from('chatcmpl-')

/** The request with ids that hold `number`. */
export function renewed(request: Buffer, number: number): Buffer {
  let raw = known.get(request)
  if (raw === undefined) known.set(request, (raw = rawOf(request)))
  const { bytes } = raw
  for (const [i, at] of raw.traceIds.entries()) bytes.writeInt32BE((raw.firstIds[i] ?? 0) ^ number, at)
  for (const at of raw.responseIds) bytes.write(number.toString(16).padStart(8, '0'), at, 'latin1')
  const body = gzipSync(bytes, { level: 1 })
  return Buffer.concat([Buffer.from(`${raw.head.replace(/content-length: \d+/, `content-length: ${body.length}`)}\r\n\r\n`), body])
}

function rawOf(request: Buffer): Raw {
  const end = request.indexOf('\r\n\r\n')
  const bytes = gunzipSync(request.subarray(end + 4))
  const traceIds: number[] = []
  // Field 1 of 16 bytes, then field 2 of 8.
  for (let at = bytes.indexOf('0a10', 0, 'hex'); at >= 0; at = bytes.indexOf('0a10', at + 1, 'hex'))
    if (bytes[at + 18] === 0x12 && bytes[at + 19] === 8) traceIds.push(at + 2)
  const responseIds: number[] = []
  for (let at = bytes.indexOf(RESPONSE); at >= 0; at = bytes.indexOf(RESPONSE, at + 1)) responseIds.push(at + RESPONSE.length)
  return { head: request.toString('latin1', 0, end), bytes, traceIds, firstIds: traceIds.map((at) => bytes.readInt32BE(at)), responseIds }
}
