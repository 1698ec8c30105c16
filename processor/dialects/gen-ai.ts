/**
 * OpenTelemetry GenAI conventions, every generation from v1.27 to semantic-conventions-genai, told by `gen_ai.*` attributes.
 * The last dialect in the list: others that also write `gen_ai.*` come first and reuse `readGenAi` with their own corrections.
 * Source: open-telemetry/semantic-conventions-genai model/gen-ai/spans.yaml; the older names from semantic-conventions v1.27–v1.41.
 */
import type { ExternalEvaluation, RawUsage, Reading, SpanRole } from '../../model/run.ts'
import { type AttributeKey, keyNumbers } from '../../model/attribute-key.ts'
import { AGENTOPZ, EVENT, GEN_AI, GENERAL } from '../../model/semconv.ts'
import { type Attributes, type LogRecord, type Span, SPAN_KIND } from '../../model/span.ts'
import type { Dialect, LogReading } from './dialect.ts'
import { OLD_NAMES } from './gen-ai-keys.ts'
import { GROUP, groupsOf } from './marks.ts'
import {
  type Draft,
  filledText,
  first,
  foldFinishList,
  foldProvider,
  isEmptyResult,
  itemsOf,
  newestUserText,
  optional,
  readMessages,
  shortHash,
} from './reading.ts'
import { blankReading, blankUsage } from './whole.ts'

// Every GenAI span goes through here: keys are asked for by number.
const K = keyNumbers(GEN_AI)
const G = keyNumbers(GENERAL)
const OURS = keyNumbers(AGENTOPZ)
const OLD = keyNumbers(OLD_NAMES)

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

const ROLES: ReadonlyMap<string, SpanRole> = new Map(Object.entries(OPERATION_ROLE))

/** Reads usage under the standard names of all generations. */
export function readGenAiUsage(a: Attributes, accounting: RawUsage['cacheAccounting']): RawUsage | undefined {
  const hasOthers = (groupsOf(a) & GROUP.usage) !== 0
  let input = a.count(K.inputTokens)
  let output = a.count(K.outputTokens)
  let cacheRead = a.count(K.cacheRead)
  let cacheWrite: number | undefined
  if (hasOthers) {
    input ??= a.count(K.promptTokens)
    output ??= a.count(K.completionTokens)
    cacheRead ??= a.count(OLD.cacheRead)
    cacheWrite = a.count(K.cacheWrite) ?? a.count(K.cacheCreation) ?? a.count(OLD.cacheCreation) ?? a.count(OLD.cacheWrite)
  }
  if (input === undefined && output === undefined && cacheRead === undefined && cacheWrite === undefined) return undefined
  const usage = blankUsage(accounting)
  if (input !== undefined) usage.input = input
  if (output !== undefined) usage.output = output
  if (cacheRead !== undefined) usage.cacheRead = cacheRead
  if (hasOthers) {
    if (cacheWrite !== undefined) usage.cacheWrite = cacheWrite
    const reasoning = a.count(K.reasoningTokens) ?? a.count(OLD.reasoning)
    if (reasoning !== undefined) usage.reasoning = reasoning
    const total = a.count(K.totalTokens)
    if (total !== undefined) usage.total = total
  }
  return usage
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
  const tier = filledText(a, K.serviceTier, K.oldServiceTier)
  return tier === 'batch' || tier === 'flex' || tier === 'priority' ? tier : undefined
}

/** Evaluations carried as span events named `gen_ai.evaluation.result`. */
export function evaluationEvents(span: Span): readonly ExternalEvaluation[] | undefined {
  let found: ExternalEvaluation[] | undefined
  const events = span.events()
  if (events.length === 0) return undefined
  for (const event of events) {
    if (event.name !== EVENT.evaluation) continue
    const evaluation = readEvaluation(event.attributes)
    if (evaluation !== undefined) (found ??= []).push(evaluation)
  }
  return found
}

/** One `gen_ai.evaluation.result`, from a log record's or span event's attributes. */
export function readEvaluation(a: Attributes): ExternalEvaluation | undefined {
  const name = a.text(K.evaluationName)
  if (name === undefined || name === '') return undefined
  return {
    name,
    source: 'external',
    ...optional('score', a.number(K.evaluationScore)),
    ...optional('label', a.text(K.evaluationLabel)),
    ...optional('errorType', a.text(G.errorType)),
    ...optional('responseId', a.text(K.responseId)),
    ...optional('idempotencyKey', a.text(OLD.idempotencyKey)),
  }
}

