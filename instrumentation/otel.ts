/**
 * The OpenTelemetry API that our spans go through: what is registered on the global object right now, whichever copy of `@opentelemetry/api` it
 * was registered through. A copy refuses a global of an older minor, so ours would be blind to an application's SDK that uses an older one.
 * Everything in instrumentation/ asks here, at call time, and never keeps a tracer.
 */
import * as api from '@opentelemetry/api'

/** Where every copy of the API 1.x keeps what is registered. */
export const GLOBAL = Symbol.for('opentelemetry.js.api.1')

/** What the global object holds, by the API's own names. */
export interface OtelGlobal {
  readonly version?: string
  trace?: api.TracerProvider
  context?: api.ContextManager
  propagation?: api.TextMapPropagator
}

/** What was registered in this process; undefined where nothing was. */
export function otelGlobal(): OtelGlobal | undefined {
  return (globalThis as { [GLOBAL]?: OtelGlobal })[GLOBAL]
}

/** The parts of the API that we use, named as in the API. */
export interface OtelApi {
  readonly trace: Pick<typeof api.trace, 'getActiveSpan' | 'getSpan' | 'setSpan' | 'getSpanContext' | 'setSpanContext'> & {
    getTracer(name: string, version?: string): api.Tracer
  }
  readonly context: Pick<typeof api.context, 'active' | 'with'>
  readonly propagation: Pick<typeof api.propagation, 'extract' | 'inject'>
}

// Keys of context values are global symbols, so a context of one copy can be read by another.
const { getSpan, setSpan, getSpanContext, setSpanContext } = api.trace
const active = (): api.Context => otelGlobal()?.context?.active() ?? api.ROOT_CONTEXT
const noTracers = new api.ProxyTracerProvider()

const current: OtelApi = {
  trace: {
    getTracer: (name, version) => (otelGlobal()?.trace ?? noTracers).getTracer(name, version),
    getActiveSpan: () => getSpan(active()),
    getSpan,
    setSpan,
    getSpanContext,
    setSpanContext,
  },
  context: {
    active,
    with: (context, work, self, ...args) => {
      const manager = otelGlobal()?.context
      return manager === undefined ? work.call(self as ThisParameterType<typeof work>, ...args) : manager.with(context, work, self, ...args)
    },
  },
  propagation: {
    extract: (context, carrier, getter = api.defaultTextMapGetter) =>
      otelGlobal()?.propagation?.extract(context, carrier, getter) ?? context,
    inject: (context, carrier, setter = api.defaultTextMapSetter) => otelGlobal()?.propagation?.inject(context, carrier, setter),
  },
}

const SCOPE = 'agentopz'
let scopeVersion = ''

/** Names our version in the instrumentation scope. */
export function setScopeVersion(version: string): void {
  scopeVersion = version
}

/** The API over what is registered. */
export function otel(): OtelApi {
  return current
}

/** A tracer of whatever provider is registered now; a no-op where none is. */
export function tracer(): api.Tracer {
  return current.trace.getTracer(SCOPE, scopeVersion)
}

/** The span that is active here, when it records. */
export function activeSpan(): api.Span | undefined {
  const span = current.trace.getActiveSpan()
  return span?.isRecording() === true ? span : undefined
}

export { ROOT_CONTEXT, SpanKind, SpanStatusCode } from '@opentelemetry/api'
export type { Attributes, Context, Span } from '@opentelemetry/api'
