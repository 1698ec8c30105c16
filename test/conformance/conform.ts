/** One program on one Node: bare, then instrumented → what differs and what its telemetry gets wrong. */
import { compareRuns, type Difference, scenarioOf } from './compare.ts'
import { checkScenario, expectedOf } from './expected.ts'
import { type Bench, hasInstrumentation, type Program, type ProgramRun, runProgram, serviceOf } from './program-run.ts'
import { ofScenario, telemetryOf } from './telemetry.ts'

export interface Finding {
  readonly scenario: string
  readonly problem: string
}

export interface Conformance {
  readonly bare: ProgramRun
  readonly instrumented: ProgramRun | undefined
  /** The program itself does not run as it should. */
  readonly broken: readonly Finding[]
  /** What the instrumentation changed. */
  readonly behaviour: readonly Difference[]
  /** What the telemetry gets wrong; undefined where no truth is written down. */
  readonly spans: readonly Finding[] | undefined
}

export type Case = Omit<Program, 'instrumented'>

/** Runs a program bare only. */
export async function runBare(c: Case, bench: Bench): Promise<Pick<Conformance, 'bare' | 'broken'>> {
  const bare = await runProgram({ ...c, env: { ...expectedOf(c.sdk)?.env, ...c.env }, instrumented: false }, bench)
  return { bare, broken: brokenIn(bare) }
}

/** Runs a program both ways and judges. */
export async function conform(c: Case, bench: Bench): Promise<Conformance> {
  const { bare, broken } = await runBare(c, bench)
  if (broken.length > 0 || !hasInstrumentation()) return { bare, broken, instrumented: undefined, behaviour: [], spans: undefined }
  const expected = expectedOf(c.sdk)
  const instrumented = await runProgram({ ...c, env: { ...expected?.env, ...c.env }, instrumented: true }, bench)
  const behaviour = compareRuns(bare, instrumented, expected?.volatile)
  const telemetry = telemetryOf(instrumented)
  const spans =
    expected === undefined || instrumented.marks.length === 0
      ? undefined
      : scenariosOf(bare).flatMap((scenario) =>
          checkScenario(expected, scenario, ofScenario(telemetry, scenario), serviceOf(c.sdk)).map((problem) => ({ scenario, problem })),
        )
  return { bare, broken, instrumented, behaviour, spans }
}

/** Scenarios in the order they were printed. */
export const scenariosOf = (run: ProgramRun): readonly string[] => [...new Set(run.stdout.map(scenarioOf))].filter((s) => s !== '')

/** A program that fails by itself proves nothing about the instrumentation. */
function brokenIn(run: ProgramRun): readonly Finding[] {
  const found: Finding[] = []
  const fault = (scenario: string, problem: string): void => void found.push({ scenario, problem })
  if (run.exit !== '0') fault('', `ended with ${run.exit}: ${run.stderr.slice(-5).join(' | ')}`)
  for (const line of run.stdout) {
    const scenario = scenarioOf(line)
    if (scenario === '') fault('', `printed something that is no scenario: ${line.slice(0, 200)}`)
    else if (/"(unhandledRejection|uncaughtException)":/.test(line)) fault(scenario, `an error escaped: ${line.slice(0, 300)}`)
    else if (line.includes('"class":"Late"')) fault(scenario, 'did not end')
  }
  const printed = new Set(scenariosOf(run))
  for (const mark of run.marks) if (!printed.has(mark.name)) fault(mark.name, 'printed nothing')
  if (run.marks.length === 0) fault('', 'ran no scenario')
  return found
}
