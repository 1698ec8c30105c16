/**
 * Which traces reported which response id, per service: two instrumentations of one call can land in two traces of their own
 * (LangChain handler and OpenAI SDK), with nothing in common but `gen_ai.response.id` (R3). One of the traces keeps the call.
 */

/** What is known of a trace that claims responses; owned by the trace and updated as spans arrive. */
export interface Claimant {
  readonly traceId: string
  /** Whether the trace has an agent or workflow span. */
  hasCandidate: boolean
}

interface Claim {
  readonly service: string
  readonly by: Claimant
  /** Whether the call's span has a parent: an agent's span may still come above it. */
  nested: boolean
  /** Set when the trace closed and counted the call: nobody else of the service may count it any more. */
  counted: boolean
}

/** A claim as data. */
export interface ClaimState {
  readonly responseId: string
  readonly service: string
  readonly traceId: string
  readonly hasCandidate: boolean
  readonly nested: boolean
  readonly counted: boolean
}

/** More traces than this with one response id are a sender's bug. */
const MAX_CLAIMS = 8

export class Responses {
  readonly #claims = new Map<string, Claim[]>()
  readonly #max: number

  /** Holds at most `max` response ids; the oldest are forgotten first. */
  constructor(max: number) {
    this.#max = max
  }

  claim(service: string, responseId: string, by: Claimant, nested: boolean): void {
    const claims = this.#claims.get(responseId)
    const mine = claims?.find((c) => c.service === service && c.by.traceId === by.traceId)
    if (mine !== undefined) mine.nested ||= nested
    else if (claims === undefined) {
      if (this.#claims.size >= this.#max) {
        const oldest = this.#claims.keys().next()
        if (oldest.done !== true) this.#claims.delete(oldest.value)
      }
      this.#claims.set(responseId, [{ service, by, nested, counted: false }])
    } else if (claims.length < MAX_CLAIMS) claims.push({ service, by, nested, counted: false })
  }

  /** The trace that reported a response, for evaluations that name only the response. */
  traceOf(responseId: string): string | undefined {
    const claims = this.#claims.get(responseId)
    return (claims?.find((c) => c.counted) ?? claims?.[0])?.by.traceId
  }

  /**
   * Whether `traceId` keeps the call when it closes now; marks it counted if so. The rule does not depend on which trace closes first:
   * a call already counted is never counted again, an agent's trace wins over a nested call and that over a bare one, else the smaller id.
   */
  keep(service: string, responseId: string, traceId: string): boolean {
    const claims = this.#claims.get(responseId)?.filter((c) => c.service === service)
    const mine = claims?.find((c) => c.by.traceId === traceId)
    if (claims === undefined || mine === undefined || mine.counted) return true
    const wins = claims.every((c) => c === mine || (!c.counted && beats(mine, c)))
    if (wins) mine.counted = true
    return wins
  }

  /** Every claim, oldest response first. */
  capture(): readonly ClaimState[] {
    const all: ClaimState[] = []
    for (const [responseId, claims] of this.#claims)
      for (const { service, by, nested, counted } of claims)
        all.push({ responseId, service, traceId: by.traceId, hasCandidate: by.hasCandidate, nested, counted })
    return all
  }

  /** Takes over captured claims. `openTrace` gives the trace of an id while it is open: it still changes. */
  restore(claims: readonly ClaimState[], openTrace: (traceId: string) => Claimant | undefined): void {
    for (const { responseId, service, traceId, hasCandidate, nested, counted } of claims) {
      const by = (counted ? undefined : openTrace(traceId)) ?? { traceId, hasCandidate }
      const known = this.#claims.get(responseId)
      if (known === undefined) this.#claims.set(responseId, [{ service, by, nested, counted }])
      else known.push({ service, by, nested, counted })
    }
  }

  /** Forgets what a closed trace claimed. */
  release(service: string, responseId: string, traceId: string): void {
    const left = this.#claims.get(responseId)?.filter((c) => c.service !== service || c.by.traceId !== traceId)
    if (left === undefined || left.length === 0) this.#claims.delete(responseId)
    else this.#claims.set(responseId, left)
  }
}

function beats(a: Claim, b: Claim): boolean {
  if (a.by.hasCandidate !== b.by.hasCandidate) return a.by.hasCandidate
  if (a.nested !== b.nested) return a.nested
  return a.by.traceId < b.by.traceId
}
