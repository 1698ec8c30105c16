/**
 * What a decoder must hand on, worked out the slow way from what protobufjs decoded: BigInt times, plain objects, no shared code with
 * the decoders but the plain backing of `Attributes`.
 */
import type { LogRecord, Span } from '../../../model/span.ts'
import { GEN_AI_PREFIXES } from '../../../model/semconv.ts'
import { viewOfPlain } from '../../../processor/decode/values.ts'
import { INTEREST } from '../../../processor/dialects/index.ts'
import type { Otlp } from '../../support/otlp.ts'
import { logData, type Read, spanData } from './reading.ts'

const list = (of: Otlp | undefined, key: string): readonly Otlp[] => (of?.[key] ?? []) as readonly Otlp[]
const child = (of: Otlp | undefined, key: string): Otlp => (of?.[key] ?? {}) as Otlp
const string = (of: Otlp, key: string): string => (of[key] ?? '') as string
const integer = (of: Otlp, key: string): bigint => BigInt((of[key] ?? 0) as string | number)

const millis = (ns: bigint): number => Number(ns / 1_000_000n) + Number(ns % 1_000_000n) / 1e6

function plain(value: Otlp): unknown {
  if ('intValue' in value) return Number(value['intValue'])
  if ('doubleValue' in value) return Number(value['doubleValue'])
  if ('arrayValue' in value) return list(child(value, 'arrayValue'), 'values').map((v) => plain(v) ?? null)
  if ('kvlistValue' in value) return record(list(child(value, 'kvlistValue'), 'values'), null)
  return value['stringValue'] ?? value['boolValue'] ?? value['bytesValue']
}

const record = (kvs: readonly Otlp[], empty: null | undefined): Record<string, unknown> =>
  Object.fromEntries(kvs.map((kv) => [string(kv, 'key'), plain(child(kv, 'value')) ?? empty]))

const id = (of: Otlp, key: string, digits: number): string =>
  string(of, key).length === digits && BigInt(`0x${string(of, key)}`) > 0n ? string(of, key) : ''

const oneOf = (n: bigint, size: number): number => (n >= 0n && n < BigInt(size) ? Number(n) : 0)

function spanOf(s: Otlp, resource: Otlp, scope: Otlp): Span {
  const start = integer(s, 'startTimeUnixNano')
  const end = integer(s, 'endTimeUnixNano')
  const flags = Number(s['flags'] ?? 0)
  // Exact where a double holds the nanoseconds; beyond, what doubles make of the two parts.
  const parts = Number(end / 1_000_000n - start / 1_000_000n) * 1e6 + Number((end % 1_000_000n) - (start % 1_000_000n))
  const duration = (end - start < 2n ** 53n ? Number(end - start) : parts) / 1e6
  return {
    traceId: id(s, 'traceId', 32),
    spanId: id(s, 'spanId', 16),
    parentSpanId: id(s, 'parentSpanId', 16),
    parentLocation: Math.floor(flags / 256) % 2 === 0 ? 'unknown' : Math.floor(flags / 512) % 2 === 0 ? 'local' : 'remote',
    traceState: string(s, 'traceState'),
    name: string(s, 'name'),
    kind: oneOf(integer(s, 'kind'), 6),
    startMs: millis(start === 0n ? end : start),
    durationMs: start === 0n || end === 0n ? Number.NaN : end < start ? 0 : duration,
    status: (['unset', 'ok', 'error'] as const)[oneOf(integer(child(s, 'status'), 'code'), 3)] ?? 'unset',
    statusMessage: string(child(s, 'status'), 'message'),
    scope: { name: string(scope, 'name'), version: string(scope, 'version') },
    resource: viewOfPlain(record(list(resource, 'attributes'), undefined)),
    attributes: viewOfPlain(record(list(s, 'attributes'), undefined)),
    links: () =>
      list(s, 'links')
        .map((l) => ({ traceId: id(l, 'traceId', 32), spanId: id(l, 'spanId', 16) }))
        .filter((l) => l.traceId !== '' && l.spanId !== ''),
    events: () =>
      list(s, 'events').map((e) => ({
        name: string(e, 'name'),
        timeMs: millis(integer(e, 'timeUnixNano')),
        attributes: viewOfPlain(record(list(e, 'attributes'), undefined)),
      })),
  }
}

