/**
 * What the sink received → spans and runs of each scenario. A trace belongs to the scenario in which its first span began, whole: a span
 * that strays into a trace of the scenario before is then missing from its own.
 */
import { deriveRuns, type Derived } from '../../app/runs-of.ts'
import type { SignalLine } from '../../app/conformance.ts'
import { type Json, list, object, text } from '../support/provider/json.ts'
import type { ProgramRun } from './program-run.ts'

export interface SpanSeen {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly name: string
  readonly startMs: number
  readonly attributes: Json
}

export interface Telemetry extends Derived {
  readonly spans: readonly SpanSeen[]
}

/** Clocks of two processes on one machine. */
const SKEW_MS = 5
const EMPTY: Telemetry = { runs: [], late: [], spans: [] }

/** Telemetry by scenario; '' is what began before the first. */
export function telemetryOf(run: ProgramRun): ReadonlyMap<string, Telemetry> {
  const scenarioAt = (ms: number): string => run.marks.findLast((m) => m.atMs <= ms + SKEW_MS)?.name ?? ''
  const first = new Map<string, number>()
  const spans = run.received.flatMap((r) => (r.signal === 'traces' ? spansOf(r.request) : []))
  for (const s of spans) first.set(s.traceId, Math.min(first.get(s.traceId) ?? Infinity, s.startMs))
  const scenarioOfTrace = new Map([...first].map(([traceId, ms]) => [traceId, scenarioAt(ms)]))
  const byScenario = new Map<string, SpanSeen[]>()
  for (const s of spans) {
    const scenario = scenarioOfTrace.get(s.traceId) ?? ''
    byScenario.set(scenario, [...(byScenario.get(scenario) ?? []), s])
  }
  return new Map(
    [...byScenario].map(([scenario, own]) => {
      const traces = new Set(own.map((s) => s.traceId))
      return [scenario, { ...deriveRuns(linesOf(run, traces)), spans: own }]
    }),
  )
}

/** Telemetry of one scenario, empty where there is none. */
export const ofScenario = (all: ReadonlyMap<string, Telemetry>, scenario: string): Telemetry => all.get(scenario) ?? EMPTY

/** The received requests, cut down to some traces. */
function linesOf(run: ProgramRun, traces: ReadonlySet<string>): readonly SignalLine[] {
  return run.received.map(({ signal, request }) => {
    const [outer, inner, items] =
      signal === 'traces' ? (['resourceSpans', 'scopeSpans', 'spans'] as const) : (['resourceLogs', 'scopeLogs', 'logRecords'] as const)
    const kept = list(request[outer]).map((r) => ({
      ...object(r),
      [inner]: list(object(r)[inner]).map((s) => ({
        ...object(s),
        [items]: list(object(s)[items]).filter((item) => traces.has(text(object(item)['traceId']))),
      })),
    }))
    return { signal, text: JSON.stringify({ [outer]: kept }) }
  })
}

function spansOf(request: Json): readonly SpanSeen[] {
  return list(request['resourceSpans']).flatMap((r) =>
    list(object(r)['scopeSpans']).flatMap((s) =>
      list(object(s)['spans']).map((raw) => {
        const span = object(raw)
        return {
          traceId: text(span['traceId']),
          spanId: text(span['spanId']),
          parentSpanId: text(span['parentSpanId']),
          name: text(span['name']),
          startMs: Number(BigInt(text(span['startTimeUnixNano']) || 0) / 1_000_000n),
          attributes: Object.fromEntries(
            list(span['attributes']).map((a) => {
              const value = object(object(a)['value'])
              return [text(object(a)['key']), Object.values(value)[0]]
            }),
          ),
        }
      }),
    ),
  )
}
