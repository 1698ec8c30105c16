/**
 * Amazon Bedrock through the AWS SDK, which does not use fetch: a middleware guards and reports Converse, ConverseStream, InvokeModel and its
 * stream. It stands at the first step, outside the SDK's retries (one span for a call with all its attempts) and inside OpenTelemetry's
 * instrumentation of the SDK, whose span is then the call's. A refusal is an AWS exception that is not tried again.
 * Streams are the SDK's own objects, watched while the application reads them.
 */
import { bedrockConverse } from '../fetch/bedrock-converse.ts'
import { bedrockInvoke } from '../fetch/bedrock-invoke.ts'
import { fallbackText } from '../fetch/fetch.ts'
import { Answer, type Json, object, type Protocol, string } from '../fetch/protocol.ts'
import type { Ending } from '../fetch/read-answer.ts'
import { GuardError } from '../guards/guards.ts'
import { bug, contained } from '../log.ts'
import { beginCall, type CallFacts, endCall, type OpenCall, recordRefusedCall } from '../model-call.ts'
import { otel } from '../otel.ts'
import { pinRequest } from '../release-pin.ts'
import type { Refusal, RunScope } from '../run-scope.ts'
import { fingerprint, runtime } from '../runtime.ts'
import { endOpenStreams, failureOf, jsonOf, refusedError, refusedOutput, watchStream, withoutBytes } from './bedrock-output.ts'
import type { Integration } from './integration.ts'

interface Command {
  readonly constructor: { readonly name: string }
  readonly middlewareStack: { add(middleware: unknown, options: Json): void }
}
type Send = (this: unknown, command: Command, optionsOrCallback?: unknown, callback?: unknown) => unknown
/** What a middleware is given and hands on. */
interface Args {
  readonly input: Json
}
interface Result {
  readonly output: Json
}
type Next = (args: Args) => Promise<Result>

/** A command's protocol, and what the same call has as its path over HTTP; `stream` is where its events come. */
interface Operation {
  readonly command: string
  readonly protocol: Protocol
  readonly path: string
  readonly stream?: string
}

const OPERATIONS: ReadonlyMap<string, Operation> = new Map(
  [
    { command: 'ConverseCommand', protocol: bedrockConverse, path: 'converse' },
    { command: 'ConverseStreamCommand', protocol: bedrockConverse, path: 'converse-stream', stream: 'stream' },
    { command: 'InvokeModelCommand', protocol: bedrockInvoke, path: 'invoke' },
    { command: 'InvokeModelWithResponseStreamCommand', protocol: bedrockInvoke, path: 'invoke-with-response-stream', stream: 'body' },
  ].map((o) => [o.command, o]),
)

const PATCHED = Symbol.for('agentopz.bedrock')

export const bedrock: Integration = {
  name: 'bedrock',
  start: () => {
    // Before the last spans are sent.
    for (const event of ['beforeExit', 'exit']) process.on(event, () => contained('open streams', endOpenStreams))
  },
  modules: [
    {
      package: '@aws-sdk/client-bedrock-runtime',
      file: /^dist-cjs\/index\.js$/,
      patch: (exports) => {
        const proto = (exports['BedrockRuntimeClient'] as { prototype?: { send: Send; [PATCHED]?: true } } | undefined)?.prototype
        if (proto === undefined) return false
        if (proto[PATCHED] === true) return true
        Object.defineProperty(proto, PATCHED, { value: true })
        const send = sendWith(proto.send, exports['AccessDeniedException'])
        Object.defineProperty(proto, 'send', { value: send, writable: true, configurable: true })
        return true
      },
    },
  ],
}

/** `send` that gives the command our middleware, and the request a signal of ours beside the caller's. */
function sendWith(original: Send, AccessDenied: unknown): Send {
  return function send(this: unknown, command, optionsOrCallback, callback) {
    const isCallback = typeof optionsOrCallback === 'function'
    const options = contained('bedrock send', () => prepare(command, isCallback ? undefined : optionsOrCallback, AccessDenied))
    if (options === undefined) return original.call(this, command, optionsOrCallback, callback)
    return original.call(this, command, options, isCallback ? optionsOrCallback : callback)
  }
}

function prepare(command: Command, given: unknown, AccessDenied: unknown): Json | undefined {
  const operation = OPERATIONS.get(command.constructor.name)
  if (!runtime().active || operation === undefined) return undefined
  const abort = new AbortController()
  const options = object(given)
  const theirs = options?.['abortSignal']
  // The SDK gives up before it sends.
  if (theirs instanceof AbortSignal && theirs.aborted) return undefined
  const middleware = (next: Next) => (args: Args) => guarded({ operation, next, args, abort, AccessDenied })
  // `override`: the same command may be sent again.
  command.middlewareStack.add(middleware, { step: 'initialize', name: 'agentopzGuard', priority: 'low', override: true })
  if (theirs === undefined) return { ...options, abortSignal: abort.signal }
  // A signal of another make cannot be joined with ours: the caller's goes first, and a kill switch stops the next call.
  return theirs instanceof AbortSignal ? { ...options, abortSignal: AbortSignal.any([theirs, abort.signal]) } : options
}

