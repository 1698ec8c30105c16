/** Why a request is refused, and after what the sender may come back. Statuses by protocol are in receive-http.ts and receive-grpc.ts. */

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
  /** No room for it now. */
  | 'overload'
  /** The process has little memory left. */
  | 'memory'
  /** Its token has as much under way as is left to all others. */
  | 'share'
  /** It came slowly, and others needed its room. */
  | 'slow'
  | 'aborted'
  | 'timeout'
  | 'framing'

/** Refusals after which the same request is welcome later. */
export const COME_BACK: ReadonlySet<RequestRejectReason> = new Set(['overload', 'memory', 'share', 'slow'])

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
