/**
 * One OTLP/HTTP request. Never rejects, and never keeps the process alive: who wants to wait for it holds the process himself.
 */
import type { Agent as HttpAgent } from 'node:http'
import type { Agent as HttpsAgent } from 'node:https'
import { promisify } from 'node:util'
import { http, https, zlib } from '../node-http.ts'
import type { OtlpTarget } from './target.ts'

export type Sent =
  | { readonly ok: true }
  /** `again`: what failed may work later, not before `afterMs`. */
  | { readonly ok: false; readonly again: boolean; readonly afterMs?: number; readonly reason: string }

export interface Sending {
  readonly done: Promise<Sent>
  /** True once every byte was handed to the operating system, which delivers them even when the process ends. */
  isHandedOver(): boolean
}

/** Statuses after which the specification has a request sent again. */
const AGAIN: ReadonlySet<number> = new Set([429, 502, 503, 504])
/** A batch a second: one connection, kept open between them. */
const KEPT = { keepAlive: true, maxSockets: 1 } as const
let httpAgent: HttpAgent | undefined
let httpsAgent: HttpsAgent | undefined

/** Sends `body`, within `timeoutMs`. */
export function send(target: OtlpTarget, body: string, timeoutMs: number): Sending {
  let isHandedOver = false
  const done = (async (): Promise<Sent> => {
    try {
      const bytes = target.gzip ? await promisify(zlib().gzip)(body) : Buffer.from(body)
      const handedOver = (): void => void (isHandedOver = true)
      const first = await post(target, bytes, timeoutMs, handedOver)
      // A kept connection that the other side has just closed: that is no answer.
      return first.isStale === true ? await post(target, bytes, timeoutMs, handedOver) : first
    } catch (error) {
      return { ok: false, again: false, reason: reasonOf(error) }
    }
  })()
  return { done, isHandedOver: () => isHandedOver }
}

function post(
  target: OtlpTarget,
  bytes: Buffer,
  timeoutMs: number,
  handedOver: () => void,
): Promise<Sent & { readonly isStale?: boolean }> {
  const { url, headers, gzip: isGzip, tls } = target
  const options = {
    method: 'POST',
    headers: { ...headers, 'content-length': bytes.byteLength, ...(isGzip ? { 'content-encoding': 'gzip' } : {}) },
  }
  return new Promise((done) => {
    const isTls = url.startsWith('https:')
    const sent = isTls
      ? https().request(url, { ...options, ...tls, agent: (httpsAgent ??= new (https().Agent)(KEPT)) })
      : http().request(url, { ...options, agent: (httpAgent ??= new (http().Agent)(KEPT)) })
    // The timer is for the whole request: a server that answers byte by byte is no better than one that is silent.
    const timer = setTimeout(() => sent.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs).unref()
    const end = (result: Sent): void => {
      clearTimeout(timer)
      done(result)
    }
    const failed = (error: Error): void => {
      const isStale = sent.reusedSocket && /^(ECONNRESET|EPIPE)$/.test((error as NodeJS.ErrnoException).code ?? '')
      clearTimeout(timer)
      done({ ok: false, again: true, reason: reasonOf(error), isStale })
    }
    sent.on('socket', (socket) => socket.unref())
    sent.on('finish', handedOver)
    sent.on('error', failed)
    sent.on('response', (response) => {
      response.resume()
      response.on('error', (error) => end({ ok: false, again: true, reason: reasonOf(error) }))
      response.on('end', () => end(outcomeOf(response.statusCode ?? 0, response.headers['retry-after'])))
    })
    sent.end(bytes)
  })
}

function outcomeOf(status: number, retryAfter: string | undefined): Sent {
  if (status >= 200 && status < 300) return { ok: true }
  const seconds = Number(retryAfter)
  const afterMs = retryAfter !== undefined && seconds >= 0 ? { afterMs: seconds * 1000 } : {}
  return { ok: false, again: AGAIN.has(status), reason: `HTTP ${status}`, ...afterMs }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message || error.name : String(error))
