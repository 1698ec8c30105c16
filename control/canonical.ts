/**
 * Content → canonical JSON → its hash. Equal content gives equal text whatever order its keys were written in, so versions of flag sets
 * and releases say what is in them. Nesting is bounded by whoever takes content in.
 */
import { hash } from 'node:crypto'

/** JSON with the keys of every object sorted; `undefined` is left out, as JSON does. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, v: unknown) =>
    typeof v === 'object' && v !== null && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : v,
  )
}

/** SHA-256 of a text, in hex. */
export function sha256(text: string): string {
  return hash('sha256', text)
}

/** SHA-256 of the canonical JSON of a value, in hex. */
export function contentHash(value: unknown): string {
  return sha256(canonicalJson(value))
}

/** How deep objects and arrays are nested; stops counting beyond `limit`. */
export function nesting(value: unknown, limit: number): number {
  if (typeof value !== 'object' || value === null) return 0
  if (limit <= 0) return 1
  let deepest = 0
  for (const child of Object.values(value)) deepest = Math.max(deepest, nesting(child, limit - 1))
  return deepest + 1
}
