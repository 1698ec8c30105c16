/**
 * `agentopz drill [NAME|all]`: options in, exit code out; the work is in app/drill/. Progress goes to standard error, the table or the JSON to
 * standard output. 0 when nothing was missed, 1 when something was or a drill could not be run, 2 for a drill that does not exist.
 */
import { writeFileSync } from 'node:fs'
import { VERSION } from '../app.ts'
import { DRILLS } from '../drill/classes/index.ts'
import type { DrillClass } from '../drill/drill-class.ts'
import type { DrillResult } from '../drill/observed.ts'
import { recordOf } from '../drill/record.ts'
import { tableText } from '../drill/report.ts'
import { runDrills } from '../drill/run-drills.ts'
import { nearest } from '../nearest.ts'
import { recordDrill } from '../ready/drills.ts'
import { type ClientOptions, CommandFailure, createClient } from './control-client.ts'
import { print, printError, say } from './output.ts'
import { endSignal } from './start.ts'
import { typed } from './typed.ts'

export interface DrillCommandOptions extends ClientOptions {
  readonly record?: boolean
  readonly report?: string
  readonly keep?: boolean
  readonly seed: number
  readonly atOnce: number
}

/** Runs the command. Without a name the drills are listed. */
export async function drillCommand(names: readonly string[], o: DrillCommandOptions): Promise<number> {
  if (names.length === 0) {
    listDrills(o.json === true)
    return 0
  }
  const drills = names.includes('all') ? DRILLS : names.map((name) => DRILLS.find((d) => d.name === name) ?? name)
  const unknown = drills.find((d) => typeof d === 'string')
  if (typeof unknown === 'string') {
    const [near] = nearest(
      unknown,
      DRILLS.map((d) => d.name),
    )
    printError(
      `agentopz: there is no drill "${unknown}"; ${near === undefined ? `${typed('drill')} lists them` : `did you mean ${near}?`}\n`,
    )
    return 2
  }
  const began = performance.now()
  const tell = (line: string): void => printError(`${((performance.now() - began) / 1000).toFixed(0).padStart(5)} s  ${line}\n`)
  const { seed, atOnce } = o
  const run = await runDrills(drills as readonly DrillClass[], { signal: endSignal(), tell, keep: o.keep === true, seed, atOnce })
  if (run.dir !== undefined) tell(`kept in ${run.dir}`)
  const json = `${JSON.stringify(run, null, 2)}\n`
  if (o.report !== undefined) writeFileSync(o.report, json)
  if (o.record !== false) await record(run.results, o, tell)
  if (o.json === true) print(json)
  else say(tableText(run.results))
  return run.results.every((r) => r.outcome === 'passed') ? 0 : 1
}

/** Tells a running `serve`, for `agentopz ready`. That none runs is said, and is no failure of the drills. */
async function record(results: readonly DrillResult[], o: ClientOptions, tell: (line: string) => void): Promise<void> {
  try {
    const client = createClient(o)
    for (const result of results) await recordDrill(client, recordOf(result, VERSION))
    tell(`recorded ${results.length} results`)
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error
    tell(`the results are not recorded for \`agentopz ready\`: ${error.message}`)
  }
}

function listDrills(asJson: boolean): void {
  if (asJson)
    return print(
      `${JSON.stringify(
        DRILLS.map(({ name, kind, what }) => ({ name, kind, what })),
        null,
        2,
      )}\n`,
    )
  for (const { name, what } of DRILLS) say(`${name.padEnd(20)}${what}`)
  say(`\n${typed('drill NAME…')} or ${typed('drill all')}`)
}
