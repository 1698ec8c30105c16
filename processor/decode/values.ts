/**
 * How attribute values are read, whatever they were decoded from: a backing only has to turn a key into a plain value
 * (string, number, boolean, list, map); the forgiving conversions of `Attributes` are here, once.
 */
import type { Attributes } from '../../model/span.ts'

/** A decoded value: what JSON can hold. Integers beyond 2^53 arrive as their nearest double. */
export type Plain = string | number | boolean | null | undefined | readonly Plain[] | { readonly [key: string]: Plain }

/** Attributes over a lookup of plain values. */
export abstract class PlainAttributes implements Attributes {
  /** The value of a key, or undefined. */
  abstract get(key: string): Plain
  abstract keys(prefix: string, limit: number): readonly string[]

  has(key: string): boolean {
    return this.get(key) !== undefined
  }
  text(key: string): string | undefined {
    return textOf(this.get(key))
  }
  number(key: string): number | undefined {
    return numberOf(this.get(key))
  }
  count(key: string): number | undefined {
    const n = numberOf(this.get(key))
    return n !== undefined && n >= 0 && Number.isInteger(n) ? n : undefined
  }
  flag(key: string): boolean | undefined {
    return flagOf(this.get(key))
  }
  list(key: string): readonly string[] | undefined {
    return listOf(this.get(key))
  }
  json(key: string): unknown {
    return jsonOf(this.get(key))
  }
}

export function textOf(v: Plain): string | undefined {
  return typeof v === 'string' ? v : typeof v === 'number' || typeof v === 'boolean' ? String(v) : undefined
}

export function numberOf(v: Plain): number | undefined {
  const n = typeof v === 'number' ? v : typeof v === 'string' && v.trim() !== '' ? Number(v) : Number.NaN
  return Number.isFinite(n) ? n : undefined
}

export function flagOf(v: Plain): boolean | undefined {
  if (typeof v === 'boolean') return v
  const word = typeof v === 'string' ? v.toLowerCase() : undefined
  return word === 'true' ? true : word === 'false' ? false : undefined
}

/** A list of strings from a real list, a JSON list in a string, a comma-joined string, or Semantic Kernel's `[Stop]`. */
export function listOf(v: Plain): readonly string[] | undefined {
  if (Array.isArray(v)) return v.flatMap((x: Plain) => textOf(x) ?? [])
  if (typeof v !== 'string') return v === undefined || v === null || typeof v === 'object' ? undefined : [String(v)]
  const text = v.trim()
  if (text === '') return []
  if (text.startsWith('[')) {
    const parsed = parse(text)
    if (Array.isArray(parsed)) return parsed.flatMap((x: Plain) => textOf(x) ?? [])
    return splitList(text.replace(/^\[|\]$/g, ''))
  }
  return splitList(text)
}

function splitList(text: string): readonly string[] {
  return text.split(',').map((x) => x.trim()).filter((x) => x !== '')
}

export function jsonOf(v: Plain): unknown {
  return typeof v === 'string' ? parse(v) : v === null ? undefined : v
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

class RecordAttributes extends PlainAttributes {
  readonly #values: Readonly<Record<string, unknown>>

  constructor(values: Readonly<Record<string, unknown>>) {
    super()
    this.#values = values
  }

  get(key: string): Plain {
    const v = Object.hasOwn(this.#values, key) ? this.#values[key] : undefined
    return v === null ? undefined : (v as Plain)
  }

  keys(prefix: string, limit: number): readonly string[] {
    return Object.keys(this.#values).filter((k) => k.startsWith(prefix)).slice(0, limit)
  }
}

/** Attributes over a plain object, as SDKs keep them in process. */
export function viewOfPlain(values: Readonly<Record<string, unknown>>): Attributes {
  return new RecordAttributes(values)
}

export const NO_ATTRIBUTES: Attributes = viewOfPlain({})
