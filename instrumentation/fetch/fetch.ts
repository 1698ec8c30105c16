/**
 * The fetch layer: every model call that goes through `globalThis.fetch` is guarded, counted and given a span, whichever SDK makes it, bundled or
 * not, with no SDK patched. The application gets the very response object that fetch gave, read as it reads it. Other functions of fetch's
 * shape (node-fetch, an SDK client's `fetch` option) get the same layer by `wrapFetch`.
 * A refused call gets the fallback in the provider's own shape where that ends a loop cleanly, else 403 with `x-should-retry: false`, which
 * every SDK gives up on at the first attempt. Why here and not in each SDK: docs/decisions/0010-instrumentation-at-fetch.md
 */
import { randomUUID } from 'node:crypto'
import { AsyncLocalStorage } from 'node:async_hooks'
import { BoundedMap } from '../bounded-map.ts'
import { beginCall, type CallFacts, endCall, type OpenCall, recordRefusedCall, refusalText } from '../model-call.ts'
import { bug, contained, sayOnce } from '../log.ts'
import { endAllLeft } from '../left-calls.ts'
import { otel } from '../otel.ts'
import { pinRequest } from '../release-pin.ts'
import type { Refusal, RunScope } from '../run-scope.ts'
import { fingerprint, runtime } from '../runtime.ts'
import { observeBody } from './observe.ts'
import { isNodeStream } from './observe-node.ts'
import { Answer, type Protocol } from './protocol.ts'
import { providerOf } from './protocols.ts'
import { AnswerReader, type Ending, formOf } from './read-answer.ts'
import { attemptOf, bodyText, headersOf, type Init, type Input, isAborted, meantFor, type Target, targetOf, withSignal } from './request.ts'

type Fetch = typeof globalThis.fetch

const WRAPPED = Symbol.for('agentopz.fetch')

/** URL of the call that an outer layer is sending: a client's own fetch usually ends in the global one, and one call is one call. */
const sending = new AsyncLocalStorage<string>()

/**
 * Told of every call that may go ahead, in the asynchronous context it is made in; what it returns is told how the call ended. For frameworks
 * whose own code hears nothing of a stream that its reader left.
 */
export type CallObserver = (call: OpenCall) => ((ending: Ending) => void) | undefined
const observers: CallObserver[] = []

/** Adds an observer of model calls. */
export function observeCalls(observer: CallObserver): void {
  observers.push(observer)
}

/** Puts the layer around `globalThis.fetch`, once. */
export function installFetch(): void {
  if (typeof globalThis.fetch === 'function') globalThis.fetch = wrapFetch(globalThis.fetch)
}

/** A fetch with the layer around it; itself where it has the layer already. */
export function wrapFetch(original: Fetch & { [WRAPPED]?: true }): Fetch {
  if (original[WRAPPED] === true) return original
  const wrapped = function fetch(this: unknown, input: Input, init?: Init): Promise<Response> {
    const target = contained('url', () => targetOf(input, init))
    if (target === undefined || sending.getStore() === target.url.href || isAborted(input, init)) return original.call(this, input, init)
    return guarded((i, n) => original.call(this, i, n), { input, init, ...target })
  }
  Object.defineProperty(wrapped, WRAPPED, { value: true })
  return wrapped as Fetch
}

/** An abort with a reason of the caller's own is thrown as that reason, whatever it is; to us it is an abort all the same. */
function abortOf(error: unknown, { input, init }: Made): unknown {
  const signal = init?.signal ?? (input instanceof Request ? input.signal : undefined)
  const isTheirs = signal?.aborted === true && signal.reason === error
  return isTheirs && (error as { name?: unknown } | undefined)?.name !== 'TimeoutError' ? new DOMException('', 'AbortError') : error
}

interface Made extends Target {
  readonly input: Input
  readonly init: Init
}

async function guarded(send: (input: Input, init: Init) => Promise<Response>, made: Made): Promise<Response> {
  let prepared: Prepared | undefined
  try {
    const ready = runtime().guards.controls.ready()
    if (ready !== undefined) await ready
    prepared = await prepare(made)
  } catch (error) {
    bug('fetch', error)
  }
  if (prepared === undefined) return send(made.input, made.init)
  if ('refusal' in prepared) return refused(prepared, made.protocol)
  const { call, init, release } = prepared
  const told = contained('call observers', () => observers.map((observe) => observe(call))) ?? []
  const end: End = (answer, ending, status) => {
    endCall(call, answer, ending, status, Date.now())
    for (const tell of told) contained('call observers', () => tell?.(ending))
  }
  let response: Response
  try {
    response = await otel().context.with(call.context, () => sending.run(made.url.href, () => send(made.input, init)))
  } catch (error) {
    release()
    end(new Answer(), { error: contained('abort', () => abortOf(error, made)) ?? error }, undefined)
    throw error
  }
  return watched(response, { call, protocol: made.protocol, end, release })
}

/** Apart from `guarded`, whose closures would keep the response from being collected. */
function watched(response: Response, how: Observing): Response {
  const seen = contained('response', () => observed(response, how))
  if (seen === undefined) how.end(new Answer(), 'incomplete', response.status)
  return seen ?? response
}

interface Observing {
  readonly call: OpenCall
  readonly protocol: Protocol
  readonly end: End
  readonly release: () => void
}
type End = (answer: Answer, ending: Ending, status: number | undefined) => void

type Prepared = Ready | Refused
interface Ready {
  readonly call: OpenCall
  readonly init: Init
  /** Lets go of the caller's signal; for when nothing is to be aborted any more. */
  readonly release: () => void
}
interface Refused {
  readonly refusal: Refusal
  readonly run: RunScope
  readonly facts: CallFacts
}

