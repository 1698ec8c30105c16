/**
 * One agent's two weeks: runs minute by minute under the plan, recorded as the processor records them (everything of a run when it closes,
 * verdicts of the judge later). Out come the exposed series, what is true about its incidents, and what was normal in the history.
 */
import { cohortTimeline } from './cohorts.ts'
import { AgentRecorder } from './record-agent.ts'
import { DAY_MINUTES, type AgentParameters, type Parameters, trafficAt } from './parameters.ts'
import { createRandom, noise, type Random } from './random.ts'
import { drawRun, type Moment, type SimulatedRun } from './run-model.ts'
import type { Plan, PlannedIncident } from './schedule.ts'
import { AgentSeries, type ExposedSeries } from './series.ts'
import { normalOf, type Normal, NormalRuns } from './normal.ts'

export interface IncidentTruth {
  readonly incident: PlannedIncident
  /** Minutes in which runs started that users found bad, or did not start at all. */
  readonly badMinutes: readonly number[]
  readonly runs: number
}

export interface SimulatedAgent {
  readonly series: readonly ExposedSeries[]
  readonly incidents: readonly IncidentTruth[]
  readonly normal: Normal
  readonly runs: number
  /** Spans sent in each minute. */
  readonly spans: Float64Array
}

interface Weather {
  readonly quality: Float64Array
  readonly cost: Float64Array
  readonly steps: Float64Array
  readonly volume: Float64Array
  readonly toolErrors: Float64Array
  readonly duration: Float64Array
}

export function simulateAgent(seed: number, a: AgentParameters, p: Parameters, plan: Plan, environment: string): SimulatedAgent {
  const random = createRandom(seed, `agent/${a.name}`)
  const verdicts = createRandom(seed, `verdicts/${a.name}`)
  const incidents = plan.incidents.filter((i) => i.agent === a.name)
  const healthy = plan.healthy.filter((h) => h.agent === a.name)
  const restarts = plan.healthy.filter((h) => h.kind === 'processor_restart').map((h) => h.start)
  const weather = weatherOf(random, p, plan)
  const timeline = cohortTimeline(
    healthy.filter((h) => h.kind === 'deploy'),
    incidents,
  )
  const recorder = new AgentRecorder(new AgentSeries(a.name, environment, plan.minutes, restarts), a, plan.minutes, restarts)
  const normal = new NormalRuns()
  const truths = incidents.map((incident) => ({ incident, badMinutes: [] as number[], runs: 0 }))
  const spans = new Float64Array(plan.minutes)
  let runs = 0

  const during = minuteIndex(plan.minutes, truths)
  const events = healthyFactors(plan.minutes, healthy, p)
  for (let m = 0; m < plan.minutes; m++) {
    const truth = truths[during[m] ?? -1]
    const effect = truth?.incident.incidentClass.effect
    const usual = expectedRuns(a, p, m, weather) * (events.volume[m] ?? 1)
    const rate = usual * (effect?.volumeFactor ?? 1)
    // Runs that never started: all bad, and nothing to count.
    if (truth !== undefined && rate < usual) truth.badMinutes.push(...Array.from({ length: random.poisson(usual - rate) }, () => m))
    const moment = momentOf(weather, m, events.blip[m] ?? -1)
    for (let k = random.poisson(rate); k > 0; k--) {
      const { run, isCanary } = drawAmong(random, a, p, { minute: m, moment, incident: truth?.incident })
      runs++
      spans[m] = (spans[m] ?? 0) + run.steps + 1
      recorder.run(run, timeline.at(m, truth?.incident, isCanary), judge(verdicts, a, run.end))
      if (run.end < plan.historyMinutes) normal.add(run)
      if (truth === undefined) continue
      truth.runs++
      if (run.isBadForUser) truth.badMinutes.push(m)
    }
  }
  const usual = normalOf(normal, recorder, plan.historyMinutes)
  for (const { incident } of truths)
    if (incident.incidentClass.effect.runaway === true) recorder.runaway(incident, timeline.at(incident.start, undefined, false), usual)
  return { series: recorder.expose(), incidents: truths, normal: usual, runs, spans }
}

