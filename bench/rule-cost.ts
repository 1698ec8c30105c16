/**
 * What the shipped rules cost a Prometheus: every expression as an instant query over kept fleets of the detection bench (samples and
 * recorded series of two weeks), one after the other as Prometheus evaluates a group, per interval of its group.
 * Prints milliseconds for the agents there are and, in proportion, for 200; counters are sampled once a minute there, so the rules that
 * read counters would read four times as many samples at the usual 15 s: they are told apart.
 *
 *   npm run bench:detection -- --seeds 1,2,3 --dir DIR && node bench/rule-cost.ts --seeds 1,2,3 --dir DIR
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ruleGroups } from '../alert-rules/rules.ts'
import { linkBlocks } from './detection/backfill.ts'
import { DEFAULT_PARAMETERS } from './detection/fleet/parameters.ts'
import { prepareFleet } from './detection/fleet-data.ts'
import { Prometheus } from './detection/prometheus.ts'
import { planRules } from './detection/rule-plan.ts'

const TARGET_AGENTS = 200
const ROUNDS = 3

const { values } = parseArgs({ options: { seeds: { type: 'string', default: '1,2,3' }, dir: { type: 'string' } } })
if (values.dir === undefined) {
  process.stderr.write('say where kept fleets are: node bench/rule-cost.ts --seeds 1,2,3 --dir DIR\n')
  process.exit(2)
}
const work = mkdtempSync(join(values.dir, 'cost-'))
const tsdb = join(work, 'data')
mkdirSync(tsdb)
const prometheus = new Prometheus(tsdb)
try {
  let agents = 0
  let at = 0
  for (const seed of values.seeds.split(',').map(Number)) {
    const data = await prepareFleet(seed, DEFAULT_PARAMETERS, { dir: values.dir, width: 2, progress: () => undefined })
    linkBlocks(data.raw, tsdb)
    for (const r of planRules(ruleGroups(), data.period).recorded) linkBlocks(join(data.kept, 'recorded', r.key), tsdb)
    agents += data.truth.agents.length
    at = data.truth.testEnd - 10 * 3600
  }
  await prometheus.start()
  const query = async (expr: string, t: number): Promise<number> => {
    const began = performance.now()
    const answer = await fetch(`${prometheus.url}/api/v1/query`, {
      method: 'POST',
      body: new URLSearchParams({ query: expr, time: String(t) }),
    })
    await answer.arrayBuffer()
    return performance.now() - began
  }
  await query('vector(1)', at)
  const idle = Math.min(...(await Promise.all(Array.from({ length: 20 }, () => query('vector(1)', at)))))
  let perMinute = { counters: 0, recorded: 0 }
  for (const group of ruleGroups()) {
    const spent = { counters: 0, recorded: 0 }
    for (const rule of group.rules) {
      const ms = Math.max(0, (await quickest(query, rule.expr, at)) - idle)
      spent[/increase\(agentopz_|_over_time\(agentopz_/.test(rule.expr) ? 'counters' : 'recorded'] += ms
    }
    const interval = secondsOf(group.interval)
    perMinute = {
      counters: perMinute.counters + (spent.counters * 60) / interval,
      recorded: perMinute.recorded + (spent.recorded * 60) / interval,
    }
    process.stdout.write(
      `${group.name.padEnd(24)} ${group.rules.length} rules every ${interval} s: ${(spent.counters + spent.recorded).toFixed(0)} ms for ${agents} agents\n`,
    )
  }
  const scale = TARGET_AGENTS / agents
  const all = (factor: number): number => (perMinute.counters * factor + perMinute.recorded) * scale
  process.stdout.write(
    `\n${TARGET_AGENTS} agents: ${all(1).toFixed(0)} ms a minute (${(all(1) / 600).toFixed(1)} %) with counters every 60 s, ${all(4).toFixed(0)} ms (${(all(4) / 600).toFixed(1)} %) with counters every 15 s at most\n`,
  )
} finally {
  await prometheus.stop()
  rmSync(work, { recursive: true, force: true })
}

async function quickest(query: (expr: string, at: number) => Promise<number>, expr: string, at: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < ROUNDS; i++) least = Math.min(least, await query(expr, at + 60 * i))
  return least
}

function secondsOf(interval: string): number {
  const match = /^(\d+)([smh])$/.exec(interval)
  return Number(match?.[1] ?? 60) * ({ s: 1, m: 60, h: 3600 }[match?.[2] ?? 's'] ?? 1)
}
