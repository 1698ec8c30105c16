/** A map that holds at most so many entries; the one longest not set is dropped first and handed to `dropped`. */
export class BoundedMap<K, V> {
  readonly #entries = new Map<K, V>()
  readonly #max: number
  readonly #dropped: (value: V, key: K) => void

  constructor(max: number, dropped: (value: V, key: K) => void = () => undefined) {
    this.#max = max
    this.#dropped = dropped
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: K): V | undefined {
    return this.#entries.get(key)
  }

  /** Sets and makes the entry the newest. */
  set(key: K, value: V): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    if (this.#entries.size <= this.#max) return
    for (const [oldKey, oldValue] of this.#entries) {
      this.#entries.delete(oldKey)
      this.#dropped(oldValue, oldKey)
      return
    }
  }

  /** Removes and returns. */
  take(key: K): V | undefined {
    const value = this.#entries.get(key)
    this.#entries.delete(key)
    return value
  }

  delete(key: K): boolean {
    return this.#entries.delete(key)
  }

  entries(): IterableIterator<[K, V]> {
    return this.#entries.entries()
  }

  values(): IterableIterator<V> {
    return this.#entries.values()
  }
}
