/**
 * Google's embeddings: `:embedContent` and `:batchEmbedContents` of the Gemini API, `:embedContent` and text embedding models' `:predict` of
 * Vertex AI. The Gemini API reports no usage for older models: then it is unknown. Source: npm @google/genai, models.embedContent.
 */
import { gemini } from './gemini.ts'
import { embeddingsRequest } from './openai-embeddings.ts'
import { list, object, type Protocol, string, tokens } from './protocol.ts'

export const geminiEmbeddings: Protocol = {
  name: 'gemini.embeddings',
  provider: 'gcp.gemini',
  matches: (path) => /:(embedContent|batchEmbedContents|predict)$/.test(path),
  // `:predict` serves models of every kind; only texts to embed come as `content`.
  fits: (b) =>
    b['content'] !== undefined || Array.isArray(b['requests']) || string(object(list(b['instances'])[0])?.['content']) !== undefined,
  request: (_, path) => embeddingsRequest(/\/([^/:]+):[^/]*$/.exec(path)?.[1]),
  answer: (b, into) => {
    const error = object(b['error'])
    if (error !== undefined) {
      into.errorType = string(error['status']) ?? 'error'
      into.errorMessage = string(error['message'])
    }
    into.inputTokens = tokens(object(b['usageMetadata'])?.['promptTokenCount']) ?? counted(b['predictions'])
  },
  event: () => undefined,
  error: (code, message) => gemini.error(code, message),
}

/** Sum over the predictions of Vertex AI; unknown where one of them does not say. */
function counted(predictions: unknown): number | undefined {
  let sum: number | undefined
  for (const p of list(predictions)) {
    const count = tokens(object(object(object(p)?.['embeddings'])?.['statistics'])?.['token_count'])
    if (count === undefined) return undefined
    sum = (sum ?? 0) + count
  }
  return sum
}
