/** Names for texts that are too long, or not for everybody's eyes: instructions, tool sets, arguments. */

/** 8 hex digits of FNV-1a (32 bit) over UTF-16 units: a stable cohort id, not a cryptographic hash. */
export function shortHash(text: string): string {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) {
    h ^= text.charCodeAt(i)
    h = Math.imul(h, 0x01000193)
  }
  return (h >>> 0).toString(16).padStart(8, '0')
}
