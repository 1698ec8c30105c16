/**
 * Whether a sweep would close anything: in are the table of traces, the limits and the time. What comes first in a list is due first, so one look
 * at each list is enough; asking changes nothing.
 */
import { LIST, type List, type Slots } from './packed/slots.ts'
import type { RunLimits } from './words.ts'

export function isDue(slots: Slots, { settleMs, orphanMs, idleMs, maxRunMs }: RunLimits, now: number): boolean {
  const isOver = (list: List, since: Float64Array, ms: number): boolean => {
    const first = slots.first(list)
    return first >= 0 && now - (since[first] ?? 0) >= ms
  }
  return (
    isOver(LIST.settling, slots.lastMs, settleMs) ||
    isOver(LIST.hot, slots.lastMs, settleMs) ||
    isOver(LIST.orphans, slots.lastMs, orphanMs) ||
    isOver(LIST.waiting, slots.lastMs, idleMs) ||
    isOver(LIST.age, slots.firstMs, maxRunMs)
  )
}
