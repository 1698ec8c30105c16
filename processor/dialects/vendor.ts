/**
 * What the framework dialects share beyond reading.ts: telling names from ids, bounding error types, and reading the raw answers of
 * providers (OpenAI, Anthropic, Gemini) that several frameworks put into one JSON attribute.
 * In: single values or parsed JSON. Out: normal form, or `undefined`. Nothing here throws or keeps content.
 */
import type { FinishReason, RawUsage, Reading } from '../../model/run.ts'
import { EVENT, GENERAL } from '../../model/semconv.ts'
import type { Attributes, Items, Span } from '../../model/span.ts'
import { countOf, first, foldFinish, foldProvider, headOf, isEmptyResult, newestUserText, optional, record, shortHash } from './reading.ts'

const UUID = /[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}/i
/** Provider-made ids: `asst_abc…`, `agent-5f3a9c…`, bare hex. */
const OPAQUE = /^(?:(?:asst|agent|ag|run|thread|session)[_-])?(?=[^\s]*\d)[0-9a-f]{12,}$|^asst_[A-Za-z0-9]{16,}$/i
const MODEL_LIKE =
  /^(?:(?:us|eu|apac|global)\.)?(?:anthropic\.|amazon\.|gpt-\d|chatgpt-\d|claude-(?:\d|sonnet|opus|haiku)|gemini-\d|o\d-|llama-?\d)/i

/** A name fit to be an agent's (R2): `undefined` for an id, a UUID, a model id or the emitter's word for "unknown". */
export function agentNameOf(raw: string | undefined, model?: string): string | undefined {
  const name = raw?.trim()
  if (name === undefined || name === '' || name === model || /^(unknown|none|null|undefined)$/i.test(name)) return undefined
  return UUID.test(name) || OPAQUE.test(name) || (MODEL_LIKE.test(name) && !name.includes(' ')) ? undefined : name
}

/** The reading without an agent name that is an id or a model. */
export function withCleanName(reading: Reading): Reading {
  const { agentName, ...rest } = reading
  return { ...rest, ...optional('agentName', agentNameOf(agentName, reading.requestModel)) }
}

/** A value that is not one of the emitters' placeholders. */
export function known(raw: string | undefined): string | undefined {
  return raw === undefined || /^(|unknown|none|<not specified>|n\/a)$/i.test(raw.trim()) ? undefined : raw
}

/** A low-cardinality error type: a word or class name as it is, the class name that starts a message, else semconv's `_OTHER`. */
export function errorTypeOf(raw: string | undefined): string | undefined {
  const text = known(raw)?.trim()
  if (text === undefined) return undefined
  if (/^[\w.:/-]{1,80}$/.test(text)) return text
  return /^([A-Za-z_][\w.]{0,79}(?:Error|Exception|Failure|Timeout|Interrupt))\b/.exec(text)?.[1] ?? '_OTHER'
}

/** `exception.type` of the span's last exception event. */
export function exceptionType(span: Span): string | undefined {
  let found: string | undefined
  for (const event of span.events()) if (event.name === EVENT.exception) found = event.attributes.text(GENERAL.exceptionType) ?? found
  return errorTypeOf(found)
}

/** The OpenAI, Anthropic and Bedrock conventions for cached tokens, by model id, for emitters that pass the provider's number through. */
export function accountingOf(model: string | undefined): RawUsage['cacheAccounting'] {
  if (model === undefined) return 'unknown'
  if (/claude|anthropic|bedrock|amazon\.|nova-/i.test(model)) return 'excluded'
  return /gpt|gemini|openai|deepseek|grok|(^|\/)o\d/i.test(model) ? 'included' : 'unknown'
}

const PROVIDERS = new Set(
  (
    'openai anthropic aws.bedrock azure.ai.openai azure.ai.inference gcp.gemini gcp.vertex_ai gcp.gen_ai mistral_ai cohere groq ' +
    'deepseek perplexity x_ai moonshot_ai ibm.watsonx.ai ollama openrouter together_ai fireworks fireworks_ai cerebras hugging_face'
  ).split(' '),
)

/** The provider, only when it is one we know: some emitters put a service or framework name there. */
export function knownProvider(raw: string | undefined): string | undefined {
  const folded = foldProvider(raw)
  return folded !== undefined && PROVIDERS.has(folded) ? folded : undefined
}

