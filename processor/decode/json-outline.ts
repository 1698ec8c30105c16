/**
 * Where the resources, scopes and spans or records of a JSON request stand, found without making anything of them: for who copies stretches
 * of it (slices-json.ts, split-json.ts). How a span, scope or resource is stepped over is the caller's: it may be checked on the way. What is
 * around them is checked strictly here. Of a key that comes twice the last one counts, as it does for JSON.parse; keys are compared as they are
 * meant, escapes undone. It can be walked in turns, and gives undefined for what is no request or what a step would not take.
 */
import { CLOSE_LIST, CLOSE_MAP, type JsonScan, OPEN_LIST, OPEN_MAP } from './json-scan.ts'

/** Names of the lists of a request, from the outside in. */
export const JSON_LISTS = {
  traces: ['resourceSpans', 'scopeSpans', 'spans'],
  logs: ['resourceLogs', 'scopeLogs', 'logRecords'],
} as const

/** A stretch of the body: where it begins, where it ends. Neighbours with nothing but a comma between them may be one. */
export type Stretch = readonly [start: number, end: number]

export interface OutlinedScope {
  /** Its members but the list of items. */
  readonly head: readonly Stretch[]
  /** Three numbers an item: where it begins, where it ends, and what its step said of it. */
  readonly items: readonly number[]
}

export interface OutlinedResource {
  readonly head: readonly Stretch[]
  readonly scopes: readonly OutlinedScope[]
}

/** Steps over the object at `p`, `depth` brackets deep with its own; −1 where it would not. */
export interface Steps {
  item(p: number, depth: number): number
  resource(p: number, depth: number): number
  scope(p: number, depth: number): number
  /** What is to be noted of the item stepped over last. */
  readonly of: number
}

/** Where what is walked ends, or −1. */
type Walking = Generator<undefined, number>

/** Bytes between two turns: some 0.1 ms. */
const TURN_BYTES = 1 << 16

export class JsonOutline {
  readonly #scan: JsonScan
  readonly #lists: readonly [string, string, string]
  readonly #steps: Steps
  readonly #maxItems: number
  #count = 0
  #turnAt = TURN_BYTES

  constructor(scan: JsonScan, signal: 'traces' | 'logs', steps: Steps, maxItems: number) {
    this.#scan = scan
    this.#lists = JSON_LISTS[signal]
    this.#steps = steps
    this.#maxItems = maxItems
  }

  /** All of it at once. */
  whole(): readonly OutlinedResource[] | undefined {
    const turns = this.inTurns()
    for (;;) {
      const { done, value } = turns.next()
      if (done === true) return value
    }
  }

  /** Stops now and then, for others to get a turn. */
  *inTurns(): Generator<undefined, readonly OutlinedResource[] | undefined> {
    const scan = this.#scan
    let resources: OutlinedResource[] = []
    const end = yield* this.#members(scan.space(0), 1, (at) => {
      if (!this.#isKey(this.#lists[0])) return scan.value(at, 1)
      resources = []
      return this.#list(at, 2, (resource) => this.#resource(resource, resources))
    })
    return end > 0 && scan.space(end) === scan.bytes.length ? resources : undefined
  }

  *#resource(start: number, to: OutlinedResource[]): Walking {
    const head: [number, number][] = []
    let scopes: OutlinedScope[] = []
    const end = yield* this.#members(start, 3, (at, key) => {
      if (!this.#isKey(this.#lists[1]))
        return kept(head, key, this.#isKey('resource') ? this.#object(at, 'resource', 4) : this.#scan.value(at, 3))
      scopes = []
      return this.#list(at, 4, (scope) => this.#scope(scope, scopes))
    })
    to.push({ head, scopes })
    return end
  }

  *#scope(start: number, to: OutlinedScope[]): Walking {
    const head: [number, number][] = []
    let items: number[] = []
    const end = yield* this.#members(start, 5, (at, key) => {
      if (!this.#isKey(this.#lists[2]))
        return kept(head, key, this.#isKey('scope') ? this.#object(at, 'scope', 6) : this.#scan.value(at, 5))
      items = []
      return this.#items(at, items)
    })
    to.push({ head, items })
    return end
  }

  *#items(start: number, items: number[]): Walking {
    const scan = this.#scan
    if (scan.bytes[start] !== OPEN_LIST) return scan.nothing(start)
    let p = scan.allows(6) ? scan.first(start, CLOSE_LIST) : -1
    while (p > 0) {
      if (p > this.#turnAt) {
        this.#turnAt = p + TURN_BYTES
        yield
      }
      const end = ++this.#count > this.#maxItems ? -1 : this.#object(p, 'item', 7)
      if (end < 0) return -1
      items.push(p, end, this.#steps.of)
      p = scan.next(end, CLOSE_LIST)
    }
    return p < 0 ? -1 : scan.after
  }

  /** What is no object is null, or nothing that may stand here. */
  #object(p: number, what: 'item' | 'resource' | 'scope', depth: number): number {
    if (this.#scan.bytes[p] === OPEN_MAP) return this.#steps[what](p, depth)
    return what === 'item' ? -1 : this.#scan.nothing(p)
  }

  /** Goes through the map at `start`; `visit` is given where a value and its key begin, and says where the value ends. */
  *#members(start: number, depth: number, visit: (at: number, key: number) => number | Walking): Walking {
    const scan = this.#scan
    if (scan.bytes[start] !== OPEN_MAP || !scan.allows(depth)) return -1
    let p = scan.first(start, CLOSE_MAP)
    while (p > 0) {
      const at = scan.key(p)
      if (at < 0) return -1
      const visited = visit(at, p)
      const end = typeof visited === 'number' ? visited : yield* visited
      if (end < 0) return -1
      p = scan.next(end, CLOSE_MAP)
    }
    return p < 0 ? -1 : scan.after
  }

  *#list(start: number, depth: number, visit: (at: number) => Walking): Walking {
    const scan = this.#scan
    if (scan.bytes[start] !== OPEN_LIST) return scan.nothing(start)
    let p = scan.allows(depth) ? scan.first(start, CLOSE_LIST) : -1
    while (p > 0) {
      const end = yield* visit(p)
      if (end < 0) return -1
      p = scan.next(end, CLOSE_LIST)
    }
    return p < 0 ? -1 : scan.after
  }

  #isKey(name: string): boolean {
    return isKey(this.#scan, name)
  }
}

/** Whether the key that was read last is this one. */
export function isKey({ bytes, keyStart, keyEnd, escaped }: JsonScan, name: string): boolean {
  if (escaped) return JSON.parse(bytes.toString('utf8', keyStart - 1, keyEnd + 1)) === name
  return keyEnd - keyStart === name.length && bytes.toString('latin1', keyStart, keyEnd) === name
}

function kept(head: [number, number][], start: number, end: number): number {
  head.push([start, end])
  return end
}
