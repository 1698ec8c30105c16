/**
 * A small client of Prometheus's HTTP API: instant and range queries, series by matcher. In: PromQL; out: numbers, and the warnings that
 * came with them. Whatever else happens (down, slow, refused, a login page, a broken body) is a PrometheusError that says what to do.
 * Names are quoted here and nowhere else, so no label value can leave its quotes; credentials in the URL never reach a message.
 * API: https://prometheus.io/docs/prometheus/latest/querying/api/, as of 2.42 and 3.x.
 */
import type { LabelOf, MetricName } from '../model/metrics.ts'
import { NETWORK_FAILURES } from './network-failures.ts'
import { isRecord, matrixOf, seriesOf, vectorOf } from './prometheus-answer.ts'
import type { Labels, Sample, Series } from './prometheus-answer.ts'

export type { Labels, Sample, Series }

/** What an answer holds; `warnings` are not empty when it may not be all there is. */
export interface Answer<T> {
  readonly data: readonly T[]
  readonly warnings: readonly string[]
}

export interface Range {
  readonly startSeconds: number
  readonly endSeconds: number
  readonly stepSeconds: number
}

export interface Prometheus {
  /** Its URL as it may be shown. */
  readonly url: string
  instant(query: string, atSeconds: number): Promise<Answer<Sample>>
  /** Asks in pieces of at most `MAX_POINTS`, one after the other, and joins them. */
  range(query: string, range: Range): Promise<Answer<Series>>
  /** Label sets of the series that match and have samples between the times; reads the index only. */
  series(matcher: string, startSeconds: number, endSeconds: number): Promise<Answer<Labels>>
}

export interface PrometheusOptions {
  readonly timeoutMs?: number
  readonly maxBytes?: number
}

export type PrometheusErrorKind =
  | 'unreachable'
  | 'timeout'
  | 'unavailable'
  | 'refused'
  | 'query'
  | 'not-prometheus'
  | 'too-large'
  | 'partial'

/** Prometheus did not answer, or not with what can be relied on. The message is a sentence with what to do. */
export class PrometheusError extends Error {
  override readonly name = 'PrometheusError'
  readonly kind: PrometheusErrorKind
  constructor(kind: PrometheusErrorKind, message: string) {
    super(message)
    this.kind = kind
  }
}

/** Points per series in one request: Prometheus refuses more than 11,000, and slow storage answers small questions sooner. */
export const MAX_POINTS = 1008
const DEFAULT_TIMEOUT_MS = 30_000
const DEFAULT_MAX_BYTES = 67_108_864

/** A client for the Prometheus at `url`. */
export function createPrometheus(url: string, options: PrometheusOptions = {}): Prometheus {
  const { base, shown, headers } = addressOf(url)
  const door: Door = {
    base,
    shown,
    headers,
    timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    maxBytes: options.maxBytes ?? DEFAULT_MAX_BYTES,
  }
  return {
    url: shown,
    instant: (query, at) => ask(door, '/api/v1/query', { query, time: String(at) }, vectorOf),
    range: (query, range) => askInPieces(door, query, range),
    series: (matcher, start, end) => ask(door, '/api/v1/series', { 'match[]': matcher, start: String(start), end: String(end) }, seriesOf),
  }
}

/** The data of a whole answer. @throws PrometheusError when it came with warnings: part of the data may be missing. */
export function whole<T>(answer: Answer<T>, url: string): readonly T[] {
  const [first] = answer.warnings
  if (first === undefined) return answer.data
  throw new PrometheusError(
    'partial',
    `Prometheus at ${url} answered with a warning, so part of the data may be missing: "${brief(first)}". ` +
      'Repair what it names (a store that is down, a remote read that fails) and run this again',
  )
}

/** Which series of a histogram, and matchers beyond those of equality. */
export interface SelectMore {
  readonly part?: '_bucket' | '_sum' | '_count'
  readonly also?: string
}

/** A selector for a metric of the catalogue, its labels' values quoted; undefined ones are left out. */
export function select<M extends MetricName>(
  name: M,
  labels: { readonly [L in LabelOf<M>]?: string | undefined },
  more: SelectMore = {},
): string {
  const matchers = Object.entries<string | undefined>(labels).flatMap(([l, v]) => (v === undefined ? [] : [`${l}=${quoted(v)}`]))
  return `${name}${more.part ?? ''}{${[...matchers, ...(more.also === undefined ? [] : [more.also])].join(',')}}`
}

/** A PromQL string: JSON's escapes are among Go's. */
export function quoted(text: string): string {
  return JSON.stringify(text)
}

interface Door {
  readonly base: string
  readonly shown: string
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly maxBytes: number
}

function addressOf(text: string): Pick<Door, 'base' | 'shown' | 'headers'> {
  const url = new URL(text)
  const { username, password } = url
  url.username = ''
  url.password = ''
  url.search = ''
  url.hash = ''
  const base = url.href.replace(/\/+$/, '')
  if (username === '') return { base, shown: base, headers: {} }
  const login = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')
  return { base, shown: base, headers: { authorization: `Basic ${login}` } }
}

