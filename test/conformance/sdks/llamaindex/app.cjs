/** LlamaIndex, CommonJS. */
const { openai, OpenAIEmbedding } = require('@llamaindex/openai')
const workflow = require('@llamaindex/workflow')
const { SimpleChatEngine, tool } = require('llamaindex')
const { z } = require('zod')

const events = {
  start: workflow.startAgentEvent,
  stop: workflow.stopAgentEvent,
  input: workflow.agentInputEvent,
  setup: workflow.agentSetupEvent,
  step: workflow.agentStepEvent,
  stream: workflow.agentStreamEvent,
  output: workflow.agentOutputEvent,
  toolCall: workflow.agentToolCallEvent,
  toolResult: workflow.agentToolCallResultEvent,
}

async function main() {
  const { runProgram } = await import('../../shared/program.mjs')
  const { guard, scenarios } = await import('./scenarios.mjs')
  const embedding = new OpenAIEmbedding({ model: 'text-embedding-3-small' })
  const { agent, multiAgent } = workflow
  const api = { agent, multiAgent, events, tool, openai, embedding, SimpleChatEngine, z }
  await runProgram({ scenarios: scenarios(api), guard: guard(api) })
}
main()
