/**
 * Attribute keys as bytes → small integers, without making a string: the hot step of reading a span.
 * Built at start from the keys the dialects declare. A hash over the length and three bytes picks a bucket; a full compare decides.
 */
export class KeyTable {
  readonly size: number
  /** Per slot: whether the key has a GenAI prefix, so that it makes its span one of interest. */
  readonly isOfInterest: Uint8Array
  readonly #slots = new Map<string, number>()
  readonly #bytes: Uint8Array[] = []
  readonly #buckets: Int32Array[]
  readonly #mask: number

  constructor(keys: readonly string[], isOfInterest: (key: string) => boolean) {
    this.size = keys.length
    this.isOfInterest = Uint8Array.from(keys, (k) => Number(isOfInterest(k)))
    let size = 64
    while (size < keys.length * 4) size *= 2
    this.#mask = size - 1
    const buckets: number[][] = Array.from({ length: size }, () => [])
    for (const [slot, key] of keys.entries()) {
      const bytes = Buffer.from(key)
      this.#slots.set(key, slot)
      this.#bytes.push(bytes)
      buckets[this.#hash(bytes, 0, bytes.length)]?.push(slot)
    }
    this.#buckets = buckets.map((b) => Int32Array.from(b))
  }

  /** Slot of a key, or −1. */
  slot(key: string): number {
    return this.#slots.get(key) ?? -1
  }

  /** Slot of the key at `start`, or −1. */
  find(bytes: Uint8Array, start: number, length: number): number {
    const bucket = this.#buckets[this.#hash(bytes, start, length)] as Int32Array
    for (let i = 0; i < bucket.length; i++) {
      const slot = bucket[i] as number
      const key = this.#bytes[slot] as Uint8Array
      if (key.length !== length) continue
      let k = 0
      while (k < length && key[k] === bytes[start + k]) k++
      if (k === length) return slot
    }
    return -1
  }

  #hash(bytes: Uint8Array, start: number, length: number): number {
    if (length === 0) return 0
    const middle = bytes[start + (length >> 1)] ?? 0
    const last = bytes[start + length - 1] ?? 0
    const late = bytes[start + length - 1 - (length >> 2)] ?? 0
    return (Math.imul(length, 0x9e3779b1) ^ Math.imul(middle, 0x85ebca6b) ^ Math.imul(last, 0xc2b2ae35) ^ Math.imul(late, 0x27d4eb2f)) >>> 7 & this.#mask
  }
}
