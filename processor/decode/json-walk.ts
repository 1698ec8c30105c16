/**
 * One walk over a traces request in JSON that checks grammar and shape and notes where everything is: the hot loop of OTLP/JSON.
 * It answers false for whatever is wrong or rare (a field that comes twice, keys with escapes, an id of another length, a value with two
 * alternatives); the exact way (json-text.ts, json-shape.ts) then reads the body or words the error. So it may be as narrow as it
 * likes, but must never accept what the exact way refuses. Every method returns where what it read ends, or −1.
 */
import { AttributesWalk } from './json-attributes.ts'
import { type Field, fieldSlot, type Form, FORMS, HOLDS, TRACES } from './json-forms.ts'
import type { Steps } from './json-outline.ts'
import { AT, type JsonPlaces, OF_INTEREST } from './json-places.ts'
import { CLOSE_LIST, CLOSE_MAP, JsonScan, OPEN_LIST, OPEN_MAP, QUOTE } from './json-scan.ts'
import { EVENT_PREFIX } from './interest.ts'
import { startsWith } from './key-table.ts'

const GEN_AI_EVENT = Buffer.from(EVENT_PREFIX)
/** The walk recurses; what is nested deeper is left to the exact way. */
const DEEPEST = 200

export class JsonWalk {
  readonly #scan: JsonScan
  readonly #bytes: Buffer
  readonly #places: JsonPlaces
  readonly #attributes: AttributesWalk
  readonly #maxItems: number
  /** Of the scope and the resource at hand. */
  #ofScope = { start: 0, end: 0 }
  #ofResource = { start: 0, end: 0 }

  constructor(bytes: Uint8Array, { maxNesting, maxItems }: { readonly maxNesting: number; readonly maxItems: number }, to: JsonPlaces) {
    this.#scan = new JsonScan(bytes, Math.min(maxNesting, DEEPEST))
    this.#bytes = this.#scan.bytes
    this.#places = to
    this.#attributes = new AttributesWalk(this.#scan, to)
    this.#maxItems = maxItems
  }

