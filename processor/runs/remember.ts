/**
 * Which spans were seen, for a while after their run closed (R8). Holds 64-bit fingerprints in typed arrays, not strings:
 * 16 bytes a span at half load. Four generations rotate, so a span is forgotten between `rememberMs` and 1.25 × `rememberMs` after it
 * was added; when a generation is full the oldest one goes early. A false "seen" has odds below 1 in 10^12 at 4 million spans.
 */
const GENERATIONS = 4

class Generation {
  /** Made when the first span is added: five generations of it, and many tests, never see one. */
  slots = new Int32Array(0)
  readonly #mask: number
  count = 0
  startedMs = 0

  constructor(capacity: number) {
    let size = 1024
    while (size < capacity * 2) size *= 2
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
    if (this.slots.length === 0) this.slots = new Int32Array((this.#mask + 1) * 2)
    let i = a & this.#mask
    while (this.slots[i * 2] !== 0 || this.slots[i * 2 + 1] !== 0) i = (i + 1) & this.#mask
    this.slots[i * 2] = a
    this.slots[i * 2 + 1] = b
    this.count++
  }

  prints(): Int32Array {
    const found = new Int32Array(this.count * 2)
    let n = 0
    for (let i = 0; i < this.slots.length && n < found.length; i += 2) {
      const x = this.slots[i] ?? 0
      const y = this.slots[i + 1] ?? 0
      if (x === 0 && y === 0) continue
      found[n++] = x
      found[n++] = y
    }
    return found
  }

  clear(now: number): void {
    if (this.count > 0) this.slots.fill(0)
    this.count = 0
    this.startedMs = now
  }
}

/** Fingerprints as data: two numbers a span, oldest generation first. Only with this seed do they mean anything. */
export interface RememberedState {
  readonly seed: number
  readonly generations: readonly { readonly startedMs: number; readonly prints: Int32Array }[]
}

export class RememberedSpans {
  readonly #generations: Generation[]
  readonly #perGeneration: number
  readonly #spanMs: number
  readonly #seed: number
  #current = 0
  #traceId = ''
  #traceA: number
  #traceB: number
  readonly #prints = new Int32Array(64)
  /** What `#print` found. */
  #a = 0
  #b = 0

  /** `seed` keeps senders from choosing ids that collide; `maxSpans` bounds memory at about 16 to 32 bytes a span. */
  constructor(maxSpans: number, rememberMs: number, seed: number) {
    this.#perGeneration = Math.max(256, Math.ceil(maxSpans / GENERATIONS))
    this.#generations = Array.from({ length: GENERATIONS + 1 }, () => new Generation(this.#perGeneration))
    this.#spanMs = rememberMs / GENERATIONS
    this.#seed = seed | 0
    this.#traceA = mixTrace('', this.#seed)
    this.#traceB = mixTrace('', ~this.#seed)
  }

  has(traceId: string, spanId: string): boolean {
    this.#print(traceId, spanId)
    for (const g of this.#generations) if (g.count > 0 && g.has(this.#a, this.#b)) return true
    return false
  }

  add(traceId: string, spanId: string, now: number): void {
    this.#print(traceId, spanId)
    this.#generationAt(now).add(this.#a, this.#b)
  }

  /**
   * Adds many of one trace. Fingerprints first, places afterwards: each place is far from the last one in memory, and without the work between them
   * the processor fetches several at once (230 -> 175 ns a span with four million places).
   */
  addAll(traceId: string, spans: Iterable<{ readonly spanId: string }>, now: number): void {
    const prints = this.#prints
    let n = 0
    for (const { spanId } of spans) {
      this.#print(traceId, spanId)
      prints[n] = this.#a
      prints[n + 1] = this.#b
      n += 2
      if (n < prints.length) continue
      this.#addPrints(n, now)
      n = 0
    }
    this.#addPrints(n, now)
  }

  #addPrints(n: number, now: number): void {
    const prints = this.#prints
    for (let i = 0; i < n; i += 2) this.#generationAt(now).add(prints[i] as number, prints[i + 1] as number)
  }

  /** The generation that takes the next span. */
  #generationAt(now: number): Generation {
    const g = this.#generations[this.#current] as Generation
    if (g.startedMs === 0) g.startedMs = now
    if (now - g.startedMs < this.#spanMs && g.count < this.#perGeneration) return g
    this.#current = (this.#current + 1) % this.#generations.length
    const next = this.#generations[this.#current] as Generation
    next.clear(now)
    return next
  }

  /** Works out both halves of a span's fingerprint. A trace's part is kept: its spans come one after the other. */
  #print(traceId: string, spanId: string): void {
    if (traceId !== this.#traceId) {
      this.#traceId = traceId
      this.#traceA = mixTrace(traceId, this.#seed)
      this.#traceB = mixTrace(traceId, ~this.#seed)
    }
    let a = this.#traceA
    let b = this.#traceB
    for (let i = 0; i < spanId.length; i++) {
      const code = spanId.charCodeAt(i)
      a = Math.imul(a ^ code, 0x85ebca6b)
      b = Math.imul(b ^ code, 0x85ebca6b)
    }
    this.#a = finish(a)
    this.#b = finish(b)
  }

  capture(): RememberedState {
    const n = this.#generations.length
    const inOrder = this.#generations.map((_, i) => this.#generations[(this.#current + 1 + i) % n] as Generation)
    return {
      seed: this.#seed,
      generations: inOrder.filter((g) => g.count > 0).map((g) => ({ startedMs: g.startedMs, prints: g.prints() })),
    }
  }

  /** Takes over what was captured; of more than there is room for the oldest are left out. Only into an empty one of the same seed. */
  restore(state: RememberedState): void {
    for (const [at, { startedMs, prints }] of state.generations.entries()) {
      if (at > 0) this.#current = (this.#current + 1) % this.#generations.length
      const g = this.#generations[this.#current] as Generation
      g.clear(startedMs)
      const room = this.#perGeneration * 2
      for (let i = Math.max(0, prints.length - room); i < prints.length; i += 2) g.add(prints[i] ?? 0, prints[i + 1] ?? 0)
    }
  }
}

function mixTrace(traceId: string, seed: number): number {
  let h = seed
  for (let i = 0; i < traceId.length; i++) h = Math.imul(h ^ traceId.charCodeAt(i), 0x9e3779b1)
  return h ^ (h >>> 15)
}

/** Never 0, which marks a free slot. */
function finish(mixed: number): number {
  let h = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  h ^= h >>> 16
  return h === 0 ? 1 : h | 0
}
