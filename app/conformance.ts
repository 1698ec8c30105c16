/**
 * Runs as the pipeline made them against what is known to be true of the telemetry → the differences, field by field.
 * Truth is golden JSON (one object a run) or labels (one object a trace, written by others). Only fields that are stated are compared;
 * unknown is not zero, so a token class that one side has and the other has not is a difference, 0 included.
 * Rules per field: test/golden/README.md. Pure: nothing is read or printed here.
 */
import { endOf, type Run, type RunOutcome, TOKEN_CLASSES, type TokenClass } from '../model/run.ts'

/** One OTLP/JSON export request as text. */
export interface SignalLine {
  readonly signal: 'traces' | 'logs'
  readonly text: string
}

/** Feeds lines to a pipeline of its own, closes every run and hands the runs back. */
export type RunsOf = (lines: readonly SignalLine[]) => readonly Run[] | Promise<readonly Run[]>

/** What is true of one run; a field left out is not compared. */
export interface ExpectedRun {
  readonly traceId: string
  /** Span id of the run root; null where the file has none. */
  readonly root?: string | null
  readonly agent?: string
  readonly environment?: string
  readonly outcome?: RunOutcome
  readonly modelCalls?: number
  readonly toolCalls?: number
  readonly embeddings?: number
  readonly failedAttempts?: number
  readonly modelErrors?: number
  readonly toolErrors?: number
  readonly toolEmpty?: number
  readonly tokens?: Readonly<Partial<Record<TokenClass, number>>>
  /** Cohort model (R13). */
  readonly model?: string
  /** Models of the model calls, sorted. */
  readonly models?: readonly string[]
  /** Providers of the model calls, sorted; unknown ones left out. */
  readonly provider?: readonly string[]
  /** Finish reason of the model call that ended last; null where it has none. */
  readonly finish?: string | null
  readonly promptVersion?: string
  readonly conflicts?: readonly string[]
  /** Why a surprising value is right. */
  readonly why?: string
}

export interface Golden {
  readonly capture: string
  readonly why: string
  readonly runs: readonly ExpectedRun[]
  /** Traces that must open no run. */
  readonly noRun?: readonly string[]
  /** Tokens of embeddings in those traces: counted by the metrics, in no run. */
  readonly embeddingTokens?: Readonly<Partial<Record<TokenClass, number>>>
  /** Conflicts counted for traces that open no run. */
  readonly conflictsBesideRuns?: readonly string[]
}

/** A line of labels.jsonl, as far as it is compared; null and absent fields are not. */
export interface Label {
  readonly traceId: string
  readonly n_llm?: number | null
  readonly n_tool?: number | null
  readonly n_tool_error?: number | null
  readonly n_llm_error?: number | null
  /** Tool calls that repeat the tool and arguments of an earlier one; compared only where every call's arguments are known. */
  readonly n_repeat_tool?: number | null
  /** Fresh and cached together. */
  readonly input_tokens?: number | null
  /** Visible and reasoning together. */
  readonly output_tokens?: number | null
  /** False: the token numbers above were estimated and are not what the spans carry, so they are not compared. */
  readonly tokens_on_spans?: boolean | null
  readonly agent?: string | null
  readonly service?: string | null
  /** Any text: the run failed. */
  readonly root_error?: string | null
}

export interface Mismatch {
  readonly traceId: string
  /** Root span of the run that was made, empty where none was. */
  readonly root: string
  readonly field: string
  readonly expected: string
  readonly got: string
  readonly why?: string
}

export interface Comparison {
  readonly mismatches: readonly Mismatch[]
  /** Fields that were compared. */
  readonly compared: number
}

