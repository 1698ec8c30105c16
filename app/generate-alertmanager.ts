/**
 * The generated Alertmanager configuration as YAML: alert-rules/alertmanager.example.yml for readers to copy, and the file that `up` and
 * `demo` start Alertmanager with. Sections carry a sentence each; the reasons in full are in docs/alerting.md.
 */
import { Document, isScalar, visit } from 'yaml'
import { alertmanagerConfig, type AlertmanagerConfig } from '../alert-rules/alertmanager.ts'

const NOTE = `# Written by \`agentopz generate\` from alert-rules/alertmanager.ts and model/alerts.ts: who is paged, who gets a ticket, who silences whom.
# A complete configuration for Alertmanager 0.25 and later. To use it: copy it, write your teams and receivers, check it with
#   amtool check-config alertmanager.yml
# What it does and why: docs/alerting.md
# agentopz makes incidents of pages and tickets: write into the receiver \`agentopz\` where it listens, and, when it has auth.tokens, one with the
# ingest role, as http_config: { authorization: { credentials: TOKEN } }`

const SECTIONS = {
  route: '# severity critical pages, warning opens a ticket in business hours, info and none go to nobody; then by team.',
  inhibit_rules: '# While a source fires, targets about the same agent are silent: the cause speaks, its symptoms do not.',
  receivers:
    "# Put your own here: pagerduty_configs, opsgenie_configs, slack_configs, email_configs … The dead man's switch must be a service outside\n# of this machine that pages when the pings stop.",
  time_intervals: '# When tickets are opened. Write the zone your people live in.',
} as const satisfies Record<keyof AlertmanagerConfig, string>

/** The example: two teams and a default. */
export function alertmanagerExample(): string {
  const config = alertmanagerConfig({
    teams: ['support', 'shop'],
    urlOf: (receiver) => `https://alerts.example.com/${receiver}`,
    webhookUrl: 'http://127.0.0.1:9464/api/v1/alerts',
  })
  return alertmanagerYaml(config)
}

/** Any configuration as YAML, with a sentence above each section. */
export function alertmanagerYaml(config: AlertmanagerConfig): string {
  const sections = (Object.keys(SECTIONS) as (keyof AlertmanagerConfig)[]).map((key) => `${SECTIONS[key]}\n${yaml({ [key]: config[key] })}`)
  return `${NOTE}\n\n${sections.join('\n')}`
}

function yaml(section: object): string {
  const document = new Document(section, { aliasDuplicateObjects: false })
  // A list of words takes one line where it fits, which is also how the formatter leaves it.
  visit(document, { Seq: (_, list) => void (list.flow = list.items.every(isScalar) && list.items.join(', ').length < 100) })
  // Matchers hold quotes of their own; single ones around them keep a line readable.
  return document.toString({ lineWidth: 0, singleQuote: true, flowCollectionPadding: false })
}
