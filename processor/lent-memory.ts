/**
 * Memory that bodies are unpacked into, one piece each until it is given back: in are sizes, out is memory whose content is whatever was
 * there before. What was given back last is lent first, for it is most likely still in the processor's cache. Invariant: a piece is lent to
 * one at a time, and what is kept for later is bounded.
 */

/** As many bodies of half a MiB, which is what SDKs send at most as a rule, as are under way at once in a busy process. */
const KEPT_BYTES = 16 * 2 ** 20
const SMALLEST = 64 * 1024

export class LentMemory {
  readonly #kept: Uint8Array[] = []
  #keptBytes = 0

  /** A piece of at least so many bytes. */
  lend(bytes: number): Uint8Array {
    const at = this.#kept.findLastIndex((piece) => piece.length >= bytes)
    const [piece] = at < 0 ? [] : this.#kept.splice(at, 1)
    if (piece === undefined) return Buffer.allocUnsafeSlow(sizeFor(bytes))
    this.#keptBytes -= piece.length
    return piece
  }

  /** Takes back what was lent, and only that; nobody may read it any more. */
  giveBack(piece: Uint8Array): void {
    this.#kept.push(piece)
    this.#keptBytes += piece.length
    while (this.#keptBytes > KEPT_BYTES) this.#keptBytes -= this.#kept.shift()?.length ?? 0
  }
}

/** Powers of two, so that the next body of about this size fits as well. */
function sizeFor(bytes: number): number {
  let size = SMALLEST
  while (size < bytes) size *= 2
  return size
}
