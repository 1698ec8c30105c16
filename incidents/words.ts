/** Numbers as an incident's texts say them: times in UTC to the second, lengths of time to two parts, shares, money. */

/** `2026-12-01 08:00:12 UTC` */
export function timeText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

/** `08:00:12` */
export function clockText(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19)
}

const UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
] as const

/** `2 h 5 min`, `40 s`; the two largest parts. */
export function durationText(ms: number): string {
  let seconds = Math.max(0, Math.round(ms / 1000))
  // What the second part cannot show is rounded into it.
  if (seconds >= 86_400) seconds = Math.round(seconds / 3600) * 3600
  else if (seconds >= 3600) seconds = Math.round(seconds / 60) * 60
  const parts: string[] = []
  for (const [unit, size] of UNITS) {
    const n = Math.floor(seconds / size)
    seconds -= n * size
    if (n > 0) parts.push(`${n} ${unit}`)
  }
  return parts.length === 0 ? '0 s' : parts.slice(0, 2).join(' ')
}

/** `31.5 %` */
export function shareText(share: number): string {
  const percent = share * 100
  return `${percent.toFixed(percent !== 0 && Math.abs(percent) < 10 ? 1 : 0)} %`
}

/** `1 run`, `12 runs`; counts from Prometheus are estimates, and runs are whole. */
export function countText(n: number, noun: string): string {
  const rounded = Math.round(n)
  return `${rounded} ${noun}${rounded === 1 ? '' : 's'}`
}

/** `$0.0031`, `$12.40` */
export function usdText(usd: number): string {
  return `$${usd >= 1 || usd === 0 ? usd.toFixed(2) : usd.toPrecision(2)}`
}

/** Words from elsewhere inside Markdown: no table, link, picture, code or HTML can begin in them. */
export function md(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll(/[\\`<[\]|]/g, String.raw`\$&`)
}

/** A sentence that ends like one. */
export function ending(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`
}
