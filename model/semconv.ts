/**
 * Attribute names of the OpenTelemetry conventions that more than one part of the project reads, spelled once.
 * Names private to one dialect are spelled in that dialect's file.
 * Sources: semantic-conventions v1.27 to v1.41 and semantic-conventions-genai (main, 2026-11), see docs/dialects.md.
 */

export const GEN_AI = {
  operation: 'gen_ai.operation.name',
  provider: 'gen_ai.provider.name',
  system: 'gen_ai.system',
  agentName: 'gen_ai.agent.name',
  agentId: 'gen_ai.agent.id',
  agentVersion: 'gen_ai.agent.version',
  mainAgentName: 'gen_ai.main_agent.name',
  workflowName: 'gen_ai.workflow.name',
  promptName: 'gen_ai.prompt.name',
  promptVersion: 'gen_ai.prompt.version',
  conversationId: 'gen_ai.conversation.id',
  requestModel: 'gen_ai.request.model',
  responseModel: 'gen_ai.response.model',
  responseId: 'gen_ai.response.id',
  finishReasons: 'gen_ai.response.finish_reasons',
  outputType: 'gen_ai.output.type',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  cacheRead: 'gen_ai.usage.cache_read.input_tokens',
  cacheWrite: 'gen_ai.usage.cache_write.input_tokens',
  /** v1.40 and v1.41 name of `cacheWrite`. */
  cacheCreation: 'gen_ai.usage.cache_creation.input_tokens',
  reasoningTokens: 'gen_ai.usage.reasoning.output_tokens',
  /** v1.26 and before. */
  promptTokens: 'gen_ai.usage.prompt_tokens',
  completionTokens: 'gen_ai.usage.completion_tokens',
  totalTokens: 'gen_ai.usage.total_tokens',
  serviceTier: 'openai.response.service_tier',
  oldServiceTier: 'gen_ai.openai.response.service_tier',
  systemInstructions: 'gen_ai.system_instructions',
  inputMessages: 'gen_ai.input.messages',
  outputMessages: 'gen_ai.output.messages',
  toolDefinitions: 'gen_ai.tool.definitions',
  toolName: 'gen_ai.tool.name',
  toolCallId: 'gen_ai.tool.call.id',
  toolArguments: 'gen_ai.tool.call.arguments',
  toolResult: 'gen_ai.tool.call.result',
  retrievalDocuments: 'gen_ai.retrieval.documents',
  memoryRecordCount: 'gen_ai.memory.record.count',
  evaluationName: 'gen_ai.evaluation.name',
  evaluationScore: 'gen_ai.evaluation.score.value',
  evaluationLabel: 'gen_ai.evaluation.score.label',
  evaluationExplanation: 'gen_ai.evaluation.explanation',
} as const

export const GENERAL = {
  errorType: 'error.type',
  serviceName: 'service.name',
  serviceVersion: 'service.version',
  environment: 'deployment.environment.name',
  /** Name of `environment` before semantic conventions 1.27. */
  oldEnvironment: 'deployment.environment',
  mcpMethod: 'mcp.method.name',
  exceptionType: 'exception.type',
  eventName: 'event.name',
  serverAddress: 'server.address',
} as const

/** Our own names, written by the in-process guards and by applications that declare a release. */
export const AGENTOPZ = {
  stoppedBy: 'agentopz.run.stopped_by',
  release: 'agentopz.release',
  argumentsHash: 'agentopz.tool.call.arguments_hash',
  instructionsHash: 'agentopz.system_instructions_hash',
  toolsHash: 'agentopz.tool.definitions_hash',
  blocked: 'agentopz.tool.blocked',
  runId: 'agentopz.run.id',
  /** Ordinal of a model or tool call within its run, from 1. */
  step: 'agentopz.run.step',
  /** `ok`, `error` or `stopped`, on the span that opened the run. */
  outcome: 'agentopz.run.outcome',
  /** Which guard stepped in, for which reason, and what it did; on the span it concerned and on the event below. */
  guard: 'agentopz.guard',
  guardReason: 'agentopz.guard.reason',
  /** What moved the guard, from a closed set: `operator`, `lost`, or the name of the limit. */
  guardCause: 'agentopz.guard.cause',
  guardAction: 'agentopz.guard.action',
  controlId: 'agentopz.control.id',
  /** `live`, `polling`, `lost` (last known controls in force), `none`: how the process heard of its controls. */
  controlState: 'agentopz.control.state',
  /** True on a tool span made from what the model asked for and was told, where the tool itself was not seen. */
  inferred: 'agentopz.inferred',
  /** Facts about content that hold no content: whether the answer, and whether a tool's result, was empty. */
  outputEmpty: 'agentopz.output_empty',
  resultEmpty: 'agentopz.tool.result_empty',
  /** A stream that ended before its answer was complete. */
  incomplete: 'agentopz.stream.incomplete',
  /** What the SDK asked for, where a release pin changed it. */
  pinnedFrom: 'agentopz.release_pin.requested_model',
} as const

/** Event and log names. */
export const EVENT = {
  evaluation: 'gen_ai.evaluation.result',
  exception: 'exception',
  choice: 'gen_ai.choice',
  inferenceDetails: 'gen_ai.client.inference.operation.details',
  /** A guard stepped in; attributes `agentopz.guard*`. */
  intervention: 'agentopz.intervention',
} as const

/** Prefixes of attribute keys that make a span look like GenAI to a person. Spans of no known dialect that carry one are counted. */
export const GEN_AI_PREFIXES = [
  'gen_ai.',
  'genai.',
  'llm.',
  'openinference.',
  'traceloop.',
  'ai.',
  'mcp.',
  'langsmith.',
  'langfuse.',
  'mastra.',
  'mlflow.',
  'genkit:',
  'claude_code.',
  'codex.',
  'agentops.',
  'sigil.',
  'logfire.',
  'pydantic_ai.',
  'gcp.vertex.agent.',
  'anthropic.',
  'openai.',
] as const
