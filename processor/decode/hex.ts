/**
 * Hex digits ↔ 32-bit numbers, eight digits a number, most significant first. Ids are compared and kept as numbers where there are many.
 * Whether what was read were digits is asked once for several words: a branch a digit costs as much as all else.
 */

/** Digits' values by character code; 255 for what is none. */
const VALUES = Uint8Array.from({ length: 128 }, (_, code) => {
  const at = '0123456789abcdef'.indexOf(String.fromCharCode(code))
  return at < 0 ? 255 : at
})

/** All values read since `beginHex`, or-ed. */
let seen = 0

/** From here on `wereHex` tells of what is read. */
export function beginHex(): void {
  seen = 0
}

/** The eight digits at `from` as a signed number. */
export function wordOf(text: string, from: number): number {
  let value = 0
  for (let i = from; i < from + 8; i++) {
    const digit = VALUES[text.charCodeAt(i)] ?? 255
    seen |= digit
    value = (value << 4) | (digit & 15)
  }
  return value
}

/** Whether all that was read since `beginHex` were digits in lower case. */
export function wereHex(): boolean {
  return seen <= 15
}

const scratch = Buffer.alloc(16)

/** 16 digits. */
export function hexOfTwo(a: number, b: number): string {
  scratch.writeInt32BE(a, 0)
  scratch.writeInt32BE(b, 4)
  return scratch.toString('hex', 0, 8)
}

/** 32 digits. */
export function hexOfFour(a: number, b: number, c: number, d: number): string {
  scratch.writeInt32BE(a, 0)
  scratch.writeInt32BE(b, 4)
  scratch.writeInt32BE(c, 8)
  scratch.writeInt32BE(d, 12)
  return scratch.toString('hex')
}
