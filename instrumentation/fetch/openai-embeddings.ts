/** OpenAI embeddings and servers that speak them: tokens are counted, they are no step of a run and have no fallback. */
import { openAiError, readOpenAiError, readOpenAiUsage } from './openai-chat.ts'
import { type ModelRequest, type Protocol, string } from './protocol.ts'

export const openAiEmbeddings: Protocol = {
  name: 'openai.embeddings',
  provider: 'openai',
  matches: (path) => path.endsWith('/embeddings'),
  fits: (b) => string(b['model']) !== undefined && b['input'] !== undefined,
  request: (b) => embeddingsRequest(string(b['model'])),
  answer: (b, into) => {
    readOpenAiError(b, into)
    into.model = string(b['model'])
    readOpenAiUsage(b['usage'], into)
  },
  event: () => undefined,
  error: openAiError,
}

/** A request for embeddings of any provider; there is no text that could answer one. */
export function embeddingsRequest(model: string | undefined): ModelRequest {
  return { operation: 'embeddings', model, stream: false, toolResults: [], wantsForm: true, messages: undefined }
}
