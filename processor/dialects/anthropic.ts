/**
 * Anthropic's own SDKs (native spans since 0.134) and the platform's side of a call. Close to the conventions, but the finish reason is
 * `anthropic.message.stop_reason`, and `claude-platform` SERVER spans may join the caller's trace.
 * Input includes cached tokens. Source: npm @anthropic-ai/sdk 1.12.0 internal/tracing.js; capture anthropic-1.12.0-native-otel3.
 */
import type { Reading } from '../../model/run.ts'
import { SPAN_KIND } from '../../model/span.ts'
import type { Dialect } from './dialect.ts'
import { GEN_AI_KEYS, readGenAi, roleOf } from './gen-ai.ts'
import { first, foldFinish, isEmptyResult, optional } from './reading.ts'

const STOP = 'anthropic.message.stop_reason'
const HOUR = 'anthropic.usage.cache_creation.ephemeral_1h_input_tokens'
const COUNTED = 'anthropic.message.count_tokens.input_tokens'
const TIER = 'anthropic.response.service_tier'
const RESULT = 'anthropic.tool_result.content'

const EMITTER = /^com\.anthropic\.(sdk\.|claude-platform)/

export const anthropic: Dialect = {
  name: 'anthropic',
  keys: [...GEN_AI_KEYS, STOP, HOUR, COUNTED, TIER, RESULT],
  scopes: ['com.anthropic.sdk.*', 'com.anthropic.claude-platform'],
  signs: [STOP],
  comesFrom: (scope) => EMITTER.test(scope.name),
  recognises: ({ scope, attributes }) => EMITTER.test(scope.name) || attributes.has(STOP),
  read: (span) => {
    const a = span.attributes
    if (a.has(COUNTED) || span.name.endsWith('.count_tokens')) return { role: 'other' }
    const role = roleOf(a)
    const reading = readGenAi(span, { role })
    const isCall = role === 'model'
    const tier = a.text(TIER)
    const more: Partial<Reading> = {
      ...optional('finish', first(reading.finish, foldFinish(a.text(STOP)))),
      ...(reading.usage === undefined ? {} : { usage: { ...reading.usage, ...optional('cacheWrite1h', a.count(HOUR)) } }),
      ...(tier === 'batch' || tier === 'priority' ? { serviceTier: tier } : {}),
      ...(isCall && span.kind === SPAN_KIND.server ? { serverSide: true } : {}),
      ...optional('resultEmpty', role === 'tool' ? first(reading.resultEmpty, isEmptyResult(a.text(RESULT))) : undefined),
    }
    return { ...reading, ...more }
  },
}
