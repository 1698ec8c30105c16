/**
 * What an MCP request and its result say, for both sides: which requests have spans, under which name and attributes, what came of them.
 * Names: OpenTelemetry GenAI conventions, MCP (span `{mcp.method.name} {target}`).
 */
import { AGENTOPZ, GEN_AI, GENERAL } from '../../model/semconv.ts'
import { putContent } from '../content.ts'
import { thrown } from '../model-call.ts'
import { type Attributes, type Span, SpanStatusCode } from '../otel.ts'
import { fingerprint } from '../runtime.ts'

/** Requests that do work, each with the parameter that names its target, where that is of low cardinality. */
const SPANNED: ReadonlyMap<string, string | undefined> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', undefined],
  ['sampling/createMessage', undefined],
  ['elicitation/create', undefined],
])
export const CALL_TOOL = 'tools/call'

export type Json = Readonly<Record<string, unknown>>

/** An object's fields, where it is an object. */
export function fields(value: unknown): Json | undefined {
  return typeof value === 'object' && value !== null ? (value as Json) : undefined
}

/** Attributes without those that are not known. */
export function known(all: Readonly<Record<string, string | number | undefined>>): Attributes {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Attributes
}

/** Text of an id, a session or the like, where it is one. */
export const idText = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : undefined

export interface Target {
  readonly method: string
  /** Tool or prompt. */
  readonly name: string | undefined
  readonly params: Json
}

/** What a request is about; undefined for one that has no span. */
export function targetOf(method: unknown, params: unknown): Target | undefined {
  if (typeof method !== 'string' || !SPANNED.has(method)) return undefined
  const given = fields(params) ?? {}
  const key = SPANNED.get(method)
  const name = key === undefined ? undefined : given[key]
  return { method, name: typeof name === 'string' ? name : undefined, params: given }
}

export const spanName = (t: Target): string => (t.name === undefined ? t.method : `${t.method} ${t.name}`)

/** Text of a tool's arguments, as models write them. */
export const argumentsText = (t: Target): string => JSON.stringify(t.params['arguments'] ?? {})

/** Attributes of a request on either side. */
export function attributesOf(t: Target): Attributes {
  const common = { [GENERAL.mcpMethod]: t.method }
  if (t.method === CALL_TOOL)
    return known({ ...common, [GEN_AI.toolName]: t.name, [AGENTOPZ.argumentsHash]: fingerprint(argumentsText(t)) })
  if (t.method === 'prompts/get') return known({ ...common, [GEN_AI.promptName]: t.name })
  return known({ ...common, 'mcp.resource.uri': idText(t.params['uri']) })
}

/** A tool says by its result that it failed. */
export const isToolError = (result: unknown): boolean => fields(result)?.['isError'] === true

/** Writes what a request came to. */
export function writeResult(span: Span, t: Target, result: unknown): void {
  if (isToolError(result)) {
    span.setAttribute(GENERAL.errorType, 'tool_error')
    span.setStatus({ code: SpanStatusCode.ERROR })
  } else if (t.method === CALL_TOOL) span.setAttribute(AGENTOPZ.resultEmpty, isEmptyResult(result))
  if (t.method === CALL_TOOL) putContent(span, GEN_AI.toolResult, JSON.stringify(fields(result)?.['content'] ?? result) ?? '')
}

/** Nothing came back: no content, no structure, or text parts without text. */
function isEmptyResult(result: unknown): boolean {
  const { content, structuredContent, toolResult } = fields(result) ?? {}
  if (structuredContent !== undefined || toolResult !== undefined) return false
  if (!Array.isArray(content)) return content === undefined
  return content.every((part) => fields(part)?.['type'] === 'text' && fields(part)?.['text'] === '')
}

/** Writes how a request failed: JSON-RPC's code where there is one. */
export function writeFailure(span: Span, error: unknown, type = failureType(error)): void {
  const code = codeOf(error)
  if (code !== undefined) span.setAttribute('rpc.response.status_code', code)
  span.setAttribute(GENERAL.errorType, type)
  span.setStatus({ code: SpanStatusCode.ERROR, message: thrown(error).message })
}

export const failureType = (error: unknown): string => codeOf(error) ?? thrown(error).type

/** JSON-RPC's code of an error, as text. */
export function codeOf(error: unknown): string | undefined {
  const code = fields(error)?.['code']
  return typeof code === 'number' && Number.isSafeInteger(code) ? String(code) : undefined
}
