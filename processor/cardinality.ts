/**
 * Bounds on label values: agents, values per agent and label, series per metric. What is over a bound is folded into `__overflow__`
 * and counted; the sample itself is never lost. Values that idle make room again.
 */
import { OVERFLOW } from '../model/metrics.ts'

export interface CardinalityLimits {
  readonly maxAgents: number
  /** Values of one label of one agent. */
  readonly maxValuesPerLabel: number
  readonly maxSeriesPerMetric: number
}

/** Labels whose values come from closed sets of ours: never folded. */
const CLOSED = new Set(['outcome', 'quality', 'class', 'verdict', 'source', 'kind', 'reason', 'objective', 'dimension', 'feature', 'finish_reason', 'le', 'control', 'state', 'action', 'severity'])

interface AgentValues {
  lastMs: number
  readonly labels: Map<string, Map<string, number>>
}

/** Longest label value; links and addresses may be longer. */
const MAX_LENGTH = 64
const LONG = new Set(['runbook_url', 'endpoint', 'target'])

/** A label value cut to length, without control characters. */
export function clampValue(label: string, value: string): string {
  const max = LONG.has(label) ? 256 : MAX_LENGTH
  const cut = value.length > max ? value.slice(0, max) : value
  // oxlint-disable-next-line no-control-regex
  return /[\u0000-\u001f\u007f\ud800-\udfff]/.test(cut) ? cut.replaceAll(/[\u0000-\u001f\u007f]/g, '_').toWellFormed() : cut
}

/** A cohort value in a safe alphabet (R13): letters, digits and `._:@/+-`. */
export function safeLabel(value: string): string {
  return value.slice(0, MAX_LENGTH).replaceAll(/[^A-Za-z0-9._:@/+-]/g, '_')
}

export class Cardinality {
  readonly #limits: CardinalityLimits
  readonly #agents = new Map<string, AgentValues>()

  constructor(limits: CardinalityLimits) {
    this.#limits = limits
  }

  /** Labels with values over a bound folded; the same object shape in the same order. `folded` tells whether any was. */
  fit(labels: Readonly<Record<string, string>>, now: number): { readonly labels: Record<string, string>; readonly folded: boolean } {
    const out: Record<string, string> = {}
    let folded = false
    let agent: AgentValues | undefined
    for (const label in labels) {
      let value = clampValue(label, labels[label] ?? '')
      if (label === 'agent' || label === 'gen_ai_agent_name') {
        agent = this.#agent(value, now)
        if (agent === undefined) {
          value = OVERFLOW
          folded = true
          agent = this.#agent(OVERFLOW, now, true)
        }
      } else if (agent !== undefined && value !== '' && !CLOSED.has(label) && !this.#admit(agent, label, value, now)) {
        value = OVERFLOW
        folded = true
      }
      out[label] = value
    }
    return { labels: out, folded }
  }

  #agent(name: string, now: number, force = false): AgentValues | undefined {
    let agent = this.#agents.get(name)
    if (agent === undefined) {
      if (!force && this.#agents.size >= this.#limits.maxAgents) return undefined
      agent = { lastMs: now, labels: new Map() }
      this.#agents.set(name, agent)
    }
    agent.lastMs = now
    return agent
  }

  #admit(agent: AgentValues, label: string, value: string, now: number): boolean {
    let values = agent.labels.get(label)
    if (values === undefined) agent.labels.set(label, (values = new Map()))
    if (!values.has(value) && values.size >= this.#limits.maxValuesPerLabel) return false
    values.set(value, now)
    return true
  }

  /** Forgets agents and values not seen since `beforeMs`. */
  expire(beforeMs: number): void {
    for (const [name, agent] of this.#agents) {
      if (agent.lastMs < beforeMs) this.#agents.delete(name)
      else for (const values of agent.labels.values()) for (const [v, at] of values) if (at < beforeMs) values.delete(v)
    }
  }
}
