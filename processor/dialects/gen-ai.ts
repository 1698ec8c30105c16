/**
 * OpenTelemetry GenAI conventions, every generation from v1.27 to semantic-conventions-genai, told by `gen_ai.*` attributes.
 * The last dialect in the list: others that also write `gen_ai.*` come first and reuse `readGenAi` with their own corrections.
 * Source: open-telemetry/semantic-conventions-genai model/gen-ai/spans.yaml; the older names from semantic-conventions v1.27–v1.41.
 */
import type { ExternalEvaluation, RawUsage, Reading, SpanRole } from '../../model/run.ts'
import { AGENTOPZ, EVENT, GEN_AI, GENERAL } from '../../model/semconv.ts'
import { type Attributes, type LogRecord, type Span, SPAN_KIND } from '../../model/span.ts'
import type { Dialect, LogReading } from './dialect.ts'
import {
  anyCount,
  anyText,
  first,
  foldFinishList,
  foldProvider,
  isEmptyResult,
  newestUserText,
  optional,
  readMessages,
  shortHash,
} from './reading.ts'

/** `gen_ai.operation.name` to role; values outside the convention are those seen in the wild. */
export const OPERATION_ROLE: Readonly<Record<string, SpanRole>> = {
  chat: 'model',
  generate_content: 'model',
  text_completion: 'model',
  'chat.completions': 'model',
  'text.completions': 'model',
  responses: 'model',
  completion: 'model',
  embeddings: 'embedding',
  embedding: 'embedding',
  execute_tool: 'tool',
  retrieval: 'retrieval',
  search_memory: 'retrieval',
  rerank: 'retrieval',
  invoke_agent: 'agent',
  invoke_workflow: 'workflow',
  create_agent: 'other',
  plan: 'step',
  agent_step: 'step',
  execute_task: 'step',
  execute_event_loop_cycle: 'step',
  execute_agent_loop_cycle: 'step',
  handoff: 'handoff',
  agent_handoff: 'handoff',
  guardrail_check: 'guardrail',
}

/** Reads usage under the standard names of all generations. */
export function readGenAiUsage(a: Attributes, accounting: RawUsage['cacheAccounting']): RawUsage | undefined {
  const usage: RawUsage = {
    ...optional('input', anyCount(a, GEN_AI.inputTokens, GEN_AI.promptTokens)),
    ...optional('output', anyCount(a, GEN_AI.outputTokens, GEN_AI.completionTokens)),
    ...optional('cacheRead', anyCount(a, GEN_AI.cacheRead, 'gen_ai.usage.cache_read_input_tokens')),
    ...optional(
      'cacheWrite',
      anyCount(
        a,
        GEN_AI.cacheWrite,
        GEN_AI.cacheCreation,
        'gen_ai.usage.cache_creation_input_tokens',
        'gen_ai.usage.cache_write_input_tokens',
      ),
    ),
    ...optional('reasoning', anyCount(a, GEN_AI.reasoningTokens, 'gen_ai.usage.reasoning_tokens')),
    ...optional('total', a.count(GEN_AI.totalTokens)),
    cacheAccounting: accounting,
  }
  return usage.input === undefined && usage.output === undefined && usage.cacheRead === undefined && usage.cacheWrite === undefined
    ? undefined
    : usage
}

/** Options by which another dialect corrects the standard reading. */
export interface GenAiOptions {
  readonly role?: SpanRole
  /** What this emitter's input tokens mean; the convention's rule is `included`. */
  readonly cacheAccounting?: RawUsage['cacheAccounting']
  /** False where an agent span's usage is not that run's own sum (cumulative, or last step only). */
  readonly agentUsage?: boolean
}

function tierOf(a: Attributes): Reading['serviceTier'] {
  const tier = anyText(a, GEN_AI.serviceTier, GEN_AI.oldServiceTier)
  return tier === 'batch' || tier === 'flex' || tier === 'priority' ? tier : undefined
}

