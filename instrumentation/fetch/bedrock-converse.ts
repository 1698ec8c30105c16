/**
 * Amazon Bedrock Converse and ConverseStream; also the bodies of Amazon Nova, which are the same but for the names of cached tokens. inputTokens
 * leaves out cached tokens; they are added here, since the conventions ask for the whole input. The model is in the path (or `modelId` of the
 * AWS SDK's input). Events of a stream come as one object with the event's name as its key.
 * Source: npm @aws-sdk/client-bedrock-runtime 3, commands/ConverseCommand, models_0; userguide "Nova request schema".
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
  string,
  tokens,
  type ToolResult,
} from './protocol.ts'

/** Model id in the path of a Bedrock runtime request. */
export function modelInPath(path: string): string | undefined {
  const id = /\/model\/([^/]+)\/[a-z-]+$/.exec(path)?.[1]
  try {
    return id === undefined ? undefined : decodeURIComponent(id)
  } catch {
    return id
  }
}

function readUsage(raw: unknown, into: Answer): void {
  const u = object(raw)
  if (u === undefined) return
  into.cacheRead = tokens(u['cacheReadInputTokens']) ?? tokens(u['cacheReadInputTokenCount']) ?? into.cacheRead
  into.cacheWrite = tokens(u['cacheWriteInputTokens']) ?? tokens(u['cacheWriteInputTokenCount']) ?? into.cacheWrite
  const fresh = tokens(u['inputTokens'])
  if (fresh !== undefined) into.inputTokens = fresh + (into.cacheRead ?? 0) + (into.cacheWrite ?? 0)
  into.outputTokens = tokens(u['outputTokens']) ?? into.outputTokens
}

function readToolUse(raw: unknown, into: Answer): void {
  const use = object(raw)
  if (use === undefined) return
  const call = into.call(into.toolCalls.length, string(use['toolUseId']), string(use['name']))
  if (call !== undefined && use['input'] !== undefined) call.args = JSON.stringify(use['input'])
}

function readStop(raw: unknown, into: Answer): void {
  const stop = string(raw)
  if (stop === undefined) return
  into.addFinish(stop)
  into.isComplete = true
}

/** `{message}`, the body of every AWS error. */
export function readAwsError(b: Json, into: Answer): void {
  const message = string(b['message']) ?? string(b['Message'])
  if (message === undefined) return
  into.errorType = string(b['__type'])?.split('#').at(-1) ?? 'error'
  into.errorMessage = message
}

function newResults(message: unknown): readonly ToolResult[] {
  const m = object(message)
  return list(m?.['role'] === 'user' ? m['content'] : undefined).flatMap((part) => {
    const result = object(object(part)?.['toolResult'])
    const id = string(result?.['toolUseId'])
    if (result === undefined || id === undefined) return []
    const text = list(result['content'])
      .map((c) => string(object(c)?.['text']) ?? JSON.stringify(object(c)?.['json'] ?? ''))
      .join('')
    return [{ id, text, isError: result['status'] === 'error' }]
  })
}

export const bedrockConverse: Protocol = {
  name: 'bedrock.converse',
  provider: 'aws.bedrock',
  matches: (path) => /\/model\/[^/]+\/converse(-stream)?$/.test(path),
  fits: (b) => Array.isArray(b['messages']) || b['promptVariables'] !== undefined,
  request: (b, path) => {
    const messages = list(b['messages'])
    const instructions = contentText(b['system'])
    const config = object(b['inferenceConfig'])
    const maxTokens = number(config?.['maxTokens'])
    const temperature = number(config?.['temperature'])
    const tools = object(b['toolConfig'])
    const choice = object(tools?.['toolChoice'])
    return {
      operation: 'chat',
      model: string(b['modelId']) ?? modelInPath(path),
      stream: path.endsWith('-stream'),
      toolResults: newResults(messages.at(-1)),
      wantsForm: choice?.['any'] !== undefined || choice?.['tool'] !== undefined || b['outputConfig'] !== undefined,
      messages,
      tools: tools?.['tools'],
      ...(instructions === '' ? {} : { instructions }),
      ...(maxTokens === undefined ? {} : { maxTokens }),
      ...(temperature === undefined ? {} : { temperature }),
    }
  },
  answer: (b, into) => {
    readAwsError(b, into)
    for (const part of list(object(object(b['output'])?.['message'])?.['content'])) {
      const p = object(part)
      into.addText(p?.['text'])
      readToolUse(p?.['toolUse'], into)
    }
    readUsage(b['usage'], into)
    readStop(b['stopReason'], into)
  },
  event: (b, into) => {
    readAwsError(b, into)
    readToolUse(object(object(b['contentBlockStart'])?.['start'])?.['toolUse'], into)
    const delta = object(object(b['contentBlockDelta'])?.['delta'])
    into.addText(delta?.['text'])
    const input = string(object(delta?.['toolUse'])?.['input'])
    const call = into.toolCalls.at(-1)
    if (input !== undefined && call !== undefined && call.args.length < 65_536) call.args += input
    readStop(object(b['messageStop'])?.['stopReason'], into)
    const metadata = object(b['metadata'])
    if (metadata === undefined) return
    readUsage(metadata['usage'], into)
    into.isLast = true
  },
  // A stream is in AWS's binary framing: over HTTP only whole answers can be made up; the AWS SDK's integration makes its own events.
  fallback: (request, text) => (request.stream ? undefined : json(converseAnswer(text))),
  error: (code, message) => ({ __type: 'AccessDeniedException', message: `${code}: ${message}` }),
  // The model is in the path, so only the instructions can be pinned.
  rewrite: (b, change) => {
    const system = rewriteContent(b['system'], change.prompt)
    return system === undefined ? undefined : { ...b, system }
  },
}

const NO_USAGE = { inputTokens: 0, outputTokens: 0, totalTokens: 0 }

/** A whole answer that nobody was asked for. */
export function converseAnswer(text: string): Json {
  return {
    output: { message: { role: 'assistant', content: [{ text }] } },
    stopReason: 'end_turn',
    usage: NO_USAGE,
    metrics: { latencyMs: 0 },
  }
}

/** The same as events of a stream. */
export function converseEvents(text: string): readonly Json[] {
  return [
    { messageStart: { role: 'assistant' } },
    { contentBlockDelta: { contentBlockIndex: 0, delta: { text } } },
    { contentBlockStop: { contentBlockIndex: 0 } },
    { messageStop: { stopReason: 'end_turn' } },
    { metadata: { usage: NO_USAGE, metrics: { latencyMs: 0 } } },
  ]
}