/** A run in normal times, of an incident, or in a canary's incident one of either. */
function drawAmong(
  random: Random,
  a: AgentParameters,
  p: Parameters,
  at: { readonly minute: number; readonly moment: Moment; readonly incident: PlannedIncident | undefined },
): { readonly run: SimulatedRun; readonly isCanary: boolean } {
  const effect = at.incident?.incidentClass.effect
  const isCanary = effect?.canary !== undefined && random.uniform() < effect.canary
  const isHit = effect !== undefined && (effect.canary === undefined || isCanary)
  const hit = isHit ? { effect, incidentMinute: at.minute - (at.incident?.start ?? at.minute) } : {}
  return { run: drawRun(random, a, p, at.minute, { ...at.moment, ...hit }), isCanary }
}

function weatherOf(random: Random, p: Parameters, plan: Plan): Weather {
  const n = p.noise
  const sd = (value: number): number => value * n.dispersion
  const make = (value: number, memory: number, shift: number): Float64Array => {
    const moved = sd(shift) * random.normal()
    return noise(random, plan.minutes, sd(value), memory).map((v, m) => (m < plan.historyMinutes ? v : v + moved))
  }
  return {
    quality: make(n.quality, 240, n.shift.quality),
    cost: make(n.cost, 720, n.shift.cost),
    steps: make(n.steps, 720, n.shift.steps),
    volume: make(n.volume, 120, n.shift.volume),
    toolErrors: make(n.toolErrors, 180, 0),
    duration: make(n.duration, 240, 0),
  }
}

function momentOf(w: Weather, m: number, blipTool: number): Moment {
  return {
    quality: w.quality[m] ?? 0,
    cost: w.cost[m] ?? 0,
    steps: w.steps[m] ?? 0,
    toolErrors: w.toolErrors[m] ?? 0,
    duration: w.duration[m] ?? 0,
    ...(blipTool < 0 ? {} : { blipTool }),
  }
}

/** Runs of a minute; the noise is lognormal, its mean taken out. */
function expectedRuns(a: AgentParameters, p: Parameters, m: number, w: Weather): number {
  const sd = p.noise.volume * p.noise.dispersion
  return (a.peakRunsPerHour / 60) * trafficAt(a.profile, m) * Math.exp((w.volume[m] ?? 0) - 0.5 * sd * sd)
}

/** Index of the incident of each minute, -1 in quiet ones. */
function minuteIndex(minutes: number, truths: readonly { readonly incident: PlannedIncident }[]): Int16Array {
  const out = new Int16Array(minutes).fill(-1)
  for (const [i, { incident }] of truths.entries()) out.fill(i, incident.start, incident.end)
  return out
}

function healthyFactors(minutes: number, healthy: Plan['healthy'], p: Parameters): { volume: Float64Array; blip: Int8Array } {
  const volume = new Float64Array(minutes).fill(1)
  const blip = new Int8Array(minutes).fill(-1)
  for (const h of healthy) {
    if (h.kind === 'surge') volume.fill(p.healthy.surgeFactor, h.start, h.start + h.minutes)
    if (h.kind === 'holiday') volume.fill(p.healthy.holidayFactor, h.start, Math.min(minutes, h.start + DAY_MINUTES))
    if (h.kind === 'tool_blip') blip.fill(h.tool ?? 0, h.start, h.start + h.minutes)
  }
  return { volume, blip }
}

/** Minute in which the verdict of a run comes; undefined when the run is not judged. */
function judge(random: Random, a: AgentParameters, end: number): number | undefined {
  const isJudged = random.uniform() < a.evaluationRate
  const delay = random.exponential(a.verdictDelayMinutes)
  return isJudged ? Math.floor(end + delay) + 1 : undefined
}