/** Evaluations carried as span events named `gen_ai.evaluation.result`. */
export function evaluationEvents(span: Span): readonly ExternalEvaluation[] | undefined {
  let found: ExternalEvaluation[] | undefined
  for (const event of span.events()) {
    if (event.name !== EVENT.evaluation) continue
    const evaluation = readEvaluation(event.attributes)
    if (evaluation !== undefined) (found ??= []).push(evaluation)
  }
  return found
}

/** One `gen_ai.evaluation.result`, from a log record's or span event's attributes. */
export function readEvaluation(a: Attributes): ExternalEvaluation | undefined {
  const name = a.text(GEN_AI.evaluationName)
  if (name === undefined || name === '') return undefined
  return {
    name,
    source: 'external',
    ...optional('score', a.number(GEN_AI.evaluationScore)),
    ...optional('label', a.text(GEN_AI.evaluationLabel)),
    ...optional('errorType', a.text(GENERAL.errorType)),
    ...optional('responseId', a.text(GEN_AI.responseId)),
    ...optional('idempotencyKey', a.text('gen_ai.evaluation.idempotency_key')),
  }
}

/** Role by operation name; an MCP `tools/call` without one is a tool, and `tools/list` and the like open no run. */
export function roleOf(a: Attributes): SpanRole {
  const operation = a.text(GEN_AI.operation)
  if (operation !== undefined) return OPERATION_ROLE[operation.toLowerCase()] ?? 'other'
  const method = a.text(GENERAL.mcpMethod)
  if (method !== undefined) return method === 'tools/call' ? 'tool' : 'other'
  if (a.has(GEN_AI.toolName)) return 'tool'
  // Semantic Kernel, Bedrock InvokeModel and old instrumentations: usage or a model asked, but no operation.
  return a.has(GEN_AI.requestModel) && (a.has(GEN_AI.outputTokens) || a.has(GEN_AI.completionTokens) || a.has(GEN_AI.finishReasons))
    ? 'model'
    : 'other'
}

/** Reads a span by the standard names. */
export function readGenAi(span: Span, options: GenAiOptions = {}): Reading {
  const a = span.attributes
  const role = options.role ?? roleOf(a)
  const errorType = a.text(GENERAL.errorType)
  const evaluations = evaluationEvents(span)
  const common: Reading = {
    role,
    ...optional('agentName', anyText(a, GEN_AI.agentName) ?? (role === 'workflow' ? anyText(a, GEN_AI.workflowName) : undefined)),
    ...optional('agentVersion', anyText(a, GEN_AI.agentVersion)),
    ...optional('errorType', errorType),
    ...(errorType !== undefined ? { failed: true } : {}),
    ...optional('stoppedBy', anyText(a, AGENTOPZ.stoppedBy)),
    ...optional('evaluations', evaluations),
  }
  if (role === 'tool' || role === 'retrieval') return { ...common, ...readTool(span) }
  if (role !== 'agent' && role !== 'workflow' && role !== 'model' && role !== 'embedding') return common
  const isCall = role === 'model' || role === 'embedding'
  const usage = isCall || options.agentUsage !== false ? readGenAiUsage(a, options.cacheAccounting ?? 'included') : undefined
  return {
    ...common,
    ...readCohort(a),
    ...optional('provider', foldProvider(anyText(a, GEN_AI.provider, GEN_AI.system))),
    ...optional('requestModel', anyText(a, GEN_AI.requestModel)),
    ...optional('responseModel', anyText(a, GEN_AI.responseModel)),
    ...optional('responseId', isCall ? anyText(a, GEN_AI.responseId) : undefined),
    ...optional('usage', usage),
    ...optional('serviceTier', tierOf(a)),
    ...optional('finish', foldFinishList(a.list(GEN_AI.finishReasons))),
    ...(span.kind === SPAN_KIND.server && role === 'model' ? { serverSide: true } : {}),
    ...readContent(a),
  }
}

