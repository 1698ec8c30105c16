/**
 * The same pipeline as an OpenTelemetry SpanProcessor, for a Node application that wants its run metrics without a second process.
 * Works with OpenTelemetry JS SDK 2.x and 3.x: both are matched by shape, none is imported.
 * Never throws out of onEnd, keeps no span object, and holds its sweep timer without keeping the process alive.
 */
import { randomBytes } from 'node:crypto'
import type { Span } from '../model/span.ts'
import { createDecoder } from './decode/index.ts'
import { createInterestTest } from './decode/interest.ts'
import { DEFAULT_SETTINGS } from './default-settings.ts'
import { INTEREST } from './dialects/index.ts'
import type { AgentPolicy } from './evaluations/check.ts'
import { createMetrics, type Metrics, type MetricsOptions } from './metrics.ts'
import { createPipeline, type Pipeline, type PipelineHooks } from './pipeline.ts'
import { createPrices } from './prices.ts'
import type { PriceOverride } from './prices-override.ts'
import { DEFAULT_RUN_LIMITS, type RunLimits } from './runs/runs.ts'
import { createSweeping, SWEEP_MS } from './sweeping.ts'
import { placeOfSdk, type ReadableSpanLike, spanOfSdk } from './sdk-span.ts'
import { shapeOf } from './sdk-shape.ts'

export interface InProcessOptions {
  readonly limits?: Partial<RunLimits>
  readonly metrics?: Partial<MetricsOptions>
  readonly prices?: { readonly override?: PriceOverride }
  /** Policy per agent; the default requires `DEFAULT_CHECKS` of every agent. */
  readonly policyOf?: (agent: string) => AgentPolicy
  readonly objectivesOf?: (agent: string) => { readonly cost_usd?: number; readonly steps?: number; readonly duration_seconds?: number }
  readonly hooks?: PipelineHooks
}

/** What an OpenTelemetry SDK expects of a span processor, in 2.x and 3.x alike. */
export interface InProcess {
  onStart(): void
  onEnd(span: ReadableSpanLike): void
  forceFlush(): Promise<void>
  shutdown(): Promise<void>
  /** The metrics, to be served at `/metrics`: `metrics.expose(request.headers.accept, Date.now())`. */
  readonly metrics: Metrics
  readonly pipeline: Pipeline
}

const interest = createInterestTest(INTEREST)

/** Builds a span processor: `new NodeTracerProvider({ spanProcessors: [createSpanProcessor()] })`. */
export function createSpanProcessor(options: InProcessOptions = {}): InProcess {
  const metrics = createMetrics(options.metrics ?? {})
  const pipeline = createPipeline(
    createDecoder(INTEREST),
    metrics,
    {
      ...DEFAULT_SETTINGS,
      limits: { ...DEFAULT_RUN_LIMITS, ...options.limits },
      policyOf: options.policyOf ?? DEFAULT_SETTINGS.policyOf,
      objectivesOf: options.objectivesOf ?? DEFAULT_SETTINGS.objectivesOf,
      prices: options.prices === undefined ? DEFAULT_SETTINGS.prices : createPrices(options.prices),
    },
    options.hooks ?? {},
    randomBytes(4).readInt32LE(),
  )
  const sweep = createSweeping(
    (limit) => pipeline.sweep(Date.now(), limit),
    () => metrics.add('agentopz_internal_errors_total', { stage: 'sweep' }, 1, Date.now()),
  )
  const timers = [setInterval(sweep, SWEEP_MS), setInterval(() => metrics.expire(Date.now()), 60_000)]
  for (const timer of timers) timer.unref()
  let isShut = false
  return {
    metrics,
    pipeline,
    onStart: () => undefined,
    onEnd: (span) => {
      if (isShut) return
      const now = Date.now()
      let view: Span
      try {
        const shape = shapeOf(span.attributes)
        const place = placeOfSdk(span, interest, shape)
        if (place !== undefined) return pipeline.link(place, now)
        view = spanOfSdk(span, shape)
      } catch {
        metrics.add('agentopz_internal_errors_total', { stage: 'sdk_span' }, 1, now)
        return
      }
      pipeline.span(view, now)
    },
    // Runs close by their own rules; a flush must not cut a run short because an exporter wants its batch out.
    forceFlush: async () => {
      pipeline.sweep(Date.now())
    },
    shutdown: async () => {
      if (isShut) return
      isShut = true
      for (const timer of timers) clearInterval(timer)
      pipeline.flush(Date.now(), 'shutdown')
    },
  }
}