/** Reads the request and asks the guards. Undefined for a request that is no model call after all. */
async function prepare({ input, init, url, protocol }: Made): Promise<Prepared | undefined> {
  const { settings, runs } = runtime()
  const isStreamed = init?.body instanceof ReadableStream && protocol.isSure === true
  // Of a body that is a stream nothing can be asked; a path that no other API has is enough then.
  const text = isStreamed ? '{}' : await bodyText(input, init, settings.maxBodyBytes)
  const read = isStreamed ? {} : meantFor(protocol, text)
  if (text === undefined || read === undefined) return undefined
  const now = Date.now()
  const pinned = settings.pin.size === 0 || isStreamed ? undefined : pinRequest(protocol, read, runs.locate(now).run, settings.pin)
  const body = pinned?.body ?? read
  const headers = headersOf(input, init)
  const request = protocol.request(body, url.pathname, headers)
  let hash: string | undefined
  const facts: CallFacts = {
    provider: providerOf(url.hostname, protocol, headers.get('user-agent') ?? ''),
    request,
    // The path too: Google and Bedrock have the model there, and equal bodies to two models are two requests. Most calls need none.
    get bodyHash() {
      return (hash ??= `${url.pathname} ${isStreamed ? randomUUID() : fingerprint(text)}`)
    },
    bodyLength: text.length,
    host: url.hostname,
    ...(url.port === '' ? {} : { port: Number(url.port) }),
    ...attemptOf(headers.get('x-stainless-retry-count') ?? ''),
  }
  if (facts.attempt !== 0 && failed.size > 0) failed.take(facts.bodyHash)?.cancelled()
  const begun = beginCall(facts, now)
  if ('refusal' in begun) return { ...begun, facts }
  contained('release pin', () => pinned?.record(begun))
  const changed = body === read ? undefined : JSON.stringify(body)
  // From here on the call is under way: without our signal where that cannot be added, but never forgotten.
  return { call: begun, ...(contained('request', () => initFor(input, init, begun, changed)) ?? { init, release: () => undefined }) }
}

/** The init to send: the caller's, with our abort signal beside its own, and another body where a release is pinned. */
function initFor(input: Input, init: Init, call: OpenCall, body: string | undefined): Omit<Ready, 'call'> {
  const theirs = init?.signal ?? (input instanceof Request ? input.signal : undefined)
  const { signal, release } = withSignal(theirs ?? undefined, call.reservation.abort.signal)
  if (body === undefined) return { init: { ...init, signal }, release }
  const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined))
  headers.delete('content-length')
  return { init: { ...init, signal, body, headers }, release }
}

/** Bodies that nobody reads end their call when they are collected, or at exit. */
const unread = new FinalizationRegistry<AnswerReader>((reader) => reader.cancelled())
const open = new BoundedMap<AnswerReader, true>(10_000, (_, reader) => reader.cancelled())
/** Failures whose body was not read yet, by the request's hash: the retry comes first in SDKs that do not read it, and ends them. */
const failed = new BoundedMap<string, AnswerReader>(1000)

/** Ends the calls whose bodies nobody reads any more; before the last spans are sent. */
export function endOpenCalls(): void {
  for (const [reader] of open.entries()) reader.cancelled()
  endAllLeft()
}

function observed(response: Response, { call, protocol, end, release }: Observing): Response {
  const { settings } = runtime()
  const { status } = response
  const form = formOf(response.headers.get('content-type') ?? '')
  const reader = new AnswerReader(protocol, form, settings.maxBodyBytes, (ending) => {
    if (reader.malformed) sayOnce('malformed', 'info', `an answer of ${call.facts.provider} could not be read whole; its usage is unknown`)
    open.delete(reader)
    unread.unregister(reader)
    if (status >= 400 && failed.get(call.facts.bodyHash) === reader) failed.delete(call.facts.bodyHash)
    end(reader.answer, ending, status)
  })
  // With node-fetch a request goes on when its body is left: only the signal ends it then.
  const endsWithBody = !isNodeStream(response.body)
  reader.closed = (isWhole) => {
    if (isWhole || endsWithBody) release()
  }
  open.set(reader, true)
  if (status >= 400) failed.set(call.facts.bodyHash, reader)
  if (response.body === null) {
    reader.end()
    return response
  }
  unread.register(response, reader, reader)
  return observeBody(response, reader, { abort: call.reservation.abort.signal })
}

/** The answer a guard gives. */
function refused({ refusal, run, facts }: Refused, protocol: Protocol): Response {
  const text = refusal.guard === 'kill_switch' && !facts.request.wantsForm ? fallbackText(refusal) : undefined
  const synthetic = text === undefined ? undefined : contained('fallback', () => protocol.fallback?.(facts.request, text))
  const headers = { 'x-should-retry': 'false', 'x-agentopz-guard': refusal.guard }
  recordRefusedCall(run, refusal, synthetic === undefined ? 'refused' : 'fallback', facts)
  if (synthetic !== undefined)
    return new Response(synthetic.body, { status: 200, headers: { ...headers, 'content-type': synthetic.contentType } })
  const { code, message } = refusalText(refusal)
  return new Response(JSON.stringify(protocol.error(code, message)), {
    status: 403,
    headers: { ...headers, 'content-type': 'application/json' },
  })
}

/** A URL is told, not followed: the model's answer is what the user reads. */
export function fallbackText({ fallback }: Refusal): string | undefined {
  if (fallback === undefined || fallback === '') return undefined
  return /^https?:\/\//.test(fallback) ? `This assistant is paused. Please go to ${fallback}` : fallback
}
