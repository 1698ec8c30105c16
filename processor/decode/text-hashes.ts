/**
 * Short hashes of long texts that come with span after span: instructions and tool sets. In: bytes of UTF-8. Out: `shortHash` of their text.
 * A text that was met before is known by its length and a seeded CRC-32, six times as quick to work out; the text itself is not kept.
 * Two texts are taken for one as rarely as their hashes of 32 bits are the same by chance.
 */
import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { shortHash } from '../../model/short-hash.ts'

/** Agents' instructions and tool sets at once; beyond it what was known is forgotten. */
const MOST = 1024
/** Of shorter ones less is saved than a place is worth. */
const LONG = 256
/** Longer ones are told apart by the CRC alone. */
const LENGTHS = 2 ** 21

export class TextHashes {
  readonly #seed = randomBytes(4).readUInt32LE()
  readonly #known = new Map<number, string>()

  /** The hash of the text in [start, end). */
  of(bytes: Buffer, start: number, end: number): string {
    if (end - start < LONG) return shortHash(bytes.toString('utf8', start, end))
    const key = crc32(bytes.subarray(start, end), this.#seed) * LENGTHS + Math.min(end - start, LENGTHS - 1)
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const hash = shortHash(bytes.toString('utf8', start, end))
    if (this.#known.size >= MOST) this.#known.clear()
    this.#known.set(key, hash)
    return hash
  }
}
