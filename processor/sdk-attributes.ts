/**
 * Attributes of an SDK span by number: which keys it has its shape tells (sdk-shape.ts), so a question for an absent key, which most are, costs an
 * array's look. Values stay where they are and nothing of a span is held here.
 */
import { type AttributeKey, keyName, knownNumber } from '../model/attribute-key.ts'
import type { Attributes } from '../model/span.ts'
import { countOf, firstWith, flagOf, jsonOf, listOf, numberOf, type Plain, plainOf, textOf } from './decode/values.ts'
import { type Shape, shapeOf } from './sdk-shape.ts'

export class SdkAttributes implements Attributes {
  readonly #values: Readonly<Record<string, unknown>>
  #shape: Shape | undefined

  /** `shape` where it is known already; else it is looked at with the first question. */
  constructor(values: Readonly<Record<string, unknown>>, shape: Shape | undefined) {
    this.#values = values
    this.#shape = shape
  }

  get marks(): number {
    return (this.#shape ??= shapeOf(this.#values)).marks
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
    const { has } = (this.#shape ??= shapeOf(this.#values))
    const number = typeof key === 'number' ? key : knownNumber(key)
    if (number !== undefined && number < has.length) return has[number] === 1 ? plainOf(this.#values[keyName(number)]) : undefined
    const name = keyName(key)
    return Object.hasOwn(this.#values, name) ? plainOf(this.#values[name]) : undefined
  }
}
