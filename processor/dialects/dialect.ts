/**
 * A dialect is one vendor's way of writing GenAI spans: one object in one file, and one line in index.ts.
 * It declares the keys it reads, says whether a span is its own, and reads that span into normal form.
 * It never throws, never invents a number, and keeps no state.
 */
import type { Attributes, LogRecord, Scope, Span } from '../../model/span.ts'
import type { ExternalEvaluation, Reading } from '../../model/run.ts'

/** What a log record says. */
export interface LogReading {
  /** An evaluation of a span, a trace or a response. */
  readonly evaluations?: readonly ExternalEvaluation[]
  /**
   * A fact about a run that comes as a log instead of a span (Claude Code, Codex).
   * `runKey` groups facts into one run when the record has no trace id; `durationMs` where the record gives it.
   * `id` must be the same for the same record sent twice.
   */
  readonly fact?: { readonly runKey: string; readonly id: string; readonly durationMs: number; readonly reading: Reading }
}

export interface Dialect {
  /** Label value of agentopz_spans_received_total{dialect}: snake_case. */
  readonly name: string
  /** Every span, event, log and resource attribute key that this dialect reads. A key that is not declared may read as absent. */
  readonly keys: readonly string[]
  /** Prefixes of indexed keys read through `Attributes.keys()`. */
  readonly prefixes?: readonly string[]
  /** Scope names whose spans are of interest even without a known attribute; a trailing `*` matches a prefix. */
  readonly scopes?: readonly string[]
  /** `service.name` values whose every span is theirs: the CLIs name their service, not their scope. A trailing `*` matches a prefix. */
  readonly services?: readonly string[]
  /**
   * What tells its spans: each has one of these keys, be it empty, or one of these texts under a key, or `comesFrom` holds of its scope and
   * resource. Others are not asked whether they are its own. A dialect that says nothing here is asked of every span.
   */
  readonly signs?: readonly string[]
  readonly texts?: readonly (readonly [key: string, text: string])[]
  comesFrom?(scope: Scope, resource: Attributes): boolean
  recognises(span: Span): boolean
  /** `undefined`: a span of this dialect that only shapes the tree. */
  read(span: Span): Reading | undefined
  /** Reads a log record of this dialect; `undefined` when it is not one. */
  readLog?(log: LogRecord): LogReading | undefined
}
