/** LlamaIndex, ES modules. */
import { openai, OpenAIEmbedding } from '@llamaindex/openai'
import {
  agent,
  agentInputEvent,
  agentOutputEvent,
  agentSetupEvent,
  agentStepEvent,
  agentStreamEvent,
  agentToolCallEvent,
  agentToolCallResultEvent,
  multiAgent,
  startAgentEvent,
  stopAgentEvent,
} from '@llamaindex/workflow'
import { SimpleChatEngine, tool } from 'llamaindex'
import { z } from 'zod'
import { runProgram } from '../../shared/program.mjs'
import { guard, scenarios } from './scenarios.mjs'

const events = {
  start: startAgentEvent,
  stop: stopAgentEvent,
  input: agentInputEvent,
  setup: agentSetupEvent,
  step: agentStepEvent,
  stream: agentStreamEvent,
  output: agentOutputEvent,
  toolCall: agentToolCallEvent,
  toolResult: agentToolCallResultEvent,
}
const embedding = new OpenAIEmbedding({ model: 'text-embedding-3-small' })
const api = { agent, multiAgent, events, tool, openai, embedding, SimpleChatEngine, z }
await runProgram({ scenarios: scenarios(api), guard: guard(api) })