  /** Whether the body is a request of the known form; then the places of all its spans are noted. */
  take(): boolean {
    const start = this.#scan.space(0)
    if (this.#bytes[start] !== OPEN_MAP) return false
    const end = this.#message(start, TRACES, 0, 1)
    return end > 0 && this.#scan.space(end) === this.#bytes.length
  }

  /** Steps for who goes through the lists of a request by himself (json-outline.ts): each message is checked, and what was noted forgotten. */
  steps(signal: 'traces' | 'logs'): { readonly scan: JsonScan; readonly steps: Steps } {
    const { item, resource, scope } = FORMS[signal]
    const step =
      (of: Form) =>
      (p: number, depth: number): number => {
        this.#places.count = this.#places.noted = 0
        return this.#message(p, of, 0, depth)
      }
    return { scan: this.#scan, steps: { item: step(item), resource: step(resource), scope: step(scope), of: 0 } }
  }

  /** A message that is a span, scope or resource is noted with what is in it. */
  #message(start: number, form: Form, o: number, depth: number): number {
    const places = this.#places
    switch (form.kind) {
      case 'span': {
        if (places.count >= this.#maxItems) return -1
        const span = places.next()
        this.#attributes.bits = 0
        const noted = places.noted
        const end = this.#fields(start, form, span, depth)
        places.places[span + AT.bits] = this.#attributes.bits
        places.places[span + AT.noted] = noted
        places.places[span + AT.noted + 1] = places.noted
        return end
      }
      case 'scopeSpans': {
        const from = places.count
        this.#ofScope = { start: 0, end: 0 }
        const end = this.#fields(start, form, o, depth)
        places.scopes.push({ ...this.#ofScope, from, to: places.count })
        return end
      }
      case 'resourceSpans': {
        const from = places.scopes.length
        this.#ofResource = { start: 0, end: 0 }
        const end = this.#fields(start, form, o, depth)
        places.resources.push({ ...this.#ofResource, from, to: places.scopes.length })
        return end
      }
      case 'scope': {
        const end = this.#fields(start, form, o, depth)
        this.#ofScope = { start, end }
        return end
      }
      case 'resource': {
        const end = this.#fields(start, form, o, depth)
        this.#ofResource = { start, end }
        return end
      }
      default:
        return this.#fields(start, form, o, depth)
    }
  }

  #fields(start: number, form: Form, o: number, depth: number): number {
    const scan = this.#scan
    if (!scan.allows(depth)) return -1
    let seen = 0
    let p = scan.first(start, CLOSE_MAP)
    while (p > 0) {
      p = scan.key(p)
      if (p < 0 || scan.escaped) return -1
      const slot = fieldSlot(this.#bytes, scan.keyStart, scan.keyEnd)
      const field = slot < 0 ? undefined : form.fields[slot]
      if (field === undefined) p = scan.value(p, depth)
      else {
        if ((seen & field.bit) !== 0) return -1
        seen |= field.bit
        p = this.#field(p, field, o, depth)
      }
      if (p > 0) p = scan.next(p, CLOSE_MAP)
    }
    return p < 0 ? -1 : scan.after
  }

  #field(p: number, field: Field, o: number, depth: number): number {
    const first = this.#bytes[p]
    if (first === 0x6e) return this.#scan.nothing(p)
    switch (field.holds) {
      case HOLDS.text:
        return first === QUOTE ? this.#text(p, field.at, o) : -1
      case HOLDS.id:
        return first === QUOTE ? this.#id(p, field, o) : -1
      case HOLDS.time:
        return this.#time(p, field.at, o)
      case HOLDS.enum:
        return first === QUOTE || first === 0x2d || isDigit(first) ? this.#noted(p, this.#scan.value(p, depth), field.at, o) : -1
      case HOLDS.message:
        return first === OPEN_MAP ? this.#message(p, field.form as Form, o, depth + 1) : -1
      case HOLDS.list:
        return first === OPEN_LIST ? this.#noted(p, this.#list(p, field.form as Form, o, depth + 1), field.at, o) : -1
      case HOLDS.attributes:
        return first === OPEN_LIST ? this.#noted(p, this.#attributes.list(p, depth + 1, field.at >= 0), field.at, o) : -1
      case HOLDS.value:
        return first === OPEN_MAP ? this.#attributes.value(p, depth + 1) : -1
      default:
        return first === QUOTE ? this.#eventName(p) : -1
    }
  }

  #noted(start: number, end: number, at: number, o: number): number {
    if (at >= 0) {
      this.#places.places[o + at] = start
      this.#places.places[o + at + 1] = end
    }
    return end
  }

  #text(p: number, at: number, o: number): number {
    const end = this.#scan.string(p + 1)
    if (end < 0) return -1
    if (at >= 0) this.#noted(p + 1, this.#scan.escaped ? -end : end, at, o)
    return end + 1
  }

  #eventName(p: number): number {
    const end = this.#scan.string(p + 1)
    if (end < 0 || this.#scan.escaped) return -1
    if (startsWith(this.#bytes, p + 1, end - p - 1, GEN_AI_EVENT)) this.#attributes.bits |= OF_INTEREST
    return end + 1
  }

  /** Hex in lower case and of the right length, or empty. All zeros are no id. */
  #id(p: number, { digits, at }: Field, o: number): number {
    const bytes = this.#bytes
    if (bytes[p + 1] === QUOTE) return p + 2
    const end = p + 1 + digits
    let seen = 0
    let bad = 0
    for (let i = p + 1; i < end; i++) {
      const c = bytes[i] as number
      seen |= c
      bad |= NO_HEX[c] as number
    }
    if (bad !== 0 || bytes[end] !== QUOTE) return -1
    if (at >= 0 && seen !== 0x30) this.#places.places[o + at] = p + 1
    return end + 1
  }

  /** Up to 19 digits, in quotes or not. */
  #time(p: number, at: number, o: number): number {
    const isQuoted = this.#bytes[p] === QUOTE
    const start = isQuoted ? p + 1 : p
    const end = this.#scan.digits(start)
    if (end === start || end > start + 19) return -1
    this.#noted(start, end, at, o)
    if (isQuoted) return this.#bytes[end] === QUOTE ? end + 1 : -1
    return this.#scan.number(start) === end ? end : -1
  }

  #list(start: number, form: Form, o: number, depth: number): number {
    const scan = this.#scan
    if (!scan.allows(depth)) return -1
    let p = scan.first(start, CLOSE_LIST)
    while (p > 0) {
      if (this.#bytes[p] !== OPEN_MAP) return -1
      p = this.#message(p, form, o, depth + 1)
      if (p > 0) p = scan.next(p, CLOSE_LIST)
    }
    return p < 0 ? -1 : scan.after
  }
}

/** By byte: 1 is no hex digit in lower case. Looked up and not compared, for digits and letters come in no order that could be foreseen. */
const NO_HEX = new Uint8Array(256).fill(1)
for (const c of Buffer.from('0123456789abcdef')) NO_HEX[c] = 0

function isDigit(c: number | undefined): boolean {
  return c !== undefined && c >= 0x30 && c <= 0x39
}
