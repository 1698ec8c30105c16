/**
 * Whether runs are judged, by whom, and often enough: the smallest fall of quality that would page nine times in ten, at the agent's own
 * rate of rated runs, against the fall that matters (`readiness.smallest_drop`). The arithmetic is that of `agentopz baseline`.
 */
import type { ReadinessAnswer } from '../../../incidents/readiness.ts'
import { countText } from '../../../incidents/words.ts'
import { EFFECTS } from '../../../model/thresholds.ts'
import type { RecordedName } from '../../../model/recorded.ts'
import { median } from '../../../model/statistics.ts'
import { type Detectable, smallestRise } from '../../baseline/detectable.ts'
import { count, points } from '../../baseline/words.ts'
import { type About, failed, ok, type ReadinessCheck, weak } from '../check.ts'

const WEEK_HOURS = 168
const TOTAL: RecordedName = 'agent_sli:total:increase1h'
const NORMAL = {
  share: 'agent_sli:bad_ratio:baseline',
  events: 'agent_sli:total:baseline',
  dispersion1h: 'agent_sli:dispersion1h:baseline',
  dispersion6h: 'agent_sli:dispersion6h:baseline',
} as const satisfies Record<string, RecordedName>

export const evaluations: ReadinessCheck = {
  name: 'evaluations',
  weight: 15,
  look: async (about) => judge(about, await factsOf(about)),
}

export interface EvaluationFacts {
  /** Verdicts of the last day by where they came from. */
  readonly sources: ReadonlyMap<string, number>
  /** Rated runs in the middle one of the hours that had any. */
  readonly ratedPerHour: number | undefined
  readonly normal: { readonly [K in keyof typeof NORMAL]: number | undefined }
}

async function factsOf({ world, agent, environment }: About): Promise<EvaluationFacts> {
  const of = { agent, environment }
  const verdicts = await world.instant(
    `sum by (agent, environment, source) (increase(agentopz_evaluations_total{verdict=~"pass|fail"}[1d])) > 0`,
    of,
  )
  const hours = await world.hourly(`sum by (agent, environment) (${TOTAL}{sli="quality"})`, WEEK_HOURS, of)
  const one = async (name: RecordedName): Promise<number | undefined> =>
    (await world.instant(`max by (agent, environment) (${name}{sli="quality"})`, of))[0]?.value
  return {
    sources: new Map(verdicts.map((v) => [v.labels['source'] ?? '', v.value])),
    ratedPerHour: median(hours.flatMap((h) => h.points.flatMap(([, value]) => (value > 0 ? [value] : [])))),
    normal: {
      share: await one(NORMAL.share),
      events: await one(NORMAL.events),
      dispersion1h: await one(NORMAL.dispersion1h),
      dispersion6h: await one(NORMAL.dispersion6h),
    },
  }
}

/** What content checks are called; built-in checks see the form of an answer only. */
const OF_CONTENT = ['external', 'judge', 'feedback']

export function judge({ agent, world }: Pick<About, 'agent' | 'world'>, facts: EvaluationFacts): ReadinessAnswer {
  const { sources, ratedPerHour } = facts
  const matters = world.config.readiness.smallest_drop
  const judgeAdvice = 'send verdicts: gen_ai.evaluation.result on spans or logs, or POST /api/v1/feedback (docs/runs.md)'
  const runsAdvice = `rate more of its runs, or set readiness.smallest_drop to what matters; the numbers: agentopz baseline --agent ${JSON.stringify(agent)}`
  if (sources.size === 0 || ratedPerHour === undefined)
    return failed('no run of this agent was rated in the last day: a fall of its quality cannot be seen', judgeAdvice)
  const detectable = detectableOf(facts, ratedPerHour)
  const rate = `${count(ratedPerHour)} rated runs in a usual hour`
  const wanted = points(matters)
  if (detectable === undefined)
    return weak(`${rate}, and no baseline of quality yet: which fall would page is not known`, `let it run; ${runsAdvice}`)
  const soon = detectable['2h'].nineInTen
  const late = detectable['1d'].nineInTen
  if (late === undefined || late > matters)
    return failed(
      `at ${rate} a fall of ${wanted} would not page within a day; the smallest that would is ${late === undefined ? 'not known' : points(late)}`,
      runsAdvice,
    )
  if (soon === undefined || soon > matters)
    return weak(`at ${rate} a fall of ${wanted} would page within a day (from ${points(late)} on), and not within 2 hours`, runsAdvice)
  const seen = `at ${rate} a fall of ${points(soon)} would page within 2 hours, and ${wanted} matter`
  if (!OF_CONTENT.some((source) => sources.has(source)))
    return weak(`${seen}; but only built-in checks speak, which see broken answers and no wrong ones`, judgeAdvice)
  const from = [...sources].map(([source, n]) => `${countText(n, 'verdict')} from ${source}`)
  return ok(`${seen}; in the last day ${from.join(', ')}`)
}

function detectableOf({ normal }: EvaluationFacts, perHour: number): Detectable | undefined {
  const { share, events, dispersion1h, dispersion6h } = normal
  if (share === undefined || events === undefined) return undefined
  const known = { share, events, bad: share * events, kept: [], leftOut: [] }
  return smallestRise(
    perHour,
    { ...known, dispersion1h: dispersion1h ?? 1, dispersion6h: dispersion6h ?? dispersion1h ?? 1 },
    EFFECTS.quality,
  )
}
