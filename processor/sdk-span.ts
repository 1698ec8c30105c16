/**
 * An OpenTelemetry JS ReadableSpan → span view, for SDK 2.x and 3.x alike: matched by shape, nothing imported, nothing copied.
 * Values are read when they are asked for, so the view shows the span as it is then; it is meant for spans that have ended.
 */
import type { Attributes, ParentLocation, Scope, Span, SpanEvent, StatusCode } from '../model/span.ts'
import type { InterestTest } from './decode/interest.ts'
import { isKnown, millisBetween, millisOf, type Nanos } from './decode/nanos.ts'
import type { SpanPlace } from './decode/span-ids.ts'
import { NO_ATTRIBUTES, viewOfPlain } from './decode/values.ts'
import { SdkAttributes } from './sdk-attributes.ts'
import { type Shape, shapeOf } from './sdk-shape.ts'

type HrTime = readonly [seconds: number, nanos: number]

interface SpanContextLike {
  readonly traceId: string
  readonly spanId: string
  readonly isRemote?: boolean
  readonly traceState?: { serialize(): string } | undefined
}

/** The part of ReadableSpan that is read. 2.x and 3.x differ from 1.x in `parentSpanContext` and `instrumentationScope`. */
export interface ReadableSpanLike {
  readonly name: string
  readonly kind: number
  spanContext(): SpanContextLike
  readonly parentSpanContext?: SpanContextLike | undefined
  readonly parentSpanId?: string | undefined
  readonly startTime: HrTime
  readonly endTime: HrTime
  readonly status: { readonly code: number; readonly message?: string | undefined }
  readonly attributes: Readonly<Record<string, unknown>>
  readonly events: readonly {
    readonly name: string
    readonly time: HrTime
    readonly attributes?: Readonly<Record<string, unknown>> | undefined
  }[]
  readonly links: readonly { readonly context: SpanContextLike }[]
  readonly resource: { readonly attributes: Readonly<Record<string, unknown>> }
  readonly instrumentationScope?: { readonly name: string; readonly version?: string | undefined } | undefined
  readonly instrumentationLibrary?: { readonly name: string; readonly version?: string | undefined } | undefined
}

const STATUS: readonly StatusCode[] = ['unset', 'ok', 'error']
/** Nearly every id is told by its last digit; a regular expression costs 60 ns on each. */
const isValid = (id: string): boolean => id !== '' && (id.charCodeAt(id.length - 1) !== 48 || !/^0*$/.test(id))

/** As in nanos.ts, not by `%` and not by taking the pair apart, which goes through its iterator. */
function nanosOf(time: HrTime): Nanos {
  const ms = Math.floor(time[1] / 1e6)
  return { ms: time[0] * 1000 + ms, rest: time[1] - ms * 1e6 }
}

/** Spans come from few resources and scopes, one after the other: what was made of the last is used again. */
let resourceAttributes: unknown
let resource: Attributes = NO_ATTRIBUTES
let instrumentation: unknown
let scope: Scope = { name: '', version: '' }

function resourceOf(span: ReadableSpanLike): Attributes {
  const { attributes } = span.resource
  if (attributes !== resourceAttributes) {
    resourceAttributes = attributes
    resource = viewOfPlain(attributes)
  }
  return resource
}

function scopeOf(span: ReadableSpanLike): Scope {
  const from = span.instrumentationScope ?? span.instrumentationLibrary
  if (from !== instrumentation) {
    instrumentation = from
    scope = { name: from?.name ?? '', version: from?.version ?? '' }
  }
  return scope
}

const NO_EVENTS: readonly SpanEvent[] = []

class SdkSpan implements Span {
  readonly #span: ReadableSpanLike
  readonly #context: SpanContextLike
  readonly attributes: Attributes
  readonly resource: Attributes

