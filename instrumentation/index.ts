/**
 * agentopz/instrumentation: what zero-code cannot know. Works with or without `--import agentopz/register`: where nothing is registered every
 * function still runs what it is given, and guards nothing.
 */
export { GuardError } from './guards/guards.ts'
export { createFlagProvider } from './controls/open-feature.ts'
export { recordEvaluation, recordFeedback, type EvaluationResult } from './evaluations.ts'
export { getConfig, getPrompt } from './releases.ts'
export { guardTool, type ToolOptions } from './guard-tool.ts'
export { runAgent, type RunAgentOptions, type RunHandle } from './run-agent.ts'
export { attach, redactContent, stats } from './attach.ts'
export { createRunProcessor as createSpanProcessor, type RunProcessor } from './run-processor.ts'
