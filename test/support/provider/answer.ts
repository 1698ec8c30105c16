/**
 * What the provider answers, in no protocol yet: text, or the tools it wants called. Decided by the request alone, so that two equal
 * requests get equal answers. Usage is fixed: whoever knows how many calls a program made knows the true token numbers.
 */
import { object, text, type Json } from './json.ts'

/** OpenAI, Gemini: of 100 input tokens 40 from the cache, of 20 output tokens 8 reasoning. */
export const USAGE = { input: 100, cached: 40, output: 20, reasoning: 8, total: 120 } as const
/** Anthropic, Bedrock: 60 fresh + 30 read + 10 written = 100. */
export const CACHE_USAGE = { fresh: 60, read: 30, written: 10, output: 20, total: 120 } as const
export const EMBEDDING_TOKENS = 10
export const EMBEDDING: readonly number[] = Array.from({ length: 8 }, (_, i) => i / 8)

export const ANSWER = 'The weather in Paris is 21C and sunny.'
export const JSON_ANSWER = '{"answer":"Paris 21C"}'

export interface Tool {
  readonly name: string
  /** JSON Schema of its arguments. */
  readonly schema?: unknown
}

export interface ToolCall {
  readonly name: string
  readonly arguments: Json
}

export type Answer = { readonly text: string } | { readonly tools: readonly ToolCall[] }

export interface Question {
  /** Everything said so far, system instructions included. */
  readonly said: string
  readonly tools: readonly Tool[]
  /** Names of the tools that were called so far. */
  readonly called: readonly string[]
  /** Tool that the request forces. */
  readonly forced?: string
  readonly wantsJson?: boolean
}

const HANDOFF = /^(transfer_to_|handoff)/i
const NEVER_ASKED = /^(final|extract)/i

/** Answers a question; what the words in a prompt do is in test/conformance/README.md. */
export function answerTo(q: Question): Answer {
  const forced = q.tools.find((t) => t.name === q.forced)
  if (forced !== undefined) return { tools: [callOf(forced)] }
  const handoff = q.tools.find((t) => HANDOFF.test(t.name))
  if (handoff !== undefined && !q.called.some((name) => HANDOFF.test(name)))
    return { tools: [{ name: handoff.name, arguments: handoffTo(handoff, q.said) }] }
  const usable = q.tools.filter((t) => !HANDOFF.test(t.name) && !NEVER_ASKED.test(t.name))
  const open = usable.filter((t) => !q.called.includes(t.name))
  if (/\bALLTOOLS\b/.test(q.said) && open.length > 0) return { tools: open.map(callOf) }
  const wanted = /\bUSE:([\w-]+)/.exec(q.said)?.[1]
  const candidates = /\bLOOPFOREVER\b/.test(q.said) ? usable : open
  const tool = wanted === undefined ? candidates[0] : candidates.find((t) => t.name === wanted)
  if (tool !== undefined) return { tools: [callOf(tool)] }
  return { text: q.wantsJson === true ? JSON_ANSWER : ANSWER }
}

/** Where the tool asks whom to hand over to, the one that `TRANSFER:name` in a prompt names. */
function handoffTo(tool: Tool, said: string): Json {
  const [first] = Object.keys(object(object(tool.schema)['properties']))
  const name = /\bTRANSFER:([\w-]+)/.exec(said)?.[1]
  return first === undefined || name === undefined ? {} : { [first]: name }
}

/** Arguments that fit a simple schema: `city` is Paris, everything else has a value of its type. */
function callOf(tool: Tool): ToolCall {
  const properties = Object.entries(object(object(tool.schema)['properties']))
  if (properties.length === 0) return { name: tool.name, arguments: { city: 'Paris' } }
  return {
    name: tool.name,
    arguments: Object.fromEntries(properties.map(([key, schema]) => [key, valueOf(key, text(object(schema)['type']))])),
  }
}

function valueOf(key: string, type: string): unknown {
  if (key === 'city') return 'Paris'
  if (type === 'number' || type === 'integer') return 21
  if (type === 'boolean') return true
  if (type === 'array') return []
  if (type === 'object') return {}
  return 'Paris 21C'
}

/** A text as the pieces in which it is streamed. */
export function piecesOf(whole: string): readonly string[] {
  return whole.split(/(?<= )/)
}
