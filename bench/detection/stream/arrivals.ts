/**
 * Files of OTLP/JSON lines → requests in the order in which a live processor would have got them: the spans of one trace that ended in the
 * same minute arrive together when the last of them ended. Traces can be moved apart in time (`spreadMs`); within a trace nothing moves.
 */
import { type OtlpLine, readOtlpLines, shiftTimes } from '../../../app/otlp-lines.ts'
import { UsageError } from '../parameters-input.ts'

export interface Arrival {
  readonly atMs: number
  readonly signal: 'traces' | 'logs'
  readonly body: string
}

export interface Arrivals {
  /** In order of time. */
  readonly items: readonly Arrival[]
  /** When each trace begins, in order of the files. */
  readonly starts: readonly number[]
  readonly changeMs: number
  readonly isSpread: boolean
}

export interface StreamTimes {
  /** When the change happened: ISO time, Unix seconds, or `trace:N`, the first trace (from 1) that is changed. */
  readonly changeAt: string
  readonly spreadMs: number | undefined
}

type Json = Readonly<Record<string, unknown>>
/** Part of a request that belongs to one trace, with the way down to it. */
interface Piece {
  readonly traceId: string
  readonly signal: 'traces' | 'logs'
  readonly item: Json
  readonly resource: Json
  readonly scope: Json
}

/** Below this the whole stream is one moment, and no rate can be told from it. */
const LEAST_SPAN_MS = 600_000
const MINUTE_MS = 60_000
const LISTS = { traces: ['resourceSpans', 'scopeSpans', 'spans'], logs: ['resourceLogs', 'scopeLogs', 'logRecords'] } as const

export async function readArrivals(files: readonly string[], times: StreamTimes): Promise<Arrivals> {
  const pieces: Piece[] = []
  for (const file of files) for await (const line of readOtlpLines(file)) pieces.push(...piecesOf(line, pieces.at(-1)?.traceId ?? ''))
  const starts = startsOf(pieces)
  if (starts.size === 0) throw new UsageError(`no spans in ${files.join(', ')}; a line must be one OTLP/JSON export request`)
  if (times.spreadMs === undefined) mustSpread(starts)
  const { shifts, order, changeMs } = plan(starts, times)
  const items = requestsOf(pieces, shifts).toSorted((a, b) => a.atMs - b.atMs)
  return { items, starts: order, changeMs, isSpread: times.spreadMs !== undefined }
}

/** A log record without a trace goes with what was read before it. */
function piecesOf(line: OtlpLine, before: string): Piece[] {
  if (line.signal === 'metrics') return []
  const { signal } = line
  const [outer, middle, inner] = LISTS[signal]
  const out: Piece[] = []
  for (const resource of listAt(line.request, outer))
    for (const scope of listAt(resource, middle))
      for (const item of listAt(scope, inner)) {
        const own = item['traceId']
        out.push({ traceId: typeof own === 'string' && own !== '' ? own : (out.at(-1)?.traceId ?? before), signal, item, resource, scope })
      }
  return out
}

function listAt(node: Json, key: string): readonly Json[] {
  const list = node[key]
  return Array.isArray(list) ? (list as readonly Json[]) : []
}

/** First moment of each trace, in order of the files. */
function startsOf(pieces: readonly Piece[]): Map<string, number> {
  const starts = new Map<string, number>()
  for (const p of pieces) {
    const ms = millis(p.item['startTimeUnixNano'])
    if (p.signal === 'traces' && ms > 0) starts.set(p.traceId, Math.min(ms, starts.get(p.traceId) ?? ms))
  }
  return starts
}

function millis(nanos: unknown): number {
  return typeof nanos === 'string' || typeof nanos === 'number' ? Number(BigInt(nanos) / 1_000_000n) : 0
}