async function askInPieces(door: Door, query: string, range: Range): Promise<Answer<Series>> {
  const { startSeconds, endSeconds, stepSeconds } = range
  const joined = new Map<string, { labels: Labels; points: (readonly [number, number])[] }>()
  const warnings = new Set<string>()
  for (let from = startSeconds; from <= endSeconds; from += MAX_POINTS * stepSeconds) {
    const to = Math.min(endSeconds, from + (MAX_POINTS - 1) * stepSeconds)
    const parameters = { query, start: String(from), end: String(to), step: String(stepSeconds) }
    const answer = await ask(door, '/api/v1/query_range', parameters, matrixOf)
    for (const w of answer.warnings) warnings.add(w)
    for (const { labels, points } of answer.data) {
      const key = JSON.stringify(
        Object.keys(labels)
          .sort()
          .map((name) => [name, labels[name]]),
      )
      const known = joined.get(key)
      joined.set(key, { labels, points: known === undefined ? [...points] : known.points.concat(points) })
    }
  }
  return { data: [...joined.values()], warnings: [...warnings] }
}

async function ask<T>(
  door: Door,
  path: string,
  parameters: Readonly<Record<string, string>>,
  read: (data: unknown) => readonly T[] | undefined,
): Promise<Answer<T>> {
  const { status, text } = await post(door, path, parameters)
  const body = jsonOf(text)
  if (status === 503 || status === 502 || status === 504)
    throw new PrometheusError(
      'unavailable',
      `${at(door)} answers ${status}${said(body, text)}. It is starting, stopping or overloaded: try again later`,
    )
  if (status === 401 || status === 403)
    throw new PrometheusError(
      'refused',
      `${at(door)} answers ${status}: it wants credentials. Write them into the URL, as http://user:password@host`,
    )
  if (!isRecord(body) || typeof body['status'] !== 'string')
    throw new PrometheusError(
      'not-prometheus',
      `${at(door)} answers ${status} with ${kindOf(text)}, not with Prometheus's JSON. ${WHICH_URL}`,
    )
  if (status >= 300 || body['status'] !== 'success')
    throw new PrometheusError(
      'query',
      `${at(door)} could not answer (${status})${said(body, text)}. Try a shorter time, or one agent at a time`,
    )
  const data = read(body['data'])
  if (data === undefined)
    throw new PrometheusError('not-prometheus', `${at(door)} answers JSON, but not in the shape of ${path}. ${WHICH_URL}`)
  return { data, warnings: warningsOf(body['warnings']) }
}

const WHICH_URL = 'Is that URL Prometheus, or a proxy or login page? Write --prometheus URL, or the key prometheus in agentopz.yaml'
const at = (door: Door): string => `Prometheus at ${door.shown}`

async function post(door: Door, path: string, parameters: Readonly<Record<string, string>>): Promise<{ status: number; text: string }> {
  try {
    const response = await fetch(`${door.base}${path}`, {
      method: 'POST',
      headers: { ...door.headers, accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(parameters).toString(),
      signal: AbortSignal.timeout(door.timeoutMs),
    })
    return { status: response.status, text: await bounded(door, response) }
  } catch (error) {
    if (error instanceof PrometheusError) throw error
    throw failure(door, error)
  }
}

async function bounded(door: Door, response: Response): Promise<string> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += part.length
    if (size > door.maxBytes)
      throw new PrometheusError(
        'too-large',
        `${at(door)} answers with more than ${door.maxBytes} bytes. Ask for a shorter time, or one agent at a time`,
      )
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

function failure(door: Door, error: unknown): PrometheusError {
  if (error instanceof Error && error.name === 'TimeoutError')
    return new PrometheusError(
      'timeout',
      `${at(door)} did not answer within ${door.timeoutMs / 1000} s. Try again, or with a longer --timeout or a shorter time`,
    )
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = isRecord(cause) && typeof cause['code'] === 'string' ? cause['code'] : ''
  const words = NETWORK_FAILURES[code] ?? (cause instanceof Error ? brief(cause.message) : 'no reason given')
  return new PrometheusError(
    'unreachable',
    `Cannot reach ${at(door)}: ${words}. Is it running there? Write --prometheus URL, or the key prometheus in agentopz.yaml`,
  )
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

function kindOf(text: string): string {
  if (text.trim() === '') return 'nothing'
  return /^\s*</.test(text) ? 'HTML' : `"${brief(text)}"`
}

function said(body: unknown, text: string): string {
  if (isRecord(body) && typeof body['error'] === 'string') return `: ${brief(body['error'])}`
  return text.trim() === '' || /^\s*</.test(text) ? '' : `: ${brief(text)}`
}

/** Prometheus 2.48 to 2.55 puts advice on the query ("PromQL info: …") among the warnings; the data is whole. */
function warningsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String).filter((w) => !w.startsWith('PromQL info')) : []
}

/** One line, no control characters: it comes from elsewhere and goes to a terminal. */
function brief(text: string): string {
  const line = text.replaceAll(/[\p{Cc}\s]+/gu, ' ').trim()
  return line.length > 200 ? `${line.slice(0, 200)}…` : line
}
