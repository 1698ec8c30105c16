/**
 * Semantic Kernel: .NET `Microsoft.SemanticKernel.Diagnostics` and its siblings, Python `semantic_kernel.*`.
 * .NET writes `gen_ai.response.prompt_tokens` / `completion_tokens` with -1 for unknown, and finish reasons as `[Stop]`, which is no JSON.
 * The operations are `chat.completions` and `text.completions`. Python uses the standard names.
 * Source: microsoft/semantic-kernel dotnet ModelDiagnostics.cs and python utils/telemetry/model_diagnostics, one stored version of each.
 */
import type { RawUsage, Reading, SpanRole } from '../../model/run.ts'
import { GEN_AI } from '../../model/semconv.ts'
import type { Attributes, Span } from '../../model/span.ts'
import type { Dialect } from './dialect.ts'
import { GEN_AI_KEYS, readGenAi, readGenAiUsage, roleOf } from './gen-ai.ts'
import { foldFinishList, optional } from './reading.ts'
import { known, withCleanName } from './vendor.ts'

const KEY = {
  prompt: 'gen_ai.response.prompt_tokens',
  completion: 'gen_ai.response.completion_tokens',
  finish: 'gen_ai.response.finish_reason',
  openInference: 'openinference.span.kind',
} as const

const SCOPE = /^(Microsoft\.SemanticKernel(\..+)?|semantic_kernel(\..+)?)$/

function read(span: Span): Reading {
  const a = span.attributes
  const base = readGenAi(span, { role: role(span) })
  if (base.role !== 'model') return withCleanName(base)
  const { requestModel, responseModel, ...rest } = base
  return {
    ...rest,
    ...optional('requestModel', known(requestModel)),
    ...optional('responseModel', known(responseModel)),
    ...optional('usage', readGenAiUsage(a, 'included') ?? usageOf(a)),
    ...optional('finish', rest.finish ?? foldFinishList(a.list(KEY.finish))),
  }
}

function role(span: Span): SpanRole {
  if (span.name.startsWith('AutoFunctionInvocationLoop')) return 'step'
  return roleOf(span.attributes)
}

/** `count` reads -1 as unknown. */
function usageOf(a: Attributes): RawUsage | undefined {
  const input = a.count(KEY.prompt)
  const output = a.count(KEY.completion)
  if (input === undefined && output === undefined) return undefined
  return { ...optional('input', input), ...optional('output', output), cacheAccounting: 'included' }
}

export const semanticKernel: Dialect = {
  name: 'semantic_kernel',
  keys: [...GEN_AI_KEYS, ...Object.values(KEY)],
  scopes: ['Microsoft.SemanticKernel.*', 'Microsoft.SemanticKernel', 'semantic_kernel.*'],
  signs: [KEY.prompt],
  comesFrom: (scope) => SCOPE.test(scope.name),
  recognises: ({ attributes: a, scope }) =>
    (SCOPE.test(scope.name) || a.has(KEY.prompt)) && !a.has(KEY.openInference) && a.has(GEN_AI.operation),
  read,
}