interface Sent {
  readonly operation: Operation
  readonly next: Next
  readonly args: Args
  readonly abort: AbortController
  readonly AccessDenied: unknown
}

async function guarded(sent: Sent): Promise<Result> {
  const { operation, next, args, abort, AccessDenied } = sent
  let begun: Begun | undefined
  try {
    const ready = runtime().guards.controls.ready()
    if (ready !== undefined) await ready
    begun = begin(operation, args.input)
  } catch (error) {
    bug('bedrock', error)
  }
  if (begun === undefined) return next(args)
  if ('refusal' in begun) return refuse(begun, operation, AccessDenied)
  const { call, input } = begun
  const killed = call.reservation.abort.signal
  const kill = (): void => abort.abort(killed.reason)
  killed.addEventListener('abort', kill, { once: true })
  const end = (answer: Answer, ending: Ending, status?: number): void => {
    killed.removeEventListener('abort', kill)
    endCall(call, answer, ending, status, Date.now())
  }
  try {
    const result = await otel().context.with(call.context, () => next({ ...args, input }))
    contained('bedrock answer', () => read(result.output, { operation, end, killed, AccessDenied }))
    return result
  } catch (error) {
    if (killed.aborted) {
      end(new Answer(), { error: killed.reason })
      throw refusedError(killed.reason as GuardError, AccessDenied)
    }
    const { answer, ending, status } = failureOf(error)
    end(answer, ending, status)
    throw error
  }
}

type Begun =
  | { readonly call: OpenCall; readonly input: Json }
  | { readonly refusal: Refusal; readonly run: RunScope; readonly facts: CallFacts }

/** Reads the input and asks the guards; undefined for a body that cannot be read. */
function begin({ protocol, path }: Operation, input: Json): Begun | undefined {
  const isInvoke = protocol === bedrockInvoke
  const { settings, runs } = runtime()
  const body = isInvoke ? jsonOf(input['body'], settings.maxBodyBytes) : input
  if (body === undefined || !protocol.fits(body)) return undefined
  const now = Date.now()
  const model = string(input['modelId'])
  const pinned = settings.pin.size === 0 ? undefined : pinRequest(protocol, body, runs.locate(now).run, settings.pin)
  const made = pinned?.body ?? body
  const shown = isInvoke ? made : (object(withoutBytes(made)) ?? {})
  const text = JSON.stringify(shown)
  const facts: CallFacts = {
    provider: protocol.provider,
    request: { ...protocol.request(shown, path), model },
    bodyHash: fingerprint(`${model ?? ''} ${text}`),
    bodyLength: text.length,
  }
  const admitted = beginCall(facts, now)
  if ('refusal' in admitted) return { ...admitted, facts }
  if (pinned === undefined) return { call: admitted, input }
  pinned.record(admitted)
  return { call: admitted, input: isInvoke ? { ...input, body: JSON.stringify(pinned.body) } : pinned.body }
}

interface Reading {
  readonly operation: Operation
  readonly killed: AbortSignal
  readonly AccessDenied: unknown
  readonly end: (answer: Answer, ending: Ending, status?: number) => void
}

function read(output: Json, { operation, end, killed, AccessDenied }: Reading): void {
  const { protocol, stream } = operation
  if (stream !== undefined) {
    const events = output[stream] as AsyncIterable<unknown> | undefined
    if (typeof events?.[Symbol.asyncIterator] === 'function')
      watchStream(events, { protocol, end, killed, killedError: () => refusedError(killed.reason as GuardError, AccessDenied) })
    else end(new Answer(), 'incomplete')
    return
  }
  const answer = new Answer()
  const body = protocol === bedrockInvoke ? jsonOf(output['body'], runtime().settings.maxBodyBytes) : output
  if (body !== undefined) protocol.answer(body, answer)
  end(answer, 'complete')
}

/** What a guard gives instead: the fallback as the command's output, else an exception. */
function refuse({ refusal, run, facts }: Extract<Begun, { refusal: Refusal }>, { command }: Operation, AccessDenied: unknown): Result {
  const text = refusal.guard === 'kill_switch' && !facts.request.wantsForm ? fallbackText(refusal) : undefined
  const output = text === undefined ? undefined : refusedOutput(command, facts.request, text)
  recordRefusedCall(run, refusal, output === undefined ? 'refused' : 'fallback', facts)
  if (output === undefined) throw refusedError(new GuardError(refusal), AccessDenied)
  return { output }
}
