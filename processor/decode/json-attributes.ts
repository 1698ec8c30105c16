/**
 * The attributes part of the walk (json-walk.ts): lists of KeyValue of any form, checked for grammar and shape; those of a span are noted
 * with what they are. Every method returns where what it read ends, or −1 for what is wrong or rare, which is left to the exact way.
 */
import { fieldSlot, SLOT } from './json-forms.ts'
import { FORM, type JsonPlaces, OF_INTEREST } from './json-places.ts'
import { CLOSE_LIST, CLOSE_MAP, COLON, type JsonScan, OPEN_LIST, OPEN_MAP, QUOTE } from './json-scan.ts'
import type { KeyTable } from './key-table.ts'

/** Digits that a double holds exactly, whatever they are. */
const EXACT = 15

export class AttributesWalk {
  readonly #scan: JsonScan
  readonly #bytes: Buffer
  readonly #view: DataView
  readonly #places: JsonPlaces
  readonly #table: KeyTable
  /** Gathered from the keys that are noted. */
  bits = 0
  /** The value read last. */
  #form = 0
  #start = 0
  #end = 0

  constructor(scan: JsonScan, places: JsonPlaces) {
    this.#scan = scan
    this.#bytes = scan.bytes
    this.#view = scan.view
    this.#places = places
    this.#table = places.table
  }

