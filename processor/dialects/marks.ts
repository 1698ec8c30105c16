/**
 * Which dialects a span can be of, as one bit a dialect in the order of precedence: the decoder gathers them from the keys that it meets
 * anyway (`Interest.marks`), so of twenty dialects three or four are asked whether a span is theirs.
 * A bit too many costs a question, a bit too few would be a wrong answer: the tests ask all dialects and compare.
 */
import { keyNumber } from '../../model/attribute-key.ts'
import type { Attributes, Scope } from '../../model/span.ts'
import type { Dialect } from './dialect.ts'

/** Decoders keep marks beside flags of their own in 32 bits, and one is taken. */
export const MOST_MARKS = 27
/** Of keys that may be on spans of any dialect, see `OURS` in index.ts. */
export const MARK_OF_OURS: number = 1 << MOST_MARKS

export class Marks {
  /** Marks by key, for decoders. */
  readonly byKey: ReadonlyMap<string, number>
  readonly #byText: readonly { readonly key: number; readonly texts: ReadonlyMap<string, number> }[]
  readonly #dialects: readonly Dialect[]
  /** Dialects that are asked of every span. */
  readonly #always: number

  constructor(dialects: readonly Dialect[], ours: readonly string[]) {
    if (dialects.length > MOST_MARKS)
      throw new Error(`dialects: ${dialects.length} are more than the ${MOST_MARKS} that a mark has bits for`)
    const byKey = new Map<string, number>()
    let always = 0
    for (const [i, dialect] of dialects.entries()) {
      if (dialect.signs === undefined && dialect.texts === undefined && dialect.comesFrom === undefined) always |= 1 << i
      for (const key of dialect.signs ?? []) byKey.set(key, (byKey.get(key) ?? 0) | (1 << i))
    }
    this.#byText = byTextOf(dialects)
    for (const key of ours) byKey.set(key, (byKey.get(key) ?? 0) | MARK_OF_OURS)
    this.byKey = byKey
    this.#always = always
    this.#dialects = dialects
  }

  /** By scope and resource. */
  from(scope: Scope, resource: Attributes): number {
    let found = this.#always
    for (const [i, dialect] of this.#dialects.entries()) if (dialect.comesFrom?.(scope, resource) === true) found |= 1 << i
    return found
  }

  /** By keys and texts. */
  of(attributes: Attributes): number {
    let found = attributes.marks ?? this.#byKeys(attributes)
    for (const { key, texts } of this.#byText) {
      const text = attributes.text(key)
      if (text !== undefined) found |= texts.get(text) ?? 0
    }
    return found
  }

  /** Where no decoder gathered them. */
  #byKeys(attributes: Attributes): number {
    let found = 0
    for (const [key, marks] of this.byKey) if ((found & marks) !== marks && attributes.has(key)) found |= marks
    return found
  }
}

/** Bits by text, for each key of which a text tells. */
function byTextOf(dialects: readonly Dialect[]): readonly { readonly key: number; readonly texts: ReadonlyMap<string, number> }[] {
  const keys = new Map<string, Map<string, number>>()
  for (const [i, dialect] of dialects.entries()) {
    for (const [key, text] of dialect.texts ?? []) {
      const texts = keys.get(key) ?? new Map<string, number>()
      keys.set(key, texts.set(text, (texts.get(text) ?? 0) | (1 << i)))
    }
  }
  return Array.from(keys, ([key, texts]) => ({ key: keyNumber(key), texts }))
}
