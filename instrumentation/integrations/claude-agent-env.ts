/**
 * Environment of the Claude Agent SDK's child process: its own OpenTelemetry is switched on and sent where ours goes, below the span that is
 * active here. Nothing is overridden: what the application gave in `options.env`, or what the child would have inherited, comes first.
 */
import { otlpTarget } from '../export/target.ts'
import { sayOnce } from '../log.ts'
import { type Context, otel, otelGlobal } from '../otel.ts'
import { isOurProvider } from '../provider.ts'
import { runtime } from '../runtime.ts'

export type Env = Readonly<Record<string, string | undefined>>

/** The child's environment, given what the application passes (the child inherits ours where it passes none). Undefined to leave it alone. */
export function childEnv(given: Env | undefined, parent?: Context): Env | undefined {
  const added = { ...telemetryEnv(), ...(parent === undefined ? {} : traceEnv(parent)) }
  if (Object.keys(added).length === 0) return undefined
  if (given !== undefined) return { ...added, ...given }
  const inherited: Record<string, string | undefined> = { ...process.env }
  // The trace that this process was started in is its parent's; the child's parent is the span here.
  if ('TRACEPARENT' in added) for (const key of ['TRACEPARENT', 'TRACESTATE']) delete inherited[key]
  return { ...added, ...inherited }
}

function telemetryEnv(): Env {
  const { settings } = runtime()
  const { env } = process
  if (!settings.traces) return {}
  const isTold = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] !== undefined || env['OTEL_EXPORTER_OTLP_ENDPOINT'] !== undefined
  if (!isTold && !isOurs()) {
    sayOnce(
      'claude-agent endpoint',
      'warn',
      "the Claude Agent SDK's child process is not told where to send its spans: this application's OpenTelemetry SDK is configured in code. Set OTEL_EXPORTER_OTLP_ENDPOINT",
    )
    return {}
  }
  // What is wrong with it was told at start.
  const target = otlpTarget(env, () => undefined)
  if (target === undefined) return {}
  const headers = env['OTEL_EXPORTER_OTLP_TRACES_HEADERS'] ?? env['OTEL_EXPORTER_OTLP_HEADERS']
  const attributes = env['OTEL_RESOURCE_ATTRIBUTES']
  return {
    CLAUDE_CODE_ENABLE_TELEMETRY: '1',
    CLAUDE_CODE_ENHANCED_TELEMETRY_BETA: '1',
    OTEL_TRACES_EXPORTER: 'otlp',
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: target.url,
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json',
    ...(headers === undefined ? {} : { OTEL_EXPORTER_OTLP_TRACES_HEADERS: headers }),
    ...(settings.service === '' ? {} : { OTEL_SERVICE_NAME: settings.service }),
    ...(attributes === undefined ? {} : { OTEL_RESOURCE_ATTRIBUTES: attributes }),
  }
}

/** Whether spans of this process go through our own exporter, whose target is known. */
function isOurs(): boolean {
  const provider = otelGlobal()?.trace as { getDelegate?: () => unknown } | undefined
  return isOurProvider(provider?.getDelegate?.() ?? provider)
}

function traceEnv(parent: Context): Env {
  const carrier: Record<string, string> = {}
  otel().propagation.inject(parent, carrier)
  const { traceparent, tracestate } = carrier
  if (traceparent === undefined) return {}
  return { TRACEPARENT: traceparent, ...(tracestate === undefined ? {} : { TRACESTATE: tracestate }) }
}
