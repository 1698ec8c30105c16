/**
 * One claim of a response as a row of ints, and rows as data. Who made a claim and when it holds is said in responses.ts.
 * A capture is a copy of rows: objects are made of them part by part, when they are written out.
 */
import { idOfKey } from './trace-key.ts'

/** Fingerprints of response and service, four ints of trace key, flags, the life of the trace, the claim before in its bucket. */
export const WIDTH = 10
export const [B, SERVICE, TRACE, FLAGS, LIFE, BEFORE] = [1, 2, 3, 7, 8, 9] as const
/**
 * SHARED: another trace reported the response too. NESTED: the call's span has a parent. COUNTED: its trace closed and counted the call.
 * FINAL: its trace has closed; it holds while that life of the trace is remembered, or until `remember` says which life it is.
 */
export const [SHARED, NESTED, COUNTED, CANDIDATE, FINAL] = [1, 2, 4, 8, 16] as const

/** A claim as data; the fingerprints mean something only with the seed that they were made with. */
export interface ClaimState {
  readonly response: readonly [number, number]
  readonly service: number
  readonly traceId: string
  readonly hasCandidate: boolean
  readonly nested: boolean
  readonly counted: boolean
  /** Whether the trace had closed; not in snapshots of earlier versions. */
  readonly isFinal?: boolean
}

export interface ClaimsState {
  readonly seed: number
  readonly claims: readonly ClaimState[]
}

/** Claims as they were at one moment, made data when they are written out. */
export interface CapturedClaims {
  readonly seed: number
  readonly count: number
  readonly part: (from: number, to: number) => ClaimState[]
}

/** The first `count` of copied rows; ids that cannot be told from their keys are named by row. */
export function capturedClaims(seed: number, rows: Int32Array, names: ReadonlyMap<number, string>, count: number): CapturedClaims {
  const claimAt = (i: number): ClaimState => {
    const at = i * WIDTH
    const flags = rows[at + FLAGS] ?? 0
    return {
      response: [rows[at] ?? 0, rows[at + B] ?? 0],
      service: rows[at + SERVICE] ?? 0,
      traceId: names.get(i) ?? idAt(rows, at),
      hasCandidate: (flags & CANDIDATE) !== 0,
      nested: (flags & NESTED) !== 0,
      counted: (flags & COUNTED) !== 0,
      isFinal: (flags & FINAL) !== 0,
    }
  }
  const part = (from: number, to: number): ClaimState[] =>
    Array.from({ length: Math.max(0, Math.min(to, count) - from) }, (_, i) => claimAt(from + i))
  return { seed, count, part }
}

/** The trace id of the row at `at`. */
export function idAt(rows: Int32Array, at: number): string {
  return idOfKey(rows[at + TRACE] ?? 0, rows[at + TRACE + 1] ?? 0, rows[at + TRACE + 2] ?? 0, rows[at + TRACE + 3] ?? 0)
}
