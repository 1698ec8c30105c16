/**
 * The dialects, in order of precedence: the first that recognises a span reads it. A new dialect is one file and one line here.
 * The decoders build their key table from `KEYS` and `PREFIXES`, so they need no change.
 */
import type { LogRecord, Span } from '../../model/span.ts'
import type { Dialect, LogReading } from './dialect.ts'
import { genAi } from './gen-ai.ts'

export const DIALECTS: readonly Dialect[] = [genAi]

/** Union of every key a dialect reads. */
export const KEYS: readonly string[] = [...new Set(DIALECTS.flatMap((d) => d.keys))]
/** Union of every prefix of indexed keys. */
export const PREFIXES: readonly string[] = [...new Set(DIALECTS.flatMap((d) => d.prefixes ?? []))]
/** Scope names that make a span of interest even without a known attribute. */
export const SCOPES: readonly string[] = [...new Set(DIALECTS.flatMap((d) => d.scopes ?? []))]

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
