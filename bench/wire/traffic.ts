/**
 * Seeded traffic: spans of agents and of the services around them, interleaved as a busy process exports them.
 * genai: runs of 8 spans (4 chats, 3 tools, 1 agent), 22 attributes each, 1 % failed calls, 5 % failed tools, 15 % of runs evaluated.
 * content: the same with messages, arguments and results on the spans. mixed: about one span in 20 is GenAI, the rest HTTP and database.
 */
import { type Attributes, type Mix, MIXES, type ResourceSketch, Source, type SpanSketch } from './source.ts'
import { requestOf } from './traffic-web.ts'

/** What one request holds; several resources only above 512 spans. */
export interface Traffic {
  readonly resources: readonly ResourceSketch[]
  readonly spans: number
  readonly genAi: number
}

const AGENTS = 'support-triage billing research-planner code-reviewer sql-analyst travel-booker onboarding lead-qualifier'.split(' ')
const TOOLS = 'search_knowledge_base get_order_status run_sql fetch_url create_ticket send_email lookup_customer vector_search'.split(' ')
const MODELS = [
  ['openai', 'gpt-5-mini', 'gpt-5-mini-2025-08-07', 'api.openai.com'],
  ['openai', 'gpt-4.1', 'gpt-4.1-2025-04-14', 'api.openai.com'],
  ['anthropic', 'claude-sonnet-4-5', 'claude-sonnet-4-5-20250929', 'api.anthropic.com'],
  ['gcp.gemini', 'gemini-2.5-flash', 'gemini-2.5-flash', 'generativelanguage.googleapis.com'],
] as const
/** Traces under way at once. */
const INTERLEAVED = 32

/** Makes one request's worth of spans. */
export function trafficOf(seed: number, spans: number, mix: Mix): Traffic {
  const s = new Source(seed * 7919 + MIXES.indexOf(mix))
  const open: SpanSketch[][] = []
  const taken: SpanSketch[] = []
  while (taken.length < spans) {
    while (open.length < INTERLEAVED) open.push(mix === 'mixed' && !s.chance(0.035) ? requestOf(s) : runOf(s, mix === 'content'))
    const at = s.n(open.length)
    const trace = open[at] as SpanSketch[]
    taken.push(trace.shift() as SpanSketch)
    if (trace.length === 0) open.splice(at, 1)
  }
  const resources: ResourceSketch[] = []
  for (let i = 0; i < spans; i += 512) resources.push(resourceOf(s, mix, taken.slice(i, i + 512)))
  return { resources, spans, genAi: taken.filter(isGenAi).length }
}

function isGenAi(span: SpanSketch): boolean {
  return 'gen_ai.operation.name' in span.attributes
}

function resourceOf(s: Source, mix: Mix, spans: readonly SpanSketch[]): ResourceSketch {
  const service = mix === 'mixed' ? `service-${s.n(40)}` : `agents-${s.n(6)}`
  const scopes = new Map<string, SpanSketch[]>()
  for (const span of spans) {
    const library = isGenAi(span) ? '@acme/agents' : 'db.system.name' in span.attributes ? '@opentelemetry/pg' : '@opentelemetry/http'
    const list = scopes.get(library)
    if (list === undefined) scopes.set(library, [span])
    else list.push(span)
  }
  return {
    attributes: {
      'service.name': service,
      'service.namespace': 'shop',
      'service.version': `3.${s.n(20)}.1`,
      'service.instance.id': s.hex(16),
      'deployment.environment.name': 'production',
      'telemetry.sdk.name': 'opentelemetry',
      'telemetry.sdk.language': 'nodejs',
      'telemetry.sdk.version': '2.2.0',
      'host.name': `ip-10-0-${s.n(255)}-${s.n(255)}`,
      'process.pid': s.n(60_000),
      'process.runtime.name': 'nodejs',
      'k8s.pod.name': `${service}-${s.hex(5)}`,
      'cloud.region': 'us-east-1',
    },
    scopes: [...scopes].map(([name, list]) => ({ name, spans: list })),
  }
}

