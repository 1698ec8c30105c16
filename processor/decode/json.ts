/**
 * OTLP/JSON requests → span and log views. The whole request is checked for syntax, size and shape before the first view is handed on.
 * Ids are hex, 64-bit integers decimal strings or numbers, enums numbers or their names; unknown fields are ignored and null is absent.
 * Traces in the form that emitters write are walked as bytes (json-walk.ts); any other body, and every one that is wrong, is parsed.
 * Shape errors name the path; their offset is 0, since JSON.parse keeps no places. Source: OTLP 1.9, "JSON Protobuf Encoding".
 */
import { isUtf8 } from 'node:buffer'
import type { Attributes, Scope, Span } from '../../model/span.ts'
import { GENERAL } from '../../model/semconv.ts'
import { type Decoded, DecodeError, type DecodeLimits, type LogSink, type RejectReason, type SpanSink } from './decode.ts'
import type { InterestTest } from './interest.ts'
import { type Group, JsonPlaces } from './json-places.ts'
import { type Fields, isFields, METRIC_KINDS, problemInLogs, problemInMetrics, problemInTraces } from './json-shape.ts'
import { childOf, jsonAttributes, jsonLog, JsonSpan, listOf, stringOf } from './json-span.ts'
import { parseJsonBody } from './json-text.ts'
import { JsonBody, JsonSpanView } from './json-view.ts'
import { JsonWalk } from './json-walk.ts'
import type { KeyTable } from './key-table.ts'
import { SpanIds } from './span-ids.ts'
import { Strings } from './strings.ts'

type Path = readonly [perResource: string, perScope: string, items: string]
const TRACES: Path = ['resourceSpans', 'scopeSpans', 'spans']
const LOGS: Path = ['resourceLogs', 'scopeLogs', 'logRecords']
const METRICS: Path = ['resourceMetrics', 'scopeMetrics', 'metrics']

/** What a decoder builds once. Strings and places are room that is used again for the next request; nothing in them outlives it but texts. */
export interface JsonSetup {
  readonly interest: InterestTest
  readonly limits: DecodeLimits
  readonly strings: Strings
  readonly places: JsonPlaces
}

/** Builds it. */
export function createJsonSetup(table: KeyTable, interest: InterestTest, limits: DecodeLimits): JsonSetup {
  return { interest, limits, strings: new Strings(), places: new JsonPlaces(table) }
}

/** Reads a traces request. @throws DecodeError before anything reached the sink. */
export function decodeJsonTraces(body: Uint8Array, setup: JsonSetup, sink: SpanSink): Decoded {
  const { interest, limits, places } = setup
  places.clear()
  if (isUtf8(body) && new JsonWalk(body, limits, places).take()) return readWalked(body, setup, sink)
  return decodeParsedTraces(body, interest, limits, sink)
}

function readWalked(bytes: Uint8Array, { interest, strings, places }: JsonSetup, sink: SpanSink): Decoded {
  const body = new JsonBody(bytes, strings)
  const span = new JsonSpanView(body, places)
  const rejected: Partial<Record<RejectReason, number>> = {}
  const take = (i: number, isOwn: boolean): void => {
    const isOfInterest = span.load(i) || isOwn
    const reason = span.refusal()
    if (reason !== undefined) rejected[reason] = (rejected[reason] ?? 0) + 1
    else if (isOfInterest) sink.span(span)
    else sink.link?.(placeOf(span))
  }
  for (const ofResource of places.resources) {
    span.resource = jsonAttributes(fieldsOf(body, ofResource))
    const service = span.resource.text(GENERAL.serviceName)
    for (let s = ofResource.from; s < ofResource.to; s++) {
      const ofScope = places.scopes[s] as Group
      span.scope = scopeOf(fieldsOf(body, ofScope))
      const isOwn = interest.scope(span.scope.name) || interest.service(service)
      for (let i = ofScope.from; i < ofScope.to; i++) take(i, isOwn)
    }
  }
  return { total: places.count, rejected }
}

function fieldsOf(body: JsonBody, { start, end }: Group): Fields {
  return start === 0 ? {} : (body.parsed(start, end) as Fields)
}

