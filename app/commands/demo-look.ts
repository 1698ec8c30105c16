/**
 * What the demo reads back from the running services: pages from Alertmanager, shares and baselines from Prometheus.
 * A service that does not answer, or has no data yet, gives undefined or an empty list; the story goes on and says so.
 */
import { AGENTOPZ } from '../../alert-rules/alertmanager.ts'
import { recorded } from '../../alert-rules/promql.ts'
import { createPrometheus, type Labels, quoted, type Sample } from '../prometheus.ts'
import type { Services } from '../services.ts'

export interface Page {
  readonly labels: Labels
  readonly annotations: Labels
  readonly receivers: readonly string[]
  /** One page: Alertmanager sends alerts with the same agent, environment and team together. */
  readonly group: string
  readonly silenced: boolean
}

interface PrometheusAlert {
  readonly labels: Labels
  readonly annotations: Labels
  readonly state: 'pending' | 'firing'
}

interface AlertmanagerAlert {
  readonly labels: Labels
  readonly annotations: Labels
  readonly receivers: readonly { readonly name: string }[]
  readonly status: { readonly inhibitedBy: readonly string[] }
}

/** Alerts of severity critical that fire now, with those that another one silences. Without an Alertmanager Prometheus is asked, which silences none. */
export async function pages(services: Services): Promise<readonly Page[]> {
  const { alertmanagerUrl, prometheusUrl } = services
  try {
    if (alertmanagerUrl !== undefined) {
      const answer = await fetch(`${alertmanagerUrl}/api/v2/alerts?filter=${encodeURIComponent('severity="critical"')}`)
      const alerts = (await answer.json()) as readonly AlertmanagerAlert[]
      return alerts.map((a) =>
        page(a, {
          receivers: a.receivers.map((r) => r.name).filter((name) => name !== AGENTOPZ),
          silenced: a.status.inhibitedBy.length > 0,
        }),
      )
    }
    if (prometheusUrl === undefined) return []
    const { data } = (await (await fetch(`${prometheusUrl}/api/v1/alerts`)).json()) as {
      readonly data: { readonly alerts: readonly PrometheusAlert[] }
    }
    return data.alerts
      .filter((a) => a.state === 'firing' && a.labels['severity'] === 'critical')
      .map((a) => page(a, { receivers: ['nobody, for there is no Alertmanager'], silenced: false }))
  } catch {
    // It may be restarting; the next second asks again.
    return []
  }
}

function page({ labels, annotations }: Pick<Page, 'labels' | 'annotations'>, more: Pick<Page, 'receivers' | 'silenced'>): Page {
  return { labels, annotations, group: [labels['agent'], labels['environment'], labels['team']].join('\n'), ...more }
}

/** How many runs arrived and what they cost, and how many agents have a baseline by now. */
export async function totals(services: Services): Promise<string> {
  if (services.prometheusUrl === undefined) return ''
  const [runs, cost, baselines] = await Promise.all([
    ask(services, 'sum(agentopz_runs_total)'),
    ask(services, 'sum(agentopz_cost_usd_total)'),
    ask(services, `count(${recorded('agent_sli:bad_ratio:baseline', 'sli="quality"')})`),
  ])
  if (runs === undefined) return '; Prometheus does not answer'
  const [counted] = runs
  if (counted === undefined) return '; Prometheus has not scraped a closed run yet'
  const usd = cost?.[0]?.value
  const spent = usd === undefined ? 'cost unknown' : `${usd.toFixed(2)} USD`
  return `; in Prometheus: ${counted.value} closed, ${spent}, baselines of ${baselines?.[0]?.value ?? 0} agents`
}

/** Failed share of rated runs by prompt version: the query, and its answer in words. */
export async function byPrompt(
  services: Services,
  agent: string,
  window: string,
): Promise<{ readonly query: string; readonly rows: readonly string[] }> {
  const matcher = `agent=${quoted(agent)}`
  const sum = (quality: string): string =>
    `sum by (prompt_version) (increase(agentopz_runs_total{${matcher},quality=~"${quality}"}[${window}]))`
  const query = `${sum('fail')} / ${sum('pass|fail')}`
  const shares = (await ask(services, query)) ?? []
  return {
    query,
    rows: shares
      .map(({ labels, value }) => `prompt ${labels['prompt_version'] ?? '(not told)'}: ${percent(value)} of rated runs fail`)
      .sort(),
  }
}

/** Normal failed share of an agent's rated runs, once there is one. */
export async function normal(services: Services, agent: string): Promise<string | undefined> {
  const name = quoted(agent)
  const [share] = (await ask(services, recorded('agent_sli:bad_ratio:baseline', `sli="quality",agent=${name}`))) ?? []
  const [runs] = (await ask(services, recorded('agent_sli:total:baseline', `sli="quality",agent=${name}`))) ?? []
  if (share === undefined || runs === undefined) return undefined
  return `${percent(share.value)} of ${Math.round(runs.value)} rated runs`
}

async function ask(services: Services, query: string): Promise<readonly Sample[] | undefined> {
  if (services.prometheusUrl === undefined) return undefined
  try {
    return (await createPrometheus(services.prometheusUrl).instant(query, Date.now() / 1000)).data
  } catch {
    return undefined
  }
}

function percent(share: number): string {
  return Number.isNaN(share) ? 'an unknown share' : `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`
}
