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
import { otel, otelGlobal } from './otel.ts'
import { shareGlobal } from './otel-global.ts'
import { createRunProcessor, isRunProcessor } from './run-processor.ts'
import { sampler } from './sampler.ts'
import type { Settings } from './settings.ts'

let queue: SpanQueue | undefined
let target: OtlpTarget | undefined
let handed: HandedOn | undefined

/**
 * Sees to it that spans get their run: attaches to the application's provider, when it registers one or did already. Until then there is one of
 * ours, unless `own` is false.
 */
export function startProvider(settings: Settings, env: Readonly<Record<string, string | undefined>>, own: boolean): void {
  const theirs = otelGlobal()?.trace
  if (theirs !== undefined) attachTo(theirs)
  else if (own) startOwn(settings, env)
  else shareGlobal(undefined, attachTo)
}

function startOwn(settings: Settings, env: Readonly<Record<string, string | undefined>>): void {
  const resource = defaultResource()
    .merge(detectResources({ detectors: [envDetector] }))
    .merge(resourceFromAttributes(settings.service === '' ? {} : { 'service.name': settings.service }))
  target = settings.traces ? otlpTarget(env, (problem) => say('warn', problem)) : undefined
  queue = target === undefined ? undefined : new SpanQueue({ target, untraced, ...settings.export })
  const processors: SpanProcessor[] = [createRunProcessor(), ...(queue === undefined ? [] : [queue])]
  const provider = new TracerProvider({ resource, spanProcessors: processors, sampler: sampler(env), spanLimits: settings.spanLimits })
  const contextManager = new AsyncLocalStorageContextManager()
  contextManager.enable()
  const mine = (handed = new HandedOn(provider))
  const register = (): void => {
    api.trace.setGlobalTracerProvider(mine.provider)
    api.context.setGlobalContextManager(contextManager)
    api.propagation.setGlobalPropagator(propagatorOf(settings))
  }
  shareGlobal(register, (theirs) => {
    attachTo(theirs)
    mine.to(theirs as api.TracerProvider)
    // Spans that ended before are still ours to send.
    void queue?.forceFlush()
  })
}

/**
 * Our provider, as libraries hold it that ask for a tracer while they are loaded: once the application registers its own, the tracers they
 * have make spans of that one.
 */
class HandedOn {
  readonly provider: TracerProvider
  #current: api.TracerProvider

  constructor(own: TracerProvider) {
    this.#current = own
    const getTracer: api.TracerProvider['getTracer'] = (name, version, options) => {
      let from: api.TracerProvider | undefined
      let tracer: api.Tracer | undefined
      const now = (): api.Tracer => {
        if (tracer === undefined || from !== this.#current) tracer = (from = this.#current).getTracer(name, version, options)
        return tracer
      }
      return {
        startSpan: (...args) => now().startSpan(...args),
        // Overloads of one method: the arguments are handed on as they are.
        startActiveSpan: (...args: unknown[]) => (now() as unknown as { startActiveSpan(...a: unknown[]): never }).startActiveSpan(...args),
      }
    }
    this.provider = Object.create(own, { getTracer: { value: getTracer } }) as TracerProvider
  }

  to(provider: api.TracerProvider): void {
    this.#current = provider
  }
}

/** True for the provider that we registered. */
export function isOurProvider(provider: unknown): boolean {
  return handed !== undefined && provider === handed.provider
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
  await queue?.drain(limitMs)
}

/** Takes the spans that were not sent yet out of the queue, as one request for the child that an exiting process waits for. */
export function takeUnsent(timeoutMs: number): LastRequest | undefined {
  const body = queue?.take()
  return target === undefined || body === undefined ? undefined : { target, body, timeoutMs }
}

/** Adds our span processor to a provider of SDK 2.x or 3.x, where the application has not. */
function attachTo(provider: unknown): void {
  try {
    const real = (provider as { getDelegate?: () => unknown }).getDelegate?.() ?? provider
    const list = (real as { _activeSpanProcessor?: { _spanProcessors?: unknown } })._activeSpanProcessor?._spanProcessors
    if (Array.isArray(list)) {
      if (!list.some(isRunProcessor)) list.unshift(createRunProcessor())
      sayOnce('attached', 'info', "the application's own OpenTelemetry SDK is used; our spans go through its exporters")
      return
    }
  } catch (error) {
    bug('attach', error)
  }
  sayOnce(
    'attached',
    'warn',
    'the registered tracer provider is no OpenTelemetry SDK 2.x or 3.x; spans go to it, but without run and release. Add createSpanProcessor() of agentopz/instrumentation to it',
  )
}
