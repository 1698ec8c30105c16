/**
 * Stretches of a JSON request → smaller requests with the same bytes: what slices.ts and split-json.ts write. In: what json-outline.ts found.
 * Out: pieces that are a request when they stand one after the other; members and items come as they were, so that a number keeps its digits.
 */
import { JSON_LISTS, type Stretch } from './decode/json-outline.ts'

const COMMA = Buffer.from(',')
const [OPEN, CLOSE] = [Buffer.from('{'), Buffer.from(']}')]

/** Some of a scope. */
export interface PartOfScope {
  readonly head: readonly Stretch[]
  readonly items: readonly Stretch[]
}

/** Some of a resource. */
export interface PartOfResource {
  readonly head: readonly Stretch[]
  readonly scopes: readonly PartOfScope[]
}

export class JsonPieces {
  readonly #from: Uint8Array
  readonly #resources: Buffer
  readonly #scopes: Buffer
  readonly #items: Buffer

  constructor(from: Uint8Array, signal: 'traces' | 'logs') {
    this.#from = from
    const [resources, scopes, items] = JSON_LISTS[signal]
    this.#resources = Buffer.from(`{"${resources}":[`)
    this.#scopes = Buffer.from(`"${scopes}":[`)
    this.#items = Buffer.from(`"${items}":[`)
  }

  /** A whole request. */
  request(resources: readonly PartOfResource[]): Buffer {
    const to: Uint8Array[] = []
    for (const resource of resources) this.#add(to, resource)
    to.push(CLOSE)
    return Buffer.concat(to)
  }

  #add(to: Uint8Array[], { head, scopes }: PartOfResource): void {
    to.push(to.length === 0 ? this.#resources : COMMA)
    this.#open(to, head, this.#scopes)
    for (const [i, scope] of scopes.entries()) {
      if (i > 0) to.push(COMMA)
      this.#open(to, scope.head, this.#items)
      this.#copy(to, scope.items)
      to.push(CLOSE)
    }
    to.push(CLOSE)
  }

  #open(to: Uint8Array[], head: readonly Stretch[], list: Buffer): void {
    to.push(OPEN)
    this.#copy(to, head)
    if (head.length > 0) to.push(COMMA)
    to.push(list)
  }

  #copy(to: Uint8Array[], stretches: readonly Stretch[]): void {
    for (const [i, [start, end]] of stretches.entries()) {
      if (i > 0) to.push(COMMA)
      to.push(this.#from.subarray(start, end))
    }
  }
}