  /** A list of KeyValue. */
  list(start: number, depth: number, isNoted: boolean): number {
    const scan = this.#scan
    if (!scan.allows(depth + 2)) return -1
    let p = scan.first(start, CLOSE_LIST)
    while (p > 0) {
      if (this.#bytes[p] !== OPEN_MAP) return -1
      const end = this.#compact(p, depth + 2, isNoted)
      p = end < 0 ? this.#keyValue(p, depth + 1, isNoted) : end
      if (p > 0) p = scan.next(p, CLOSE_LIST)
    }
    return p < 0 ? -1 : scan.after
  }

  /** An AnyValue that is not of an attribute. */
  value(p: number, depth: number): number {
    return this.#value(p, depth)
  }

  /** `{"key":"…","value":{"stringValue":"…"}}` and the like, without white space, which is how nearly all attributes are written. */
  #compact(p: number, depth: number, isNoted: boolean): number {
    const view = this.#view
    const safe = this.#scan.safe
    if (p >= safe || view.getInt32(p) !== KEY_1 || view.getInt32((p + 4) | 0) !== KEY_2) return -1
    const key = (p + 8) | 0
    const k = this.#scan.string(key) | 0
    if (k < 0 || k >= safe || this.#scan.escaped) return -1
    if (view.getInt32(k) !== VALUE_1 || view.getInt32((k + 4) | 0) !== VALUE_2 || view.getInt32((k + 8) | 0) !== VALUE_3) return -1
    const type = view.getInt32((k + 12) | 0)
    const value = (k + 10) | 0
    const end = (type === STRING_1 ? this.#compactText(value) : type === INT_1 ? this.#compactInt(value) : this.#value(value, depth)) | 0
    if (end < 0 || this.#bytes[end] !== CLOSE_MAP) return -1
    if (isNoted) this.#note(key, k)
    return (end + 1) | 0
  }

  /** `{"stringValue":"…"}` */
  #compactText(p: number): number {
    const view = this.#view
    const bytes = this.#bytes
    if (view.getInt32((p + 6) | 0) !== STRING_2 || view.getInt32((p + 10) | 0) !== STRING_3) return -1
    if (bytes[p + 14] !== COLON || bytes[p + 15] !== QUOTE) return -1
    const text = (p + 16) | 0
    const end = this.#scan.string(text) | 0
    if (end < 0 || bytes[end + 1] !== CLOSE_MAP) return -1
    if (this.#scan.escaped) this.#read(FORM.any, p, (end + 2) | 0)
    else this.#read(FORM.text, text, end)
    return (end + 2) | 0
  }

  /** `{"intValue":…}` */
  #compactInt(p: number): number {
    const bytes = this.#bytes
    if (this.#view.getInt32((p + 6) | 0) !== INT_2 || bytes[p + 10] !== QUOTE || bytes[p + 11] !== COLON) return -1
    const end = this.#whole((p + 12) | 0) | 0
    return end > 0 && bytes[end] === CLOSE_MAP ? (end + 1) | 0 : -1
  }

  /** A whole number of up to 15 digits without a sign, in quotes or not. */
  #whole(p: number): number {
    const bytes = this.#bytes
    const isQuoted = bytes[p] === QUOTE
    const start = (isQuoted ? p + 1 : p) | 0
    const end = this.#scan.digits(start)
    const length = (end - start) | 0
    if (length === 0 || length > EXACT || (bytes[start] === 0x30 && length > 1)) return -1
    this.#read(FORM.digits, start, end)
    if (!isQuoted) return end
    return bytes[end] === QUOTE ? end + 1 : -1
  }

  #read(form: number, start: number, end: number): void {
    this.#form = form
    this.#start = start
    this.#end = end
  }

  /** Notes the value read last under the key in [start, end). */
  #note(start: number, end: number): void {
    const table = this.#table
    const slot = table.find(this.#bytes, start, end - start, this.#view)
    if (slot >= 0) {
      this.bits |= table.bits[slot] as number
      this.#places.note(slot, this.#form, this.#start, this.#end)
    } else if ((this.bits & OF_INTEREST) === 0 && table.isPrefixed(this.#bytes, start, end - start)) this.bits |= OF_INTEREST
  }

  /** A KeyValue of any form: with a key, without escapes in it. */
  #keyValue(start: number, depth: number, isNoted: boolean): number {
    const scan = this.#scan
    const bytes = this.#bytes
    if (!scan.allows(depth)) return -1
    let key = 0
    let keyEnd = 0
    let hasValue = false
    let [form, from, to]: readonly number[] = [FORM.any, 0, 0]
    let p = scan.first(start, CLOSE_MAP)
    while (p > 0) {
      p = scan.key(p)
      if (p < 0 || scan.escaped) return -1
      const slot = fieldSlot(bytes, scan.keyStart, scan.keyEnd)
      if (slot === SLOT.key) {
        if (key > 0 || bytes[p] !== QUOTE) return -1
        key = p + 1
        keyEnd = scan.string(key)
        p = keyEnd < 0 || scan.escaped ? -1 : keyEnd + 1
      } else if (slot === SLOT.value) {
        if (hasValue) return -1
        hasValue = true
        if (bytes[p] === OPEN_MAP) {
          p = this.#value(p, depth + 1)
          form = this.#form
          from = this.#start
          to = this.#end
        } else p = scan.nothing(p)
      } else p = scan.value(p, depth)
      if (p > 0) p = scan.next(p, CLOSE_MAP)
    }
    if (p < 0 || key === 0) return -1
    this.#read(form as number, from as number, to as number)
    if (isNoted) this.#note(key, keyEnd)
    return scan.after
  }

  /** An AnyValue with one alternative or none; it is then the value read last. */
  #value(start: number, depth: number): number {
    const scan = this.#scan
    if (!scan.allows(depth)) return -1
    let form: number = FORM.any
    let p = scan.first(start, CLOSE_MAP)
    if (p > 0) {
      p = scan.key(p)
      if (p < 0 || scan.escaped) return -1
      this.#form = FORM.any
      const slot = fieldSlot(this.#bytes, scan.keyStart, scan.keyEnd)
      p = this.#bytes[p] === 0x6e ? scan.nothing(p) : this.#alternative(p, slot, depth)
      form = this.#form
      if (p < 0 || scan.next(p, CLOSE_MAP) !== 0) return -1
    }
    if (form === FORM.any) this.#read(form, start, scan.after)
    return scan.after
  }

  // oxlint-disable-next-line complexity -- one case per alternative
  #alternative(p: number, slot: number, depth: number): number {
    const scan = this.#scan
    const first = this.#bytes[p]
    switch (slot) {
      case SLOT.string: {
        const end = first === QUOTE ? scan.string(p + 1) : -1
        if (end < 0) return -1
        if (!scan.escaped) this.#read(FORM.text, p + 1, end)
        return end + 1
      }
      case SLOT.int:
        return this.#int(p)
      case SLOT.double:
        // In quotes it may be NaN, or anything that Number takes.
        return first === QUOTE ? -1 : this.#readTo(FORM.double, p, scan.number(p))
      case SLOT.bool:
        return first === 0x74 || first === 0x66 ? this.#readTo(FORM.bool, p, scan.word(p)) : -1
      case SLOT.bytes:
        return first === QUOTE ? scan.value(p, depth) : -1
      case SLOT.array:
      case SLOT.map: {
        const end = first === OPEN_MAP ? this.#values(p, slot === SLOT.map, depth + 1) : -1
        this.#form = FORM.any
        return end
      }
      default:
        return scan.value(p, depth)
    }
  }

  #readTo(form: number, start: number, end: number): number {
    this.#read(form, start, end)
    return end
  }

