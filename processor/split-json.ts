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
  const ownerOf = (at: number): number => {
    let id: Buffer = NO_ID
    json.members(at, (key, value) => {
      if (key === 'traceId') id = json.bytesOfHex(value)
    })
    if (id.length === 16 && id.some((b) => b !== 0)) return ownerAt(id, 0, count)
    return signal === 'logs' ? WITHOUT_TRACE : self
  }
  const scopeAt = (at: number): ScopeOf => {
    const scope: ScopeOf = { head: [], items: [] }
    json.members(at, (key, value, start, end) => {
      if (key !== perItem) return void scope.head.push(json.text(start, end))
      scope.items = []
      json.elements(value, (item, itemEnd) => {
        const owner = ownerOf(item)
        ;(scope.items[owner] ??= []).push(json.text(item, itemEnd))
      })
    })
    for (const owner of scope.items.keys()) if (scope.items[owner] !== undefined) seen.add(owner)
    return scope
  }
  const resourceAt = (at: number): ResourceOf => {
    const resource: ResourceOf = { head: [], scopes: [] }
    json.members(at, (key, value, start, end) => {
      if (key !== perScope) return void resource.head.push(json.text(start, end))
      resource.scopes = []
      json.elements(value, (scope) => void resource.scopes.push(scopeAt(scope)))
    })
    return resource
  }
  let resources: ResourceOf[] = []
  json.members(json.afterSpace(0), (key, value) => {
    if (key !== perResource) return
    resources = []
    json.elements(value, (resource) => void resources.push(resourceAt(resource)))
  })

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

type Member = (key: string, value: number, start: number, end: number) => void

/** Steps over JSON that is known to be well-formed. Texts are taken as latin1 and written back so: bytes stay as they are. */
class JsonWalk {
  readonly #bytes: Buffer

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  text(start: number, end: number): string {
    return this.#bytes.toString('latin1', start, end)
  }

  /** Visits the members of the object at `at`; none where it is null. */
  members(at: number, visit: Member): void {
    if (this.#bytes[at] !== OPEN) return
    let pos = this.afterSpace(at + 1)
    while (this.#bytes[pos] === QUOTE) {
      const start = pos
      const keyEnd = this.#afterString(pos)
      const value = this.afterSpace(this.afterSpace(keyEnd) + 1)
      const end = this.#afterValue(value)
      visit(this.#stringAt(start, keyEnd), value, start, end)
      pos = this.#next(end)
    }
  }

  /** Visits the elements of the array at `at`; none where it is null. */
  elements(at: number, visit: (start: number, end: number) => void): void {
    if (this.#bytes[at] !== OPEN_LIST) return
    for (let pos = this.afterSpace(at + 1); this.#bytes[pos] !== CLOSE_LIST && pos < this.#bytes.length;) {
      const end = this.#afterValue(pos)
      visit(pos, end)
      pos = this.#next(end)
    }
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

  #afterString(open: number): number {
    for (let i = this.#bytes.indexOf(QUOTE, open + 1); i >= 0; i = this.#bytes.indexOf(QUOTE, i + 1)) {
      let slashes = 0
      while (this.#bytes[i - 1 - slashes] === BACKSLASH) slashes++
      if (slashes % 2 === 0) return i + 1
    }
    return this.#bytes.length
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
