/**
 * The numbers of a reading's usage ↔ bytes, exactly: which of them were reported is one byte. How they are meant (`cacheAccounting`) is a word of the
 * reading's and written there. A number that is missing in the table does not compile.
 */
import type { RawUsage } from '../../../model/run.ts'
import { blankUsage } from '../../dialects/whole.ts'
import type { Reader, Writer } from './bytes.ts'

const REPORTS = {
  input: 1 << 0,
  output: 1 << 1,
  cacheRead: 1 << 2,
  cacheWrite: 1 << 3,
  cacheWrite1h: 1 << 4,
  reasoning: 1 << 5,
  total: 1 << 6,
  reasoningOutsideOutput: 1 << 7,
} as const satisfies Record<Exclude<keyof RawUsage, 'cacheAccounting'>, number>

export function writeUsage(w: Writer, usage: RawUsage): void {
  const at = w.reserve()
  let reports = 0
  const { input, output, cacheRead, cacheWrite, cacheWrite1h, reasoning, total, reasoningOutsideOutput } = usage
  if (input !== undefined) {
    reports |= REPORTS.input
    w.number(input)
  }
  if (output !== undefined) {
    reports |= REPORTS.output
    w.number(output)
  }
  if (cacheRead !== undefined) {
    reports |= REPORTS.cacheRead
    w.number(cacheRead)
  }
  if (cacheWrite !== undefined) {
    reports |= REPORTS.cacheWrite
    w.number(cacheWrite)
  }
  if (cacheWrite1h !== undefined) {
    reports |= REPORTS.cacheWrite1h
    w.number(cacheWrite1h)
  }
  if (reasoning !== undefined) {
    reports |= REPORTS.reasoning
    w.number(reasoning)
  }
  if (total !== undefined) {
    reports |= REPORTS.total
    w.number(total)
  }
  if (reasoningOutsideOutput !== undefined) {
    reports |= REPORTS.reasoningOutsideOutput
    w.flag(reasoningOutsideOutput)
  }
  w.set(at, reports)
}

export function readUsage(r: Reader, cacheAccounting: RawUsage['cacheAccounting']): RawUsage {
  const usage = blankUsage(cacheAccounting)
  const reports = r.byte()
  if (reports & REPORTS.input) usage.input = r.number()
  if (reports & REPORTS.output) usage.output = r.number()
  if (reports & REPORTS.cacheRead) usage.cacheRead = r.number()
  if (reports & REPORTS.cacheWrite) usage.cacheWrite = r.number()
  if (reports & REPORTS.cacheWrite1h) usage.cacheWrite1h = r.number()
  if (reports & REPORTS.reasoning) usage.reasoning = r.number()
  if (reports & REPORTS.total) usage.total = r.number()
  if (reports & REPORTS.reasoningOutsideOutput) usage.reasoningOutsideOutput = r.flag()
  return usage
}
