/** What a cause file is given and what it gives: findings about one of the four causes, from the facts and nothing else. */
import type { Finding } from '../../model/incident.ts'
import type { Counts } from '../compare.ts'
import type { TriageFacts } from '../facts.ts'
import type { Onset } from '../onset.ts'

export interface Case {
  readonly facts: TriageFacts
  readonly onset: Onset | undefined
  /** The failing share before and after, over all runs. */
  readonly before: Counts
  readonly after: Counts
  /** Bad events after the onset beyond what was normal. */
  readonly excess: number
}

export type CauseFile = (c: Case) => readonly Finding[]

/** p below which a difference is held for real, after correction. */
export const LEVEL = 0.01
/** … and for sure. */
export const SURE = 0.001
/** Least rise of a share that could be felt. */
export const LEAST_RISE = 0.05
/** Share of the excess that a cause must explain to be the cause. */
export const LEAST_EXPLAINED = 0.3

/** `12.5 %`. */
export function percent(share: number): string {
  const p = share * 100
  return `${p >= 10 || p === 0 ? Math.round(p) : p.toFixed(1)} %`
}

/** `9 of 60 (15 %)`. */
export function ratio({ bad, total }: Counts): string {
  return total === 0 ? 'none' : `${Math.round(bad)} of ${Math.round(total)} (${percent(bad / total)})`
}

/** `14:05 UTC`, with the date when it is another day than `near`. */
export function clock(ms: number, near: number): string {
  const [day, time] = new Date(ms).toISOString().split('T')
  const at = `${time?.slice(0, 5) ?? ''} UTC`
  return day === new Date(near).toISOString().slice(0, 10) ? at : `${day} ${at}`
}
