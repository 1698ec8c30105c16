/**
 * OpenLIT, Python and TypeScript, told by its scopes or its SDK name on the resource. Writes the newest conventions with additions.
 * Anthropic and Bedrock input leaves cached tokens out; a cost of 0 means that its price file did not know the model; agent spans carry
 * sums of unknown reach, so their usage is left alone. Source: openlit ad20b7b4 semcov; captures of 1.15.
 */
import type { RawUsage } from '../../model/run.ts'
import { GEN_AI } from '../../model/semconv.ts'
import type { Attributes, Scope, Span } from '../../model/span.ts'
import type { Dialect } from './dialect.ts'
import { GEN_AI_KEYS, readGenAi, roleOf } from './gen-ai.ts'
import { anyText, first, isEmptyResult, optional, shortHash } from './reading.ts'
import { agentNameOf } from './vendor.ts'

const COST = 'gen_ai.usage.cost'
const VERSION = 'openlit.agent.version_hash'
const SDK = 'telemetry.sdk.name'
const ARGS = ['gen_ai.tool.args', 'gen_ai.tool.input'] as const

function accounting(span: Span): RawUsage['cacheAccounting'] {
  return /anthropic|bedrock/.test(`${span.scope.name} ${span.attributes.text(GEN_AI.provider) ?? ''}`) ? 'excluded' : 'included'
}

function comesFrom(scope: Scope, resource: Attributes): boolean {
  return /^(openlit\.instrumentation\.|@openlit\/)/.test(scope.name) || resource.text(SDK) === 'openlit'
}

export const openlit: Dialect = {
  name: 'openlit',
  keys: [...GEN_AI_KEYS, COST, VERSION, SDK, ...ARGS, 'gen_ai.tool.output', 'gen_ai.guardrail.triggered'],
  scopes: ['openlit.instrumentation.*', '@openlit/*'],
  signs: [],
  comesFrom,
  recognises: ({ scope, resource }) => comesFrom(scope, resource),
  read: (span) => {
    const a = span.attributes
    // Its chat spans carry the name of the tool the model asked for: the operation decides, not that.
    const role = roleOf(a)
    const { agentName, ...reading } = readGenAi(span, { role, cacheAccounting: accounting(span), agentUsage: false })
    const cost = a.number(COST)
    const args = anyText(a, ...ARGS)
    return {
      ...reading,
      ...optional('agentName', agentNameOf(agentName, reading.requestModel)),
      ...optional('agentVersion', first(reading.agentVersion, anyText(a, VERSION))),
      ...optional('givenCostUsd', cost !== undefined && cost > 0 ? cost : undefined),
      ...(role === 'tool'
        ? {
            ...optional('argumentsHash', first(reading.argumentsHash, args === undefined ? undefined : shortHash(args))),
            ...optional('resultEmpty', first(reading.resultEmpty, isEmptyResult(a.text('gen_ai.tool.output')))),
          }
        : {}),
    }
  },
}
