/**
 * The words receivers share: what they call, what they count, and how a request is let in (receive-room.ts), taken (receive-take.ts) or
 * refused (refusal.ts).
 * Source: OTLP specification 1.9, "OTLP/HTTP" and "OTLP/gRPC"; limits in docs/configuration.md.
 */
import type { Encoding } from './decode/decode.ts'
import { type InflightBytes, Place } from './receive-room.ts'
import { Refusal, type RequestRejectReason } from './refusal.ts'

export { InflightBytes, Place } from './receive-room.ts'
export { COME_BACK, Refusal, type RequestRejectReason, retryAfterSeconds } from './refusal.ts'

export type Signal = 'traces' | 'logs' | 'metrics'
export type Protocol = 'http' | 'grpc'

export interface IngestResult {
  readonly total: number
  readonly rejected: number
  readonly message: string
}

/** Does a part of a request's work, in one go, so that what it meets can be told to be of that request. */
export type Within = <T>(work: () => T) => T

export interface ReceiverParts {
  /** Takes a decompressed body that came at `at`; now, when left out. @throws DecodeError when it cannot be decoded. */
  readonly ingest: (signal: Signal, body: Uint8Array, encoding: Encoding, at?: number) => IngestResult
  /**
   * Checks a large body whole, where it can in turns, and gives slices of about `bytes` of it; undefined for what `ingest` must take or refuse
   * at once. Without it all bodies are taken at once. @throws what `ingest` would throw.
   */
  readonly slices?: Slices
  /** Says that all of a request was ingested. */
  readonly ended?: () => void
  /** What of a body is to be ingested here; all of it when left out. */
  readonly own?: (signal: Signal, body: Uint8Array, encoding: Encoding) => Uint8Array
  /** Takes the bytes exactly as received, once they were decoded. Never blocks, never throws. `ticket` names the request in the journal. */
  readonly forward: (signal: Signal, body: Uint8Array, contentType: string, contentEncoding: string, ticket?: number) => void
  /**
   * Where there is a journal: has a request written before `apply` takes it in, and answers after that; `received` must stay as it is
   * until then. @throws Refusal `overload`, or what `apply` throws.
   */
  readonly journal?: (
    received: Received,
    apply: (at: number, ticket: number, within?: Within) => IngestResult | Promise<IngestResult>,
  ) => Promise<IngestResult>
  /** Whether the sender may ingest, from its Authorization header. */
  readonly authorise: (authorization: string | undefined) => boolean
  /** Name of the token in an Authorization header, where there is one; not asked of those who may not ingest. */
  readonly sender?: (authorization: string | undefined) => string | undefined
  /** Why nothing is taken in for want of memory; undefined while there is enough. */
  readonly memory?: () => string | undefined
  readonly events: ReceiveEvents
  readonly limits: ReceiveLimits
  readonly inflight: InflightBytes
  /** Speaks TLS with this, and nothing else; absent for plain connections. */
  readonly tls?: Tls
}

export type Slices = (
  signal: 'traces' | 'logs',
  body: Uint8Array,
  encoding: Encoding,
  bytes: number,
) => Generator<undefined, Iterable<Uint8Array> | undefined>

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

export interface ReceiveEvents {
  request(protocol: Protocol, signal: Signal | 'other', code: string, bytes: number): void
  rejected(protocol: Protocol, signal: Signal | 'other', reason: RequestRejectReason, sender?: string): void
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
  /** gRPC connections without a call for so long are ended. */
  readonly grpcIdleSeconds: number
  /** Compressed bodies above this are unpacked on the thread pool. */
  readonly unpackInlineBytes: number
  /** Unpacked bodies above this are taken in slices of about so many bytes. */
  readonly sliceAboveBytes: number
  readonly sliceBytes: number
}

export const DEFAULT_RECEIVE_LIMITS: ReceiveLimits = {
  maxBodyBytes: 64 * 2 ** 20,
  maxDecompressedBytes: 128 * 2 ** 20,
  maxCompressionRatio: 200,
  maxConcurrentRequests: 256,
  requestTimeoutSeconds: 30,
  grpcIdleSeconds: 300,
  // 256 kB of gzip can be 100 ms of work.
  unpackInlineBytes: 256 * 1024,
  // Spans of a MiB can be some 20 ms of work.
  sliceAboveBytes: 2 * 2 ** 20,
  sliceBytes: 128 * 1024,
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

/** Lets a request in whose sender may ingest, before its body is read. @throws Refusal `memory`, `overload` or `share`. */
export function admit({ inflight, memory }: ReceiverParts, sender: string | undefined): Place {
  const full = memory?.()
  if (full !== undefined) throw new Refusal('memory', full)
  const place = new Place(inflight, sender)
  place.enter()
  return place
}

/** Ends the reading of a body that takes too long; for all of it: a byte now and then must not hold it open. */
export function inTime({ requestTimeoutSeconds }: ReceiveLimits): (stop: (why: Refusal) => void) => () => void {
  return (stop) => {
    const timer = setTimeout(() => stop(new Refusal('timeout', 'the body did not arrive in time')), requestTimeoutSeconds * 1000)
    return () => clearTimeout(timer)
  }
}