const SERVICES = ['claude-code', 'codex_exec', 'codex_cli_rs', 'codex-app-server', 'codex-tui', 'codex']

function isOfInterest(s: Otlp, resource: Otlp, scope: string): boolean {
  const service = record(list(resource, 'attributes'), undefined)['service.name']
  return (
    list(s, 'attributes').some((kv) => GEN_AI_PREFIXES.some((p) => string(kv, 'key').startsWith(p))) ||
    list(s, 'events').some((e) => string(e, 'name').startsWith('gen_ai.')) ||
    (scope !== '' && INTEREST.scopes.some((p) => (p.endsWith('*') ? scope.startsWith(p.slice(0, -1)) : scope === p))) ||
    (typeof service === 'string' && SERVICES.includes(service))
  )
}

interface Owned {
  readonly fields: Otlp
  readonly resource: Otlp
  readonly scope: Otlp
}

function itemsOf(request: Otlp, [outer, middle, inner]: readonly [string, string, string]): readonly Owned[] {
  return list(request, outer).flatMap((r) =>
    list(r, middle).flatMap((s) => list(s, inner).map((fields) => ({ fields, resource: child(r, 'resource'), scope: child(s, 'scope') }))),
  )
}

/** The reading that a traces request, as protobufjs decoded it, must have. */
export function expectedTraces(request: Otlp): Read {
  const spans: unknown[] = []
  const links: unknown[] = []
  const rejected: Record<string, number> = {}
  const items = itemsOf(request, ['resourceSpans', 'scopeSpans', 'spans'])
  for (const { fields, resource, scope } of items) {
    const span = spanOf(fields, resource, scope)
    const parent = string(fields, 'parentSpanId').length
    const reason = span.traceId === '' ? 'trace_id' : span.spanId === '' || (parent !== 0 && parent !== 16) ? 'span_id' : undefined
    if (reason !== undefined) rejected[reason] = (rejected[reason] ?? 0) + 1
    else if (isOfInterest(fields, resource, span.scope.name)) spans.push(spanData(span))
    else links.push([span.traceId, span.spanId, span.parentSpanId, span.parentLocation])
  }
  return { spans, links, decoded: { total: items.length, rejected } }
}

/** The log records of a logs request, as protobufjs decoded it. */
export function expectedLogs(request: Otlp): readonly unknown[] {
  const items = itemsOf(request, ['resourceLogs', 'scopeLogs', 'logRecords'])
  return items.map(({ fields, resource, scope }) => logData(logOf(fields, resource, scope)))
}

function logOf(l: Otlp, resource: Otlp, scope: Otlp): LogRecord {
  const attributes = viewOfPlain(record(list(l, 'attributes'), undefined))
  const body = plain(child(l, 'body'))
  const isMap = typeof body === 'object' && body !== null && !Array.isArray(body)
  const time = integer(l, 'timeUnixNano')
  return {
    traceId: id(l, 'traceId', 32),
    spanId: id(l, 'spanId', 16),
    timeMs: millis(time === 0n ? integer(l, 'observedTimeUnixNano') : time),
    eventName: string(l, 'eventName') || (attributes.text('event.name') ?? ''),
    severity: oneOf(integer(l, 'severityNumber'), 25),
    scope: { name: string(scope, 'name'), version: string(scope, 'version') },
    resource: viewOfPlain(record(list(resource, 'attributes'), undefined)),
    attributes,
    body: viewOfPlain(isMap ? (body as Record<string, unknown>) : body === undefined ? {} : { '': body }),
  }
}
