/**
 * `npm run bench:triage`: histories with known causes → Prometheus → triage → how often the right cause came first. Without options it writes
 * the measured part of docs/triage.md. `--seeds 1,2,3` prints instead, for tuning: never tune on the seeds of the report.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { BLOCK_DURATION } from '../detection/fleet/openmetrics.ts'
import { mapAtOnce, run } from '../detection/processes.ts'
import { loadOpenMetrics, Prometheus } from '../detection/prometheus.ts'
import { type Answer, askAll } from './ask.ts'
import { missesText, tableText, writeReport } from './report.ts'
import type { HistoryTruth } from './simulate.ts'

export const REPORT_SEEDS = [401, 402, 403, 404, 405, 406, 407, 408, 409, 410] as const
const WIDTH = 2

const began = performance.now()
function progress(message: string): void {
  process.stderr.write(`${((performance.now() - began) / 1000).toFixed(1).padStart(7)} s  ${message}\n`)
}

/** Simulates and loads what `dir` does not hold yet, and asks. */
async function bench(seeds: readonly number[], dir: string): Promise<readonly Answer[]> {
  const tsdb = join(dir, 'tsdb')
  const truths = await mapAtOnce(seeds, WIDTH, (seed) => load(seed, dir, tsdb))
  const prometheus = new Prometheus(tsdb)
  await prometheus.start()
  try {
    const answers = await mapAtOnce(truths, WIDTH, (of) => askAll(prometheus.url, of))
    progress(`asked ${answers.flat().length} times`)
    return answers.flat()
  } finally {
    await prometheus.stop()
  }
}

async function load(seed: number, dir: string, tsdb: string): Promise<readonly HistoryTruth[]> {
  const kept = join(dir, `truth-${seed}.json`)
  if (!existsSync(kept)) {
    const chunks = join(dir, `chunks-${seed}`)
    mkdirSync(chunks, { recursive: true })
    const request = join(chunks, 'request.json')
    writeFileSync(request, JSON.stringify({ seed, dir: chunks }))
    const truth = await run(process.execPath, [join(import.meta.dirname, 'simulate.ts'), request])
    const files = readdirSync(chunks).filter((f) => f.endsWith('.om'))
    await loadOpenMetrics(
      files.map((f) => join(chunks, f)),
      tsdb,
      BLOCK_DURATION,
      1,
    )
    rmSync(chunks, { recursive: true })
    writeFileSync(kept, truth)
    progress(`seed ${seed}: simulated and loaded`)
  }
  return JSON.parse(readFileSync(kept, 'utf8')) as readonly HistoryTruth[]
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { seeds: { type: 'string' }, dir: { type: 'string' }, json: { type: 'boolean' } } })
  const seeds = values.seeds === undefined ? REPORT_SEEDS : values.seeds.split(',').map(Number)
  const dir = values.dir ?? mkdtempSync(join(tmpdir(), 'agentopz-triage-'))
  try {
    const answers = await bench(seeds, dir)
    if (values.json === true) process.stdout.write(`${JSON.stringify(answers)}\n`)
    else process.stdout.write(`${tableText(answers)}\n\n${missesText(answers)}\n`)
    if (values.seeds === undefined) writeReport(answers, seeds)
  } finally {
    if (values.dir === undefined) rmSync(dir, { recursive: true, force: true })
  }
}