/** One agent run: the steps in order, the agent's own span last, as SDKs export them. */
function runOf(s: Source, content: boolean): SpanSketch[] {
  const traceId = s.id(16)
  const root = s.id(8)
  const [provider, asked, answered, server] = s.of(MODELS)
  const agent = s.of(AGENTS)
  const common: Attributes = {
    'gen_ai.agent.name': agent,
    'gen_ai.agent.id': `asst_${s.hex(12)}`,
    'gen_ai.conversation.id': s.hex(16),
    'session.id': s.hex(16),
    'user.id': `user-${s.n(5000)}`,
    'tenant.id': `tenant-${s.n(200)}`,
    'thread.id': 1 + s.n(64),
    'thread.name': `worker-${s.n(8)}`,
    'app.release': `2026.11.${s.n(4)}`,
    'deployment.ring': s.of(['canary', 'stable', 'stable', 'stable']),
    'code.function.name': 'agents.runtime.step',
  }
  const started = s.tick() + BigInt(s.n(1e9))
  const spans: SpanSketch[] = []
  let at = started
  let input = 0
  let output = 0
  for (let step = 0; step < 7; step++) {
    const place = { traceId, spanId: s.id(8), parentSpanId: root, startNs: at, endNs: at + BigInt(5e7 + s.n(2e9)) }
    at = place.endNs + 1_000_000n
    if (step % 2 === 1) {
      spans.push({ ...place, ...toolOf(s, common, content) })
      continue
    }
    const tokens = { input: 200 + s.n(6000), output: 20 + s.n(900) }
    input += tokens.input
    output += tokens.output
    const call: Attributes = {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': provider,
      'gen_ai.request.model': asked,
      'server.address': server,
      'server.port': 443,
      ...common,
      'gen_ai.request.temperature': { double: s.of([0, 0.2, 0.7, 1]) },
      'gen_ai.request.max_tokens': s.of([1024, 2048, 4096]),
      'gen_ai.request.stream': true,
      'gen_ai.response.model': answered,
      'gen_ai.response.id': `chatcmpl-${s.hex(14)}`,
      'gen_ai.response.finish_reasons': [step === 6 ? 'stop' : 'tool_calls'],
      'gen_ai.usage.input_tokens': tokens.input,
      'gen_ai.usage.output_tokens': tokens.output,
      'gen_ai.usage.cache_read.input_tokens': s.n(tokens.input),
      'gen_ai.response.time_to_first_chunk': { double: s.random.uniform() * 2 },
      ...(content ? messagesOf(s) : {}),
    }
    const failed = s.chance(0.01)
    spans.push({
      ...place,
      name: `chat ${asked}`,
      kind: 3,
      attributes: failed ? { ...call, 'error.type': 'RateLimitError' } : call,
      ...(failed
        ? {
            error: '429 Too Many Requests',
            events: [
              {
                name: 'exception',
                timeNs: place.endNs,
                attributes: {
                  'exception.type': 'RateLimitError',
                  'exception.message': '429 rate limit exceeded',
                  'exception.stacktrace': s.text(600),
                },
              },
            ],
          }
        : {}),
    })
  }
  spans.push({
    traceId,
    spanId: root,
    parentSpanId: undefined,
    name: `invoke_agent ${agent}`,
    kind: 1,
    startNs: started,
    endNs: at,
    attributes: {
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.provider.name': provider,
      'gen_ai.request.model': asked,
      ...common,
      'gen_ai.usage.input_tokens': input,
      'gen_ai.usage.output_tokens': output,
      'gen_ai.response.finish_reasons': ['stop'],
      'gen_ai.agent.description': `Agent ${agent} in production`,
      'gen_ai.agent.version': `1.${s.n(9)}`,
    },
    ...(s.chance(0.15)
      ? {
          events: [
            {
              name: 'gen_ai.evaluation.result',
              timeNs: at,
              attributes: {
                'gen_ai.evaluation.name': s.of(['relevance', 'groundedness', 'toxicity']),
                'gen_ai.evaluation.score.value': { double: s.random.uniform() },
                'gen_ai.evaluation.score.label': s.of(['pass', 'fail']),
              },
            },
          ],
        }
      : {}),
  })
  return spans
}

function toolOf(s: Source, common: Attributes, content: boolean): Pick<SpanSketch, 'name' | 'kind' | 'attributes' | 'error'> {
  const tool = s.of(TOOLS)
  const failed = s.chance(0.05)
  return {
    name: `execute_tool ${tool}`,
    kind: 1,
    attributes: {
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': tool,
      'gen_ai.tool.call.id': `call_${s.hex(12)}`,
      'gen_ai.tool.type': 'function',
      'gen_ai.tool.description': `Calls the ${tool} backend and returns its result`,
      ...common,
      'tool.retry.count': s.n(3),
      'tool.cache.hit': s.chance(0.3),
      'peer.service': `tools-${tool}`,
      ...(content
        ? {
            'gen_ai.tool.call.arguments': JSON.stringify({ query: s.text(80 + s.n(120)) }),
            'gen_ai.tool.call.result': JSON.stringify({ result: s.text(200 + s.n(800)) }),
          }
        : {}),
      ...(failed ? { 'error.type': 'TimeoutError' } : {}),
    },
    ...(failed ? { error: 'tool failed' } : {}),
  }
}

function messagesOf(s: Source): Attributes {
  const length = 2000 + s.n(6000)
  const asked = [{ role: 'user', parts: [{ type: 'text', content: s.text(Math.floor(length * 0.75)) }] }]
  const told = [{ role: 'assistant', parts: [{ type: 'text', content: s.text(Math.floor(length * 0.25)) }], finish_reason: 'stop' }]
  return { 'gen_ai.input.messages': JSON.stringify(asked), 'gen_ai.output.messages': JSON.stringify(told) }
}
