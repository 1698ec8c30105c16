/**
 * The `data` of a Prometheus answer → samples and series, or undefined when it is not of that shape. Nothing is trusted: what comes in is
 * whatever the other side sent. Values are numbers in strings there; `NaN` stays NaN, a missing point is missing and never 0.
 */

export type Labels = Readonly<Record<string, string>>

export interface Sample {
  readonly labels: Labels
  readonly value: number
}

export interface Series {
  readonly labels: Labels
  readonly points: readonly (readonly [seconds: number, value: number])[]
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Data of an instant query that gives a vector. */
export function vectorOf(data: unknown): readonly Sample[] | undefined {
  return listOf(resultOf(data, 'vector'), (item) => {
    const labels = labelsOf(isRecord(item) ? item['metric'] : undefined)
    const point = pointOf(isRecord(item) ? item['value'] : undefined)
    return labels === undefined || point === undefined ? undefined : { labels, value: point[1] }
  })
}

/** Data of a range query. */
export function matrixOf(data: unknown): readonly Series[] | undefined {
  return listOf(resultOf(data, 'matrix'), (item) => {
    const labels = labelsOf(isRecord(item) ? item['metric'] : undefined)
    const points = listOf(isRecord(item) ? item['values'] : undefined, pointOf)
    return labels === undefined || points === undefined ? undefined : { labels, points }
  })
}

/** Data of /api/v1/series. */
export function seriesOf(data: unknown): readonly Labels[] | undefined {
  return listOf(data, labelsOf)
}

function resultOf(data: unknown, type: string): unknown {
  return isRecord(data) && data['resultType'] === type ? data['result'] : undefined
}

function listOf<T>(value: unknown, read: (item: unknown) => T | undefined): readonly T[] | undefined {
  if (!Array.isArray(value)) return undefined
  const out: T[] = []
  for (const item of value) {
    const one = read(item)
    if (one === undefined) return undefined
    out.push(one)
  }
  return out
}

function labelsOf(value: unknown): Labels | undefined {
  if (!isRecord(value)) return undefined
  return Object.values(value).every((v) => typeof v === 'string') ? (value as Labels) : undefined
}

function pointOf(value: unknown): readonly [number, number] | undefined {
  if (!Array.isArray(value) || typeof value[0] !== 'number' || typeof value[1] !== 'string') return undefined
  return [value[0], numberOf(value[1])]
}

function numberOf(text: string): number {
  return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text)
}
