/**
 * Vercel AI Gateway: AI SDK's own call options in, its own results out. Specification 2 (AI SDK 5) has flat usage and finish reasons, 3 and 4
 * (AI SDK 6 and 7) have them in parts. The model and whether to stream are in headers.
 */
import { answerTo, EMBEDDING, EMBEDDING_TOKENS, piecesOf, USAGE, type Answer } from './answer.ts'
import { FLOOD_PIECES, type Exchange } from './exchange.ts'
import { list, object, text, textOf, type Json } from './json.ts'
import { RELEASE } from './openai-chat.ts'

const ERRORS: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'forbidden',
  429: 'rate_limit_exceeded',
  500: 'internal_server_error',
}

function answerOf(body: Json): Answer {
  const messages = list(body['prompt']).map(object)
  return answerTo({
    said: messages.map((m) => textOf(m['content'])).join('\n'),
    tools: list(body['tools']).map((t) => ({ name: text(object(t)['name']), schema: object(t)['inputSchema'] })),
    called: messages
      .filter((m) => m['role'] === 'assistant')
      .flatMap((m) => list(m['content']).flatMap((p) => (object(p)['type'] === 'tool-call' ? [text(object(p)['toolName'])] : []))),
    forced: text(object(body['toolChoice'])['toolName']),
    wantsJson: object(body['responseFormat'])['type'] === 'json',
  })
}

function endOf(x: Exchange, answer: Answer): Json {
  const reason = 'tools' in answer ? 'tool-calls' : 'stop'
  const isOld = x.call.headers['ai-language-model-specification-version'] === '2'
  if (isOld) {
    const usage = { inputTokens: USAGE.input, outputTokens: USAGE.output, totalTokens: USAGE.total }
    return { finishReason: reason, usage: { ...usage, cachedInputTokens: USAGE.cached, reasoningTokens: USAGE.reasoning } }
  }
  const inputTokens = { total: USAGE.input, noCache: USAGE.input - USAGE.cached, cacheRead: USAGE.cached }
  const outputTokens = { total: USAGE.output, text: USAGE.output - USAGE.reasoning, reasoning: USAGE.reasoning }
  return { finishReason: { unified: reason, raw: reason }, usage: { inputTokens, outputTokens } }
}

function callsOf(x: Exchange, answer: Answer): readonly Json[] {
  if (!('tools' in answer)) return []
  return answer.tools.map((t) => ({ type: 'tool-call', toolCallId: x.id('call_'), toolName: t.name, input: JSON.stringify(t.arguments) }))
}

async function gatewayError(x: Exchange, status: number): Promise<void> {
  await x.json(status, { error: { message: `status ${status}`, type: ERRORS[status] ?? 'error', param: null, code: null } })
}

export async function gatewayLanguageModel(x: Exchange): Promise<void> {
  if (x.failure !== undefined) return gatewayError(x, x.failure)
  const answer = answerOf(x.body)
  const calls = callsOf(x, answer)
  const end = endOf(x, answer)
  const head = { id: x.id('gen_'), modelId: x.model + RELEASE }
  if (x.call.headers['ai-language-model-streaming'] !== 'true') {
    const content = 'text' in answer ? [{ type: 'text', text: answer.text }] : calls
    return x.json(200, { content, ...end, response: head, warnings: [] })
  }
  await x.stream('text/event-stream')
  await x.sse({ type: 'stream-start', warnings: [] })
  await x.sse({ type: 'response-metadata', ...head })
  for (const call of calls) await x.sse(call)
  if ('text' in answer) {
    await x.sse({ type: 'text-start', id: 'txt-0' })
    for (const delta of x.special === 'flood' ? FLOOD_PIECES : piecesOf(answer.text))
      if (!(await x.sse({ type: 'text-delta', id: 'txt-0', delta }))) return
    await x.sse({ type: 'text-end', id: 'txt-0' })
  }
  await x.sse({ type: 'finish', ...end })
  x.finish('data: [DONE]\n\n')
}

export async function gatewayEmbeddings(x: Exchange): Promise<void> {
  if (x.failure !== undefined) return gatewayError(x, x.failure)
  // Specification 2 has a single value bare.
  const given = x.body['values'] ?? x.body['input']
  const values = Array.isArray(given) ? list(given) : [given]
  await x.json(200, { embeddings: values.map(() => EMBEDDING), usage: { tokens: EMBEDDING_TOKENS } })
}
