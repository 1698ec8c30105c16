/**
 * Message content of spans that SDKs make by themselves (Strands, Genkit and others write prompts and answers on them, asked or not) does not
 * leave the process unless the operator asked for content. What cohorts and loops are made of is kept as a hash; of Genkit's output, which holds
 * the token counts, only those and the finish reason. Applies to our own exporter: an application's own exports are its own.
 */
import { AGENTOPZ, GEN_AI } from '../../model/semconv.ts'
import { fingerprint } from '../runtime.ts'

type Values = Readonly<Record<string, unknown>>

/** Attributes that hold what was said, in the words of the SDKs that write spans of their own. */
const CONTENT =
  /^(gen_ai\.(input|output)\.messages|gen_ai\.(system_instructions|prompt|completion|tool\.definitions|tool\.call\.(arguments|result)|tool\.(message|output)|event\.content|retrieval\.(documents|query.*))|gen_ai\.(prompt|completion)\.\d+\..*|(input|output)\.value|llm\.(input|output)_messages\..*|llm\.prompts.*|ai\.(prompt.*|response\.(text|object|toolCalls|reasoning)|toolCall\.(args|result)|value|values|embedding|embeddings)|traceloop\.entity\.(input|output)|gcp\.vertex\.agent\.(llm_request|llm_response|tool_call_args|tool_response|data)|genkit:(input|output)|mastra\.(input|output))$/

/** Words that hold content on events of the GenAI conventions, and may mean anything elsewhere. */
const EVENT_CONTENT = /^(content|message|input|output|arguments|result|body|tool_calls|tool\.(args|arguments|result|input|output))$/

/** Kept as a hash, because cohorts and loops rest on them. */
const HASHED: Readonly<Record<string, string>> = {
  [GEN_AI.systemInstructions]: AGENTOPZ.instructionsHash,
  [GEN_AI.toolDefinitions]: AGENTOPZ.toolsHash,
  [GEN_AI.toolArguments]: AGENTOPZ.argumentsHash,
}

/** The attributes of a span, or of the event of this name, without what was said; the same object where there is nothing of it. */
export function withoutContent(values: Values, event = ''): Values {
  const isGenAiEvent = event.startsWith('gen_ai.')
  let kept: Record<string, unknown> | undefined
  for (const key of Object.keys(values)) {
    if (!CONTENT.test(key) && !(isGenAiEvent && EVENT_CONTENT.test(key))) continue
    kept ??= { ...values }
    const value = kept[key]
    delete kept[key]
    const hash = HASHED[key]
    if (hash !== undefined && kept[hash] === undefined) kept[hash] = fingerprint(typeof value === 'string' ? value : JSON.stringify(value))
    if (key.startsWith('genkit:')) keepGenkit(key, value, kept)
  }
  return kept ?? values
}

/** Genkit has one attribute for what went in and one for what came out, of models and tools alike. */
function keepGenkit(key: string, value: unknown, kept: Record<string, unknown>): void {
  const isTool = String(kept['genkit:metadata:subtype']).startsWith('tool')
  if (key === 'genkit:output' && !isTool) {
    const facts = genkitFacts(value)
    if (facts !== undefined) kept[key] = facts
  } else if (isTool && key === 'genkit:output') kept[AGENTOPZ.resultEmpty] ??= /^\s*("")?(null)?(\[\])?(\{\})?\s*$/.test(String(value))
  else if (isTool) kept[AGENTOPZ.argumentsHash] ??= fingerprint(String(value))
}

/** What is kept of Genkit's output: usage, finish reason, the provider's ids, and of its parts only of which kind they are. */
function genkitFacts(value: unknown): string | undefined {
  const output = parsed(value)
  if (output === undefined) return undefined
  const answerOf = (raw: unknown): unknown => {
    const { id, model, usage, responseId, modelVersion, usageMetadata } = objectOf(raw)
    return { id, model, usage, responseId, modelVersion, usageMetadata }
  }
  const parts: unknown = objectOf(output['message'])['content']
  return JSON.stringify({
    usage: output['usage'],
    finishReason: output['finishReason'],
    ...(output['raw'] === undefined ? {} : { raw: answerOf(output['raw']) }),
    ...(output['custom'] === undefined ? {} : { custom: answerOf(output['custom']) }),
    ...(Array.isArray(parts) ? { message: { content: parts.map(partKind) } } : {}),
  })
}

function partKind(part: unknown): unknown {
  const p = objectOf(part)
  const { name, ref } = objectOf(p['toolRequest'])
  if (p['toolRequest'] !== undefined) return { toolRequest: { name, ref } }
  return typeof p['text'] === 'string' ? { text: p['text'] === '' ? '' : '…' } : {}
}

function parsed(value: unknown): Readonly<Record<string, unknown>> | undefined {
  try {
    const found: unknown = JSON.parse(String(value))
    return typeof found === 'object' && found !== null && !Array.isArray(found) ? (found as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

const objectOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
