/**
 * What dialects share: folding vendors' words into the normal form, and reading content only as far as a check needs it.
 * Everything here is pure and tolerant: an unexpected value becomes "unknown", never an exception and never a guess.
 */
import type { FinishReason } from '../../model/run.ts'
import type { AttributeKey } from '../../model/attribute-key.ts'
import type { Attributes, Items } from '../../model/span.ts'
import { ownOf } from './own.ts'

export { shortHash } from '../../model/short-hash.ts'
export { ownOf } from './own.ts'
export { foldProvider } from './providers.ts'

/** `{ [key]: value }` when the value is known, else `{}`: keeps optional fields absent rather than `undefined`. */
export function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]: V })
}

/** A value under construction. */
export type Draft<T> = { -readonly [K in keyof T]: T[K] }

/** Sets a field whose value is known where it has none. */
export function setMissing<T extends object, K extends keyof T>(draft: T, key: K, value: T[K] | undefined): void {
  if (value !== undefined && draft[key] === undefined) draft[key] = value
}

/** The first value that is known. */
export function first<V>(...values: readonly (V | undefined)[]): V | undefined {
  for (const value of values) if (value !== undefined) return value
  return undefined
}

/** Non-empty text under the first key, else under the second: what every span goes through, without a list of keys. */
export function filledText(a: Attributes, key: AttributeKey, other?: AttributeKey): string | undefined {
  const text = a.text(key)
  if (text !== undefined && text !== '') return text
  return other === undefined ? undefined : filledText(a, other)
}

/** First non-empty text under any of the keys, in order. */
export function anyText(a: Attributes, ...keys: readonly AttributeKey[]): string | undefined {
  for (const key of keys) {
    const value = a.text(key)
    if (value !== undefined && value !== '') return value
  }
  return undefined
}

/** First usable count under any of the keys, in order. */
export function anyCount(a: Attributes, ...keys: readonly AttributeKey[]): number | undefined {
  for (const key of keys) {
    const value = a.count(key)
    if (value !== undefined) return value
  }
  return undefined
}

const FINISH: Readonly<Record<string, FinishReason>> = {
  stop: 'stop',
  end_turn: 'stop',
  // Strands for TypeScript writes them in one word.
  endturn: 'stop',
  stopsequence: 'stop',
  maxtokens: 'length',
  modelcontextwindowexceeded: 'length',
  tooluse: 'tool_call',
  contentfiltered: 'content_filter',
  guardrailintervened: 'content_filter',
  stop_sequence: 'stop',
  eos: 'stop',
  complete: 'stop',
  completed: 'stop',
  endofturn: 'stop',
  finish: 'stop',
  finished: 'stop',
  length: 'length',
  max_tokens: 'length',
  max_output_tokens: 'length',
  model_length: 'length',
  model_context_window_exceeded: 'length',
  incomplete: 'length',
  tool_call: 'tool_call',
  tool_calls: 'tool_call',
  tool_use: 'tool_call',
  function_call: 'tool_call',
  toolcalls: 'tool_call',
  toolcall: 'tool_call',
  content_filter: 'content_filter',
  content_filtered: 'content_filter',
  contentfilter: 'content_filter',
  safety: 'content_filter',
  recitation: 'content_filter',
  blocklist: 'content_filter',
  prohibited_content: 'content_filter',
  spii: 'content_filter',
  image_safety: 'content_filter',
  guardrail_intervened: 'content_filter',
  refusal: 'refusal',
  error: 'error',
  failed: 'error',
  malformed_function_call: 'error',
  cancelled: 'cancelled',
  canceled: 'cancelled',
}

/** Folds a raw finish or stop reason (any case, `-` or `_`, Semantic Kernel's brackets) into the normal form; empty is unknown. */
export function foldFinish(raw: string | undefined): FinishReason | undefined {
  // As providers write them today, nearly always.
  if (raw === undefined || raw === 'stop') return raw
  if (raw === 'tool_calls') return 'tool_call'
  const word = raw
    .trim()
    .replace(/^\[|\]$/g, '')
    .trim()
    .toLowerCase()
    .replaceAll('-', '_')
    .replaceAll(' ', '_')
  if (word === '' || word === 'null' || word === 'none' || word === 'unspecified' || word === 'finish_reason_unspecified') return undefined
  return ownOf(FINISH, word) ?? 'other'
}

