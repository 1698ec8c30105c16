/**
 * Run sketches → OTLP/JSON as real SDKs of four dialects put it on the wire: OpenTelemetry GenAI, OpenInference, Vercel AI SDK 6 and
 * OpenLLMetry. Children come before their root, as exporters send them.
 */
import type { FleetDialect, ModelStep, RunSketch, ToolStep } from './sketch.ts'

type Value = string | number | boolean | readonly string[]

interface SpanSketch {
  readonly name: string
  readonly kind: number
  readonly startMs: number
  readonly ms: number
  readonly failed: boolean
  readonly attributes: Readonly<Record<string, Value>>
}

interface DialectWriter {
  readonly scope: string
  root(run: RunSketch): Pick<SpanSketch, 'name' | 'kind' | 'attributes'>
  model(step: ModelStep, run: RunSketch, id: string): Pick<SpanSketch, 'name' | 'kind' | 'attributes'>
  tool(step: ToolStep, run: RunSketch, id: string): Pick<SpanSketch, 'name' | 'kind' | 'attributes'>
}

const INTERNAL = 1
const CLIENT = 3

const genAi: DialectWriter = {
  scope: 'example.agent',
  root: ({ agent, promptVersion }) => ({
    name: `invoke_agent ${agent.name}`,
    kind: INTERNAL,
    attributes: {
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.agent.name': agent.name,
      'gen_ai.prompt.name': agent.name,
      'gen_ai.prompt.version': promptVersion,
    },
  }),
  model: (s, { agent }, id) => ({
    name: `chat ${agent.model}`,
    kind: CLIENT,
    attributes: {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': agent.provider,
      'gen_ai.request.model': agent.model,
      'gen_ai.response.id': id,
      ...(s.failed
        ? { 'error.type': 'rate_limit_exceeded' }
        : {
            'gen_ai.response.model': agent.model,
            'gen_ai.response.finish_reasons': [s.finish],
            'gen_ai.usage.input_tokens': s.input,
            'gen_ai.usage.output_tokens': s.output,
            'gen_ai.usage.cache_read.input_tokens': s.cacheRead,
          }),
    },
  }),
  tool: (s, _, id) => ({
    name: `execute_tool ${s.tool}`,
    kind: INTERNAL,
    attributes: {
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': s.tool,
      'gen_ai.tool.call.id': id,
      'gen_ai.tool.call.arguments': s.args,
      ...(s.failed ? { 'error.type': 'timeout' } : { 'gen_ai.tool.call.result': s.result }),
    },
  }),
}

const openinference: DialectWriter = {
  scope: 'openinference.instrumentation.openai_agents',
  root: ({ agent }) => ({ name: agent.name, kind: INTERNAL, attributes: { 'openinference.span.kind': 'AGENT', 'agent.name': agent.name } }),
  model: (s, { agent }) => ({
    name: 'response',
    kind: INTERNAL,
    attributes: {
      'openinference.span.kind': 'LLM',
      'llm.provider': agent.provider,
      'llm.model_name': agent.model,
      ...(s.failed
        ? {}
        : {
            'llm.finish_reason': s.finish === 'stop' ? 'end_turn' : s.finish === 'length' ? 'max_tokens' : 'tool_use',
            'llm.token_count.prompt': s.input,
            'llm.token_count.completion': s.output,
            'llm.token_count.total': s.input + s.output,
            'llm.token_count.prompt_details.cache_read': s.cacheRead,
          }),
    },
  }),
  tool: (s) => ({
    name: s.tool,
    kind: INTERNAL,
    attributes: { 'openinference.span.kind': 'TOOL', 'tool.name': s.tool, 'input.value': s.args, 'output.value': s.result },
  }),
}

const vercelAi: DialectWriter = {
  scope: 'ai',
  root: ({ agent }) => ({
    name: 'ai.generateText',
    kind: INTERNAL,
    attributes: {
      'operation.name': `ai.generateText ${agent.name}`,
      'ai.operationId': 'ai.generateText',
      'ai.telemetry.functionId': agent.name,
      'resource.name': agent.name,
    },
  }),
  model: (s, { agent }, id) => ({
    name: 'ai.generateText.doGenerate',
    kind: INTERNAL,
    attributes: {
      'operation.name': `ai.generateText.doGenerate ${agent.name}`,
      'ai.operationId': 'ai.generateText.doGenerate',
      'ai.telemetry.functionId': agent.name,
      'ai.model.id': agent.model,
      'ai.model.provider': `${agent.provider}.responses`,
      'gen_ai.system': `${agent.provider}.responses`,
      'gen_ai.request.model': agent.model,
      ...(s.failed
        ? {}
        : {
            'ai.response.finishReason': s.finish.replace('_', '-'),
            'gen_ai.response.finish_reasons': [s.finish.replace('_', '-')],
            'gen_ai.response.id': id,
            'gen_ai.response.model': agent.model,
            'ai.response.model': agent.model,
            'gen_ai.usage.input_tokens': s.input,
            'gen_ai.usage.output_tokens': s.output,
            'ai.usage.inputTokens': s.input,
            'ai.usage.outputTokens': s.output,
            'ai.usage.cachedInputTokens': s.cacheRead,
            'ai.usage.totalTokens': s.input + s.output,
          }),
    },
  }),
  tool: (s, { agent }, id) => ({
    name: 'ai.toolCall',
    kind: INTERNAL,
    attributes: {
      'operation.name': `ai.toolCall ${agent.name}`,
      'ai.operationId': 'ai.toolCall',
      'ai.toolCall.name': s.tool,
      'ai.toolCall.id': id,
      'ai.toolCall.args': s.args,
      'ai.toolCall.result': s.result,
    },
  }),
}

