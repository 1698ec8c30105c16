/** Anthropic's messages on Google's Vertex AI: the same body and answer, the model in the path. Source: npm @anthropic-ai/vertex-sdk, client. */
import { anthropicMessages } from './anthropic.ts'
import { list, type Protocol } from './protocol.ts'

export const anthropicVertex: Protocol = {
  ...anthropicMessages,
  name: 'anthropic.vertex',
  provider: 'gcp.vertex_ai',
  matches: (path) => /\/publishers\/anthropic\/models\/[^/:]+:(streamRawPredict|rawPredict)$/.test(path),
  fits: (b) => list(b['messages']).length > 0,
  request: (b, path) => ({ ...anthropicMessages.request(b, path), model: /\/([^/:]+):[^/]*$/.exec(path)?.[1] }),
  // The model is in the path, so only the instructions can be pinned.
  rewrite: (b, change) => anthropicMessages.rewrite?.(b, { prompt: change.prompt }),
}
