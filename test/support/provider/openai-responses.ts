/** OpenAI responses, JSON and server-sent events. Items and events carry every field that the SDK's types call required. */
import { answerTo, piecesOf, USAGE, type Answer } from './answer.ts'
import { FLOOD_PIECES, type Exchange } from './exchange.ts'
import { list, object, text, textOf, type Json } from './json.ts'
import { CREATED, openaiError, RELEASE } from './openai-chat.ts'

function answerOf(body: Json): Answer {
  const input = Array.isArray(body['input']) ? list(body['input']).map(object) : [{ content: body['input'] }]
  return answerTo({
    said: [text(body['instructions']), ...input.map((i) => textOf(object(i)['content']))].join('\n'),
    tools: list(body['tools']).flatMap((t) => {
      const tool = object(t)
      return tool['type'] === 'function' ? [{ name: text(tool['name']), schema: tool['parameters'] }] : []
    }),
    called: input.filter((i) => object(i)['type'] === 'function_call').map((i) => text(object(i)['name'])),
    forced: text(object(body['tool_choice'])['name']),
    wantsJson: text(object(object(body['text'])['format'])['type']).startsWith('json'),
  })
}

interface TextItem extends Json {
  readonly type: 'message'
  readonly id: string
  readonly content: readonly { readonly type: 'output_text'; readonly text: string }[]
}
interface CallItem extends Json {
  readonly type: 'function_call'
  readonly id: string
  readonly name: string
  readonly arguments: string
}
type Item = TextItem | CallItem

function itemsOf(x: Exchange, answer: Answer): readonly Item[] {
  const status = 'completed'
  if ('text' in answer) {
    const content = [{ type: 'output_text' as const, text: answer.text, annotations: [], logprobs: [] }]
    return [{ id: x.id('msg_'), type: 'message', status, role: 'assistant', content }]
  }
  return answer.tools.map((t) => ({
    id: x.id('fc_'),
    type: 'function_call',
    status,
    call_id: x.id('call_'),
    name: t.name,
    arguments: JSON.stringify(t.arguments),
  }))
}

function responseOf(x: Exchange, output: readonly Item[]): Json {
  const usage = {
    input_tokens: USAGE.input,
    input_tokens_details: { cached_tokens: USAGE.cached },
    output_tokens: USAGE.output,
    output_tokens_details: { reasoning_tokens: USAGE.reasoning },
    total_tokens: USAGE.total,
  }
  return {
    id: x.id('resp_'),
    object: 'response',
    created_at: CREATED,
    status: 'completed',
    background: false,
    error: null,
    incomplete_details: null,
    instructions: x.body['instructions'] ?? null,
    max_output_tokens: null,
    model: x.model + RELEASE,
    output,
    parallel_tool_calls: true,
    previous_response_id: x.body['previous_response_id'] ?? null,
    reasoning: { effort: null, summary: null },
    service_tier: 'default',
    store: true,
    temperature: 1,
    text: x.body['text'] ?? { format: { type: 'text' } },
    tool_choice: x.body['tool_choice'] ?? 'auto',
    tools: x.body['tools'] ?? [],
    top_p: 1,
    truncation: 'disabled',
    ...(x.special === 'no-usage' ? {} : { usage }),
    user: null,
    metadata: {},
  }
}

export async function responses(x: Exchange): Promise<void> {
  const failure = x.failure
  if (failure !== undefined) return openaiError(x, failure)
  const items = itemsOf(x, answerOf(x.body))
  const response = responseOf(x, items)
  const headers = { 'x-request-id': x.id('req_') }
  if (x.body['stream'] !== true) return x.json(200, response, headers)
  await x.stream('text/event-stream', headers)
  let number = 0
  const send = async (type: string, more: Json): Promise<boolean> => x.sse({ type, sequence_number: number++, ...more }, type)
  const begun = { ...response, status: 'in_progress', output: [], usage: null }
  await send('response.created', { response: begun })
  await send('response.in_progress', { response: begun })
  for (const [index, item] of items.entries()) if (!(await itemEvents(x, item, index, send))) return
  await send('response.completed', { response })
  x.finish()
}

type Send = (type: string, more: Json) => Promise<boolean>

async function itemEvents(x: Exchange, item: Item, index: number, send: Send): Promise<boolean> {
  const at = { output_index: index }
  const within = { item_id: item.id, ...at }
  if (item.type === 'function_call') {
    await send('response.output_item.added', { ...at, item: { ...item, status: 'in_progress', arguments: '' } })
    await send('response.function_call_arguments.delta', { ...within, delta: item.arguments })
    await send('response.function_call_arguments.done', { ...within, arguments: item.arguments, name: item.name })
    return send('response.output_item.done', { ...at, item })
  }
  const part = item.content[0]
  const whole = part?.text ?? ''
  const inPart = { ...within, content_index: 0 }
  await send('response.output_item.added', { ...at, item: { ...item, status: 'in_progress', content: [] } })
  await send('response.content_part.added', { ...inPart, part: { ...part, text: '' } })
  for (const delta of x.special === 'flood' ? FLOOD_PIECES : piecesOf(whole))
    if (!(await send('response.output_text.delta', { ...inPart, delta, logprobs: [] }))) return false
  await send('response.output_text.done', { ...inPart, text: whole, logprobs: [] })
  await send('response.content_part.done', { ...inPart, part })
  return send('response.output_item.done', { ...at, item })
}
