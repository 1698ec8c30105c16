/** What an application sees of LangChain's messages and chunks, without the ids that LangChain makes up. */
import { plain } from '../../shared/program.mjs'

export const message = (m) => ({
  type: m.getType(),
  class: m.constructor.name,
  content: plain(m.content),
  calls: m.tool_calls?.map(({ name, args, type }) => ({ name, args, type })),
  status: m.status,
  name: m.name,
  usage: m.usage_metadata,
  finish: m.response_metadata?.finish_reason ?? m.response_metadata?.stop_reason,
  model: m.response_metadata?.model_name ?? m.response_metadata?.model,
})

export const messages = (state) => state.messages.map(message)

/** Reads a stream to its end. */
export async function all(stream, pick) {
  const seen = []
  for await (const item of await stream) seen.push(plain(pick(item)))
  return seen
}
