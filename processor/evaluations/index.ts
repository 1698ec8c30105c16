/**
 * The checks, and how their verdicts make a run's quality (R11). A new check is one file and one line in `CHECKS`.
 * Judges (an LLM that scores a sample of runs after they closed) have their own list: they are asynchronous and cost money.
 */
import type { ExternalEvaluation, Quality, Run, Verdict } from '../../model/run.ts'
import type { AgentPolicy, Check } from './check.ts'
import { completed } from './completed.ts'
import { type ScoreThreshold, verdictOf } from './external.ts'
import { groundedCall } from './grounded-call.ts'
import { noLoop } from './no-loop.ts'
import { notEmpty } from './not-empty.ts'
import { notFiltered } from './not-filtered.ts'
import { notRefused } from './not-refused.ts'
import { notTruncated } from './not-truncated.ts'
import { retrievalNotEmpty } from './retrieval-not-empty.ts'
import { toolsOk } from './tools-ok.ts'
import { validOutput } from './valid-output.ts'

export const CHECKS: readonly Check[] = [
  completed,
  notTruncated,
  notFiltered,
  notRefused,
  notEmpty,
  noLoop,
  toolsOk,
  retrievalNotEmpty,
  validOutput,
  groundedCall,
]

/** Scores a sample of closed runs in its own time; its verdicts are counted like late evaluations. None is built in yet. */
export interface Judge {
  readonly name: string
  readonly source: 'judge'
  judge(run: Run): Promise<ExternalEvaluation | undefined>
}
export const JUDGES: readonly Judge[] = []

/** Required where an agent's configuration names none: those whose failure a user would call one. */
export const DEFAULT_CHECKS: readonly string[] = [
  'completed',
  'not_truncated',
  'not_filtered',
  'not_refused',
  'not_empty',
  'no_loop',
  'valid_output',
  'grounded_call',
]

export interface CheckVerdict {
  readonly evaluation: string
  readonly verdict: Verdict
  readonly source: 'builtin' | 'external' | 'judge' | 'feedback'
  readonly score?: number
  readonly reason?: string
}

export interface Evaluated {
  readonly verdicts: readonly CheckVerdict[]
  readonly quality: Quality
}

/** Runs every check on a closed run and joins the verdicts from outside. A check that throws is an `error` verdict, never a lost run. */
export function evaluate(run: Run, policy: AgentPolicy, thresholds: ReadonlyMap<string, ScoreThreshold>): Evaluated {
  const verdicts: CheckVerdict[] = []
  for (const check of CHECKS) {
    try {
      const { verdict, reason } = check.evaluate(run, policy)
      verdicts.push({ evaluation: check.name, source: check.source, verdict, reason })
    } catch {
      verdicts.push({ evaluation: check.name, source: check.source, verdict: 'error', reason: 'the check threw' })
    }
  }
  for (const e of run.evaluations) verdicts.push(externalVerdict(e, thresholds))
  return { verdicts, quality: qualityOf(verdicts, policy.checks) }
}

/** The verdict of one evaluation from outside. */
export function externalVerdict(e: ExternalEvaluation, thresholds: ReadonlyMap<string, ScoreThreshold>): CheckVerdict {
  return {
    evaluation: e.name,
    source: e.source,
    verdict: verdictOf(e, thresholds.get(e.name)),
    ...(e.score === undefined ? {} : { score: e.score }),
  }
}

/** Fails with one that fails, else passes with one that passes, of those that are required: which are few, so they are gone through. */
function qualityOf(verdicts: readonly CheckVerdict[], required: readonly string[]): Quality {
  let hasPassed = false
  for (const { verdict, source, evaluation } of verdicts) {
    if (verdict !== 'fail' && (hasPassed || verdict !== 'pass')) continue
    if (!required.includes(source === 'builtin' ? evaluation : `external:${evaluation}`)) continue
    if (verdict === 'fail') return 'fail'
    hasPassed = true
  }
  return hasPassed ? 'pass' : 'unrated'
}
