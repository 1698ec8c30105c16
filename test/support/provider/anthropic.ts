/** Anthropic messages, JSON and server-sent events; `anthropicMessage` and `anthropicEvents` are what Bedrock's InvokeModel answers too. */
import { answerTo, CACHE_USAGE, piecesOf } from './answer.ts'
import { FLOOD_PIECES, type Exchange } from './exchange.ts'
import { list, object, text, textOf, type Json } from './json.ts'
import { RETRY_AFTER } from './openai-chat.ts'

const ERROR_TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  429: 'rate_limit_error',
  500: 'api_error',
}

const USAGE = {
  input_tokens: CACHE_USAGE.fresh,
  cache_creation_input_tokens: CACHE_USAGE.written,
  cache_read_input_tokens: CACHE_USAGE.read,
  cache_creation: { ephemeral_5m_input_tokens: CACHE_USAGE.written, ephemeral_1h_input_tokens: 0 },
  output_tokens: CACHE_USAGE.output,
  service_tier: 'standard',
} as const

/** The whole answer to a messages request. */
export function anthropicMessage(x: Exchange): Json {
  const body = x.body
  const messages = list(body['messages']).map(object)
  const used = messages.flatMap((m) => list(m['content']).map(object)).filter((c) => c['type'] === 'tool_use')
  const answer = answerTo({
    said: [textOf(body['system']), ...messages.map((m) => textOf(m['content']))].join('\n'),
    tools: list(body['tools']).map((t) => ({ name: text(object(t)['name']), schema: object(t)['input_schema'] })),
    called: used.map((c) => text(c['name'])),
    forced: text(object(body['tool_choice'])['name']),
    wantsJson: body['output_format'] !== undefined || object(body['output_config'])['format'] !== undefined,
  })
  const content =
    'text' in answer
      ? [{ type: 'text', text: answer.text }]
      : [
          { type: 'text', text: 'Let me check.' },
          ...answer.tools.map((t) => ({ type: 'tool_use', id: x.id('toolu_'), name: t.name, input: t.arguments })),
        ]
  return {
    id: x.id('msg_'),
    type: 'message',
    role: 'assistant',
    model: x.model,
    content,
    stop_reason: 'text' in answer ? 'end_turn' : 'tool_use',
    stop_sequence: null,
    ...(x.special === 'no-usage' ? {} : { usage: USAGE }),
  }
}

/** The events of a streamed answer, in order. */
export function* anthropicEvents(x: Exchange): Generator<Json & { readonly type: string }> {
  const message = anthropicMessage(x)
  const usage = x.special === 'no-usage' ? {} : { usage: { ...USAGE, output_tokens: 1 } }
  yield { type: 'message_start', message: { ...message, content: [], stop_reason: null, ...usage } }
  for (const [index, part] of list(message['content']).map(object).entries()) {
    const isText = part['type'] === 'text'
    yield { type: 'content_block_start', index, content_block: isText ? { type: 'text', text: '' } : { ...part, input: {} } }
    if (index === 0) yield { type: 'ping' }
    if (isText)
      for (const piece of x.special === 'flood' ? FLOOD_PIECES : piecesOf(text(part['text'])))
        yield { type: 'content_block_delta', index, delta: { type: 'text_delta', text: piece } }
    else yield { type: 'content_block_delta', index, delta: { type: 'input_json_delta', partial_json: JSON.stringify(part['input']) } }
    yield { type: 'content_block_stop', index }
  }
  const total = x.special === 'no-usage' ? {} : { usage: { output_tokens: CACHE_USAGE.output } }
  yield { type: 'message_delta', delta: { stop_reason: message['stop_reason'], stop_sequence: null }, ...total }
  yield { type: 'message_stop' }
}

export async function messages(x: Exchange): Promise<void> {
  const headers = { 'request-id': x.id('req_') }
  const failure = x.failure
  if (failure !== undefined) {
    const error = { type: ERROR_TYPES[failure] ?? 'api_error', message: `status ${failure} was asked for` }
    const retry = failure === 429 || failure >= 500 ? RETRY_AFTER : {}
    return x.json(failure, { type: 'error', error, request_id: headers['request-id'] }, { ...headers, ...retry })
  }
  if (x.body['stream'] !== true) return x.json(200, anthropicMessage(x), headers)
  await x.stream('text/event-stream', headers)
  for (const event of anthropicEvents(x)) if (!(await x.sse(event, event.type))) return
  x.finish()
}

export async function countTokens(x: Exchange): Promise<void> {
  await x.json(200, { input_tokens: CACHE_USAGE.fresh })
}
