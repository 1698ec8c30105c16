/**
 * Whether alerts of this agent come back to agentopz, which makes incidents of them: routed there, and something did arrive, here or at
 * another replica or before a restart. Where the dead man's switch is routed here too, its silence proves that the way is cut; without it
 * a quiet fleet and a cut way look the same.
 */
import { AGENTOPZ } from '../../../alert-rules/alertmanager.ts'
import type { ReadinessAnswer } from '../../../incidents/readiness.ts'
import { durationText } from '../../../incidents/words.ts'
import { type About, type AlertmanagerView, failed, NOBODY, ok, type ReadinessCheck, unknown, Unanswered } from '../check.ts'
import type { Destination } from '../routing.ts'
import { isOurs, pageOf } from './routing.ts'

/** Three heartbeats of the shipped configuration. */
const SILENT_MS = 900_000
/** An arrival proves the way for so long where there is no heartbeat. */
const PROVEN_MS = 7 * 86_400_000
const RECEIVED = 'agentopz_webhook_received_timestamp_seconds'
const LAST = `max(${RECEIVED}) or max(max_over_time(${RECEIVED}[7d:1h]))`

export const webhook: ReadinessCheck = {
  name: 'webhook',
  weight: 5,
  look: async (about) => {
    const ageMs = await lastAge(about)
    try {
      return judge(about, await about.world.alertmanager(), ageMs)
    } catch (error) {
      // What arrived is proof, whatever can be asked now.
      if (error instanceof Unanswered && ageMs !== undefined && ageMs < SILENT_MS) return arrived(ageMs)
      throw error
    }
  },
}

/** How long ago it last arrived, as far as anybody remembers. */
async function lastAge({ world }: About): Promise<number | undefined> {
  const { now, webhookMs } = world
  if (webhookMs !== undefined && now - webhookMs < SILENT_MS) return now - webhookMs
  let told: number | undefined
  try {
    told = (await world.instant(LAST, NOBODY))[0]?.value
  } catch (error) {
    if (!(error instanceof Unanswered)) throw error
  }
  const lastMs = Math.max(webhookMs ?? 0, (told ?? 0) * 1000)
  return lastMs === 0 ? undefined : Math.max(0, now - lastMs)
}

const ROUTE = `give it the routes and the receiver "${AGENTOPZ}" of alert-rules/alertmanager.example.yml`

function judge(about: About, view: AlertmanagerView, ageMs: number | undefined): ReadinessAnswer {
  const to = (labels: Readonly<Record<string, string>>): readonly Destination[] =>
    view.routes.destinations(labels).filter((d) => isOurs(d) && d.integrations.includes('webhook'))
  if (to(pageOf(about, view.externalLabels)).length === 0)
    return failed(`Alertmanager at ${view.url} routes alerts of this agent not to agentopz: no incident would be made of them`, ROUTE)
  const hasHeartbeat = to({ ...view.externalLabels, alertname: 'AgentopzWatchdog', severity: 'none', family: 'watcher' }).length > 0
  const upMs = about.world.now - about.world.startedMs
  if (ageMs !== undefined && ageMs < (hasHeartbeat ? SILENT_MS : PROVEN_MS)) return arrived(ageMs)
  if (hasHeartbeat && upMs >= SILENT_MS)
    return failed(
      `alerts are routed here, and nothing has arrived for ${durationText(ageMs ?? upMs)} although AgentopzWatchdog should every few minutes`,
      "see Alertmanager's log, the url of the receiver, and that its token has the role ingest",
    )
  return unknown(
    `alerts are routed here, and none has arrived ${ageMs === undefined ? `since agentopz started ${durationText(upMs)} ago` : `for ${durationText(ageMs)}`}: whether one would is not known`,
    hasHeartbeat ? 'wait for the next AgentopzWatchdog' : `let AgentopzWatchdog arrive here too: ${ROUTE}`,
  )
}

function arrived(ageMs: number): ReadinessAnswer {
  return ok(`Alertmanager's webhook last arrived ${durationText(ageMs)} ago`)
}