  /** Negative and long numbers are read as they stand; what could lie outside of 64 bits (19 digits from a 9 on) is for the exact way. */
  #int(p: number): number {
    const bytes = this.#bytes
    const end = this.#whole(p)
    if (end >= 0) return end
    this.#form = FORM.any
    const isQuoted = bytes[p] === QUOTE
    const sign = isQuoted ? p + 1 : p
    const start = bytes[sign] === 0x2d ? sign + 1 : sign
    const last = this.#scan.digits(start)
    if (last === start || last > start + 19 || (last === start + 19 && bytes[start] === 0x39)) return -1
    if (isQuoted) return bytes[last] === QUOTE ? last + 1 : -1
    return this.#scan.number(p) === last ? last : -1
  }

  /** ArrayValue or KeyValueList. */
  #values(start: number, isMap: boolean, depth: number): number {
    const scan = this.#scan
    if (!scan.allows(depth)) return -1
    let hasValues = false
    let p = scan.first(start, CLOSE_MAP)
    while (p > 0) {
      p = scan.key(p)
      if (p < 0 || scan.escaped) return -1
      if (fieldSlot(this.#bytes, scan.keyStart, scan.keyEnd) === SLOT.values) {
        if (hasValues) return -1
        hasValues = true
        p = this.#bytes[p] === OPEN_LIST ? this.#items(p, isMap, depth + 1) : scan.nothing(p)
      } else p = scan.value(p, depth)
      if (p > 0) p = scan.next(p, CLOSE_MAP)
    }
    return p < 0 ? -1 : scan.after
  }

  #items(start: number, isMap: boolean, depth: number): number {
    const scan = this.#scan
    if (!scan.allows(depth)) return -1
    let p = scan.first(start, CLOSE_LIST)
    while (p > 0) {
      if (this.#bytes[p] !== OPEN_MAP) return -1
      p = isMap ? this.#keyValue(p, depth + 1, false) : this.#value(p, depth + 1)
      if (p > 0) p = scan.next(p, CLOSE_LIST)
    }
    return p < 0 ? -1 : scan.after
  }
}

/** Four bytes of text as `getInt32` reads them. */
function word(text: string): number {
  return Buffer.from(text).readInt32BE()
}
const KEY_1 = word('{"ke')
const KEY_2 = word('y":"')
const VALUE_1 = word('","v')
const VALUE_2 = word('alue')
const VALUE_3 = word('":{"')
const STRING_1 = word('stri')
const STRING_2 = word('ngVa')
const STRING_3 = word('lue"')
const INT_1 = word('intV')
const INT_2 = word('alue')
