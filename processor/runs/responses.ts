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
/** Rows at the start. */
const FIRST = 1024
const NONE = -1
const NOTHING: readonly number[] = []

export class Responses {
  readonly #max: number
  #seed: number
  readonly #traces: Claimants
  /** A power of two of rows, twice as many whenever they are full of claims that hold: tables count as memory in use, written or not. */
  #rows = new Int32Array(FIRST * WIDTH)
  /** The number of each bucket's newest claim. */
  #newest = new Int32Array(FIRST)
  #mask = FIRST - 1
  /** Ids of traces that cannot be told from their keys, by row. */
  #names = new Map<number, string>()
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
    const at = (claim & this.#mask) * WIDTH + LIFE
    if (this.#isHeld(claim) && this.#rows[at] === 0) this.#rows[at] = life
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
      rows.set(this.#rows.subarray(row * WIDTH, (row + 1) * WIDTH), at)
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
    const rows = this.#rows
    const bucket = this.#bucket(a)
    let found = NOTHING
    let after = NONE
    for (let number = this.#newest[bucket] ?? 0; this.#isHeld(number);) {
      const row = number & this.#mask
      const at = row * WIDTH
      number = rows[at + BEFORE] ?? 0
      const isIts = rows[at] === a && rows[at + B] === b
      if (isIts && !this.#holds(row)) {
        if (after === NONE) this.#newest[bucket] = number
        else rows[after * WIDTH + BEFORE] = number
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
      const at = row * WIDTH
      const r = this.#rows
      if (r[at + SERVICE] !== service || r[at + TRACE] !== a || r[at + TRACE + 1] !== b) continue
      if (r[at + TRACE + 2] === c && r[at + TRACE + 3] === d) return row
    }
    return NONE
  }

  #rivalsOf(mine: number): readonly number[] {
    const r = this.#rows
    const at = mine * WIDTH
    return this.#find(r[at] ?? 0, r[at + B] ?? 0).filter((row) => row !== mine && r[row * WIDTH + SERVICE] === r[at + SERVICE])
  }

  // oxlint-disable-next-line max-params -- a row, without an object for it
  #add(a: number, b: number, service: number, key: TraceKey, traceId: string, flags: number): number {
    if (this.#held > this.#mask && this.#held < this.#max) this.#makeRoom()
    const number = this.#next
    this.#next = (number + 1) | 0
    if (this.#held < this.#max) this.#held++
    const row = number & this.#mask
    const at = row * WIDTH
    const r = this.#rows
    r[at] = a
    r[at + B] = b
    r[at + SERVICE] = service
    r[at + TRACE] = key.a
    r[at + TRACE + 1] = key.b
    r[at + TRACE + 2] = key.c
    r[at + TRACE + 3] = key.d
    r[at + FLAGS] = flags
    r[at + LIFE] = 0
    this.#link(number, row)
    if (this.#names.size > 0) this.#names.delete(row)
    if (key.isNamed) this.#names.set(row, traceId)
    return number
  }

  /** Forgets the oldest claims that hold no more; where that leaves more than half, makes twice as many rows. Takes some 10 ms at half a million. */
  #makeRoom(): void {
    while (this.#held > 0 && !this.#holds(this.#oldest() & this.#mask)) this.#held--
    if (this.#held * 2 <= this.#mask) return
    const [rows, mask, names, size] = [this.#rows, this.#mask, this.#names, (this.#mask + 1) * 2]
    this.#rows = new Int32Array(size * WIDTH)
    this.#newest = new Int32Array(size)
    this.#mask = size - 1
    this.#names = new Map()
    for (let number = this.#oldest(); number !== this.#next; number = (number + 1) | 0) {
      const [from, row] = [number & mask, number & this.#mask]
      this.#rows.set(rows.subarray(from * WIDTH, (from + 1) * WIDTH), row * WIDTH)
      this.#link(number, row)
      const name = names.get(from)
      if (name !== undefined) this.#names.set(row, name)
    }
  }

  /** Puts a claim at the head of its bucket. */
  #link(number: number, row: number): void {
    const bucket = this.#bucket(this.#rows[row * WIDTH] ?? 0)
    this.#rows[row * WIDTH + BEFORE] = this.#newest[bucket] ?? 0
    this.#newest[bucket] = number
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
    const life = this.#rows[row * WIDTH + LIFE] ?? 0
    return life === 0 || this.#traces.lifeOf(this.#keyOf(row), this.#names.get(row)) === life
  }

  #keyOf(row: number): Key {
    const at = row * WIDTH + TRACE
    const [key, r] = [this.#other, this.#rows]
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
    return ((this.#rows[row * WIDTH + FLAGS] ?? 0) & flag) !== 0
  }

  #set(row: number, flags: number): void {
    this.#rows[row * WIDTH + FLAGS] = (this.#rows[row * WIDTH + FLAGS] ?? 0) | flags
  }

  #idOf(row: number): string {
    return this.#names.get(row) ?? idAt(this.#rows, row * WIDTH)
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
