/**
 * split.ts for OTLP/JSON: spans and records are found by their brackets and copied byte for byte, so that a number keeps its digits.
 * In: a body that a decoder has parsed, so that it is JSON of the right shape. Of a key that comes twice the last one counts, as it does
 * for JSON.parse; keys are compared as they are meant, escapes undone.
 */
import { ownerAt, type Owners, WITHOUT_TRACE } from './split-owner.ts'

const NAMES = {
  traces: ['resourceSpans', 'scopeSpans', 'spans'],
  logs: ['resourceLogs', 'scopeLogs', 'logRecords'],
} as const
const [QUOTE, BACKSLASH, OPEN, CLOSE, OPEN_LIST, CLOSE_LIST, COMMA] = [0x22, 0x5c, 0x7b, 0x7d, 0x5b, 0x5d, 0x2c]
const NO_ID = Buffer.alloc(0)

interface ScopeOf {
  head: string[]
  /** By owner. */
  items: string[][]
}

interface ResourceOf {
  head: string[]
  scopes: ScopeOf[]
}

/** Splits a body; what belongs to nobody is of `self`, or of the owner of records without a trace. */
export function splitJson(signal: 'traces' | 'logs', bytes: Uint8Array, { count, self }: Owners): readonly (Uint8Array | undefined)[] {
  const [perResource, perScope, perItem] = NAMES[signal]
  const json = new JsonWalk(bytes)
  const seen = new Set<number>()
  const ownerOf = (id: Uint8Array): number => {
    if (id.length === 16 && id.some((b) => b !== 0)) return ownerAt(id, 0, count)
    return signal === 'logs' ? WITHOUT_TRACE : self
  }
  // Every value is stepped over once: who goes into one says where it ends.
  const itemsAt = (at: number, scope: ScopeOf): number => {
    scope.items = []
    return json.elements(at, (item) => {
      let id: Uint8Array = NO_ID
      const end = json.members(item, (key, value) => {
        if (key === 'traceId') id = json.bytesOfHex(value)
      })
      ;(scope.items[ownerOf(id)] ??= []).push(json.text(item, end))
      return end
    })
  }
  const scopesAt = (at: number, resource: ResourceOf): number => {
    resource.scopes = []
    return json.elements(at, (scopeAt) => {
      const scope: ScopeOf = { head: [], items: [] }
      resource.scopes.push(scope)
      const end = json.members(scopeAt, (key, value, start) => {
        if (key === perItem) return itemsAt(value, scope)
        return json.kept(scope.head, start, value)
      })
      for (const owner of scope.items.keys()) if (scope.items[owner] !== undefined) seen.add(owner)
      return end
    })
  }
  let resources: ResourceOf[] = []
  const resourcesAt = (at: number): number => {
    resources = []
    return json.elements(at, (resourceAt) => {
      const resource: ResourceOf = { head: [], scopes: [] }
      resources.push(resource)
      return json.members(resourceAt, (key, value, start) => {
        if (key === perScope) return scopesAt(value, resource)
        return json.kept(resource.head, start, value)
      })
    })
  }
  json.members(json.afterSpace(0), (key, value) => (key === perResource ? resourcesAt(value) : undefined))

  const parts: (Uint8Array | undefined)[] = Array.from({ length: count }, () => undefined)
  const [only = self] = seen
  if (seen.size <= 1) parts[only] = bytes
  else
    for (const owner of seen) {
      const scopes = (r: ResourceOf): string =>
        r.scopes
          .filter((s) => s.items[owner] !== undefined)
          .map((s) => `{${[...s.head, `"${perItem}":[${s.items[owner]?.join(',') ?? ''}]`].join(',')}}`)
          .join(',')
      const written = resources
        .filter((r) => r.scopes.some((s) => s.items[owner] !== undefined))
        .map((r) => `{${[...r.head, `"${perScope}":[${scopes(r)}]`].join(',')}}`)
      parts[owner] = Buffer.from(`{"${perResource}":[${written.join(',')}]}`, 'latin1')
    }
  return parts
}

/** Is given a member's key, where its value begins and where the member does; says where the value ends if it went that far. */
type Visit = (key: string, value: number, start: number) => number | undefined | void

/** Steps over JSON that is known to be well-formed. Texts are taken as latin1 and written back so: bytes stay as they are. */
class JsonWalk {
  readonly #bytes: Buffer

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  text(start: number, end: number): string {
    return this.#bytes.toString('latin1', start, end)
  }

  /** Visits the members of the object at `at`, none where it is null, and says where it ends. */
  members(at: number, visit: Visit): number {
    if (this.#bytes[at] !== OPEN) return this.#afterValue(at)
    let pos = this.afterSpace(at + 1)
    while (this.#bytes[pos] === QUOTE) {
      const start = pos
      const keyEnd = this.#afterString(pos)
      const value = this.afterSpace(this.afterSpace(keyEnd) + 1)
      const end = visit(this.#stringAt(start, keyEnd), value, start)
      pos = this.#next(typeof end === 'number' ? end : this.#afterValue(value))
    }
    return pos + 1
  }

  /** Visits the elements of the array at `at`, none where it is null, and says where it ends; `visit` says where an element does. */
  elements(at: number, visit: (start: number) => number): number {
    if (this.#bytes[at] !== OPEN_LIST) return this.#afterValue(at)
    let pos = this.afterSpace(at + 1)
    while (this.#bytes[pos] !== CLOSE_LIST && pos < this.#bytes.length) pos = this.#next(visit(pos))
    return pos + 1
  }

  /** Keeps a member as it is, and says where it ends. */
  kept(head: string[], start: number, value: number): number {
    const end = this.#afterValue(value)
    head.push(this.text(start, end))
    return end
  }

  /** The bytes of a string of hex digits; fewer where it is none. */
  bytesOfHex(at: number): Buffer {
    if (this.#bytes[at] !== QUOTE) return NO_ID
    return Buffer.from(this.#stringAt(at, this.#afterString(at)), 'hex')
  }

  afterSpace(at: number): number {
    let pos = at
    for (; pos < this.#bytes.length; pos++) {
      const c = this.#bytes[pos]
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) break
    }
    return pos
  }

  /** To what follows a comma, or to the bracket that closes. */
  #next(end: number): number {
    const pos = this.afterSpace(end)
    return this.#bytes[pos] === COMMA ? this.afterSpace(pos + 1) : pos
  }

  #stringAt(start: number, end: number): string {
    const raw = this.text(start + 1, end - 1)
    return raw.includes('\\') ? String(JSON.parse(this.#bytes.toString('utf8', start, end))) : raw
  }

  /** By a loop: most texts are shorter than a call into native code is long. */
  #afterString(open: number): number {
    const bytes = this.#bytes
    for (let i = open + 1; i < bytes.length; i++) {
      const c = bytes[i]
      if (c === QUOTE) return i + 1
      if (c === BACKSLASH) i++
    }
    return bytes.length
  }

  #afterValue(at: number): number {
    const first = this.#bytes[at]
    if (first === QUOTE) return this.#afterString(at)
    let depth = 0
    for (let pos = at; pos < this.#bytes.length; pos++) {
      const c = this.#bytes[pos]
      if (c === QUOTE) pos = this.#afterString(pos) - 1
      else if (c === OPEN || c === OPEN_LIST) depth++
      else if (c === CLOSE || c === CLOSE_LIST) {
        // Closes what is around a number, true, false or null.
        if (depth === 0) return pos
        if (--depth === 0) return pos + 1
      } else if (depth === 0 && (c === COMMA || c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09)) return pos
    }
    return this.#bytes.length
  }
}
