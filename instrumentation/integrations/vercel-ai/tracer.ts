/**
 * The tracer that AI SDK 5 and 6 are given for one call of generateText and its like. It makes of the SDK's spans what the rest of the project
 * reads: the outer one is the agent's run; those of model calls and tools are no spans here, since the fetch layer and the guarded tools make
 * better ones (per attempt, with the provider's own error, ended when a stream is left, without content). What runs in them runs in the run.
 */
import { contained } from '../../log.ts'
import { type Span, SpanStatusCode } from '../../otel.ts'
import { closeOperation, inOperation, type Operation, openOperation } from './operation.ts'

const OUTER = /^ai\.(generateText|streamText|generateObject|streamObject)$/
const TOOL = 'ai.toolCall'
type SpanContext = ReturnType<Span['spanContext']>
type SpanStatus = Parameters<Span['setStatus']>[0]
const INVALID: SpanContext = { traceId: '0'.repeat(32), spanId: '0'.repeat(16), traceFlags: 0 }

type Work = (span: Span) => unknown

/** What the SDK uses of a tracer. */
export class OperationTracer {
  readonly #name: string | undefined
  #operation: Operation | undefined

  constructor(name: string | undefined) {
    this.#name = name
  }

  startSpan(): Span {
    return new SilentSpan()
  }

  /** `(name, work)`, `(name, options, work)` or `(name, options, context, work)`. */
  startActiveSpan(name: string, ...rest: readonly unknown[]): unknown {
    const work = rest.at(-1) as Work
    const outer = OUTER.test(name) ? contained('vercel ai', () => openOperation(this.#name)) : undefined
    if (outer !== undefined) {
      this.#operation = outer
      return inOperation(outer, () => work(new OuterSpan(outer)))
    }
    const operation = this.#operation
    if (operation === undefined) return work(new SilentSpan())
    // Later steps of a stream begin in whatever context the stream is read in.
    const result = inOperation(operation, () => work(new SilentSpan()))
    if (name === TOOL && result instanceof Promise) whileRunning(operation, result)
    return result
  }
}

/** An operation is not idle while a tool runs. */
function whileRunning(operation: Operation, tool: Promise<unknown>): void {
  operation.tools++
  const over = (): void => void operation.tools--
  tool.then(over, over)
}

/** A span that is none: what is written on it is forgotten. */
class SilentSpan implements Span {
  spanContext(): SpanContext {
    return INVALID
  }
  isRecording(): boolean {
    return false
  }
  setAttribute(): this {
    return this
  }
  setAttributes(): this {
    return this
  }
  addEvent(): this {
    return this
  }
  addLink(): this {
    return this
  }
  addLinks(): this {
    return this
  }
  setStatus(_status: SpanStatus): this {
    return this
  }
  updateName(): this {
    return this
  }
  recordException(_error: unknown): void {
    // Nothing to write it on.
  }
  end(): void {
    // Nothing to end.
  }
}

/** What the SDK writes on its outer span: only an error and the end are of interest. */
class OuterSpan extends SilentSpan {
  readonly #operation: Operation
  #error: unknown

  constructor(operation: Operation) {
    super()
    this.#operation = operation
  }

  override spanContext(): SpanContext {
    return this.#operation.call.span?.spanContext() ?? INVALID
  }

  override isRecording(): boolean {
    return !this.#operation.call.ended
  }

  override recordException(error: unknown): void {
    this.#error = error
  }

  override setStatus({ code, message }: SpanStatus): this {
    if (code === SpanStatusCode.ERROR) this.#error ??= { name: '_OTHER', message }
    return this
  }

  override end(): void {
    contained('vercel ai', () => closeOperation(this.#operation, this.#error))
  }
}
