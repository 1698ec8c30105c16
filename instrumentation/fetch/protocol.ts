/**
 * What a provider's HTTP protocol is to us: one file per protocol reads requests, answers and stream events into the forms below, and writes
 * the answers that a guard gives instead. Everything read is untrusted: a field of another type is absent, never an exception.
 */

/** A JSON object whose fields nobody has checked. */
export type Json = Readonly<Record<string, unknown>>

/** A request to a model, in normal form. */
export interface ModelRequest {
  readonly operation: 'chat' | 'generate_content' | 'text_completion' | 'embeddings'
  readonly model: string | undefined
  readonly stream: boolean
  readonly maxTokens?: number
  readonly temperature?: number
  /** System instructions as text, joined; hashed for the cohort, swapped by a release pin. */
  readonly instructions?: string
  /** Definitions of the tools on offer, as they were sent. */
  readonly tools?: unknown
  /** Results of tools that this request brings back, newest turn only. */
  readonly toolResults: readonly ToolResult[]
  /** Answer id that the request continues from (OpenAI responses). */
  readonly previousResponseId?: string
  /** The messages of the request that this one goes on with, where tool calls have no ids to tell by. */
  readonly earlierMessages?: unknown
  readonly conversation?: string
  /** True where the answer must have a form that a fallback text has not: JSON schema, or a tool that must be called. */
  readonly wantsForm: boolean
  readonly messages: unknown
}

export interface ToolResult {
  /** Empty where the protocol's tool calls have no ids (Ollama, older Gemini); `name` says then whose result it is. */
  readonly id: string
  readonly name?: string
  /** Text of the result, first characters only; never exported unless content is on. */
  readonly text: string
  /** True where the protocol itself marks it as an error. */
  readonly isError: boolean
}

export interface ToolCallSeen {
  readonly id: string
  readonly name: string
  /** JSON text of the arguments. */
  args: string
}

/** As many choices as OpenAI lets one ask for. */
const MAX_CHOICES = 128

/** What an answer said, gathered from one body or from many stream events. */
export class Answer {
  id: string | undefined
  model: string | undefined
  finish: string[] = []
  inputTokens: number | undefined
  outputTokens: number | undefined
  cacheRead: number | undefined
  cacheWrite: number | undefined
  reasoning: number | undefined
  serviceTier: string | undefined
  /** Answer text, bounded; kept only for emptiness and, where asked for, content. */
  text = ''
  hasContent = false
  toolCalls: ToolCallSeen[] = []
  errorType: string | undefined
  /** An error even where the protocol gives no type: then the HTTP status is its type. */
  errorMessage: string | undefined
  get isError(): boolean {
    return this.errorType !== undefined || this.errorMessage !== undefined
  }

  /** The protocol's own end of an answer was seen. */
  isComplete = false
  /** Nothing is to come any more: the call is over, whether or not the reader goes on to the end of the body (Ollama's SDK does not). */
  isLast = false

  /** Adds answer text up to a bound. */
  addText(more: unknown): void {
    if (typeof more !== 'string' || more === '') return
    this.hasContent = true
    if (this.text.length < 16_384) this.text += more.slice(0, 16_384 - this.text.length)
  }

  /** Adds the reason why a choice ended, up to a bound. */
  addFinish(reason: string): void {
    if (this.finish.length < MAX_CHOICES) this.finish.push(reason)
  }

  /** Tool call at a position of a streamed answer; made when it is new. */
  call(index: number, id: string | undefined, name: string | undefined): ToolCallSeen | undefined {
    const known = this.toolCalls[index]
    if (known !== undefined) return known
    if (name === undefined || index > 256 || index !== this.toolCalls.length) return undefined
    this.hasContent = true
    const made = { id: id ?? '', name, args: '' }
    this.toolCalls.push(made)
    return made
  }
}

export interface Protocol {
  readonly name: string
  /** True for a POST to this path. */
  matches(path: string): boolean
  /** True where no other API has such a path, so that a request whose body cannot be read is known by it. */
  readonly isSure?: true
  /** True for a body that can be meant for this protocol: other APIs have paths that end alike. */
  fits(body: Json): boolean
  /** `gen_ai.provider.name` where the host says nothing. */
  readonly provider: string
  /** `headers` of the request, for protocols that have the model there. */
  request(body: Json, path: string, headers?: Pick<Headers, 'get'>): ModelRequest
  /** Reads a whole JSON answer; `status` is the HTTP status. */
  answer(body: Json, into: Answer): void
  /** Reads one event of a stream (`data:` of server-sent events, or a line of NDJSON). */
  event(data: Json, into: Answer): void
  /** An answer that ends the run with this text, or undefined where the protocol has none. */
  fallback?(request: ModelRequest, text: string): Synthetic | undefined
  /** Body of an error in the provider's own shape. */
  error(code: string, message: string): Json
  /** The body with another model and other instructions, for release pins; undefined where nothing changed. */
  rewrite?(body: Json, change: Rewrite): Json | undefined
}

export interface Rewrite {
  readonly model?: string
  /** New text for a known prompt text; undefined leaves it. */
  readonly prompt: (text: string) => string | undefined
}

/** A body that was never sent by a provider. */
export interface Synthetic {
  readonly contentType: string
  readonly body: string
}

/** An object's fields, or undefined. */
export function object(value: unknown): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined
}

/** The list, or an empty one. */
export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : []
}

/** Non-empty text, or undefined. */
export function string(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** A number, or undefined. */
export function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

/** A token count: whole and not negative, or unknown. */
export function tokens(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : undefined
}

/** Text of a message's content: a string, or the text parts of a list. */
export function contentText(content: unknown): string {
  if (typeof content === 'string') return content
  let text = ''
  for (const part of list(content)) {
    const p = object(part)
    const words = p === undefined ? part : (p['text'] ?? p['content'])
    if (typeof words === 'string') text += words
  }
  return text
}

/** Server-sent events from a list of [event, data]. */
export function sse(events: readonly (readonly [event: string | undefined, data: unknown])[]): Synthetic {
  const body = events
    .map(
      ([event, data]) =>
        `${event === undefined ? '' : `event: ${event}\n`}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`,
    )
    .join('')
  return { contentType: 'text/event-stream; charset=utf-8', body }
}

/** A JSON body. */
export function json(value: unknown): Synthetic {
  return { contentType: 'application/json', body: JSON.stringify(value) }
}
