/**
 * The words receivers share: what they call, what they count, what they refuse, and the budget of bytes held in memory.
 * Source: OTLP specification 1.9, "OTLP/HTTP" and "OTLP/gRPC"; limits in docs/configuration.md.
 */
import type { Encoding } from './decode/decode.ts'

export type Signal = 'traces' | 'logs' | 'metrics'
export type Protocol = 'http' | 'grpc'

export type RequestRejectReason =
  | 'unauthorized'
  | 'not_found'
  | 'method'
  | 'content_type'
  | 'content_encoding'
  | 'body_too_large'
  | 'decompressed_too_large'
  | 'corrupt_compression'
  | 'undecodable'
  | 'overload'
  | 'aborted'
  | 'timeout'
  | 'framing'

export interface IngestResult {
  readonly total: number
  readonly rejected: number
  readonly message: string
}

export interface ReceiverParts {
  /** Takes a decompressed body that came at `at`; now, when left out. @throws DecodeError when it cannot be decoded. */
  readonly ingest: (signal: Signal, body: Uint8Array, encoding: Encoding, at?: number) => IngestResult
  /** Takes the bytes exactly as received, once they were decoded. Never blocks, never throws. `ticket` names the request in the journal. */
  readonly forward: (signal: Signal, body: Uint8Array, contentType: string, contentEncoding: string, ticket?: number) => void
  /**
   * Where there is a journal: has a request written before `apply` takes it in, and answers after that; `received` must stay as it is
   * until then. @throws Refusal `overload`, or what `apply` throws.
   */
  readonly journal?: (received: Received, apply: (at: number, ticket: number) => IngestResult) => Promise<IngestResult>
  /** Whether the sender may ingest, from its Authorization header. */
  readonly authorise: (authorization: string | undefined) => boolean
  readonly events: ReceiveEvents
  readonly limits: ReceiveLimits
  readonly inflight: InflightBytes
  /** Speaks TLS with this, and nothing else; absent for plain connections. */
  readonly tls?: Tls
}

/** A request whose body could be unpacked. */
export interface Received {
  readonly signal: Signal
  readonly encoding: Encoding
  readonly unpacked: Uint8Array
  /** As it was received. */
  readonly body: Uint8Array
  readonly contentType: string
  readonly contentEncoding: string
}

/** Takes a request in: through the journal where there is one. @throws DecodeError, or Refusal `overload`. */
export async function takeIn(parts: ReceiverParts, received: Received): Promise<IngestResult> {
  const { signal, encoding, unpacked, body, contentType, contentEncoding } = received
  const apply = (at?: number, ticket?: number): IngestResult => {
    const result = parts.ingest(signal, unpacked, encoding, at)
    parts.forward(signal, body, contentType, contentEncoding, ticket)
    return result
  }
  return parts.journal === undefined ? apply() : await parts.journal(received, apply)
}

export interface ReceiveEvents {
  request(protocol: Protocol, signal: Signal | 'other', code: string, bytes: number): void
  rejected(protocol: Protocol, signal: Signal | 'other', reason: RequestRejectReason): void
  internalError(stage: string, error: unknown): void
  /** A connection ended before TLS was agreed on. */
  handshakeFailed?(protocol: Protocol, error: Error): void
}

export interface ReceiveLimits {
  /** Bytes of a body as received. */
  readonly maxBodyBytes: number
  readonly maxDecompressedBytes: number
  /** Decompressed over received bytes, beyond the first MiB. */
  readonly maxCompressionRatio: number
  readonly maxConcurrentRequests: number
  readonly requestTimeoutSeconds: number
}

export const DEFAULT_RECEIVE_LIMITS: ReceiveLimits = {
  maxBodyBytes: 64 * 2 ** 20,
  maxDecompressedBytes: 128 * 2 ** 20,
  maxCompressionRatio: 200,
  maxConcurrentRequests: 256,
  requestTimeoutSeconds: 30,
}

/** What is served over TLS, as PEM. With `ca`, senders must show a certificate that it signed. */
export interface Tls {
  readonly cert: string
  readonly key: string
  readonly ca?: string
}

/** Options of a TLS server. */
export function tlsOptions({ cert, key, ca }: Tls): object {
  return { cert, key, minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: true }) }
}

export interface Receiver {
  readonly port: number
  /** Serves another certificate to connections from now on; only where TLS is spoken. */
  secure?(tls: Tls): void
  /** Stops accepting, lets requests under way finish for at most `graceMs`, then cuts them. */
  close(graceMs: number): Promise<void>
}

/** Where a receiver listens. Port 0 takes any free one. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** Bytes of request bodies held at once by all receivers together; at the bound senders are told to come back. */
export class InflightBytes {
  readonly #max: number
  #bytes = 0
  #requests = 0
  readonly #maxRequests: number

  constructor(maxBytes: number, maxRequests: number) {
    this.#max = maxBytes
    this.#maxRequests = maxRequests
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Takes a place among the concurrent requests. */
  enter(): boolean {
    if (this.#requests >= this.#maxRequests) return false
    this.#requests++
    return true
  }

  leave(): void {
    this.#requests--
  }

  /** Reserves bytes, or says no. One request alone is always let in: a body within its own limit must not be refused for ever. */
  reserve(bytes: number, own = 0): boolean {
    if (this.#bytes > own && this.#bytes + bytes > this.#max) return false
    this.#bytes += bytes
    return true
  }

  release(bytes: number): void {
    this.#bytes -= bytes
  }
}

/** One request's share of the budget. */
export class Place {
  readonly #inflight: InflightBytes
  #entered = false
  #held = 0

  constructor(inflight: InflightBytes) {
    this.#inflight = inflight
  }

  /** @throws Refusal `overload`. */
  enter(): void {
    if (!this.#inflight.enter()) throw new Refusal('overload', 'too many requests at once')
    this.#entered = true
  }

  /** Makes sure that `bytes` are held in all; never gives back before the end. @throws Refusal `overload`. */
  hold(bytes: number): void {
    const more = bytes - this.#held
    if (more <= 0) return
    if (!this.#inflight.reserve(more, this.#held)) throw new Refusal('overload', 'too many bytes in memory')
    this.#held = bytes
  }

  leave(): void {
    if (this.#entered) this.#inflight.leave()
    this.#inflight.release(this.#held)
    this.#entered = false
    this.#held = 0
  }
}

/** Seconds a refused sender should wait: spread, so that they do not come back at once. */
export function retryAfterSeconds(): number {
  return 1 + Math.floor(Math.random() * 5)
}

/** A request that is refused; becomes an HTTP or gRPC status by the receiver that sees it. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly reason: RequestRejectReason
  constructor(reason: RequestRejectReason, message: string) {
    super(message)
    this.reason = reason
  }
}
