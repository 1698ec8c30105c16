/**
 * The dialects, in order of precedence: the first that recognises a span reads it. A new dialect is one file and one line here.
 * The decoders build their key table from `INTEREST`, so they need no change.
 */
import type { Attributes, LogRecord, Scope, Span } from '../../model/span.ts'
import { AGENTOPZ, GEN_AI } from '../../model/semconv.ts'
import type { Interest } from '../decode/decode.ts'
import type { Dialect, LogReading } from './dialect.ts'
import { Marks, MARKS_OF_DIALECTS } from './marks.ts'
import { agentopz } from './agentopz.ts'
import { anthropic } from './anthropic.ts'
import { langfuse } from './langfuse.ts'
import { langsmith } from './langsmith.ts'
import { openinference } from './openinference.ts'
import { openlit } from './openlit.ts'
import { openllmetry } from './openllmetry.ts'
import { vercelAi } from './vercel-ai.ts'
import { claudeCode } from './claude-code.ts'
import { codex } from './codex.ts'
import { genAi } from './gen-ai.ts'
import { RARE_KEYS } from './gen-ai-keys.ts'
import { genkit } from './genkit.ts'
import { googleAdk } from './google-adk.ts'
import { logfire } from './logfire.ts'
import { mastra } from './mastra.ts'
import { microsoftAgentFramework } from './microsoft-agent-framework.ts'
import { mlflow } from './mlflow.ts'
import { pydanticAi } from './pydantic-ai.ts'
import { semanticKernel } from './semantic-kernel.ts'
import { strands } from './strands.ts'

export const DIALECTS: readonly Dialect[] = [
  claudeCode,
  codex,
  mastra,
  genkit,
  googleAdk,
  strands,
  microsoftAgentFramework,
  semanticKernel,
  pydanticAi,
  logfire,
  mlflow,
  openinference,
  vercelAi,
  openlit,
  openllmetry,
  anthropic,
  agentopz,
  langsmith,
  genAi,
  langfuse,
]

/** What our instrumentation and the conventions write on spans of any dialect: read beside what the dialect reads. */
const OURS = [...Object.values(AGENTOPZ), GEN_AI.promptName, GEN_AI.promptVersion]
const MARKS = new Marks(DIALECTS, { ours: OURS, ...RARE_KEYS })

/** What the decoders must look for: the union of what the dialects read. */
export const INTEREST: Interest = {
  marks: MARKS.byKey,
  keys: [...new Set(DIALECTS.flatMap((d) => d.keys))],
  prefixes: [...new Set(DIALECTS.flatMap((d) => d.prefixes ?? []))],
  scopes: [...new Set(DIALECTS.flatMap((d) => d.scopes ?? []))],
  services: [...new Set(DIALECTS.flatMap((d) => d.services ?? []))],
}

/** Which dialects spans of a scope and resource may be of, whatever is on them: the same for many spans, and theirs to remember. */
export function dialectsFrom(scope: Scope, resource: Attributes): number {
  return MARKS.from(scope, resource)
}

/** Marks of the keys and texts that a span has; see `Interest.marks`. */
export function marksOf(span: Span): number {
  return MARKS.of(span.attributes)
}

/** The dialect of a span, or `undefined` for one that no dialect knows. Only those that it may be of are asked. */
export function dialectOf(span: Span, marks: number, from: number): Dialect | undefined {
  for (let left = (marks & MARKS_OF_DIALECTS) | from; left !== 0; left &= left - 1) {
    const dialect = DIALECTS[31 - Math.clz32(left & -left)]
    if (dialect?.recognises(span) === true) return dialect
  }
  return undefined
}

/** Reads a log record by the first dialect that knows it. */
export function readLog(log: LogRecord): { readonly dialect: string; readonly reading: LogReading } | undefined {
  for (const d of DIALECTS) {
    const reading = d.readLog?.(log)
    if (reading !== undefined) return { dialect: d.name, reading }
  }
  return undefined
}