/** Role by operation name; an MCP `tools/call` without one is a tool, and `tools/list` and the like open no run. */
export function roleOf(a: Attributes): SpanRole {
  const operation = a.text(K.operation)
  if (operation !== undefined) return ROLES.get(operation) ?? ROLES.get(operation.toLowerCase()) ?? 'other'
  const method = a.text(G.mcpMethod)
  if (method !== undefined) return method === 'tools/call' ? 'tool' : 'other'
  if (a.has(K.toolName)) return 'tool'
  // Semantic Kernel, Bedrock InvokeModel and old instrumentations: usage or a model asked, but no operation.
  return a.has(K.requestModel) && (a.has(K.outputTokens) || a.has(K.completionTokens) || a.has(K.finishReasons)) ? 'model' : 'other'
}

/** Reads a span by the standard names, for a dialect that corrects what it says: only what is known is there. */
export function readGenAi(span: Span, options: GenAiOptions = {}): Reading {
  return fill({ role: options.role ?? roleOf(span.attributes) }, span, options)
}

/** Reads a span by the standard names, and nothing but these: a whole reading. */
export function readStandard(span: Span): Draft<Reading> {
  return fill(blankReading(roleOf(span.attributes)), span, NO_OPTIONS)
}

const NO_OPTIONS: GenAiOptions = {}

function fill(reading: Draft<Reading>, span: Span, options: GenAiOptions): Draft<Reading> {
  const a = span.attributes
  const groups = groupsOf(a)
  const { role } = reading
  const agentName = filledText(a, K.agentName) ?? (role === 'workflow' ? filledText(a, K.workflowName) : undefined)
  if (agentName !== undefined) reading.agentName = agentName
  const agentVersion = filledText(a, K.agentVersion)
  if (agentVersion !== undefined) reading.agentVersion = agentVersion
  if ((groups & GROUP.outcome) !== 0) {
    const errorType = a.text(G.errorType)
    if (errorType !== undefined) {
      reading.errorType = errorType
      reading.failed = true
    }
    const stoppedBy = filledText(a, OURS.stoppedBy)
    if (stoppedBy !== undefined) reading.stoppedBy = stoppedBy
  }
  const evaluations = evaluationEvents(span)
  if (evaluations !== undefined) reading.evaluations = evaluations
  if (role === 'tool' || role === 'retrieval') addTool(reading, span)
  else if (role === 'agent' || role === 'workflow' || role === 'model' || role === 'embedding') addCall(reading, span, options)
  return reading
}

/** What a model call and an agent's own span have in common. */
function addCall(reading: Draft<Reading>, span: Span, options: GenAiOptions): void {
  const a = span.attributes
  const groups = groupsOf(a)
  const { role } = reading
  const isCall = role === 'model' || role === 'embedding'
  if ((groups & GROUP.cohort) !== 0) addCohort(reading, a)
  const provider = foldProvider(filledText(a, K.provider, K.system))
  if (provider !== undefined) reading.provider = provider
  const requestModel = filledText(a, K.requestModel)
  if (requestModel !== undefined) reading.requestModel = requestModel
  const responseModel = filledText(a, K.responseModel)
  if (responseModel !== undefined) reading.responseModel = responseModel
  const responseId = isCall ? filledText(a, K.responseId) : undefined
  if (responseId !== undefined) reading.responseId = responseId
  const usage = isCall || options.agentUsage !== false ? readGenAiUsage(a, options.cacheAccounting ?? 'included') : undefined
  if (usage !== undefined) reading.usage = usage
  const serviceTier = (groups & GROUP.outcome) === 0 ? undefined : tierOf(a)
  if (serviceTier !== undefined) reading.serviceTier = serviceTier
  const finish = foldFinishList(a.list(K.finishReasons))
  if (finish !== undefined) reading.finish = finish
  if (span.kind === SPAN_KIND.server && role === 'model') reading.serverSide = true
  if ((groups & GROUP.content) !== 0) addContent(reading, a)
}

