/**
 * The smallest change that would page within 30 minutes, 2 hours and a day, at an agent's usual traffic. Found by bisection over the
 * change, by the same thresholds and the same tail as the false pages, for windows that the change fills wholly or in part.
 * Undefined where not even the largest change would: unknown is not zero, and neither is impossible.
 */
import { WINDOWS } from '../../model/slis.ts'
import { type Effect, OVER, PAGE, type PageWindow } from '../../model/thresholds.ts'
import type { Normal } from './normal.ts'
import { dispersionOf, fewestThatPage, PAGE_WINDOWS } from './paging.ts'
import { chanceOfAtLeast, distance, normalTail } from '../../model/statistics.ts'

export const HORIZONS = { '30m': 1800, '2h': 7200, '1d': 86_400 } as const
export type Horizon = keyof typeof HORIZONS
export const HORIZON_NAMES = Object.keys(HORIZONS) as readonly Horizon[]

/** A growth beyond this is found by other means, such as limits on single runs. */
const LARGEST_FACTOR = 10

/** By how much, for each horizon, nine times in ten and every other time. */
export type Detectable = Readonly<Record<Horizon, { readonly nineInTen: number | undefined; readonly everyOther: number | undefined }>>

/** Smallest rise of a bad share. */
export function smallestRise(eventsPerHour: number, normal: Normal, effect: Effect): Detectable {
  return perHorizon((horizon, power) =>
    smallest(0, 1 - normal.share, (rise) =>
      PAGE_WINDOWS.some((window) => {
        const n = Math.round((eventsPerHour * WINDOWS[window]) / 3600)
        const shareOver = (w: PageWindow): number => normal.share + rise * filled(w, horizon)
        const share = shareOver(window)
        const k = fewestThatPage(n, window, normal, effect)
        const chance = withTries(chanceOfAtLeast(k, n, share, dispersionOf(window, normal)), HORIZONS[horizon] / WINDOWS[window])
        return chance * chanceStillShown(window, horizon, { eventsPerHour, normal, shareOver }) >= power
      }),
    ),
  )
}

/**
 * Smallest factor on a size (cost, steps, duration). `shareAt` says where runs would lie on the buckets' scale if each were so many times
 * its size, and is what the rules test beside the mean.
 */
export function smallestFactor(eventsPerHour: number, normal: Normal, effect: Effect, shareAt: (factor: number) => number): Detectable {
  const normalShare = shareAt(1)
  return perHorizon((horizon, power) =>
    smallest(1, LARGEST_FACTOR, (factor) =>
      PAGE_WINDOWS.some((window) => {
        const n = (eventsPerHour * WINDOWS[window]) / 3600
        const shareOver = (w: PageWindow): number => Math.min(1, normal.share + (shareAt(factor) - normalShare) * filled(w, horizon))
        const share = shareOver(window)
        if (n < PAGE[window].n || 1 + (factor - 1) * filled(window, horizon) <= (effect.mean ?? 1)) return false
        const above = distance(share, n, normal, dispersionOf(window, normal)) - PAGE[window].z - effect.surer
        const chance = withTries(normalTail(-above), HORIZONS[horizon] / WINDOWS[window])
        return chance * chanceStillShown(window, horizon, { eventsPerHour, normal, shareOver }) >= power
      }),
    ),
  )
}

interface Change {
  readonly eventsPerHour: number
  readonly normal: Normal
  readonly shareOver: (window: PageWindow) => number
}

/** Chance that the shorter windows do not say it is over, at some time in the later half of the horizon. */
function chanceStillShown(window: PageWindow, horizon: Horizon, { eventsPerHour, normal, shareOver }: Change): number {
  const chances = OVER[window].map((o) => {
    const n = (eventsPerHour * WINDOWS[o.window]) / 3600
    if (n < o.n) return 1
    const above = distance(shareOver(o.window), n, normal, dispersionOf(o.window, normal)) - o.z
    return withTries(normalTail(-above), HORIZONS[horizon] / WINDOWS[o.window] / 2)
  })
  return Math.min(1, ...chances)
}

/** Chance that one of so many windows side by side pages; at least one is looked at. */
function withTries(chance: number, windows: number): number {
  return 1 - (1 - chance) ** Math.max(1, windows)
}

/** How much of a window a change that began a horizon ago has filled. */
function filled(window: PageWindow, horizon: Horizon): number {
  return Math.min(1, HORIZONS[horizon] / WINDOWS[window])
}

function perHorizon(find: (horizon: Horizon, power: number) => number | undefined): Detectable {
  const at = (h: Horizon): Detectable[Horizon] => ({ nineInTen: find(h, 0.9), everyOther: find(h, 0.5) })
  return { '30m': at('30m'), '2h': at('2h'), '1d': at('1d') }
}

/** Smallest value between the bounds that is enough, to a thousandth; more is always enough too. */
function smallest(from: number, to: number, isEnough: (value: number) => boolean): number | undefined {
  if (!isEnough(to)) return undefined
  let low = from
  let high = to
  while (high - low > 0.0005 * Math.max(1, low)) {
    const middle = (low + high) / 2
    if (isEnough(middle)) high = middle
    else low = middle
  }
  return high
}
