/**
 * Which of several processes a trace belongs to. In: the 16 bytes of a trace id, and how many there are. Out: a number below that.
 * Every process must come to the same answer, before and after a restart, so there is no seed: whoever chooses trace ids can make one
 * process work more than the others, and nothing else.
 */

/** What splitting needs to know of the processes. */
export interface Owners {
  readonly count: number
  /** The process that asks: it keeps what belongs to nobody else, so that spans without a trace are refused where they were received. */
  readonly self: number
}

/** Log records without a trace are all of this process: only together can they be joined by what else they carry. */
export const WITHOUT_TRACE = 0

/** The owner of the trace whose id is the 16 bytes at `at`. */
export function ownerAt(bytes: Uint8Array, at: number, count: number): number {
  let h = 0x9e3779b9
  for (let i = at; i < at + 16; i += 4) {
    const word =
      (bytes[i] as number) | ((bytes[i + 1] as number) << 8) | ((bytes[i + 2] as number) << 16) | ((bytes[i + 3] as number) << 24)
    h = Math.imul(h ^ word, 0x85ebca6b)
    h ^= h >>> 15
  }
  h = Math.imul(h, 0xc2b2ae35)
  return ((h ^ (h >>> 16)) >>> 0) % count
}

/** The owner of a trace by its id in hex; undefined when that is no trace id. */
export function ownerOfId(traceId: string, count: number): number | undefined {
  if (!/^[0-9a-fA-F]{32}$/.test(traceId) || /^0+$/.test(traceId)) return undefined
  return ownerAt(Buffer.from(traceId, 'hex'), 0, count)
}
