/**
 * OpenAI chat completions and embeddings, JSON and server-sent events; Mistral speaks the same protocol without cached and reasoning
 * tokens, with usage in the last chunk of every stream, and with errors of its own form.
 */
import { ANSWER, answerTo, EMBEDDING, EMBEDDING_TOKENS, piecesOf, USAGE, type Answer, type ToolCall } from './answer.ts'
import { FLOOD_PIECES, type Exchange } from './exchange.ts'
import { list, object, text, textOf, type Json } from './json.ts'

/** Fixed, so that two runs print the same. */
export const CREATED = 1_760_000_000
export const RELEASE = '-2026-08-01'

const ERRORS: Readonly<Record<number, Json>> = {
  400: { message: 'this request is wrong', type: 'invalid_request_error', param: null, code: 'bad_request' },
  401: { message: 'this key is wrong', type: 'invalid_request_error', param: null, code: 'invalid_api_key' },
  403: { message: 'not allowed', type: 'permission_error', param: null, code: 'forbidden' },
  429: { message: 'too many requests', type: 'requests', param: null, code: 'rate_limit_exceeded' },
  500: { message: 'the server failed', type: 'server_error', param: null, code: null },
}
/** Retries wait this long instead of half a second and more. */
export const RETRY_AFTER = { 'retry-after-ms': '20' } as const

const isMistral = (x: Exchange): boolean => /mistral/i.test(`${text(x.call.headers['user-agent'])} ${x.model}`)

/** Answers the error that the model's name asks for. */
export async function openaiError(x: Exchange, status: number): Promise<void> {
  const error = ERRORS[status] ?? { message: `status ${status}`, type: 'error', param: null, code: null }
  const headers = { 'x-request-id': x.id('req_'), ...(status === 429 || status >= 500 ? RETRY_AFTER : {}) }
  await x.json(status, isMistral(x) ? { object: 'error', ...error } : { error }, headers)
}

function questionOf(body: Json): Answer {
  const messages = list(body['messages']).map(object)
  const format = text(object(body['response_format'])['type'])
  return answerTo({
    said: messages.map((m) => textOf(m['content'])).join('\n'),
    tools: list(body['tools']).map((t) => {
      const f = object(object(t)['function'])
      return { name: text(f['name']), schema: f['parameters'] }
    }),
    called: messages.flatMap((m) => list(m['tool_calls']).map((c) => text(object(object(c)['function'])['name']))),
    forced: text(object(object(body['tool_choice'])['function'])['name']),
    wantsJson: format !== '' && format !== 'text',
  })
}

function usageOf(x: Exchange): Json {
  const usage = { prompt_tokens: USAGE.input, completion_tokens: USAGE.output, total_tokens: USAGE.total }
  if (isMistral(x)) return usage
  return {
    ...usage,
    prompt_tokens_details: { cached_tokens: USAGE.cached, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: USAGE.reasoning, audio_tokens: 0 },
  }
}

export async function chatCompletions(x: Exchange): Promise<void> {
  const failure = x.failure
  if (failure !== undefined) return openaiError(x, failure)
  const answer = questionOf(x.body)
  const id = x.id('chatcmpl-')
  const model = isMistral(x) ? x.model : x.model + RELEASE
  const common = { id, created: CREATED, model, ...(isMistral(x) ? {} : { system_fingerprint: 'fp_local', service_tier: 'default' }) }
  const calls = 'tools' in answer ? answer.tools.map((t, index) => callOf(x, t, index)) : undefined
  if (x.body['stream'] === true) return streamed(x, answer, common, calls)
  const message = {
    role: 'assistant',
    content: 'text' in answer ? answer.text : null,
    ...(isMistral(x) ? {} : { refusal: null, annotations: [] }),
    ...(calls === undefined ? {} : { tool_calls: calls.map(({ id, type, function: f }) => ({ id, type, function: f })) }),
  }
  const choice = { index: 0, message, logprobs: null, finish_reason: calls === undefined ? 'stop' : 'tool_calls' }
  const usage = x.special === 'no-usage' ? {} : { usage: usageOf(x) }
  await x.json(200, { ...common, object: 'chat.completion', choices: [choice], ...usage }, { 'x-request-id': x.id('req_') })
}

interface FunctionCall {
  readonly id: string
  readonly index: number
  readonly type: 'function'
  readonly function: { readonly name: string; readonly arguments: string }
}
const callOf = (x: Exchange, t: ToolCall, index: number): FunctionCall => ({
  id: x.id('call_'),
  index,
  type: 'function',
  function: { name: t.name, arguments: JSON.stringify(t.arguments) },
})

async function streamed(x: Exchange, answer: Answer, common: Json, calls: readonly FunctionCall[] | undefined): Promise<void> {
  await x.stream('text/event-stream', { 'x-request-id': x.id('req_') })
  const mistral = isMistral(x)
  const withUsage = x.special !== 'no-usage' && (mistral || object(x.body['stream_options'])['include_usage'] === true)
  const chunk = async (delta: Json, finish: string | null = null, more: Json = {}): Promise<boolean> =>
    x.sse({ ...common, object: 'chat.completion.chunk', choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }], ...more })
  await chunk({ role: 'assistant', content: '' })
  // Mistral sends a tool call whole.
  if (mistral && calls !== undefined) await chunk({ tool_calls: calls })
  for (const call of mistral ? [] : (calls ?? [])) {
    await chunk({ tool_calls: [{ ...call, function: { name: call.function.name, arguments: '' } }] })
    await chunk({ tool_calls: [{ index: call.index, function: { arguments: call.function.arguments } }] })
  }
  const pieces = 'tools' in answer ? [] : x.special === 'flood' ? FLOOD_PIECES : piecesOf(answer.text)
  for (const piece of pieces) if (!(await chunk({ content: piece }))) return
  await chunk({}, calls === undefined ? 'stop' : 'tool_calls', mistral && withUsage ? { usage: usageOf(x) } : {})
  if (withUsage && !mistral) await x.sse({ ...common, object: 'chat.completion.chunk', choices: [], usage: usageOf(x) })
  x.finish('data: [DONE]\n\n')
}

/** The older completions endpoint. */
export async function completions(x: Exchange): Promise<void> {
  const failure = x.failure
  if (failure !== undefined) return openaiError(x, failure)
  const choices = [{ index: 0, text: ANSWER, logprobs: null, finish_reason: 'stop' }]
  await x.json(200, {
    id: x.id('cmpl-'),
    object: 'text_completion',
    created: CREATED,
    model: x.model + RELEASE,
    choices,
    usage: usageOf(x),
  })
}

export async function embeddings(x: Exchange): Promise<void> {
  const failure = x.failure
  if (failure !== undefined) return openaiError(x, failure)
  const input = x.body['input']
  const inputs = Array.isArray(input) ? list(input) : [input]
  const base64 = x.body['encoding_format'] === 'base64'
  const embedding = base64 ? Buffer.from(Float32Array.from(EMBEDDING).buffer).toString('base64') : EMBEDDING
  await x.json(200, {
    ...(isMistral(x) ? { id: x.id('embd-') } : {}),
    object: 'list',
    data: inputs.map((_, index) => ({ object: 'embedding', index, embedding })),
    model: x.model,
    usage: { prompt_tokens: EMBEDDING_TOKENS, total_tokens: EMBEDDING_TOKENS },
  })
}
