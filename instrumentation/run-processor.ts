/**
 * A span processor that writes on GenAI spans what SDKs leave out: which run, which release, which guard stepped in. It keeps count of a
 * trace's open spans, so that a run found by its trace is forgotten when the trace ends here.
 * For OpenTelemetry SDK 2.x and 3.x, matched by shape. Spans that are no GenAI cost a map look-up.
 */
import { AGENTOPZ, GEN_AI } from '../model/semconv.ts'
import { bug } from './log.ts'
import type { Span } from './otel.ts'
import type { RunScope } from './run-scope.ts'
import { runtime } from './runtime.ts'

/** What we read of an SDK's span; `attributes` is there in 2.x and 3.x. */
interface SdkSpan extends Span {
  readonly attributes?: Readonly<Record<string, unknown>>
  readonly name?: string
}

/** What an OpenTelemetry SDK expects of a span processor, 2.x and 3.x alike. */
export interface RunProcessor {
  onStart(span: Span): void
  onEnding(span: Span): void
  onEnd(span: unknown): void
  forceFlush(): Promise<void>
  shutdown(): Promise<void>
}

const AGENT_OPERATIONS: ReadonlySet<unknown> = new Set(['invoke_agent', 'invoke_workflow'])
const CALL_OPERATIONS: ReadonlySet<unknown> = new Set([
  'chat',
  'generate_content',
  'text_completion',
  'embeddings',
  'responses',
  'chat.completions',
])

/** True for the span of a model call, as far as its attributes and name tell while it is open. */
export function isModelCall(span: Span | undefined): boolean {
  const s = span as SdkSpan | undefined
  if (s?.attributes === undefined) return false
  if (CALL_OPERATIONS.has(s.attributes[GEN_AI.operation])) return true
  const name = s.name ?? ''
  // Google ADK, Vercel AI SDK 4 to 6 and Genkit have names of their own.
  return name === 'call_llm' || /^ai\.\w+\.do(Generate|Stream|Embed)$/.test(name) || s.attributes['genkit:metadata:subtype'] === 'model'
}

function isAgent(span: SdkSpan): boolean {
  const operation = span.attributes?.[GEN_AI.operation]
  return AGENT_OPERATIONS.has(operation) || (operation === undefined && /^(invoke_agent|invocation$|ai\.\w+$)/.test(span.name ?? ''))
}

function isGenAi(span: SdkSpan): boolean {
  const a = span.attributes
  return a !== undefined && (a[GEN_AI.operation] !== undefined || a[GEN_AI.system] !== undefined || a[GEN_AI.provider] !== undefined)
}

const processors = new WeakSet<object>()

/** True for a span processor of ours. */
export function isRunProcessor(processor: unknown): boolean {
  return typeof processor === 'object' && processor !== null && processors.has(processor)
}

/** Builds the span processor; register and attach add it to the provider in use. */
export function createRunProcessor(): RunProcessor {
  const { runs } = runtime()
  const processor: RunProcessor = {
    onStart: (span) => {
      try {
        started(span)
      } catch (error) {
        bug('span start', error)
      }
    },
    onEnding: (span) => {
      try {
        ending(span)
      } catch (error) {
        bug('span ending', error)
      }
    },
    onEnd: (span) => {
      try {
        const context = (span as Span).spanContext()
        const run = runs.knownOfTrace(context.traceId)
        if (run?.root !== undefined && run.kind !== 'implied' && run.root.spanContext().spanId === context.spanId) run.root = undefined
        runs.spanEnded(context.traceId)
      } catch (error) {
        bug('span end', error)
      }
    },
    forceFlush: async () => undefined,
    shutdown: async () => undefined,
  }
  processors.add(processor)
  return processor
}

/** The scope a span was started in: several runs may share a trace. */
const scopeOf = new WeakMap<SdkSpan, RunScope>()

function started(span: SdkSpan): void {
  const { runs } = runtime()
  const { traceId } = span.spanContext()
  runs.spanStarted(traceId)
  const { explicit } = runs
  if (explicit?.kind === 'explicit') scopeOf.set(span, explicit)
  const isRoot = isAgent(span)
  const operation = span.attributes?.[GEN_AI.operation]
  if (!isRoot && operation !== 'execute_tool') return
  const run = scopeOf.get(span) ?? runs.ofTrace(traceId, Date.now())
  if (operation === 'execute_tool') run.hasToolSpans = true
  if (isRoot) {
    run.root ??= span
    nameFrom(run, span)
  }
}

/** The outermost agent's name is the run's (R2). */
function nameFrom(run: RunScope, span: SdkSpan): void {
  const name = span.attributes?.[GEN_AI.agentName]
  if (run.isNamed || typeof name !== 'string' || name === '') return
  run.agent = name
  run.isNamed = true
  const version = span.attributes?.[GEN_AI.agentVersion]
  if (typeof version === 'string') run.agentVersion = version
}

function ending(span: SdkSpan): void {
  if (!isGenAi(span) && !isAgent(span)) return
  const { runs, settings, guards } = runtime()
  const run = scopeOf.get(span) ?? runs.knownOfTrace(span.spanContext().traceId) ?? runs.explicit
  if (run === undefined) return
  const a = span.attributes ?? {}
  const add = (key: string, value: string | undefined): void => {
    if (value !== undefined && value !== '' && a[key] === undefined) span.setAttribute(key, value)
  }
  add(AGENTOPZ.runId, run.id)
  if (a[GEN_AI.promptVersion] === undefined) add(AGENTOPZ.release, run.release)
  const isRoot = span.spanContext().spanId === run.root?.spanContext().spanId
  if (!isRoot) return
  nameFrom(run, span)
  if (settings.agent !== undefined && AGENT_OPERATIONS.has(a[GEN_AI.operation])) add(GEN_AI.agentName, settings.agent)
  add(GEN_AI.agentVersion, run.agentVersion)
  add(GEN_AI.promptName, run.release === undefined ? undefined : run.promptName)
  add(GEN_AI.promptVersion, run.release)
  add(AGENTOPZ.stoppedBy, run.stopped?.guard)
  add(AGENTOPZ.outcome, run.stopped !== undefined ? 'stopped' : undefined)
  if (guards.controls.state === 'lost') add(AGENTOPZ.controlState, 'lost')
}
