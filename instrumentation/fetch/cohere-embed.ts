/** Cohere's embed, versions 1 and 2: usage is what is billed. Its rerank is billed by searches, not by tokens, and is left alone. */
import { cohere } from './cohere.ts'
import { embeddingsRequest } from './openai-embeddings.ts'
import { object, type Protocol, string, tokens } from './protocol.ts'

export const cohereEmbed: Protocol = {
  name: 'cohere.embed',
  provider: 'cohere',
  matches: (path) => /\/v[12]\/embed$/.test(path),
  fits: (b) => string(b['model']) !== undefined,
  request: (b) => embeddingsRequest(string(b['model'])),
  answer: (b, into) => {
    into.id = string(b['id'])
    into.errorMessage = string(b['message'])
    into.inputTokens = tokens(object(object(b['meta'])?.['billed_units'])?.['input_tokens'])
  },
  event: () => undefined,
  error: (code, message) => cohere.error(code, message),
}
