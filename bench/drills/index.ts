/**
 * `npm run drill:report`: every drill once, and its result into docs/drills.md, misses included. `--from FILE` writes the document from what
 * `agentopz drill all --report FILE` has written.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { VERSION } from '../../app/app.ts'
import { endSignal } from '../../app/commands/start.ts'
import { DRILLS } from '../../app/drill/classes/index.ts'
import { type DrillsRun, runDrills } from '../../app/drill/run-drills.ts'
import { type Versions, writeReport } from './report.ts'

/** What a program says it is; unknown where it does not. */
function versionOf(program: string): string {
  const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' })
  return /version (\S+)/.exec(stdout ?? '')?.[1]?.replace(/\+ds$|,$/, '') ?? '(version unknown)'
}

function versions(): Versions {
  return {
    agentopz: VERSION,
    Node: process.versions.node,
    Prometheus: versionOf('prometheus'),
    Alertmanager: versionOf('prometheus-alertmanager'),
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { from: { type: 'string' } } })
  const began = performance.now()
  const tell = (line: string): void => {
    process.stderr.write(`${((performance.now() - began) / 1000).toFixed(0).padStart(5)} s  ${line}\n`)
  }
  const run =
    values.from === undefined
      ? await runDrills(DRILLS, { signal: endSignal(), tell, keep: false, seed: 1, atOnce: 8 })
      : (JSON.parse(readFileSync(values.from, 'utf8')) as DrillsRun)
  writeReport(run, versions())
  process.exitCode = run.results.every((r) => r.outcome !== 'interrupted') ? 0 : 1
}
