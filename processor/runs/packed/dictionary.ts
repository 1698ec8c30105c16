/**
 * Words that records in memory name by number instead of holding them: services, agents, models, tools, versions. A word gets a number when it comes
 * for the second time in a while, so that what differs from run to run gets none. Bounded: numbers are given out once and kept for the life of the
 * process, and when there are no more, each record holds its words itself, as it does those without a number.
 * A word read back is the very string that others are, with its hash ready, where each record made its own: docs/decisions/0021.
 */
const MOST = 16_384
/** Longer texts are no words. */
const LONGEST = 64
/** Words that came once are remembered in so many places, a power of two, one per hash. */
const PLACES = 1024

export class Dictionary {
  readonly #words: string[]
  readonly #numbers: Map<string, number>
  readonly #once: string[] = Array.from({ length: PLACES }, () => '')
  readonly #most: number

  /** Holds `known` from the start, and at most `most` words. */
  constructor(known: readonly string[], most = MOST) {
    this.#words = [...known]
    this.#numbers = new Map(known.map((word, number) => [word, number]))
    this.#most = most
  }

  get size(): number {
    return this.#words.length
  }

  /** The number of a word, -1 for none. */
  numberOf(word: string): number {
    return this.#numbers.get(word) ?? this.#add(word)
  }

  /** The word with a number that was given out. */
  at(number: number): string {
    return this.#words[number] ?? ''
  }

  #add(word: string): number {
    if (this.#words.length >= this.#most || word.length > LONGEST) return -1
    const place = placeOf(word)
    if (this.#once[place] !== word) {
      this.#once[place] = word
      return -1
    }
    const number = this.#words.length
    this.#words.push(word)
    this.#numbers.set(word, number)
    return number
  }
}

function placeOf(word: string): number {
  let hash = word.length
  for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), 0x9e3779b1)
  return (hash ^ (hash >>> 15)) & (PLACES - 1)
}
