/**
 * A zstd body → its frames. Node unpacks the first frame and leaves the rest unread, without a word: a body of several, or one that
 * begins with a skippable frame, would be taken as less than it is. So frames are found here, by their lengths, and unpacked one by one.
 * Nothing is believed: every length is held against the bytes that are there. Source: RFC 8878, sections 3.1.1 and 3.1.2.
 */

const MAGIC = 0xfd2fb528
/** Of skippable frames; the last four bits are anything. */
const SKIPPABLE = 0x184d2a50

/** One frame: where it is, and what it says that it becomes; unknown is undefined. */
export interface ZstdFrame {
  readonly start: number
  readonly end: number
  readonly contentBytes: number | undefined
}

/**
 * Frames with content, in order, of which it looks no further after `most` and one; undefined when the body is not made of whole frames. An
 * empty list is a body without content.
 */
export function zstdFrames(body: Uint8Array, most = Number.POSITIVE_INFINITY): readonly ZstdFrame[] | undefined {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  const frames: ZstdFrame[] = []
  let pos = 0
  while (pos < body.length) {
    if (body.length - pos < 8) return undefined
    const magic = view.getUint32(pos, true)
    if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE) {
      pos += 8 + view.getUint32(pos + 4, true)
      if (pos > body.length) return undefined
      continue
    }
    if (magic !== MAGIC) return undefined
    const frame = frameAt(view, pos)
    if (frame === undefined) return undefined
    frames.push(frame)
    if (frames.length > most) return frames
    pos = frame.end
  }
  return body.length === 0 ? undefined : frames
}

const WINDOW_BYTES = 1
const DICTIONARY_BYTES = [0, 1, 2, 4] as const
const CONTENT_BYTES = [0, 2, 4, 8] as const

function frameAt(view: DataView, start: number): ZstdFrame | undefined {
  const descriptor = view.getUint8(start + 4)
  const isSingle = (descriptor & 0x20) !== 0
  const dictionaryBytes = DICTIONARY_BYTES[descriptor & 3] ?? 0
  const contentAt = start + 5 + (isSingle ? 0 : WINDOW_BYTES) + dictionaryBytes
  const contentLength = isSingle && descriptor >> 6 === 0 ? 1 : (CONTENT_BYTES[descriptor >> 6] ?? 0)
  let pos = contentAt + contentLength
  if (pos > view.byteLength) return undefined
  const contentBytes = contentSize(view, contentAt, contentLength)
  for (let isLast = false; !isLast;) {
    if (pos + 3 > view.byteLength) return undefined
    const header = view.getUint16(pos, true) | (view.getUint8(pos + 2) << 16)
    isLast = (header & 1) === 1
    // A block of type 1 is one byte, repeated as often as its size says.
    pos += 3 + (((header >> 1) & 3) === 1 ? 1 : header >>> 3)
  }
  if ((descriptor & 4) !== 0) pos += 4
  return pos > view.byteLength ? undefined : { start, end: pos, contentBytes }
}

function contentSize(view: DataView, at: number, length: number): number | undefined {
  switch (length) {
    case 1:
      return view.getUint8(at)
    case 2:
      return view.getUint16(at, true) + 256
    case 4:
      return view.getUint32(at, true)
    case 8:
      return Number(view.getBigUint64(at, true))
    default:
      return undefined
  }
}
