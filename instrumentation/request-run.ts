/** The run of an incoming HTTP request: its root span is opened when a model call first asks for it. */
import type { IncomingHttpHeaders } from 'node:http'
import { AGENTOPZ, GEN_AI } from '../model/semconv.ts'
import { otel, ROOT_CONTEXT, SpanKind, tracer } from './otel.ts'
import { RunScope } from './run-scope.ts'
import type { RunDefaults } from './runs.ts'
import { runtime } from './runtime.ts'

export class RequestRun extends RunScope {
  readonly #startMs: number
  readonly #headers: IncomingHttpHeaders

  constructor(defaults: RunDefaults, now: number, headers: IncomingHttpHeaders) {
    super('request', defaults.agent, now)
    this.agentVersion = defaults.agentVersion
    this.#startMs = now
    this.#headers = headers
  }

  /** Opens the root span, once. */
  override open(): void {
    if (this.root !== undefined) return
    const { settings, runs } = runtime()
    const parent = otel().propagation.extract(ROOT_CONTEXT, this.#headers)
    this.root = tracer().startSpan(
      `invoke_agent ${settings.agent ?? ''}`.trim(),
      {
        kind: SpanKind.INTERNAL,
        startTime: this.#startMs,
        attributes: {
          [GEN_AI.operation]: 'invoke_agent',
          [AGENTOPZ.runId]: this.id,
          ...(settings.agent === undefined ? {} : { [GEN_AI.agentName]: settings.agent }),
        },
      },
      parent,
    )
    runs.bindTrace(this.root.spanContext().traceId, this)
  }
}
