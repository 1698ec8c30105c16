/** What the response asks before it concludes anything. Over Prometheus here; every question throws PrometheusError where it cannot be answered. */
import type { Counts } from '../../incidents/compare.ts'
import type { TriageFacts } from '../../incidents/facts.ts'
import type { Prometheus } from '../prometheus.ts'
import { gatherFacts, type TriageQuestion } from '../triage/facts.ts'
import type { VolumeFacts } from '../../incidents/volume.ts'
import { type AroundQuestion, countsAround, failedRuns, firesNow, pauseMs } from './aftermath.ts'
import { volumeFacts, type VolumeQuestion } from './volume.ts'

export interface AgentIn {
  readonly agent: string
  readonly environment: string
}

export interface Evidence {
  facts(question: TriageQuestion): Promise<TriageFacts>
  volume(question: VolumeQuestion): Promise<VolumeFacts>
  around(question: AroundQuestion): Promise<{ readonly baseline: Counts; readonly bad: Counts; readonly after: Counts }>
  pause(question: AgentIn & { readonly changedMs: number; readonly settleMs: number; readonly scale: number }): Promise<number>
  failed(question: AgentIn & { readonly fromMs: number; readonly nowMs: number }): Promise<number | undefined>
  fires(question: AgentIn & { readonly alerts: readonly string[]; readonly nowMs: number }): Promise<boolean>
}

export function evidenceOf(prometheus: () => Prometheus): Evidence {
  return {
    facts: (q) => gatherFacts(prometheus(), q),
    volume: (q) => volumeFacts(prometheus(), q),
    around: (q) => countsAround(prometheus(), q),
    pause: (q) => pauseMs(prometheus(), q),
    failed: (q) => failedRuns(prometheus(), q),
    fires: (q) => firesNow(prometheus(), q),
  }
}
