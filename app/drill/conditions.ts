/**
 * What a drill may do to its agent: conditions are what is wrong at the moment, prompts are what a release can hold. Shared by the provider
 * (which answers by them), the agent process (whose tools and traffic follow them) and the classes (which change them). Plain data: it travels
 * between processes. `HEALTHY` is an agent that nothing is wrong with.
 */

/** Shares are of runs, or of calls of the tool. */
export interface Conditions {
  readonly runsPerSecond: number
  /** Answers that the provider's filter takes back. */
  readonly filtered: number
  /** Answers cut off at the token limit. */
  readonly truncated: number
  /** Answers that name no source although the prompt asks for it. */
  readonly careless: number
  /** Factor of the tokens and of the time of an answer. */
  readonly wordy: number
  /** Model that the application asks for, and the one that the provider says it was. */
  readonly model: string
  readonly answeredAs?: string
  /** Calls of the first tool that throw, and that find nothing. */
  readonly toolFailing: number
  readonly toolEmpty: number
  /** Version of the tools' schemas: 2 asks for another argument, which the model misses half of the time. */
  readonly toolVersion: 1 | 2
  /** What users send: `other` is long letters in place of short questions, and answered worse. */
  readonly inputs: 'usual' | 'other'
  /** One run goes on and on, its context growing, until something stops it. */
  readonly isRunaway: boolean
}

export const MODEL = 'gpt-5-mini'
export const OTHER_MODEL = 'gpt-5-nano'
/** The tool that drills break; there is a second one that stays well. */
export const TOOL = 'search_orders'
export const OTHER_TOOL = 'read_policy'
/** The application's own check of every answer: whether it names its source. */
export const CHECK = 'names_source'
/** What callers get while the agent is disabled. */
export const FALLBACK = 'Our assistant is having a rest. A colleague answers by mail within the hour.'

export const HEALTHY: Conditions = {
  runsPerSecond: 2.5,
  filtered: 0.001,
  truncated: 0.002,
  careless: 0.01,
  wordy: 1,
  model: MODEL,
  toolFailing: 0.004,
  toolEmpty: 0.01,
  toolVersion: 1,
  inputs: 'usual',
  isRunaway: false,
}

/** Prompts of the releases. The provider reacts to what they say: an answer names its source where it is asked to. */
export const PROMPTS = {
  good: 'You answer customers about their orders. Search the orders before you answer. Name the source of every fact in brackets.',
  other:
    'You are the assistant of a shop and answer customers about their orders. Search the orders first. Name the source of every fact in brackets.',
  bad: 'You answer customers about their orders. Search the orders before you answer. Be brief and friendly.',
  endless: 'You answer customers about their orders. Name the source of every fact in brackets. Search again until you are certain.',
} as const
export type PromptName = keyof typeof PROMPTS

/** What the agent process tells of a run. */
export interface RunReport {
  readonly agent: string
  readonly beganMs: number
  readonly endedMs: number
  /** `error`: the caller got an exception. */
  readonly answered: 'model' | 'fallback' | 'error'
  /** Release that the run read its prompt from; absent where none was active. */
  readonly release?: string
}

/** From the drill to the agent process, and back. */
export type ToAgent = { readonly kind: 'conditions'; readonly agent: string; readonly conditions: Conditions } | { readonly kind: 'stop' }
export type FromAgent = { readonly kind: 'ready'; readonly sdk: string } | { readonly kind: 'runs'; readonly runs: readonly RunReport[] }
