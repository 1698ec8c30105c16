/**
 * What Mistral adds to OpenAI's chat completions: completions of an agent (the request names the agent, not a model) and fill-in-the-middle.
 * Answers are chat completions. Source: npm @mistralai/mistralai 2, funcs/agentsComplete and funcs/fimComplete.
 */
import { openAiChat } from './openai-chat.ts'
import { type Protocol, string } from './protocol.ts'

export const mistralAgents: Protocol = {
  ...openAiChat,
  name: 'mistral.agents',
  provider: 'mistral_ai',
  matches: (path) => path.endsWith('/agents/completions'),
  fits: (b) => Array.isArray(b['messages']) && string(b['agent_id']) !== undefined,
}

export const mistralFim: Protocol = {
  ...openAiChat,
  name: 'mistral.fim',
  provider: 'mistral_ai',
  matches: (path) => path.endsWith('/fim/completions'),
  fits: (b) => string(b['model']) !== undefined && typeof b['prompt'] === 'string',
  request: (b, path) => ({ ...openAiChat.request({ ...b, messages: [] }, path), operation: 'text_completion', messages: b['prompt'] }),
}
