/**
 * A model call that the fetch layer did not see (the Responses API over WebSocket, a model of the application's own), made from what the SDK says
 * when it is over: one span, and its numbers for the guards. Such a call cannot be refused; the next tool or the next call at fetch is.
 */
import { AGENTOPZ, GEN_AI } from '../../model/semconv.ts'
import { isRefusal } from '../guards/guards.ts'
import { costOf } from '../guards/prices.ts'
import { type Attributes, type Context, SpanKind, tracer } from '../otel.ts'
import type { RunScope } from '../run-scope.ts'
import { runtime } from '../runtime.ts'
import type { SdkSpan } from './openai-agents-spans.ts'

type Json = Readonly<Record<string, unknown>>
const object = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {})
const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)
const count = (value: unknown): number | undefined => (typeof value === 'number' && Number.isFinite(value) ? value : undefined)

/** Reports a finished `response` or `generation` span as the model call it was. */
export function reportUnseenCall(sdk: SdkSpan, run: RunScope, parent: Context): void {
  const data = sdk.spanData
  const response = object(data['_response'])
  const usage = object(data.type === 'response' ? response['usage'] : data['usage'])
  const model = text(response['model']) ?? text(data['model'])
  const input = count(usage['input_tokens'])
  const output = count(usage['output_tokens'])
  const cacheRead = count(object(usage['input_tokens_details'])['cached_tokens'])
  const provider = data.type === 'response' ? 'openai' : undefined
  const now = Date.now()
  const { guards } = runtime()
  const admitted = guards.admit(run, undefined, true, now)
  const cost = costOf({ ...known({ input, output, cacheRead }) }, provider ?? '', [model])
  if (!isRefusal(admitted)) guards.settle(admitted, cost, now)
  const attributes: Attributes = known({
    [GEN_AI.operation]: 'chat',
    [GEN_AI.provider]: provider,
    [GEN_AI.requestModel]: model,
    [GEN_AI.responseModel]: model,
    [GEN_AI.responseId]: text(response['id']) ?? text(data['response_id']),
    [GEN_AI.inputTokens]: input,
    [GEN_AI.outputTokens]: output,
    [GEN_AI.cacheRead]: cacheRead,
    [GEN_AI.reasoningTokens]: count(object(usage['output_tokens_details'])['reasoning_tokens']),
    [AGENTOPZ.runId]: run.id,
    [AGENTOPZ.step]: run.steps,
  })
  const startTime = Date.parse(sdk.startedAt ?? '') || now
  const span = tracer().startSpan(`chat ${model ?? ''}`.trim(), { kind: SpanKind.CLIENT, startTime, attributes }, parent)
  span.end(Date.parse(sdk.endedAt ?? '') || now)
}

function known<T>(all: Readonly<Record<string, T | undefined>>): Record<string, T> {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Record<string, T>
}
