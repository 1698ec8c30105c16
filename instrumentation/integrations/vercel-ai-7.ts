/**
 * Vercel AI SDK 7. Our telemetry integration goes into the SDK's global list, which needs no module hook and works in bundles. The SDK's own
 * `@ai-sdk/otel` is not used, installed or not: it folds an attempt's retries into one span, has no error types, exports no end for a stream that
 * is left, and is pinned to one patch version of `ai`. Where the application uses it itself, ours makes no spans of its own.
 * ToolLoopAgent's name, generateObject, and calls with integrations of their own need the hook in vercel-ai.ts.
 */
import type { Integration } from './integration.ts'
import { isSlotted } from './vercel-ai/operation.ts'
import { AgentopzTelemetry } from './vercel-ai/telemetry.ts'

const place = globalThis as { AI_SDK_TELEMETRY_INTEGRATIONS?: unknown }

/** True for an integration that makes OpenTelemetry spans, by what it holds: the class may have another name in a bundle. */
export function makesSpans(integration: unknown): boolean {
  const tracer = (integration as { tracer?: { startSpan?: unknown } } | null | undefined)?.tracer
  return !(integration instanceof AgentopzTelemetry) && typeof tracer?.startSpan === 'function'
}

const isBeside = (): boolean => Array.isArray(place.AI_SDK_TELEMETRY_INTEGRATIONS) && place.AI_SDK_TELEMETRY_INTEGRATIONS.some(makesSpans)

/** Ours, for the global list and beside integrations of one call that make no spans. */
export const telemetry = new AgentopzTelemetry(isBeside, isSlotted)
/** Ours beside integrations of one call that make spans. */
export const quietTelemetry = new AgentopzTelemetry(() => true, isSlotted)

export const vercelAi7: Integration = {
  name: 'vercel-ai-7',
  start: () => {
    const list = place.AI_SDK_TELEMETRY_INTEGRATIONS
    if (Array.isArray(list)) list.push(telemetry)
    else place.AI_SDK_TELEMETRY_INTEGRATIONS = [telemetry]
  },
}
