/**
 * Does Mastra report a run by itself? Through `@mastra/otel-bridge` its spans are made with the OpenTelemetry API and arrive with ours: a
 * `model_inference` for each call, the tokens on one `chat` for the whole loop. Its own OTLP exporter makes traces of its own: where it sends to where ours go,
 * ours would count every run twice. Any other exporter sends elsewhere and is none of our business.
 * Source: @mastra/core 1.71, src/observability/types/core.ts; @mastra/otel-exporter 1.4, src/tracing.ts.
 */
import { contained } from '../../log.ts'
import type { RunScope } from '../../run-scope.ts'

export type Reports = 'bridge' | 'exporter'

interface Instance {
  getBridge?(): unknown
  getExporters?(): readonly unknown[]
}
interface Mastra {
  readonly observability?: { getSelectedInstance?(options: { requestContext?: unknown }): Instance | undefined }
}
interface OtlpExporter {
  readonly name?: unknown
  readonly config?: { readonly provider?: { readonly custom?: { readonly endpoint?: unknown } } }
}

const byRun = new WeakMap<RunScope, Reports>()

export function rememberReports(run: RunScope, reports: Reports | undefined): void {
  if (reports !== undefined) byRun.set(run, reports)
}

export function reportsOfRun(run: RunScope): Reports | undefined {
  return byRun.get(run)
}

/** How Mastra reports what this instance runs with these options; undefined where it does not, or not to where we do. */
export function reportsOf(mastra: unknown, options: unknown): Reports | undefined {
  return contained('mastra observability', () => {
    const requestContext = (options as { requestContext?: unknown } | undefined)?.requestContext
    const instance = (mastra as Mastra | undefined)?.observability?.getSelectedInstance?.({ requestContext })
    if (instance === undefined) return undefined
    if (instance.getBridge?.() !== undefined) return 'bridge'
    return instance.getExporters?.().some((e) => sendsToUs(e as OtlpExporter, process.env)) === true ? 'exporter' : undefined
  })
}

/** True for an OTLP exporter whose endpoint is on the host and port that our own spans go to. */
function sendsToUs(exporter: OtlpExporter, env: Readonly<Record<string, string | undefined>>): boolean {
  const theirs = exporter.config?.provider?.custom?.endpoint
  if (exporter.name !== 'opentelemetry' || typeof theirs !== 'string' || !URL.canParse(theirs)) return false
  const ours = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] ?? env['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? 'http://localhost:4318'
  return URL.canParse(ours) && new URL(theirs).host === new URL(ours).host
}
