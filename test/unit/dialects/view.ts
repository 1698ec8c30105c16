/**
 * Spans and log records for dialect tests, from plain objects or OTLP/JSON. A view shows a dialect only the keys it declares, so a
 * forgotten declaration fails a test here and not in production.
 */
import { type AttributeKey, keyName } from '../../../model/attribute-key.ts'
import type { Attributes, LogRecord, Span, SpanEvent } from '../../../model/span.ts'
import type { Dialect } from '../../../processor/dialects/dialect.ts'

export type Values = Readonly<Record<string, unknown>>

export interface SpanSketch {
  readonly name?: string
  readonly scope?: string
  readonly kind?: number
  readonly status?: Span['status']
  readonly root?: boolean
  readonly attributes?: Values
  readonly resource?: Values
  readonly events?: readonly { readonly name: string; readonly attributes?: Values }[]
}

/** Forgiving accessors over plain values, as `Attributes` describes them. `visible` limits the keys. */
export function view(values: Values, visible?: Pick<Dialect, 'keys' | 'prefixes'>): Attributes {
  const at = (asked: AttributeKey): unknown => {
    const key = keyName(asked)
    const isVisible = visible === undefined || visible.keys.includes(key) || (visible.prefixes ?? []).some((p) => key.startsWith(p))
    return isVisible ? values[key] : undefined
  }
  const text = (key: AttributeKey): string | undefined => {
    const v = at(key)
    return typeof v === 'string' ? v : typeof v === 'number' || typeof v === 'boolean' ? String(v) : undefined
  }
  const number = (key: AttributeKey): number | undefined => {
    const t = text(key)
    const n = t === undefined || t.trim() === '' ? Number.NaN : Number(t)
    return Number.isFinite(n) ? n : undefined
  }
  const parse = (t: string): unknown => {
    try {
      return JSON.parse(t) as unknown
    } catch {
      return undefined
    }
  }
  return {
    has: (key) => at(key) !== undefined,
    text,
    number,
    count: (key) => {
      const n = number(key)
      return n !== undefined && Number.isInteger(n) && n >= 0 ? n : undefined
    },
    flag: (key) => {
      const t = text(key)?.toLowerCase()
      return t === 'true' ? true : t === 'false' ? false : undefined
    },
    list: (key) => {
      const v = at(key)
      if (Array.isArray(v)) return v.map(String)
      const t = text(key)
      if (t === undefined) return undefined
      const parsed = parse(t)
      if (Array.isArray(parsed)) return parsed.map(String)
      return t
        .replace(/^\[|\]$/g, '')
        .split(',')
        .map((s) => s.trim())
        .filter((s) => s !== '')
    },
    json: (key) => {
      const v = at(key)
      return typeof v === 'string' ? parse(v) : v
    },
    keys: (prefix, limit) =>
      Object.keys(values)
        .filter((k) => k.startsWith(prefix))
        .slice(0, limit),
  }
}

/** A span as `dialect` may see it. */
export function span(dialect: Dialect, sketch: SpanSketch): Span {
  const events: readonly SpanEvent[] = (sketch.events ?? []).map((e) => ({
    name: e.name,
    timeMs: 0,
    attributes: view(e.attributes ?? {}, dialect),
  }))
  return {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: '00f067aa0ba902b7',
    parentSpanId: sketch.root === true ? '' : '00f067aa0ba90200',
    parentLocation: 'local',
    traceState: '',
    name: sketch.name ?? 'span',
    kind: sketch.kind ?? 1,
    startMs: 1_760_000_000_000,
    durationMs: 5,
    status: sketch.status ?? 'unset',
    statusMessage: '',
    scope: { name: sketch.scope ?? '', version: '' },
    resource: view(sketch.resource ?? { 'service.name': 'shop' }, dialect),
    attributes: view(sketch.attributes ?? {}, dialect),
    links: () => [],
    events: () => events,
  }
}

export interface LogSketch {
  readonly event?: string
  readonly scope?: string
  readonly body?: string
  readonly traceId?: string
  readonly spanId?: string
  readonly attributes?: Values
}

export function log(dialect: Dialect, sketch: LogSketch): LogRecord {
  const attributes = view(sketch.attributes ?? {}, dialect)
  return {
    traceId: sketch.traceId ?? '',
    spanId: sketch.spanId ?? '',
    timeMs: 1_760_000_000_000,
    eventName: sketch.event ?? (typeof sketch.attributes?.['event.name'] === 'string' ? sketch.attributes['event.name'] : ''),
    severity: 9,
    scope: { name: sketch.scope ?? '', version: '' },
    resource: view({}, dialect),
    attributes,
    body: view(sketch.body === undefined ? {} : { '': sketch.body }),
  }
}
