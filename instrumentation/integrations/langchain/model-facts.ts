/**
 * What LangChain tells of a model call → the facts that guards and spans need: request from the model's parameters and messages, answer from its
 * result or its chunks. Everything read is untrusted: a field of another type is absent. Usage is `usage_metadata`, cached tokens inside input.
 */
import type { Answer, ModelRequest, ToolCallSeen, ToolResult } from '../../fetch/protocol.ts'
import { contentText, list, number, object, string, tokens, type Json } from '../../fetch/protocol.ts'
import type { CallFacts } from '../../model-call.ts'
import { fingerprint } from '../../runtime.ts'

/** What we ask of a model; all of it optional across LangChain's versions. */
export interface Model {
  readonly _streamResponseChunks?: unknown
  readonly disableStreaming?: boolean
  readonly model?: unknown
  readonly modelName?: unknown
  getLsParams?(options: unknown): unknown
  _llmType?(): unknown
}

/** Facts of a call about to be made; `input` is LangChain's list of lists of messages, or of prompts. */
export function factsOf(
  model: Model,
  input: unknown,
  options: unknown,
  how: { readonly isChat: boolean; readonly stream: boolean },
): CallFacts {
  const params = object(model.getLsParams?.(options ?? {})) ?? {}
  const first = list(input)[0]
  const messages = (Array.isArray(first) ? (first as unknown[]) : [first]).map(messageOf)
  const body = JSON.stringify(messages)
  const system = messages.filter((m) => m.role === 'system')
  const tools = object(options)?.['tools']
  const temperature = number(params['ls_temperature'])
  const maxTokens = tokens(params['ls_max_tokens'])
  const request: ModelRequest = {
    operation: how.isChat ? 'chat' : 'text_completion',
    model: string(params['ls_model_name']) ?? string(model.model) ?? string(model.modelName),
    stream: how.stream,
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(system.length === 0 ? {} : { instructions: system.map((m) => m.text).join('\n') }),
    ...(tools === undefined ? {} : { tools }),
    toolResults: newestResults(messages),
    wantsForm: true,
    messages: messages.map((m) => ({ role: m.role, parts: [{ type: 'text', content: m.text }] })),
  }
  return {
    provider: (string(params['ls_provider']) ?? string(model._llmType?.()) ?? 'unknown').toLowerCase(),
    request,
    bodyHash: fingerprint(body),
    bodyLength: body.length,
  }
}

interface Message {
  readonly role: string
  readonly text: string
  readonly calls: unknown
  readonly result: ToolResult | undefined
}

const ROLES: Readonly<Record<string, string>> = { human: 'user', ai: 'assistant' }

function messageOf(value: unknown): Message {
  const m = object(value)
  if (m === undefined) return { role: 'user', text: typeof value === 'string' ? value : '', calls: undefined, result: undefined }
  const type = string(m['type']) ?? typeByMethod(m) ?? string(m['role']) ?? 'user'
  const text = contentText(m['content'])
  const id = type === 'tool' ? string(m['tool_call_id']) : undefined
  return {
    role: ROLES[type] ?? type,
    text,
    calls: list(m['tool_calls']).map((c) => [object(c)?.['name'], object(c)?.['args']]),
    result: id === undefined ? undefined : { id, text: text.slice(0, 64), isError: m['status'] === 'error' },
  }
}

/** Versions before 1 have the type in a method. */
function typeByMethod(m: Json): string | undefined {
  const get = m['_getType']
  return typeof get === 'function' ? string(get.call(m)) : undefined
}

function newestResults(messages: readonly Message[]): readonly ToolResult[] {
  const found: ToolResult[] = []
  for (const m of messages.toReversed()) {
    if (m.result === undefined) break
    found.unshift(m.result)
  }
  return found
}

