/**
 * One alert from its condition: labels from model/alerts.ts, team joined, links, severity capped where the agent's owner says so.
 * The value of an alert is the number a reader wants to see first (a share, a factor), never a test statistic.
 */
import { ALERTS, type AlertDefinition, type AlertName } from '../model/alerts.ts'
import type { RecordedName } from '../model/recorded.ts'
import { type AlertingRule, type Duration, promql, recorded, type RuleOptions } from './promql.ts'

export interface AlertText {
  readonly expr: string
  /** Seconds the condition must hold, and how long the alert stays after it ends. */
  readonly forSeconds: number
  readonly keepSeconds: number
  /** One sentence with numbers. */
  readonly summary: string
  /** What it means, and the queries to run next. */
  readonly description: string
  /** Fixed labels in place of the ones in the table, where one name has several rules. */
  readonly labels?: Readonly<Record<string, string>>
}

/** Matchers of the alert's agent, for queries in descriptions. `%q` quotes what a hostile name may hold. */
export const SAME_AGENT = 'agent={{ printf "%q" $labels.agent }},environment={{ printf "%q" $labels.environment }}'

/** Looks a recorded series of the same agent up while the text is written: `{{ … }}` with its value, `unknown` when there is none. */
export function lookUp(name: RecordedName, labels: readonly string[], format: string): string {
  const matchers = labels.map((l) => `${l}=%q`).join(',')
  const values = labels.map((l) => `$labels.${l}`).join(' ')
  return `{{ with printf ${JSON.stringify(`${name}{${matchers}}`)} ${values} | query }}{{ . | first | value | ${format} }}{{ else }}unknown{{ end }}`
}

/** Builds an alerting rule about an agent, or about the watching itself. */
export function alert(name: AlertName, text: AlertText, d: Duration, options: RuleOptions): AlertingRule {
  const definition: AlertDefinition = ALERTS[name]
  const grafana = options.grafanaUrl ?? 'http://localhost:3000'
  const agentopz = options.agentopzUrl ?? 'http://localhost:9464'
  const isAgent = definition.watcher !== true
  const page = definition.severity === 'critical'
  return {
    alert: name,
    expr: isAgent ? withTeam(text.expr) : promql(text.expr),
    ...(text.forSeconds === 0 ? {} : { for: d(text.forSeconds) }),
    ...(text.keepSeconds === 0 ? {} : { keep_firing_for: d(text.keepSeconds) }),
    labels: {
      severity:
        isAgent && page ? '{{ if $labels.agent_severity }}{{ $labels.agent_severity }}{{ else }}critical{{ end }}' : definition.severity,
      family: definition.family,
      cause: definition.cause,
      ...text.labels,
    },
    annotations: {
      summary: text.summary,
      description: promql(text.description),
      runbook_url: `${agentopz}/runbooks/${name}`,
      dashboard_url: isAgent
        ? `${grafana}/d/agentopz-agent?var-agent={{ $labels.agent | urlquery }}&var-environment={{ $labels.environment | urlquery }}`
        : `${grafana}/d/agentopz-processor`,
    },
  }
}

/** The condition with the agent's team; agent:team:info has exactly one row for every agent with data. */
function withTeam(expr: string): string {
  const indented = promql(expr)
    .split('\n')
    .map((l) => `  ${l}`)
    .join('\n')
  return `(\n${indented}\n)\n* on (agent, environment) group_left (team, agent_severity) ${recorded('agent:team:info')}`
}