  constructor(span: ReadableSpanLike, shape: Shape | undefined) {
    this.#span = span
    this.#context = span.spanContext()
    this.attributes = new SdkAttributes(span.attributes, shape)
    this.resource = resourceOf(span)
  }
  get traceId(): string {
    return this.#context.traceId
  }
  get spanId(): string {
    return this.#context.spanId
  }
  /** An SDK may carry an invalid parent context along (all zeros): that is a root. */
  get parentSpanId(): string {
    const id = this.#span.parentSpanContext?.spanId ?? this.#span.parentSpanId ?? ''
    return isValid(id) ? id : ''
  }
  get parentLocation(): ParentLocation {
    const parent = this.#span.parentSpanContext
    return parent === undefined || !isValid(parent.spanId) ? 'unknown' : parent.isRemote === true ? 'remote' : 'local'
  }
  get traceState(): string {
    return this.#context.traceState?.serialize() ?? ''
  }
  get name(): string {
    return this.#span.name
  }
  /** The API counts kinds from INTERNAL = 0, OTLP from UNSPECIFIED = 0. */
  get kind(): number {
    return this.#span.kind + 1
  }
  get startMs(): number {
    const start = nanosOf(this.#span.startTime)
    return millisOf(isKnown(start) ? start : nanosOf(this.#span.endTime))
  }
  get durationMs(): number {
    return millisBetween(nanosOf(this.#span.startTime), nanosOf(this.#span.endTime))
  }
  get status(): StatusCode {
    return STATUS[this.#span.status.code] ?? 'unset'
  }
  get statusMessage(): string {
    return this.#span.status.message ?? ''
  }
  get scope(): Scope {
    return scopeOf(this.#span)
  }
  links(): readonly { readonly traceId: string; readonly spanId: string }[] {
    const contexts = this.#span.links.map(({ context }) => context).filter((c) => isValid(c.traceId) && isValid(c.spanId))
    return contexts.map(({ traceId, spanId }) => ({ traceId, spanId }))
  }
  events(): readonly SpanEvent[] {
    if (this.#span.events.length === 0) return NO_EVENTS
    return this.#span.events.map((e) => ({
      name: e.name,
      timeMs: millisOf(nanosOf(e.time)),
      attributes: e.attributes === undefined ? NO_ATTRIBUTES : viewOfPlain(e.attributes),
    }))
  }
}

/** A view over an ended span; valid as long as the span is. Throws only what the span's own `spanContext()` throws. */
export function spanOfSdk(span: ReadableSpanLike, shape?: Shape): Span {
  return new SdkSpan(span, shape)
}

/** The place of a span that no dialect need look at; undefined for one of interest, by the rule that decoders follow. */
export function placeOfSdk(span: ReadableSpanLike, test: InterestTest, shape: Shape = shapeOf(span.attributes)): SpanPlace | undefined {
  if (shape.isOfInterest || isKnownSource(span, test)) return undefined
  const { events } = span
  for (let i = 0; i < events.length; i++) if (test.event(events[i]?.name ?? '')) return undefined
  const { traceId, spanId } = span.spanContext()
  const parent = span.parentSpanContext
  const parentSpanId = parent?.spanId ?? span.parentSpanId ?? ''
  if (parentSpanId === '' || !isValid(parentSpanId)) return { traceId, spanId, parentSpanId: '', parentLocation: 'unknown' }
  return { traceId, spanId, parentSpanId, parentLocation: parent === undefined ? 'unknown' : parent.isRemote === true ? 'remote' : 'local' }
}

/** The last source that was asked about, and the answer. */
let asked: { readonly scope: unknown; readonly attributes: unknown; readonly test: InterestTest | undefined; readonly known: boolean } = {
  scope: undefined,
  attributes: undefined,
  test: undefined,
  known: false,
}

function isKnownSource(span: ReadableSpanLike, test: InterestTest): boolean {
  const scope = span.instrumentationScope ?? span.instrumentationLibrary
  const { attributes } = span.resource
  if (asked.scope === scope && asked.attributes === attributes && asked.test === test) return asked.known
  const service = attributes['service.name']
  const known = (scope !== undefined && test.scope(scope.name)) || test.service(typeof service === 'string' ? service : undefined)
  asked = { scope, attributes, test, known }
  return known
}
