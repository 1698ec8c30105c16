/**
 * A program's endless tool loop (`app.mjs guard`) under two controls, one at a time: a limit of steps, and a kill switch with a fallback
 * answer → what is wrong with how it ended. The controls are taken from disk, as last known, so that nothing depends on a connection.
 * Wanted: the provider is asked no more often than the limit allows, one attempt is blocked and not tried again, and the program ends by itself.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Flag, FLAG, type FlagSet, type FlagValue } from '../../model/control.ts'
import { AGENTOPZ } from '../../model/semconv.ts'
import { text } from '../support/provider/json.ts'
import { type Case, type Finding, scenariosOf } from './conform.ts'
import { expectedOf } from './expected.ts'
import { type Bench, type ProgramRun, runProgram, serviceOf } from './program-run.ts'
import { ofScenario, telemetryOf } from './telemetry.ts'

const MAX_STEPS = 6
const FALLBACK = 'Nobody is in; please ask again later.'
/** A retry storm takes longer. */
const LIMIT_MS = 5_000

/** Every agent name that the SDK's scenarios run under. */
function agentsOf(c: Case): readonly string[] {
  const expected = expectedOf(c.sdk)
  const named = [expected?.defaults, ...Object.values(expected?.scenarios ?? {})].flatMap((t) =>
    typeof t?.agent === 'string' ? [t.agent] : [],
  )
  return [...new Set([serviceOf(c.sdk), ...(expected?.guard?.agents ?? []), ...named])]
}

const flag = (variant: string, value: FlagValue): Flag => ({ state: 'ENABLED', variants: { [variant]: value }, defaultVariant: variant })

const limited = (): Readonly<Record<string, Flag>> => ({ [FLAG.maxSteps('*')]: flag('limit', MAX_STEPS) })
const switchedOff = (agents: readonly string[]): Readonly<Record<string, Flag>> =>
  Object.fromEntries(
    agents.flatMap((a) => [
      [FLAG.agentEnabled(a), flag('conformance', false)],
      [FLAG.agentFallback(a), flag('configured', FALLBACK)],
    ]),
  )

async function underControl(c: Case, bench: Bench, flags: Readonly<Record<string, Flag>>): Promise<ProgramRun> {
  const folder = mkdtempSync(join(tmpdir(), 'agentopz-conformance-'))
  const file = join(folder, 'controls.json')
  const set: FlagSet = { flags, metadata: { version: 'conformance', lost_after_seconds: 3600, when_lost: 'keep' } }
  writeFileSync(file, JSON.stringify(set))
  try {
    // Nothing listens there: the controls are those of last time.
    const env = { AGENTOPZ_CONTROL_URL: 'http://127.0.0.1:2', AGENTOPZ_CONTROL_CACHE: file, ...expectedOf(c.sdk)?.env }
    return await runProgram({ ...c, args: ['guard'], env, instrumented: true }, bench)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** What is wrong, each run shown to `show`; undefined where the program has no endless loop. */
export async function checkGuards(
  c: Case,
  bench: Bench,
  show: (run: ProgramRun) => void = () => undefined,
): Promise<readonly Finding[] | undefined> {
  const limit = await underControl(c, bench, limited())
  if (limit.marks.length === 0 && limit.exit === '0') return undefined
  show(limit)
  const off = await underControl(c, bench, switchedOff(agentsOf(c)))
  show(off)
  return [
    ...ended(limit, 'limit'),
    ...ended(off, 'switch'),
    ...scenariosOf(limit).flatMap((s) => limitOf(limit, s)),
    ...scenariosOf(off).flatMap((s) => switchOf(c, off, s)),
  ]
}

/** The program as a whole. */
function ended(run: ProgramRun, control: string): readonly Finding[] {
  const found: Finding[] = []
  if (run.exit !== '0') found.push({ scenario: '', problem: `${control}: ended with ${run.exit}: ${run.stderr.slice(-5).join(' | ')}` })
  for (const line of run.stdout)
    if (/"(unhandledRejection|uncaughtException)":|"class":"Late"/.test(line))
      found.push({ scenario: '', problem: `${control}: ${line.slice(0, 300)}` })
  for (const [i, mark] of run.marks.entries()) {
    const took = (run.marks[i + 1]?.atMs ?? run.printedMs) - mark.atMs
    if (took > LIMIT_MS) found.push({ scenario: mark.name, problem: `${control}: took ${took} ms to end` })
  }
  return found
}

/** Model calls that were refused or answered in the model's place: spans that say so. Refused tools are another matter. */
const blockedIn = (run: ProgramRun, scenario: string): number =>
  ofScenario(telemetryOf(run), scenario).spans.filter((s) =>
    ['refused', 'fallback', 'aborted'].includes(text(s.attributes[AGENTOPZ.guardAction])),
  ).length

function limitOf(run: ProgramRun, scenario: string): readonly Finding[] {
  const found: Finding[] = []
  const fault = (problem: string): void => void found.push({ scenario, problem: `limit: ${problem}` })
  const asked = run.calls.filter((c) => c.mark === scenario).length
  if (asked < 2 || asked > MAX_STEPS) fault(`the provider was asked ${asked} times, should be 2 to ${MAX_STEPS}`)
  const blocked = blockedIn(run, scenario)
  if (blocked !== 1) fault(`${blocked} attempts were blocked, should be 1`)
  const last = ofScenario(telemetryOf(run), scenario).runs.at(-1)
  if (last?.outcome !== 'stopped' || last.stoppedBy !== 'step_guard')
    fault(`the run is ${last?.outcome ?? 'missing'}, stopped by ${last?.stoppedBy ?? 'nothing'}; should be stopped by step_guard`)
  return found
}

function switchOf(c: Case, run: ProgramRun, scenario: string): readonly Finding[] {
  const found: Finding[] = []
  const fault = (problem: string): void => void found.push({ scenario, problem: `switch: ${problem}` })
  const asked = run.calls.filter((call) => call.mark === scenario).length
  if (asked !== 0) fault(`the provider was asked ${asked} times, should be 0`)
  const line = run.stdout.find((l) => l.includes(`"scenario":"${scenario}"`)) ?? ''
  if (!line.includes(FALLBACK) && expectedOf(c.sdk)?.guard?.fallback !== false)
    fault(`the fallback was not the answer: ${line.slice(0, 300)}`)
  return found
}
