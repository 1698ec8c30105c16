/**
 * OTLP/protobuf requests → span and log views, in two passes: the first checks the whole body (wire-check.ts), the second walks it and
 * makes strings and objects only for what a dialect asks for. A view is valid only during the callback.
 * Resource and scope are decoded once each, wherever in their message they stand.
 */
import type { Attributes, LogRecord, Scope } from '../../model/span.ts'
import { GENERAL } from '../../model/semconv.ts'
import type { Decoded, DecodeLimits, LogSink, RejectReason, SpanSink } from './decode.ts'
import { knownEnum, SEVERITY_NUMBERS } from './enums.ts'
import type { InterestTest } from './interest.ts'
import type { KeyTable } from './key-table.ts'
import { millisOf } from './nanos.ts'
import { LOGS_REQUEST, METRICS_REQUEST, TRACES_REQUEST } from './schema.ts'
import { bodyView } from './values.ts'
import { AT, SpanPlaces } from './span-places.ts'
import { Strings } from './strings.ts'
import { wireAttributes, WireBody } from './wire-body.ts'
import { checkBody, checkSpans } from './wire-check.ts'
import { WireSpan } from './wire-span.ts'

/** What a decoder builds once. Strings and places are room that is used again for the next request; nothing in them outlives it but texts. */
export interface WireSetup {
  readonly interest: InterestTest
  readonly limits: DecodeLimits
  readonly strings: Strings
  readonly places: SpanPlaces
}

/** Builds it. */
export function createWireSetup(table: KeyTable, interest: InterestTest, limits: DecodeLimits): WireSetup {
  return { interest, limits, strings: new Strings(), places: new SpanPlaces(table) }
}

/** Reads a traces request. @throws DecodeError before anything reached the sink. */
export function decodeProtobufTraces(bytes: Uint8Array, { interest, limits, strings, places }: WireSetup, sink: SpanSink): Decoded {
  const body = new WireBody(bytes, strings)
  places.clear()
  const total = checkSpans(TRACES_REQUEST, limits, { body, places })
  const span = new WireSpan(body, places)
  const rejected: Partial<Record<RejectReason, number>> = {}
  let next = 0
  eachScope(body, (_start, end, resource, scope) => {
    const isOwn = interest.scope(scope.name) || interest.service(resource.text(GENERAL.serviceName))
    span.resource = resource
    span.scope = scope
    // The check met all spans in the order they stand in: those of this scope come next.
    while (next < places.count && places.of(next, AT.end) <= end) {
      const isOfInterest = span.load(next++) || isOwn
      const reason = span.refusal()
      if (reason !== undefined) rejected[reason] = (rejected[reason] ?? 0) + 1
      else if (isOfInterest) sink.span(span)
      else sink.link?.(span.ids())
    }
  })
  return { total, rejected }
}

/** Reads a logs request. @throws DecodeError before anything reached the sink. */
export function decodeProtobufLogs(bytes: Uint8Array, { limits, strings }: WireSetup, sink: LogSink): Decoded {
  const total = checkBody(bytes, LOGS_REQUEST, limits)
  const body = new WireBody(bytes, strings)
  eachScope(body, (start, end, resource, scope) => {
    for (let pos = start; pos < end;) {
      pos = body.step(pos)
      if (body.number === 2) sink.log(logOf(body, [body.from, pos], resource, scope))
    }
  })
  return { total, rejected: {} }
}

/** Checks a metrics request and counts its data points. @throws DecodeError */
export function countProtobufMetrics(bytes: Uint8Array, { limits }: WireSetup): Decoded {
  return { total: checkBody(bytes, METRICS_REQUEST, limits), rejected: {} }
}

type VisitScope = (start: number, end: number, resource: Attributes, scope: Scope) => void

/** Visits every ScopeSpans or ScopeLogs: field 2 of every ResourceSpans, which are field 1 of the request. */
function eachScope(body: WireBody, visit: VisitScope): void {
  for (let pos = 0; pos < body.bytes.length;) {
    pos = body.step(pos)
    if (body.number === 1) eachScopeOfResource(body, body.from, pos, visit)
  }
}

function eachScopeOfResource(body: WireBody, start: number, end: number, visit: VisitScope): void {
  const resource = resourceOf(body, start, end)
  for (let pos = start; pos < end;) {
    pos = body.step(pos)
    if (body.number !== 2) continue
    const from = body.from
    visit(from, pos, resource, scopeOf(body, from, pos))
  }
}

function resourceOf(body: WireBody, start: number, end: number): Attributes {
  let from = start
  let to = start
  for (let pos = start; pos < end;) {
    pos = body.step(pos)
    if (body.number !== 1) continue
    from = body.from
    to = pos
  }
  return wireAttributes(body, from, to, 1)
}

function scopeOf(body: WireBody, start: number, end: number): Scope {
  let scope: Scope = { name: '', version: '' }
  for (let pos = start; pos < end;) {
    pos = body.step(pos)
    if (body.number === 1) scope = nameAndVersion(body, body.from, pos)
  }
  return scope
}

function nameAndVersion(body: WireBody, start: number, end: number): Scope {
  let name = ''
  let version = ''
  for (let pos = start; pos < end;) {
    pos = body.step(pos)
    if (body.number === 1) name = body.text(body.from, pos)
    else if (body.number === 2) version = body.text(body.from, pos)
  }
  return { name, version }
}

function logOf(body: WireBody, [start, end]: readonly [number, number], resource: Attributes, scope: Scope): LogRecord {
  const log = { traceId: '', spanId: '', timeMs: 0, observedMs: 0, eventName: '', severity: 0, bodyStart: 0, bodyEnd: 0 }
  for (let pos = start; pos < end;) {
    pos = body.step(pos)
    const from = body.from
    switch (body.number) {
      case 1:
        log.timeMs = millisOf(body.nanos(from))
        break
      case 2:
        log.severity = knownEnum(body.int(from), SEVERITY_NUMBERS)
        break
      case 5:
        log.bodyStart = from
        log.bodyEnd = pos
        break
      case 9:
        log.traceId = body.id(from, pos, 16)
        break
      case 10:
        log.spanId = body.id(from, pos, 8)
        break
      case 11:
        log.observedMs = millisOf(body.nanos(from))
        break
      case 12:
        log.eventName = body.text(from, pos)
        break
      default:
    }
  }
  const { traceId, spanId, severity } = log
  const attributes = wireAttributes(body, start, end, 6)
  return {
    traceId,
    spanId,
    timeMs: log.timeMs === 0 ? log.observedMs : log.timeMs,
    eventName: log.eventName === '' ? (attributes.text(GENERAL.eventName) ?? '') : log.eventName,
    severity,
    scope,
    resource,
    attributes,
    body: bodyView(() => body.plain(log.bodyStart, log.bodyEnd)),
  }
}
