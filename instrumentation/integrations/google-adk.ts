/**
 * Google's Agent Development Kit. It reports invocations, agents, model calls and tools by itself, and its spans are active, so that the fetch layer
 * finds run and model call. Here is added what its spans leave out: the agent's name before the first model call (guards go by it), cached and
 * reasoning tokens, why a model call or a tool failed, the end of a model call whose reader left, and the tool breaker.
 * ADK writes whole messages on its spans unless told otherwise; it is told, unless the operator asked for content.
 * Source: npm @google/adk 2.0.0, agents/base_agent.js, agents/llm_agent.js, agents/functions.js, tools/base_tool.js.
 */
import { AGENTOPZ, GEN_AI, GENERAL } from '../../model/semconv.ts'
import { type Json, list, object, string, tokens } from '../fetch/protocol.ts'
import { isEmpty } from '../guard-tool.ts'
import { GuardError } from '../guards/guards.ts'
import { recordIntervention } from '../interventions.ts'
import { contained, sayOnce } from '../log.ts'
import { thrown } from '../model-call.ts'
import { activeSpan, type Span, SpanStatusCode } from '../otel.ts'
import { isModelCall } from '../run-processor.ts'
import type { Refusal, RunScope } from '../run-scope.ts'
import { fingerprint, runtime } from '../runtime.ts'
import { patchMethod, throughSteps } from './framework-run.ts'
import type { Integration, ModulePatch } from './integration.ts'

/** Read by ADK at every span; `true` where it is not set. */
const CONTENT = 'ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS'
/** A hand-over to another agent is no step of the run (R3), and is told by the agents' spans. */
const HANDOVER = 'transfer_to_agent'

export const googleAdk: Integration = {
  name: 'google-adk',
  start: () => {
    if (!runtime().settings.content) process.env[CONTENT] ??= 'false'
  },
  modules: [
    inClass('agents/base_agent', 'BaseAgent', 'createInvocationContext', (original) => {
      return function (this: unknown, ...args) {
        contained('google-adk agent', () => nameRun(this as { readonly name?: unknown }))
        return original.apply(this, args)
      }
    }),
    inClass('agents/llm_agent', 'LlmAgent', 'callLlmAsync', (original) => {
      return function (this: unknown, ...args) {
        const generator = original.apply(this, args) as AsyncGenerator
        return contained('google-adk model call', () => reported(generator)) ?? generator
      }
    }),
    // Each tool says what it is before each model call: there its class is found, whoever wrote it.
    inClass('tools/base_tool', 'BaseTool', 'processLlmRequest', (original) => {
      return function (this: unknown, ...args) {
        contained('google-adk tool', () => guardClassOf(this as object))
        return original.apply(this, args)
      }
    }),
  ],
}

type Make = Parameters<typeof patchMethod>[2]

function inClass(file: string, name: string, method: string, make: Make): ModulePatch {
  return {
    package: '@google/adk',
    file: new RegExp(`^dist/(esm|cjs)/${file}\\.js$`),
    patch: (exports) => {
      const made = exported(exports, name)
      if (made === undefined) return false
      if (!patchMethod(made.prototype, method, make))
        sayOnce(
          `google-adk:${method}`,
          'warn',
          `this version of @google/adk has no ${name}.${method}; its runs may be counted or guarded wrongly`,
        )
      return true
    },
  }
}

/** A class that a module exports; undefined as long as a circular require has not got to it. */
function exported(exports: Record<string, unknown>, name: string): { readonly prototype?: object } | undefined {
  try {
    return exports[name] as { readonly prototype?: object } | undefined
  } catch {
    return undefined
  }
}

/** The outermost agent's name is the run's; ADK writes it only when the agent's span is under way. */
function nameRun({ name }: { readonly name?: unknown }): void {
  const { run } = runtime().runs.locate(Date.now())
  if (run === undefined || run.isNamed || typeof name !== 'string' || name === '') return
  run.agent = name
  run.isNamed = true
}

/** Adds to the span of a model call what the answers say that pass by. */
function reported(generator: AsyncGenerator): AsyncGenerator {
  let span: Span | undefined
  let isComplete = false
  const answered = (answer: Json): void => {
    isComplete ||= answer['finishReason'] !== undefined || answer['errorCode'] !== undefined
    if (span !== undefined) writeAnswer(span, answer)
  }
  const stepped = throughSteps(generator, (work) => {
    const active = activeSpan()
    if (span === undefined && isModelCall(active)) span = active
    const result = work()
    if (result instanceof Promise)
      result.then(
        (r: IteratorResult<unknown>) => contained('google-adk answer', () => r.done !== true && answered(object(r.value) ?? {})),
        (error: unknown) => contained('google-adk failure', () => span !== undefined && writeFailure(span, error)),
      )
    return result
  })
  const leave = stepped.return.bind(stepped)
  // ADK ends the span behind a loop that whoever leaves never comes out of.
  const value = async (sent: unknown): Promise<IteratorResult<unknown>> => {
    try {
      return await leave(sent)
    } finally {
      contained('google-adk end', () => {
        if (!isComplete) span?.setAttribute(AGENTOPZ.incomplete, true)
        span?.end()
      })
    }
  }
  return Object.defineProperty(stepped, 'return', { value, configurable: true, writable: true })
}

