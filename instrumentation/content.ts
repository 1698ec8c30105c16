/**
 * Message content on spans: only where OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT asks for it, through the application's redaction,
 * cut at a bound. Off, nothing of a message is read but its length.
 */
import { GEN_AI } from '../model/semconv.ts'
import type { Answer, ModelRequest } from './fetch/protocol.ts'
import type { Span } from './otel.ts'
import { runtime } from './runtime.ts'
import { contained } from './log.ts'

/** Adds instructions, messages and tool definitions, when content is asked for. */
export function addRequestContent(span: Span, request: ModelRequest): void {
  const { settings } = runtime()
  if (!settings.content) return
  if (request.instructions !== undefined)
    put(span, GEN_AI.systemInstructions, JSON.stringify([{ type: 'text', content: request.instructions }]))
  if (request.messages !== undefined) put(span, GEN_AI.inputMessages, JSON.stringify(request.messages))
  if (request.tools !== undefined) put(span, GEN_AI.toolDefinitions, JSON.stringify(request.tools))
}

/** Adds the answer in the conventions' message form, when content is asked for. */
export function addAnswerContent(span: Span, answer: Answer): void {
  const { settings } = runtime()
  if (!settings.content || !answer.hasContent) return
  const parts = [
    ...(answer.text === '' ? [] : [{ type: 'text', content: answer.text }]),
    ...answer.toolCalls.map((t) => ({ type: 'tool_call', id: t.id, name: t.name, arguments: t.args })),
  ]
  put(span, GEN_AI.outputMessages, JSON.stringify([{ role: 'assistant', parts, finish_reason: answer.finish[0] ?? '' }]))
}

/** Adds one content attribute, redacted and cut; for framework seams that hold content of their own. */
export function putContent(span: Span, key: string, text: string): void {
  if (runtime().settings.content) put(span, key, text)
}

function put(span: Span, key: string, text: string): void {
  const { redact, settings } = runtime()
  // Where the application's redaction fails nothing is shown.
  const shown = redact === undefined ? text : contained('redaction', () => redact(text))
  if (typeof shown === 'string') span.setAttribute(key, shown.slice(0, settings.contentMaxChars))
}
