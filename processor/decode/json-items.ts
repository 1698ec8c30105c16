/**
 * The items of a long JSON list, each parsed when it is asked for: of a conversation, which models are sent whole each time, only the newest
 * message of the user is read, and perhaps the first. All of it is checked as strictly as JSON.parse would; what is no list, no JSON, or
 * nested too deep is left to that. Invariant: the items are what JSON.parse makes of them within the whole.
 */
import type { Items } from '../../model/span.ts'
import { CLOSE_LIST, JsonScan, OPEN_LIST } from './json-scan.ts'

/** Deeper is left to JSON.parse. */
const MAX_NESTING = 100

/** Items of the list in [start, end), white space around it apart; undefined where it is to be parsed as a whole. The bytes are UTF-8. */
export function itemsIn(bytes: Buffer, start: number, end: number): Items | undefined {
  const scan = new JsonScan(bytes, MAX_NESTING)
  const open = scan.space(start)
  if (bytes[open] !== OPEN_LIST) return undefined
  const bounds: number[] = []
  // What follows the text in the body may look like more of it: the list has to end before.
  for (let p = scan.first(open, CLOSE_LIST); p !== 0;) {
    const after = p < 0 || p >= end ? -1 : scan.value(p, 1)
    if (after < 0 || after >= end) return undefined
    bounds.push(p, after)
    p = scan.next(after, CLOSE_LIST)
  }
  return scan.after > end || scan.space(scan.after) < end ? undefined : new ParsedWhenAsked(bytes, bounds)
}

class ParsedWhenAsked implements Items {
  readonly #bytes: Buffer
  /** Where each begins and ends. */
  readonly #bounds: readonly number[]
  readonly length: number

  constructor(bytes: Buffer, bounds: readonly number[]) {
    this.#bytes = bytes
    this.#bounds = bounds
    this.length = bounds.length / 2
  }

  at(index: number): unknown {
    const start = this.#bounds[index * 2]
    return start === undefined ? undefined : JSON.parse(this.#bytes.toString('utf8', start, this.#bounds[index * 2 + 1]))
  }
}