/** ADK has written the candidates' tokens as output; thoughts are counted apart from them. */
function writeAnswer(span: Span, answer: Json): void {
  const put = (key: string, value: string | number | boolean | undefined): void => {
    if (value !== undefined) span.setAttribute(key, value)
  }
  const usage = object(answer['usageMetadata'])
  const thoughts = tokens(usage?.['thoughtsTokenCount'])
  const candidates = tokens(usage?.['candidatesTokenCount'])
  put(GEN_AI.cacheRead, tokens(usage?.['cachedContentTokenCount']))
  if (thoughts !== undefined && candidates !== undefined) {
    put(GEN_AI.outputTokens, candidates + thoughts)
    put(GEN_AI.reasoningTokens, thoughts)
  }
  if (answer['partial'] === true || answer['finishReason'] === undefined) return
  const parts = list(object(answer['content'])?.['parts']).map(object)
  put(AGENTOPZ.outputEmpty, parts.length === 0)
  // Google's own word is STOP, whether the model is done or asks for tools.
  if (parts.some((p) => p?.['functionCall'] !== undefined)) span.setAttribute(GEN_AI.finishReasons, ['tool_call'])
}

/** ADK makes an event of it; the run goes on as if nothing had been. */
function writeFailure(span: Span, error: unknown): void {
  const { type, message } = thrown(error)
  if (type === 'cancelled') {
    // ADK returns here, too, without ending the span.
    span.setAttribute(AGENTOPZ.incomplete, true)
    span.end()
    return
  }
  span.setAttribute(GENERAL.errorType, statusOf(error) ?? type)
  span.setStatus({ code: SpanStatusCode.ERROR, message })
}

/** The word for it in Google's answer, which is the message of the SDK's error; a guard's code where it was one. */
function statusOf(error: unknown): string | undefined {
  try {
    const told = object(object(JSON.parse((error as Error).message))?.['error'])
    return /^(AGENTOPZ_\w+):/.exec(string(told?.['message']) ?? '')?.[1] ?? string(told?.['status'])
  } catch {
    return undefined
  }
}

interface Tool {
  readonly name: string
}
interface ToolCall {
  readonly args?: unknown
  readonly toolContext?: object & { readonly functionCallId?: unknown }
}

/** Puts the breaker around `runAsync` where the tool has it from. */
function guardClassOf(tool: object): void {
  let owner: object | null = tool
  while (owner !== null && !Object.hasOwn(owner, 'runAsync')) owner = Object.getPrototypeOf(owner) as object | null
  if (owner === null) return
  patchMethod(owner, 'runAsync', (original) => {
    return function (this: unknown, ...args) {
      const call = (object(args[0]) ?? {}) as ToolCall
      const opened = contained('google-adk tool', () => open(this as Tool, call))
      return opened === undefined ? original.apply(this, args) : guarded(opened, () => original.apply(this, args))
    }
  })
}

interface OpenTool {
  readonly name: string
  readonly agent: string
  readonly run: RunScope | undefined
  readonly span: Span | undefined
  readonly call: ToolCall
  readonly refusal: Refusal | undefined
}

/** Calls under way: a class may hand its call on to the class it extends. */
const underWay = new WeakSet<object>()

function open({ name }: Tool, call: ToolCall): OpenTool | undefined {
  const key = call.toolContext ?? call
  if (!runtime().active || name === HANDOVER || underWay.has(key)) return undefined
  underWay.add(key)
  const { runs, guards } = runtime()
  const { run } = runs.locate(Date.now())
  // None are made from what the model asked for: ADK reports them.
  if (run !== undefined) run.hasToolSpans = true
  const agent = run?.agent ?? runs.defaults.agent
  return { name, agent, run, span: activeSpan(), call, refusal: guards.admitTool(run, agent, name, Date.now()) }
}

async function guarded(opened: OpenTool, work: () => unknown): Promise<unknown> {
  const { name, agent, run, span, call, refusal } = opened
  const { guards } = runtime()
  contained('google-adk tool', () => {
    const id = call.toolContext?.functionCallId
    // ADK writes these for a tool that returned, and nothing for one that threw.
    span?.setAttributes({
      [GEN_AI.operation]: 'execute_tool',
      [GEN_AI.toolName]: name,
      [AGENTOPZ.argumentsHash]: fingerprint(textOf(call.args)),
    })
    if (typeof id === 'string') span?.setAttribute(GEN_AI.toolCallId, id)
    if (refusal === undefined) return
    span?.setAttribute(AGENTOPZ.blocked, true)
    recordIntervention(run, refusal, 'tool_error', span)
  })
  try {
    // The model reads the message of what a tool throws.
    if (refusal !== undefined) throw new GuardError(refusal)
    const result = await work()
    contained('google-adk tool', () => {
      guards.toolEnded(agent, name, 'success', Date.now())
      span?.setAttribute(AGENTOPZ.resultEmpty, isEmpty(result))
    })
    return result
  } catch (error) {
    if (refusal === undefined)
      contained('google-adk tool', () => {
        guards.toolEnded(agent, name, 'failure', Date.now())
        const { message } = thrown(error)
        span?.setAttribute(GENERAL.errorType, 'tool_error')
        span?.setStatus({ code: SpanStatusCode.ERROR, message })
      })
    throw error
  } finally {
    underWay.delete(call.toolContext ?? call)
  }
}

function textOf(args: unknown): string {
  try {
    return JSON.stringify(args) ?? ''
  } catch {
    return ''
  }
}