const place = new SpanIds()

/** Ids of a span that was not refused are hex. */
function placeOf(span: Span): SpanIds {
  place.take(span)
  return place
}

/** The exact way. @throws DecodeError before anything reached the sink. */
export function decodeParsedTraces(body: Uint8Array, interest: InterestTest, limits: DecodeLimits, sink: SpanSink): Decoded {
  const request = parse(body, limits, problemInTraces)
  const total = count(request, TRACES, limits)
  const rejected: Partial<Record<RejectReason, number>> = {}
  eachScope(request, TRACES, (spans, resource, scope) => {
    const isOwn = interest.scope(scope.name) || interest.service(resource.text(GENERAL.serviceName))
    for (const fields of spans) {
      const span = new JsonSpan(fields, resource, scope)
      const reason = span.traceId === '' ? 'trace_id' : span.spanId === '' || isBadParent(fields) ? 'span_id' : undefined
      if (reason !== undefined) rejected[reason] = (rejected[reason] ?? 0) + 1
      else if (isOwn || isOfInterest(fields, interest)) sink.span(span)
      else sink.link?.(placeOf(span))
    }
  })
  return { total, rejected }
}

/** Reads a logs request. @throws DecodeError before anything reached the sink. */
export function decodeJsonLogs(body: Uint8Array, limits: DecodeLimits, sink: LogSink): Decoded {
  const request = parse(body, limits, problemInLogs)
  const total = count(request, LOGS, limits)
  eachScope(request, LOGS, (records, resource, scope) => {
    for (const fields of records) sink.log(jsonLog(fields, resource, scope))
  })
  return { total, rejected: {} }
}

/** Checks a metrics request and counts its data points. @throws DecodeError */
export function countJsonMetrics(body: Uint8Array, limits: DecodeLimits): Decoded {
  const request = parse(body, limits, problemInMetrics)
  let total = 0
  eachScope(request, METRICS, (metrics) => {
    for (const metric of metrics) for (const kind of METRIC_KINDS) total += listOf(childOf(metric, kind), 'dataPoints').length
  })
  if (total > limits.maxItems) throw tooMany(limits)
  return { total, rejected: {} }
}

function parse(body: Uint8Array, limits: DecodeLimits, problemIn: (request: unknown) => string | undefined): Fields {
  const request = parseJsonBody(body, limits.maxNesting)
  const problem = problemIn(request)
  if (problem !== undefined || !isFields(request)) throw new DecodeError('json', 0, problem ?? 'not an object')
  return request
}

function count(request: Fields, [perResource, perScope, items]: Path, limits: DecodeLimits): number {
  let total = 0
  for (const r of listOf(request, perResource)) for (const s of listOf(r, perScope)) total += listOf(s, items).length
  if (total > limits.maxItems) throw tooMany(limits)
  return total
}

function tooMany(limits: DecodeLimits): DecodeError {
  return new DecodeError('json', 0, `more than ${limits.maxItems} items in one request`)
}

/** Visits the lists of items with their resource and scope, decoded once each. */
function eachScope(
  request: Fields,
  [perResource, perScope, items]: Path,
  visit: (items: readonly Fields[], resource: Attributes, scope: Scope) => void,
): void {
  for (const r of listOf(request, perResource)) {
    const resource = jsonAttributes(childOf(r, 'resource'))
    for (const s of listOf(r, perScope)) {
      visit(listOf(s, items), resource, scopeOf(childOf(s, 'scope')))
    }
  }
}

function scopeOf(fields: Fields): Scope {
  return { name: stringOf(fields, 'name'), version: stringOf(fields, 'version') }
}

/** A parent id of a wrong length names no span; taking its span for a root would open a wrong run. */
function isBadParent(fields: Fields): boolean {
  const { length } = stringOf(fields, 'parentSpanId')
  return length !== 0 && length !== 16
}

function isOfInterest(fields: Fields, interest: InterestTest): boolean {
  return (
    listOf(fields, 'attributes').some((kv) => interest.key(stringOf(kv, 'key'))) ||
    listOf(fields, 'events').some((e) => interest.event(stringOf(e, 'name')))
  )
}
