/**
 * One journal record as bytes, and records out of bytes that may be cut or damaged anywhere.
 * Layout: magic, CRC-32, length, sequence, kind and three small numbers, label length, time; then label and body. 32 bytes of head.
 * The CRC starts from a salt that only the segment's file holds, so that a record written into a body by a sender is never taken for ours.
 * Invariant: what is read back is what was written, or is reported as damage; nothing in between.
 */
import { crc32 } from 'node:zlib'

/** `delivered`: relay endpoints have taken requests; `rules`: others hold from here on. Numbers in the journal are places in this list: only ever add at the end. */
export const KINDS = ['request', 'evaluation', 'sweep', 'expire', 'resume', 'delivered', 'rules'] as const
export type Kind = (typeof KINDS)[number]

export interface JournalRecord {
  readonly seq: number
  readonly kind: Kind
  /** When it came, in Unix milliseconds. */
  readonly at: number
  /** Small numbers that the kind gives a meaning. */
  readonly small: readonly [number, number, number]
  /** A short text that the kind gives a meaning: the content type of a request. */
  readonly label: string
  readonly body: Uint8Array
}

export const HEAD_BYTES = 32
const MAGIC = Buffer.from('\x89AGJ', 'latin1')
/** Longer than any body that can be configured: a length beyond it is damage. */
const MAX_LENGTH = 2 ** 31

/** The bytes of a record: head with label, and the body as it is, not copied. */
export function encodeRecord(record: JournalRecord, salt: number): readonly [Buffer, Uint8Array] {
  const label = Buffer.from(record.label, 'utf8').subarray(0, 0xffff)
  const head = Buffer.alloc(HEAD_BYTES + label.length)
  MAGIC.copy(head)
  head.writeUInt32LE(label.length + record.body.length, 8)
  head.writeUIntLE(record.seq, 12, 6)
  head[18] = KINDS.indexOf(record.kind)
  for (const [i, n] of record.small.entries()) head[19 + i] = n
  head.writeUInt16LE(label.length, 22)
  head.writeDoubleLE(record.at, 24)
  label.copy(head, HEAD_BYTES)
  head.writeUInt32LE(crc32(record.body, crc32(head.subarray(8), salt)), 4)
  return [head, record.body]
}

export interface Damage {
  readonly offset: number
  readonly bytes: number
  /** True when nothing good follows: an append that was cut short looks like this. */
  readonly isTail: boolean
}

export interface Found {
  readonly record: JournalRecord
  readonly offset: number
  readonly bytes: number
}

/** Reads from `start` on, in order; after damage it looks for the next record whose checksum holds. Bodies are views into `bytes`. */
export function* scanRecords(bytes: Buffer, start: number, salt: number): Iterable<Found | Damage> {
  let at = start
  while (at < bytes.length) {
    const found = recordAt(bytes, at, salt)
    if (found !== undefined) {
      yield found
      at += found.bytes
      continue
    }
    const next = nextRecord(bytes, at + 1, salt)
    yield { offset: at, bytes: (next ?? bytes.length) - at, isTail: next === undefined }
    at = next ?? bytes.length
  }
}

/** Checksums that are worked out over more than this are not tried for every magic in damaged bytes: that would be quadratic. */
const SEARCH_BUDGET = 2 ** 30

function nextRecord(bytes: Buffer, from: number, salt: number): number | undefined {
  let budget = SEARCH_BUDGET
  for (let at = bytes.indexOf(MAGIC, from); at >= 0 && budget > 0; at = bytes.indexOf(MAGIC, at + 1)) {
    if (recordAt(bytes, at, salt) !== undefined) return at
    budget -= at + 12 <= bytes.length ? Math.min(bytes.length - at, bytes.readUInt32LE(at + 8)) + 64 : 64
  }
  return undefined
}

function recordAt(bytes: Buffer, at: number, salt: number): Found | undefined {
  if (at + HEAD_BYTES > bytes.length || MAGIC.compare(bytes, at, at + 4) !== 0) return undefined
  const length = bytes.readUInt32LE(at + 8)
  const end = at + HEAD_BYTES + length
  const labelLength = bytes.readUInt16LE(at + 22)
  const kind = KINDS[bytes[at + 18] ?? 255]
  if (length > MAX_LENGTH || end > bytes.length || labelLength > length || kind === undefined) return undefined
  if (crc32(bytes.subarray(at + 8, end), salt) !== bytes.readUInt32LE(at + 4)) return undefined
  const bodyAt = at + HEAD_BYTES + labelLength
  const record: JournalRecord = {
    seq: bytes.readUIntLE(at + 12, 6),
    kind,
    at: bytes.readDoubleLE(at + 24),
    small: [bytes[at + 19] ?? 0, bytes[at + 20] ?? 0, bytes[at + 21] ?? 0],
    label: bytes.toString('utf8', at + HEAD_BYTES, bodyAt),
    body: bytes.subarray(bodyAt, end),
  }
  return { record, offset: at, bytes: HEAD_BYTES + length }
}

/** What a segment's file begins with. */
export interface SegmentHead {
  readonly salt: number
  /** Names the boot of the machine it was written in. */
  readonly boot: string
  /** Whether losing power may lose what was acknowledged. */
  readonly isLazy: boolean
}

export const SEGMENT_HEAD_BYTES = 32
const SEGMENT_MAGIC = Buffer.from('AGZJRNL1', 'latin1')

export function encodeSegmentHead({ salt, boot, isLazy }: SegmentHead): Buffer {
  const head = Buffer.alloc(SEGMENT_HEAD_BYTES)
  SEGMENT_MAGIC.copy(head)
  head.writeUInt32LE(salt, 8)
  head.write(boot.slice(0, 12), 12, 'latin1')
  head[24] = isLazy ? 1 : 0
  head.writeUInt32LE(crc32(head.subarray(0, 28)), 28)
  return head
}

/** The head of a segment's file; undefined when it is no segment or is damaged. */
export function decodeSegmentHead(bytes: Buffer): SegmentHead | undefined {
  if (bytes.length < SEGMENT_HEAD_BYTES || SEGMENT_MAGIC.compare(bytes, 0, 8) !== 0) return undefined
  if (crc32(bytes.subarray(0, 28)) !== bytes.readUInt32LE(28)) return undefined
  return { salt: bytes.readUInt32LE(8), boot: bytes.toString('latin1', 12, 24).replaceAll('\0', ''), isLazy: bytes[24] === 1 }
}
