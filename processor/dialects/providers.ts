/**
 * Vendors' names for providers → the values of `gen_ai.provider.name`. Names that are spelled as in the table, nearly all, take one look-up.
 */

import { ownOf } from './own.ts'

const PROVIDER: Readonly<Record<string, string>> = {
  'az.ai.openai': 'azure.ai.openai',
  'az.ai.inference': 'azure.ai.inference',
  azure: 'azure.ai.openai',
  azure_openai: 'azure.ai.openai',
  azureopenai: 'azure.ai.openai',
  vertex_ai: 'gcp.vertex_ai',
  vertexai: 'gcp.vertex_ai',
  gemini: 'gcp.gemini',
  google: 'gcp.gemini',
  'google.generative-ai': 'gcp.gemini',
  'google-genai': 'gcp.gemini',
  'gcp.vertex.agent': 'gcp.gen_ai',
  'google.vertex': 'gcp.vertex_ai',
  aws: 'aws.bedrock',
  bedrock: 'aws.bedrock',
  'amazon-bedrock': 'aws.bedrock',
  amazon_bedrock: 'aws.bedrock',
  aws_bedrock: 'aws.bedrock',
  mistral: 'mistral_ai',
  mistralai: 'mistral_ai',
  xai: 'x_ai',
  moonshot: 'moonshot_ai',
  watsonx: 'ibm.watsonx.ai',
  openai: 'openai',
  anthropic: 'anthropic',
  cohere: 'cohere',
  groq: 'groq',
  deepseek: 'deepseek',
  perplexity: 'perplexity',
  ollama: 'ollama',
}

/** Frameworks that put their own name where the provider belongs. */
const FRAMEWORKS = new Set([
  'langchain',
  'langgraph',
  'crewai',
  'microsoft.agent_framework',
  'strands-agents',
  'strands',
  'llama_index',
  'llamaindex',
  'haystack',
  'autogen',
  'dspy',
  'agno',
  'openai_agents',
  'claude_agent_sdk',
  'mastra',
  'pydantic_ai',
  'pydantic-ai',
])

/** Folds old and vendor spellings into `gen_ai.provider.name` values; a framework's name is unknown, other values pass through lower-cased. */
export function foldProvider(raw: string | undefined): string | undefined {
  if (raw === undefined) return undefined
  return FOLDED.get(raw) ?? foldWord(raw)
}

function foldWord(raw: string): string | undefined {
  const word = raw.trim().toLowerCase()
  if (word === '' || word === 'unknown' || word === '_other' || FRAMEWORKS.has(word)) return undefined
  const known = ownOf(PROVIDER, word)
  if (known !== undefined) return known
  // Vercel AI SDK: "openai.chat", "openai.responses", "anthropic.messages", "amazon-bedrock.x"
  const head = word.split('.', 1)[0] ?? word
  return word.includes('.') && !/^(azure|aws|gcp|ibm)\./.test(word) ? (ownOf(PROVIDER, head) ?? word) : word
}

/** What names that are spelled as in the table fold to. */
const FOLDED: ReadonlyMap<string, string | undefined> = new Map(
  [...Object.keys(PROVIDER), ...Object.values(PROVIDER)].map((word) => [word, foldWord(word)]),
)