/** The facts of a run in the form of golden files. */
export function factsOf(run: Run): Required<Omit<ExpectedRun, 'why'>> {
  const tokens: Partial<Record<TokenClass, number>> = {}
  for (const { usage } of run.spend) {
    for (const c of TOKEN_CLASSES) {
      const n = usage[c]
      if (n !== undefined) tokens[c] = (tokens[c] ?? 0) + n
    }
  }
  const tools = (outcome: string): number => run.toolCalls.filter((t) => t.outcome === outcome).length
  return {
    traceId: run.traceId,
    root: run.rootSpanId,
    agent: run.agent,
    environment: run.environment,
    outcome: run.outcome,
    modelCalls: run.modelCalls.length,
    toolCalls: run.toolCalls.length,
    embeddings: run.embeddings,
    failedAttempts: run.modelCalls.reduce((sum, c) => sum + c.failedAttempts, 0),
    modelErrors: run.modelCalls.filter((c) => c.outcome === 'error').length,
    toolErrors: tools('error'),
    toolEmpty: tools('empty'),
    tokens,
    model: run.cohort.model,
    models: distinct(run.modelCalls.map((c) => c.model)),
    provider: distinct(run.modelCalls.map((c) => c.provider)),
    finish: lastCall(run)?.finish ?? null,
    promptVersion: run.cohort.promptVersion,
    conflicts: run.conflicts.toSorted(),
  }
}

/** Compares runs with what is expected of their traces; a run of a trace in `noRun`, or more runs than expected, is a mismatch. */
export function compareRuns(expected: readonly ExpectedRun[], actual: readonly Run[], noRun: readonly string[] = []): Comparison {
  const left = byTrace(actual)
  const mismatches: Mismatch[] = []
  let compared = 0
  for (const want of expected) {
    const runs = left.get(want.traceId) ?? []
    const found = runs.find((r) => r.rootSpanId === want.root) ?? (sharesTrace(want, expected) ? undefined : runs[0])
    compared++
    if (found === undefined) {
      mismatches.push({
        traceId: want.traceId,
        root: '',
        field: 'run',
        expected: `a run of ${want.agent ?? 'an agent'}`,
        got: 'none',
        ...whyOf(want),
      })
      continue
    }
    left.set(
      want.traceId,
      runs.filter((r) => r !== found),
    )
    const differences = fieldsThatDiffer(want, found)
    compared += differences.compared
    mismatches.push(...differences.mismatches)
  }
  const stated = new Set([...expected.map((e) => e.traceId), ...noRun])
  compared += noRun.length
  for (const id of stated) {
    for (const run of left.get(id) ?? []) {
      mismatches.push({ traceId: id, root: run.rootSpanId, field: 'run', expected: 'none', got: `a run of ${run.agent}` })
    }
  }
  return { mismatches, compared }
}

/** Compares the runs of labelled traces with their labels; several runs of one trace are added up, as labels are per trace. */
export function compareLabels(labels: readonly Label[], actual: readonly Run[]): Comparison {
  const runsOfTrace = byTrace(actual)
  const mismatches: Mismatch[] = []
  let compared = 0
  for (const label of labels) {
    const runs = (runsOfTrace.get(label.traceId) ?? []).toSorted((a, b) => a.startMs - b.startMs)
    const [head] = runs
    for (const [field, expected, got] of labelFields(label, runs)) {
      if (expected === undefined || expected === null || got === undefined) continue
      compared++
      if (expected !== got) {
        mismatches.push({ traceId: label.traceId, root: head?.rootSpanId ?? '', field, expected: String(expected), got: String(got) })
      }
    }
  }
  return { mismatches, compared }
}

/** The labels without what a golden run of the same trace states: where both speak, the golden file has been worked out by hand. */
export function withoutGolden(labels: readonly Label[], expected: readonly ExpectedRun[]): readonly Label[] {
  const golden = new Map(expected.map((e) => [e.traceId, e] as const))
  return labels.map((label) => {
    const e = golden.get(label.traceId)
    if (e === undefined) return label
    return {
      ...label,
      n_llm: e.modelCalls === undefined ? label.n_llm : null,
      n_tool: e.toolCalls === undefined ? label.n_tool : null,
      n_tool_error: e.toolErrors === undefined ? label.n_tool_error : null,
      n_llm_error: e.modelErrors === undefined ? label.n_llm_error : null,
      input_tokens: e.tokens === undefined ? label.input_tokens : null,
      output_tokens: e.tokens === undefined ? label.output_tokens : null,
      agent: e.agent === undefined ? label.agent : null,
      root_error: e.outcome === undefined ? label.root_error : null,
    } as Label
  })
}

type LabelField = readonly [field: string, expected: string | number | null | undefined, got: string | number | undefined]

