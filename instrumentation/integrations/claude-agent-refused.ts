/**
 * A query that may not start: no child is started. Its messages are the agent's fallback and a result, where there is a fallback; else its
 * iteration fails with a `GuardError`, and so does whatever else is asked of it.
 */
import { randomUUID } from 'node:crypto'
import { GuardError } from '../guards/guards.ts'
import type { Refusal } from '../run-scope.ts'

const NO_USAGE = { input_tokens: 0, output_tokens: 0, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 }

/** Stands for the SDK's Query. */
export function refusedQuery(refusal: Refusal, answer: string | undefined): unknown {
  const messages = answer === undefined ? failing(refusal) : answering(answer)
  return new Proxy(messages, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key)
      if (typeof value === 'function') return (...args: unknown[]) => Reflect.apply(value, target, args) as unknown
      if (key === 'close') return () => undefined
      // A Query is no promise.
      if (typeof key === 'symbol' || key === 'then') return value
      return async () => {
        throw new GuardError(refusal)
      }
    },
  })
}

/** No messages; the first look at them fails. */
function failing(refusal: Refusal): AsyncGenerator<unknown> {
  const messages = answering('')
  messages.next = async () => {
    messages.next = async () => ({ done: true, value: undefined })
    throw new GuardError(refusal)
  }
  return messages
}

async function* answering(text: string): AsyncGenerator<unknown> {
  const session_id = randomUUID()
  const content = [{ type: 'text', text }]
  const message = { id: `msg_${randomUUID()}`, type: 'message', role: 'assistant', model: '<synthetic>', content, usage: NO_USAGE }
  yield {
    type: 'assistant',
    message: { ...message, stop_reason: 'end_turn', stop_sequence: null },
    parent_tool_use_id: null,
    session_id,
    uuid: randomUUID(),
  }
  yield {
    type: 'result',
    subtype: 'success',
    is_error: false,
    result: text,
    num_turns: 0,
    duration_ms: 0,
    duration_api_ms: 0,
    stop_reason: 'end_turn',
    total_cost_usd: 0,
    usage: NO_USAGE,
    modelUsage: {},
    permission_denials: [],
    session_id,
    uuid: randomUUID(),
  }
}
