/**
 * Closing what is due, in turns of the event loop: in is the sweep of a pipeline, to be asked ten times a second; a turn takes a few
 * milliseconds, then requests have theirs. While more is due than is closed, turns become longer, so that closing keeps up whatever comes in.
 * Why by time and how long: docs/decisions/0022-overload.md.
 */

/** Seldom enough to cost nothing while nothing is due; in a second everything that settles in it would be due at once. */
export const SWEEP_MS = 100
const SHORTEST_MS = 5
const LONGEST_MS = 100
const STEP = 50
/** About what it takes. */
const STEP_MS = 3

/** How long a turn may be when more has been due for so long. At its longest it closes what eight senders bring in meanwhile. */
export function turnMs(behindMs: number): number {
  return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, behindMs / 100))
}

/** As `turnMs`, in traces: for who must say before how much is closed. */
export function turnTraces(behindMs: number): number {
  return STEP * Math.max(2, Math.round(turnMs(behindMs) / STEP_MS))
}

/** The function to call every `SWEEP_MS`. `sweep` closes at most so many traces and says whether more is due; `failed` takes what it throws. */
export function createSweeping(sweep: (limit: number) => boolean, failed: (error: unknown) => void): () => void {
  let since: number | undefined
  const turn = (): void => {
    const began = performance.now()
    since ??= began
    const end = began + turnMs(began - since)
    let isMore = false
    try {
      do isMore = sweep(STEP)
      while (isMore && performance.now() < end)
    } catch (error) {
      isMore = false
      failed(error)
    }
    if (isMore) setImmediate(turn)
    else since = undefined
  }
  return () => {
    if (since === undefined) turn()
  }
}
