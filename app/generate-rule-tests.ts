/** Alert cases → a promtool test file. Fired alerts are looked up in ALERTS, so a case names labels and not every word of a text. */
import { stringify } from 'yaml'
import type { AlertCase } from '../alert-rules/case.ts'
import { OF_AGENT } from '../alert-rules/case.ts'
import { CHANGE_CASES } from '../alert-rules/cases-change.ts'
import { SHIFT_CASES } from '../alert-rules/cases-shift.ts'
import { VOLUME_CASES } from '../alert-rules/cases-volume.ts'
import { WATCH_CASES } from '../alert-rules/cases-watch.ts'
import { alertGroups, type AlertingRule } from '../alert-rules/rules.ts'
import { ALERTS, type AlertDefinition } from '../model/alerts.ts'

export const CASES: readonly AlertCase[] = [...SHIFT_CASES, ...VOLUME_CASES, ...CHANGE_CASES, ...WATCH_CASES]

/** alert-rules/alerts.test.yaml */
export function alertTests(): string {
  const head =
    '# Cases of every alert: what fires it, and what only looks like it. Written by `agentopz generate` from alert-rules/cases-*.ts.\n'
  const tests = CASES.map((c) => ({
    name: `${c.alert}: ${c.name}`,
    interval: '1m',
    input_series: Object.entries(c.series).map(([series, values]) => ({ series, values })),
    promql_expr_test: [
      {
        expr: `ALERTS{alertname="${c.alert}",alertstate="firing"}`,
        eval_time: `${c.minute}m`,
        exp_samples: c.fires.map((labels) => ({ labels: firing(c, labels), value: 1 })),
      },
    ],
  }))
  return `${head}${stringify({ rule_files: ['alerts.rules.yaml'], evaluation_interval: '1m', tests }, { lineWidth: 0 })}`
}

/** The whole label set of a firing alert, as ALERTS has it. */
function firing(c: AlertCase, labels: Readonly<Record<string, string>>): string {
  const definition: AlertDefinition = ALERTS[c.alert]
  const isAgent = definition.watcher !== true
  const all: Record<string, string> = {
    alertname: c.alert,
    alertstate: 'firing',
    ...(isAgent ? OF_AGENT : {}),
    severity: definition.severity,
    family: definition.family,
    cause: causeOf(c, labels),
    ...labels,
  }
  return `ALERTS{${Object.entries(all)
    .map(([k, v]) => `${k}=${JSON.stringify(v)}`)
    .join(',')}}`
}

/** One name may have rules of several causes: the one with the case's own fixed labels decides. */
function causeOf(c: AlertCase, labels: Readonly<Record<string, string>>): string {
  const rules = alertGroups()
    .flatMap((g) => g.rules)
    .filter((r): r is AlertingRule => 'alert' in r && r.alert === c.alert)
  const rule = rules.find((r) =>
    Object.entries(labels).every(([k, v]) => r.labels[k] === undefined || r.labels[k] === v || k === 'severity'),
  )
  return rule?.labels['cause'] ?? ''
}
