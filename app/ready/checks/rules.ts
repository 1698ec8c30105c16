/** Whether alerts arrive at Alertmanager at all: the dead man's switch, which always fires, is there. */
import { failed, ok, type ReadinessCheck } from '../check.ts'

export const rules: ReadinessCheck = {
  name: 'rules',
  weight: 10,
  look: async ({ world }) => {
    const { url, watchdogs } = await world.alertmanager()
    if (watchdogs.length > 0) return ok(`AgentopzWatchdog is active in Alertmanager at ${url}: rules are evaluated and alerts arrive`)
    return failed(
      `Alertmanager at ${url} has no AgentopzWatchdog, which always fires: no alert of agentopz arrives there`,
      'load alert-rules/*.rules.yaml into Prometheus (rule_files) and name this Alertmanager there (alerting.alertmanagers); docs/alerting.md',
    )
  },
}
