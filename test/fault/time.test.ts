/** Clocks that jump, batches that come again, and spans a day late, in process and with a clock of the test's own: the sums stay right. */
import { expect, test } from 'vitest'
import { createDecoder } from '../../processor/decode/index.ts'
import { INTEREST } from '../../processor/dialects/index.ts'
import { DEFAULT_SETTINGS } from '../../processor/default-settings.ts'
import { createMetrics } from '../../processor/metrics.ts'
import { createPipeline } from '../../processor/pipeline.ts'
import { createPrices } from '../../processor/prices.ts'
import { sumOf } from '../support/app.ts'
import { otlp, toProtobuf } from '../support/otlp.ts'

const RUNS = process.env['AGENTOPZ_FAULT'] === 'long' ? 20_000 : 1000
const START = 1_790_000_000_000
const decoder = createDecoder(INTEREST)
const prices = createPrices({})
const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, '0')

interface World {
  /** The first or second half of a run. */
  send(run: number, half: 0 | 1, now: number, startMs?: number): void
  sweep(now: number): void
  value(name: string, labels?: Readonly<Record<string, string>>): Promise<number>
}

function world(): World {
  const metrics = createMetrics({})
  const settings = {
    ...DEFAULT_SETTINGS,
    prices,
    maxPendingEvaluations: 10,
    openRunsMs: 5000,
  }
  const pipeline = createPipeline(decoder, metrics, settings, {}, 1)
  const call = {
    'gen_ai.operation.name': 'chat',
    'gen_ai.request.model': 'gpt-4o',
    'gen_ai.usage.input_tokens': 10,
    'gen_ai.usage.output_tokens': 1,
  }
  return {
    send: (run, half, now, startMs = now) => {
      const traceId = hex(Math.imul(run + 1, 0x9e3779b1) >>> 0, 8) + hex(run + 1, 24)
      const span = (k: number): string => hex((run + 1) * 8 + k, 16)
      const root = {
        traceId,
        startMs,
        spanId: span(0),
        attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'support' },
      }
      const step = (k: number): object => ({ traceId, startMs, spanId: span(k), parentSpanId: span(0), attributes: call })
      pipeline.ingest('traces', toProtobuf(otlp({ spans: half === 0 ? [root, step(1)] : [step(2), step(3)] })), 'protobuf', now)
    },
    sweep: (now) => {
      while (pipeline.sweep(now));
    },
    value: async (name, labels = {}) => sumOf((await metrics.expose(undefined, START)).body, name, labels),
  }
}

async function sums(w: World): Promise<object> {
  return {
    runs: await w.value('agentopz_runs_total'),
    calls: await w.value('agentopz_model_calls_total'),
    tokens: await w.value('agentopz_tokens_total', { class: 'input' }),
    errors: await w.value('agentopz_internal_errors_total'),
  }
}
const whole = { runs: RUNS, calls: 3 * RUNS, tokens: 30 * RUNS, errors: 0 }

for (const [what, jump] of [
  ['an hour back', -3_600_000],
  ['a day back', -86_400_000],
  ['an hour ahead', 3_600_000],
  ['a year ahead', 31_536_000_000],
] as const)
  test(`the clock jumps ${what} between the halves of runs, and back again`, async () => {
    const w = world()
    let now = START
    for (let run = 0; run < RUNS; run++) {
      w.send(run, 0, (now += 5))
      if (run % 100 === 50) {
        now += jump
        w.sweep(now)
      }
      w.send(run, 1, (now += 5))
      if (run % 100 === 99) {
        now -= jump
        w.sweep(now)
      }
    }
    w.sweep(now + 2 * 86_400_000)
    w.sweep(now + 4 * 86_400_000)
    expect(await sums(w)).toEqual(whole)
  }, 600_000)

for (const share of [0.01, 0.3])
  test(`${share * 100} % of batches come again, at once, later, or after their run has closed`, async () => {
    const w = world()
    let draws = 7
    const draw = (): number => (draws = (Math.imul(draws, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32
    const again: { at: number; run: number; half: 0 | 1 }[] = []
    let now = START
    let repeats = 0
    for (let run = 0; run < RUNS; run++) {
      for (const half of [0, 1] as const) {
        w.send(run, half, (now += 20))
        if (draw() < share) again.push({ at: now + draw() * 60_000, run, half })
      }
      for (let i = again.length - 1; i >= 0; i--) {
        const r = again[i]!
        if (r.at > now && run < RUNS - 1) continue
        w.send(r.run, r.half, now)
        repeats += 2
        again.splice(i, 1)
      }
      if (run % 25 === 0) w.sweep(now)
    }
    w.sweep(now + 20_000)
    expect(await sums(w)).toEqual(whole)
    expect(await w.value('agentopz_duplicate_spans_total')).toBe(repeats)
    expect(repeats).toBeGreaterThan(RUNS * share)
  }, 600_000)

test('spans that began a day ago are runs like others; those a day late are counted, once', async () => {
  const w = world()
  let now = START
  for (let run = 0; run < RUNS; run++) {
    w.send(run, 0, (now += 5), now - 86_400_000)
    if (run % 2 === 0) w.send(run, 1, now, now - 86_400_000)
  }
  w.sweep(now + 20_000)
  expect(await w.value('agentopz_runs_total')).toBe(RUNS)
  // Within the time that runs are remembered, late halves are counted to them.
  now += 1_800_000
  for (let run = 1; run < RUNS; run += 2) w.send(run, 1, now)
  w.sweep(now + 20_000)
  expect(await sums(w)).toEqual(whole)
  expect(await w.value('agentopz_late_spans_total')).toBe(RUNS)
}, 600_000)
