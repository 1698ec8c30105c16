/**
 * What is true of each scenario (`expected.json`, worked out by hand) against the runs its spans added up to → sentences that say what is
 * wrong. A field that is null is not asserted and needs a reason; a scenario without an entry is a problem of its own. Form: README.md.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { GEN_AI } from '../../model/semconv.ts'
import { type Run, type RunOutcome, TOKEN_CLASSES, type TokenClass } from '../../model/run.ts'
import type { Volatile } from './compare.ts'
import type { Sdk } from './sdks.ts'
import type { Telemetry } from './telemetry.ts'

export interface Truth {
  readonly runs?: number | null
  readonly agent?: string | null
  readonly outcome?: RunOutcome | null
  readonly modelCalls?: number | null
  readonly embeddings?: number | null
  readonly modelErrors?: readonly string[] | null
  readonly callsWithoutUsage?: number | null
  readonly tokens?: Readonly<Partial<Record<TokenClass, number>>> | null
  readonly tools?: readonly string[] | null
  readonly models?: readonly string[] | null
  readonly providers?: readonly string[] | null
  readonly finish?: string | null
  readonly nested?: boolean | null
  /** Why a field is null or surprises; by field, or one text for all. */
  readonly why?: string | Readonly<Record<string, string>>
}
type Field = Exclude<keyof Truth, 'why'>

export interface Expected {
  /** Another file that this one adds to, relative to it. */
  readonly extends?: string
  readonly defaults?: Truth
  readonly scenarios: Readonly<Record<string, Truth>>
  readonly volatile?: Volatile & { readonly why: string }
  /** What is not supported and why, for docs/conformance.md. */
  readonly limits?: readonly string[]
  /** `agents`: other names that the endless loop runs under; `fallback: false`: a kill switch cannot answer in its place, `why` says why. */
  readonly guard?: { readonly agents?: readonly string[]; readonly fallback?: false; readonly why?: string }
  /** Environment that a user of this SDK sets; with a reason. */
  readonly env?: Readonly<Record<string, string>>
}

/** An SDK's expectations; undefined while nobody has worked them out. */
export function expectedOf(sdk: Sdk): Expected | undefined {
  const file = join(sdk.folder, 'expected.json')
  return existsSync(file) ? readExpected(file) : undefined
}

function readExpected(file: string): Expected {
  const own = JSON.parse(readFileSync(file, 'utf8')) as Expected
  if (own.extends === undefined) return own
  const base = readExpected(join(dirname(file), own.extends))
  return { ...base, ...own, defaults: { ...base.defaults, ...own.defaults }, scenarios: { ...base.scenarios, ...own.scenarios } }
}

const IF_LEFT_OUT: Truth = {
  runs: 1,
  outcome: 'ok',
  modelCalls: 0,
  embeddings: 0,
  modelErrors: [],
  callsWithoutUsage: 0,
  tokens: {},
  tools: [],
  nested: true,
}
const FIELDS: readonly Field[] = [
  'runs',
  'agent',
  'outcome',
  'modelCalls',
  'embeddings',
  'modelErrors',
  'callsWithoutUsage',
  'tokens',
  'tools',
  'models',
  'providers',
  'finish',
  'nested',
]

/** What is wrong with a scenario's telemetry; empty when it is right. */
export function checkScenario(expected: Expected, scenario: string, seen: Telemetry, service: string): readonly string[] {
  const stated = expected.scenarios[scenario]
  if (stated === undefined) return [`expected.json has no entry for it`]
  const truth: Truth = { ...IF_LEFT_OUT, agent: service, ...expected.defaults, ...stated }
  const actual = factsOf(seen)
  const problems: string[] = []
  for (const field of FIELDS) {
    const wanted = truth[field]
    if (wanted === undefined) continue
    if (wanted === null) {
      if (!hasReason(stated, field) && !hasReason(expected.defaults ?? {}, field))
        problems.push(`${field} is null in expected.json: say in "why" why it cannot be asserted`)
      continue
    }
    // No run, no agent, no outcome, nothing that could be nested.
    if (truth.runs === 0 && (field === 'agent' || field === 'outcome' || field === 'nested')) continue
    const a = JSON.stringify(normal(field, wanted))
    const b = JSON.stringify(normal(field, actual[field]))
    if (a !== b) problems.push(`${field} is ${b}, should be ${a}`)
  }
  return problems
}

const hasReason = (truth: Truth, field: Field): boolean => typeof truth.why === 'string' || truth.why?.[field] !== undefined

/** Token classes in one order, zeros and unknown ones left out. */
function normal(field: Field, value: unknown): unknown {
  if (field !== 'tokens' || typeof value !== 'object' || value === null) return value
  const tokens = value as Readonly<Partial<Record<TokenClass, number>>>
  return Object.fromEntries(TOKEN_CLASSES.flatMap((c) => ((tokens[c] ?? 0) === 0 ? [] : [[c, tokens[c]]])))
}

function factsOf({ runs, late, spans }: Telemetry): Required<Omit<Truth, 'why'>> {
  const works = [...runs, ...late]
  const calls = works.flatMap((w) => w.modelCalls).sort((a, b) => a.startMs - b.startMs)
  const spend = works.flatMap((w) => w.spend)
  const agents = new Set(runs.map((r) => r.agent))
  const traces = new Set(runs.map((r) => r.traceId))
  const embeddings = spans.filter((s) => s.attributes[GEN_AI.operation] === 'embeddings' && !traces.has(s.traceId)).length
  const counted = runs.reduce((n, r) => n + r.embeddings, embeddings)
  const tokens: Partial<Record<TokenClass, number>> = {}
  for (const { usage } of spend) for (const c of TOKEN_CLASSES) if (usage[c] !== undefined) tokens[c] = (tokens[c] ?? 0) + usage[c]
  return {
    runs: runs.length,
    agent: [...agents].sort().join(', '),
    outcome: runs.toSorted((a, b) => a.startMs - b.startMs).at(-1)?.outcome ?? null,
    modelCalls: calls.length,
    embeddings: counted,
    modelErrors: calls
      .filter((c) => c.outcome === 'error')
      .map((c) => c.errorType ?? 'unknown')
      .sort(),
    callsWithoutUsage: Math.max(0, calls.filter((c) => c.outcome !== 'error').length + counted - spend.length),
    tokens,
    tools: works
      .flatMap((w) => w.toolCalls)
      .sort((a, b) => a.startMs - b.startMs)
      .map((t) => `${t.tool} ${t.outcome}`),
    models: unique(calls.map((c) => c.model)),
    providers: unique(calls.map((c) => c.provider)),
    finish: calls.at(-1)?.finish ?? null,
    nested: runs.every((r) => isNested(r, spans)),
  }
}

const unique = (values: readonly string[]): readonly string[] => [...new Set(values)].sort()

/** Every span of the run reaches the run's root over spans that were sent. */
function isNested(run: Run, spans: readonly Telemetry['spans'][number][]): boolean {
  const parents = new Map(spans.filter((s) => s.traceId === run.traceId).map((s) => [s.spanId, s.parentSpanId]))
  return run.spanIds.every((id) => {
    for (let at: string | undefined = id, steps = 0; at !== undefined && steps < 100; at = parents.get(at), steps++)
      if (at === run.rootSpanId) return true
    return false
  })
}
