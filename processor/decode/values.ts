/**
 * How attribute values are read, whatever they were decoded from: a backing only turns a key into a plain value (string, number,
 * boolean, list, map); the forgiving conversions that `Attributes` promises are here, once, so that all backings read alike.
 */
import { type AttributeKey, keyName } from '../../model/attribute-key.ts'
import type { Attributes } from '../../model/span.ts'

/**
 * A decoded value: what JSON can hold. Integers beyond 2^53 arrive as their nearest double, bytes as base64 (as OpenTelemetry writes
 * them wherever a protocol has no bytes). `undefined` is an absent or empty value.
 */
export type Plain = string | number | boolean | null | undefined | readonly Plain[] | { readonly [key: string]: Plain }

/** What a backing knows: the value of a key (of several equal keys the last), and which keys there are. */
export interface Values {
  get(key: string): Plain
  /** Distinct keys with the prefix, in wire order. */
  keys(prefix: string, limit: number): readonly string[]
}

class View implements Attributes {
  readonly #values: Values

  constructor(values: Values) {
    this.#values = values
  }
  has(key: AttributeKey): boolean {
    return this.#values.get(keyName(key)) !== undefined
  }
  text(key: AttributeKey): string | undefined {
    return textOf(this.#values.get(keyName(key)))
  }
  number(key: AttributeKey): number | undefined {
    return numberOf(this.#values.get(keyName(key)))
  }
  count(key: AttributeKey): number | undefined {
    return countOf(this.#values.get(keyName(key)))
  }
  flag(key: AttributeKey): boolean | undefined {
    return flagOf(this.#values.get(keyName(key)))
  }
  list(key: AttributeKey): readonly string[] | undefined {
    return listOf(this.#values.get(keyName(key)))
  }
  json(key: AttributeKey): unknown {
    return jsonOf(this.#values.get(keyName(key)))
  }
  keys(prefix: string, limit: number): readonly string[] {
    return this.#values.keys(prefix, limit)
  }
}

/** Attributes over any backing. */
export function attributesOver(values: Values): Attributes {
  return new View(values)
}

export function textOf(v: Plain): string | undefined {
  if (typeof v === 'string') return v
  return typeof v === 'number' || typeof v === 'boolean' ? String(v) : undefined
}

export function numberOf(v: Plain): number | undefined {
  if (typeof v === 'number') return Number.isFinite(v) ? v : undefined
  if (typeof v !== 'string' || v.trim() === '') return undefined
  const n = Number(v)
  return Number.isFinite(n) ? n : undefined
}

export function countOf(v: Plain): number | undefined {
  const n = numberOf(v)
  return n !== undefined && n >= 0 && Number.isInteger(n) ? n : undefined
}

export function flagOf(v: Plain): boolean | undefined {
  if (typeof v === 'boolean') return v
  const word = typeof v === 'string' ? v.toLowerCase() : undefined
  return word === 'true' ? true : word === 'false' ? false : undefined
}

/** A list of strings from a real list, a JSON list in a string, a comma-joined string, or Semantic Kernel's `[Stop]`. */
export function listOf(v: Plain): readonly string[] | undefined {
  if (Array.isArray(v)) return textsOf(v)
  if (typeof v !== 'string') {
    const text = textOf(v)
    return text === undefined ? undefined : [text]
  }
  const text = v.trim()
  if (!text.startsWith('[')) return splitList(text)
  const parsed = parse(text)
  return Array.isArray(parsed) ? textsOf(parsed) : splitList(text.replace(/^\[|\]$/g, ''))
}

function textsOf(list: readonly Plain[]): readonly string[] {
  const texts: string[] = []
  for (const x of list) {
    const text = textOf(x)
    if (text !== undefined) texts.push(text)
  }
  return texts
}

function splitList(text: string): readonly string[] {
  return text
    .split(',')
    .map((x) => x.trim())
    .filter((x) => x !== '')
}

export function jsonOf(v: Plain): unknown {
  return typeof v === 'string' ? parse(v) : v
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Attributes over a plain object (strings, numbers, booleans, lists, objects, bytes), as SDKs keep them in process; null is absent. */
export function viewOfPlain(values: Readonly<Record<string, unknown>>): Attributes {
  return new View({
    get: (key) => (Object.hasOwn(values, key) ? plainOf(values[key]) : undefined),
    keys: (prefix, limit) => firstWith(Object.keys(values), prefix, limit),
  })
}

/** SDK attributes are what the application passed in, whatever its types said. */
export function plainOf(v: unknown): Plain {
  if (v === null || v === undefined || typeof v === 'function' || typeof v === 'symbol') return undefined
  if (typeof v === 'bigint') return Number(v)
  if (v instanceof Uint8Array) return Buffer.from(v.buffer, v.byteOffset, v.byteLength).toString('base64')
  return v as Plain
}

/** Up to `limit` distinct keys that start with `prefix`. */
export function firstWith(keys: Iterable<string>, prefix: string, limit: number): readonly string[] {
  const found = new Set<string>()
  for (const key of keys) {
    if (found.size >= limit) break
    if (key.startsWith(prefix)) found.add(key)
  }
  return [...found]
}

export const NO_ATTRIBUTES: Attributes = viewOfPlain({})

/** A log body as attributes: a map as it is, anything else under the empty key. Read when first asked. */
export function bodyView(read: () => Plain): Attributes {
  let values: Readonly<Record<string, Plain>> | undefined
  const all = (): Readonly<Record<string, Plain>> => (values ??= fieldsOf(read()))
  return new View({
    get: (key) => (Object.hasOwn(all(), key) ? (all()[key] ?? undefined) : undefined),
    keys: (prefix, limit) => firstWith(Object.keys(all()), prefix, limit),
  })
}

function fieldsOf(body: Plain): Readonly<Record<string, Plain>> {
  if (body === undefined || body === null) return {}
  return typeof body === 'object' && !Array.isArray(body) ? (body as Readonly<Record<string, Plain>>) : { '': body }
}
