/**
 * Reads files of OTLP/JSON lines (one ExportTraceServiceRequest or ExportLogsServiceRequest a line; `.gz` is unpacked), line by line,
 * so that a file larger than memory can be replayed.
 */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { createGunzip } from 'node:zlib'

export interface OtlpLine {
  readonly file: string
  readonly line: number
  readonly signal: 'traces' | 'logs' | 'metrics'
  readonly request: Readonly<Record<string, unknown>>
}

/** A line that is no OTLP request; says where. */
export class OtlpLineError extends Error {
  override readonly name = 'OtlpLineError'
}

const SIGNAL = { resourceSpans: 'traces', resourceLogs: 'logs', resourceMetrics: 'metrics' } as const

/** Yields the requests of a file in order; empty lines are skipped. @throws OtlpLineError, or the file system's error. */
export async function* readOtlpLines(file: string): AsyncGenerator<OtlpLine> {
  const raw = createReadStream(file)
  const input = file.endsWith('.gz') ? raw.pipe(createGunzip()) : raw
  raw.on('error', (error) => input.destroy(error))
  let line = 0
  for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    line++
    if (text.trim() === '') continue
    let request: unknown
    try {
      request = JSON.parse(text)
    } catch (error) {
      throw new OtlpLineError(
        `${file}:${line}  not JSON: ${error instanceof Error ? error.message : String(error)}; a line must be one OTLP/JSON export request`,
      )
    }
    const fields = typeof request === 'object' && request !== null ? (request as Record<string, unknown>) : {}
    const key = (Object.keys(SIGNAL) as (keyof typeof SIGNAL)[]).find((k) => k in fields)
    if (key === undefined)
      throw new OtlpLineError(
        `${file}:${line}  no resourceSpans, resourceLogs or resourceMetrics; a line must be one OTLP/JSON export request`,
      )
    yield { file, line, signal: SIGNAL[key], request: fields }
  }
}

/** Latest end time in a request, Unix nanoseconds; 0n when there is none. */
export function latestNanos(request: unknown): bigint {
  let latest = 0n
  visitTimes(request, (value) => {
    if (value > latest) latest = value
    return value
  })
  return latest
}

/** Moves every time in a request by `byNanos`, in place. */
export function shiftTimes(request: unknown, byNanos: bigint): void {
  visitTimes(request, (value) => (value === 0n ? value : value + byNanos))
}

function visitTimes(node: unknown, change: (nanos: bigint) => bigint): void {
  if (typeof node !== 'object' || node === null) return
  if (Array.isArray(node)) {
    for (const item of node) visitTimes(item, change)
    return
  }
  const fields = node as Record<string, unknown>
  for (const [key, value] of Object.entries(fields)) {
    if (key.endsWith('UnixNano') && (typeof value === 'string' || typeof value === 'number')) fields[key] = String(change(BigInt(value)))
    else if (key !== 'attributes') visitTimes(value, change)
  }
}
