/**
 * Model calls that were aborted: by whoever made them, or by the SDK's own time limit, which looks the same. A retry tells the two apart: where the
 * SDK numbers its attempts, the span of an aborted one waits for it, with its end noted, and is a failed attempt if it comes.
 */
import { GENERAL } from '../model/semconv.ts'
import { BoundedMap } from './bounded-map.ts'
import { contained } from './log.ts'
import { type Span, SpanStatusCode } from './otel.ts'

/** OpenAI's and Anthropic's SDKs wait a second at most before their second retry. */
const HOLD_MS = 3000

interface Left {
  readonly span: Span
  readonly atMs: number
  readonly timer: NodeJS.Timeout
}
const left = new BoundedMap<string, Left>(1000, end)

function end({ span, atMs, timer }: Left): void {
  clearTimeout(timer)
  contained('end of a left call', () => span.end(atMs))
}

/** Ends the span of an aborted attempt once it is known whether it is tried again. `key` is the same for the retry. */
export function endLeft(key: string, span: Span, atMs: number): void {
  release(key)
  const timer = setTimeout(() => release(key), HOLD_MS)
  timer.unref()
  left.set(key, { span, atMs, timer })
}

function release(key: string): void {
  const held = left.take(key)
  if (held !== undefined) end(held)
}

/** The attempt is tried again: the one before was ended by the SDK's time limit. */
export function noteRetry(key: string): void {
  const held = left.take(key)
  if (held === undefined) return
  held.span.setAttribute(GENERAL.errorType, 'timeout')
  held.span.setStatus({ code: SpanStatusCode.ERROR })
  end(held)
}

/** Nothing is tried again any more: the process ends. */
export function endAllLeft(): void {
  for (const [key] of left.entries()) release(key)
}
