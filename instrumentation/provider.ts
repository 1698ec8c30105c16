/**
 * Standalone mode: a small tracer provider of our own (sdk-trace and one OTLP exporter; sdk-node would cost half a second at start), registered
 * only as long as the application has none. The moment the application registers its own, ours steps back, and our span processor is attached
 * to theirs: their registration wins, and it is said once.
 */
import { createRequire } from 'node:module'
import * as api from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CBaggagePropagator, W3CTraceContextPropagator, CompositePropagator } from '@opentelemetry/core'
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import type * as Transformer from '@opentelemetry/otlp-transformer'
import { BatchSpanProcessor, type ReadableSpan, type SpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { LazyExporter } from './exporter.ts'
import { bug, sayOnce } from './log.ts'
import { type OtelApi, useApi } from './otel.ts'
import { createRunProcessor } from './run-processor.ts'
import { sampler } from './sampler.ts'
import { type OtlpRequest, otlpTarget } from './send.ts'
import type { Settings } from './settings.ts'

const GLOBAL = Symbol.for('opentelemetry.js.api.1')
type Globals = Record<string, unknown> & { readonly version?: string }
const place = globalThis as { [GLOBAL]?: Globals }

interface Ours {
  readonly provider: TracerProvider
  readonly contextManager: AsyncLocalStorageContextManager
  readonly propagator: CompositePropagator
  readonly batch: BatchSpanProcessor | undefined
}
let ours: Ours | undefined
let attached = false

/** Builds our provider and registers it, unless the application already has one; then our span processor is attached to it. */
export function startProvider(settings: Settings, env: Readonly<Record<string, string | undefined>>): void {
  const theirs = place[GLOBAL]?.['trace']
  if (theirs !== undefined) {
    attachTo(theirs)
    return
  }
  const resource = defaultResource()
    .merge(detectResources({ detectors: [envDetector] }))
    .merge(resourceFromAttributes(settings.service === '' ? {} : { 'service.name': settings.service }))
  const exporter = settings.traces ? new LazyExporter(settings) : undefined
  const batch =
    exporter === undefined
      ? undefined
      : new BatchSpanProcessor({
          exporter,
          maxExportBatchSize: Math.min(settings.exportBatch, settings.exportQueue),
          maxQueueSize: settings.exportQueue,
          scheduledDelayMillis: settings.exportDelayMs,
          exportTimeoutMillis: settings.exportTimeoutMs,
        })
  const processors: SpanProcessor[] = [createRunProcessor(), ...(batch === undefined ? [] : [batch])]
  const provider = new TracerProvider({ resource, spanProcessors: processors, sampler: sampler(env) })
  const contextManager = new AsyncLocalStorageContextManager()
  contextManager.enable()
  const propagator = new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] })
  ours = { provider, contextManager, propagator, batch }
  registerOurs()
}

/**
 * Takes the spans that were not sent yet out of the batch, as one request, for the end of the process. The batch processor has no way to hand
 * them over without the exporter's retries; its queue is read by name, and where a newer version has none nothing is taken.
 */
export function takeUnsent(): OtlpRequest | undefined {
  const queue = (ours?.batch as unknown as { _finishedSpans?: unknown } | undefined)?._finishedSpans
  if (!Array.isArray(queue) || queue.length === 0) return undefined
  const spans = queue.splice(0) as ReadableSpan[]
  const { JsonTraceSerializer } = createRequire(import.meta.url)('@opentelemetry/otlp-transformer') as typeof Transformer
  const bytes = JsonTraceSerializer.serializeRequest(spans)
  return bytes === undefined ? undefined : { ...otlpTarget(process.env), body: new TextDecoder().decode(bytes) }
}

function registerOurs(): void {
  if (ours === undefined) return
  api.trace.setGlobalTracerProvider(ours.provider)
  api.context.setGlobalContextManager(ours.contextManager)
  api.propagation.setGlobalPropagator(ours.propagator)
}

/**
 * The application is about to register something of its own through its copy of the API: ours steps back, so that it is not refused.
 * Registration is per copy and version: the global object is made anew by theirs.
 */
export function stepBack(): void {
  if (ours === undefined || attached) return
  const globals = place[GLOBAL]
  if (globals === undefined) return
  const kept = Object.entries(globals).filter(([key, value]) => key !== 'version' && !isOurs(value))
  delete place[GLOBAL]
  if (kept.length === 0) return
  // What the application registered before (a logger, a meter provider) stays: it was made by a copy of the same version.
  const fresh: Globals = Object.defineProperty({}, 'version', { value: globals.version, enumerable: true }) as Globals
  for (const [key, value] of kept) fresh[key] = value
  place[GLOBAL] = fresh
}

function isOurs(value: unknown): boolean {
  if (value === ours?.contextManager || value === ours?.propagator || value === ours?.provider) return true
  // The global tracer provider is a proxy around what was registered.
  return (value as { getDelegate?: () => unknown } | undefined)?.getDelegate?.() === ours?.provider
}

/** The application registered its provider through this copy of the API: our spans go there, our span processor is attached. */
export function adopt(provider: unknown, copy: OtelApi): void {
  useApi(copy)
  attachTo(provider)
  const mine = ours
  if (mine !== undefined) {
    const timer = setTimeout(() => void mine.provider.forceFlush().catch(() => undefined), 1000)
    timer.unref()
  }
}

/** Where the application registered a context manager or propagator but no provider, ours comes back, beside them. */
export function comeBack(copy: OtelApi): void {
  if (ours === undefined || attached || place[GLOBAL]?.['trace'] !== undefined) return
  useApi(copy)
  copy.trace.setGlobalTracerProvider(ours.provider)
  copy.context.setGlobalContextManager(ours.contextManager)
  copy.propagation.setGlobalPropagator(ours.propagator)
}

/** True for what we register ourselves. */
export function isOurProvider(provider: unknown): boolean {
  return ours !== undefined && provider === ours.provider
}

/** Adds our span processor to a provider of SDK 2.x or 3.x. */
export function attachTo(provider: unknown): boolean {
  try {
    const real = (provider as { getDelegate?: () => unknown }).getDelegate?.() ?? provider
    const list = (real as { _activeSpanProcessor?: { _spanProcessors?: unknown } })._activeSpanProcessor?._spanProcessors
    if (Array.isArray(list)) {
      list.unshift(createRunProcessor())
      attached = true
      sayOnce('attached', 'info', "the application's own OpenTelemetry SDK is used; our spans go through its exporters")
      return true
    }
  } catch (error) {
    bug('attach', error)
  }
  sayOnce(
    'attached',
    'warn',
    'the registered tracer provider is no OpenTelemetry SDK 2.x or 3.x; spans go to it, but without run and release. Add createSpanProcessor() of agentopz/instrumentation to it',
  )
  return false
}
