/**
 * Attribute keys as bytes → small integers, without making a string: the hot step of reading a span.
 * Built once from the keys the dialects declare. A hash over the length and three bytes picks a short chain; a full compare decides, so
 * a collision costs time, never a wrong answer. The keys are ours, not the sender's: nobody can lengthen a chain from outside.
 */
export class KeyTable {
  readonly size: number
  readonly #slots: ReadonlyMap<string, number>
  readonly #keys: readonly Buffer[]
  /** Per slot: whether the key has a GenAI prefix. */
  readonly #isPrefixed: Uint8Array
  /** Per hash: first slot + 1. Per slot: next slot of its chain + 1. */
  readonly #heads: Int16Array
  readonly #next: Int16Array
  readonly #mask: number
  /** Prefixes by their first byte. */
  readonly #prefixes: readonly (readonly Buffer[])[]

  constructor(keys: readonly string[], prefixes: readonly string[]) {
    const distinct = [...new Set(keys)]
    this.size = distinct.length
    this.#slots = new Map(distinct.map((key, slot) => [key, slot]))
    this.#keys = distinct.map((key) => Buffer.from(key))
    this.#isPrefixed = Uint8Array.from(distinct, (key) => Number(prefixes.some((p) => key.startsWith(p))))
    let size = 64
    while (size < distinct.length * 4) size *= 2
    this.#mask = size - 1
    this.#heads = new Int16Array(size)
    this.#next = new Int16Array(distinct.length)
    for (const [slot, key] of this.#keys.entries()) {
      const h = this.#hash(key, 0, key.length)
      this.#next[slot] = this.#heads[h] as number
      this.#heads[h] = slot + 1
    }
    const byFirst: Buffer[][] = Array.from({ length: 256 }, () => [])
    for (const prefix of prefixes.map((p) => Buffer.from(p))) byFirst[prefix[0] ?? 0]?.push(prefix)
    this.#prefixes = byFirst
  }

  /** Slot of a key, or −1. */
  slot(key: string): number {
    return this.#slots.get(key) ?? -1
  }

  /** Slot of the key at `start`, or −1. */
  find(bytes: Uint8Array, start: number, length: number): number {
    let slot = (this.#heads[this.#hash(bytes, start, length)] as number) - 1
    while (slot >= 0) {
      if (isEqual(this.#keys[slot] as Buffer, bytes, start, length)) return slot
      slot = (this.#next[slot] as number) - 1
    }
    return -1
  }

  /** Whether the key at `start` has a GenAI prefix; `slot` is what `find` said of it. */
  isPrefixed(bytes: Uint8Array, start: number, length: number, slot: number): boolean {
    if (slot >= 0) return this.#isPrefixed[slot] === 1
    const candidates = this.#prefixes[length === 0 ? 0 : (bytes[start] as number)] as readonly Buffer[]
    for (let i = 0; i < candidates.length; i++) if (startsWith(bytes, start, length, candidates[i] as Buffer)) return true
    return false
  }

  #hash(bytes: Uint8Array, start: number, length: number): number {
    if (length === 0) return 0
    const last = start + length - 1
    const h =
      Math.imul(length, 0x9e3779b1) ^
      Math.imul(bytes[start + (length >> 1)] as number, 0x85ebca6b) ^
      Math.imul(bytes[last] as number, 0xc2b2ae35) ^
      Math.imul(bytes[last - (length >> 2)] as number, 0x27d4eb2f)
    return (h >>> 7) & this.#mask
  }
}

function isEqual(key: Uint8Array, bytes: Uint8Array, start: number, length: number): boolean {
  if (key.length !== length) return false
  for (let i = 0; i < length; i++) if (key[i] !== bytes[start + i]) return false
  return true
}

/** Whether the `length` bytes at `start` begin with `prefix`. */
export function startsWith(bytes: Uint8Array, start: number, length: number, prefix: Uint8Array): boolean {
  if (length < prefix.length) return false
  for (let i = 0; i < prefix.length; i++) if (prefix[i] !== bytes[start + i]) return false
  return true
}
