/**
 * OpenAI responses. Cached tokens are inside input_tokens, reasoning tokens inside output_tokens.
 * Source: npm openai 5 to 7, resources/responses; stream events `response.*`.
 */
import { openAiError, readOpenAiError, rewriteContent } from './openai-chat.ts'
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

function readResponse(r: Json, into: Answer): void {
  into.id = string(r['id']) ?? into.id
  into.model = string(r['model']) ?? into.model
  into.serviceTier = string(r['service_tier']) ?? into.serviceTier
  const u = object(r['usage'])
  if (u !== undefined) {
    into.inputTokens = tokens(u['input_tokens'])
    into.outputTokens = tokens(u['output_tokens'])
    into.cacheRead = tokens(object(u['input_tokens_details'])?.['cached_tokens'])
    into.reasoning = tokens(object(u['output_tokens_details'])?.['reasoning_tokens'])
  }
  readOpenAiError(r, into)
}

function readItem(item: Json, into: Answer): void {
  if (item['type'] === 'function_call') {
    const call = into.call(into.toolCalls.length, string(item['call_id']), string(item['name']))
    if (call !== undefined) call.args = string(item['arguments']) ?? ''
    return
  }
  if (item['type'] !== 'message') return
  for (const part of list(item['content'])) {
    const p = object(part)
    into.addText(p?.['text'])
    if (p?.['type'] === 'refusal') into.addFinish('refusal')
  }
}

/** The status of a response as a finish reason; `completed` with function calls is `tool_calls`. */
function readEnd(r: Json, into: Answer): void {
  const status = string(r['status'])
  const why = string(object(r['incomplete_details'])?.['reason'])
  if (status === undefined || status === 'in_progress' || status === 'queued') return
  into.isComplete = true
  if (status === 'completed') into.addFinish(into.toolCalls.length > 0 ? 'tool_calls' : 'stop')
  else into.addFinish(why ?? status)
}

/** Outputs of functions after the newest call of the model. */
function newResults(input: readonly unknown[]): readonly ToolResult[] {
  const results: ToolResult[] = []
  for (let i = input.length - 1; i >= 0; i--) {
    const item = object(input[i])
    if (item?.['type'] === 'function_call' || item?.['role'] === 'assistant') break
    const id = string(item?.['call_id'])
    if (item?.['type'] === 'function_call_output' && id !== undefined)
      results.unshift({ id, text: contentText(item['output']), isError: item['status'] === 'incomplete' })
  }
  return results
}

export const openAiResponses: Protocol = {
  name: 'openai.responses',
  provider: 'openai',
  matches: (path) => path.endsWith('/responses'),
  fits: (b) => b['input'] !== undefined || b['prompt'] !== undefined,
  request: (b) => {
    const input = typeof b['input'] === 'string' ? [{ role: 'user', content: b['input'] }] : list(b['input'])
    const system = input.flatMap((i) => {
      const role = object(i)?.['role']
      return role === 'system' || role === 'developer' ? [contentText(object(i)?.['content'])] : []
    })
    const instructions = [string(b['instructions']) ?? [], system].flat().join('\n')
    const format = string(object(object(b['text'])?.['format'])?.['type'])
    const previous = string(b['previous_response_id'])
    const conversation = string(b['conversation']) ?? string(object(b['conversation'])?.['id'])
    const maxTokens = number(b['max_output_tokens'])
    const temperature = number(b['temperature'])
    return {
      operation: 'chat',
      model: string(b['model']),
      stream: b['stream'] === true,
      toolResults: newResults(input),
      wantsForm: (format !== undefined && format !== 'text') || b['tool_choice'] === 'required' || object(b['tool_choice']) !== undefined,
      messages: input,
      tools: b['tools'],
      ...(instructions === '' ? {} : { instructions }),
      ...(previous === undefined ? {} : { previousResponseId: previous }),
      ...(conversation === undefined ? {} : { conversation }),
      ...(maxTokens === undefined ? {} : { maxTokens }),
      ...(temperature === undefined ? {} : { temperature }),
    }
  },
  answer: (b, into) => {
    readResponse(b, into)
    for (const item of list(b['output'])) readItem(object(item) ?? {}, into)
    readEnd(b, into)
  },
  event: (b, into) => {
    const type = string(b['type'])
    const response = object(b['response'])
    if (type === 'response.output_item.done') readItem(object(b['item']) ?? {}, into)
    else if (type === 'error') {
      into.errorType = string(b['code']) ?? 'error'
      into.errorMessage = string(b['message'])
    } else if (response !== undefined) {
      readResponse(response, into)
      if (type !== 'response.created' && type !== 'response.in_progress' && type !== 'response.queued') readEnd(response, into)
    }
  },
  fallback: (request, text) => {
    const item = {
      id: 'msg_agentopz',
      type: 'message',
      status: 'completed',
      role: 'assistant',
      content: [{ type: 'output_text', text, annotations: [], logprobs: [] }],
    }
    const response = {
      id: 'resp_agentopz',
      object: 'response',
      created_at: 1,
      status: 'completed',
      error: null,
      incomplete_details: null,
      instructions: null,
      metadata: {},
      model: request.model ?? '',
      output: [item],
      parallel_tool_calls: true,
      temperature: 1,
      tool_choice: 'auto',
      tools: [],
      top_p: 1,
      usage: {
        input_tokens: 0,
        input_tokens_details: { cached_tokens: 0 },
        output_tokens: 0,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: 0,
      },
    }
    if (!request.stream) return json(response)
    const at = { item_id: item.id, output_index: 0, content_index: 0 }
    const empty = { type: 'output_text', text: '', annotations: [], logprobs: [] }
    return sse(
      [
        ['response.created', { response: { ...response, status: 'in_progress', output: [], usage: null } }] as const,
        ['response.output_item.added', { output_index: 0, item: { ...item, status: 'in_progress', content: [] } }] as const,
        ['response.content_part.added', { ...at, part: empty }] as const,
        ['response.output_text.delta', { ...at, delta: text, logprobs: [] }] as const,
        ['response.output_text.done', { ...at, text, logprobs: [] }] as const,
        ['response.content_part.done', { ...at, part: item.content[0] }] as const,
        ['response.output_item.done', { output_index: 0, item }] as const,
        ['response.completed', { response }] as const,
      ].map(([type, fields], sequence_number) => [type, { type, sequence_number, ...fields }] as const),
    )
  },
  error: openAiError,
  rewrite: (b, change) => {
    let changed = change.model !== undefined && change.model !== b['model']
    const instructions = typeof b['instructions'] === 'string' ? change.prompt(b['instructions']) : undefined
    if (instructions !== undefined) changed = true
    const input = Array.isArray(b['input'])
      ? list(b['input']).map((item) => {
          const fields = object(item)
          if (fields === undefined || (fields['role'] !== 'system' && fields['role'] !== 'developer')) return item
          const content = rewriteContent(fields['content'], change.prompt)
          if (content === undefined) return item
          changed = true
          return { ...fields, content }
        })
      : b['input']
    if (!changed) return undefined
    return {
      ...b,
      input,
      ...(instructions === undefined ? {} : { instructions }),
      ...(change.model === undefined ? {} : { model: change.model }),
    }
  },
}
