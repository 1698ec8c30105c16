/**
 * The dialects, in order of precedence: the first that recognises a span reads it. A new dialect is one file and one line here.
 * The decoders build their key table from `INTEREST`, so they need no change.
 */
import type { LogRecord, Span } from '../../model/span.ts'
import type { Interest } from '../decode/decode.ts'
import type { Dialect, LogReading } from './dialect.ts'
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

/** What the decoders must look for: the union of what the dialects read. */
export const INTEREST: Interest = {
  keys: [...new Set(DIALECTS.flatMap((d) => d.keys))],
  prefixes: [...new Set(DIALECTS.flatMap((d) => d.prefixes ?? []))],
  scopes: [...new Set(DIALECTS.flatMap((d) => d.scopes ?? []))],
  services: [...new Set(DIALECTS.flatMap((d) => d.services ?? []))],
}

/** The dialect of a span, or `undefined` for one that no dialect knows. */
export function dialectOf(span: Span): Dialect | undefined {
  return DIALECTS.find((d) => d.recognises(span))
}

/** Reads a log record by the first dialect that knows it. */
export function readLog(log: LogRecord): { readonly dialect: string; readonly reading: LogReading } | undefined {
  for (const d of DIALECTS) {
    const reading = d.readLog?.(log)
    if (reading !== undefined) return { dialect: d.name, reading }
  }
  return undefined
}
