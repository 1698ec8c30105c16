/** Google's generateContent, streamGenerateContent and embeddings. Thoughts are counted beside the candidates, not within them. */
import { answerTo, EMBEDDING, piecesOf, USAGE, type Answer } from './answer.ts'
import { FLOOD_PIECES, type Exchange } from './exchange.ts'
import { list, object, text, textOf, type Json } from './json.ts'

const STATUS: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
}
const USAGE_METADATA = {
  promptTokenCount: USAGE.input,
  candidatesTokenCount: USAGE.output - USAGE.reasoning,
  thoughtsTokenCount: USAGE.reasoning,
  cachedContentTokenCount: USAGE.cached,
  totalTokenCount: USAGE.total,
}

function answerOf(body: Json): Answer {
  const contents = list(body['contents']).map(object)
  const parts = contents.flatMap((c) => list(c['parts']).map(object))
  const config = object(body['generationConfig'])
  return answerTo({
    said: [textOf(object(body['systemInstruction'])['parts']), ...contents.map((c) => textOf(c['parts']))].join('\n'),
    tools: list(body['tools']).flatMap((t) =>
      list(object(t)['functionDeclarations']).map((f) => {
        const { name, parameters, parametersJsonSchema } = object(f)
        return { name: text(name), schema: parametersJsonSchema ?? parameters }
      }),
    ),
    called: parts.map((p) => text(object(p['functionCall'])['name'])).filter((name) => name !== ''),
    wantsJson: text(config['responseMimeType']) === 'application/json',
  })
}

function chunkOf(x: Exchange, id: string, parts: readonly Json[], last: boolean): Json {
  const candidate = { content: { role: 'model', parts }, ...(last ? { finishReason: 'STOP' } : {}), index: 0 }
  const usage = x.special === 'no-usage' ? {} : { usageMetadata: USAGE_METADATA }
  return { candidates: [candidate], ...usage, modelVersion: x.model, responseId: id }
}

async function embed(x: Exchange, operation: string): Promise<void> {
  if (operation === 'embedContent') return x.json(200, { embedding: { values: EMBEDDING } })
  await x.json(200, { embeddings: list(x.body['requests']).map(() => ({ values: EMBEDDING })) })
}

/** `operation` is what follows the colon in the path. */
export async function gemini(x: Exchange, operation: string): Promise<void> {
  const failure = x.failure
  if (failure !== undefined)
    return x.json(failure, {
      error: { code: failure, message: `status ${failure} was asked for`, status: STATUS[failure] ?? 'UNKNOWN' },
    })
  if (/embed/i.test(operation)) return embed(x, operation)
  if (operation === 'countTokens') return x.json(200, { totalTokens: USAGE.input })
  const answer = answerOf(x.body)
  const id = x.id('gemini-')
  const calls = 'tools' in answer ? answer.tools.map((t) => ({ functionCall: { name: t.name, args: t.arguments } })) : []
  if (operation === 'generateContent') {
    const parts = 'text' in answer ? [{ text: answer.text }] : calls
    return x.json(200, chunkOf(x, id, parts, true))
  }
  await x.stream()
  const pieces = 'tools' in answer ? [] : x.special === 'flood' ? FLOOD_PIECES : piecesOf(answer.text)
  const chunks: readonly (readonly Json[])[] = [...pieces.map((piece) => [{ text: piece }]), ...(calls.length > 0 ? [calls] : [])]
  for (const [i, parts] of chunks.entries()) if (!(await x.sse(chunkOf(x, id, parts, i === chunks.length - 1)))) return
  x.finish()
}
