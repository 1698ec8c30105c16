/**
 * Vercel AI Gateway, where AI SDK 5 to 7 send the models that are named by a mere string: the SDK's own call options as the body, the model and
 * whether to stream in headers. AI SDK 5 (`/v1/ai`) speaks specification 2 with flat usage, 6 and 7 speak 3 and 4 with totals and their parts.
 * Source: npm @ai-sdk/gateway 2, 3 and 4, gateway-language-model; @ai-sdk/provider, language-model.
 */
import { embeddingsRequest } from './openai-embeddings.ts'
import {
  type Answer,
  contentText,
  json,
  type Json,
  list,
  number,
  object,
  type Protocol,
  sse,
  string,
  tokens,
  type ToolResult,
} from './protocol.ts'

const MODEL = 'ai-language-model-id'
const STREAMING = 'ai-language-model-streaming'
const EMBEDDING_MODEL = 'ai-model-id'
/** Not a provider of models: the price is that of the maker in the model's name. */
const PROVIDER = 'vercel'

function readUsage(raw: unknown, into: Answer): void {
  const u = object(raw)
  if (u === undefined) return
  const input = object(u['inputTokens'])
  const output = object(u['outputTokens'])
  into.inputTokens = tokens(input?.['total'] ?? u['inputTokens']) ?? into.inputTokens
  into.outputTokens = tokens(output?.['total'] ?? u['outputTokens']) ?? into.outputTokens
  into.cacheRead = tokens(input?.['cacheRead'] ?? u['cachedInputTokens']) ?? into.cacheRead
  into.cacheWrite = tokens(input?.['cacheWrite']) ?? into.cacheWrite
  into.reasoning = tokens(output?.['reasoning'] ?? u['reasoningTokens']) ?? into.reasoning
}

function readEnd(b: Json, into: Answer): void {
  readUsage(b['usage'], into)
  const finish = string(b['finishReason']) ?? string(object(b['finishReason'])?.['unified'])
  if (finish === undefined) return
  into.addFinish(finish)
  into.isComplete = true
}

function readHead(b: Json | undefined, into: Answer): void {
  into.id = string(b?.['id']) ?? into.id
  into.model = string(b?.['modelId']) ?? into.model
}

function readCall(part: Json, into: Answer): void {
  const call = into.call(into.toolCalls.length, string(part['toolCallId']), string(part['toolName']))
  const input = part['input']
  if (call !== undefined) call.args = typeof input === 'string' ? input : (JSON.stringify(input) ?? '')
}

function readError(raw: unknown, into: Answer): void {
  const e = object(raw)
  if (e === undefined) return
  into.errorType = string(e['code']) ?? string(e['type'])
  into.errorMessage = string(e['message'])
}

/** Results of tools in the newest turn. */
function resultsOf(messages: readonly unknown[]): readonly ToolResult[] {
  const last = object(messages.at(-1))
  if (last?.['role'] !== 'tool') return []
  return list(last['content']).flatMap((part) => {
    const p = object(part)
    const output = object(p?.['output'])
    const id = string(p?.['toolCallId'])
    if (p?.['type'] !== 'tool-result' || id === undefined) return []
    const value = output?.['value']
    const type = string(output?.['type']) ?? ''
    return [{ id, text: typeof value === 'string' ? value : (JSON.stringify(value) ?? ''), isError: type.startsWith('error') }]
  })
}

const refused = (code: string, message: string): Json => ({ error: { message, type: 'forbidden', code } })

function languageModel(isOld: boolean): Protocol {
  const reason = (unified: string): unknown => (isOld ? unified : { unified, raw: unified })
  const nothing = isOld
    ? { inputTokens: 0, outputTokens: 0, totalTokens: 0 }
    : { inputTokens: { total: 0, noCache: 0, cacheRead: 0, cacheWrite: 0 }, outputTokens: { total: 0, text: 0, reasoning: 0 } }
  return {
    name: isOld ? 'ai-gateway.2' : 'ai-gateway',
    provider: PROVIDER,
    matches: (path) => path.endsWith('/language-model') && path.endsWith('/v1/ai/language-model') === isOld,
    fits: (b) => Array.isArray(b['prompt']),
    request: (b, _path, headers) => {
      const messages = list(b['prompt'])
      const instructions = messages
        .flatMap((m) => (object(m)?.['role'] === 'system' ? [contentText(object(m)?.['content'])] : []))
        .join('\n')
      const choice = string(object(b['toolChoice'])?.['type'])
      const maxTokens = number(b['maxOutputTokens'])
      const temperature = number(b['temperature'])
      return {
        operation: 'chat',
        model: headers?.get(MODEL) ?? undefined,
        stream: headers?.get(STREAMING) === 'true',
        toolResults: resultsOf(messages),
        wantsForm: object(b['responseFormat'])?.['type'] === 'json' || choice === 'required' || choice === 'tool',
        messages,
        tools: b['tools'],
        ...(instructions === '' ? {} : { instructions }),
        ...(maxTokens === undefined ? {} : { maxTokens }),
        ...(temperature === undefined ? {} : { temperature }),
      }
    },
    answer: (b, into) => {
      readError(b['error'], into)
      readHead(object(b['response']), into)
      for (const part of list(b['content'])) {
        const p = object(part)
        if (p?.['type'] === 'text') into.addText(p['text'])
        if (p?.['type'] === 'tool-call') readCall(p, into)
      }
      readEnd(b, into)
    },
    event: (b, into) => {
      const type = string(b['type'])
      if (type === 'response-metadata') readHead(b, into)
      if (type === 'text-delta') into.addText(b['delta'])
      if (type === 'tool-call') readCall(b, into)
      if (type === 'error') readError(b['error'], into)
      if (type === 'finish') readEnd(b, into)
    },
    fallback: (request, text) => {
      const end = { finishReason: reason('stop'), usage: nothing }
      if (!request.stream) return json({ content: [{ type: 'text', text }], ...end, warnings: [] })
      const parts: readonly Json[] = [
        { type: 'stream-start', warnings: [] },
        { type: 'text-start', id: 'agentopz' },
        { type: 'text-delta', id: 'agentopz', delta: text },
        { type: 'text-end', id: 'agentopz' },
        { type: 'finish', ...end },
      ]
      return sse(parts.map((part) => [undefined, part] as const))
    },
    error: refused,
  }
}

export const aiGateway = languageModel(false)
export const aiGatewayOld = languageModel(true)

export const aiGatewayEmbeddings: Protocol = {
  name: 'ai-gateway.embeddings',
  provider: PROVIDER,
  matches: (path) => path.endsWith('/embedding-model'),
  // AI SDK 5 calls it `input`.
  fits: (b) => Array.isArray(b['values']) || b['input'] !== undefined,
  request: (_body, _path, headers) => embeddingsRequest(headers?.get(EMBEDDING_MODEL) ?? undefined),
  answer: (b, into) => {
    readError(b['error'], into)
    into.inputTokens = tokens(object(b['usage'])?.['tokens'])
  },
  event: () => undefined,
  error: refused,
}
