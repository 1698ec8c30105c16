/**
 * Which dialects a span can be of, as one bit a dialect in the order of precedence: the decoder gathers them from the keys that it meets
 * anyway (`Interest.marks`), so of twenty dialects three or four are asked whether a span is theirs. Above them one bit for each group of
 * keys that few spans have: where it is not there, none of the group is asked for.
 * A bit too many costs a question, a bit too few would be a wrong answer: the tests ask for everything and compare.
 */
import { keyNumber } from '../../model/attribute-key.ts'
import type { Attributes, Scope } from '../../model/span.ts'
import type { Dialect } from './dialect.ts'

/** Decoders keep marks beside flags of their own in 32 bits, and five are taken. */
export const MOST_DIALECTS = 23
export const MARKS_OF_DIALECTS: number = (1 << MOST_DIALECTS) - 1

/** Marks of groups of keys. Which keys: `OURS` in index.ts, `RARE_KEYS` in gen-ai-keys.ts. */
export const GROUP = {
  /** On spans of any dialect. */
  ours: 1 << 27,
  cohort: 1 << 26,
  usage: 1 << 25,
  content: 1 << 24,
  outcome: 1 << 23,
} as const

/** The groups that attributes may have keys of; all of them where no decoder gathered marks. */
export function groupsOf(attributes: Attributes): number {
  return attributes.marks ?? ~MARKS_OF_DIALECTS
}

export class Marks {
  /** Marks by key, for decoders. */
  readonly byKey: ReadonlyMap<string, number>
  readonly #byText: readonly ByText[]
  readonly #dialects: readonly Dialect[]
  /** Dialects that are asked of every span. */
  readonly #always: number

  constructor(dialects: readonly Dialect[], groups: Readonly<Partial<Record<keyof typeof GROUP, readonly string[]>>>) {
    if (dialects.length > MOST_DIALECTS)
      throw new Error(`dialects: ${dialects.length} are more than the ${MOST_DIALECTS} that a mark has bits for`)
    const byKey = new Map<string, number>()
    let always = 0
    for (const [i, dialect] of dialects.entries()) {
      if (dialect.signs === undefined && dialect.texts === undefined && dialect.comesFrom === undefined) always |= 1 << i
      for (const key of dialect.signs ?? []) byKey.set(key, (byKey.get(key) ?? 0) | (1 << i))
    }
    this.#byText = byTextOf(dialects)
    for (const group of Object.keys(GROUP) as (keyof typeof GROUP)[])
      for (const key of groups[group] ?? []) byKey.set(key, (byKey.get(key) ?? 0) | GROUP[group])
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
    const byText = this.#byText
    for (let i = 0; i < byText.length; i++) {
      const { key, texts, marks } = byText[i] as ByText
      const text = attributes.text(key)
      if (text === undefined) continue
      // One or two, and of another length than what is asked for: less than the look-up in a Map.
      for (let t = 0; t < texts.length; t++) if (texts[t] === text) found |= marks[t] as number
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

/** A key of which a text tells: the texts, and the marks of each. */
interface ByText {
  readonly key: number
  readonly texts: readonly string[]
  readonly marks: readonly number[]
}

function byTextOf(dialects: readonly Dialect[]): readonly ByText[] {
  const keys = new Map<string, Map<string, number>>()
  for (const [i, dialect] of dialects.entries()) {
    for (const [key, text] of dialect.texts ?? []) {
      const texts = keys.get(key) ?? new Map<string, number>()
      keys.set(key, texts.set(text, (texts.get(text) ?? 0) | (1 << i)))
    }
  }
  return Array.from(keys, ([key, found]) => ({ key: keyNumber(key), texts: [...found.keys()], marks: [...found.values()] }))
}
