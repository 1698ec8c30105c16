/** A world for checks of readiness: answers as a test gives them, and nothing over the network. */
import { parseConfig } from '../../../../app/config.ts'
import { type About, type AlertmanagerView, Unanswered, type World } from '../../../../app/ready/check.ts'
import { readRoutes } from '../../../../app/ready/routing.ts'
import { merged } from '../../../../app/settings.ts'
import type { Sample, Series } from '../../../../app/prometheus.ts'

export const NOW = Date.parse('2026-12-01T08:00:00Z')
export const HOUR = 3_600_000
export const DAY = 24 * HOUR

export interface Answers {
  /** Instant queries: the first key that the query holds; no key, no samples. */
  readonly instant?: Readonly<Record<string, readonly (readonly [labels: Sample['labels'], value: number])[]>>
  /** Values by the hour, likewise. */
  readonly hourly?: Readonly<Record<string, readonly number[]>>
  readonly alertmanager?: Partial<AlertmanagerView> & { readonly yaml?: string }
  readonly world?: Partial<World>
  readonly yaml?: string
}

const down = (what: string) => (): never => {
  throw new Unanswered(`${what} does not answer`, 'start it')
}

export const ROUTES = `
route: { receiver: nobody, routes: [{ receiver: agentopz, continue: true, matchers: ['agent!=""'] }, { receiver: pager, matchers: ['severity="critical"'] }] }
receivers:
  - { name: nobody }
  - { name: pager, pagerduty_configs: [{ service_key: <secret> }] }
  - { name: agentopz, webhook_configs: [{ url: <secret> }] }
`

export function view({ yaml = ROUTES, ...more }: Partial<AlertmanagerView> & { readonly yaml?: string } = {}): AlertmanagerView {
  return {
    url: 'http://am:9093',
    routes: readRoutes(yaml),
    silences: [],
    watchdogs: [],
    notified: new Map([['pagerduty', { tried: 4, failed: 0 }]]),
    notifiedOver: 'since Alertmanager started',
    externalLabels: {},
    ...more,
  }
}

/** The agent `support` in `prod`; what is not answered is `Unanswered`. */
export function about(answers: Answers = {}): About {
  const loaded = parseConfig(answers.yaml ?? 'agents: { support: {} }\n', 'test.yaml', {})
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'))
  const { config } = loaded
  const { instant, hourly, alertmanager } = answers
  const pick = <T>(from: Readonly<Record<string, T>>, query: string): T | undefined =>
    Object.entries(from).find(([key]) => query.includes(key))?.[1]
  const world: World = {
    now: NOW,
    startedMs: NOW - DAY,
    config,
    instant: (query) =>
      instant === undefined
        ? Promise.reject(new Unanswered('Prometheus does not answer', 'start it'))
        : Promise.resolve((pick(instant, query) ?? []).map(([labels, value]) => ({ labels, value }))),
    hourly: (query) => Promise.resolve(series(hourly === undefined ? [] : (pick(hourly, query) ?? []))),
    alertmanager: () =>
      alertmanager === undefined
        ? Promise.reject(new Unanswered('Alertmanager does not answer', 'start it'))
        : Promise.resolve(view(alertmanager)),
    reach: down('the URL'),
    releases: down('storage'),
    rollback: down('storage'),
    guards: () => new Map(),
    pollMs: undefined,
    services: () => [],
    drills: down('storage'),
    webhookMs: undefined,
    ...answers.world,
  }
  const own = config.agents['support']
  return { agent: 'support', environment: 'prod', own, agentConfig: merged(config, own), world }
}

function series(values: readonly number[]): readonly Series[] {
  if (values.length === 0) return []
  return [
    {
      labels: { agent: 'support', environment: 'prod' },
      points: values.map((value, i) => [NOW / 1000 - (values.length - i) * 3600, value] as const),
    },
  ]
}
