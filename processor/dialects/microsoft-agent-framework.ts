/**
 * Microsoft Agent Framework (Python `agent_framework`, .NET `Experimental.Microsoft.Agents.AI`, `Microsoft.Agents.AI.Workflows`) and
 * the chat client below it, Microsoft.Extensions.AI.
 * Standard names on spans of kind INTERNAL; finish reasons are a JSON string; an agent without a name is named by its id; `unknown`
 * stands for what is not known. An assistant's run id is written as the response id of each of its calls, so it is not one.
 * Source: microsoft/agent-framework python/packages/core/agent_framework/observability.py (2c48a63), spans of 1.0.0b251007.
 */
import type { Reading, SpanRole } from '../../model/run.ts'
import { GEN_AI } from '../../model/semconv.ts'
import type { Span } from '../../model/span.ts'
import type { Dialect } from './dialect.ts'
import { GEN_AI_KEYS, readGenAi, roleOf } from './gen-ai.ts'
import { anyText, optional, ownOf, record } from './reading.ts'
import { accountingOf, agentNameOf, hashOf, jsonOf, known, providerAnswer, withCleanName } from './vendor.ts'

const KEY = {
  workflowId: 'workflow.id',
  workflowName: 'workflow.name',
  executorId: 'executor.id',
  /** Content that Langfuse's exporter moved here. */
  input: 'langfuse.observation.input',
  openInference: 'openinference.span.kind',
} as const

const SCOPES = [
  'agent_framework',
  'agent_framework.*',
  'Experimental.Microsoft.Agents.AI',
  'Experimental.Microsoft.Agents.AI.*',
  'Microsoft.Agents.AI',
  'Microsoft.Agents.AI.*',
  'Experimental.Microsoft.Extensions.AI',
] as const
const SCOPE = /^(agent_framework(\..+)?|(Experimental\.)?Microsoft\.Agents\.AI(\..+)?|Experimental\.Microsoft\.Extensions\.AI)$/

const BY_NAME: Readonly<Record<string, SpanRole>> = {
  'workflow.run': 'workflow',
  'workflow.session': 'workflow',
  workflow_invoke: 'workflow',
  'executor.process': 'step',
  'edge_group.process': 'other',
  'message.send': 'other',
  'workflow.build': 'other',
  orchestrate_tools: 'step', // .NET: the loop around chat and tools
}

function read(span: Span): Reading {
  const a = span.attributes
  const word = span.name.split(' ', 1)[0] ?? ''
  const role = ownOf(BY_NAME, word) ?? roleOf(a)
  const model = known(anyText(a, GEN_AI.responseModel)) ?? known(anyText(a, GEN_AI.requestModel))
  const base = readGenAi(span, { role, cacheAccounting: accountingOf(model) === 'excluded' ? 'unknown' : 'included' })
  const { requestModel, responseModel, responseId, toolCallId, agentName, ...rest } = base
  if (role === 'workflow') return { ...rest, ...optional('agentName', agentNameOf(anyText(a, KEY.workflowName)) ?? agentNameOf(agentName)) }
  if (role === 'tool')
    return {
      ...rest,
      ...optional('toolCallId', callId(toolCallId)),
      ...optional('argumentsHash', rest.argumentsHash ?? hashOf(a.text(KEY.input))),
    }
  return withCleanName({
    ...rest,
    ...optional('agentName', agentName),
    ...optional('requestModel', known(requestModel)),
    ...optional('responseModel', known(responseModel)),
    ...optional('responseId', responseId?.startsWith('run_') === true ? undefined : known(responseId)),
    ...(role === 'model' && rest.outputEmpty === undefined ? answerOf(span) : {}),
  })
}

/** Answer that another exporter keeps under its own name; only its emptiness and text are of use. */
function answerOf(span: Span): Partial<Reading> {
  const value = jsonOf(span.attributes, 'langfuse.observation.output')
  const message = record(Array.isArray(value) ? value.at(-1) : value)
  const { outputEmpty, outputText } = providerAnswer({ content: message })
  return { ...optional('outputEmpty', outputEmpty), ...optional('outputText', outputText) }
}

/** `["run_…","call_…"]` for assistants: the last one is the call. */
function callId(raw: string | undefined): string | undefined {
  if (raw === undefined || !raw.startsWith('[')) return known(raw)
  return known(/"([^"]+)"\s*\]$/.exec(raw)?.[1])
}

export const microsoftAgentFramework: Dialect = {
  name: 'microsoft_agent_framework',
  keys: [...GEN_AI_KEYS, ...Object.values(KEY), 'langfuse.observation.output'],
  scopes: SCOPES,
  texts: [[GEN_AI.provider, 'microsoft.agent_framework']],
  comesFrom: (scope) => SCOPE.test(scope.name),
  recognises: ({ attributes: a, scope }) =>
    (SCOPE.test(scope.name) || a.text(GEN_AI.provider) === 'microsoft.agent_framework') && !a.has(KEY.openInference),
  read,
}
