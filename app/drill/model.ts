/**
 * How the drills' provider answers: a request and the agent's conditions → a chat completion. Pure but for the random numbers it is given.
 * It behaves as a model that does what it is told: it searches before it answers, names its source where the prompt says so, goes on searching
 * where the prompt says that, and answers badly about what it could not find.
 */
import { type Conditions, OTHER_TOOL, PROMPTS, TOOL } from './conditions.ts'

interface Message {
  readonly role: string
  readonly content?: string | null
  readonly tool_calls?: readonly unknown[]
}

/** As much of a request as is looked at. */
export interface Asked {
  readonly model: string
  readonly messages: readonly Message[]
  readonly tools?: readonly {
    readonly function: { readonly name: string; readonly parameters: { readonly required: readonly string[] } }
  }[]
}

export interface Answer {
  readonly body: object
  /** Factor of the usual time. */
  readonly slowness: number
}

/** Chance that an answer names no source: without being asked for it, without having found anything, about an unusual letter. */
const UNASKED = 0.5
const UNFOUND = 0.85
const UNUSUAL = 0.35
/** Identical searches of a run whose prompt asks for certainty, and how many runs take it at its word. */
const SEARCHES = 6
const ENDLESS = 0.4
const SECOND_TOOL = 0.4
/** How often the model still sends the argument that a schema had before. */
const OLD_ARGUMENT = 0.55

/** The answer to one request. */
export function answerOf(asked: Asked, now: Conditions, random: () => number, id: string): Answer {
  const { messages } = asked
  const searched = messages.filter((m) => m.role === 'tool')
  const next = toolCall(asked, searched, now, random)
  const text = next === undefined ? textOf(asked, searched, now, random) : ''
  const finish = next === undefined ? finishOf(now, random) : 'tool_calls'
  const model = now.answeredAs ?? asked.model
  const prompt = Math.round(messages.reduce((n, m) => n + (m.content ?? '').length, 0) / 4) + 60 * (asked.tools?.length ?? 0)
  const completion = Math.max(1, Math.round((next === undefined ? 60 + 60 * random() : 20) * now.wordy))
  const message = next === undefined ? { role: 'assistant', content: text } : { role: 'assistant', content: null, tool_calls: [next(id)] }
  return {
    slowness: now.wordy,
    body: {
      id,
      object: 'chat.completion',
      created: 1_760_000_000,
      model,
      choices: [{ index: 0, message, logprobs: null, finish_reason: finish }],
      usage: { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion },
    },
  }
}

/** The tool that is asked for next, if any. */
function toolCall(asked: Asked, searched: readonly Message[], now: Conditions, random: () => number): ((id: string) => object) | undefined {
  const question = asked.messages.find((m) => m.role === 'user')?.content ?? ''
  const call =
    (name: string, given: Record<string, string>): ((id: string) => object) =>
    (id) => ({
      id: `call_${id}`,
      type: 'function',
      function: { name, arguments: JSON.stringify(given) },
    })
  const wants = asked.tools?.find((t) => t.function.name === TOOL)?.function.parameters.required[0] ?? 'query'
  if (now.isRunaway && question.startsWith(RUNAWAY)) return call(TOOL, { [wants]: `${question} ${searched.length}` })
  if (searched.length === 0) {
    const argument = wants !== 'query' && random() < OLD_ARGUMENT ? 'query' : wants
    return call(TOOL, { [argument]: question.slice(0, 60) })
  }
  if (isEndless(asked)) {
    // Decided by the question, so that a run goes on as it began.
    const goesOn = hashed(question) < ENDLESS && searched.length < SEARCHES
    return goesOn ? call(TOOL, { [wants]: question.slice(0, 60) }) : undefined
  }
  return searched.length === 1 && hashed(question) < SECOND_TOOL ? call(OTHER_TOOL, { topic: question.slice(0, 20) }) : undefined
}

/** Questions that begin so are answered without end while the condition holds. */
export const RUNAWAY = 'Check every order'

function isEndless({ messages }: Asked): boolean {
  return (messages.find((m) => m.role === 'system')?.content ?? '').includes(ENDLESS_WORDS)
}
const ENDLESS_WORDS = PROMPTS.endless.slice(-36)
const SOURCE_WORDS = 'Name the source'

function textOf(asked: Asked, searched: readonly Message[], now: Conditions, random: () => number): string {
  const system = asked.messages.find((m) => m.role === 'system')?.content ?? ''
  const found = searched[0]?.content ?? ''
  const chances = [
    now.careless,
    system.includes(SOURCE_WORDS) ? 0 : UNASKED,
    found === '' || found === '[]' || found.startsWith('error') ? UNFOUND : 0,
    now.inputs === 'other' ? UNUSUAL : 0,
  ]
  const names = random() < chances.reduce((good, chance) => good * (1 - chance), 1)
  return names ? 'Your order was sent on Tuesday [orders].' : 'Your order is surely on its way.'
}

function finishOf({ filtered, truncated }: Conditions, random: () => number): string {
  const roll = random()
  if (roll < filtered) return 'content_filter'
  return roll < filtered + truncated ? 'length' : 'stop'
}

/** A number in [0, 1) that is always the same for a text. */
export function hashed(text: string): number {
  let h = 2_166_136_261
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 16_777_619)
  h ^= h >>> 15
  h = Math.imul(h, 0x2c1b3c6d)
  return ((h ^ (h >>> 12)) >>> 0) / 2 ** 32
}
