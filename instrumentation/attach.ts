/**
 * For applications that set up OpenTelemetry themselves and rather call than preload: `attach()` before the SDKs are imported, and
 * `createSpanProcessor()` among the processors of their provider. Also what an application may change or ask while it runs.
 */
import { internalErrors } from './log.ts'
import { runtime } from './runtime.ts'
import { start } from './start.ts'

/** Starts guards and integrations without a provider of ours. Module hooks only reach what is imported afterwards. */
export function attach(): void {
  start({ provider: false })
}

/** Changes message content before it is exported, where content is exported at all. */
export function redactContent(redact: (text: string) => string): void {
  runtime().redact = redact
}

/** What the instrumentation did in this process, for a health page or a log line. */
export function stats(): {
  readonly interventions: Readonly<Record<string, number>>
  readonly internalErrors: Readonly<Record<string, number>>
  readonly controls: string
} {
  const { interventions, guards } = runtime()
  return {
    interventions: Object.fromEntries(interventions),
    internalErrors: Object.fromEntries(internalErrors()),
    controls: guards.controls.state,
  }
}
