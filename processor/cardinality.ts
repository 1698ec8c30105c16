/**
 * Bounds on label values: agents, environments, and values of one label of one agent. What is over a bound becomes `__overflow__`.
 * A value holds its place as long as a series uses it (`hold`, `release`), so nothing needs a clock here.
 * Labels whose values are closed sets of ours are never folded: outcomes still add up when everything else overflows.
 */
import { OVERFLOW } from '../model/metrics.ts'
import { shortHash } from '../model/short-hash.ts'

export interface CardinalityLimits {
  readonly maxAgents: number
  readonly maxEnvironments: number
  /** Values of one label of one agent: one number for every label, or one per label with `other` for the rest. */
  readonly maxValuesPerLabel: number | Readonly<Record<string, number>>
}

export const DEFAULT_VALUES_PER_LABEL: Readonly<Record<string, number>> = {
  model: 50,
  agent_version: 50,
  prompt_version: 50,
  tools_version: 50,
  /** Of one `dimension` label set: four cohort dimensions share it. */
  value: 200,
  tool: 200,
  other: 100,
}

// prettier-ignore
const CLOSED = new Set([
  'outcome', 'quality', 'class', 'verdict', 'source', 'kind', 'objective', 'dimension', 'feature', 'finish_reason',
  'signal', 'protocol', 'metric', 'stage', 'control', 'state', 'action', 'severity',
])
/** Versions of agents that overflowed say nothing, and would multiply: they overflow with their agent. */
const COHORT = new Set(['agent_version', 'prompt_version', 'tools_version', 'value'])
const MAX_LENGTH = 64
const SAFE = /^[A-Za-z0-9._:@/+-]{0,64}$/
/** Links and addresses may be longer. */
const LONG: Readonly<Record<string, number>> = { runbook_url: 256, endpoint: 256, target: 256 }
/** Stands for the agent in metrics that have none: those of the processor itself. */
const NO_AGENT = '\0'

interface LabelRule {
  readonly name: string
  readonly role: 'agent' | 'environment' | 'closed' | 'open'
  /** Overflows together with its agent. */
  readonly isCohort: boolean
  readonly maxValues: number
}

/** How one metric's labels are bounded, in exposition order. */
export interface LabelPlan {
  readonly rules: readonly LabelRule[]
  /** -1 where there is none. */
  readonly agentAt: number
  readonly environmentAt: number
}

/** Works out the bounds of a metric's labels once. */
export function planLabels(names: readonly string[], limits: CardinalityLimits): LabelPlan {
  const per = limits.maxValuesPerLabel
  const isCohortMetric = names.includes('prompt_version')
  const rules = names.map((name): LabelRule => ({
    name,
    role: roleOf(name),
    isCohort: COHORT.has(name) || (name === 'model' && isCohortMetric),
    maxValues: typeof per === 'number' ? per : (per[name] ?? per['other'] ?? 100),
  }))
  return { rules, agentAt: rules.findIndex((r) => r.role === 'agent'), environmentAt: rules.findIndex((r) => r.role === 'environment') }
}

function roleOf(name: string): LabelRule['role'] {
  if (name === 'agent' || name === 'gen_ai_agent_name') return 'agent'
  if (name === 'environment') return 'environment'
  return CLOSED.has(name) ? 'closed' : 'open'
}

/** A label value without control characters; one that is too long is cut and ends in a hash, so that two long ones stay two. */
export function clampValue(label: string, value: string): string {
  const max = LONG[label] ?? MAX_LENGTH
  const cut = value.length > max ? `${value.slice(0, max - 9)}:${shortHash(value.slice(0, 4096))}` : value
  // oxlint-disable-next-line no-control-regex
  return /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff]/.test(cut)
    ? // oxlint-disable-next-line no-control-regex
      cut.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '_').toWellFormed()
    : cut
}

/** A cohort value, model or provider in a safe alphabet (R13): letters, digits and `._:@/+-`, at most 64. */
export function safeLabel(value: string): string {
  // Nearly every value is safe as it is, and is one that came before: the test alone is cheaper than clamping and replacing.
  return SAFE.test(value) ? value : clampValue('', value).replaceAll(/[^A-Za-z0-9._:@/+-]/g, '_')
}

