/**
 * Messages between processes on a socket: 4 bytes of length, 4 of the number of the question, one each of kind, signal and encoding, one
 * spare, then the body as it is. In: chunks as they come. Out: whole messages, each body in memory of its own.
 * A length beyond the bound ends the connection: it is ours, so that is a bug and not a large message.
 */
export const FRAME_KINDS = ['part', 'evaluation', 'taken', 'unknown', 'refused'] as const
export type FrameKind = (typeof FRAME_KINDS)[number]

export interface Frame {
  readonly id: number
  readonly kind: FrameKind
  readonly signal: number
  readonly encoding: number
  readonly body: Uint8Array
}

const HEAD_BYTES = 12
/** More than any body that can be configured. */
const MAX_BODY_BYTES = 2 ** 31 - 1

/** The number of the next question: it has four bytes. */
export function idAfter(id: number): number {
  return (id + 1) >>> 0
}

/** The bytes of a message, its body not copied. */
export function encodeFrame({ id, kind, signal, encoding, body }: Frame): readonly [Buffer, Uint8Array] {
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUInt32LE(body.length, 0)
  head.writeUInt32LE(id, 4)
  head[8] = FRAME_KINDS.indexOf(kind)
  head[9] = signal
  head[10] = encoding
  return [head, body]
}

/** Puts messages together again. */
export class FrameReader {
  #chunks: Buffer[] = []
  #bytes = 0
  /** Bytes that must be there before it is worth looking. */
  #wanted = HEAD_BYTES

  /** @throws when what comes is no message. */
  push(chunk: Buffer): readonly Frame[] {
    const whole: Frame[] = []
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    while (this.#bytes >= this.#wanted) {
      const all = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks, this.#bytes)
      const length = all.readUInt32LE(0)
      const kind = FRAME_KINDS[all[8] ?? 255]
      if (length > MAX_BODY_BYTES || kind === undefined) throw new Error('a message from another process cannot be read')
      const end = HEAD_BYTES + length
      if (all.length < end) {
        this.#chunks = [all]
        this.#wanted = end
        break
      }
      const rest = all.subarray(end)
      this.#chunks = rest.length === 0 ? [] : [rest]
      this.#bytes = rest.length
      this.#wanted = HEAD_BYTES
      whole.push({ id: all.readUInt32LE(4), kind, signal: all[9] ?? 0, encoding: all[10] ?? 0, body: all.subarray(HEAD_BYTES, end) })
    }
    return whole
  }
}
