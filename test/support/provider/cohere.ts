/** Cohere's second API: chat, JSON and server-sent events, and embed. */
import { answerTo, EMBEDDING, EMBEDDING_TOKENS, piecesOf, USAGE, type Answer } from './answer.ts'
import { FLOOD_PIECES, type Exchange } from './exchange.ts'
import { list, object, text, textOf, type Json } from './json.ts'

const TOKENS = { input_tokens: USAGE.input, output_tokens: USAGE.output }
/** Billed and real tokens differ with Cohere; the real ones count. */
const COUNTED = { billed_units: { input_tokens: USAGE.input - 10, output_tokens: USAGE.output }, tokens: TOKENS }

function answerOf(body: Json): Answer {
  const messages = list(body['messages']).map(object)
  return answerTo({
    said: messages.map((m) => textOf(m['content'])).join('\n'),
    tools: list(body['tools']).map((t) => {
      const f = object(object(t)['function'])
      return { name: text(f['name']), schema: f['parameters'] }
    }),
    called: messages.flatMap((m) => list(m['tool_calls']).map((c) => text(object(object(c)['function'])['name']))),
    wantsJson: text(object(body['response_format'])['type']) === 'json_object',
  })
}

export async function cohereChat(x: Exchange): Promise<void> {
  const failure = x.failure
  if (failure !== undefined) return x.json(failure, { id: x.id('err-'), message: `status ${failure} was asked for` })
  const answer = answerOf(x.body)
  const id = x.id('cohere-')
  const usage = x.special === 'no-usage' ? {} : { usage: COUNTED }
  const finish = 'text' in answer ? 'COMPLETE' : 'TOOL_CALL'
  const plan = 'I will look it up.'
  const calls =
    'text' in answer
      ? []
      : answer.tools.map((t) => ({
          id: x.id('call_'),
          type: 'function',
          function: { name: t.name, arguments: JSON.stringify(t.arguments) },
        }))
  if (x.body['stream'] !== true) {
    const content = 'text' in answer ? { content: [{ type: 'text', text: answer.text }] } : { tool_plan: plan, tool_calls: calls }
    return x.json(200, { id, finish_reason: finish, message: { role: 'assistant', ...content }, ...usage })
  }
  await x.stream()
  const send = async (type: string, delta: Json, more: Json = {}): Promise<boolean> => x.sse({ type, ...more, delta }, type)
  await send('message-start', { message: { role: 'assistant', content: [], tool_plan: '', tool_calls: [], citations: [] } }, { id })
  if (calls.length > 0) await send('tool-plan-delta', { message: { tool_plan: plan } })
  for (const [index, call] of calls.entries()) {
    const begun = { ...call, function: { name: call.function.name, arguments: '' } }
    await send('tool-call-start', { message: { tool_calls: begun } }, { index })
    await send('tool-call-delta', { message: { tool_calls: { function: { arguments: call.function.arguments } } } }, { index })
    await x.sse({ type: 'tool-call-end', index }, 'tool-call-end')
  }
  if ('text' in answer) {
    await send('content-start', { message: { content: { type: 'text', text: '' } } }, { index: 0 })
    for (const piece of x.special === 'flood' ? FLOOD_PIECES : piecesOf(answer.text))
      if (!(await send('content-delta', { message: { content: { text: piece } } }, { index: 0 }))) return
    await x.sse({ type: 'content-end', index: 0 }, 'content-end')
  }
  await send('message-end', { finish_reason: finish, ...usage })
  x.finish()
}

export async function cohereEmbed(x: Exchange): Promise<void> {
  const texts = list(x.body['texts'])
  const meta = { api_version: { version: '2' }, billed_units: { input_tokens: EMBEDDING_TOKENS } }
  await x.json(200, {
    id: x.id('embed-'),
    embeddings: { float: texts.map(() => EMBEDDING) },
    texts,
    meta,
    response_type: 'embeddings_by_type',
  })
}
