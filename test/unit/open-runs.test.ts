/** The gauges of open runs: what changed since the last scrape is found in turns, and shown once it is. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createMetrics, type Metrics } from '../../processor/metrics.ts'
import { openRunGauges } from '../../processor/open-runs.ts'
import { DEFAULT_RUN_LIMITS, Runs } from '../../processor/runs/runs.ts'
import { sumOf } from '../support/app.ts'
import { agent, model, spansOf } from '../support/facts.ts'

const { facts } = spansOf(agent('a', 'support', [model('m', 10, 1)]))
const NOTHING = {
  closed: () => undefined,
  late: () => undefined,
  duplicate: () => undefined,
  linksDropped: () => undefined,
  evaluationsDropped: () => undefined,
  failed: () => undefined,
}

class World {
  now = 1_760_000_000_020
  readonly metrics: Metrics = createMetrics({})
  readonly runs = new Runs(DEFAULT_RUN_LIMITS, { ...NOTHING, costOf: (run) => run.spend.length }, 7)
  constructor(longestMs = 5000) {
    openRunGauges(this.metrics, this.runs, () => this.now, longestMs)
  }
  begin(trace: number): void {
    for (const fact of facts) this.runs.add(trace.toString(16).padStart(32, '0'), { ...fact }, this.now)
    this.runs.requestEnded()
  }
  async text(): Promise<string> {
    return (await this.metrics.expose(undefined, this.now)).body
  }
  async open(): Promise<number> {
    return sumOf(await this.text(), 'agentopz_open_runs', { agent: 'support' })
  }
}

test('runs show from the scrape after they began to the one after they closed, at most once a second anew', async () => {
  const w = new World()
  expect(await w.open()).toBe(0)
  w.begin(1)
  w.now += 500
  expect(await w.open()).toBe(0)
  w.now += 1000
  expect(await w.open()).toBe(1)
  const shown = (await w.text()).split('\n').filter((line) => line.startsWith('agentopz_open_run'))
  expect(shown).toEqual([
    'agentopz_open_runs{agent="support",environment="prod"} 1',
    'agentopz_open_run_max_cost_usd{agent="support",environment="prod"} 1',
    'agentopz_open_run_max_steps{agent="support",environment="prod"} 1',
    'agentopz_open_run_max_age_seconds{agent="support",environment="prod"} 1.51',
    'agentopz_open_run_max_streak{agent="support",environment="prod"} 0',
    'agentopz_open_runs_unfinished_scrapes_total 0',
  ])
  w.runs.flush(w.now, 'shutdown')
  w.now += 1000
  expect(await w.open()).toBe(0)
})

test('tens of thousands that changed are all found, and others get the event loop meanwhile', async () => {
  const w = new World()
  const MANY = 20_000
  for (let i = 0; i < MANY; i++) w.begin(i)
  let turns = 0
  let isDone = false
  const others = (async () => {
    while (!isDone) {
      await nextTurn()
      // Traces come and go meanwhile.
      w.begin(MANY + turns++)
    }
  })()
  const shown = await w.open()
  isDone = true
  await others
  expect(turns).toBeGreaterThan(3)
  expect(shown).toBeGreaterThanOrEqual(MANY)
  expect(shown).toBeLessThanOrEqual(MANY + turns)
})

test('a scrape that does not get to all of them in time says so, and the next ones get to the rest', async () => {
  const w = new World(0)
  const MANY = 20_000
  for (let i = 0; i < MANY; i++) w.begin(i)
  const unfinished = async (): Promise<number> => sumOf(await w.text(), 'agentopz_open_runs_unfinished_scrapes_total', {})
  const first = await w.open()
  expect(first).toBeLessThan(MANY)
  expect(await unfinished()).toBe(1)
  let scrapes = 1
  for (let before = first; before < MANY; scrapes++) {
    w.now += 1000
    const shown = await w.open()
    expect(shown).toBeGreaterThan(before)
    before = shown
  }
  expect(await unfinished()).toBeGreaterThanOrEqual(scrapes - 1)
})

test('two scrapes at once prepare once, and one that cannot be prepared shows the rest and is counted', async () => {
  const metrics = createMetrics({})
  let times = 0
  metrics.beforeScrape(async () => {
    times++
    await nextTurn()
    throw new Error('broken')
  })
  const [one, two] = await Promise.all([metrics.expose(undefined, 0), metrics.expose(undefined, 0)])
  expect(times).toBe(1)
  for (const { body } of [one, two]) {
    expect(sumOf(body, 'agentopz_build_info')).toBe(1)
    expect(sumOf(body, 'agentopz_internal_errors_total', { stage: 'gauge' })).toBe(1)
  }
})