function mustSpread(starts: ReadonlyMap<string, number>): void {
  const all = [...starts.values()]
  const span = all.reduce((a, b) => Math.max(a, b), 0) - all.reduce((a, b) => Math.min(a, b), Infinity)
  if (span >= LEAST_SPAN_MS) return
  throw new UsageError(
    `all ${all.length} traces begin within ${Math.round(span / 1000)} s, so there are no rates to compare; add --spread 1m to begin one a minute (in order of time; with --change-at trace:N in order of the files)`,
  )
}

interface TimePlan {
  readonly shifts: ReadonlyMap<string, number>
  readonly order: readonly number[]
  readonly changeMs: number
}

function plan(starts: ReadonlyMap<string, number>, { changeAt, spreadMs }: StreamTimes): TimePlan {
  const number = /^trace:(\d+)$/.exec(changeAt)?.[1]
  const traces = [...starts].map(([id, ms]) => ({ id, ms }))
  const sorted = number === undefined ? traces.toSorted((a, b) => a.ms - b.ms) : traces
  const first = number === undefined ? undefined : sorted[Number(number) - 1]
  if (number !== undefined && first === undefined)
    throw new UsageError(`--change-at ${changeAt}: there are ${traces.length} traces, counted from 1`)
  const changeMs = first?.ms ?? timeOf(changeAt)
  if (spreadMs === undefined) return { shifts: new Map(), order: sorted.map((t) => t.ms), changeMs }
  const base = sorted.reduce((low, t) => Math.min(low, t.ms), Infinity)
  const order = sorted.map((_, i) => base + i * spreadMs)
  const changed = first === undefined ? sorted.findIndex((t) => t.ms >= changeMs) : sorted.indexOf(first)
  if (changed < 0)
    throw new UsageError(`--change-at ${changeAt}: no trace begins then or later; the last begins ${iso(sorted.at(-1)?.ms ?? 0)}`)
  return { shifts: new Map(sorted.map((t, i) => [t.id, (order[i] ?? t.ms) - t.ms])), order, changeMs: order[changed] ?? changeMs }
}

/** Milliseconds of an ISO time or of Unix seconds. */
function timeOf(text: string): number {
  const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text)
  if (!Number.isFinite(ms))
    throw new UsageError(`--change-at: "${text}" is no time; write 2026-11-20T12:00:00Z, Unix seconds, or trace:120`)
  return ms
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}

function requestsOf(pieces: readonly Piece[], shifts: ReadonlyMap<string, number>): Arrival[] {
  const groups = new Map<string, { atMs: number; signal: 'traces' | 'logs'; pieces: Piece[] }>()
  for (const p of pieces) {
    const shift = shifts.get(p.traceId) ?? 0
    if (shift !== 0) shiftTimes(p.item, BigInt(shift) * 1_000_000n)
    const ended = p.signal === 'traces' ? p.item['endTimeUnixNano'] : (p.item['timeUnixNano'] ?? p.item['observedTimeUnixNano'])
    const atMs = millis(ended)
    const key = `${p.signal}/${p.traceId}/${Math.floor(atMs / MINUTE_MS)}`
    const group = groups.get(key) ?? { atMs, signal: p.signal, pieces: [] }
    groups.set(key, group)
    group.atMs = Math.max(group.atMs, atMs)
    group.pieces.push(p)
  }
  return [...groups.values()].map((g) => ({ atMs: g.atMs, signal: g.signal, body: JSON.stringify(requestOf(g.signal, g.pieces)) }))
}

/** Each piece under its own resource and scope; the decoder does not mind that they repeat. */
function requestOf(signal: 'traces' | 'logs', pieces: readonly Piece[]): Json {
  const [outer, middle, inner] = LISTS[signal]
  const byScope = Map.groupBy(pieces, (p) => p.scope)
  return {
    [outer]: [...byScope].map(([scope, of]) => ({ ...of[0]?.resource, [middle]: [{ ...scope, [inner]: of.map((p) => p.item) }] })),
  }
}
