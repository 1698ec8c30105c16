/**
 * A trace id as four 32-bit numbers, to be held in typed arrays. 32 hex digits are those numbers; any other id (runs read from logs have made-up
 * ones) is fingerprinted with a seed, and has to be kept beside its key to be told again. Two ids with one key: odds below 1 in 10^25.
 */
import { hexOfFour, readTrace } from '../../decode/hex.ts'

export interface Key {
  readonly a: number
  readonly b: number
  readonly c: number
  readonly d: number
}

/** Room for a key. */
export interface TraceKey extends Key {
  a: number
  b: number
  c: number
  d: number
  /** Whether the id cannot be told from the key. */
  isNamed: boolean
}

export const newKey = (): TraceKey => ({ a: 0, b: 0, c: 0, d: 0, isNamed: false })

/** Works out the key of an id. One whose numbers are at hand is not read: to take in a span of an SDK took 1690 ns where each was, and 1520 then. */
export function readKey(traceId: string, seed: number, into: TraceKey): TraceKey {
  into.isNamed = !readTrace(traceId, into)
  if (into.isNamed) {
    into.a = fingerprint(traceId, seed)
    into.b = fingerprint(traceId, ~seed)
    into.c = fingerprint(traceId, Math.imul(seed, 0x9e3779b1))
    into.d = fingerprint(traceId, Math.imul(~seed, 0x85ebca6b))
  }
  return into
}

/** The id that a key without a name stands for. */
export function idOfKey(a: number, b: number, c: number, d: number): string {
  return hexOfFour(a, b, c, d)
}

/** 32-bit mix of a text. */
export function fingerprint(text: string, seed: number): number {
  let h = seed | 0
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x9e3779b1)
  return finishPrint(h)
}

/** The last steps of a fingerprint: every bit depends on all that was mixed. */
export function finishPrint(mixed: number): number {
  let h = mixed ^ (mixed >>> 15)
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  return h | 0
}

/** Where a key begins to be looked for; seeded, for senders choose trace ids. */
export function placeOf(a: number, b: number, c: number, d: number, seed: number): number {
  let h = Math.imul(a ^ seed, 0x9e3779b1)
  h = Math.imul(h ^ (h >>> 15) ^ b, 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13) ^ c, 0xc2b2ae35)
  h = Math.imul(h ^ (h >>> 16) ^ d, 0x27d4eb2f)
  return (h ^ (h >>> 15)) >>> 0
}
