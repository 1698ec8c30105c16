/** Lengths of time as they are written in configurations, requests and options: seconds, or like 15m, 1h30m, 28d. */
import { z } from 'zod'

const UNIT: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

/** Seconds, as a number or like 15m, 1h30m, 28d. */
export const duration = z.union([z.number().gt(0), z.string()], { error: 'expected seconds or a duration' }).transform((v, context) => {
  if (typeof v === 'number') return v
  if (!/^(\d+(\.\d+)?[smhdw])+$/.test(v)) {
    context.addIssue({ code: 'custom', message: `"${v}" is no duration; write seconds or something like 15m, 1h30m, 28d` })
    return z.NEVER
  }
  const seconds = [...v.matchAll(/(\d+(?:\.\d+)?)([smhdw])/g)].reduce((sum, [, n, unit]) => sum + Number(n) * (UNIT[unit ?? ''] ?? 0), 0)
  if (seconds > 0 && Number.isFinite(seconds)) return seconds
  context.addIssue({ code: 'custom', message: `"${v}" is too ${seconds > 0 ? 'large' : 'small; write more than 0'}` })
  return z.NEVER
})
