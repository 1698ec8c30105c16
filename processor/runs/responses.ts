/**
 * Which traces reported which response id, per service: two instrumentations of one call can land in two traces of their own
 * (LangChain handler and OpenAI SDK), with nothing in common but `gen_ai.response.id` (R3). One of the traces keeps the call.
 * Claims are rows of numbers in a ring, numbered as they come: 40 bytes each and nothing for the garbage collector, for there is one per model call.
 * A span keeps its claim's number, so that its id is gone through once. Nobody takes claims away: they hold for as long as their trace is remembered.
 * A response id is held as a 64-bit fingerprint with a seed: a false match has odds below 1 in 10^12 at half a million claims.
 */
import {
  B,
  BEFORE,
  CANDIDATE,
  type CapturedClaims,
  capturedClaims,
  type ClaimsState,
  COUNTED,
  FINAL,
  FLAGS,
  idAt,
  LIFE,
  NESTED,
  SERVICE,
  SHARED,
  TRACE,
  WIDTH,
} from './packed/claim-rows.ts'
import { finishPrint, fingerprint, type Key, newKey, readKey, type TraceKey } from './packed/trace-key.ts'

/** What claims have to know of traces. */
export interface Claimants {
  /** Whether an open trace has an agent or workflow span. */
  isCandidate(traceId: string): boolean
  /** Since which closing in a row a closed trace has been remembered, 0 for one that is not; by its id where the key does not tell. */
  lifeOf(key: Key, traceId: string | undefined): number
}

/** More traces than this with one response id are a sender's bug. */
const MAX_CLAIMS = 8
/** Rows are made in pages of 640 KiB, as they are needed: tables count as memory in use, written or not. */
const PAGE_BITS = 14
const PAGE_ROWS = 2 ** PAGE_BITS
const NONE = -1
const NO_ROWS = new Int32Array(0)
/** Where a row, or a number's, is in its page. */
const atOf = (row: number): number => (row & (PAGE_ROWS - 1)) * WIDTH
const NOTHING: readonly number[] = []

export class Responses {
  readonly #max: number
  #seed: number
  readonly #traces: Claimants
  /** A ring of rows, a power of two of them, of which there are the pages that hold claims. */
  readonly #mask: number
  readonly #pages: (Int32Array | undefined)[]
  /** The number of each bucket's newest claim; made at the first. */
  #newest = new Int32Array(1)
  /** Ids of traces that cannot be told from their keys, by row. */
  readonly #names = new Map<number, string>()
  /** The next claim's number, modulo 2^32, and how many before it are held. */
  #next = 1
  #held = 0
  readonly #key = newKey()
  readonly #other = newKey()
  /** Fingerprint of the response that was asked for. */
  #a = 0
  #b = 0
  /** One service after the other asks, many times each. */
  #lastService: string | undefined
  #lastPrint = 0

  /** Holds at most `max` claims; the oldest are forgotten first. */
  constructor(max: number, seed: number, traces: Claimants) {
    this.#max = Math.max(1, max)
    this.#mask = 2 ** Math.max(PAGE_BITS, Math.ceil(Math.log2(this.#max))) - 1
    this.#pages = Array.from({ length: (this.#mask + 1) / PAGE_ROWS }, () => undefined)
    this.#seed = seed | 0
    this.#traces = traces
  }

