/** The HTTP protocols that are understood. A new one is one file and one line here. */
import { aiGateway, aiGatewayEmbeddings, aiGatewayOld } from './ai-gateway.ts'
import { anthropicVertex } from './anthropic-vertex.ts'
import { anthropicMessages } from './anthropic.ts'
import { bedrockConverse } from './bedrock-converse.ts'
import { bedrockInvoke } from './bedrock-invoke.ts'
import { cohereEmbed } from './cohere-embed.ts'
import { cohere } from './cohere.ts'
import { geminiEmbeddings } from './gemini-embeddings.ts'
import { gemini } from './gemini.ts'
import { mistralAgents, mistralFim } from './mistral.ts'
import { ollamaEmbed } from './ollama-embed.ts'
import { ollamaGenerate } from './ollama-generate.ts'
import { ollama } from './ollama.ts'
import { openAiChat } from './openai-chat.ts'
import { openAiEmbeddings } from './openai-embeddings.ts'
import { openAiResponses } from './openai-responses.ts'
import type { Protocol } from './protocol.ts'

export const PROTOCOLS: readonly Protocol[] = [
  openAiChat,
  openAiResponses,
  anthropicMessages,
  anthropicVertex,
  gemini,
  mistralAgents,
  mistralFim,
  bedrockConverse,
  bedrockInvoke,
  ollama,
  ollamaGenerate,
  ollamaEmbed,
  cohere,
  cohereEmbed,
  geminiEmbeddings,
  openAiEmbeddings,
  aiGateway,
  aiGatewayOld,
  aiGatewayEmbeddings,
]

/** The protocol of a POST to this path. */
export function protocolOf(path: string): Protocol | undefined {
  for (const p of PROTOCOLS) if (p.matches(path)) return p
  return undefined
}

const HOSTS: readonly (readonly [RegExp, string])[] = [
  [/(^|\.)openai\.azure\.com$|\.services\.ai\.azure\.com$/, 'azure.ai.openai'],
  [/(^|\.)openai\.com$/, 'openai'],
  [/(^|\.)anthropic\.com$/, 'anthropic'],
  [/aiplatform\.googleapis\.com$/, 'gcp.vertex_ai'],
  [/generativelanguage\.googleapis\.com$/, 'gcp.gemini'],
  [/(^|\.)mistral\.ai$/, 'mistral_ai'],
  [/(^|\.)cohere\.(com|ai)$/, 'cohere'],
  [/(^|\.)groq\.com$/, 'groq'],
  [/(^|\.)deepseek\.com$/, 'deepseek'],
  [/(^|\.)perplexity\.ai$/, 'perplexity'],
  [/(^|\.)x\.ai$/, 'x_ai'],
  [/(^|\.)moonshot\.(ai|cn)$/, 'moonshot_ai'],
  [/bedrock[\w-]*\.[\w-]+\.amazonaws\.com$/, 'aws.bedrock'],
]

/** SDKs of providers that speak another's protocol: they tell where the host (a gateway, a server of one's own) does not. */
const SDKS: readonly (readonly [RegExp, string])[] = [[/^mistral-client-/, 'mistral_ai']]

/** `gen_ai.provider.name` of a host, else of the SDK that calls, else the protocol's own provider. */
export function providerOf(host: string, protocol: Protocol, userAgent = ''): string {
  for (const [pattern, provider] of HOSTS) if (pattern.test(host)) return provider
  for (const [pattern, provider] of SDKS) if (pattern.test(userAgent)) return provider
  return protocol.provider
}
