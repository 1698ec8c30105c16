/**
 * Memory for byte strings of many sizes, outside the garbage collector's sight: pages of a mebibyte cut into equal slots, one size per page.
 * `put` copies bytes in and gives a reference, `at` shows them, `free` gives the slot back; a page that is empty is let go.
 * Why: a full collection over a million records stopped everything for 3 ms with pages like these, and for 200 ms and more with a string each.
 * While somebody `hold`s, freed bytes stay as they are, so that a snapshot can be written out while traces come and go.
 */
const PAGE_BYTES = 2 ** 20
const SLOT_BITS = 14
/** Steps of 64 bytes where nearly all runs are, up to 32 of them: half a step is wasted on average. */
const MOST_STEPS = 32
const LARGER: readonly number[] = [2560, 3072, 4096, 5120, 6144, 8192, 12_288, 16_384]
const LARGEST = LARGER.at(-1) ?? 0

interface Page {
  readonly number: number
  readonly size: number
  readonly bytes: Buffer
  /** Slots given back, last first. */
  readonly free: number[]
  /** Slots never used begin here. */
  fresh: number
  used: number
}

export class Slab {
  readonly #pages: (Page | undefined)[] = []
  readonly #emptyNumbers: number[] = []
  /** Pages with room, by size. */
  readonly #roomy = new Map<number, Page[]>()
  /** What fits no page, by negative reference. */
  readonly #large = new Map<number, Buffer>()
  #nextLarge = -2
  #holds = 0
  #deferred: number[] = []

  /** Copies the bytes; the reference is never -1. */
  put(bytes: Uint8Array): number {
    if (bytes.length > LARGEST) {
      const ref = this.#nextLarge--
      this.#large.set(ref, Buffer.from(bytes))
      return ref
    }
    const steps = Math.max(1, (bytes.length + 63) >> 6)
    const size = steps <= MOST_STEPS ? steps << 6 : (LARGER.find((s) => s >= bytes.length) ?? LARGEST)
    const page = this.#pageFor(size)
    const slot = page.free.pop() ?? page.fresh++
    page.used++
    if (!hasRoom(page)) this.#roomy.get(size)?.pop()
    page.bytes.set(bytes, slot * size)
    return (page.number << SLOT_BITS) | slot
  }

  /** The bytes, and whatever follows them in the slot; not to be kept. */
  at(ref: number): { readonly bytes: Buffer; readonly from: number } {
    const large = ref < 0 ? this.#large.get(ref) : undefined
    if (large !== undefined) return { bytes: large, from: 0 }
    const page = this.#pages[ref >> SLOT_BITS]
    if (page === undefined) throw new Error(`slab: nothing at ${ref}`)
    return { bytes: page.bytes, from: (ref & (2 ** SLOT_BITS - 1)) * page.size }
  }

  free(ref: number): void {
    if (this.#holds > 0) {
      this.#deferred.push(ref)
      return
    }
    if (ref < 0 && this.#large.delete(ref)) return
    const page = this.#pages[ref >> SLOT_BITS]
    if (page === undefined) return
    const roomy = this.#roomy.get(page.size) ?? []
    if (!hasRoom(page)) roomy.push(page)
    page.free.push(ref & (2 ** SLOT_BITS - 1))
    page.used--
    // The last page with room stays, or a run that opens and closes would take and give a page every time.
    if (page.used > 0 || roomy.length < 2) return
    roomy.splice(roomy.indexOf(page), 1)
    this.#pages[page.number] = undefined
    this.#emptyNumbers.push(page.number)
  }

  /** Keeps all bytes as they are until the function that it returns is called; once is enough, twice does no harm. */
  hold(): () => void {
    this.#holds++
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      if (--this.#holds > 0) return
      const deferred = this.#deferred
      this.#deferred = []
      for (const ref of deferred) this.free(ref)
    }
  }

  #pageFor(size: number): Page {
    let roomy = this.#roomy.get(size)
    if (roomy === undefined) this.#roomy.set(size, (roomy = []))
    const page = roomy.at(-1)
    if (page !== undefined) return page
    const number = this.#emptyNumbers.pop() ?? this.#pages.length
    const made = { number, size, bytes: Buffer.alloc(PAGE_BYTES), free: [], fresh: 0, used: 0 }
    this.#pages[number] = made
    roomy.push(made)
    return made
  }
}

function hasRoom(page: Page): boolean {
  return page.free.length > 0 || (page.fresh + 1) * page.size <= PAGE_BYTES
}
