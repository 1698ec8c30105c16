/**
 * Which traces reported which response id, per service: two instrumentations of one call can land in two traces of their own
 * (LangChain handler and OpenAI SDK), with nothing in common but `gen_ai.response.id` (R3). One of the traces keeps the call.
 * Claims are rows of numbers in a ring, oldest first: 36 bytes each and nothing for the garbage collector, for there is one per model call.
 * A response id is held as a 64-bit fingerprint with a seed: a false match has odds below 1 in 10^12 at half a million claims.
 */
import { fingerprint, idOfKey, newKey, readKey } from './packed/trace-key.ts'

/** A claim as data; the fingerprints mean something only with the seed that they were made with. */
export interface ClaimState {
  readonly response: readonly [number, number]
  readonly service: number
  readonly traceId: string
  readonly hasCandidate: boolean
  readonly nested: boolean
  readonly counted: boolean
}

export interface ClaimsState {
  readonly seed: number
  readonly claims: readonly ClaimState[]
}

/** More traces than this with one response id are a sender's bug. */
const MAX_CLAIMS = 8
/** Fingerprints of response and service, four ints of trace key, flags, the next claim in its bucket. */
const WIDTH = 9
const [B, SERVICE, TRACE, FLAGS, CHAIN] = [1, 2, 3, 7, 8]
/** LIVE: not released. NESTED: the call's span has a parent. COUNTED: its trace closed and counted the call. FINAL: its trace has closed. */
const [LIVE, NESTED, COUNTED, CANDIDATE, FINAL] = [1, 2, 4, 8, 16]
const NONE = -1

export class Responses {
  readonly #max: number
  #seed: number
  readonly #isCandidate: (traceId: string) => boolean
  /** Both made at the first claim. */
  #rows = new Int32Array(0)
  /** A row more than it is, so that 0 is none: an array of zeros costs nothing until it is written. */
  #heads = new Int32Array(1)
  /** Ids of traces that cannot be told from their keys, by row. */
  readonly #names = new Map<number, string>()
  /** Row of the oldest claim, and rows in use from there on. */
  #oldest = 0
  #used = 0
  readonly #key = newKey()
  /** One service after the other asks, many times each. */
  #lastService: string | undefined
  #lastPrint = 0

  /** Holds at most `max` claims; the oldest are forgotten first. `isCandidate` says of an open trace whether it has an agent or workflow span. */
  constructor(max: number, seed: number, isCandidate: (traceId: string) => boolean) {
    this.#max = Math.max(1, max)
    this.#seed = seed | 0
    this.#isCandidate = isCandidate
  }

