/**
 * Which dialects a span can be of, as one bit a dialect in the order of precedence: the decoder gathers them from the keys that it meets
 * anyway (`Interest.marks`), so of twenty dialects three or four are asked whether a span is theirs.
 * A bit too many costs a question, a bit too few would be a wrong answer: the tests ask all dialects and compare.
 */
import type { Attributes, Scope } from '../../model/span.ts'
import type { Dialect } from './dialect.ts'

/** Decoders keep marks beside flags of their own in 32 bits, and one is taken. */
export const MOST_MARKS = 27
/** Of keys that may be on spans of any dialect, see `OURS` in index.ts. */
export const MARK_OF_OURS: number = 1 << MOST_MARKS

export class Marks {
  /** Marks by key, for decoders. */
  readonly byKey: ReadonlyMap<string, number>
  readonly #dialects: readonly Dialect[]
  /** Dialects that are asked of every span. */
  readonly #always: number

  constructor(dialects: readonly Dialect[], ours: readonly string[]) {
    if (dialects.length > MOST_MARKS)
      throw new Error(`dialects: ${dialects.length} are more than the ${MOST_MARKS} that a mark has bits for`)
    const byKey = new Map<string, number>()
    let always = 0
    for (const [i, dialect] of dialects.entries()) {
      if (dialect.signs === undefined && dialect.comesFrom === undefined) always |= 1 << i
      for (const key of dialect.signs ?? []) byKey.set(key, (byKey.get(key) ?? 0) | (1 << i))
    }
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

  /** By keys, where no decoder gathered the marks. */
  of(attributes: Attributes): number {
    let found = 0
    for (const [key, marks] of this.byKey) if ((found & marks) !== marks && attributes.has(key)) found |= marks
    return found
  }
}
