/** Whether Prometheus knows what is normal for this agent, and from how many hours: without it no alert on a change can fire. */
import type { ReadinessAnswer } from '../../../incidents/readiness.ts'
import { countText } from '../../../incidents/words.ts'
import { BASELINE_EVENTS } from '../../../model/thresholds.ts'
import type { RecordedName } from '../../../model/recorded.ts'
import { type About, failed, ok, type ReadinessCheck, weak } from '../check.ts'

/** A day is not a week, but it has seen the busy hours and the quiet ones. */
const FEWEST_HOURS = 24
const HISTORY_HOURS = 168
const TOTAL: RecordedName = 'agent_sli:total:baseline'
const HOURLY: RecordedName = 'agent_sli:total:increase1h'

export const baseline: ReadinessCheck = {
  name: 'baseline',
  weight: 10,
  look: async (about) => judge(about, await factsOf(about)),
}

interface Facts {
  /** Events that the baseline rests on, by SLI. */
  readonly events: ReadonlyMap<string, number>
  /** Hours of the last week with runs in them. */
  readonly hours: number
}

async function factsOf({ world, agent, environment }: About): Promise<Facts> {
  const of = { agent, environment }
  const rows = await world.instant(`sum by (agent, environment, sli) (${TOTAL}{sli=~"quality|run_error"})`, of)
  const history = await world.hourly(`sum by (agent, environment) (${HOURLY}{sli="run_error"})`, HISTORY_HOURS, of)
  return {
    events: new Map(rows.map((r) => [r.labels['sli'] ?? '', r.value])),
    hours: history[0]?.points.filter(([, value]) => value > 0).length ?? 0,
  }
}

function judge({ agent }: About, { events, hours }: Facts): ReadinessAnswer {
  const runs = events.get('run_error')
  const rated = events.get('quality')
  const advice = `see what is known of it: agentopz baseline --agent ${JSON.stringify(agent)}`
  if (runs === undefined)
    return failed(
      `Prometheus has no baseline of this agent now (it takes ${BASELINE_EVENTS} runs in the last week that are older than an hour): no alert on a change can fire`,
      `let it run, and see that the recording rules are loaded; ${advice}`,
    )
  const from = `${countText(runs, 'run')} in ${countText(hours, 'hour')} of the last week`
  if (rated === undefined)
    return weak(`what is normal of errors is known from ${from}, of quality it is not: fewer than ${BASELINE_EVENTS} rated runs`, advice)
  if (hours < FEWEST_HOURS)
    return weak(`the baseline rests on ${from} only; it has not seen a whole day`, `wait for a day of runs; ${advice}`)
  return ok(`the baseline rests on ${from}, ${countText(rated, 'rated run')} among them`)
}