  claim(service: string, responseId: string, traceId: string, nested: boolean): void {
    const claims = this.#find(responseId)
    const mine = this.#of(claims, this.#service(service), traceId)
    if (mine !== NONE) this.#set(mine, nested ? NESTED : 0)
    else if (claims.length < MAX_CLAIMS)
      this.#add(
        fingerprint(responseId, this.#seed),
        fingerprint(responseId, ~this.#seed),
        this.#service(service),
        traceId,
        nested ? NESTED : 0,
      )
  }

  /** The trace that reported a response, for evaluations that name only the response. */
  traceOf(responseId: string): string | undefined {
    const claims = this.#find(responseId)
    const row = claims.find((r) => this.#has(r, COUNTED)) ?? claims[0]
    return row === undefined ? undefined : this.#idOf(row)
  }

  /**
   * Whether `traceId` keeps the call when it closes now; marks it counted if so. The rule does not depend on which trace closes first:
   * a call already counted is never counted again, an agent's trace wins over a nested call and that over a bare one, else the smaller id.
   */
  keep(service: string, responseId: string, traceId: string): boolean {
    const wanted = this.#service(service)
    const claims = this.#find(responseId).filter((r) => this.#rows[r * WIDTH + SERVICE] === wanted)
    const mine = this.#of(claims, wanted, traceId)
    if (mine === NONE || this.#has(mine, COUNTED)) return true
    const wins = claims.every((r) => r === mine || (!this.#has(r, COUNTED) && this.#beats(mine, r)))
    if (wins) this.#set(mine, COUNTED)
    return wins
  }

  /** Notes that the trace of a claim has closed: what it is does not change any more. */
  settle(service: string, responseId: string, traceId: string, hasCandidate: boolean): void {
    const mine = this.#of(this.#find(responseId), this.#service(service), traceId)
    if (mine !== NONE && !this.#has(mine, FINAL)) this.#set(mine, FINAL | (hasCandidate ? CANDIDATE : 0))
  }

  /** Forgets what a closed trace claimed. */
  release(service: string, responseId: string, traceId: string): void {
    const mine = this.#of(this.#find(responseId), this.#service(service), traceId)
    if (mine !== NONE) this.#drop(mine)
  }

  /** Every claim, oldest first. */
  capture(): ClaimsState {
    const claims: ClaimState[] = []
    for (let i = 0; i < this.#used; i++) {
      const row = (this.#oldest + i) % this.#max
      if (!this.#has(row, LIVE)) continue
      const at = row * WIDTH
      const traceId = this.#idOf(row)
      claims.push({
        response: [this.#rows[at] ?? 0, this.#rows[at + B] ?? 0],
        service: this.#rows[at + SERVICE] ?? 0,
        traceId,
        hasCandidate: this.#isAgents(row),
        nested: this.#has(row, NESTED),
        counted: this.#has(row, COUNTED),
      })
    }
    return { seed: this.#seed, claims }
  }

  /** Takes over captured claims, and the seed they were made with. `isOpen` says which traces may still change. */
  restore({ seed, claims }: ClaimsState, isOpen: (traceId: string) => boolean): void {
    this.#seed = seed
    this.#lastService = undefined
    for (const c of claims) {
      const isFinal = c.counted || !isOpen(c.traceId)
      const flags = (c.nested ? NESTED : 0) | (c.counted ? COUNTED : 0) | (isFinal ? FINAL : 0) | (c.hasCandidate ? CANDIDATE : 0)
      this.#add(c.response[0], c.response[1], c.service, c.traceId, flags)
    }
  }

  #service(service: string): number {
    if (service !== this.#lastService) {
      this.#lastService = service
      this.#lastPrint = fingerprint(service, this.#seed)
    }
    return this.#lastPrint
  }

  /** The claims of a response, oldest first. */
  #find(responseId: string): readonly number[] {
    const a = fingerprint(responseId, this.#seed)
    const b = fingerprint(responseId, ~this.#seed)
    const found: number[] = []
    for (let row = this.#first(a); row !== NONE; row = this.#rows[row * WIDTH + CHAIN] ?? NONE)
      if (this.#rows[row * WIDTH] === a && this.#rows[row * WIDTH + B] === b) found.push(row)
    // A bucket holds the newest first.
    return found.length > 1 ? found.sort((x, y) => this.#ageOf(x) - this.#ageOf(y)) : found
  }

  #ageOf(row: number): number {
    return (row - this.#oldest + this.#max) % this.#max
  }

  #of(claims: readonly number[], service: number, traceId: string): number {
    if (claims.length === 0) return NONE
    const { a, b, c, d } = readKey(traceId, this.#seed, this.#key)
    for (const row of claims) {
      const at = row * WIDTH
      const r = this.#rows
      if (r[at + SERVICE] !== service || r[at + TRACE] !== a || r[at + TRACE + 1] !== b) continue
      if (r[at + TRACE + 2] === c && r[at + TRACE + 3] === d) return row
    }
    return NONE
  }

  #add(a: number, b: number, service: number, traceId: string, flags: number): void {
    if (this.#rows.length === 0) {
      this.#rows = new Int32Array(this.#max * WIDTH)
      this.#heads = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(1024, this.#max))))
    }
    if (this.#used === this.#max) this.#drop(this.#oldest)
    const row = (this.#oldest + this.#used++) % this.#max
    const key = readKey(traceId, this.#seed, this.#key)
    const bucket = this.#bucket(a)
    this.#rows.set([a, b, service, key.a, key.b, key.c, key.d, flags | LIVE, this.#first(a)], row * WIDTH)
    if (key.isNamed) this.#names.set(row, traceId)
    this.#heads[bucket] = row + 1
  }

  #drop(row: number): void {
    const next = this.#rows[row * WIDTH + CHAIN] ?? NONE
    const a = this.#rows[row * WIDTH] ?? 0
    let before = this.#first(a)
    if (before === row) this.#heads[this.#bucket(a)] = next + 1
    else {
      while (this.#rows[before * WIDTH + CHAIN] !== row) before = this.#rows[before * WIDTH + CHAIN] ?? NONE
      this.#rows[before * WIDTH + CHAIN] = next
    }
    this.#rows[row * WIDTH + FLAGS] = 0
    this.#names.delete(row)
    while (this.#used > 0 && !this.#has(this.#oldest, LIVE)) {
      this.#oldest = (this.#oldest + 1) % this.#max
      this.#used--
    }
  }

  #first(a: number): number {
    return (this.#heads[this.#bucket(a)] ?? 0) - 1
  }

  #bucket(a: number): number {
    return (a >>> 0) & (this.#heads.length - 1)
  }

  #has(row: number, flag: number): boolean {
    return ((this.#rows[row * WIDTH + FLAGS] ?? 0) & flag) !== 0
  }

  #set(row: number, flags: number): void {
    this.#rows[row * WIDTH + FLAGS] = (this.#rows[row * WIDTH + FLAGS] ?? 0) | flags
  }

  #idOf(row: number): string {
    const at = row * WIDTH + TRACE
    const r = this.#rows
    return this.#names.get(row) ?? idOfKey(r[at] ?? 0, r[at + 1] ?? 0, r[at + 2] ?? 0, r[at + 3] ?? 0)
  }

  /** Whether the claim's trace has an agent or workflow span: as it is while open, as it was when it closed. */
  #isAgents(row: number): boolean {
    return this.#has(row, FINAL) ? this.#has(row, CANDIDATE) : this.#isCandidate(this.#idOf(row))
  }

  #beats(a: number, b: number): boolean {
    const isAgents = this.#isAgents(a)
    if (isAgents !== this.#isAgents(b)) return isAgents
    const isNested = this.#has(a, NESTED)
    if (isNested !== this.#has(b, NESTED)) return isNested
    return this.#idOf(a) < this.#idOf(b)
  }
}
