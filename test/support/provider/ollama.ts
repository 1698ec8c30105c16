/** Ollama's own API: chat, generate and embed; streams are lines of JSON. */
import { ANSWER, answerTo, EMBEDDING, EMBEDDING_TOKENS, piecesOf, USAGE, type Answer } from './answer.ts'
import { FLOOD_PIECES, type Exchange } from './exchange.ts'
import { list, object, text, type Json } from './json.ts'

const CREATED_AT = '2026-08-01T00:00:00Z'
const END = { done: true, done_reason: 'stop', total_duration: 1_000_000, load_duration: 1000 }
const COUNTS = { prompt_eval_count: USAGE.input, prompt_eval_duration: 1000, eval_count: USAGE.output, eval_duration: 1000 }

function answerOf(body: Json): Answer {
  const messages = list(body['messages']).map(object)
  const nameOf = (call: unknown): string => text(object(object(call)['function'])['name'])
  return answerTo({
    said: messages.map((m) => text(m['content'])).join('\n'),
    tools: list(body['tools']).map((t) => ({ name: nameOf(t), schema: object(object(t)['function'])['parameters'] })),
    called: messages.flatMap((m) => list(m['tool_calls']).map(nameOf)),
    wantsJson: body['format'] !== undefined && body['format'] !== '',
  })
}

/** `operation` is the last segment of the path: chat, generate or embed. */
export async function ollama(x: Exchange, operation: string): Promise<void> {
  const failure = x.failure
  if (failure !== undefined) return x.json(failure, { error: `status ${failure} was asked for` })
  const common = { model: x.model, created_at: CREATED_AT }
  if (operation === 'embed') return x.json(200, { ...common, embeddings: [EMBEDDING], prompt_eval_count: EMBEDDING_TOKENS })
  const counts = x.special === 'no-usage' ? {} : COUNTS
  const answer = operation === 'chat' ? answerOf(x.body) : { text: ANSWER }
  const carried = (content: string, calls?: readonly Json[]): Json =>
    operation === 'generate'
      ? { response: content }
      : { message: { role: 'assistant', content, ...(calls === undefined ? {} : { tool_calls: calls }) } }
  const calls = 'tools' in answer ? answer.tools.map((t) => ({ function: { name: t.name, arguments: t.arguments } })) : undefined
  if (x.body['stream'] === false) {
    return x.json(200, { ...common, ...carried('text' in answer ? answer.text : '', calls), ...END, ...counts })
  }
  await x.stream('application/x-ndjson')
  const line = async (v: Json): Promise<boolean> => x.event(`${JSON.stringify({ ...common, ...v })}\n`, '{"model": bro\n')
  if (calls !== undefined) await line({ ...carried('', calls), done: false })
  const pieces = 'tools' in answer ? [] : x.special === 'flood' ? FLOOD_PIECES : piecesOf(answer.text)
  for (const piece of pieces) if (!(await line({ ...carried(piece), done: false }))) return
  await line({ ...carried(''), ...END, ...counts })
  x.finish()
}