/** Prompt, instructions and tool set of a model or agent span. */
export function readCohort(a: Attributes): Partial<Reading> {
  const instructions = a.text(GEN_AI.systemInstructions) ?? stringify(a.json(GEN_AI.systemInstructions))
  const tools = a.text(GEN_AI.toolDefinitions) ?? stringify(a.json(GEN_AI.toolDefinitions))
  return {
    ...optional('promptName', anyText(a, GEN_AI.promptName)),
    ...optional('promptVersion', anyText(a, GEN_AI.promptVersion, AGENTOPZ.release)),
    ...optional(
      'instructionsHash',
      anyText(a, AGENTOPZ.instructionsHash) ?? (instructions === undefined || instructions === '' ? undefined : shortHash(instructions)),
    ),
    ...optional('toolsHash', anyText(a, AGENTOPZ.toolsHash) ?? (tools === undefined || tools === '' ? undefined : shortHash(tools))),
  }
}

function stringify(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value)
}

/** What the content says about the answer, where there is content; absent otherwise. */
export function readContent(a: Attributes): Partial<Reading> {
  const answer = a.has(GEN_AI.outputMessages) ? readMessages(a.json(GEN_AI.outputMessages)) : undefined
  const input = a.has(GEN_AI.inputMessages) ? newestUserText(a.json(GEN_AI.inputMessages)) : undefined
  return {
    ...(answer === undefined ? {} : { outputEmpty: answer.empty, outputText: answer.text }),
    ...(answer?.refused === true ? { finish: 'refusal' as const } : {}),
    ...optional('inputText', input),
  }
}

/** Tool name, call id, arguments hash and emptiness by the standard names. */
export function readTool(span: Span): Partial<Reading> {
  const a = span.attributes
  const args = a.text(GEN_AI.toolArguments) ?? stringify(a.json(GEN_AI.toolArguments))
  const result = a.text(GEN_AI.toolResult) ?? stringify(a.json(GEN_AI.toolResult)) ?? stringify(a.json(GEN_AI.retrievalDocuments))
  const records = a.count(GEN_AI.memoryRecordCount)
  return {
    ...optional('toolName', anyText(a, GEN_AI.toolName)),
    ...optional('toolCallId', anyText(a, GEN_AI.toolCallId)),
    ...optional('argumentsHash', anyText(a, AGENTOPZ.argumentsHash) ?? (args === undefined ? undefined : shortHash(args))),
    ...optional('resultEmpty', first(isEmptyResult(result), records === undefined ? undefined : records === 0)),
    ...(a.flag(AGENTOPZ.blocked) === true ? { blocked: true } : {}),
    ...(span.kind === SPAN_KIND.server ? { serverSide: true } : {}),
  }
}

/** Reads `gen_ai.evaluation.result` log records, whichever emitter they come from. */
export function readEvaluationLog(log: LogRecord): LogReading | undefined {
  if (log.eventName !== EVENT.evaluation) return undefined
  const evaluation = readEvaluation(log.attributes)
  return evaluation === undefined ? undefined : { evaluations: [evaluation] }
}

/** Keys that `readGenAi` reads; dialects that reuse it add their own. */
export const GEN_AI_KEYS: readonly string[] = [
  ...Object.values(GEN_AI),
  ...Object.values(GENERAL),
  ...Object.values(AGENTOPZ),
  'gen_ai.usage.cache_read_input_tokens',
  'gen_ai.usage.cache_creation_input_tokens',
  'gen_ai.usage.cache_write_input_tokens',
  'gen_ai.usage.reasoning_tokens',
  'gen_ai.evaluation.idempotency_key',
]

export const genAi: Dialect = {
  name: 'gen_ai',
  keys: GEN_AI_KEYS,
  recognises: ({ attributes: a }) =>
    a.has(GEN_AI.operation) ||
    a.has(GEN_AI.provider) ||
    a.has(GEN_AI.system) ||
    a.has(GEN_AI.agentName) ||
    a.has(GEN_AI.toolName) ||
    a.has(GENERAL.mcpMethod),
  read: (span) => readGenAi(span),
  readLog: readEvaluationLog,
}
