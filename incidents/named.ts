/** The causes that were found → the sentence that names them: the best, what else stands beside it, and when it began. */
import type { Finding } from '../model/incident.ts'
import { clock } from './causes/cause.ts'

/** Of findings that are causes, best first; undefined where there is none. */
export function namedText(causes: readonly Finding[], onsetMs: number | undefined, now: number): string | undefined {
  const [best] = causes
  if (best === undefined) return undefined
  const others = causes.filter((f) => f.cause !== best.cause)
  const also = others.length === 0 ? '' : ` Also: ${others.map((f) => `${f.cause} (${f.confidence}): ${f.text}`).join('; ')}.`
  return `${best.cause} (${best.confidence} confidence): ${best.text}.${also}${beganText(onsetMs, now)}`
}

export function beganText(onsetMs: number | undefined, now: number): string {
  return onsetMs === undefined ? '' : ` It began about ${clock(onsetMs, now)}.`
}
