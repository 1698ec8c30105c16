/**
 * Which release to roll back to: what Prometheus counted of each → a verdict per release, and the choice with its reason. Pure.
 * The last one before the active that met its objectives for enough runs; where no such one is known, the one before that is not known to be
 * bad, and the choice says so. A release that is known to have missed its objectives is never chosen.
 */
import { chanceOfAtLeast } from '../model/statistics.ts'
import type { Refused } from './controls.ts'

/** Objectives of an agent that have a target: the share of runs that should meet them. */
export const JUDGED_OBJECTIVES = ['quality', 'cost', 'steps', 'duration'] as const
export type JudgedObjective = (typeof JUDGED_OBJECTIVES)[number]

/** Runs of one release, by one objective. */
export interface ObjectiveFact {
  readonly objective: JudgedObjective
  readonly target: number
  readonly good: number
  /** Runs that could be judged by it. */
  readonly runs: number
}

export interface ReleaseFacts {
  readonly runs: number
  /** Those that are configured with a target and were measured; none when none is configured. */
  readonly objectives: readonly ObjectiveFact[]
}

/** Facts by version, or why there are none. A version that is not in them had no runs. */
export type KnownFacts = { readonly known: ReadonlyMap<string, ReleaseFacts> } | { readonly unknown: string }

export const RELEASE_VERDICTS = ['met', 'missed', 'too_few_runs', 'unknown'] as const
export type ReleaseVerdict = (typeof RELEASE_VERDICTS)[number]

export interface JudgedRelease {
  readonly version: string
  readonly verdict: ReleaseVerdict
  /** Absent where they are not known. */
  readonly runs?: number
  /** Share of rated runs that passed; absent where none was rated. */
  readonly goodShare?: number
  /** The verdict with its numbers, for people. */
  readonly text: string
}

export interface RollbackChoice {
  readonly ok: true
  readonly version: string
  /** The release that was active when it was chosen: rolling back holds only while it is. */
  readonly from: string
  /** `known_good`: it met its objectives. `former`: the next one before that is not known to be bad. */
  readonly because: 'known_good' | 'former'
  readonly text: string
  /** Releases between it and the active one, newest first. */
  readonly passedOver: readonly JudgedRelease[]
}

export type NoChoice = Refused<'nothing_before' | 'no_known_good'>

/** Chance below which so many failures are no accident, although there were fewer runs than it takes to call a release good. */
const SURE = 0.001
const UNIT: Readonly<Record<JudgedObjective, string>> = {
  quality: 'passed',
  cost: 'stayed under their cost',
  steps: 'stayed under their steps',
  duration: 'stayed under their duration',
}

/** Judges one release by its runs. `least` is how many it takes to call it good. */
export function judgeRelease(version: string, facts: KnownFacts, least: number): JudgedRelease {
  if ('unknown' in facts) return { version, verdict: 'unknown', text: facts.unknown }
  const { runs, objectives } = facts.known.get(version) ?? { runs: 0, objectives: [] }
  const quality = objectives.find((o) => o.objective === 'quality')
  const known = { version, runs, ...(quality === undefined || quality.runs === 0 ? {} : { goodShare: quality.good / quality.runs }) }
  const missed = objectives.filter((o) => isMissed(o, least))
  if (missed.length > 0)
    return { ...known, verdict: 'missed', text: missed.map((o) => `${counts(o)}, under the target of ${percent(o.target)}`).join('; ') }
  if (runs > 0 && objectives.length === 0) return { ...known, verdict: 'unknown', text: 'no objective of the agent has a target' }
  const short = objectives.find((o) => o.runs < least)
  if (short === undefined && runs > 0)
    return { ...known, verdict: 'met', text: objectives.map((o) => `${counts(o)} (target ${percent(o.target)})`).join('; ') }
  const seen = short?.runs ?? runs
  const what = short?.objective === 'quality' && runs > seen ? 'rated runs' : 'runs'
  return { ...known, verdict: 'too_few_runs', text: `${number(seen)} ${what}, and it takes ${number(least)} to tell` }
}

/** Chooses from what was active before, newest first, or says why nothing can be chosen. */
export function chooseKnownGood(
  agent: string,
  activations: readonly string[],
  judge: (version: string) => JudgedRelease,
): RollbackChoice | NoChoice {
  const from = activations.at(-1)
  const before = [...new Set(activations.toReversed())].filter((version) => version !== from).map(judge)
  const [nearest] = before
  if (from === undefined || nearest === undefined) return nothingBefore(agent)
  const good = before.findIndex((r) => r.verdict === 'met')
  const at = good >= 0 ? good : before.findIndex((r) => r.verdict !== 'missed')
  const chosen = before[at]
  if (chosen === undefined) {
    const detail = `every release of ${agent} before ${from} missed its objectives: ${listed(before)}; name one: agentopz release activate ${agent} VERSION, or take the one before all the same: agentopz release rollback ${agent} --former`
    return { ok: false, because: 'no_known_good', detail }
  }
  const passedOver = before.slice(0, at)
  const over = passedOver.length === 0 ? '' : `; passed over ${listed(passedOver)}`
  if (good >= 0)
    return {
      ok: true,
      version: chosen.version,
      from,
      because: 'known_good',
      passedOver,
      text: `last known to be good: ${chosen.text}${over}`,
    }
  const what = at === 0 ? 'the one before' : 'the next one before that is not known to be bad'
  return {
    ok: true,
    version: chosen.version,
    from,
    because: 'former',
    passedOver,
    text: `${what}; whether it is good is not known: ${chosen.text}${over}`,
  }
}

/** The one that was active before, whatever is known of it. */
export function chooseFormer(agent: string, activations: readonly string[]): RollbackChoice | NoChoice {
  const [version, from] = activations.slice(-2)
  if (version === undefined || from === undefined) return nothingBefore(agent)
  return { ok: true, version, from, because: 'former', text: 'the one before, as asked', passedOver: [] }
}

function nothingBefore(agent: string): NoChoice {
  return { ok: false, because: 'nothing_before', detail: `no other release of ${agent} was active before; activate one by its version` }
}

function isMissed({ good, runs, target }: ObjectiveFact, least: number): boolean {
  if (runs === 0 || good / runs >= target) return false
  return runs >= least || chanceOfAtLeast(runs - good, runs, 1 - target, 1) < SURE
}

function counts({ objective, good, runs }: ObjectiveFact): string {
  return `${percent(good / runs)} of ${number(runs)} ${objective === 'quality' ? 'rated runs' : 'runs'} ${UNIT[objective]}`
}

function listed(releases: readonly JudgedRelease[]): string {
  return releases.map((r) => `${r.version} (${r.text})`).join(', ')
}

/** Never rounded up to the target that was missed. */
function percent(share: number): string {
  return `${Math.floor(share * 1000 + 1e-9) / 10} %`
}

function number(count: number): string {
  return Math.round(count).toLocaleString('en-US')
}
