/**
 * Tables of words, asked by what a sender wrote: that may be `constructor` or `__proto__`, which every object has.
 */

/** What the table says of a word; undefined where it has no such word. */
export function ownOf<V>(table: Readonly<Record<string, V>>, word: string | undefined): V | undefined {
  return word !== undefined && Object.hasOwn(table, word) ? table[word] : undefined
}
