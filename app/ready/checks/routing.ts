/**
 * Whether a page of this agent reaches a person: the receivers that Alertmanager's routes give it, what those hold, whether their
 * notifications went out, and whether a silence or a time interval stands in the way.
 */
import { AGENTOPZ } from '../../../alert-rules/alertmanager.ts'
import type { ReadinessAnswer } from '../../../incidents/readiness.ts'
import { timeText } from '../../../incidents/words.ts'
import { ALERTS } from '../../../model/alerts.ts'
import { type About, type AlertmanagerView, failed, ok, type ReadinessCheck, weak } from '../check.ts'
import type { Destination, Labels } from '../routing.ts'

export const routing: ReadinessCheck = {
  name: 'routing',
  weight: 15,
  look: async (about) => judge(about, await about.world.alertmanager()),
}

/** Labels of a page of the agent, as the rules would give them. */
export function pageOf(
  { agent, environment, agentConfig }: Pick<About, 'agent' | 'environment' | 'agentConfig'>,
  external: Labels,
): Labels {
  const { family, cause } = ALERTS.AgentQualityDrop
  const { severity = 'critical', team = '' } = agentConfig
  return { ...external, alertname: 'AgentQualityDrop', family, cause, severity, agent, environment, team, sli: 'quality' }
}

/** Whether a receiver is agentopz's own webhook, which wakes nobody. */
export function isOurs({ receiver, webhookUrls }: Destination): boolean {
  return receiver === AGENTOPZ || (webhookUrls.length > 0 && webhookUrls.every((url) => new URL(url).pathname === '/api/v1/alerts'))
}

const ROUTES = 'see where it goes: amtool config routes test --config.file=alertmanager.yml'

export function judge(about: Pick<About, 'agent' | 'environment' | 'agentConfig'>, view: AlertmanagerView): ReadinessAnswer {
  const page = pageOf(about, view.externalLabels)
  const all = view.routes.destinations(page)
  const advice = `${ROUTES} severity=${page['severity'] ?? ''} agent=${JSON.stringify(about.agent)} team=${JSON.stringify(page['team'] ?? '')}`
  const people = all.filter((d) => !isOurs(d))
  const names = people.map((d) => d.receiver).join(', ')
  if (people.length === 0)
    return failed(`a page of this agent goes to ${all.map((d) => d.receiver).join(', ')} only, which tells no person`, advice)
  const telling = people.filter((d) => d.integrations.length > 0)
  if (telling.length === 0)
    return failed(
      `a page of this agent goes to receiver ${names}, which has no integration: nobody is told`,
      `give that receiver one; ${advice}`,
    )
  return trouble(telling, page, view, advice) ?? delivered(telling, view)
}

/** What keeps a page from somebody although its route is right. */
function trouble(telling: readonly Destination[], page: Labels, view: AlertmanagerView, advice: string): ReadinessAnswer | undefined {
  const silence = view.silences.find((s) => s.matches(page))
  if (silence !== undefined)
    return failed(
      `pages of this agent are silenced until ${timeText(silence.endsMs)} by ${silence.createdBy === '' ? 'somebody' : silence.createdBy}`,
      `end it when it is no longer needed: amtool silence expire ${silence.id}`,
    )
  if (telling.some((d) => d.onlyIn.length === 0 && d.neverIn.length === 0)) return undefined
  const when = telling.map((d) => [...d.onlyIn.map((i) => `only in ${i}`), ...d.neverIn.map((i) => `never in ${i}`)].join(', '))
  return weak(
    `a page of this agent goes to ${telling.map((d, i) => `${d.receiver} (${when[i] ?? ''})`).join(' and ')}: at other times nobody is told`,
    advice,
  )
}

function delivered(telling: readonly Destination[], { notified, notifiedOver }: AlertmanagerView): ReadinessAnswer {
  const to = telling.map((d) => `${d.receiver} (${d.integrations.join(', ')})`).join(' and ')
  const counts = [...new Set(telling.flatMap((d) => d.integrations))].map((name) => ({
    name,
    ...(notified.get(name) ?? { tried: 0, failed: 0 }),
  }))
  const broken = counts.find((c) => c.tried > 0 && c.failed >= c.tried / 2)
  const text = `a page of this agent goes to ${to}`
  const log = "see Alertmanager's log for why, and alertmanager_notifications_failed_total for when"
  if (broken !== undefined)
    return failed(`${text}; ${broken.failed} of ${broken.tried} notifications by ${broken.name} failed ${notifiedOver}`, log)
  const failing = counts.find((c) => c.failed > 0)
  if (failing !== undefined)
    return weak(`${text}; ${failing.failed} of ${failing.tried} notifications by ${failing.name} failed ${notifiedOver}`, log)
  if (counts.every((c) => c.tried === 0))
    return weak(
      `${text}; it has notified nobody ${notifiedOver}, so whether the receiver answers is not proven`,
      'send one: amtool alert add AgentQualityDrop severity=critical agent=test team=TEAM --annotation=summary=test',
    )
  return ok(`${text}; ${counts.map((c) => `${c.tried} notifications by ${c.name}`).join(', ')} ${notifiedOver}, none failed`)
}
