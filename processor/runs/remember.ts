/**
 * Which spans were seen, for a while after their run closed (R8). Holds 64-bit fingerprints in typed arrays, not strings:
 * 16 bytes a span at half load, in tables of two mebibytes, oldest first, made as they are needed. A table takes spans for a quarter of `rememberMs`
 * or until it is full, so a span is forgotten between `rememberMs` and 1.25 × `rememberMs` after it was added; of too many the oldest table goes early.
 * Spans are added to one table that the processor has in its cache; who asks goes through all, which late spans and repeats alone do.
 * A false "seen" has odds below 1 in 10^12 at 4 million spans.
 */
const PARTS = 4
/** Spans in one table, at the most: a power of two. */
const MOST = 2 ** 17

class Table {
  readonly #slots: Int32Array
  readonly #mask: number
  readonly startedMs: number
  count = 0

  constructor(capacity: number, startedMs: number) {
    let size = 1024
    while (size < capacity * 2) size *= 2
    this.#mask = size - 1
    this.#slots = new Int32Array(size * 2)
    this.startedMs = startedMs
  }

  has(a: number, b: number): boolean {
    for (let i = a & this.#mask; ; i = (i + 1) & this.#mask) {
      const x = this.#slots[i * 2]
      const y = this.#slots[i * 2 + 1]
      if (x === 0 && y === 0) return false
      if (x === a && y === b) return true
    }
  }

  add(a: number, b: number): void {
    let i = a & this.#mask
    while (this.#slots[i * 2] !== 0 || this.#slots[i * 2 + 1] !== 0) i = (i + 1) & this.#mask
    this.#slots[i * 2] = a
    this.#slots[i * 2 + 1] = b
    this.count++
  }

  prints(): Int32Array {
    const found = new Int32Array(this.count * 2)
    let n = 0
    for (let i = 0; i < this.#slots.length && n < found.length; i += 2) {
      const x = this.#slots[i] ?? 0
      const y = this.#slots[i + 1] ?? 0
      if (x === 0 && y === 0) continue
      found[n++] = x
      found[n++] = y
    }
    return found
  }
}

/** Fingerprints as data: two numbers a span, oldest table first, of any size. Only with this seed do they mean anything. */
export interface RememberedState {
  readonly seed: number
  readonly generations: readonly { readonly startedMs: number; readonly prints: Int32Array }[]
}

export class RememberedSpans {
  /** Oldest first. */
  readonly #tables: Table[] = []
  readonly #maxSpans: number
  readonly #perTable: number
  readonly #rememberMs: number
  readonly #seed: number
  #traceId = ''
  #traceA: number
  #traceB: number
  readonly #prints = new Int32Array(64)
  /** What `#print` found. */
  #a = 0
  #b = 0

  /** `seed` keeps senders from choosing ids that collide; `maxSpans` bounds memory at about 16 to 32 bytes a span. */
  constructor(maxSpans: number, rememberMs: number, seed: number) {
    this.#maxSpans = Math.max(PARTS * 256, maxSpans)
    this.#perTable = Math.min(MOST, Math.ceil(this.#maxSpans / PARTS))
    this.#rememberMs = rememberMs
    this.#seed = seed | 0
    this.#traceA = mixTrace('', this.#seed)
    this.#traceB = mixTrace('', ~this.#seed)
  }

  has(traceId: string, spanId: string): boolean {
    this.#print(traceId, spanId)
    for (let i = this.#tables.length - 1; i >= 0; i--) if (this.#tables[i]?.has(this.#a, this.#b) === true) return true
    return false
  }

  add(traceId: string, spanId: string, now: number): void {
    this.#print(traceId, spanId)
    this.#tableAt(now).add(this.#a, this.#b)
  }

  /**
   * Adds many of one trace. Fingerprints first, places afterwards: without the work between them the processor fetches several places at once
   * (230 -> 175 ns a span where four million places were one table).
   */
  addAll(traceId: string, spans: Iterable<{ readonly spanId: string } | string>, now: number): void {
    const prints = this.#prints
    let n = 0
    for (const span of spans) {
      this.#print(traceId, typeof span === 'string' ? span : span.spanId)
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
    for (let i = 0; i < n; i += 2) this.#tableAt(now).add(prints[i] as number, prints[i + 1] as number)
  }

  /** The table that takes the next span. */
  #tableAt(now: number): Table {
    const last = this.#tables.at(-1)
    if (last !== undefined && last.count < this.#perTable && now - last.startedMs < this.#rememberMs / PARTS) return last
    const next = this.#begin(now)
    // What its last spans are too old for goes whole.
    while (now - (this.#tables[0] as Table).startedMs >= this.#rememberMs * (1 + 1 / PARTS) && this.#tables.length > 1) this.#tables.shift()
    return next
  }

  #begin(startedMs: number): Table {
    let count = 0
    for (const t of this.#tables) count += t.count
    for (; count > this.#maxSpans; count -= this.#tables.shift()?.count ?? 0);
    const table = new Table(this.#perTable, startedMs)
    this.#tables.push(table)
    return table
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
    return { seed: this.#seed, generations: this.#tables.map((t) => ({ startedMs: t.startedMs, prints: t.prints() })) }
  }

  /** Takes over what was captured; of more than there is room for the oldest are left out. Only into an empty one of the same seed. */
  restore(state: RememberedState): void {
    for (const { startedMs, prints } of state.generations)
      for (let i = 0; i < prints.length;) {
        const table = this.#begin(startedMs)
        for (; i < prints.length && table.count < this.#perTable; i += 2) table.add(prints[i] ?? 0, prints[i + 1] ?? 0)
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
