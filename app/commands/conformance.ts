/**
 * `agentopz conformance DIR`: recorded OTLP/JSON lines and what is true of them → a table of differences.
 * DIR holds *.jsonl (or .jsonl.gz) of export requests, and truth: labels.jsonl and golden *.json; more golden files may be named.
 * Every line goes through the pipeline in process, every run is closed, nothing is sent or kept.
 * Exit code 0 when all compared fields are equal, 1 when one differs, 2 when the folder or a file cannot be used.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  compareLabels,
  compareRuns,
  type Golden,
  type Label,
  type Mismatch,
  type RunsOf,
  type SignalLine,
  withoutGolden,
} from '../conformance.ts'
import { readOtlpLines } from '../otlp-lines.ts'

export interface ConformanceOptions {
  /** Golden files besides those in the folder. */
  readonly goldens: readonly string[]
  /** One JSON object instead of a table. */
  readonly json: boolean
  readonly runsOf: RunsOf
  readonly say: (line: string) => void
}

/** Truth that cannot be read: the operator's mistake, with file and line. */
class TruthError extends Error {
  override readonly name = 'TruthError'
}

interface Truth {
  readonly goldens: readonly Golden[]
  readonly labels: readonly Label[]
}

const LABELS = 'labels.jsonl'

/** Compares and reports; returns the exit code: 0 equal, 1 differences, 2 nothing to compare or a file that cannot be read. */
export async function conformance(dir: string, options: ConformanceOptions): Promise<0 | 1 | 2> {
  let truth: Truth
  let lines: readonly SignalLine[]
  try {
    const names = (await readdir(dir)).sort()
    lines = await readLines(names.filter((n) => /\.jsonl(\.gz)?$/.test(n) && n !== LABELS).map((n) => join(dir, n)))
    truth = await readTruth(dir, names, options.goldens)
  } catch (error) {
    options.say(error instanceof Error ? error.message : String(error))
    return 2
  }
  if (lines.length === 0 || (truth.labels.length === 0 && truth.goldens.length === 0)) {
    const what = lines.length === 0 ? 'no *.jsonl of traces or logs' : `no truth: neither ${LABELS} nor golden *.json`
    options.say(`${dir}: ${what}; name a folder that has both, or golden files with --golden`)
    return 2
  }
  const runs = await options.runsOf(lines)
  const expected = truth.goldens.flatMap((g) => g.runs)
  const noRun = truth.goldens.flatMap((g) => g.noRun ?? [])
  const byGolden = compareRuns(expected, runs, noRun)
  const byLabel = compareLabels(withoutGolden(truth.labels, expected), runs)
  const mismatches = [...byGolden.mismatches, ...byLabel.mismatches]
  const stated = new Set([...expected.map((e) => e.traceId), ...noRun, ...truth.labels.map((l) => l.traceId)])
  const summary = {
    runs: runs.length,
    traces: stated.size,
    compared: byGolden.compared + byLabel.compared,
    mismatches: mismatches.length,
    runsWithoutTruth: runs.filter((r) => !stated.has(r.traceId)).length,
  }
  if (options.json) options.say(JSON.stringify({ ...summary, differences: mismatches }))
  else for (const line of [...table(mismatches), summaryLine(summary)]) options.say(line)
  return mismatches.length === 0 ? 0 : 1
}

async function readLines(files: readonly string[]): Promise<readonly SignalLine[]> {
  const lines: SignalLine[] = []
  for (const file of files) {
    for await (const { signal, request } of readOtlpLines(file)) {
      if (signal !== 'metrics') lines.push({ signal, text: JSON.stringify(request) })
    }
  }
  return lines
}

async function readTruth(dir: string, names: readonly string[], more: readonly string[]): Promise<Truth> {
  const goldens: Golden[] = []
  for (const file of [...names.filter((n) => n.endsWith('.json')).map((n) => join(dir, n)), ...more]) {
    const value = parse(await readFile(file, 'utf8'), file)
    // Other JSON may lie in the folder; a file that was named must be a golden one.
    if (isGolden(value)) goldens.push(value)
    else if (more.includes(file))
      throw new TruthError(`${file}  no "runs" list; a golden file is {"capture", "why", "runs": [{"traceId", …}]}`)
  }
  const labels: Label[] = []
  if (names.includes(LABELS)) {
    const file = join(dir, LABELS)
    for (const [i, text] of (await readFile(file, 'utf8')).split('\n').entries()) {
      if (text.trim() === '') continue
      const value = parse(text, `${file}:${i + 1}`)
      if (!hasTraceId(value)) throw new TruthError(`${file}:${i + 1}  no "traceId"; a label is one JSON object a line`)
      labels.push(value)
    }
  }
  return { goldens, labels }
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new TruthError(`${where}  not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function hasTraceId(value: unknown): value is Label {
  return typeof value === 'object' && value !== null && 'traceId' in value && typeof value.traceId === 'string'
}

function isGolden(value: unknown): value is Golden {
  return typeof value === 'object' && value !== null && 'runs' in value && Array.isArray(value.runs) && value.runs.every(hasTraceId)
}

/** The differences in columns, the reasons of the truth below their rows. */
function table(mismatches: readonly Mismatch[]): readonly string[] {
  if (mismatches.length === 0) return []
  const rows = mismatches.map((m) => [m.traceId.slice(0, 12), m.field, m.expected, m.got])
  const head = ['trace', 'field', 'expected', 'got']
  const widths = head.map((h, i) => Math.min(60, Math.max(h.length, ...rows.map((r) => r[i]?.length ?? 0))))
  const written = (cells: readonly string[]): string =>
    cells
      .map((c, i) => c.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd()
  return [
    written(head),
    ...rows.flatMap((r, i) => [written(r), ...(mismatches[i]?.why === undefined ? [] : [`    truth: ${mismatches[i]?.why}`])]),
  ]
}

function summaryLine(s: { runs: number; traces: number; compared: number; mismatches: number; runsWithoutTruth: number }): string {
  const apart = s.runsWithoutTruth === 0 ? '' : `, ${s.runsWithoutTruth} runs without truth`
  return `${s.runs} runs, ${s.traces} traces with truth, ${s.compared} fields compared, ${s.mismatches} differ${apart}`
}
