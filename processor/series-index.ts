/**
 * From label values to their series without putting the values together: a tree of Maps, one level per label. The values are strings that
 * came before (names of agents, models, tools), whose hashes are ready; a joined key is a new string each time, to be made and hashed.
 * Holds exactly what was added and not removed; bounds are the business of who adds.
 */

type Branch<S> = Map<string, Branch<S> | S>

export class SeriesIndex<S> {
  readonly #names: readonly string[]
  readonly #root: Branch<S> = new Map()

  /** `names` of the labels, in the order their values come. */
  constructor(names: readonly string[]) {
    // A metric without labels has one level too, of one empty value.
    this.#names = names.length === 0 ? [''] : names
  }

  get(labels: Readonly<Record<string, string>>): S | undefined {
    let at: Branch<S> | S | undefined = this.#root
    for (let i = 0; i < this.#names.length; i++) {
      at = (at as Branch<S>).get(labels[this.#names[i] as string] ?? '')
      if (at === undefined) return undefined
    }
    return at as S
  }

  add(values: readonly string[], series: S): void {
    let at = this.#root
    const last = this.#names.length - 1
    for (let i = 0; i < last; i++) {
      const value = values[i] ?? ''
      let next = at.get(value) as Branch<S> | undefined
      if (next === undefined) at.set(value, (next = new Map()))
      at = next
    }
    at.set(values[last] ?? '', series)
  }

  remove(values: readonly string[]): void {
    const path: Branch<S>[] = [this.#root]
    for (let i = 0; i < this.#names.length - 1; i++) {
      const next = path.at(-1)?.get(values[i] ?? '') as Branch<S> | undefined
      if (next === undefined) return
      path.push(next)
    }
    for (let i = path.length - 1; i >= 0; i--) {
      path[i]?.delete(values[i] ?? '')
      if ((path[i]?.size ?? 0) > 0) break
    }
  }
}
