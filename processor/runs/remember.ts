/**
 * Which spans were seen, for a while after their run closed (R8). Holds 64-bit fingerprints in typed arrays, not strings:
 * 16 bytes a span at half load. Four generations rotate, so a span is forgotten between `rememberMs` and 1.25 × `rememberMs` after it
 * was added; when a generation is full the oldest one goes early. A false "seen" has odds below 1 in 10^12 at 4 million spans.
 */
const GENERATIONS = 4

class Generation {
  readonly slots: Int32Array
  readonly #mask: number
  count = 0
  startedMs = 0

  constructor(capacity: number) {
    let size = 1024
    while (size < capacity * 2) size *= 2
    this.slots = new Int32Array(size * 2)
    this.#mask = size - 1
  }

  has(a: number, b: number): boolean {
    for (let i = a & this.#mask; ; i = (i + 1) & this.#mask) {
      const x = this.slots[i * 2]
      const y = this.slots[i * 2 + 1]
      if (x === 0 && y === 0) return false
      if (x === a && y === b) return true
    }
  }

  add(a: number, b: number): void {
    let i = a & this.#mask
    while (this.slots[i * 2] !== 0 || this.slots[i * 2 + 1] !== 0) i = (i + 1) & this.#mask
    this.slots[i * 2] = a
    this.slots[i * 2 + 1] = b
    this.count++
  }

  clear(now: number): void {
    if (this.count > 0) this.slots.fill(0)
    this.count = 0
    this.startedMs = now
  }
}

export class RememberedSpans {
  readonly #generations: Generation[]
  readonly #perGeneration: number
  readonly #spanMs: number
  readonly #seed: number
  #current = 0

  /** `seed` keeps senders from choosing ids that collide; `maxSpans` bounds memory at about 16 to 32 bytes a span. */
  constructor(maxSpans: number, rememberMs: number, seed: number) {
    this.#perGeneration = Math.max(256, Math.ceil(maxSpans / GENERATIONS))
    this.#generations = Array.from({ length: GENERATIONS + 1 }, () => new Generation(this.#perGeneration))
    this.#spanMs = rememberMs / GENERATIONS
    this.#seed = seed | 0
  }

  has(traceId: string, spanId: string): boolean {
    const a = fingerprint(traceId, spanId, this.#seed)
    const b = fingerprint(traceId, spanId, ~this.#seed)
    return this.#generations.some((g) => g.count > 0 && g.has(a, b))
  }

  add(traceId: string, spanId: string, now: number): void {
    let g = this.#generations[this.#current] as Generation
    if (g.startedMs === 0) g.startedMs = now
    if (now - g.startedMs >= this.#spanMs || g.count >= this.#perGeneration) {
      this.#current = (this.#current + 1) % this.#generations.length
      g = this.#generations[this.#current] as Generation
      g.clear(now)
    }
    g.add(fingerprint(traceId, spanId, this.#seed), fingerprint(traceId, spanId, ~this.#seed))
  }
}

/** 32-bit mix of both ids; never 0, which marks a free slot. */
function fingerprint(traceId: string, spanId: string, seed: number): number {
  let h = seed
  for (let i = 0; i < traceId.length; i++) h = Math.imul(h ^ traceId.charCodeAt(i), 0x9e3779b1)
  h ^= h >>> 15
  for (let i = 0; i < spanId.length; i++) h = Math.imul(h ^ spanId.charCodeAt(i), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  h ^= h >>> 16
  return h === 0 ? 1 : h | 0
}
