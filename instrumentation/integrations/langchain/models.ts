/**
 * LangChain's models where they are called, so that the fetch layer finds the run: it guards the call and makes its span. A model that does not
 * go through fetch (a local one, an SDK on node:http) is guarded here, and its span made of what LangChain tells of it.
 * Which is which is learned from each class's calls; what is known of LangChain's own packages is only the first guess.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { Answer } from '../../fetch/protocol.ts'
import type { Ending } from '../../fetch/read-answer.ts'
import { GuardError } from '../../guards/guards.ts'
import { bug, contained } from '../../log.ts'
import { beginCall, type CallFacts, endCall, type OpenCall, recordRefusedCall } from '../../model-call.ts'
import { otel, SpanStatusCode } from '../../otel.ts'
import { runtime } from '../../runtime.ts'
import { patchMethod } from '../framework-run.ts'
import { addAnswer, addChunk, factsOf, type Model } from './model-facts.ts'
import { afterwards, carried, NO_RETRY, prototypeOf } from './patching.ts'
import { type Place, placeOf } from './places.ts'

/** A call of a model under way; `isSeen` once an inner layer asked whose it is. */
interface ModelCall {
  isSeen: boolean
  readonly outer: ModelCall | undefined
}
const under = new AsyncLocalStorage<ModelCall>()

/** Tells calls that an inner layer sees from those that only LangChain knows of; locates nothing itself. */
export function noteSeen(): undefined {
  for (let call = under.getStore(); call !== undefined; call = call.outer) call.isSeen = true
}

const FETCHING =
  /^((Azure)?Chat(OpenAI|Anthropic|Google|Mistral|Ollama|Cohere|Groq|XAI|DeepSeek|OpenRouter|Together|Fireworks|Perplexity|Cerebras|Bedrock)|BedrockChat)/
const learned = new WeakMap<object, boolean>()

/** Whether an inner layer sees this model's calls. */
function isSeenBelow(model: object): boolean {
  const known = learned.get(model.constructor)
  if (known !== undefined) return known
  for (let c: unknown = model.constructor; typeof c === 'function' && c.name !== ''; c = Object.getPrototypeOf(c))
    if (FETCHING.test(c.name)) return true
  return false
}

/** A call that failed before it left the process says nothing. */
function learn(model: object, call: ModelCall, failed: boolean): void {
  if (call.isSeen || !failed) learned.set(model.constructor, call.isSeen)
}

/** Patches `BaseChatModel` or `BaseLLM`. */
export function patchModel(exports: Readonly<Record<string, unknown>>, name: 'BaseChatModel' | 'BaseLLM'): boolean {
  const prototype = prototypeOf(exports, name)
  if (prototype === undefined) return false
  const isChat = name === 'BaseChatModel'
  const ownChunks = (prototype as Model)._streamResponseChunks
  patchMethod(
    prototype,
    '_generateUncached',
    (original) =>
      function (this: unknown, ...args) {
        const model = this as Model
        const [input, options, config] = args
        const place = contained('langchain model', () => at(config))
        const call = { isSeen: false, outer: under.getStore() }
        const work = (): Promise<unknown> => under.run(call, () => original.apply(this, args) as Promise<unknown>)
        if (!isSeenBelow(model))
          return generated({ model, call, place, facts: () => factsOf(model, input, options, { isChat, stream: false }) }, work)
        return afterwards(
          place === undefined ? work() : place.within(work),
          () => learn(model, call, false),
          () => learn(model, call, true),
        )
      },
  )
  patchMethod(
    prototype,
    '_streamIterator',
    (original) =>
      function (this: unknown, ...args) {
        const model = this as Model
        const inner = original.apply(this, args) as AsyncGenerator<unknown>
        // Then it calls `invoke`, which comes to `_generateUncached`.
        if (model._streamResponseChunks === ownChunks || model.disableStreaming === true) return inner
        const [input, options] = args
        const place = contained('langchain model', () => at(options))
        const call = { isSeen: false, outer: under.getStore() }
        const work = <R>(step: () => R): R => under.run(call, step)
        if (!isSeenBelow(model))
          return streamed({ model, call, place, facts: () => factsOf(model, [input], options, { isChat, stream: true }) }, inner, work)
        return carried(
          inner,
          (step) => (place === undefined ? work(step) : place.within(() => work(step))),
          (how) => learn(model, call, how !== 'done'),
        )
      },
  )
  return true
}

/** The place of a call by its configuration; opens the chain around it. */
function at(config: unknown): Place | undefined {
  const place = placeOf((config as { callbacks?: unknown } | undefined)?.callbacks)
  place?.open()
  return place
}

interface OwnCall {
  readonly model: Model
  readonly call: ModelCall
  readonly place: Place | undefined
  readonly facts: () => CallFacts
}

/** A call that no inner layer sees, from its guard to its facts. */
async function generated({ model, call, place, facts }: OwnCall, work: () => Promise<unknown>): Promise<unknown> {
  const open = await begun(place, facts)
  const around = scopeOf(open, place)
  try {
    const result = await around(work)
    learn(model, call, false)
    const answer = new Answer()
    contained('langchain model', () => addAnswer(answer, result))
    end(open, answer, 'complete')
    return result
  } catch (error) {
    learn(model, call, true)
    end(open, new Answer(), { error })
    throw error
  }
}

async function* streamed<T>(
  { model, call, place, facts }: OwnCall,
  inner: AsyncGenerator<T>,
  work: <R>(step: () => R) => R,
): AsyncGenerator<T> {
  const open = await begun(place, facts)
  const around = scopeOf(open, place)
  const answer = new Answer()
  let ending: Ending = 'cancelled'
  const steps = carried(
    inner,
    (step) => around(() => work(step)),
    (how) => learn(model, call, how !== 'done'),
  )
  try {
    for await (const chunk of steps) {
      contained('langchain model', () => addChunk(answer, chunk))
      yield chunk
    }
    ending = 'complete'
  } catch (error) {
    ending = { error }
    throw error
  } finally {
    end(open, answer, ending)
  }
}

/** Asks the guards and opens the span; throws when they refuse. */
async function begun(place: Place | undefined, facts: () => CallFacts): Promise<OpenCall | undefined> {
  let refusal: GuardError | undefined
  try {
    const ready = runtime().guards.controls.ready()
    if (ready !== undefined) await ready
    const about = facts()
    const begin = (): ReturnType<typeof beginCall> => beginCall(about, Date.now())
    const call = place === undefined ? begin() : place.within(begin)
    if (!('refusal' in call)) return call
    const refused = call
    const record = (): void => recordRefusedCall(refused.run, refused.refusal, 'refused', about)
    if (place === undefined) record()
    else place.within(record)
    refusal = Object.assign(new GuardError(refused.refusal), { status: NO_RETRY })
  } catch (error) {
    bug('langchain model', error)
  }
  if (refusal !== undefined) throw refusal
  return undefined
}

function scopeOf(open: OpenCall | undefined, place: Place | undefined): <R>(work: () => R) => R {
  if (open === undefined) return (work) => (place === undefined ? work() : place.within(work))
  return (work) => runtime().runs.within(open.run, () => otel().context.with(open.context, work))
}

function end(open: OpenCall | undefined, answer: Answer, ending: Ending): void {
  if (open === undefined) return
  // A model that tells neither usage nor why it stopped has answered all the same.
  if (ending === 'complete') {
    open.span?.setStatus({ code: SpanStatusCode.OK })
    answer.isComplete = true
  }
  endCall(open, answer, ending, undefined, Date.now())
}
