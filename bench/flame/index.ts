/**
 * `npm run bench:flame [-- genai|content|mixed]`: where the CPU of the data path goes, as a flame graph (docs/images/flame-MIX.svg) and as shares
 * by part of the code. V8's sampling profiler, in one process: decode, dialects, runs, checks, prices and metrics; no sockets, no gzip.
 * Evidence for decisions 0015 and 0021: a trick that is not to be seen here is not worth its lines.
 */
import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { join } from 'node:path'
import { createDecoder } from '../../processor/decode/index.ts'
import { INTEREST } from '../../processor/dialects/index.ts'
import { DEFAULT_SETTINGS } from '../../processor/default-settings.ts'
import { createMetrics } from '../../processor/metrics.ts'
import { createPipeline } from '../../processor/pipeline.ts'
import { bodiesOf } from '../wire/bodies.ts'
import { MIXES } from '../wire/source.ts'
import { drawing } from './drawing.ts'
import { partsOf, stacksOf } from './stacks.ts'

const mix = MIXES.find((m) => m === process.argv[2]) ?? 'genai'
const SPANS = 512
const BODIES = mix === 'content' ? 24 : 96
const ROUNDS = { warmUp: 8, measured: 12 }
const ROUND_MS = 7_200_000
const STEP_MS = 50

const bodies = bodiesOf(mix, SPANS, BODIES).map((b) => b.protobuf)
const problems: string[] = []
const hooks = { internalError: (_: string, error: unknown) => problems.push(String(error)) }
const pipeline = createPipeline(createDecoder(INTEREST), createMetrics({}), DEFAULT_SETTINGS, hooks, 7)
let now = ROUND_MS

/** Every body once, with every run closed. Two hours pass between rounds, so the same bodies are new runs each time. */
function dataPath(): void {
  pipeline.sweep(now)
  for (const body of bodies) {
    now += STEP_MS
    pipeline.ingest('traces', body, 'protobuf', now)
    pipeline.requestEnded()
    pipeline.sweep(now)
  }
  now += 60_000
  while (pipeline.sweep(now));
  pipeline.flush(now, 'shutdown')
  now = Math.ceil(now / ROUND_MS + 1) * ROUND_MS
}

for (let i = 0; i < ROUNDS.warmUp; i++) dataPath()
const session = new Session()
session.connect()
await session.post('Profiler.enable')
await session.post('Profiler.setSamplingInterval', { interval: 200 })
await session.post('Profiler.start')
const before = process.cpuUsage()
for (let i = 0; i < ROUNDS.measured; i++) dataPath()
const { user, system } = process.cpuUsage(before)
const { profile } = await session.post('Profiler.stop')
session.disconnect()
if (problems.length > 0) throw new Error(`the run is void: ${[...new Set(problems)].join(', ')}`)

const stacks = stacksOf(profile, 'dataPath')
const perSpan = (user + system) / (ROUNDS.measured * BODIES * SPANS)
const file = join(import.meta.dirname, `../../docs/images/flame-${mix}.svg`)
writeFileSync(file, drawing(stacks, `The data path, ${mix} traffic: ${perSpan.toFixed(1)} µs of CPU a span, the profiler's own included`))
for (const { part, share } of partsOf(stacks)) process.stdout.write(`${(share * 100).toFixed(1).padStart(5)} %  ${part}\n`)
process.stdout.write(`${file}\n`)
