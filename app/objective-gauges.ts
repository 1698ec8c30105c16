/** Objectives and owners of agents as gauges, for rules to join. */
import type { Metrics } from '../processor/metrics.ts'
import type { Config } from './config-schema.ts'
import type { SeenAgents } from './data-path.ts'
import { merged, objectiveRows } from './settings.ts'

/** Objectives of every agent that was configured or seen, so that rules can join them to any agent. */
export function objectiveGauges(metrics: Metrics, runs: Pick<SeenAgents, 'seenAgents'>, config: () => Config): void {
  const everyAgent = function* (): Iterable<readonly [agent: string, environment: string]> {
    for (const [agent, environments] of runs.seenAgents) for (const environment of environments) yield [agent, environment]
    for (const agent of Object.keys(config().agents)) if (!runs.seenAgents.has(agent)) yield [agent, '']
  }
  metrics.gauge('agentopz_objective', function* () {
    for (const [agent, environment] of everyAgent())
      for (const [objective, value] of objectiveRows(config(), agent)) yield [{ agent, environment, objective }, value] as const
  })
  metrics.gauge('agentopz_objective_info', function* () {
    for (const [agent, environment] of everyAgent()) {
      const a = merged(config(), config().agents[agent])
      yield [{ agent, environment, team: a.team ?? '', severity: a.severity ?? '', runbook_url: a.runbook_url ?? '' }, 1] as const
    }
  })
}
