/**
 * Room for request bodies: how many bytes of them may be in memory, how many requests under way, and who gets how much of that.
 * In: what has come, never what was announced. Out: nothing, or a Refusal. What a request holds is given back when it leaves, once.
 */
import { Refusal } from './refusal.ts'

/** A body is slow while it takes longer than this for the next 16 KiB. */
const SLOW_MS = 2000
const PROGRESS_BYTES = 16_384

/**
 * Room for request bodies: bytes that have come, not what was announced, and requests under way, of all receivers together. At a bound
 * bodies that come slowly are cut off first; then senders are told to come back. Where it is shared between several, none of them may hold
 * more than is left free: one alone gets half, two a third each, and whoever comes next always finds something.
 */
export class InflightBytes {
  readonly #max: number
  readonly #maxRequests: number
  readonly #isShared: () => boolean
  #bytes = 0
  readonly #places = new Set<Place>()
  readonly #senders = new Map<string, { bytes: number; requests: number }>()
  #alone: Promise<unknown> = Promise.resolve()

  constructor(maxBytes: number, maxRequests: number, isShared: () => boolean = () => false) {
    this.#max = maxBytes
    this.#maxRequests = maxRequests
    this.#isShared = isShared
  }

  get bytes(): number {
    return this.#bytes
  }

  /** @throws Refusal `overload` or `share`. */
  enter(place: Place): void {
    const free = this.#maxRequests - this.#places.size
    const { requests } = this.#heldBy(place)
    // Asked first: nobody is cut off for who has its share.
    if (this.#isShared() && requests > 0 && requests >= free) throw new Refusal('share', 'this token has its share of requests under way')
    const fits = (): boolean => this.#places.size < this.#maxRequests
    if (!fits()) this.#cutSlow(fits)
    if (!fits()) throw new Refusal('overload', 'too many requests at once')
    this.#places.add(place)
    this.#change(place, 0, 1)
  }

  /**
   * Whether a request may hold so many bytes more. One alone is always let in: a body within its own limit must not be refused for ever.
   * @throws Refusal `overload` or `share`.
   */
  check(place: Place, more: number): void {
    const { bytes } = this.#heldBy(place)
    if (this.#isShared() && bytes > place.held && bytes + more > this.#max - this.#bytes)
      throw new Refusal('share', 'this token has its share of bytes in memory')
    const fits = (): boolean => this.#bytes <= place.held || this.#bytes + more <= this.#max
    if (!fits()) this.#cutSlow(fits, place)
    if (!fits()) throw new Refusal('overload', 'too many bytes in memory')
  }

  /** Has very large bodies taken one after the other: each finds the memory as the one before left it. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#alone
    const done = before.then(work)
    this.#alone = done.catch(() => undefined)
    return await done
  }

  hold(place: Place, more: number): void {
    this.#bytes += more
    this.#change(place, more, 0)
  }

  leave(place: Place): void {
    const hasPlace = this.#places.delete(place)
    this.#bytes -= place.held
    this.#change(place, -place.held, hasPlace ? -1 : 0)
  }

  #heldBy({ sender }: Place): { readonly bytes: number; readonly requests: number } {
    return (sender === undefined ? undefined : this.#senders.get(sender)) ?? { bytes: 0, requests: 0 }
  }

  #change({ sender }: Place, bytes: number, requests: number): void {
    if (sender === undefined) return
    const held = this.#senders.get(sender) ?? { bytes: 0, requests: 0 }
    held.bytes += bytes
    held.requests += requests
    if (held.bytes <= 0 && held.requests <= 0) this.#senders.delete(sender)
    else this.#senders.set(sender, held)
  }

  /** Cuts off bodies that come slowly, the slowest first, until there is room. */
  #cutSlow(hasRoom: () => boolean, but?: Place): void {
    const before = performance.now() - SLOW_MS
    const slow = [...this.#places].filter((p) => p !== but && p.waitsSince < before).sort((a, b) => a.waitsSince - b.waitsSince)
    for (const place of slow) {
      if (hasRoom()) return
      place.cutOff()
    }
  }
}

/** One request's share of the room. */
export class Place {
  readonly #inflight: InflightBytes
  /** Name of the token it came with. */
  readonly sender: string | undefined
  #held = 0
  #cut: ((why: Refusal) => void) | undefined
  #progressAt = 0
  #progressBytes = 0
  #left: (() => void) | undefined

  constructor(inflight: InflightBytes, sender?: string) {
    this.#inflight = inflight
    this.sender = sender
  }

  get held(): number {
    return this.#held
  }

  /** Since when its body should have come on; never while none is awaited. */
  get waitsSince(): number {
    return this.#cut === undefined ? Number.POSITIVE_INFINITY : this.#progressAt
  }

  /** @throws Refusal `overload` or `share`. */
  enter(): void {
    this.#inflight.enter(this)
  }

  /** Its body begins to come; `cut` ends that when others need the room. */
  awaits(cut: (why: Refusal) => void): void {
    this.#cut = cut
    this.#progressAt = performance.now()
  }

  /** Of its body came so much in all. @throws Refusal `overload` or `share`. */
  came(bytes: number): void {
    if (bytes - this.#progressBytes >= PROGRESS_BYTES) {
      this.#progressBytes = bytes
      this.#progressAt = performance.now()
    }
    this.hold(bytes)
  }

  /** Nothing more is awaited. */
  done(): void {
    this.#cut = undefined
  }

  cutOff(): void {
    const cut = this.#cut
    this.leave()
    cut?.(new Refusal('slow', 'the body came too slowly while others waited for room'))
  }

  /** Whether so many bytes in all would be let in now. @throws Refusal `overload` or `share`. */
  fits(bytes: number): void {
    if (bytes > this.#held) this.#inflight.check(this, bytes - this.#held)
  }

  /** Makes sure that `bytes` are held in all; never gives back before the end. @throws Refusal `overload` or `share`. */
  hold(bytes: number): void {
    if (bytes <= this.#held) return
    this.fits(bytes)
    this.#inflight.hold(this, bytes - this.#held)
    this.#held = bytes
  }

  /** Has `left` called once when it leaves: nothing of the request is read any more then. */
  onLeave(left: () => void): void {
    this.#left = left
  }

  leave(): void {
    this.#cut = undefined
    this.#inflight.leave(this)
    this.#held = 0
    const left = this.#left
    this.#left = undefined
    left?.()
  }
}
