/**
 * The OpenTelemetry API that our spans go through. Usually our own copy; in an application with an SDK of its own, the copy that SDK was
 * registered through: a copy of the API sees only a global of the same or a newer minor, so ours may be blind to theirs.
 * Everything in instrumentation/ asks here, at call time, and never keeps a tracer.
 */
import * as api from '@opentelemetry/api'

/** What we use of a copy of `@opentelemetry/api`. */
export type OtelApi = Pick<typeof api, 'trace' | 'context' | 'propagation'>

const SCOPE = 'agentopz'
let current: OtelApi = api
let scopeVersion = ''

/** Takes the copy of the API that the application registered its SDK through. */
export function useApi(copy: OtelApi): void {
  current = copy
}

/** Names our version in the instrumentation scope. */
export function setScopeVersion(version: string): void {
  scopeVersion = version
}

/** The API copy in use. */
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