/** Reads a whole result: LangChain's list of lists of generations, for each prompt those that it may be answered with. */
export function addAnswer(answer: Answer, result: unknown): void {
  const r = object(result)
  for (const generations of list(r?.['generations'])) {
    const g = object(list(generations)[0])
    if (g?.['message'] === undefined) addText(answer, g)
    else addMessage(answer, g['message'])
  }
  // Of models that answer with plain text.
  const used = object(object(r?.['llmOutput'])?.['tokenUsage'])
  answer.inputTokens ??= tokens(used?.['promptTokens'])
  answer.outputTokens ??= tokens(used?.['completionTokens'])
}

/** Reads one chunk of a stream: a message, a chunk that holds one, or text. */
export function addChunk(answer: Answer, chunk: unknown): void {
  if (typeof chunk === 'string') answer.addText(chunk)
  else addMessage(answer, object(chunk)?.['message'] ?? chunk)
}

function addText(answer: Answer, generation: Json | undefined): void {
  answer.addText(generation?.['text'])
  const finish = string(object(generation?.['generationInfo'])?.['finishReason'])
  if (finish !== undefined) answer.finish = [finish]
}

function addMessage(answer: Answer, value: unknown): void {
  const m = object(value)
  if (m === undefined) return
  answer.addText(contentText(m['content']))
  const pieces = list(m['tool_call_chunks'])
  if (pieces.length > 0) for (const piece of pieces) addPiece(answer, object(piece) ?? {})
  else for (const call of list(m['tool_calls'])) addCall(answer, object(call) ?? {})
  const about = object(m['response_metadata']) ?? {}
  const finish = string(about['finish_reason']) ?? string(about['stop_reason']) ?? string(about['done_reason'])
  if (finish !== undefined) answer.finish = [finish]
  answer.model = string(about['model_name']) ?? string(about['model']) ?? answer.model
  const id = string(about['id']) ?? string(m['id'])
  // LangChain makes one up where the model gave none.
  if (id !== undefined && !/^(run-|lc_run-)/.test(id)) answer.id = id
  addUsage(answer, object(m['usage_metadata']))
}

function addCall(answer: Answer, call: Json): void {
  const seen = answer.call(answer.toolCalls.length, string(call['id']), string(call['name']))
  if (seen !== undefined) seen.args = JSON.stringify(call['args'] ?? {})
}

/** Calls that are being streamed, by the index that their pieces have; indexes have gaps, and some models give every call the same. */
const open = new WeakMap<Answer, Map<unknown, ToolCallSeen>>()

/** A streamed call comes in pieces; what a chunk says its calls are is not yet all of their arguments. */
function addPiece(answer: Answer, piece: Json): void {
  const calls = open.get(answer) ?? new Map<unknown, ToolCallSeen>()
  open.set(answer, calls)
  const [id, name, index] = [string(piece['id']), string(piece['name']), piece['index']]
  let call = calls.get(index)
  if (name !== undefined && (call === undefined || (id !== undefined && id !== call.id))) {
    call = answer.call(answer.toolCalls.length, id, name)
    if (call !== undefined) calls.set(index, call)
  }
  if (call !== undefined) call.args += string(piece['args']) ?? ''
}

/** Chunks report what they add. */
function addUsage(answer: Answer, usage: Json | undefined): void {
  if (usage === undefined) return
  const input = object(usage['input_token_details']) ?? {}
  const output = object(usage['output_token_details']) ?? {}
  answer.inputTokens = sum(answer.inputTokens, usage['input_tokens'])
  answer.outputTokens = sum(answer.outputTokens, usage['output_tokens'])
  answer.cacheRead = sum(answer.cacheRead, input['cache_read'])
  answer.cacheWrite = sum(answer.cacheWrite, input['cache_creation'])
  answer.reasoning = sum(answer.reasoning, output['reasoning'])
}

function sum(known: number | undefined, more: unknown): number | undefined {
  const count = tokens(more)
  return count === undefined ? known : (known ?? 0) + count
}
