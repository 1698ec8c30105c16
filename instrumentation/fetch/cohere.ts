/** Cohere chat, version 2. Source: npm cohere-ai 8, api/resources/v2; stream events message-start … message-end. */
import { rewriteContent } from './openai-chat.ts'
import {
  type Answer,
  contentText,
  json,
  type Json,
  list,
  number,
  object,
  type Protocol,
  sse,
  string,
  tokens,
  type ToolResult,
} from './protocol.ts'

function readEnd(b: Json, into: Answer): void {
  const u = object(object(b['usage'])?.['tokens'])
  into.inputTokens = tokens(u?.['input_tokens']) ?? into.inputTokens
  into.outputTokens = tokens(u?.['output_tokens']) ?? into.outputTokens
  const finish = string(b['finish_reason'])
  if (finish === undefined) return
  into.addFinish(finish)
  into.isComplete = true
}

/** A part of a streamed tool call; one with a name begins the next call. */
function readCallPart(part: Json | undefined, into: Answer): void {
  const f = object(part?.['function'])
  const name = string(f?.['name'])
  const call = name === undefined ? into.toolCalls.at(-1) : into.call(into.toolCalls.length, string(part?.['id']), name)
  if (call !== undefined && call.args.length < 65_536) call.args += string(f?.['arguments']) ?? ''
}

export const cohere: Protocol = {
  name: 'cohere',
  provider: 'cohere',
  matches: (path) => path.endsWith('/v2/chat'),
  fits: (b) => string(b['model']) !== undefined && Array.isArray(b['messages']),
  request: (b) => {
    const messages = list(b['messages'])
    const instructions = messages.flatMap((m) => (object(m)?.['role'] === 'system' ? [contentText(object(m)?.['content'])] : [])).join('\n')
    const results: ToolResult[] = []
    for (let i = messages.length - 1; i >= 0; i--) {
      const m = object(messages[i])
      const id = string(m?.['tool_call_id'])
      if (m?.['role'] !== 'tool' || id === undefined) break
      results.unshift({ id, text: contentText(m['content']), isError: false })
    }
    const format = string(object(b['response_format'])?.['type'])
    const maxTokens = number(b['max_tokens'])
    const temperature = number(b['temperature'])
    return {
      operation: 'chat',
      model: string(b['model']),
      stream: b['stream'] === true,
      toolResults: results,
      wantsForm: (format !== undefined && format !== 'text') || b['tool_choice'] === 'REQUIRED',
      messages,
      tools: b['tools'],
      ...(instructions === '' ? {} : { instructions }),
      ...(maxTokens === undefined ? {} : { maxTokens }),
      ...(temperature === undefined ? {} : { temperature }),
    }
  },
  answer: (b, into) => {
    into.id = string(b['id'])
    // An error's message is a text; its type is the HTTP status.
    into.errorMessage = string(b['message'])
    const message = object(b['message'])
    into.addText(contentText(message?.['content']))
    for (const t of list(message?.['tool_calls'])) {
      const f = object(object(t)?.['function'])
      const call = into.call(into.toolCalls.length, string(object(t)?.['id']), string(f?.['name']))
      if (call !== undefined) call.args = string(f?.['arguments']) ?? ''
    }
    readEnd(b, into)
  },
  event: (b, into) => {
    const delta = object(b['delta'])
    const message = object(delta?.['message'])
    switch (b['type']) {
      case 'message-start':
        into.id = string(b['id'])
        return
      case 'content-delta':
        into.addText(object(message?.['content'])?.['text'])
        return
      case 'tool-call-start':
      case 'tool-call-delta':
        readCallPart(object(message?.['tool_calls']), into)
        return
      case 'message-end':
        readEnd(delta ?? {}, into)
        into.isLast = true
        return
      default:
    }
  },
  fallback: (request, text) => {
    const usage = { billed_units: { input_tokens: 0, output_tokens: 0 }, tokens: { input_tokens: 0, output_tokens: 0 } }
    if (!request.stream)
      return json({ id: 'agentopz', finish_reason: 'COMPLETE', message: { role: 'assistant', content: [{ type: 'text', text }] }, usage })
    return sse([
      [
        undefined,
        { type: 'message-start', id: 'agentopz', delta: { message: { role: 'assistant', content: [], tool_calls: [], citations: [] } } },
      ],
      [undefined, { type: 'content-start', index: 0, delta: { message: { content: { type: 'text', text: '' } } } }],
      [undefined, { type: 'content-delta', index: 0, delta: { message: { content: { text } } } }],
      [undefined, { type: 'content-end', index: 0 }],
      [undefined, { type: 'message-end', delta: { finish_reason: 'COMPLETE', usage } }],
    ])
  },
  error: (code, message) => ({ message: `${code}: ${message}` }),
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
