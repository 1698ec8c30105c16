/** What a cause file is given and what it gives: findings about one of the four causes, from the facts and nothing else. */
import type { Finding } from '../../model/incident.ts'
import { SLIS, type SliName } from '../../model/slis.ts'
import { EFFECTS } from '../../model/thresholds.ts'
import type { Counts } from '../compare.ts'
import type { TriageFacts } from '../facts.ts'
import type { Onset } from '../onset.ts'

export interface Case {
  readonly facts: TriageFacts
  readonly onset: Onset | undefined
  /** The failing share before and after, over all events. */
  readonly before: Counts
  readonly after: Counts
  /** Whether the share rose, surely and by enough to be felt. */
  readonly rose: boolean
  /** Least rise of the share that could be felt. */
  readonly leastRise: number
  /** Rise that would surely be felt: what must be excluded to say that nothing moved. */
  readonly feltRise: number
  /** Rise of the share. */
  readonly excess: number
}

/**
 * What a finding rests on. `beside`: runs with and without it since the onset. `counted`: bad events of the thing itself. `timing`: it came
 * when the rise did. `moved`: a distribution moved. `near`: it came about then, as far as is known. `eliminated`: nothing else changed.
 */
export type Basis = 'beside' | 'counted' | 'timing' | 'moved' | 'near' | 'eliminated'

/** A finding before it is weighed against the others. */
export interface Found extends Finding {
  readonly basis?: Basis
  /** Share of the rise that it makes up, where that can be said. */
  readonly explains?: number
}

export type CauseFile = (c: Case) => readonly Found[]

/** p below which a difference is held for real, after correction. */
export const LEVEL = 0.01
/** … and for sure. */
export const SURE = 0.001
/** Share of the excess that a cause must explain to be the cause. */
export const LEAST_EXPLAINED = 0.3

/** Rise of an SLI that could be felt: that of a ticket; for sizes half a bucket, which is about what a ticket's mean is. */
export function leastRise(sli: SliName): number {
  return SLIS[sli].kind === 'level' ? 0.025 : EFFECTS[sli].ticket
}

/** Twice what could be felt; for shares at least ten points, which is what pages. */
export function feltRise(sli: SliName): number {
  return SLIS[sli].kind === 'level' ? 2 * leastRise(sli) : Math.max(0.1, 2 * leastRise(sli))
}

/** Dispersion for shares of other things than the SLI: that of a size says nothing about them. */
export function ratioDispersion({ sli, dispersion }: TriageFacts): number {
  return SLIS[sli].kind === 'level' ? 1 : Math.max(1, dispersion)
}

/** `12.5 %`. */
export function percent(share: number): string {
  const p = share * 100
  return `${p >= 9.95 || p === 0 ? Math.round(p) : p.toFixed(1)} %`
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
