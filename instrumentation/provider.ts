/**
 * Standalone mode: a small tracer provider of our own (sdk-trace and one OTLP exporter; sdk-node would cost half a second at start), registered
 * only as long as the application has none. The moment the application registers its own, ours steps back, and our span processor is attached
 * to theirs: their registration wins, and it is said once.
 */
import * as api from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { CompositePropagator, suppressTracing, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core'
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import { type SpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import type { LastRequest } from './export/last-request.ts'
import { SpanQueue } from './export/span-queue.ts'
import { type OtlpTarget, otlpTarget } from './export/target.ts'
import { bug, say, sayOnce } from './log.ts'
import { otel, type OtelGlobal, otelGlobal, setOtelGlobal } from './otel.ts'
import { createRunProcessor } from './run-processor.ts'
import { sampler } from './sampler.ts'
import type { Settings } from './settings.ts'

interface Ours {
  readonly provider: TracerProvider
  readonly contextManager: AsyncLocalStorageContextManager
  readonly propagator: api.TextMapPropagator
  readonly queue: SpanQueue | undefined
  readonly target: OtlpTarget | undefined
}
let ours: Ours | undefined
let attached = false

/** Builds our provider and registers it, unless the application already has one; then our span processor is attached to it. */
export function startProvider(settings: Settings, env: Readonly<Record<string, string | undefined>>): void {
  const theirs = otelGlobal()?.trace
  if (theirs !== undefined) {
    attachTo(theirs)
    return
  }
  const resource = defaultResource()
    .merge(detectResources({ detectors: [envDetector] }))
    .merge(resourceFromAttributes(settings.service === '' ? {} : { 'service.name': settings.service }))
  const target = settings.traces ? otlpTarget(env, (problem) => say('warn', problem)) : undefined
  const queue = target === undefined ? undefined : new SpanQueue({ target, untraced, ...settings.export })
  const processors: SpanProcessor[] = [createRunProcessor(), ...(queue === undefined ? [] : [queue])]
  const provider = new TracerProvider({ resource, spanProcessors: processors, sampler: sampler(env), spanLimits: settings.spanLimits })
  const contextManager = new AsyncLocalStorageContextManager()
  contextManager.enable()
  ours = { provider, contextManager, propagator: propagatorOf(settings), queue, target }
  registerOurs()
}

/** Runs what sends spans where nobody makes a span of it. */
function untraced<T>(work: () => T): T {
  const { context } = otel()
  return context.with(suppressTracing(context.active()), work)
}

function propagatorOf({ propagators }: Settings): api.TextMapPropagator {
  return new CompositePropagator({
    propagators: [
      ...(propagators.has('tracecontext') ? [new W3CTraceContextPropagator()] : []),
      ...(propagators.has('baggage') ? [new W3CBaggagePropagator()] : []),
    ],
  })
}

/** Sends the spans that were not sent yet, before the process ends, which is held for it; at most `limitMs`. */
export async function drainSpans(limitMs: number): Promise<void> {
  await ours?.queue?.drain(limitMs)
}

/** Takes the spans that were not sent yet out of the queue, as one request for the child that an exiting process waits for. */
export function takeUnsent(timeoutMs: number): LastRequest | undefined {
  const target = ours?.target
  const body = ours?.queue?.take()
  return target === undefined || body === undefined ? undefined : { target, body, timeoutMs }
}

function registerOurs(): void {
  if (ours === undefined) return
  api.trace.setGlobalTracerProvider(ours.provider)
  api.context.setGlobalContextManager(ours.contextManager)
  api.propagation.setGlobalPropagator(ours.propagator)
}

/**
 * The application is about to register something of its own through its copy of the API: ours steps back, so that it is not refused.
 * A global is of the version of the copy that made it, and no other may register in it: theirs is made anew.
 */
export function stepBack(): void {
  const globals = otelGlobal()
  if (ours === undefined || attached || globals === undefined) return
  const kept = Object.entries(globals).filter(([key, value]) => key !== 'version' && !isOurs(value))
  // What the application registered before (a logger, a meter provider) stays: it was made by a copy of the same version.
  const fresh = Object.defineProperty(Object.fromEntries(kept), 'version', { value: globals.version, enumerable: true }) as OtelGlobal
  setOtelGlobal(kept.length === 0 ? undefined : fresh)
}

function isOurs(value: unknown): boolean {
  if (value === ours?.contextManager || value === ours?.propagator || value === ours?.provider) return true
  // The global tracer provider is a proxy around what was registered.
  return (value as { getDelegate?: () => unknown } | undefined)?.getDelegate?.() === ours?.provider
}

/** The application registered its provider: our spans go there, our span processor is attached. */
export function adopt(provider: unknown): void {
  attachTo(provider)
  // Spans that ended before are still ours to send.
  void ours?.queue?.forceFlush()
}

/** What the setters of a copy of the API are called with. */
export interface Registry {
  readonly trace: { setGlobalTracerProvider(provider: api.TracerProvider): boolean }
  readonly context: { setGlobalContextManager(manager: api.ContextManager): boolean }
  readonly propagation: { setGlobalPropagator(propagator: api.TextMapPropagator): boolean }
}

/** Where the application registered a context manager or propagator but no provider, ours comes back, beside them. */
export function comeBack(copy: Registry): void {
  if (ours === undefined || attached || otelGlobal()?.trace !== undefined) return
  copy.trace.setGlobalTracerProvider(ours.provider)
  if (otelGlobal()?.context === undefined) copy.context.setGlobalContextManager(ours.contextManager)
  if (otelGlobal()?.propagation === undefined) copy.propagation.setGlobalPropagator(ours.propagator)
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
