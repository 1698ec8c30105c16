/**
 * A check looks at one closed run and gives a verdict with its reason (R11). One file and one line in index.ts each.
 * Checks are pure. None depends on message content alone: without it a check abstains, it does not guess.
 */
import { endOf, type FinishReason, type ModelCall, type Run, type Verdict } from '../../model/run.ts'

export interface CheckResult {
  readonly verdict: Verdict
  /** Short and of low cardinality; for logs and reviews, never message content. */
  readonly reason: string
}

/** What an agent's configuration asks of its runs. */
export interface AgentPolicy {
  /** Names of the checks that decide quality; `external:NAME` for evaluations from outside. */
  readonly checks: readonly string[]
  readonly loop: { readonly identicalCalls: number; readonly pingPong: number }
  readonly requiredTools: readonly string[]
  /** Whether an answer has the form it must have; absent when nothing is asked. */
  readonly acceptsOutput?: (text: string) => boolean
}

export interface Check {
  readonly name: string
  readonly source: 'builtin'
  evaluate(run: Run, policy: AgentPolicy): CheckResult
}

export const pass = (reason: string): CheckResult => ({ verdict: 'pass', reason })
export const fail = (reason: string): CheckResult => ({ verdict: 'fail', reason })
export const abstain = (reason: string): CheckResult => ({ verdict: 'abstain', reason })

const BY_FINISH = new Map<FinishReason, CheckResult>()

/** A pass whose reason is the finish reason. */
export function passAs(finish: FinishReason): CheckResult {
  let found = BY_FINISH.get(finish)
  if (found === undefined) BY_FINISH.set(finish, (found = pass(`finish reason ${finish}`)))
  return found
}

/** The model call whose answer is the run's: of the root agent's own calls the one that ended last, else of all. Five checks ask for it. */
export function finalCall(run: Run): ModelCall | undefined {
  let final: ModelCall | undefined
  for (const c of run.modelCalls) {
    const isBefore = final !== undefined && endOf(c) < endOf(final)
    if (final === undefined || (c.own !== final.own ? c.own : !isBefore)) final = c
  }
  return final
}
