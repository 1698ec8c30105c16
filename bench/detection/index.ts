/**
 * `npm run bench:detection`: fleets × rule sets → scores → report. Fleets are independent (an environment, a Prometheus each), so they run
 * side by side; progress with times goes to standard error.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { alertsOf } from './fleet-alerts.ts'
import { prepareFleet } from './fleet-data.ts'
import { DEFAULT_PARAMETERS } from './fleet/parameters.ts'
import { type BenchOptions, readOptions, USAGE } from './options.ts'
import { UsageError } from './parameters-input.ts'
import { mapAtOnce } from './processes.ts'
import { chooseRuleSets } from './peers/index.ts'
import { reportOf } from './report.ts'
import { type Result, textOf } from './report-text.ts'
import { DUMPED, dumpRecorded } from './recorded-dump.ts'
import { OURS, type RuleSet } from './rule-set.ts'
import { type FleetScore, scoreFleet } from './score.ts'
import { benchStream, readStreamOptions, STREAM_USAGE } from './stream/index.ts'

const began = performance.now()
function progress(message: string): void {
  process.stderr.write(`${((performance.now() - began) / 1000).toFixed(1).padStart(7)} s  ${message}\n`)
}

export async function bench(o: BenchOptions): Promise<readonly Result[]> {
  const dir = o.dir ?? mkdtempSync(join(tmpdir(), 'agentopz-detection-'))
  const ruleSets = chooseRuleSets(o.rules)
  // With one fleet its own steps share the processors, with several the fleets do.
  const each = Math.max(1, Math.floor(o.width / o.seeds.length))
  try {
    const fleets = await mapAtOnce(o.seeds, o.width, (seed) => benchFleet(seed, ruleSets, o, { dir, width: each }))
    return ruleSets.map((rules, i) => ({
      rules,
      pages: fleets.flatMap((f) => f.scores[i]?.pages ?? []),
      withTickets: fleets.flatMap((f) => f.scores[i]?.withTickets ?? []),
      truths: fleets.map((f) => f.truth),
    }))
  } finally {
    if (!o.isKept) rmSync(dir, { recursive: true, force: true })
    else if (o.dir === undefined) progress(`kept in ${dir}; use it again with --dir ${dir}`)
  }
}

async function benchFleet(
  seed: number,
  ruleSets: readonly RuleSet[],
  o: BenchOptions,
  at: { readonly dir: string; readonly width: number },
) {
  const say = (message: string): void => progress(`fleet ${seed}: ${message}`)
  const data = await prepareFleet(seed, o.parameters, { ...at, progress: say })
  const scores: { pages: FleetScore; withTickets: FleetScore }[] = []
  for (const rules of ruleSets) {
    const { dumpZ } = o
    const fired = await alertsOf(data, rules.groups(data.truth), {
      width: at.width,
      progress: (message) => say(`${rules.name}: ${message}`),
      ...(dumpZ === undefined || rules !== OURS
        ? {}
        : { alsoRecord: DUMPED, inspect: (prometheus) => dumpRecorded(prometheus, data, dumpZ) }),
    })
    scores.push({
      pages: scoreFleet(fired, rules, data.truth, ['page']),
      withTickets: scoreFleet(fired, rules, data.truth, ['page', 'ticket']),
    })
  }
  return { truth: data.truth, scores }
}

async function main(args: readonly string[]): Promise<void> {
  if (args.includes('--stream')) {
    const stream = readStreamOptions(args)
    process.stdout.write(stream === 'help' ? STREAM_USAGE : await benchStream(stream, progress))
    return
  }
  const o = readOptions(args)
  if (o === 'help') process.stdout.write(USAGE)
  else if (o === 'show-params') process.stdout.write(`${JSON.stringify(DEFAULT_PARAMETERS, null, 2)}\n`)
  else {
    const results = await bench(o)
    if (o.out !== undefined) {
      writeFileSync(o.out, reportOf(results, o))
      progress(`wrote ${o.out}`)
    }
    if (o.isJson) process.stdout.write(`${JSON.stringify(results.map(({ rules, ...r }) => ({ rules: rules.name, ...r })))}\n`)
    else process.stdout.write(textOf(results))
  }
}

if (import.meta.main) {
  try {
    await main(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`${error instanceof UsageError ? error.message : error instanceof Error ? error.stack : String(error)}\n`)
    process.exitCode = error instanceof UsageError ? 2 : 1
  }
}
