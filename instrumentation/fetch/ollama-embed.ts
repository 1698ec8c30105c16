/** Ollama's embeddings, `/api/embed` and the older `/api/embeddings`, which reports no usage. Source: ollama's api.md. */
import { ollama } from './ollama.ts'
import { embeddingsRequest } from './openai-embeddings.ts'
import { type Protocol, string, tokens } from './protocol.ts'

export const ollamaEmbed: Protocol = {
  name: 'ollama.embed',
  provider: 'ollama',
  matches: (path) => path.endsWith('/api/embed') || path.endsWith('/api/embeddings'),
  fits: (b) => string(b['model']) !== undefined,
  request: (b) => embeddingsRequest(string(b['model'])),
  answer: (b, into) => {
    into.model = string(b['model'])
    into.inputTokens = tokens(b['prompt_eval_count'])
    into.errorMessage = string(b['error'])
  },
  event: () => undefined,
  error: (code, message) => ollama.error(code, message),
}
