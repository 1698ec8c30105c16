/** Numbers as readers see them; a dash where there is none. */

export function time(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 16)}Z`
}

export function whole(n: number | undefined): string {
  return n === undefined ? '–' : String(Math.round(n))
}

export function fixed(n: number | undefined, digits = 2): string {
  return n === undefined ? '–' : n.toFixed(digits)
}

export function percent(n: number | undefined, digits = 1): string {
  return n === undefined || Number.isNaN(n) ? '–' : `${(100 * n).toFixed(digits)} %`
}
