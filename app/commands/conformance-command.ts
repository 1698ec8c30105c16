/** `agentopz conformance DIR`: options in; the work is in conformance.ts. */
import { deriveRuns } from '../runs-of.ts'
import { conformance } from './conformance.ts'
import { say } from './output.ts'

/** Compares; returns the exit code. */
export function conformanceCommand(dir: string, o: { golden?: readonly string[]; json?: boolean }): Promise<number> {
  return conformance(dir, { goldens: o.golden ?? [], json: o.json === true, runsOf: (lines) => deriveRuns(lines).runs, say })
}
