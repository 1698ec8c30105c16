/** What a decoder hands on, as plain data that tests can compare: every field, and every attribute through every accessor. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Attributes, LogRecord, Span } from '../../../model/span.ts'
import type { Decoded, Decoder, Encoding } from '../../../processor/decode/decode.ts'
import { createDecoder } from '../../../processor/decode/index.ts'
import type { SpanIds } from '../../../processor/decode/span-ids.ts'
import { INTEREST } from '../../../processor/dialects/index.ts'
import type { Otlp } from '../../support/otlp.ts'

export const decoder: Decoder = createDecoder(INTEREST)

const CAPTURES = join(import.meta.dirname, '../../fixtures/captures')

/** The requests of every capture of a signal, by file. */
export function captures(signal: 'traces' | 'logs'): readonly { readonly file: string; readonly requests: readonly Otlp[] }[] {
  return readdirSync(CAPTURES)
    .filter((file) => file.endsWith(`.${signal}.jsonl`))
    .map((file) => {
      const lines = readFileSync(join(CAPTURES, file), 'utf8').split('\n')
      return { file, requests: lines.filter((l) => l !== '').map((l) => JSON.parse(l) as Otlp) }
    })
}

/** Every accessor's answer. */
export function answers(a: Attributes, key: string): Readonly<Record<string, unknown>> {
  return {
    has: a.has(key),
    text: a.text(key),
    number: a.number(key),
    count: a.count(key),
    flag: a.flag(key),
    list: a.list(key),
    json: a.json(key),
  }
}

/** All attributes, and the answers for `asked` keys whether they are there or not. */
export function allOf(a: Attributes, asked: readonly string[] = []): Readonly<Record<string, unknown>> {
  const keys = [...a.keys('', 10_000)].sort()
  return { keys, values: new Map([...keys, ...asked].map((key) => [key, answers(a, key)])) }
}

export function spanData(s: Span): Readonly<Record<string, unknown>> {
  const { traceId, spanId, parentSpanId, parentLocation, traceState, name, kind, startMs, durationMs, status, statusMessage, scope } = s
  return {
    traceId,
    spanId,
    parentSpanId,
    parentLocation,
    traceState,
    name,
    kind,
    startMs,
    durationMs,
    status,
    statusMessage,
    scope: { ...scope },
    resource: allOf(s.resource),
    attributes: allOf(s.attributes, INTEREST.keys),
    links: s.links().map((l) => ({ ...l })),
    events: s.events().map((e) => ({ name: e.name, timeMs: e.timeMs, attributes: allOf(e.attributes) })),
  }
}

export function logData(l: LogRecord): Readonly<Record<string, unknown>> {
  const { traceId, spanId, timeMs, eventName, severity, scope } = l
  return {
    traceId,
    spanId,
    timeMs,
    eventName,
    severity,
    scope: { ...scope },
    resource: allOf(l.resource),
    attributes: allOf(l.attributes),
    body: allOf(l.body),
  }
}

export interface Read {
  readonly spans: readonly unknown[]
  readonly links: readonly unknown[]
  readonly decoded: Decoded
}

/** The place of a plain span, kept. */
export function placeData({ traceId, spanId, parentSpanId, parentLocation }: SpanIds): readonly string[] {
  return [traceId, spanId, parentSpanId, parentLocation]
}

/** Decodes a traces body and keeps everything that was handed on. */
export function readTraces(body: Uint8Array, encoding: Encoding, by: Decoder = decoder): Read {
  const spans: unknown[] = []
  const links: unknown[] = []
  const decoded = by.traces(body, encoding, { span: (s) => spans.push(spanData(s)), link: (place) => links.push(placeData(place)) })
  return { spans, links, decoded }
}

/** Decodes a logs body and keeps everything that was handed on. */
export function readLogs(body: Uint8Array, encoding: Encoding): { readonly logs: readonly unknown[]; readonly decoded: Decoded } {
  const logs: unknown[] = []
  const decoded = decoder.logs(body, encoding, { log: (l) => logs.push(logData(l)) })
  return { logs, decoded }
}
