/** OTLP/JSON lines → runs, for golden tests. */
import { deriveRuns } from '../../app/runs-of.ts'
import type { SignalLine } from '../../app/conformance.ts'
import type { Run } from '../../model/run.ts'

export function runsOf(lines: readonly SignalLine[]): readonly Run[] {
  return deriveRuns(lines).runs
}
