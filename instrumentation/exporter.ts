/**
 * The OTLP/HTTP exporter, loaded with the first batch: an agent's start does not wait for it. Endpoint, headers, timeout and compression are read
 * from the standard OTEL_EXPORTER_OTLP_* variables by the exporter itself.
 */
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace'
import { sayOnce } from './log.ts'
import type { Settings } from './settings.ts'

type Done = Parameters<SpanExporter['export']>[1]
/** Code of a failed export in @opentelemetry/core, which is not loaded for it. */
const FAILED = 1

export class LazyExporter implements SpanExporter {
  readonly #settings: Settings
  #exporter: Promise<SpanExporter> | undefined
  #isShut = false

  constructor(settings: Settings) {
    this.#settings = settings
  }

  export(spans: ReadableSpan[], done: Done): void {
    this.#loaded().then(
      (exporter) =>
        exporter.export(spans, (result) => {
          if (result.code === FAILED)
            sayOnce('export', 'warn', `${spans.length} spans could not be sent: ${result.error?.message ?? 'no reason given'}`)
          done(result)
        }),
      (error: unknown) => done({ code: FAILED, error: error instanceof Error ? error : new Error(String(error)) }),
    )
  }

  async forceFlush(): Promise<void> {
    if (this.#exporter !== undefined) await (await this.#exporter).forceFlush?.()
  }

  async shutdown(): Promise<void> {
    if (this.#isShut) return
    this.#isShut = true
    if (this.#exporter !== undefined) await (await this.#exporter).shutdown()
  }

  #loaded(): Promise<SpanExporter> {
    return (this.#exporter ??= import('@opentelemetry/exporter-trace-otlp-http').then(
      ({ OTLPTraceExporter }) => new OTLPTraceExporter({ timeoutMillis: this.#settings.exportTimeoutMs }),
    ))
  }
}
