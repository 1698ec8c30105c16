/**
 * A large OTLP/JSON request → where its spans or records stand, all of it checked on the way, in turns. Nothing is read or handed on.
 * It gives undefined for what is wrong or rare, as json-walk.ts does: the exact way (json.ts) then reads the body or words the error.
 */
import { isUtf8 } from 'node:buffer'
import type { DecodeLimits } from './decode.ts'
import { DEFAULT_DECODE_LIMITS } from './index.ts'
import { JsonOutline, type OutlinedResource } from './json-outline.ts'
import { JsonPlaces } from './json-places.ts'
import { JsonWalk } from './json-walk.ts'
import { KeyTable } from './key-table.ts'

/** Goes through a body, and stops now and then for others to get a turn. */
export type OutlineInTurns = (signal: 'traces' | 'logs', body: Uint8Array) => Generator<undefined, readonly OutlinedResource[] | undefined>

/** What is nested deeper or has more items is left to the exact way, which refuses it. */
export function createOutline(limits: Partial<DecodeLimits> = {}): OutlineInTurns {
  const { maxNesting = DEFAULT_DECODE_LIMITS.maxNesting.json, maxItems = DEFAULT_DECODE_LIMITS.maxItems } = limits
  const noKeys = new KeyTable([], [])
  return function* outline(signal, body) {
    if (!isUtf8(body)) return undefined
    // Room of its own: others decode between the turns.
    const { scan, steps } = new JsonWalk(body, { maxNesting, maxItems }, new JsonPlaces(noKeys)).steps(signal)
    return yield* new JsonOutline(scan, signal, steps, maxItems).inTurns()
  }
}
