/** Ollama's own chat API: one JSON object, or one per line when it streams; tool calls have no ids. Source: npm ollama, ollama's api.md. */
import { rewriteContent } from './openai-chat.ts'
import { type Answer, contentText, type Json, list, number, object, type Protocol, string, tokens, type ToolResult } from './protocol.ts'

function read(b: Json, into: Answer): void {
  into.model = string(b['model']) ?? into.model
  const message = object(b['message'])
  into.addText(message?.['content'])
  for (const t of list(message?.['tool_calls'])) {
    const f = object(object(t)?.['function'])
    const call = into.call(into.toolCalls.length, undefined, string(f?.['name']))
    if (call !== undefined) call.args = JSON.stringify(f?.['arguments'] ?? {})
  }
  into.errorMessage = string(b['error']) ?? into.errorMessage
  if (b['done'] !== true) return
  into.inputTokens = tokens(b['prompt_eval_count'])
  into.outputTokens = tokens(b['eval_count'])
  into.addFinish(into.toolCalls.length > 0 ? 'tool_calls' : (string(b['done_reason']) ?? 'stop'))
  into.isComplete = into.isLast = true
}

/** Tool messages at the end. */
function newResults(messages: readonly unknown[]): readonly ToolResult[] {
  const found: ToolResult[] = []
  for (let i = messages.length - 1; i >= 0; i--) {
    const m = object(messages[i])
    if (m?.['role'] !== 'tool') break
    const name = string(m['tool_name']) ?? string(m['name'])
    found.unshift({ id: '', text: contentText(m['content']), isError: false, ...(name === undefined ? {} : { name }) })
  }
  return found
}

export const ollama: Protocol = {
  name: 'ollama',
  provider: 'ollama',
  matches: (path) => path.endsWith('/api/chat'),
  fits: (b) => string(b['model']) !== undefined && Array.isArray(b['messages']),
  request: (b) => {
    const messages = list(b['messages'])
    const instructions = messages.flatMap((m) => (object(m)?.['role'] === 'system' ? [contentText(object(m)?.['content'])] : [])).join('\n')
    const options = object(b['options'])
    const maxTokens = number(options?.['num_predict'])
    const temperature = number(options?.['temperature'])
    const results = newResults(messages)
    // Before the results stands the message that asked for them; what came before it is the request that was answered with it.
    const earlier = results.length === 0 ? undefined : messages.slice(0, -results.length - 1)
    return {
      operation: 'chat',
      model: string(b['model']),
      stream: b['stream'] !== false,
      toolResults: results,
      ...(earlier === undefined ? {} : { earlierMessages: earlier }),
      wantsForm: b['format'] !== undefined && b['format'] !== '',
      messages,
      tools: b['tools'],
      ...(instructions === '' ? {} : { instructions }),
      ...(maxTokens === undefined ? {} : { maxTokens }),
      ...(temperature === undefined ? {} : { temperature }),
    }
  },
  answer: read,
  event: read,
  fallback: (request, text) => ({
    contentType: request.stream ? 'application/x-ndjson' : 'application/json',
    body: `${JSON.stringify({
      model: request.model ?? '',
      created_at: '1970-01-01T00:00:00Z',
      message: { role: 'assistant', content: text },
      done: true,
      done_reason: 'stop',
      total_duration: 0,
      load_duration: 0,
      prompt_eval_count: 0,
      prompt_eval_duration: 0,
      eval_count: 0,
      eval_duration: 0,
    })}\n`,
  }),
  error: (code, message) => ({ error: `${code}: ${message}` }),
  rewrite: (b, change) => {
    let changed = change.model !== undefined && change.model !== b['model']
    const messages = list(b['messages']).map((m) => {
      const fields = object(m)
      const content = fields?.['role'] === 'system' ? rewriteContent(fields['content'], change.prompt) : undefined
      if (content === undefined) return m
      changed = true
      return { ...fields, content }
    })
    return changed ? { ...b, messages, ...(change.model === undefined ? {} : { model: change.model }) } : undefined
  },
}
