/**
 * split.ts for OTLP/JSON: spans and records are found by where they stand and copied byte for byte, so that a number keeps its digits.
 * In: a body that a decoder has parsed, so that it is JSON of the right shape; of a key that comes twice the last one counts
 * (json-outline.ts). Spans are stepped over by their brackets alone: 2.9 µs a GenAI span, and 4.7 by keys and values
 * (docs/decisions/0020-processes.md).
 */
import { JsonOutline, type OutlinedResource, type Steps, type Stretch } from './decode/json-outline.ts'
import { CLOSE_LIST, CLOSE_MAP, COLON, JsonScan, OPEN_LIST, OPEN_MAP, QUOTE } from './decode/json-scan.ts'
import { JsonPieces, type PartOfResource } from './json-pieces.ts'
import { ownerAt, type Owners, WITHOUT_TRACE } from './split-owner.ts'

/** As deep as any decoder goes: it has been there. */
const DEEPEST = 1500

/** Splits a body; what belongs to nobody is of `self`, or of the owner of records without a trace. */
export function splitJson(signal: 'traces' | 'logs', bytes: Uint8Array, owners: Owners): readonly (Uint8Array | undefined)[] {
  const steps = new OwnerSteps(bytes, signal, owners)
  const resources = new JsonOutline(steps.scan, signal, steps, Number.POSITIVE_INFINITY).whole() ?? []
  const seen = ownersIn(resources)
  const parts: (Uint8Array | undefined)[] = Array.from({ length: owners.count }, () => undefined)
  const [only = owners.self] = seen
  if (seen.size <= 1) parts[only] = bytes
  else {
    const pieces = new JsonPieces(bytes, signal)
    for (const owner of seen) parts[owner] = pieces.request(resources.flatMap((r) => partOf(r, owner)))
  }
  return parts
}

function ownersIn(resources: readonly OutlinedResource[]): ReadonlySet<number> {
  const seen = new Set<number>()
  for (const { scopes } of resources) for (const { items } of scopes) for (let i = 2; i < items.length; i += 3) seen.add(items[i] as number)
  return seen
}

/** What an owner has of a resource: one part, or none. */
function partOf({ head, scopes }: OutlinedResource, owner: number): readonly PartOfResource[] {
  const parts = scopes.flatMap((s) => {
    const items = itemsOf(s.items, owner)
    return items.length === 0 ? [] : [{ head: s.head, items }]
  })
  return parts.length === 0 ? [] : [{ head, scopes: parts }]
}

/** Neighbours are one stretch, with the comma between them: traces come in one piece as a rule. */
function itemsOf(items: readonly number[], owner: number): readonly Stretch[] {
  const found: [number, number][] = []
  let isNext = false
  for (let i = 0; i < items.length; i += 3) {
    const isOwn = items[i + 2] === owner
    const last = found.at(-1)
    if (isOwn && isNext && last !== undefined) last[1] = items[i + 1] as number
    else if (isOwn) found.push([items[i] as number, items[i + 1] as number])
    isNext = isOwn
  }
  return found
}

/** What a byte outside of strings does. */
const DOES = { nothing: 0, string: 1, opens: 2, closes: 3 } as const
const BYTE = new Uint8Array(256)
for (const c of [OPEN_MAP, OPEN_LIST]) BYTE[c] = DOES.opens
for (const c of [CLOSE_MAP, CLOSE_LIST]) BYTE[c] = DOES.closes
BYTE[QUOTE] = DOES.string
const TRACE_ID = 'traceId'

/** Steps over what stands in a request, and says who owns a span or record. */
class OwnerSteps implements Steps {
  readonly scan: JsonScan
  readonly #owners: Owners
  readonly #nobody: number
  readonly #id = new Uint8Array(16)
  of = 0

  constructor(bytes: Uint8Array, signal: 'traces' | 'logs', owners: Owners) {
    this.scan = new JsonScan(bytes, DEEPEST)
    this.#owners = owners
    this.#nobody = signal === 'logs' ? WITHOUT_TRACE : owners.self
  }

  resource(p: number, depth: number): number {
    return this.scan.value(p, depth - 1)
  }

  scope(p: number, depth: number): number {
    return this.scan.value(p, depth - 1)
  }

  item(start: number): number {
    const { scan } = this
    const { bytes } = scan
    const { length } = bytes
    this.of = this.#nobody
    let depth = 0
    for (let p = start | 0; p < length; p = (p + 1) | 0) {
      const does = BYTE[bytes[p] as number] as number
      if (does === DOES.opens) depth++
      else if (does === DOES.closes && --depth === 0) return p + 1
      else if (does === DOES.string) {
        const end = scan.string((p + 1) | 0) | 0
        if (end < 0) return -1
        if (depth === 1 && (end - p === TRACE_ID.length + 1 || scan.escaped) && this.#isTraceId(p, end)) this.of = this.#ownerAfter(end)
        p = end
      }
    }
    return -1
  }

  /** Whether the text whose quotes are at `p` and `end` is the key of the trace id, and not a value. */
  #isTraceId(p: number, end: number): boolean {
    const { scan } = this
    const text = scan.bytes.toString('latin1', p + 1, end)
    return (text === TRACE_ID || (scan.escaped && JSON.parse(`"${text}"`) === TRACE_ID)) && scan.bytes[scan.space(end + 1)] === COLON
  }

  /** Of the id behind the key that ends at `end`; digits may be large or small, and written with escapes. */
  #ownerAfter(end: number): number {
    const { scan } = this
    const { bytes } = scan
    const quote = scan.space(scan.space(end + 1) + 1)
    if (bytes[quote] !== QUOTE) return this.#nobody
    const close = scan.string(quote + 1)
    if (!scan.escaped) return this.#ownerOf(bytes, quote + 1, close)
    const id = Buffer.from(String(JSON.parse(bytes.toString('utf8', quote, close + 1))))
    return this.#ownerOf(id, 0, id.length)
  }

  #ownerOf(bytes: Uint8Array, start: number, end: number): number {
    if (end - start !== 32) return this.#nobody
    let seen = 0
    for (let i = 0; i < 16; i++) {
      const at = start + 2 * i
      const byte = ((DIGIT[bytes[at] as number] as number) << 4) | (DIGIT[bytes[at + 1] as number] as number)
      if (byte < 0) return this.#nobody
      this.#id[i] = byte
      seen |= byte
    }
    return seen === 0 ? this.#nobody : ownerAt(this.#id, 0, this.#owners.count)
  }
}

/** By byte: what a hex digit stands for, −1 for what is none. */
const DIGIT = new Int8Array(256).fill(-1)
for (const [digit, c] of Buffer.from('0123456789abcdef').entries()) DIGIT[c] = digit
for (const [digit, c] of Buffer.from('ABCDEF').entries()) DIGIT[c] = digit + 10
