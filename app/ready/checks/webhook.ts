/**
 * Whether alerts of this agent come back to agentopz, which makes incidents of them: routed there, and something did arrive. Where the dead
 * man's switch is routed here too, its silence proves that the way is cut; without it a quiet fleet and a cut way look the same.
 */
import { AGENTOPZ } from '../../../alert-rules/alertmanager.ts'
import type { ReadinessAnswer } from '../../../incidents/readiness.ts'
import { durationText } from '../../../incidents/words.ts'
import { type About, type AlertmanagerView, failed, ok, type ReadinessCheck, unknown, Unanswered } from '../check.ts'
import type { Destination } from '../routing.ts'
import { isOurs, pageOf } from './routing.ts'

/** Three heartbeats of the shipped configuration. */
const SILENT_MS = 900_000
/** An arrival proves the way for so long where there is no heartbeat. */
const PROVEN_MS = 7 * 86_400_000

export const webhook: ReadinessCheck = {
  name: 'webhook',
  weight: 5,
  asks: "Are alerts of this agent routed to agentopz's webhook, and does it arrive?",
  look: async (about) => {
    try {
      return judge(about, await about.world.alertmanager())
    } catch (error) {
      // What arrived is proof, whatever can be asked now.
      if (error instanceof Unanswered && (age(about) ?? Infinity) < SILENT_MS) return arrived(about)
      throw error
    }
  },
}

const ROUTE = `give it the route and receiver "${AGENTOPZ}" of alert-rules/alertmanager.example.yml`

export function judge(about: About, view: AlertmanagerView): ReadinessAnswer {
  const to = (labels: Readonly<Record<string, string>>): readonly Destination[] =>
    view.routes.destinations(labels).filter((d) => isOurs(d) && d.integrations.includes('webhook'))
  if (to(pageOf(about, view.externalLabels)).length === 0)
    return failed(`Alertmanager at ${view.url} routes alerts of this agent not to agentopz: no incident would be made of them`, ROUTE)
  const since = age(about)
  const hasHeartbeat = to({ ...view.externalLabels, alertname: 'AgentopzWatchdog', severity: 'none', family: 'watcher' }).length > 0
  const upMs = about.world.now - about.world.startedMs
  if (since !== undefined && since < (hasHeartbeat ? SILENT_MS : PROVEN_MS)) return arrived(about)
  if (hasHeartbeat && (since ?? upMs) >= SILENT_MS)
    return failed(
      `alerts are routed here, and nothing has arrived for ${durationText(since ?? upMs)} although AgentopzWatchdog should every few minutes`,
      "see Alertmanager's log, the url of the receiver, and that its token has the role ingest",
    )
  return unknown(
    `alerts are routed here, and none has arrived ${since === undefined ? `since agentopz started ${durationText(upMs)} ago` : `for ${durationText(since)}`}: whether one would is not known`,
    hasHeartbeat ? 'wait for the next AgentopzWatchdog' : `let AgentopzWatchdog arrive here too: ${ROUTE}`,
  )
}

function age({ world }: About): number | undefined {
  return world.webhookMs === undefined ? undefined : world.now - world.webhookMs
}

function arrived(about: About): ReadinessAnswer {
  return ok(`Alertmanager's webhook last arrived ${durationText(age(about) ?? 0)} ago`)
}
