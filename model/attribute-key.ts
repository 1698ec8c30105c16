/**
 * Attribute keys as small integers, given out once when modules load: what is asked of every span is asked by number, and a decoder that
 * numbered the keys of a span answers with one look into an array. A key and its number mean the same to every `Attributes`.
 * Numbers are for keys spelled in our sources, never for one that a sender wrote: they are not given back.
 */

/** A key by its name, or by its number. */
export type AttributeKey = string | number

const names: string[] = []
const numbers = new Map<string, number>()

/** The number of a key; the next one when it has none yet. */
export function keyNumber(name: string): number {
  const known = numbers.get(name)
  if (known !== undefined) return known
  numbers.set(name, names.length)
  names.push(name)
  return names.length - 1
}

/** The number of a key that has one already: what a sender wrote is looked up and never numbered. */
export function knownNumber(name: string): number | undefined {
  return numbers.get(name)
}

/** The numbers of a table of keys, under the same words. */
export function keyNumbers<T extends Readonly<Record<string, string>>>(table: T): Readonly<Record<keyof T, number>> {
  // A copy that is filled in keeps the hidden class of the table: reading a number is then one load, where an object put together key by key becomes a hash table.
  const found = { ...table } as Record<string, string | number>
  for (const [word, name] of Object.entries(table)) found[word] = keyNumber(name)
  return found as Record<keyof T, number>
}

/** The name of a key. */
export function keyName(key: AttributeKey): string {
  return typeof key === 'number' ? (names[key] ?? '') : key
}

/** All keys that have a number, by number. */
export function numberedKeys(): readonly string[] {
  return names
}
