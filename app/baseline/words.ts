/**
 * Numbers, times and names as the report and the comments say them. Times are UTC to the minute; names come from telemetry and may hold
 * anything, so what could move a terminal's cursor is escaped before it is printed.
 */
import type { SizeName } from './history.ts'

export function percent(share: number): string {
  const p = share * 100
  return `${p >= 99 || p <= 1 ? Number(p.toFixed(2)) : Number(p.toFixed(1))} %`
}

/** A count or a rate; small rates keep a decimal. Counts come from increase(), which extrapolates, so they are rarely whole. */
export function count(n: number): string {
  return n >= 10 ? Math.round(n).toLocaleString('en-US') : String(Number(n.toFixed(1)))
}

/** `3 runs`, `1 run`. */
export function per(n: number, what: string): string {
  const shown = count(Math.round(n))
  return `${shown} ${what}${shown === '1' ? '' : 's'}`
}

/** A rise of a share: points, or that none would be seen. */
export function points(rise: number | undefined): string {
  return rise === undefined ? 'none' : `${Math.ceil(rise * 100 - 1e-9)} points`
}

export function factor(times: number | undefined): string {
  return times === undefined ? 'none' : `${Number((Math.ceil(times * 100 - 1e-9) / 100).toFixed(2))} ×`
}

export function size(name: SizeName, value: number): string {
  const n = Number(value.toPrecision(3))
  return name === 'cost' ? `$${n}` : name === 'duration' ? `${n} s` : String(n)
}

/** `2026-11-20 14:10`, UTC. */
export function minute(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 16).replace('T', ' ')
}

/** A length of time in its largest two units. */
export function span(seconds: number): string {
  const minutes = Math.round(seconds / 60)
  const [d, h, m] = [Math.floor(minutes / 1440), Math.floor((minutes % 1440) / 60), minutes % 60]
  if (d > 0) return h === 0 ? `${d}d` : `${d}d${h}h`
  if (h > 0) return m === 0 ? `${h}h` : `${h}h${m}m`
  return `${m}m`
}

/** Seconds as the configuration writes them. */
export function silence(seconds: number): string {
  return seconds % 86_400 === 0 ? `${seconds / 86_400}d` : seconds % 3600 === 0 ? `${seconds / 3600}h` : `${seconds / 60}m`
}

/** A name that is safe to print: quoted and escaped where it is not plain. */
export function printable(name: string): string {
  return /^[\p{L}\p{N}\p{P}\p{S} ]+$/u.test(name) && name.trim() === name
    ? name
    : JSON.stringify(name).replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, escape)
}

function escape(c: string): string {
  return `\\u${(c.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`
}
