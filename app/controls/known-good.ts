/**
 * Known-good releases: what Prometheus counted of each release's runs → a verdict per release, and the one to roll back to. The runs of a release are
 * those whose prompt_version is its version, in every environment. Prometheus is given two seconds: an agent that fails does not wait
 * for it. What it cannot tell is unknown, and said.
 */
import {
  chooseFormer,
  chooseKnownGood,
  JUDGED_OBJECTIVES,
  type JudgedObjective,
  type JudgedRelease,
  judgeRelease,
  type KnownFacts,
  type NoChoice,
  type ObjectiveFact,
  type ReleaseFacts,
  type RollbackChoice,
} from '../../control/known-good.ts'
import type { Config } from '../config-schema.ts'
import { type Prometheus, PrometheusError, quoted, type Sample, select } from '../prometheus.ts'
import { merged } from '../settings.ts'
import type { ControlPlane } from './plane.ts'

export interface KnownGood {
  /** Verdict of each release of an agent, by version. Never rejects. */
  judge(agent: string, versions: readonly string[]): Promise<ReadonlyMap<string, JudgedRelease>>
  /** The release to roll back to, and why that one: hand it to `ControlPlane.rollback`. `former` asks nobody. Never rejects. */
  choose(agent: string, how?: 'known_good' | 'former'): Promise<RollbackChoice | NoChoice>
}

export interface KnownGoodParts {
  readonly plane: Pick<ControlPlane, 'releases'>
  readonly prometheus: () => Prometheus
  readonly config: () => Config
  readonly clock: () => number
  /** Told of what went wrong beside Prometheus: a bug. */
  readonly failed: (error: unknown) => void
}

/** How long Prometheus may hold up a rollback. */
export const DEADLINE_MS = 2000

export function createKnownGood(parts: KnownGoodParts): KnownGood {
  const { plane, config } = parts
  const judge: KnownGood['judge'] = async (agent, versions) => {
    const facts = versions.length === 0 ? { unknown: '' } : await factsOf(parts, agent, versions)
    const least = config().controls.known_good_runs
    return new Map(versions.map((version) => [version, judgeRelease(version, facts, least)]))
  }
  return {
    judge,
    choose: async (agent, how = 'known_good') => {
      const activations = plane.releases(agent)?.activations ?? []
      if (how === 'former') return chooseFormer(agent, activations)
      const before = [...new Set(activations.slice(0, -1))]
      const judged = await judge(agent, before)
      // Chosen over what was active when it was asked: if that changed meanwhile, the plane refuses.
      return chooseKnownGood(agent, activations, (v) => judged.get(v) ?? { version: v, verdict: 'unknown', text: 'it was not asked about' })
    },
  }
}

async function factsOf(parts: KnownGoodParts, agent: string, versions: readonly string[]): Promise<KnownFacts> {
  try {
    return { known: await within(DEADLINE_MS, ask(parts, agent, versions)) }
  } catch (error) {
    if (error instanceof PrometheusError) return { unknown: error.message }
    parts.failed(error)
    return { unknown: 'its runs could not be counted because of a bug, see the log' }
  }
}

async function ask(
  { prometheus, config, clock }: KnownGoodParts,
  agent: string,
  versions: readonly string[],
): Promise<ReadonlyMap<string, ReleaseFacts>> {
  const client = prometheus()
  const [targets, seconds, at] = [targetsOf(config(), agent), Math.round(config().controls.known_good_since), clock() / 1000]
  const also = `prompt_version=~${quoted(versions.map(escaped).join('|'))}`
  const counted = (selector: string, by: string): string => `sum by (prompt_version, ${by}) (increase(${selector}[${seconds}s]))`
  const [runs, exceeded] = await Promise.all([
    client.instant(counted(select('agentopz_runs_total', { agent }, { also }), 'quality'), at),
    client.instant(counted(select('agentopz_run_exceeded_total', { agent }, { also }), 'objective'), at),
  ])
  for (const { warnings } of [runs, exceeded])
    if (warnings[0] !== undefined)
      throw new PrometheusError('partial', `Prometheus at ${client.url} warns that part of its data may be missing`)
  return new Map(versions.map((version) => [version, factsFor(version, runs.data, exceeded.data, targets)]))
}

function factsFor(
  version: string,
  runs: readonly Sample[],
  exceeded: readonly Sample[],
  targets: ReadonlyMap<JudgedObjective, number>,
): ReleaseFacts {
  const own = (samples: readonly Sample[]): readonly Sample[] =>
    samples.filter((s) => s.labels['prompt_version'] === version && Number.isFinite(s.value))
  const byQuality = new Map(own(runs).map((s) => [s.labels['quality'] ?? '', s.value]))
  const over = new Map(own(exceeded).map((s) => [s.labels['objective'] ?? '', s.value]))
  const all = [...byQuality.values()].reduce((a, b) => a + b, 0)
  const pass = byQuality.get('pass') ?? 0
  const rated = pass + (byQuality.get('fail') ?? 0)
  const objectives = JUDGED_OBJECTIVES.flatMap((objective): readonly ObjectiveFact[] => {
    const target = targets.get(objective)
    if (target === undefined) return []
    if (objective === 'quality') return [{ objective, target, good: pass, runs: rated }]
    const bad = over.get(objective)
    // No counter: the threshold is newer than the release's runs, so nothing is known of it.
    return bad === undefined ? [] : [{ objective, target, good: Math.max(0, all - bad), runs: all }]
  })
  return { runs: all, objectives }
}

function targetsOf(config: Config, agent: string): ReadonlyMap<JudgedObjective, number> {
  const a = merged(config, config.agents[agent])
  const quality = a.quality?.target
  const sized = (o: { per_run?: number | undefined; target?: number | undefined } | undefined): number | undefined =>
    o?.per_run === undefined ? undefined : o.target
  const rows: readonly (readonly [JudgedObjective, number | undefined])[] = [
    ['quality', quality],
    ['cost', sized(a.cost_usd)],
    ['steps', sized(a.steps)],
    ['duration', sized(a.duration_seconds)],
  ]
  return new Map(rows.flatMap(([name, target]) => (target === undefined ? [] : [[name, target] as const])))
}

/** For a regular expression of PromQL, which is anchored. */
function escaped(version: string): string {
  return version.replaceAll(/[.+*?^$()[\]{}|\\]/g, '\\$&')
}

function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new PrometheusError('timeout', `Prometheus did not answer within ${ms / 1000} s`)), ms)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}
