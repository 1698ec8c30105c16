/**
 * The same pipeline as an OpenTelemetry SpanProcessor, for a Node application that wants its run metrics without a second process.
 * Works with OpenTelemetry JS SDK 2.x and 3.x: both are matched by shape, none is imported.
 * Never throws out of onEnd, keeps a span object for a tenth of a second at the most, and its timers do not keep the process alive.
 * Why spans wait, and what that changes: docs/decisions/0021-rules-path.md.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { randomBytes } from 'node:crypto'
import { setImmediate } from 'node:timers'
import { caughtUp } from './caught-up.ts'
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
import { Waiting } from './sdk-waiting.ts'

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
  const failed = (stage: string): void => metrics.add('agentopz_internal_errors_total', { stage }, 1, Date.now())
  const take = (span: ReadableSpanLike, now: number): void => {
    try {
      const shape = shapeOf(span.attributes)
      const place = placeOfSdk(span, interest, shape)
      if (place !== undefined) pipeline.link(place, now)
      else pipeline.span(spanOfSdk(span, shape), now)
    } catch {
      failed('sdk_span')
    }
  }
  const waiting = new Waiting(take, () => void setImmediate(catchUp).unref())
  // What hooks do then belongs to none of the requests in which the spans ended.
  const outside = AsyncLocalStorage.snapshot()
  // A span has come when it is taken in, as one that came over the wire has: that is a tenth of a second late at the most, and sweeps are as far apart.
  const catchUp = (): void => {
    try {
      if (waiting.size > 0 && outside(() => waiting.workOff(Date.now()))) pipeline.spansEnded()
    } catch {
      failed('sweep')
    }
  }
  const sweep = createSweeping(
    (limit) => {
      catchUp()
      return pipeline.sweep(Date.now(), limit)
    },
    () => failed('sweep'),
  )
  const timers = [setInterval(sweep, SWEEP_MS), setInterval(() => metrics.expire(Date.now()), 60_000)]
  for (const timer of timers) timer.unref()
  let isShut = false
  return {
    metrics: caughtUp(metrics, catchUp),
    pipeline: caughtUp(pipeline, catchUp),
    onStart: () => undefined,
    onEnd: (span) => {
      if (!isShut && waiting.add(span)) catchUp()
    },
    // Runs close by their own rules; a flush must not cut a run short because an exporter wants its batch out.
    forceFlush: async () => {
      catchUp()
      pipeline.sweep(Date.now())
    },
    shutdown: async () => {
      if (isShut) return
      isShut = true
      for (const timer of timers) clearInterval(timer)
      catchUp()
      pipeline.flush(Date.now(), 'shutdown')
    },
  }
}
