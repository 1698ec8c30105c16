/**
 * When what happens to a fleet: incidents in the test period, apart from each other per agent and while the agent has traffic; healthy
 * events anywhere. Pure: parameters and seed in, plan out. Minutes count from the fleet's beginning.
 */
import { type IncidentClass, INCIDENT_CLASSES } from './incident-classes.ts'
import { type AgentParameters, DAY_MINUTES, type Parameters, trafficAt } from './parameters.ts'
import { createRandom, type Random } from './random.ts'

export interface PlannedIncident {
  readonly agent: string
  readonly incidentClass: IncidentClass
  readonly start: number
  readonly end: number
  /** Whether a model swap shows in the model label. */
  readonly isAnnounced: boolean
}

export interface HealthyEvent {
  readonly agent?: string
  readonly kind: 'processor_restart' | 'scrape_gap' | 'surge' | 'holiday' | 'tool_blip' | 'deploy'
  readonly start: number
  readonly minutes: number
  /** Index of the tool that blips. */
  readonly tool?: number
}

export interface Plan {
  readonly minutes: number
  readonly historyMinutes: number
  readonly incidents: readonly PlannedIncident[]
  readonly healthy: readonly HealthyEvent[]
  /** Classes that found no room, by name. */
  readonly unplaced: readonly string[]
}

const QUIET_BEFORE = 360
const QUIET_AFTER = 600
const TRIES = 400

export function planFleet(seed: number, p: Parameters): Plan {
  const historyMinutes = p.historyDays * DAY_MINUTES
  const minutes = historyMinutes + p.testDays * DAY_MINUTES
  const span = { historyMinutes, minutes }
  const random = createRandom(seed, 'plan')
  const { incidents, unplaced } = placeIncidents(random, p, span)
  const healthy = [...fleetEvents(createRandom(seed, 'healthy'), p, span)]
  for (const a of p.agents) {
    const own = incidents.filter((i) => i.agent === a.name)
    healthy.push(...agentEvents(createRandom(seed, `healthy/${a.name}`), a, p, span, own))
  }
  return { ...span, incidents, healthy, unplaced }
}

interface Span {
  readonly historyMinutes: number
  readonly minutes: number
}

/** Classes with the fewest agents to choose from go first; among agents the one with the least load. */
function placeIncidents(random: Random, p: Parameters, span: Span): { incidents: PlannedIncident[]; unplaced: string[] } {
  const rounds = Math.max(1, Math.round((p.incidentRounds * p.testDays) / 7))
  const incidents: PlannedIncident[] = []
  const unplaced: string[] = []
  const load = new Map<string, number>()
  const queue = Array.from({ length: rounds }, () => p.classes)
    .flat()
    .map((c) => ({ c, agents: eligible(c, p.agents) }))
    .map((q) => ({ ...q, rank: q.agents.length + random.uniform() * 0.5 }))
    .toSorted((a, b) => a.rank - b.rank)
  for (const { c, agents } of queue) {
    const order = agents
      .map((a) => ({ a, rank: (load.get(a.name) ?? 0) + random.uniform() * 300 }))
      .toSorted((x, y) => x.rank - y.rank)
      .map((o) => o.a)
    const found = order.map((a) => ({ a, start: findStart(random, a, c, incidents, span) })).find((f) => f.start !== undefined)
    if (found?.start === undefined) {
      unplaced.push(c.name)
      continue
    }
    const { a, start } = found
    incidents.push({ agent: a.name, incidentClass: c, start, end: start + c.minutes, isAnnounced: random.uniform() < 0.5 })
    load.set(a.name, (load.get(a.name) ?? 0) + c.minutes)
  }
  return { incidents: incidents.toSorted((x, y) => x.start - y.start), unplaced }
}

/** The agents a class names; in a fleet with none of them, those it makes sense for. */
function eligible(c: IncidentClass, agents: readonly AgentParameters[]): readonly AgentParameters[] {
  const sensible = c.effect.retrievalEmpty === undefined ? agents : agents.filter((a) => a.retrieval !== undefined)
  const named = sensible.filter((a) => c.agents.includes(a.name))
  const isKnown = INCIDENT_CLASSES.some((k) => k.agents.some((name) => agents.some((a) => a.name === name)))
  return named.length > 0 || isKnown ? named : sensible
}

function findStart(
  random: Random,
  a: AgentParameters,
  c: IncidentClass,
  placed: readonly PlannedIncident[],
  span: Span,
): number | undefined {
  const own = placed.filter((i) => i.agent === a.name)
  const last = span.minutes - c.minutes - 140
  const first = span.historyMinutes + 360
  if (last <= first) return undefined
  for (let t = 0; t < TRIES; t++) {
    const start = random.whole(first, last)
    const isApart = own.every((i) => start + c.minutes + QUIET_BEFORE < i.start || start > i.end + QUIET_AFTER)
    if (isApart && isActive(a, start)) return start
  }
  return undefined
}

/** Two hours of at least 45 % of the peak: nobody can tell an outage of a sleeping agent. */
function isActive(a: AgentParameters, start: number): boolean {
  for (let m = 0; m < 120; m += 10) if (trafficAt(a.profile, start + m) < 0.45) return false
  return true
}

function* fleetEvents(random: Random, p: Parameters, span: Span): Iterable<HealthyEvent> {
  const anywhere = (): number => random.whole(60, span.minutes - 60)
  for (let k = 0; k < p.healthy.processorRestarts; k++) yield { kind: 'processor_restart', start: anywhere(), minutes: 2 }
  for (let k = 0; k < p.healthy.scrapeGaps; k++) yield { kind: 'scrape_gap', start: anywhere(), minutes: p.healthy.scrapeGapMinutes }
}

function* agentEvents(
  random: Random,
  a: AgentParameters,
  p: Parameters,
  span: Span,
  incidents: readonly PlannedIncident[],
): Iterable<HealthyEvent> {
  const h = p.healthy
  const agent = a.name
  const history = (room: number): number => random.whole(60, span.historyMinutes - room)
  const test = (room: number): number => random.whole(span.historyMinutes + 60, span.minutes - room)
  if (a.peakRunsPerHour >= h.surgeFromRunsPerHour && h.surgeFactor !== 1) {
    yield { agent, kind: 'surge', start: history(300), minutes: 120 }
    yield { agent, kind: 'surge', start: test(300), minutes: 120 }
  }
  if (a.profile === 'office' && a.peakRunsPerHour < 100 && h.holidayFactor !== 1) {
    const day = Math.floor(span.historyMinutes / DAY_MINUTES) + random.whole(0, Math.max(0, Math.min(4, p.testDays - 1)))
    const start = day * DAY_MINUTES
    if (!incidents.some((i) => i.start < start + DAY_MINUTES && i.end > start))
      yield { agent, kind: 'holiday', start, minutes: DAY_MINUTES }
  }
  for (const start of [history(60), test(60)])
    yield { agent, kind: 'tool_blip', start, minutes: h.toolBlipMinutes, tool: random.whole(0, a.tools.length - 1) }
  if (p.historyDays >= 4) yield { agent, kind: 'deploy', start: random.whole(2 * DAY_MINUTES, 4 * DAY_MINUTES), minutes: 0 }
  for (let k = 0; k < h.deploys; k++) {
    const start = Array.from({ length: 50 }, () => random.whole(span.historyMinutes + 300, span.minutes - 300)).find(
      (m) => !incidents.some((i) => m > i.start - 240 && m < i.end + 300),
    )
    if (start !== undefined) yield { agent, kind: 'deploy', start, minutes: 0 }
  }
}