function labelFields(label: Label, runs: readonly Run[]): readonly LabelField[] {
  const sum = (of: (run: Run) => number): number => runs.reduce((total, run) => total + of(run), 0)
  const facts = new Map(runs.map((r) => [r, factsOf(r)] as const))
  const tokens = (...classes: readonly TokenClass[]): number =>
    sum((r) => classes.reduce((total, c) => total + (facts.get(r)?.tokens[c] ?? 0), 0))
  const real = label.tokens_on_spans !== false
  const hasError = label.root_error !== undefined && label.root_error !== null
  return [
    ['n_llm', label.n_llm, sum((r) => r.modelCalls.length)],
    ['n_tool', label.n_tool, sum((r) => r.toolCalls.length)],
    ['n_tool_error', label.n_tool_error, sum((r) => facts.get(r)?.toolErrors ?? 0)],
    ['n_llm_error', label.n_llm_error, sum((r) => facts.get(r)?.modelErrors ?? 0)],
    ['n_repeat_tool', label.n_repeat_tool, repeats(runs)],
    ['input_tokens', real ? label.input_tokens : null, tokens('input', 'cache_read', 'cache_write')],
    ['output_tokens', real ? label.output_tokens : null, tokens('output', 'reasoning')],
    ['agent', label.agent, runs[0]?.agent ?? 'none'],
    ['service', label.service, runs[0]?.service ?? 'none'],
    ['outcome', hasError ? 'error' : null, runs[0]?.outcome ?? 'none'],
  ]
}

/** Tool calls equal to an earlier one of their run; unknown where a call's arguments are. */
function repeats(runs: readonly Run[]): number | undefined {
  let count = 0
  for (const run of runs) {
    const seen = new Set<string>()
    for (const { tool, argumentsHash } of run.toolCalls) {
      if (argumentsHash === undefined) return undefined
      const key = `${tool}\0${argumentsHash}`
      if (seen.has(key)) count++
      seen.add(key)
    }
  }
  return count
}

function fieldsThatDiffer(want: ExpectedRun, run: Run): Comparison {
  const got = factsOf(run)
  const mismatches: Mismatch[] = []
  let compared = 0
  for (const field of Object.keys(got) as (keyof typeof got)[]) {
    if (field === 'traceId' || want[field] === undefined) continue
    compared++
    const a = written(want[field])
    const b = written(got[field])
    if (a !== b && !(field === 'root' && want.root === null)) {
      mismatches.push({ traceId: run.traceId, root: run.rootSpanId, field, expected: a, got: b, ...whyOf(want) })
    }
  }
  return { mismatches, compared }
}

/** One spelling for equal values: token classes in the order of the catalogue, lists sorted. */
function written(value: ExpectedRun[keyof ExpectedRun]): string {
  if (typeof value === 'string') return value === '' ? '""' : value
  if (typeof value !== 'object' || value === null) return String(value)
  if (isList(value)) return `[${value.toSorted().join(', ')}]`
  const classes = TOKEN_CLASSES.filter((c) => value[c] !== undefined)
  return classes.length === 0 ? 'unknown' : classes.map((c) => `${c} ${value[c]}`).join(', ')
}

function isList(value: object): value is readonly string[] {
  return Array.isArray(value)
}

function whyOf(want: ExpectedRun): { readonly why?: string } {
  return want.why === undefined ? {} : { why: want.why }
}

function sharesTrace(want: ExpectedRun, expected: readonly ExpectedRun[]): boolean {
  return expected.some((e) => e !== want && e.traceId === want.traceId)
}

function byTrace(runs: readonly Run[]): Map<string, readonly Run[]> {
  const found = new Map<string, readonly Run[]>()
  for (const run of runs) found.set(run.traceId, [...(found.get(run.traceId) ?? []), run])
  return found
}

function distinct(values: readonly string[]): readonly string[] {
  return [...new Set(values.filter((v) => v !== ''))].sort()
}

function lastCall(run: Run): Run['modelCalls'][number] | undefined {
  let last: Run['modelCalls'][number] | undefined
  for (const call of run.modelCalls) if (last === undefined || endOf(call) >= endOf(last)) last = call
  return last
}