  /** The number of the claim; undefined where too many traces have claimed the response. */
  claim(service: string, responseId: string, traceId: string, nested: boolean): number | undefined {
    this.#print(responseId)
    const key = readKey(traceId, this.#seed, this.#key)
    const claims = this.#find(this.#a, this.#b)
    const mine = this.#of(claims, this.#service(service), key)
    if (mine !== NONE) {
      this.#set(mine, nested ? NESTED : 0)
      return this.#numberAt(mine)
    }
    if (claims.length >= MAX_CLAIMS) return undefined
    for (const row of claims) this.#set(row, SHARED)
    const flags = (nested ? NESTED : 0) | (claims.length > 0 ? SHARED : 0)
    return this.#add(this.#a, this.#b, this.#service(service), key, traceId, flags)
  }

  /** The trace that reported a response, for evaluations that name only the response. */
  traceOf(responseId: string): string | undefined {
    this.#print(responseId)
    const claims = this.#find(this.#a, this.#b)
    const row = claims.find((r) => this.#has(r, COUNTED)) ?? claims[0]
    return row === undefined ? undefined : this.#idOf(row)
  }

  /**
   * Whether `traceId` keeps the call when it closes now; marks it counted if so. The rule does not depend on which trace closes first:
   * a call already counted is never counted again, an agent's trace wins over a nested call and that over a bare one, else the smaller id.
   */
  keep(service: string, responseId: string, traceId: string, claim: number | undefined): boolean {
    const mine = this.#mine(service, responseId, traceId, claim)
    // Where there was no room for a claim, others count the call.
    if (mine === NONE) return claim !== undefined || this.#find(this.#a, this.#b).length < MAX_CLAIMS
    if (this.#has(mine, COUNTED)) return true
    const wins = !this.#has(mine, SHARED) || this.#rivalsOf(mine).every((r) => !this.#has(r, COUNTED) && this.#beats(mine, r))
    if (wins) this.#set(mine, COUNTED)
    return wins
  }

  /** Whether the trace of a claim has counted the call: another span of it says the same again. */
  isCounted(service: string, responseId: string, traceId: string, claim: number | undefined): boolean {
    const mine = this.#mine(service, responseId, traceId, claim)
    return mine !== NONE && this.#has(mine, COUNTED)
  }

  /** Notes that the trace of a claim closes: what it is does not change any more. The claim's number, if it is still held. */
  settle(service: string, responseId: string, traceId: string, claim: number | undefined, hasCandidate: boolean): number | undefined {
    const mine = this.#mine(service, responseId, traceId, claim)
    if (mine === NONE) return undefined
    if (!this.#has(mine, FINAL)) this.#set(mine, FINAL | (hasCandidate ? CANDIDATE : 0))
    return this.#numberAt(mine)
  }

  /** Notes in which life a trace that has closed is remembered: what was settled holds for as long. */
  remember(claim: number, life: number): void {
    if (!this.#isHeld(claim)) return
    const [page, at] = [this.#page(claim), atOf(claim) + LIFE]
    if (page[at] === 0) page[at] = life
  }

  /** Every claim that holds, oldest first. */
  capture(): CapturedClaims {
    const rows = new Int32Array(this.#held * WIDTH)
    const names = new Map<number, string>()
    let count = 0
    for (let number = this.#oldest(); number !== this.#next; number = (number + 1) | 0) {
      const row = number & this.#mask
      if (!this.#holds(row)) continue
      const at = count * WIDTH
      rows.set(this.#page(row).subarray(atOf(row), atOf(row) + WIDTH), at)
      if (this.#isAgents(row)) rows[at + FLAGS] = (rows[at + FLAGS] ?? 0) | CANDIDATE
      const name = this.#names.get(row)
      if (name !== undefined) names.set(count, name)
      count++
    }
    return capturedClaims(this.#seed, rows, names, count)
  }

  /** Takes over captured claims, and the seed they were made with. `isOpen` says which traces may still change. */
  restore({ seed, claims }: ClaimsState, isOpen: (traceId: string) => boolean): void {
    this.#seed = seed
    this.#lastService = undefined
    for (const c of claims) {
      const isFinal = c.isFinal ?? (c.counted || !isOpen(c.traceId))
      const key = readKey(c.traceId, this.#seed, this.#key)
      const life = isFinal ? this.#traces.lifeOf(key, key.isNamed ? c.traceId : undefined) : 0
      if (isFinal && life === 0) continue
      const flags = (c.nested ? NESTED : 0) | (c.counted ? COUNTED : 0) | (isFinal ? FINAL : 0) | (c.hasCandidate ? CANDIDATE : 0)
      // Whether others share it is not said: then they are looked for.
      const number = this.#add(c.response[0], c.response[1], c.service, key, c.traceId, flags | SHARED)
      this.remember(number, life)
    }
  }

  #service(service: string): number {
    if (service !== this.#lastService) {
      this.#lastService = service
      this.#lastPrint = fingerprint(service, this.#seed)
    }
    return this.#lastPrint
  }

  /** Both halves of a fingerprint at once. */
  #print(responseId: string): void {
    let a = this.#seed
    let b = ~this.#seed
    for (let i = 0; i < responseId.length; i++) {
      const code = responseId.charCodeAt(i)
      a = Math.imul(a ^ code, 0x9e3779b1)
      b = Math.imul(b ^ code, 0x9e3779b1)
    }
    this.#a = finishPrint(a)
    this.#b = finishPrint(b)
  }

  /** The rows of a response's claims, oldest first. A bucket goes back from its newest; the first that is too old ends it, and what holds no more is left out. */
  #find(a: number, b: number): readonly number[] {
    const bucket = this.#bucket(a)
    let found = NOTHING
    let after = NONE
    for (let number = this.#newest[bucket] ?? 0; this.#isHeld(number);) {
      const row = number & this.#mask
      const [rows, at] = [this.#page(row), atOf(row)]
      number = rows[at + BEFORE] ?? 0
      const isIts = rows[at] === a && rows[at + B] === b
      if (isIts && !this.#holds(row)) {
        if (after === NONE) this.#newest[bucket] = number
        else this.#page(after)[atOf(after) + BEFORE] = number
        continue
      }
      if (isIts) found = [row, ...found]
      after = row
    }
    return found
  }

  /** The row of a trace's own claim: by its number, where the span has one. */
  #mine(service: string, responseId: string, traceId: string, claim: number | undefined): number {
    if (claim !== undefined) return this.#isHeld(claim) && this.#holds(claim & this.#mask) ? claim & this.#mask : NONE
    this.#print(responseId)
    return this.#of(this.#find(this.#a, this.#b), this.#service(service), readKey(traceId, this.#seed, this.#key))
  }

  #of(claims: readonly number[], service: number, { a, b, c, d }: Key): number {
    for (const row of claims) {
      const [r, at] = [this.#page(row), atOf(row)]
      if (r[at + SERVICE] !== service || r[at + TRACE] !== a || r[at + TRACE + 1] !== b) continue
      if (r[at + TRACE + 2] === c && r[at + TRACE + 3] === d) return row
    }
    return NONE
  }

  #rivalsOf(mine: number): readonly number[] {
    const service = this.#get(mine, SERVICE)
    return this.#find(this.#get(mine, 0), this.#get(mine, B)).filter((row) => row !== mine && this.#get(row, SERVICE) === service)
  }

  // oxlint-disable-next-line max-params -- a row, without an object for it
  #add(a: number, b: number, service: number, key: TraceKey, traceId: string, flags: number): number {
    const number = this.#next
    const row = number & this.#mask
    if (this.#newest.length === 1) this.#newest = new Int32Array(this.#mask + 1)
    if (row % PAGE_ROWS === 0 || this.#held === 0) this.#turnPage()
    const page = this.#pages[row >>> PAGE_BITS] ?? (this.#pages[row >>> PAGE_BITS] = new Int32Array(PAGE_ROWS * WIDTH))
    this.#next = (number + 1) | 0
    if (this.#held < this.#max) this.#held++
    const bucket = this.#bucket(a)
    const at = atOf(row)
    page[at] = a
    page[at + B] = b
    page[at + SERVICE] = service
    page[at + TRACE] = key.a
    page[at + TRACE + 1] = key.b
    page[at + TRACE + 2] = key.c
    page[at + TRACE + 3] = key.d
    page[at + FLAGS] = flags
    page[at + LIFE] = 0
    page[at + BEFORE] = this.#newest[bucket] ?? 0
    this.#newest[bucket] = number
    if (this.#names.size > 0) this.#names.delete(row)
    if (key.isNamed) this.#names.set(row, traceId)
    return number
  }

  /** Forgets the oldest claims that hold no more, and gives up pages that have none. */
  #turnPage(): void {
    // Two pages at a time, some milliseconds: all of them may be forgotten at once.
    for (let left = 2 * PAGE_ROWS; left > 0 && this.#held > 0 && !this.#holds(this.#oldest() & this.#mask); left--) this.#held--
    // The oldest may be in the page that is to be filled.
    if (this.#held > this.#mask + 1 - PAGE_ROWS) return
    const [first, last] = [(this.#oldest() & this.#mask) >>> PAGE_BITS, (this.#next & this.#mask) >>> PAGE_BITS]
    for (let page = (last + 1) % this.#pages.length; page !== first && page !== last; page = (page + 1) % this.#pages.length)
      this.#pages[page] = undefined
  }

  /** The page of a row, or of a number. */
  #page(row: number): Int32Array {
    return this.#pages[(row & this.#mask) >>> PAGE_BITS] ?? NO_ROWS
  }

  #get(row: number, field: number): number {
    return this.#page(row)[atOf(row) + field] ?? 0
  }

  #oldest(): number {
    return (this.#next - this.#held) | 0
  }

  #isHeld(number: number): boolean {
    const age = (this.#next - number) | 0
    return age > 0 && age <= this.#held
  }

  /** Whether the claim's trace is open, or remembered since it closed. */
  #holds(row: number): boolean {
    const life = this.#get(row, LIFE)
    return life === 0 || this.#traces.lifeOf(this.#keyOf(row), this.#names.get(row)) === life
  }

  #keyOf(row: number): Key {
    const [key, r, at] = [this.#other, this.#page(row), atOf(row) + TRACE]
    key.a = r[at] ?? 0
    key.b = r[at + 1] ?? 0
    key.c = r[at + 2] ?? 0
    key.d = r[at + 3] ?? 0
    return key
  }

  #numberAt(row: number): number {
    // Of the numbers that a row stands for, the newest one that was given out.
    const age = (this.#next - row) & this.#mask
    return (this.#next - (age === 0 ? this.#mask + 1 : age)) | 0
  }

  #bucket(a: number): number {
    return a & (this.#newest.length - 1)
  }

  #has(row: number, flag: number): boolean {
    return (this.#get(row, FLAGS) & flag) !== 0
  }

  #set(row: number, flags: number): void {
    const [page, at] = [this.#page(row), atOf(row) + FLAGS]
    page[at] = (page[at] ?? 0) | flags
  }

  #idOf(row: number): string {
    return this.#names.get(row) ?? idAt(this.#page(row), atOf(row))
  }

  /** Whether the claim's trace has an agent or workflow span: as it is while open, as it was when it closed. */
  #isAgents(row: number): boolean {
    return this.#has(row, FINAL) ? this.#has(row, CANDIDATE) : this.#traces.isCandidate(this.#idOf(row))
  }

  #beats(a: number, b: number): boolean {
    const isAgents = this.#isAgents(a)
    if (isAgents !== this.#isAgents(b)) return isAgents
    const isNested = this.#has(a, NESTED)
    if (isNested !== this.#has(b, NESTED)) return isNested
    return this.#idOf(a) < this.#idOf(b)
  }
}