/** How much a finish reason says about the answer; of several choices the most telling one is kept. */
const WEIGHT: Readonly<Record<FinishReason, number>> = {
  error: 7,
  refusal: 6,
  content_filter: 5,
  length: 4,
  cancelled: 3,
  tool_call: 2,
  stop: 1,
  other: 0,
}

/** Normal form of a list of finish reasons, one per choice. */
export function foldFinishList(raw: readonly string[] | undefined): FinishReason | undefined {
  let kept: FinishReason | undefined
  if (raw === undefined) return undefined
  for (const word of raw) {
    const reason = foldFinish(word)
    if (reason !== undefined && (kept === undefined || WEIGHT[reason] > WEIGHT[kept])) kept = reason
  }
  return kept
}

/** An attribute that is a list; `undefined` for anything else. */
export function itemsOf(a: Attributes, key: AttributeKey): Items | undefined {
  return a.has(key) ? (a.items?.(key) ?? listed(a.json(key))) : undefined
}

/** The value where it is a list. */
export function listed(value: unknown): Items | undefined {
  return Array.isArray(value) ? value : undefined
}

/** Parsed JSON, or `undefined`: attributes are often cut off by length limits, which is not the agent's fault. */
export function parseJson(text: string | undefined): unknown {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A JSON object's fields, or `undefined` for anything else. */
export function record(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
}

/** Whole number ≥ 0 from a JSON number or numeric string, else unknown. */
export function countOf(value: unknown): number | undefined {
  const n = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof n === 'number' && Number.isInteger(n) && n >= 0 ? n : undefined
}

/**
 * The first `length` characters, as a string of its own: a slice holds on to all of the text that it was cut from, and what is read is kept
 * until its run closes. By way of UTF-16 where it is not ASCII, which half a pair of surrogates survives.
 */
export function headOf(text: string, length: number): string {
  if (text.length <= length) return text
  const head = text.slice(0, length)
  const bytes = Buffer.from(head)
  return bytes.length === length ? bytes.toString('latin1') : Buffer.from(head, 'utf16le').toString('utf16le')
}

/** True when a tool's or retriever's answer is present and holds nothing: `""`, `null`, `[]`, `{}`, or a map whose only list is empty. */
export function isEmptyResult(raw: string | undefined): boolean | undefined {
  if (raw === undefined) return undefined
  const text = raw.trim()
  if (text === '' || text === 'null' || text === '""' || text === '[]' || text === '{}' || text === 'None') return true
  if (text.length > 64 || !text.startsWith('{')) return false
  const fields = record(parseJson(text))
  const values = fields === undefined ? [] : Object.values(fields)
  return values.length > 0 && values.every((v) => v === null || v === '' || (Array.isArray(v) && v.length === 0))
}

/**
 * What an answer in GenAI message form (`[{role, parts: [{type, content}]}]`) holds: its text (the first characters, at `most` so many), whether it
 * is empty, and whether a part is a refusal. `undefined` when the value is not such a list.
 */
export function readMessages(
  value: unknown,
  most = 4096,
): { readonly text: string; readonly empty: boolean; readonly refused: boolean } | undefined {
  if (!Array.isArray(value)) return undefined
  let text = ''
  let other = false
  let refused = false
  for (const message of value) {
    const fields = record(message)
    if (fields === undefined) return undefined
    const content = fields['content']
    // OpenAI and Vercel messages hold their parts in `content`.
    const parts: readonly unknown[] = Array.isArray(fields['parts']) ? fields['parts'] : Array.isArray(content) ? content : [content]
    for (const part of parts) {
      const p = record(part)
      const words = p === undefined ? part : (p['content'] ?? p['text'])
      if (p !== undefined && p['type'] === 'refusal') refused = true
      if (typeof words === 'string' && (p === undefined || p['type'] === 'text' || p['type'] === undefined)) text += words
      else if (p !== undefined && p['type'] !== 'reasoning' && p['type'] !== 'text') other = true
    }
    if (Array.isArray(fields['tool_calls']) && fields['tool_calls'].length > 0) other = true
  }
  return { text: headOf(text, most), empty: !other && text.trim() === '', refused }
}

/** Text (first 512 characters) of the newest message with role `user`, from GenAI or OpenAI message lists. */
export function newestUserText(messages: Items | undefined): string | undefined {
  for (let i = (messages?.length ?? 0) - 1; i >= 0; i--) {
    const fields = record(messages?.at(i))
    if (fields?.['role'] !== 'user') continue
    const found = readMessages([fields], 512)
    return found === undefined || found.text === '' ? undefined : found.text
  }
  return undefined
}
