/**
 * Anthropic messages. input_tokens leaves out cached tokens; they are added here, since the conventions ask for the whole input.
 * Source: npm @anthropic-ai/sdk, resources/messages; stream events message_start … message_stop.
 */
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

function readUsage(raw: unknown, into: Answer): void {
  const u = object(raw)
  if (u === undefined) return
  const fresh = tokens(u['input_tokens'])
  into.cacheRead = tokens(u['cache_read_input_tokens']) ?? into.cacheRead
  into.cacheWrite = tokens(u['cache_creation_input_tokens']) ?? into.cacheWrite
  if (fresh !== undefined) into.inputTokens = fresh + (into.cacheRead ?? 0) + (into.cacheWrite ?? 0)
  into.outputTokens = tokens(u['output_tokens']) ?? into.outputTokens
  into.serviceTier = string(u['service_tier']) ?? into.serviceTier
}

function readHead(m: Json, into: Answer): void {
  into.id = string(m['id']) ?? into.id
  into.model = string(m['model']) ?? into.model
  readUsage(m['usage'], into)
}

function readError(b: Json, into: Answer): void {
  const e = object(b['error'])
  if (e === undefined) return
  into.errorType = string(e['type']) ?? 'error'
  into.errorMessage = string(e['message'])
}

export const anthropicMessages: Protocol = {
  name: 'anthropic.messages',
  provider: 'anthropic',
  matches: (path) => path.endsWith('/messages'),
  fits: (b) => Array.isArray(b['messages']) && number(b['max_tokens']) !== undefined,
  request: (b) => {
    const messages = list(b['messages'])
    const instructions = contentText(b['system'])
    const last = object(messages.at(-1))
    const results: ToolResult[] = list(last?.['role'] === 'user' ? last['content'] : undefined).flatMap((part) => {
      const p = object(part)
      const id = string(p?.['tool_use_id'])
      return p?.['type'] === 'tool_result' && id !== undefined
        ? [{ id, text: contentText(p['content']), isError: p['is_error'] === true }]
        : []
    })
    const choice = string(object(b['tool_choice'])?.['type'])
    const maxTokens = number(b['max_tokens'])
    const temperature = number(b['temperature'])
    return {
      operation: 'chat',
      model: string(b['model']),
      stream: b['stream'] === true,
      toolResults: results,
      wantsForm:
        choice === 'any' || choice === 'tool' || b['output_format'] !== undefined || object(b['output_config'])?.['format'] !== undefined,
      messages,
      tools: b['tools'],
      ...(instructions === '' ? {} : { instructions }),
      ...(maxTokens === undefined ? {} : { maxTokens }),
      ...(temperature === undefined ? {} : { temperature }),
    }
  },
  answer: (b, into) => {
    readError(b, into)
    readHead(b, into)
    for (const part of list(b['content'])) {
      const p = object(part)
      if (p?.['type'] === 'text') into.addText(p['text'])
      if (p?.['type'] === 'tool_use') {
        const call = into.call(into.toolCalls.length, string(p['id']), string(p['name']))
        if (call !== undefined) call.args = JSON.stringify(p['input'] ?? {})
      }
    }
    const stop = string(b['stop_reason'])
    if (stop !== undefined) {
      into.addFinish(stop)
      into.isComplete = true
    }
  },
  event: (b, into) => {
    const type = string(b['type'])
    if (type === 'error') readError(b, into)
    if (type === 'message_start') readHead(object(b['message']) ?? {}, into)
    if (type === 'content_block_start') {
      const block = object(b['content_block'])
      if (block?.['type'] === 'tool_use') into.call(into.toolCalls.length, string(block['id']), string(block['name']))
    }
    if (type === 'content_block_delta') {
      const delta = object(b['delta'])
      if (delta?.['type'] === 'text_delta') into.addText(delta['text'])
      const call = into.toolCalls.at(-1)
      if (delta?.['type'] === 'input_json_delta' && call !== undefined && call.args.length < 65_536)
        call.args += string(delta['partial_json']) ?? ''
    }
    if (type === 'message_delta') {
      readUsage(b['usage'], into)
      const stop = string(object(b['delta'])?.['stop_reason'])
      if (stop !== undefined) into.addFinish(stop)
    }
    if (type === 'message_stop') into.isComplete = into.isLast = true
  },
  fallback: (request, text) => {
    const message = {
      id: 'msg_agentopz',
      type: 'message',
      role: 'assistant',
      model: request.model ?? '',
      content: [{ type: 'text', text }],
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: { input_tokens: 0, output_tokens: 0, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 },
    }
    if (!request.stream) return json(message)
    return sse(
      [
        ['message_start', { message: { ...message, content: [], stop_reason: null } }] as const,
        ['content_block_start', { index: 0, content_block: { type: 'text', text: '' } }] as const,
        ['content_block_delta', { index: 0, delta: { type: 'text_delta', text } }] as const,
        ['content_block_stop', { index: 0 }] as const,
        ['message_delta', { delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 0 } }] as const,
        ['message_stop', {}] as const,
      ].map(([type, fields]) => [type, { type, ...fields }] as const),
    )
  },
  error: (code, message) => ({ type: 'error', error: { type: 'permission_error', message: `${code}: ${message}` } }),
  rewrite: (b, change) => {
    const system = rewriteContent(b['system'], change.prompt)
    if (system === undefined && (change.model === undefined || change.model === b['model'])) return undefined
    return { ...b, ...(system === undefined ? {} : { system }), ...(change.model === undefined ? {} : { model: change.model }) }
  },
}
