/**
 * OpenAI chat completions and the many servers that speak them (Azure, Mistral, Groq, Ollama's /v1, vLLM, gateways).
 * Cached tokens are inside prompt_tokens, reasoning tokens inside completion_tokens.
 * Source: npm openai 4 to 7, resources/chat/completions; answers as captured from the SDKs.
 */
import {
  type Answer,
  contentText,
  json,
  type Json,
  list,
  type ModelRequest,
  number,
  object,
  type Protocol,
  sse,
  string,
  tokens,
  type ToolResult,
} from './protocol.ts'

/** System and developer messages, joined. */
function instructionsOf(messages: readonly unknown[]): string | undefined {
  const texts = messages.flatMap((m) => {
    const role = object(m)?.['role']
    return role === 'system' || role === 'developer' ? [contentText(object(m)?.['content'])] : []
  })
  return texts.length === 0 ? undefined : texts.join('\n')
}

/** Tool messages after the last assistant message. */
function newResults(messages: readonly unknown[]): readonly ToolResult[] {
  const found: ToolResult[] = []
  for (let i = messages.length - 1; i >= 0; i--) {
    const m = object(messages[i])
    if (m?.['role'] === 'assistant') break
    const id = string(m?.['tool_call_id'])
    if (m?.['role'] === 'tool' && id !== undefined) found.unshift({ id, text: contentText(m['content']), isError: false })
  }
  return found
}

/** Usage of chat completions and embeddings. */
export function readOpenAiUsage(raw: unknown, into: Answer): void {
  const u = object(raw)
  if (u === undefined) return
  into.inputTokens = tokens(u['prompt_tokens'])
  into.outputTokens = tokens(u['completion_tokens'])
  into.cacheRead = tokens(object(u['prompt_tokens_details'])?.['cached_tokens'])
  into.reasoning = tokens(object(u['completion_tokens_details'])?.['reasoning_tokens'])
}

/** An OpenAI error body: `{error: {message, type, code}}`; Mistral's has the same fields at its top, and numbers as codes. */
export function readOpenAiError(body: Json, into: Answer): void {
  const e = object(body['error']) ?? (body['object'] === 'error' ? body : undefined)
  if (e === undefined) return
  const code = string(e['code'])
  into.errorType = code === undefined || /^\d+$/.test(code) ? (string(e['type']) ?? code) : code
  into.errorMessage = string(e['message'])
}

/** The shape OpenAI's SDKs turn into an error with a code. */
export function openAiError(code: string, message: string): Json {
  return { error: { message, type: 'agentopz', code, param: null } }
}

function readHead(body: Json, into: Answer): void {
  into.id ??= string(body['id'])
  into.model = string(body['model']) ?? into.model
  into.serviceTier = string(body['service_tier']) ?? into.serviceTier
}

export const openAiChat: Protocol = {
  name: 'openai.chat',
  provider: 'openai',
  matches: (path) => path.endsWith('/chat/completions'),
  isSure: true,
  fits: (b) => Array.isArray(b['messages']),
  request: (b): ModelRequest => {
    const messages = list(b['messages'])
    const format = string(object(b['response_format'])?.['type'])
    const choice = b['tool_choice']
    const instructions = instructionsOf(messages)
    const maxTokens = number(b['max_completion_tokens']) ?? number(b['max_tokens'])
    const temperature = number(b['temperature'])
    return {
      operation: 'chat',
      model: string(b['model']),
      stream: b['stream'] === true,
      toolResults: newResults(messages),
      wantsForm: (format !== undefined && format !== 'text') || choice === 'required' || object(choice) !== undefined,
      messages,
      tools: b['tools'] ?? b['functions'],
      ...(instructions === undefined ? {} : { instructions }),
      ...(maxTokens === undefined ? {} : { maxTokens }),
      ...(temperature === undefined ? {} : { temperature }),
    }
  },
  answer: (b, into) => {
    readOpenAiError(b, into)
    readHead(b, into)
    readOpenAiUsage(b['usage'], into)
    for (const c of list(b['choices'])) {
      const choice = object(c)
      const reason = string(choice?.['finish_reason'])
      if (reason !== undefined) into.addFinish(reason)
      const message = object(choice?.['message'])
      into.addText(contentText(message?.['content']))
      for (const t of list(message?.['tool_calls'])) {
        const f = object(object(t)?.['function'])
        const call = into.call(into.toolCalls.length, string(object(t)?.['id']), string(f?.['name']))
        if (call !== undefined) call.args = string(f?.['arguments']) ?? ''
      }
    }
    into.isComplete = into.finish.length > 0
  },
  event: (b, into) => {
    readOpenAiError(b, into)
    readHead(b, into)
    if (b['usage'] !== undefined && b['usage'] !== null) readOpenAiUsage(b['usage'], into)
    for (const c of list(b['choices'])) {
      const choice = object(c)
      const reason = string(choice?.['finish_reason'])
      if (reason !== undefined) {
        into.addFinish(reason)
        into.isComplete = true
      }
      const delta = object(choice?.['delta'])
      into.addText(delta?.['content'])
      for (const t of list(delta?.['tool_calls'])) {
        const part = object(t)
        const f = object(part?.['function'])
        const call = into.call(tokens(part?.['index']) ?? 0, string(part?.['id']), string(f?.['name']))
        if (call !== undefined && call.args.length < 65_536) call.args += string(f?.['arguments']) ?? ''
      }
    }
  },
  fallback: (request, text) => {
    const head = { id: 'chatcmpl-agentopz', created: 1, model: request.model ?? '' }
    const usage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }
    if (!request.stream)
      return json({
        ...head,
        object: 'chat.completion',
        choices: [{ index: 0, message: { role: 'assistant', content: text, refusal: null }, logprobs: null, finish_reason: 'stop' }],
        usage,
      })
    const chunk = (delta: Json, finish: string | null): [undefined, unknown] => [
      undefined,
      { ...head, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: finish }] },
    ]
    return sse([
      chunk({ role: 'assistant', content: '' }, null),
      chunk({ content: text }, null),
      chunk({}, 'stop'),
      [undefined, { ...head, object: 'chat.completion.chunk', choices: [], usage }],
      [undefined, '[DONE]'],
    ])
  },
  error: openAiError,
  rewrite: (b, change) => {
    let changed = change.model !== undefined && change.model !== b['model']
    const messages = list(b['messages']).map((m) => {
      const fields = object(m)
      if (fields === undefined || (fields['role'] !== 'system' && fields['role'] !== 'developer')) return m
      const content = rewriteContent(fields['content'], change.prompt)
      if (content === undefined) return m
      changed = true
      return { ...fields, content }
    })
    return changed ? { ...b, messages, ...(change.model === undefined ? {} : { model: change.model }) } : undefined
  },
}

/** Content (a text, or parts with text) with known texts swapped; undefined when nothing was. */
export function rewriteContent(content: unknown, prompt: (text: string) => string | undefined): unknown {
  if (typeof content === 'string') return prompt(content)
  let changed = false
  const parts = list(content).map((part) => {
    const p = object(part)
    const text = string(p?.['text'])
    const swapped = text === undefined ? undefined : prompt(text)
    if (swapped === undefined) return part
    changed = true
    return { ...p, text: swapped }
  })
  return changed ? parts : undefined
}
