/** Asks triage about every history, through Prometheus as `agentopz triage` does, and says whether the answer was right. */
import { createPrometheus } from '../../app/prometheus.ts'
import { gatherFacts } from '../../app/triage/facts.ts'
import { runsNeeded } from '../../incidents/compare.ts'
import { triage } from '../../incidents/triage.ts'
import type { Confidence, TriageCause } from '../../model/incident.ts'
import type { SliName } from '../../model/slis.ts'
import { type Asked, TRIAGE_CLASSES, type TriageClass } from './classes.ts'
import { type HistoryTruth, SIZES } from './simulate.ts'

export interface Answer {
  readonly truth: HistoryTruth
  readonly sli: SliName
  /** Whether there are enough runs to tell, by what was put in; absent for controls. */
  readonly isEnough?: boolean
  /** The first cause, with its confidence; absent when none was named. */
  readonly first?: { readonly cause: TriageCause; readonly confidence: Confidence; readonly subject: string }
  /** All causes named, low confidence included. */
  readonly named: readonly TriageCause[]
  /** Minutes by which the onset was estimated too late; absent where none was found. */
  readonly onsetLateMinutes?: number
  /** Whether the true beginning lies in the onset's interval, widened by the minutes in which a run closes and is judged. */
  readonly isOnsetCovered?: boolean
  readonly summary: string
  readonly ms: number
}

/** An alert is assumed so long after the beginning; triage must find the beginning itself. */
const ALERT_AFTER_MS = 15 * 60_000
const CLOSING_MS = 6 * 60_000

export async function askAll(url: string, truths: readonly HistoryTruth[]): Promise<readonly Answer[]> {
  const answers: Answer[] = []
  for (const truth of truths) {
    const c = TRIAGE_CLASSES.find((k) => k.name === truth.className)
    for (const asked of c?.asked ?? []) if (c !== undefined) answers.push(await ask(url, truth, c, asked))
  }
  return answers
}

async function ask(url: string, truth: HistoryTruth, c: TriageClass, asked: Asked): Promise<Answer> {
  const { agent, environment, beganMs, askedMs } = truth
  const began = performance.now()
  const facts = await gatherFacts(createPrometheus(url), {
    agent,
    environment,
    ...asked,
    startedMs: beganMs + ALERT_AFTER_MS,
    nowMs: askedMs,
  })
  const found = triage(facts, askedMs)
  const causes = found.findings.filter((f) => f.verdict === 'cause')
  const [first] = causes
  const { onset } = found
  return {
    truth,
    sli: asked.sli,
    ...(c.causes.length === 0 ? {} : { isEnough: isEnough(truth, c) }),
    ...(first === undefined ? {} : { first: { cause: first.cause, confidence: first.confidence, subject: first.subject } }),
    named: [...new Set(causes.map((f) => f.cause))],
    ...(onset === undefined
      ? {}
      : {
          onsetLateMinutes: (onset.atMs - beganMs) / 60_000,
          isOnsetCovered: onset.fromMs - CLOSING_MS <= beganMs && beganMs <= onset.toMs,
        }),
    summary: found.summary,
    ms: performance.now() - began,
  }
}

/** Events reached against those that the arcsine formula wants for the rise that was put in, at p < 0.01 and nine in ten. */
function isEnough({ size, runsBefore, runsReached }: HistoryTruth, { expected, asked }: TriageClass): boolean {
  if (expected === undefined) return true
  const perRun = expected.eventsPerRun ?? (asked[0]?.sli === 'evaluation' ? (SIZES.find((s) => s.name === size)?.evaluationRate ?? 1) : 1)
  return runsReached * perRun >= runsNeeded(expected.normal, expected.normal + expected.rise, runsBefore * perRun, 1.3)
}
