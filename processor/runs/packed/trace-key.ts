/**
 * A trace id as four 32-bit numbers, to be held in typed arrays. 32 hex digits are those numbers; any other id (runs read from logs have made-up
 * ones) is fingerprinted with a seed, and has to be kept beside its key to be told again. Two ids with one key: odds below 1 in 10^25.
 */
export interface TraceKey {
  a: number
  b: number
  c: number
  d: number
  /** Whether the id cannot be told from the key. */
  isNamed: boolean
}

export const newKey = (): TraceKey => ({ a: 0, b: 0, c: 0, d: 0, isNamed: false })

/** Digits' values by character code; 255 for what is none. */
const VALUES = Uint8Array.from({ length: 128 }, (_, code) => {
  const at = '0123456789abcdef'.indexOf(String.fromCharCode(code))
  return at < 0 ? 255 : at
})

/** Works out the key of an id. */
export function readKey(traceId: string, seed: number, into: TraceKey): TraceKey {
  into.isNamed = traceId.length !== 32
  let bad = 0
  const part = (from: number): number => {
    let value = 0
    for (let i = from; i < from + 8; i++) {
      const digit = VALUES[traceId.charCodeAt(i)] ?? 255
      bad |= digit
      value = (value << 4) | (digit & 15)
    }
    return value
  }
  if (!into.isNamed) {
    into.a = part(0)
    into.b = part(8)
    into.c = part(16)
    into.d = part(24)
    into.isNamed = bad > 15
  }
  if (into.isNamed) {
    into.a = fingerprint(traceId, seed)
    into.b = fingerprint(traceId, ~seed)
    into.c = fingerprint(traceId, Math.imul(seed, 0x9e3779b1))
    into.d = fingerprint(traceId, Math.imul(~seed, 0x85ebca6b))
  }
  return into
}

const hex = (value: number): string => (value >>> 0).toString(16).padStart(8, '0')

/** The id that a key without a name stands for. */
export function idOfKey(a: number, b: number, c: number, d: number): string {
  return `${hex(a)}${hex(b)}${hex(c)}${hex(d)}`
}

/** 32-bit mix of a text. */
export function fingerprint(text: string, seed: number): number {
  let h = seed | 0
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x9e3779b1)
  h ^= h >>> 15
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
