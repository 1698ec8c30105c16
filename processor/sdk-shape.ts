/**
 * What the keys of an SDK span's attributes say: which numbered keys are there, their marks, whether one makes the span one of interest.
 * Spans of one kind have the same keys in the same order, so the answer is kept with the keys it was worked out from and given again when all of
 * them are equal: 20 comparisons instead of 20 look-ups. Only names of keys are held, of SHAPES kinds at the most; what comes later takes the place.
 */
import { knownNumber, numberedKeys } from '../model/attribute-key.ts'
import { isKeyOfInterest } from './decode/interest.ts'
import { INTEREST } from './dialects/index.ts'

export interface Shape {
  readonly keys: readonly string[]
  /** By key number: 1 where the key is there. Keys that got their number later are beyond its end. */
  readonly has: Uint8Array
  readonly marks: number
  readonly isOfInterest: boolean
}

const SHAPES = 256
const kept: (Shape | undefined)[] = Array.from({ length: SHAPES }, () => undefined)

/** The shape of an object's own keys. */
export function shapeOf(attributes: Readonly<Record<string, unknown>>): Shape {
  const keys = Object.keys(attributes)
  let hash = keys.length
  for (let i = 0; i < keys.length; i++) hash = (Math.imul(hash, 31) + (keys[i] as string).length) | 0
  const place = (hash ^ (hash >>> 8)) & (SHAPES - 1)
  const known = kept[place]
  return known !== undefined && isEqual(known.keys, keys) ? known : (kept[place] = made(keys))
}

function isEqual(one: readonly string[], other: readonly string[]): boolean {
  if (one.length !== other.length) return false
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false
  return true
}

function made(keys: readonly string[]): Shape {
  const has = new Uint8Array(numberedKeys().length)
  let marks = 0
  for (const key of keys) {
    const number = knownNumber(key)
    if (number === undefined) continue
    has[number] = 1
    marks |= INTEREST.marks?.get(key) ?? 0
  }
  return { keys, has, marks, isOfInterest: keys.some(isKeyOfInterest) }
}
