/** What is new about who was seen, for telling the first process: agents with their environments and services, each told once. */
import type { Run } from '../../model/run.ts'
import type { Seen } from './messages.ts'

/** Names come from telemetry: beyond so many of a kind, nothing more is told. */
const MAX = 100_000

export interface News {
  readonly agents: readonly (readonly [agent: string, environment: string])[]
  readonly services: readonly Seen[]
}

export class SeenNews {
  readonly #agents = new Set<string>()
  readonly #services = new Set<string>()
  #newServices: Seen[] = []

  /** A run was closed. */
  service({ agent, service }: Pick<Run, 'agent' | 'service'>): void {
    if (isNew(this.#services, `${agent}\0${service}`)) this.#newServices.push({ agent, service })
  }

  /** What was not told before; undefined for nothing. */
  take(seen: ReadonlyMap<string, ReadonlySet<string>>): News | undefined {
    const agents: (readonly [string, string])[] = []
    for (const [agent, environments] of seen)
      for (const environment of environments) if (isNew(this.#agents, `${agent}\0${environment}`)) agents.push([agent, environment])
    const services = this.#newServices
    this.#newServices = []
    return agents.length + services.length === 0 ? undefined : { agents, services }
  }
}

function isNew(known: Set<string>, key: string): boolean {
  if (known.has(key) || known.size >= MAX) return false
  known.add(key)
  return true
}
