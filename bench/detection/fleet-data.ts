/**
 * A fleet's samples on disk: simulated and loaded once, found again by everything they depend on (seed, parameters, the simulator's own
 * source). Per fleet `raw/` holds blocks of samples and truth.json what really happened; beside the fleets, `recorded/` blocks of recording
 * rules and `alerts/` answers of alert expressions, kept under what the samples are, so that they outlive a simulator rewritten.
 */
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { seconds } from './backfill.ts'
import { BLOCK_DURATION } from './fleet/openmetrics.ts'
import { EPOCH_SECONDS, type Parameters } from './fleet/parameters.ts'
import type { FleetRequest } from './fleet/simulate-fleet.ts'
import type { Truth } from './fleet/truth.ts'
import { run } from './processes.ts'
import { loadOpenMetrics } from './prometheus.ts'
import { hash, type Period } from './rule-plan.ts'

const SIMULATOR = join(import.meta.dirname, 'fleet')

export interface FleetData {
  readonly dir: string
  readonly raw: string
  /** Where recorded blocks and answers are kept. */
  readonly kept: string
  readonly truth: Truth
  readonly period: Period
}

/** Simulates and loads a fleet unless it is there. */
export async function prepareFleet(
  seed: number,
  parameters: Parameters,
  o: { readonly dir: string; readonly width: number; readonly progress: (message: string) => void },
): Promise<FleetData> {
  const dir = join(o.dir, `fleet-${seed}-${hash([seed, parameters, ...sources()]).slice(0, 10)}`)
  if (!existsSync(join(dir, 'raw'))) await simulateAndLoad({ seed, parameters, dir: join(dir, 'chunks') }, dir, o)
  const truth = JSON.parse(readFileSync(join(dir, 'truth.json'), 'utf8')) as Truth
  const dataKey = readFileSync(join(dir, 'samples.sha256'), 'utf8')
  const period = { dataStart: EPOCH_SECONDS, start: truth.testStart, end: truth.testEnd, dataKey }
  return { dir, raw: join(dir, 'raw'), kept: o.dir, truth, period }
}

async function simulateAndLoad(
  request: FleetRequest,
  dir: string,
  o: { readonly width: number; readonly progress: (message: string) => void },
): Promise<void> {
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  const file = join(dir, 'request.json')
  writeFileSync(file, JSON.stringify(request))
  let began = performance.now()
  const said = await run(process.execPath, [join(SIMULATOR, 'simulate-fleet.ts'), file])
  o.progress(`simulated in ${seconds(began)}: ${said}`)
  began = performance.now()
  const chunks = readdirSync(request.dir).filter((f) => f.endsWith('.om'))
  await loadOpenMetrics(
    chunks.map((f) => join(request.dir, f)),
    join(dir, 'raw.part'),
    BLOCK_DURATION,
    o.width,
  )
  writeFileSync(join(dir, 'samples.sha256'), await hashOf(chunks.toSorted().map((f) => join(request.dir, f))))
  renameSync(join(request.dir, 'truth.json'), join(dir, 'truth.json'))
  rmSync(request.dir, { recursive: true })
  renameSync(join(dir, 'raw.part'), join(dir, 'raw'))
  o.progress(`loaded in ${seconds(began)}`)
}

async function hashOf(files: readonly string[]): Promise<string> {
  const sum = createHash('sha256')
  for (const file of files) for await (const part of createReadStream(file)) sum.update(part as Buffer)
  return sum.digest('hex')
}

/** The simulator's text: samples of another simulator are other samples. */
function sources(): readonly string[] {
  return [
    ...readdirSync(SIMULATOR)
      .toSorted()
      .map((f) => join(SIMULATOR, f)),
    join(import.meta.dirname, '../../model/metrics.ts'),
  ].map((f) => readFileSync(f, 'utf8'))
}