const openllmetry: DialectWriter = {
  scope: 'opentelemetry.instrumentation.openai_agents',
  root: ({ agent }) => ({
    name: `${agent.name}.agent`,
    kind: INTERNAL,
    attributes: {
      'traceloop.span.kind': 'agent',
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.agent.name': agent.name,
      'traceloop.entity.name': agent.name,
    },
  }),
  model: (s, { agent }, id) => ({
    name: 'openai.response',
    kind: CLIENT,
    attributes: {
      'gen_ai.operation.name': 'chat',
      'llm.request.type': 'chat',
      'gen_ai.provider.name': agent.provider,
      'gen_ai.request.model': agent.model,
      ...(s.failed
        ? { 'error.type': 'APITimeoutError' }
        : {
            'gen_ai.response.model': agent.model,
            'gen_ai.response.id': id,
            'gen_ai.response.finish_reasons': [s.finish],
            'gen_ai.usage.input_tokens': s.input,
            'gen_ai.usage.output_tokens': s.output,
            'gen_ai.usage.total_tokens': s.input + s.output,
            'gen_ai.usage.cache_read.input_tokens': s.cacheRead,
          }),
    },
  }),
  tool: (s, _, id) => ({
    name: `${s.tool}.tool`,
    kind: INTERNAL,
    attributes: {
      'traceloop.span.kind': 'tool',
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': s.tool,
      'gen_ai.tool.call.id': id,
      'traceloop.entity.name': s.tool,
      'traceloop.entity.input': s.args,
      'traceloop.entity.output': s.result,
    },
  }),
}

const WRITERS: Readonly<Record<FleetDialect, DialectWriter>> = { gen_ai: genAi, openinference, vercel_ai: vercelAi, openllmetry }

/** One run as an ExportTraceServiceRequest (OTLP/JSON object). */
export function writeRun(run: RunSketch, environment: string): object {
  const writer = WRITERS[run.agent.dialect]
  const traceId = hex(run.random, 32)
  const rootId = hex(run.random, 16)
  let at = run.startMs
  const spans = run.steps.map((step) => {
    const id = hex(run.random, 24)
    const shape = step.kind === 'model' ? writer.model(step, run, `resp_${id}`) : writer.tool(step, run, `call_${id}`)
    const span = spanOf({ ...shape, startMs: at, ms: step.ms, failed: step.failed }, traceId, hex(run.random, 16), rootId)
    at += step.ms
    return span
  })
  spans.push(spanOf({ ...writer.root(run), startMs: run.startMs, ms: at - run.startMs, failed: run.failed }, traceId, rootId, ''))
  const resource = {
    attributes: attributesOf({
      'service.name': `${run.agent.name}-service`,
      'service.version': '1.4.0',
      'deployment.environment.name': environment,
      'telemetry.sdk.language': 'simulated',
    }),
  }
  return { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: writer.scope, version: '1.0.0' }, spans }] }] }
}

function spanOf(s: SpanSketch, traceId: string, spanId: string, parentSpanId: string): object {
  return {
    traceId,
    spanId,
    ...(parentSpanId === '' ? {} : { parentSpanId }),
    flags: 257,
    name: s.name,
    kind: s.kind,
    startTimeUnixNano: nanos(s.startMs),
    endTimeUnixNano: nanos(s.startMs + s.ms),
    attributes: attributesOf(s.attributes),
    status: s.failed ? { code: 2 } : {},
  }
}

function nanos(ms: number): string {
  return `${Math.round(ms * 1000)}000`
}

function attributesOf(values: Readonly<Record<string, Value>>): readonly object[] {
  return Object.entries(values).map(([key, v]) => ({ key, value: valueOf(v) }))
}

function valueOf(v: Value): object {
  if (typeof v === 'string') return { stringValue: v }
  if (typeof v === 'boolean') return { boolValue: v }
  if (typeof v === 'number') return Number.isInteger(v) ? { intValue: String(v) } : { doubleValue: v }
  return { arrayValue: { values: v.map((x) => ({ stringValue: x })) } }
}

function hex(random: () => number, digits: number): string {
  let out = ''
  while (out.length < digits) out += Math.floor(random() * 16).toString(16)
  return /^0+$/.test(out) ? hex(random, digits) : out
}
