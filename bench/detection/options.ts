/** The command line of `npm run bench:detection`: words in, what to do out; every mistake says what to type. */
import { parseArgs } from 'node:util'
import { DEFAULT_PARAMETERS, type Parameters } from './fleet/parameters.ts'
import { readParameters, UsageError, withAgents, withClasses } from './parameters-input.ts'
import { RULE_SET_NAMES } from './rule-set.ts'

/** Fleets that rules may be tuned on, and those that are only ever reported on. */
export const TUNING_SEEDS: readonly number[] = [1, 2, 3]
export const REPORT_SEEDS: readonly number[] = [101, 102, 103, 104, 105, 106]

export const USAGE = `npm run bench:detection -- [options]

Simulates fleets of agents with known incidents, runs the shipped rules over them on a real Prometheus, and says what was detected, how
soon, and how many pages were false. Without options it writes docs/detection.md.

  --seeds 1,2,3          one fleet a seed (report: ${REPORT_SEEDS.join(',')}; tuning: ${TUNING_SEEDS.join(',')})
  --fleets N             only the first N of the seeds, or N seeds from the first on
  --params FILE          JSON over the defaults; --show-params prints them
  --agents a=120,b       these agents, at these peak runs an hour
  --evaluation-rate X    share of runs that are judged, all agents
  --dispersion X         multiplies all noise (1)
  --classes a,b          only these incident classes
  --history-days N       days before the test period (7)
  --test-days N          days with incidents (7)
  --rules ours           ours, all, or some of ${RULE_SET_NAMES.join(', ')}
  --out FILE             write the report there
  --json                 everything found, on standard output
  --dir DIR              keep samples and recorded series there and use them again
  --keep                 keep them in a temporary directory, and say which
  --width N              processes at once (2)
  --dump-z DIR           recorded series of each agent as JSON
  --quick                one fleet, seven days, our rules only
  --stream FILE…         recorded spans instead of a fleet; see --stream --help
`

export interface BenchOptions {
  readonly parameters: Parameters
  readonly seeds: readonly number[]
  readonly rules: string
  /** Undefined when no report is to be written. */
  readonly out: string | undefined
  readonly isJson: boolean
  readonly dir: string | undefined
  readonly isKept: boolean
  readonly width: number
  readonly dumpZ: string | undefined
  /** What to type to find the same, for the report. */
  readonly command: string
}

export function readOptions(args: readonly string[]): BenchOptions | 'help' | 'show-params' {
  const { values: v } = parse(args)
  if (v.help === true) return 'help'
  if (v['show-params'] === true) return 'show-params'
  let p = v.params === undefined ? DEFAULT_PARAMETERS : readParameters(v.params)
  if (v.quick === true) p = { ...p, historyDays: 4, testDays: 3, incidentRounds: 2 }
  if (v.agents !== undefined) p = withAgents(p, v.agents)
  if (v.classes !== undefined) p = withClasses(p, v.classes)
  if (v['evaluation-rate'] !== undefined) {
    const evaluationRate = numberOf('--evaluation-rate', v['evaluation-rate'], 0, 1)
    p = { ...p, agents: p.agents.map((a) => ({ ...a, evaluationRate })) }
  }
  if (v.dispersion !== undefined) p = { ...p, noise: { ...p.noise, dispersion: numberOf('--dispersion', v.dispersion, 0, 10) } }
  if (v['history-days'] !== undefined) p = { ...p, historyDays: numberOf('--history-days', v['history-days'], 1, 60) }
  if (v['test-days'] !== undefined) p = { ...p, testDays: numberOf('--test-days', v['test-days'], 1, 60) }
  const isPublished = args.length === 0
  return {
    parameters: p,
    seeds: seedsOf(v.seeds, v.fleets, v.quick === true),
    rules: v.rules ?? (isPublished ? 'all' : 'ours'),
    out: v.out ?? (isPublished ? 'docs/detection.md' : undefined),
    isJson: v.json === true,
    dir: v.dir,
    isKept: v.keep === true || v.dir !== undefined,
    width: numberOf('--width', v.width ?? '2', 1, 64),
    dumpZ: v['dump-z'],
    command: commandOf(v),
  }
}

/** Options that change where things go and how fast, not what is found. */
const NO_MATTER = ['out', 'json', 'dir', 'keep', 'width', 'dump-z']

/** The command that finds the same, wherever it is run. Without options all rule sets are compared, so `--rules all` alone says nothing. */
function commandOf(values: Readonly<Record<string, unknown>>): string {
  const said = Object.entries(values).filter(([name]) => !NO_MATTER.includes(name))
  const isPlain = said.length === 1 && said[0]?.[0] === 'rules' && said[0][1] === 'all'
  const words = isPlain ? [] : said.flatMap(([name, value]) => (value === true ? [`--${name}`] : [`--${name}`, String(value)]))
  return ['npm run bench:detection', ...(words.length > 0 ? ['--', ...words] : [])].join(' ')
}

// oxlint-disable-next-line typescript/explicit-module-boundary-types -- parseArgs's own type
function parse(args: readonly string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  try {
    return parseArgs({
      args: [...args],
      options: {
        seeds: text,
        fleets: text,
        params: text,
        agents: text,
        'evaluation-rate': text,
        dispersion: text,
        classes: text,
        'history-days': text,
        'test-days': text,
        rules: text,
        out: text,
        json: flag,
        dir: text,
        width: text,
        'dump-z': text,
        quick: flag,
        keep: flag,
        help: flag,
        'show-params': flag,
      },
    })
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`)
  }
}

function seedsOf(seeds: string | undefined, fleets: string | undefined, isQuick: boolean): readonly number[] {
  const given = seeds?.split(',').map((s) => numberOf('--seeds', s, 0, 4_294_967_295))
  const list = given ?? (isQuick ? REPORT_SEEDS.slice(0, 1) : REPORT_SEEDS)
  if (fleets === undefined) return list
  const count = numberOf('--fleets', fleets, 1, 1000)
  const last = list.at(-1) ?? 0
  return Array.from({ length: count }, (_, i) => list[i] ?? last + i - list.length + 1)
}

function numberOf(option: string, text: string, low: number, high: number): number {
  const n = Number(text)
  if (text.trim() === '' || !(n >= low && n <= high)) throw new UsageError(`${option}: "${text}" is not a number from ${low} to ${high}`)
  return n
}