/** `provider/model` (LiteLLM, Genkit) taken apart where the first part is a provider; else the model as it is. */
export function splitModel(raw: string | undefined): { readonly provider?: string; readonly model?: string } {
  const model = known(raw)
  if (model === undefined) return {}
  const at = model.indexOf('/')
  const provider = at > 0 ? knownProvider(model.slice(0, at)) : undefined
  return provider === undefined ? { model } : { provider, model: model.slice(at + 1) }
}

/**
 * What is longer is not parsed: 4 MiB take some 20 ms. Longer than what any model takes, for a whole conversation may stand before what names
 * its instructions and tools, and must not have them seem changed.
 */
const MAX_JSON = 4 * 2 ** 20

/** Parsed value of an attribute that may be JSON, JSON in JSON (MLflow) or a map; `undefined` when absent, too long or cut off. */
export function jsonOf(a: Attributes, key: string): unknown {
  if (!a.has(key) || (a.text(key)?.length ?? 0) > MAX_JSON) return undefined
  const value = a.json(key)
  if (typeof value !== 'string') return value
  try {
    return JSON.parse(value) as unknown
  } catch {
    return value
  }
}

/** A field under either its camelCase or snake_case name. */
export function field(fields: Readonly<Record<string, unknown>> | undefined, ...names: readonly string[]): unknown {
  for (const name of names) {
    const value = fields?.[name]
    if (value !== undefined && value !== null) return value
  }
  return undefined
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** Hash of a tool's arguments given as text or JSON. */
export function hashOf(value: unknown): string | undefined {
  if (value === undefined || value === null || value === '') return undefined
  return shortHash(typeof value === 'string' ? value : JSON.stringify(value))
}

/** Whether a tool's answer, given as text, JSON or a list of text blocks, holds nothing. */
export function emptyAnswer(value: unknown): boolean | undefined {
  if (value === undefined) return undefined
  if (value === null) return true
  if (Array.isArray(value) && value.length > 0) return value.every((v) => emptyAnswer(field(record(v), 'text') ?? v) === true)
  return isEmptyResult(typeof value === 'string' ? value : JSON.stringify(value))
}

/** Usage as a provider's own API writes it: OpenAI chat and responses, Anthropic messages, Gemini. `undefined` when it is none of them. */
export function providerUsage(value: unknown): RawUsage | undefined {
  const u = record(value)
  if (u === undefined) return undefined
  const gemini = field(u, 'promptTokenCount', 'prompt_token_count') !== undefined
  const input = record(field(u, 'prompt_tokens_details', 'input_tokens_details'))
  const output = record(field(u, 'completion_tokens_details', 'output_tokens_details'))
  const anthropic = field(u, 'cache_read_input_tokens', 'cache_creation_input_tokens') !== undefined
  const written = record(u['cache_creation'])
  const usage: RawUsage = {
    ...optional('input', countOf(field(u, 'prompt_tokens', 'input_tokens', 'promptTokenCount', 'prompt_token_count'))),
    ...optional('output', countOf(field(u, 'completion_tokens', 'output_tokens', 'candidatesTokenCount', 'candidates_token_count'))),
    ...optional(
      'cacheRead',
      countOf(field(u, 'cache_read_input_tokens', 'cachedContentTokenCount', 'cached_content_token_count') ?? input?.['cached_tokens']),
    ),
    ...optional('cacheWrite', countOf(u['cache_creation_input_tokens'])),
    ...optional('cacheWrite1h', countOf(written?.['ephemeral_1h_input_tokens'])),
    ...optional('reasoning', countOf(field(u, 'thoughtsTokenCount', 'thoughts_token_count') ?? output?.['reasoning_tokens'])),
    ...optional('total', countOf(field(u, 'total_tokens', 'totalTokenCount', 'total_token_count'))),
    cacheAccounting: anthropic ? 'excluded' : 'included',
    ...(gemini ? { reasoningOutsideOutput: true } : {}),
  }
  return usage.input === undefined && usage.output === undefined ? undefined : usage
}

/** What a provider's answer object says of the call. */
export interface ProviderAnswer {
  readonly id?: string
  readonly model?: string
  readonly finish?: FinishReason
  readonly usage?: RawUsage
  readonly outputEmpty?: boolean
  readonly outputText?: string
}

/** Reads an answer as the provider's API gave it: OpenAI chat or responses, Anthropic message, Gemini (also as ADK re-wraps it). */
export function providerAnswer(value: unknown): ProviderAnswer {
  const r = record(value)
  if (r === undefined) return {}
  const choice = firstOf(r['choices'])
  const candidate = firstOf(r['candidates'])
  const parts = answerParts(r, choice, candidate)
  const seen = parts === undefined ? undefined : weigh(parts)
  const finish = foldFinish(reasonOf(r, choice, candidate))
  return {
    ...optional('id', textOf(field(r, 'id', 'responseId', 'response_id'))),
    ...optional('model', textOf(field(r, 'model', 'modelVersion', 'model_version'))),
    ...optional('finish', finish === 'stop' && seen?.tool === true ? 'tool_call' : finish),
    ...optional('usage', providerUsage(field(r, 'usage', 'usageMetadata', 'usage_metadata'))),
    ...(seen === undefined ? {} : answerFields(seen)),
  }
}

type Fields = Readonly<Record<string, unknown>>

function firstOf(value: unknown): Fields | undefined {
  return record(Array.isArray(value) ? value[0] : undefined)
}

function answerParts(r: Fields, choice: Fields | undefined, candidate: Fields | undefined): readonly unknown[] | undefined {
  const message = record(choice?.['message'] ?? r['message'])
  if (message !== undefined) return partsOf([message['content'], message['tool_calls'], message['refusal']])
  const content = candidate?.['content'] ?? r['content']
  return partsOf(r['output']) ?? partsOf(record(content)?.['parts'] ?? content)
}

function reasonOf(r: Fields, choice: Fields | undefined, candidate: Fields | undefined): string | undefined {
  return first(
    textOf(choice?.['finish_reason']),
    textOf(field(candidate ?? r, 'finishReason', 'finish_reason')),
    textOf(r['stop_reason']),
    textOf(record(r['incomplete_details'])?.['reason']),
    Array.isArray(r['output']) ? textOf(r['status']) : undefined,
  )
}

/** Emptiness and text of an answer. */
export function answerFields(seen: Weighed): { readonly outputEmpty: boolean; readonly outputText: string } {
  return { outputEmpty: !seen.tool && !seen.other && seen.text.trim() === '', outputText: headOf(seen.text, 4096) }
}

function partsOf(value: unknown): readonly unknown[] | undefined {
  return Array.isArray(value) ? value.flat(1).filter((v) => v !== null && v !== undefined) : undefined
}

export interface Weighed {
  readonly text: string
  readonly tool: boolean
  readonly other: boolean
}

/** What a list of content parts holds, in any provider's spelling; reasoning parts are no answer. */
export function weigh(parts: readonly unknown[], depth = 0): Weighed {
  let text = ''
  let tool = false
  let other = false
  for (const part of parts) {
    const p = record(part)
    const type = textOf(p?.['type']) ?? ''
    const body = field(p, 'text', 'content')
    if (typeof part === 'string') text += part
    else if (
      p === undefined ||
      p['thought'] === true ||
      /reasoning|thinking/.test(type) ||
      field(p, 'reasoning', 'reasoningContent') !== undefined
    )
      continue
    else if (/tool|function|^mcp_|_call$/.test(type) || TOOL_FIELDS.some((f) => p[f] !== undefined)) tool = true
    else if (typeof body === 'string') text += body
    else if (Array.isArray(body) && depth < 3) {
      const inner = weigh(body, depth + 1)
      text += inner.text
      tool ||= inner.tool
      other ||= inner.other
    } else other = true
  }
  return { text, tool, other }
}

const TOOL_FIELDS = ['toolUse', 'toolRequest', 'functionCall', 'function_call', 'toolResult']

/** Newest user text of messages whose content is a list of `{text}` blocks (Genkit, Strands, Gemini `contents`). */
export function newestBlockText(messages: unknown): string | undefined {
  if (!Array.isArray(messages)) return undefined
  for (let i = messages.length - 1; i >= 0; i--) {
    const m = record(messages[i])
    if (m?.['role'] !== 'user') continue
    const body = field(m, 'content', 'parts')
    const text = Array.isArray(body) ? weigh(body).text : newestUserText([m])
    if (text !== undefined && text !== '') return headOf(text, 512)
  }
  return undefined
}

/** Hash of the system message of a message list, for emitters that put instructions there. */
export function systemHash(messages: Items | undefined): string | undefined {
  for (let i = 0; i < (messages?.length ?? 0); i++) {
    const message = record(messages?.at(i))
    if (message?.['role'] === 'system') return hashOf(field(message, 'content', 'parts'))
  }
  return undefined
}