/** Prompt, instructions and tool set of a model or agent span. */
export function readCohort(a: Attributes): Partial<Reading> {
  const found: Draft<Partial<Reading>> = {}
  addCohort(found, a)
  return found
}

function addCohort(reading: Draft<Partial<Reading>>, a: Attributes): void {
  const promptName = filledText(a, K.promptName)
  if (promptName !== undefined) reading.promptName = promptName
  const promptVersion = filledText(a, K.promptVersion, OURS.release)
  if (promptVersion !== undefined) reading.promptVersion = promptVersion
  const instructionsHash = filledText(a, OURS.instructionsHash) ?? hashOfWritten(a, K.systemInstructions)
  if (instructionsHash !== undefined) reading.instructionsHash = instructionsHash
  const toolsHash = filledText(a, OURS.toolsHash) ?? hashOfWritten(a, K.toolDefinitions)
  if (toolsHash !== undefined) reading.toolsHash = toolsHash
}

/** A value that is text or is written out as JSON. */
function written(a: Attributes, key: AttributeKey): string | undefined {
  return a.has(key) ? (a.text(key) ?? stringify(a.json(key))) : undefined
}

function hashOfWritten(a: Attributes, key: AttributeKey): string | undefined {
  return a.hash?.(key) ?? hashOf(written(a, key))
}

function hashOf(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : shortHash(text)
}

function stringify(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value)
}

/** What the content says about the answer, where there is content; absent otherwise. */
export function readContent(a: Attributes): Partial<Reading> {
  const found: Draft<Partial<Reading>> = {}
  addContent(found, a)
  return found
}

function addContent(reading: Draft<Partial<Reading>>, a: Attributes): void {
  const answer = a.has(K.outputMessages) ? readMessages(a.json(K.outputMessages)) : undefined
  if (answer !== undefined) {
    reading.outputEmpty = answer.empty
    reading.outputText = answer.text
    if (answer.refused) reading.finish = 'refusal'
  }
  const inputText = newestUserText(itemsOf(a, K.inputMessages))
  if (inputText !== undefined) reading.inputText = inputText
}

/** Tool name, call id, arguments hash and emptiness by the standard names. */
export function readTool(span: Span): Partial<Reading> {
  const found: Draft<Partial<Reading>> = {}
  addTool(found, span)
  return found
}

function addTool(reading: Draft<Partial<Reading>>, span: Span): void {
  const a = span.attributes
  const groups = groupsOf(a)
  const toolName = filledText(a, K.toolName)
  if (toolName !== undefined) reading.toolName = toolName
  const toolCallId = filledText(a, K.toolCallId)
  if (toolCallId !== undefined) reading.toolCallId = toolCallId
  if ((groups & (GROUP.content | GROUP.outcome)) !== 0) addOutcome(reading, a)
  if (span.kind === SPAN_KIND.server) reading.serverSide = true
}

/** What became of a tool call, and with what it was called. */
function addOutcome(reading: Draft<Partial<Reading>>, a: Attributes): void {
  const args = written(a, K.toolArguments)
  const argumentsHash = filledText(a, OURS.argumentsHash) ?? (args === undefined ? undefined : shortHash(args))
  if (argumentsHash !== undefined) reading.argumentsHash = argumentsHash
  const result = written(a, K.toolResult) ?? (a.has(K.retrievalDocuments) ? stringify(a.json(K.retrievalDocuments)) : undefined)
  const records = a.count(K.memoryRecordCount)
  const resultEmpty = first(isEmptyResult(result), records === undefined ? undefined : records === 0)
  if (resultEmpty !== undefined) reading.resultEmpty = resultEmpty
  if (a.flag(OURS.blocked) === true) reading.blocked = true
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
  ...Object.values(OLD_NAMES),
]

export const genAi: Dialect = {
  name: 'gen_ai',
  keys: GEN_AI_KEYS,
  signs: [GEN_AI.operation, GEN_AI.provider, GEN_AI.system, GEN_AI.agentName, GEN_AI.toolName, GENERAL.mcpMethod],
  recognises: ({ attributes: a }) =>
    a.has(K.operation) || a.has(K.provider) || a.has(K.system) || a.has(K.agentName) || a.has(K.toolName) || a.has(G.mcpMethod),
  read: readStandard,
  readLog: readEvaluationLog,
}
