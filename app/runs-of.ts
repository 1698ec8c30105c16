/** OTLP/JSON lines → the runs they add up to, in process: the data path without receivers, prices and metrics. */
import type { Run } from '../model/run.ts'
import { createDecoder } from '../processor/decode/index.ts'
import { INTEREST, readLog } from '../processor/dialects/index.ts'
import { factOfLog, readSpan } from '../processor/read-span.ts'
import { DEFAULT_RUN_LIMITS, type LateWork, Runs } from '../processor/runs/runs.ts'
import type { SignalLine } from './conformance.ts'

export interface Derived {
  readonly runs: readonly Run[]
  /** Work beside runs: embeddings only, duplicate traces. */
  readonly late: readonly LateWork[]
}

/** Feeds every line and closes every run, as if nothing more ever came. */
export function deriveRuns(lines: readonly SignalLine[]): Derived {
  const runs: Run[] = []
  const late: LateWork[] = []
  const state = new Runs(
    { ...DEFAULT_RUN_LIMITS, maxSpansPerRun: 1_000_000 },
    {
      closed: (run) => runs.push(run),
      late: (work) => late.push(work),
      duplicate: () => undefined,
      linksDropped: () => undefined,
      evaluationsDropped: () => undefined,
      failed: (error) => {
        throw error
      },
    },
    1,
  )
  const decoder = createDecoder(INTEREST)
  let now = 0
  for (const { signal, text } of lines) {
    now++
    const body = Buffer.from(text)
    if (signal === 'traces') {
      decoder.traces(body, 'json', {
        span: (span) => {
          const { fact, evaluations } = readSpan(span)
          if (fact === undefined) state.link(span, now)
          else state.add(span.traceId, fact, now)
          for (const e of evaluations) if (e.target !== undefined) state.evaluate(e, e.target.traceId, e.target.spanId ?? '')
        },
        link: (place) => state.linkIds(place, now),
      })
    } else if (signal === 'logs') {
      decoder.logs(body, 'json', {
        log: (log) => {
          const found = readLog(log)
          for (const e of found?.reading.evaluations ?? [])
            state.evaluate(e, e.target?.traceId ?? log.traceId, e.target?.spanId ?? log.spanId)
          const fact = found?.reading.fact
          if (found !== undefined && fact !== undefined)
            state.add(
              log.traceId === '' ? `log:${fact.runKey}` : log.traceId,
              factOfLog(log, found.dialect, fact.id, fact.durationMs, fact.reading),
              now,
            )
        },
      })
    }
  }
  state.flush(now + 1_000_000, 'idle')
  return { runs, late }
}
