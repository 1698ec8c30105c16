/**
 * Google Gemini generateContent, on the Gemini API and Vertex AI. The model is in the path; thoughts are counted beside the candidates and
 * are added here, since the conventions' output includes reasoning. Calls of tools may have no id.
 * Source: npm @google/genai, types GenerateContentResponse.
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

function read(b: Json, into: Answer): void {
  into.id = string(b['responseId']) ?? into.id
  into.model = string(b['modelVersion']) ?? into.model
  const e = object(b['error'])
  if (e !== undefined) {
    into.errorType = string(e['status']) ?? 'error'
    into.errorMessage = string(e['message'])
  }
  readUsage(object(b['usageMetadata']), into)
  if (string(object(b['promptFeedback'])?.['blockReason']) !== undefined) {
    into.addFinish('content_filter')
    into.isComplete = true
  }
  for (const c of list(b['candidates'])) readCandidate(object(c), into)
}

function readUsage(u: Json | undefined, into: Answer): void {
  if (u === undefined) return
  into.inputTokens = tokens(u['promptTokenCount']) ?? into.inputTokens
  into.cacheRead = tokens(u['cachedContentTokenCount']) ?? into.cacheRead
  into.reasoning = tokens(u['thoughtsTokenCount']) ?? into.reasoning
  const candidates = tokens(u['candidatesTokenCount'])
  if (candidates !== undefined) into.outputTokens = candidates + (into.reasoning ?? 0)
}

function readCandidate(candidate: Json | undefined, into: Answer): void {
  for (const part of list(object(candidate?.['content'])?.['parts'])) {
    const p = object(part)
    if (p?.['thought'] !== true) into.addText(p?.['text'])
    const f = object(p?.['functionCall'])
    const call = f === undefined ? undefined : into.call(into.toolCalls.length, string(f['id']), string(f['name']))
    if (call !== undefined) call.args = JSON.stringify(f?.['args'] ?? {})
  }
  const reason = string(candidate?.['finishReason'])
  if (reason === undefined) return
  into.addFinish(reason === 'STOP' && into.toolCalls.length > 0 ? 'tool_calls' : reason)
  into.isComplete = true
}

/** Results of tools in the newest content. */
function newResults(content: unknown): readonly ToolResult[] {
  return list(object(content)?.['parts']).flatMap((part) => {
    const f = object(object(part)?.['functionResponse'])
    if (f === undefined) return []
    const response = object(f['response'])
    const isError = response?.['error'] !== undefined
    return [{ id: string(f['id']) ?? '', name: string(f['name']) ?? '', text: JSON.stringify(response ?? {}), isError }]
  })
}

function wantsForm(body: Json, config: Json | undefined): boolean {
  return (
    config?.['responseSchema'] !== undefined ||
    config?.['responseJsonSchema'] !== undefined ||
    config?.['responseMimeType'] === 'application/json' ||
    object(object(body['toolConfig'])?.['functionCallingConfig'])?.['mode'] === 'ANY'
  )
}

export const gemini: Protocol = {
  name: 'gemini',
  provider: 'gcp.gemini',
  matches: (path) => /:(streamG|g)enerateContent$/.test(path),
  isSure: true,
  fits: (b) => Array.isArray(b['contents']),
  request: (b, path) => {
    const contents = list(b['contents'])
    const system = object(b['systemInstruction']) ?? object(b['system_instruction'])
    const instructions = contentText(system?.['parts'])
    const config = object(b['generationConfig'])
    const results = newResults(contents.at(-1))
    // The last two contents are the model's calls and their results; what came before is the request that was answered with the calls.
    const earlier = results.some((r) => r.id === '') ? contents.slice(0, -2) : undefined
    const maxTokens = number(config?.['maxOutputTokens'])
    const temperature = number(config?.['temperature'])
    return {
      operation: 'generate_content',
      model: /\/models\/([^/:]+):/.exec(path)?.[1] ?? /\/([^/:]+):[^/]*$/.exec(path)?.[1],
      stream: path.endsWith(':streamGenerateContent'),
      toolResults: results,
      ...(earlier === undefined ? {} : { earlierMessages: earlier }),
      wantsForm: wantsForm(b, config),
      messages: contents,
      tools: b['tools'],
      ...(instructions === '' ? {} : { instructions }),
      ...(maxTokens === undefined ? {} : { maxTokens }),
      ...(temperature === undefined ? {} : { temperature }),
    }
  },
  answer: read,
  event: read,
  fallback: (request, text) => {
    const response = {
      candidates: [{ content: { role: 'model', parts: [{ text }] }, finishReason: 'STOP', index: 0 }],
      usageMetadata: { promptTokenCount: 0, candidatesTokenCount: 0, totalTokenCount: 0 },
      modelVersion: request.model ?? '',
      responseId: 'agentopz',
    }
    return request.stream ? sse([[undefined, response]]) : json(response)
  },
  error: (code, message) => ({ error: { code: 403, message: `${code}: ${message}`, status: 'PERMISSION_DENIED' } }),
  // The model is in the path, so only the instructions can be pinned.
  rewrite: (b, change) => {
    const key = b['systemInstruction'] === undefined ? 'system_instruction' : 'systemInstruction'
    const system = object(b[key])
    const parts = rewriteContent(system?.['parts'], change.prompt)
    return parts === undefined ? undefined : { ...b, [key]: { ...system, parts } }
  },
}