/** Values → number of series that use them. */
type Uses = Map<string, number>

export class Cardinality {
  readonly #limits: CardinalityLimits
  readonly #environments: Uses = new Map()
  readonly #agents: Uses = new Map()
  /** By agent, then label. */
  readonly #values = new Map<string, Map<string, Uses>>()

  constructor(limits: CardinalityLimits) {
    this.#limits = limits
  }

  /** Values that fit the bounds, and whether one of them was folded to get there. Takes no place yet. */
  fit(plan: LabelPlan, raw: readonly string[]): { readonly values: string[]; readonly folded: boolean } {
    const clamped = plan.rules.map((rule, at) => clampValue(rule.name, raw[at] ?? ''))
    const agent = this.#agentOf(plan, clamped)
    const known = hasRoom(this.#agents, agent, this.#limits.maxAgents) || plan.agentAt < 0 ? agent : OVERFLOW
    const places = this.#values.get(known)
    const values = plan.rules.map((rule, at) => {
      const value = clamped[at] ?? ''
      return this.#fits(rule, value, known, places) ? value : OVERFLOW
    })
    return { values, folded: values.some((value, at) => value !== clamped[at]) }
  }

  #fits(rule: LabelRule, value: string, agent: string, places: ReadonlyMap<string, Uses> | undefined): boolean {
    switch (rule.role) {
      case 'agent':
        return value === agent
      case 'environment':
        return hasRoom(this.#environments, value, this.#limits.maxEnvironments)
      case 'closed':
        return true
      case 'open':
        if (agent === OVERFLOW && rule.isCohort && value !== '') return false
        return hasRoom(places?.get(rule.name), value, rule.maxValues)
    }
  }

  /** Takes the places of a new series' values. */
  hold(plan: LabelPlan, values: readonly string[]): void {
    this.#count(plan, values, 1)
  }

  /** Gives back the places of a series that is dropped. */
  release(plan: LabelPlan, values: readonly string[]): void {
    this.#count(plan, values, -1)
  }

  #count(plan: LabelPlan, values: readonly string[], by: 1 | -1): void {
    const agent = this.#agentOf(plan, values)
    let places = this.#values.get(agent)
    if (places === undefined) this.#values.set(agent, (places = new Map<string, Uses>()))
    for (const [at, rule] of plan.rules.entries()) {
      const value = values[at] ?? ''
      if (rule.role === 'agent') add(this.#agents, value, by)
      else if (rule.role === 'environment') add(this.#environments, value, by)
      else if (rule.role === 'open') add(usesOf(places, rule.name), value, by)
    }
    if (by < 0 && !this.#agents.has(agent)) for (const [label, uses] of places) if (uses.size === 0) places.delete(label)
    if (places.size === 0) this.#values.delete(agent)
  }

  #agentOf(plan: LabelPlan, values: readonly string[]): string {
    return plan.agentAt < 0 ? NO_AGENT : (values[plan.agentAt] ?? '')
  }
}

/** All but closed sets and the environment folded: where a whole metric is full. */
export function foldAll(plan: LabelPlan, values: readonly string[]): string[] {
  return plan.rules.map((rule, at) => {
    const value = values[at] ?? ''
    return rule.role === 'closed' || rule.role === 'environment' || value === '' ? value : OVERFLOW
  })
}

function hasRoom(uses: Uses | undefined, value: string, max: number): boolean {
  return value === '' || value === OVERFLOW || uses?.has(value) === true || (uses?.size ?? 0) < max
}

function usesOf(places: Map<string, Uses>, label: string): Uses {
  let uses = places.get(label)
  if (uses === undefined) places.set(label, (uses = new Map<string, number>()))
  return uses
}

/** Empty and folded values take no place. */
function add(uses: Uses, value: string, by: 1 | -1): void {
  if (value === '' || value === OVERFLOW) return
  const n = (uses.get(value) ?? 0) + by
  if (n > 0) uses.set(value, n)
  else uses.delete(value)
}
