/**
 * Verdicts from evaluations made elsewhere. Scores have no common scale, so a score alone says nothing until the operator sets a
 * threshold for that evaluation; a label that is plainly a verdict is taken as one.
 */
import type { ExternalEvaluation, Verdict } from '../../model/run.ts'

export interface ScoreThreshold {
  readonly passAtLeast?: number
  readonly passAtMost?: number
}

const PASS = new Set([
  'pass',
  'passed',
  'true',
  'yes',
  'good',
  'correct',
  'ok',
  'success',
  'successful',
  'positive',
  'thumbs_up',
  'like',
  'relevant',
  'grounded',
  'faithful',
  'factual',
  'safe',
])
const FAIL = new Set([
  'fail',
  'failed',
  'false',
  'no',
  'bad',
  'incorrect',
  'wrong',
  'failure',
  'negative',
  'thumbs_down',
  'dislike',
  'irrelevant',
  'ungrounded',
  'unfaithful',
  'hallucinated',
  'unsafe',
])

/** `error` when the evaluator failed, a threshold's verdict on the score, else the label's, else `abstain`. */
export function verdictOf(evaluation: ExternalEvaluation, threshold: ScoreThreshold | undefined): Verdict {
  if (evaluation.errorType !== undefined) return 'error'
  const { score } = evaluation
  if (score !== undefined && threshold !== undefined) {
    const high = threshold.passAtLeast === undefined || score >= threshold.passAtLeast
    const low = threshold.passAtMost === undefined || score <= threshold.passAtMost
    return high && low ? 'pass' : 'fail'
  }
  const label = evaluation.label
    ?.trim()
    .toLowerCase()
    .replaceAll(/[\s-]+/g, '_')
  if (label === undefined) return 'abstain'
  return PASS.has(label) ? 'pass' : FAIL.has(label) ? 'fail' : 'abstain'
}
