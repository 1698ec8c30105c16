/** The integrations, in order of start. A new one is one file and one line here; AGENTOPZ_DISABLED_INTEGRATIONS takes names out. */
import type { Integration } from './integration.ts'
import { googleAdk } from './google-adk.ts'
import { vercelAi7 } from './vercel-ai-7.ts'
import { vercelAi } from './vercel-ai.ts'
import { bedrock } from './bedrock.ts'
import { clientFetch } from './client-fetch.ts'
import { httpServer } from './http-server.ts'
import { langchain } from './langchain.ts'
import { otelApi } from './otel-api.ts'
import { anthropic } from './anthropic.ts'
import { strands } from './strands.ts'
import { genkit } from './genkit.ts'
import { mcp } from './mcp.ts'
import { openaiAgents } from './openai-agents.ts'
import { llamaindex } from './llamaindex.ts'
import { mastra } from './mastra/mastra.ts'
import { claudeAgent } from './claude-agent.ts'

export const INTEGRATIONS: readonly Integration[] = [
  otelApi,
  httpServer,
  langchain,
  anthropic,
  strands,
  clientFetch,
  genkit,
  mcp,
  openaiAgents,
  llamaindex,
  mastra,
  bedrock,
  vercelAi,
  vercelAi7,
  googleAdk,
  claudeAgent,
]
