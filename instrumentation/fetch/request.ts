/**
 * What is asked with a fetch, read from its arguments in whatever form they come, and nothing consumed: where it goes, its body as text, its
 * headers, its signal. Bodies are bounded; one of unknown length is left alone.
 */
import { BoundedMap } from '../bounded-map.ts'
import { sayOnce } from '../log.ts'
import { type Json, object, type Protocol } from './protocol.ts'
import { protocolOf } from './protocols.ts'

type Fetch = typeof globalThis.fetch
export type Input = Parameters<Fetch>[0]
export type Init = Parameters<Fetch>[1]

export interface Target {
  readonly url: URL
  readonly protocol: Protocol
}
/** Addresses seen lately, since an agent calls the same ones again and again. */
const targets = new BoundedMap<string, Target>(200)

/** Where a POST goes, when it goes to a model. */
export function targetOf(input: Input | null | undefined, init: Init): Target | undefined {
  const request = typeof input === 'object' && input !== null && 'url' in input ? input : undefined
  const method: unknown = init?.method ?? request?.method
  if (typeof method !== 'string' || method.toUpperCase() !== 'POST') return undefined
  const text = typeof input === 'string' ? input : input instanceof URL ? input.href : request?.url
  if (text === undefined) return undefined
  const known = targets.get(text)
  if (known !== undefined) return known
  // Of a relative or broken address there is none; fetch says what is wrong with it.
  const url = URL.parse(text)
  const protocol = url === null ? undefined : protocolOf(url.pathname)
  if (url === null || protocol === undefined) return undefined
  const target = { url, protocol }
  targets.set(text, target)
  return target
}

/** Aborted before it began: nothing will be sent. */
export function isAborted(input: Input, init: Init): boolean {
  const signal = init?.signal ?? (input instanceof Request ? input.signal : undefined)
  return signal?.aborted === true
}

/** A signal that is aborted with either; by listeners, since AbortSignal.any costs four times as much, most of it in the garbage collector. */
export function withSignal(
  theirs: AbortSignal | undefined,
  ours: AbortSignal,
): { readonly signal: AbortSignal; readonly release: () => void } {
  if (theirs === undefined) return { signal: ours, release: () => undefined }
  // A signal of another kind (a polyfill) cannot be joined.
  if (!(theirs instanceof AbortSignal)) return { signal: theirs, release: () => undefined }
  const either = new AbortController()
  if (theirs.aborted) either.abort(theirs.reason)
  const forward = (): void => either.abort(theirs.reason)
  theirs.addEventListener('abort', forward, { once: true })
  ours.addEventListener('abort', () => either.abort(ours.reason), { once: true })
  return { signal: either.signal, release: () => theirs.removeEventListener('abort', forward) }
}

/** A body as text where that costs nothing to read; a stream of unknown length is left alone. */
export async function bodyText(input: Input, init: Init, maxBytes: number): Promise<string | undefined> {
  const body: unknown = init?.body
  if (typeof body === 'string') return body.length <= maxBytes ? body : tooLarge(body.length)
  if (body instanceof Uint8Array) return body.byteLength <= maxBytes ? new TextDecoder().decode(body) : tooLarge(body.byteLength)
  if (body instanceof ArrayBuffer) return body.byteLength <= maxBytes ? new TextDecoder().decode(body) : tooLarge(body.byteLength)
  if ((body === undefined || body === null) && input instanceof Request && input.body !== null) {
    const length = Number(input.headers.get('content-length') ?? 0)
    return length <= maxBytes ? await streamText(input.clone().body, maxBytes) : tooLarge(length)
  }
  return undefined
}

/** Text of a request's body, whose length is not known before. */
async function streamText(body: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<string | undefined> {
  const reader = body?.getReader()
  const chunks: Uint8Array[] = []
  let bytes = 0
  for (let read = await reader?.read(); read?.done === false; read = await reader?.read()) {
    bytes += read.value.byteLength
    if (bytes > maxBytes) {
      // Not waited for: one branch of a copied stream is done with cancelling when the other one is, which is not read yet.
      void reader?.cancel()
      return tooLarge(bytes)
    }
    chunks.push(read.value)
  }
  return Buffer.concat(chunks).toString()
}

function tooLarge(bytes: number): undefined {
  sayOnce('body', 'warn', `a request of ${bytes} bytes is over AGENTOPZ_MAX_BODY_BYTES and was neither guarded nor reported`)
}

/** The body, when it can be meant for this protocol. */
export function meantFor(protocol: Protocol, text: string | undefined): Json | undefined {
  const body = text === undefined ? undefined : parseBody(text)
  return body !== undefined && protocol.fits(body) ? body : undefined
}

function parseBody(text: string): Json | undefined {
  if (!text.trimStart().startsWith('{')) return undefined
  try {
    return object(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** Attempt number, from the header that OpenAI's and Anthropic's SDKs send. */
export function attemptOf(count: string): { readonly attempt?: number } {
  return /^\d{1,4}$/.test(count) ? { attempt: Number(count) } : {}
}

/** The headers, to be asked for by name in lower case. */
export function headersOf(input: Input, init: Init): Pick<Headers, 'get'> {
  const headers: unknown = init?.headers ?? (input instanceof Request ? input.headers : undefined)
  if (typeof headers !== 'object' || headers === null) return { get: () => null }
  if ('get' in headers && typeof headers.get === 'function') return headers as Headers
  if (Symbol.iterator in headers) return new Headers(headers as [string, string][])
  // An object, as most SDKs send it, is searched as it is: Headers would check and copy everything.
  const values = headers as Readonly<Record<string, unknown>>
  return {
    get: (name) => {
      const key = Object.keys(values).find((k) => k.length === name.length && k.toLowerCase() === name)
      return key === undefined ? null : String(values[key])
    },
  }
}
