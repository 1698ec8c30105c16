/**
 * A real OpenTelemetry SDK in the test process, registered as ours would be: whatever instrumentation code makes of spans is kept and can be
 * asked for. Once per test file, since the API registers once per process.
 */
import * as api from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { createRunProcessor } from '../../instrumentation/run-processor.ts'

export interface Recorded {
  readonly name: string
  readonly attributes: Readonly<Record<string, unknown>>
  readonly status: number
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | undefined
  readonly events: readonly { readonly name: string; readonly attributes: Readonly<Record<string, unknown>> }[]
}

export interface Recording {
  readonly tracer: api.Tracer
  /** Finished spans since the last call, oldest end first. */
  take(): readonly Recorded[]
}

/** Registers the SDK and begins to record. */
export function recordSpans(): Recording {
  const exporter = new InMemorySpanExporter()
  const provider = new TracerProvider({ spanProcessors: [createRunProcessor(), new SimpleSpanProcessor({ exporter })] })
  const contextManager = new AsyncLocalStorageContextManager()
  contextManager.enable()
  if (!api.trace.setGlobalTracerProvider(provider)) throw new Error('a tracer provider is registered already: record once per test file')
  api.context.setGlobalContextManager(contextManager)
  return {
    tracer: provider.getTracer('test'),
    take: () => {
      const spans = exporter.getFinishedSpans().map(recorded)
      exporter.reset()
      return spans
    },
  }
}

function recorded(span: ReadableSpan): Recorded {
  const { traceId, spanId } = span.spanContext()
  return {
    name: span.name,
    attributes: span.attributes,
    status: span.status.code,
    traceId,
    spanId,
    parentId: span.parentSpanContext?.spanId,
    events: span.events.map((e) => ({ name: e.name, attributes: e.attributes ?? {} })),
  }
}
