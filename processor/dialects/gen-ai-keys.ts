/**
 * Keys that the reading of the GenAI conventions (gen-ai.ts) knows beside the conventions' own (model/semconv.ts), and those that few spans have.
 * `readGenAi` asks for a key of a group only where the group's mark is there, so every key that it asks for in such a place is in that group.
 */
import { AGENTOPZ, GEN_AI, GENERAL } from '../../model/semconv.ts'

/** Names of emitters, not of the conventions. */
export const OLD_NAMES = {
  cacheRead: 'gen_ai.usage.cache_read_input_tokens',
  cacheCreation: 'gen_ai.usage.cache_creation_input_tokens',
  cacheWrite: 'gen_ai.usage.cache_write_input_tokens',
  reasoning: 'gen_ai.usage.reasoning_tokens',
  idempotencyKey: 'gen_ai.evaluation.idempotency_key',
} as const

/**
 * Keys that most spans have none of, by groups: a span that has none of a group is asked for none of it, by one bit for all. A question that
 * is answered with no takes 8 ns, and there were thirty in a span.
 */
export const RARE_KEYS: Readonly<Record<'cohort' | 'usage' | 'content' | 'outcome', readonly string[]>> = {
  cohort: [
    GEN_AI.promptName,
    GEN_AI.promptVersion,
    AGENTOPZ.release,
    AGENTOPZ.instructionsHash,
    GEN_AI.systemInstructions,
    AGENTOPZ.toolsHash,
    GEN_AI.toolDefinitions,
  ],
  usage: [
    GEN_AI.promptTokens,
    GEN_AI.completionTokens,
    OLD_NAMES.cacheRead,
    GEN_AI.cacheWrite,
    GEN_AI.cacheCreation,
    OLD_NAMES.cacheCreation,
    OLD_NAMES.cacheWrite,
    GEN_AI.reasoningTokens,
    OLD_NAMES.reasoning,
    GEN_AI.totalTokens,
  ],
  content: [GEN_AI.outputMessages, GEN_AI.inputMessages, GEN_AI.toolArguments, GEN_AI.toolResult, GEN_AI.retrievalDocuments],
  outcome: [
    GENERAL.errorType,
    AGENTOPZ.stoppedBy,
    GEN_AI.serviceTier,
    GEN_AI.oldServiceTier,
    GEN_AI.memoryRecordCount,
    AGENTOPZ.argumentsHash,
    AGENTOPZ.blocked,
  ],
}
