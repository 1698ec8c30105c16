/**
 * Attributes of an SDK span by number: its keys are gone through once, at the first question, and what is asked after that costs an array's
 * look where the key is absent, which most are. Values stay where they are and nothing of a span is held here.
 * The room is shared by all views: one that is asked after another goes through its keys again.
 */
import { type AttributeKey, keyName, knownNumber, numberedKeys } from '../model/attribute-key.ts'
import type { Attributes } from '../model/span.ts'
import { countOf, firstWith, flagOf, jsonOf, listOf, numberOf, type Plain, plainOf, textOf } from './decode/values.ts'
import { INTEREST } from './dialects/index.ts'

/** Per key number: its marks, and the view that has the key. */
let marks = new Int32Array(0)
let notedFor = new Float64Array(0)
/** Which view the notes are of. Counted, not held. */
let noted = 0
let views = 0

/** Room for all keys that have a number by now. */
function grow(): void {
  const keys = numberedKeys()
  marks = Int32Array.from(keys, (key) => INTEREST.marks?.get(key) ?? 0)
  notedFor = new Float64Array(keys.length)
}

export class SdkAttributes implements Attributes {
  readonly #values: Readonly<Record<string, unknown>>
  readonly #view = ++views
  #marks = 0

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values
  }

  get marks(): number {
    if (noted !== this.#view) this.#note()
    return this.#marks
  }
  has(key: AttributeKey): boolean {
    return this.#plain(key) !== undefined
  }
  text(key: AttributeKey): string | undefined {
    return textOf(this.#plain(key))
  }
  number(key: AttributeKey): number | undefined {
    return numberOf(this.#plain(key))
  }
  count(key: AttributeKey): number | undefined {
    return countOf(this.#plain(key))
  }
  flag(key: AttributeKey): boolean | undefined {
    return flagOf(this.#plain(key))
  }
  list(key: AttributeKey): readonly string[] | undefined {
    return listOf(this.#plain(key))
  }
  json(key: AttributeKey): unknown {
    return jsonOf(this.#plain(key))
  }
  keys(prefix: string, limit: number): readonly string[] {
    return firstWith(Object.keys(this.#values), prefix, limit)
  }

  #plain(key: AttributeKey): Plain {
    if (noted !== this.#view) this.#note()
    const number = typeof key === 'number' ? key : knownNumber(key)
    if (number !== undefined && number < notedFor.length) {
      return notedFor[number] === this.#view ? plainOf(this.#values[keyName(key)]) : undefined
    }
    const name = keyName(key)
    return Object.hasOwn(this.#values, name) ? plainOf(this.#values[name]) : undefined
  }

  #note(): void {
    if (notedFor.length !== numberedKeys().length) grow()
    noted = this.#view
    let found = 0
    for (const key in this.#values) {
      const number = knownNumber(key)
      if (number === undefined || !Object.hasOwn(this.#values, key)) continue
      notedFor[number] = this.#view
      found |= marks[number] as number
    }
    this.#marks = found
  }
}
