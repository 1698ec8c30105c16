/** OpenAI embeddings and servers that speak them: tokens are counted, they are no step of a run and have no fallback. */
import { openAiError, readOpenAiError, readOpenAiUsage } from './openai-chat.ts'
import { type Protocol, string } from './protocol.ts'

export const openAiEmbeddings: Protocol = {
  name: 'openai.embeddings',
  provider: 'openai',
  matches: (path) => path.endsWith('/embeddings'),
  fits: (b) => string(b['model']) !== undefined && b['input'] !== undefined,
  request: (b) => ({
    operation: 'embeddings',
    model: string(b['model']),
    stream: false,
    toolResults: [],
    wantsForm: true,
    messages: undefined,
  }),
  answer: (b, into) => {
    readOpenAiError(b, into)
    into.model = string(b['model'])
    readOpenAiUsage(b['usage'], into)
    into.isComplete = into.errorType === undefined
  },
  event: () => undefined,
  error: openAiError,
}
