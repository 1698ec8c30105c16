/** Where UTF-8 breaks. Node's isUtf8 is fast but only says whether; this walks the bytes and is for short strings and for the error. */

/** Offset of the first byte sequence in [start, end) that is not UTF-8, or −1. Source: RFC 3629, section 4. */
export function badUtf8At(bytes: Uint8Array, start: number, end: number): number {
  for (let i = start; i < end;) {
    const n = sequenceLength(bytes, i, end)
    if (n === 0) return i
    i += n
  }
  return -1
}

/** Bytes in the sequence at `i`; 0 when it is broken: over-long forms, surrogates and code points above U+10FFFF included. */
function sequenceLength(bytes: Uint8Array, i: number, end: number): number {
  const first = bytes[i] as number
  if (first < 0x80) return 1
  const n = lengthBy(first)
  if (n === 0 || i + n > end) return 0
  const second = bytes[i + 1] as number
  if (second < (LOWEST[first] ?? 0x80) || second > (HIGHEST[first] ?? 0xbf)) return 0
  for (let k = 2; k < n; k++) if (((bytes[i + k] as number) & 0xc0) !== 0x80) return 0
  return n
}

/** Bounds of the second byte where they are not 0x80 and 0xbf, by first byte. */
const LOWEST: Readonly<Record<number, number>> = { 0xe0: 0xa0, 0xf0: 0x90 }
const HIGHEST: Readonly<Record<number, number>> = { 0xed: 0x9f, 0xf4: 0x8f }

function lengthBy(first: number): number {
  if (first < 0xc2 || first > 0xf4) return 0
  return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
}
