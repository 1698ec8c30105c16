/** Alerts on the watching itself: agentopz unreachable, not fed, losing or refusing data, its rules failing, and the dead man's switch. */
import type { AlertName } from '../model/alerts.ts'
import { CERTIFICATE_SECONDS } from '../model/thresholds.ts'
import { alert, type AlertText } from './alert.ts'
import { type AlertingRule, type Duration, metric, type RuleOptions } from './promql.ts'

/** The alerts about agentopz; `job="agentopz"` is the scrape job of the examples. */
export function watchAlerts(d: Duration, options: RuleOptions): readonly AlertingRule[] {
  const make = (name: AlertName, text: AlertText): AlertingRule => alert(name, text, d, options)
  const w = (seconds: number): string => `[${d(seconds)}]`
  const genAi = metric('agentopz_spans_received_total', 'dialect!~"other|unknown"')
  return [
    make('AgentopzDown', {
      expr: `up{job="agentopz"} == 0`,
      forSeconds: 120,
      keepSeconds: 60,
      summary: 'agentopz at {{ $labels.instance }} cannot be scraped: its agents are not watched',
      description: 'Is the process running, and does its /-/ready answer? Agents are not silent, nobody hears them.',
    }),
    make('AgentopzNoSamples', {
      expr: `absent(${metric('agentopz_build_info')})`,
      forSeconds: 300,
      keepSeconds: 60,
      summary: 'Prometheus has no samples of agentopz: no agent is watched',
      description: 'Is there a scrape job for its listen address (default 127.0.0.1:9464)? up{job="agentopz"} should be 1.',
    }),
    make('AgentopzNoSpans', {
      expr: `
        sum(increase(${genAi}${w(600)})) == 0
        and on () sum(increase(${genAi}${w(3600)} offset ${d(600)})) > 0
        and on () sum(agent:runs:expected_low1h) > 20`,
      forSeconds: 300,
      keepSeconds: 300,
      summary: 'No GenAI spans have arrived from any agent for 10 minutes',
      description:
        'All agents at once: more likely the way of the spans (Collector, network, token) than the agents. agentopz_requests_total shows whether anybody sends; agentopz_requests_rejected_total whether it is refused.',
    }),
    make('AgentopzRelayLosing', {
      expr: `sum by (endpoint, reason) (increase(${metric('agentopz_relay_dropped_requests_total')}${w(900)})) > 0`,
      forSeconds: 60,
      keepSeconds: 900,
      summary: 'The relay to {{ $labels.endpoint }} lost {{ $value | humanize }} requests in 15 minutes ({{ $labels.reason }})',
      description:
        'Traces are missing downstream; metrics are not affected. Queue: agentopz_relay_queue_bytes, retries: agentopz_relay_retries_total.',
    }),
    make('AgentopzRejecting', {
      expr: `sum by (reason) (increase(${metric('agentopz_requests_rejected_total')}${w(900)}) or increase(${metric('agentopz_spans_rejected_total')}${w(900)})) > 10`,
      forSeconds: 600,
      keepSeconds: 900,
      summary: '{{ $value | humanize }} requests or spans were refused in 15 minutes ({{ $labels.reason }})',
      description:
        'Runs made of them are missing or incomplete. By protocol: sum by (protocol, signal, reason) (increase(agentopz_requests_rejected_total[15m])).',
    }),
    make('AgentopzUnknownDialect', {
      expr: `sum(increase(${metric('agentopz_spans_received_total', 'dialect="unknown"')}${w(3600)})) > 100`,
      forSeconds: 3600,
      keepSeconds: 3600,
      summary: '{{ $value | humanize }} spans an hour look like GenAI but are of no known dialect',
      description: 'Their agents are not watched. What is read: docs/dialects.md.',
    }),
    make('AgentopzBoundsHit', {
      expr: `
        sum by (bound) (label_replace(increase(${metric('agentopz_runs_evicted_total')}${w(3600)}), "bound", "$1", "reason", "(.+)")) > 0
        or
        sum by (bound) (label_replace(increase(${metric('agentopz_series_overflow_total')}${w(3600)}), "bound", "$1", "metric", "(.+)")) > 0
        or
        sum by (bound) (label_replace(increase(${metric('agentopz_link_spans_dropped_total')}${w(3600)}), "bound", "$1", "reason", "(.+)")) > 0`,
      forSeconds: 300,
      keepSeconds: 3600,
      summary: 'A bound was hit {{ $value | humanize }} times in an hour ({{ $labels.bound }}): what is over it is folded or closed early',
      description: 'Every bound is a key in docs/configuration.md.',
    }),
    make('AgentopzInternalErrors', {
      expr: `sum by (stage) (increase(${metric('agentopz_internal_errors_total')}${w(900)})) > 0`,
      forSeconds: 0,
      keepSeconds: 900,
      summary: 'A bug in agentopz dropped {{ $value | humanize }} items in 15 minutes ({{ $labels.stage }})',
      description: 'The log has the stack; please report it.',
    }),
    make('AgentopzJournalFailing', {
      expr: `${metric('agentopz_journal_up')} == 0`,
      forSeconds: 60,
      keepSeconds: 60,
      summary: 'agentopz at {{ $labels.instance }} cannot write its journal',
      description:
        'Requests are refused with 503, or taken but lost with the process, as journal.when_full says: agentopz_journal_requests_total by outcome. The log has the error of the disk.',
    }),
    make('AgentopzJournalDamaged', {
      // Damage is found before the first scrape, so there is no increase to see: it is told of for an hour after the start that found it.
      expr: `
        sum by (instance, kind) (${metric('agentopz_journal_damage_total', 'kind!="torn_tail"')}) > 0
        and on (instance) time() - max by (instance) (process_start_time_seconds{job="agentopz"}) < ${d.seconds(3600)}`,
      forSeconds: 0,
      keepSeconds: 3600,
      summary: 'The journal of agentopz at {{ $labels.instance }} was damaged at the start ({{ $labels.kind }}, {{ $value }} times)',
      description:
        'Runs that were open may lack steps or be missing, and what was counted but not scraped before the end is. Damaged files are kept in damaged/ of the journal.',
    }),
    make('AgentopzStorageDown', {
      expr: `${metric('agentopz_storage_up')} == 0`,
      forSeconds: 120,
      keepSeconds: 60,
      summary: 'agentopz at {{ $labels.instance }} cannot reach its storage: no agent can be stopped or rolled back there',
      description:
        'What is in force stays in force, and guards keep what they have. Commands, webhooks and playbooks get 503: agentopz_storage_errors_total by operation; the log has the reason.',
    }),
    make('AgentopzProcessDown', {
      // One that ends again and again is up in between.
      expr: `
        max by (instance) (${metric('agentopz_processes', 'state="down"')}) > 0
        or sum by (instance) (increase(${metric('agentopz_process_restarts_total')}${w(900)})) >= 3`,
      forSeconds: 120,
      keepSeconds: 300,
      summary: 'A process of agentopz at {{ $labels.instance }} is down, or has ended several times in a quarter of an hour',
      description:
        'Requests with spans of its traces get 503 while it is; senders send them again for some minutes. The log has what it ended of.',
    }),
    make('AgentopzCertificateExpires', {
      expr: `${metric('agentopz_tls_certificate_expiry_timestamp_seconds')} - time() < ${CERTIFICATE_SECONDS}`,
      forSeconds: 600,
      keepSeconds: 0,
      summary:
        'Certificate {{ $labels.certificate }} of agentopz at {{ $labels.instance }} is valid for another {{ $value | humanizeDuration }}',
      description:
        'With a minus it has expired. Agents then send no spans, and neither scrapes, webhooks nor commands arrive. A reload reads the files again.',
    }),
    make('AgentopzConfigRefused', {
      expr: `${metric('agentopz_config_reload_successful')} == 0`,
      forSeconds: 60,
      keepSeconds: 0,
      summary: 'agentopz at {{ $labels.instance }} refused its configuration and uses the old one',
      description: 'agentopz check-config says every mistake at once.',
    }),
    make('AgentopzRulesFailing', {
      expr: `
        sum by (rule_group) (increase(prometheus_rule_evaluation_failures_total{rule_group=~".*agentopz.*"}${w(600)})) > 0
        or
        sum by (rule_group) (increase(prometheus_rule_group_iterations_missed_total{rule_group=~".*agentopz.*"}${w(600)})) > 2`,
      forSeconds: 300,
      keepSeconds: 300,
      summary: 'Rules of agentopz fail or are skipped in {{ $labels.rule_group }}: alerts may be blind',
      description:
        'Needs Prometheus to scrape itself. Which rule: the page Status, Rules of Prometheus; how long a group takes: prometheus_rule_group_last_duration_seconds.',
    }),
    make('AgentopzWatchdog', {
      expr: 'vector(1)',
      forSeconds: 0,
      keepSeconds: 0,
      summary: 'Always fires, so that its absence shows that alerts do not arrive',
      description: "Route it to a dead man's switch that expects it every few minutes.",
    }),
  ]
}
