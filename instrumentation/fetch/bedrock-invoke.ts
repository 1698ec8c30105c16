/**
 * Amazon Bedrock InvokeModel and its stream: the body is whatever the model's maker speaks, told apart by its shape. Anthropic, Amazon Nova and
 * Titan (text and embeddings) and OpenAI are read whole; of others at least that they were called and, in a stream, what Bedrock counted.
 * Source: AWS userguide "Inference request parameters and response fields for foundation models".
 */
import { anthropicMessages } from './anthropic.ts'
import { bedrockConverse, modelInPath, readAwsError } from './bedrock-converse.ts'
import { openAiChat } from './openai-chat.ts'
import { embeddingsRequest } from './openai-embeddings.ts'
import { type Answer, json, type Json, list, type ModelRequest, number, object, type Protocol, string, tokens } from './protocol.ts'

/** Protocol of a request body; undefined for a prompt that is not made of messages. */
function makerOf(b: Json): Protocol | undefined {
  if (b['anthropic_version'] !== undefined) return anthropicMessages
  if (!Array.isArray(b['messages'])) return undefined
  // OpenAI's parts say their type; Nova's, like Converse's, are named by their key.
  const part = object(list(object(list(b['messages'])[0])?.['content'])[0])
  return part !== undefined && part['type'] === undefined ? bedrockConverse : openAiChat
}

function promptRequest(b: Json, model: string | undefined): ModelRequest {
  if (/embed/.test(model ?? '')) return embeddingsRequest(model)
  const config = object(b['textGenerationConfig'])
  const maxTokens = number(config?.['maxTokenCount']) ?? number(b['max_gen_len']) ?? number(b['max_tokens'])
  return {
    operation: 'text_completion',
    model,
    stream: false,
    toolResults: [],
    wantsForm: false,
    messages: b['inputText'] ?? b['prompt'],
    ...(maxTokens === undefined ? {} : { maxTokens }),
  }
}

/** Titan's and Llama's text, whole or a piece of it. */
function readText(b: Json, into: Answer): void {
  const results = [b, ...list(b['results']).map(object)]
  for (const r of results) {
    if (r === undefined) continue
    into.addText(r['outputText'] ?? r['generation'])
    const reason = string(r['completionReason']) ?? string(r['stop_reason'])
    if (reason !== undefined) into.addFinish(reason)
    const counted = tokens(r['tokenCount']) ?? tokens(r['totalOutputTextTokenCount']) ?? tokens(r['generation_token_count'])
    into.outputTokens = counted ?? into.outputTokens
  }
  into.inputTokens = tokens(b['inputTextTokenCount']) ?? tokens(b['prompt_token_count']) ?? into.inputTokens
  into.isComplete = into.finish.length > 0
}

/** What Bedrock itself counted, in the last chunk of every stream. */
function readMetrics(b: Json, into: Answer): void {
  const m = object(b['amazon-bedrock-invocationMetrics'])
  if (m === undefined) return
  into.inputTokens ??= tokens(m['inputTokenCount'])
  into.outputTokens ??= tokens(m['outputTokenCount'])
}

const isConverse = (b: Json): boolean =>
  ['output', 'messageStart', 'contentBlockStart', 'contentBlockDelta', 'contentBlockStop', 'messageStop', 'metadata'].some((k) => k in b)

function read(b: Json, into: Answer, how: 'answer' | 'event'): void {
  if (string(b['type']) !== undefined) anthropicMessages[how](b, into)
  else if (isConverse(b)) bedrockConverse[how](b, into)
  else if (b['choices'] !== undefined) openAiChat[how](b, into)
  else if (b['message'] !== undefined) readAwsError(b, into)
  else readText(b, into)
  readMetrics(b, into)
}

export const bedrockInvoke: Protocol = {
  name: 'bedrock.invoke',
  provider: 'aws.bedrock',
  matches: (path) => /\/model\/[^/]+\/invoke(-with-response-stream)?$/.test(path),
  fits: () => true,
  request: (b, path) => {
    const model = string(b['modelId']) ?? modelInPath(path)
    return {
      ...(makerOf(b)?.request(b, path) ?? promptRequest(b, model)),
      model,
      stream: path.endsWith('-stream'),
    }
  },
  answer: (b, into) => read(b, into, 'answer'),
  event: (b, into) => {
    const bytes = string(object(b['chunk'])?.['bytes'])
    const event = bytes === undefined ? b : parse(Buffer.from(bytes, 'base64').toString())
    if (event !== undefined) read(event, into, 'event')
  },
  fallback: (request, text) => (request.stream || request.operation === 'embeddings' ? undefined : invokeAnswer(request, text)),
  error: (code, message) => bedrockConverse.error(code, message),
  rewrite: (b, change) => makerOf(b)?.rewrite?.(b, { prompt: change.prompt }),
}

/** A whole answer in the form the model's maker has; the request's own messages tell whose. */
function invokeAnswer(request: ModelRequest, text: string): ReturnType<typeof json> | undefined {
  const model = request.model ?? ''
  if (/(^|\.)anthropic\./.test(model)) return anthropicMessages.fallback?.({ ...request, stream: false }, text)
  if (/(^|\.)amazon\.nova/.test(model)) return bedrockConverse.fallback?.({ ...request, stream: false }, text)
  if (/(^|\.)openai\./.test(model)) return openAiChat.fallback?.({ ...request, stream: false }, text)
  if (/(^|\.)amazon\.titan/.test(model))
    return json({ inputTextTokenCount: 0, results: [{ tokenCount: 0, outputText: text, completionReason: 'FINISH' }] })
  return undefined
}

function parse(text: string): Json | undefined {
  try {
    return object(JSON.parse(text))
  } catch {
    return undefined
  }
}
