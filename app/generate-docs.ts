/**
 * The catalogue and the dialects → the references under docs/, as Markdown.
 * Same input, same text: no dates, order of declaration. What is committed equals what this writes (test/unit/generated.test.ts).
 */
import { DIALECTS } from '../processor/dialects/index.ts'
import { alertmanagerExample } from './generate-alertmanager.ts'
import { DASHBOARD_FILES } from './generate-dashboards.ts'
import { alertTests } from './generate-rule-tests.ts'
import { ruleFiles } from './generate-rules.ts'
import { configurationReference, configurationSchema } from './generate-config-docs.ts'
import { METRICS, type MetricDefinition } from '../model/metrics.ts'
import { RECORDED } from '../model/recorded.ts'
import { type Sli, SLIS } from '../model/slis.ts'
import { STANDARD_METRICS } from '../model/metrics-standard.ts'
import { DEFAULT_VALUES_PER_LABEL } from '../processor/cardinality.ts'
import type { Dialect } from '../processor/dialects/dialect.ts'
import { DEFAULT_METRICS_OPTIONS } from '../processor/metrics.ts'

const NOTE = '<!-- Written by `agentopz generate`. Change the source, not this file. -->'
const GROUPS = [
  'runs',
  'steps',
  'money',
  'quality',
  'open runs',
  'cohorts and objectives',
  'controls',
  'incidents',
  'completeness',
  'processor',
] as const

/** Generated documents by path from the top of the repository. */
export const GENERATED_DOCS: Readonly<Record<string, () => string>> = {
  'docs/metrics.md': metricsReference,
  'docs/dialects.md': () => dialectsReference(DIALECTS),
  'docs/configuration.md': configurationReference,
  'docs/configuration.schema.json': configurationSchema,
  'alert-rules/alertmanager.example.yml': alertmanagerExample,
  'alert-rules/recording.rules.yaml': () => ruleFiles()['recording.rules.yaml'] ?? '',
  'alert-rules/alerts.rules.yaml': () => ruleFiles()['alerts.rules.yaml'] ?? '',
  'alert-rules/alerts.test.yaml': alertTests,
  'docs/recorded.md': recordedReference,
  ...DASHBOARD_FILES,
}

/** docs/metrics.md: every metric with type, labels, unit, meaning and buckets, and the rules that hold for all of them. */
export function metricsReference(): string {
  const sections = GROUPS.map((group) => {
    const rows = Object.entries<MetricDefinition>(METRICS).filter(([, d]) => d.group === group)
    return [`## ${group.charAt(0).toUpperCase()}${group.slice(1)}`, '', ...metricTable(rows), ''].join('\n')
  })
  return [
    NOTE,
    '',
    '# Metrics',
    '',
    INTRODUCTION,
    sections.join('\n'),
    STANDARD,
    ...metricTable(Object.entries(STANDARD_METRICS)),
    '',
  ].join('\n')
}

/** docs/recorded.md: every series the shipped recording rules write, and the SLIs they are about. */
export function recordedReference(): string {
  const slis = Object.entries<Sli>(SLIS).map(
    ([name, s]) => `| \`${name}\` | ${s.kind} | ${s.by === undefined ? '–' : `\`${s.by}\``} | ${s.bad} |`,
  )
  const series = Object.entries(RECORDED).map(([name, r]) => `| \`${name}\` | ${codes(r.labels)} | ${r.help} |`)
  return [
    NOTE,
    '',
    '# Recorded series',
    '',
    'What `alert-rules/recording.rules.yaml` writes. Every signal about an agent is a share, bad of total, and carries the label `sli`:',
    '',
    '| sli | kind | split by | bad |',
    '|---|---|---|---|',
    ...slis,
    '',
    "Of kind `ratio`, bad and total are events. Of kind `level`, total is runs and bad is how far up the histogram's bounds they lie, so that a",
    'change of size is a change of share. How the baseline and the test are made: [detection.md](detection.md).',
    '',
    '| series | labels | meaning |',
    '|---|---|---|',
    ...series,
    '',
  ].join('\n')
}

/** docs/dialects.md: every dialect in order of precedence with the scopes and attribute keys it reads. */
export function dialectsReference(dialects: readonly Dialect[]): string {
  const head = [
    NOTE,
    '',
    '# Dialects',
    '',
    'A dialect is one way of writing GenAI spans. The first in this order that recognises a span reads it; its name is the label `dialect` of',
    '`agentopz_spans_received_total`, beside `other` (no GenAI span) and `unknown` (looks like GenAI, but no dialect knows it).',
    '',
    '| # | dialect | scopes | logs |',
    '|---|---|---|---|',
    ...dialects.map(
      (d, at) =>
        `| ${at + 1} | [\`${d.name}\`](#${d.name}) | ${codes(d.scopes ?? []) || 'any'} | ${d.readLog === undefined ? 'no' : 'yes'} |`,
    ),
  ]
  const sections = dialects.map((d) => {
    const prefixes = d.prefixes === undefined || d.prefixes.length === 0 ? [] : ['', `Indexed keys below: ${codes(d.prefixes)}.`]
    return ['', `## ${d.name}`, '', `Reads ${codes([...new Set(d.keys)].sort())}.`, ...prefixes].join('\n')
  })
  return `${head.join('\n')}\n${sections.join('\n')}\n`
}

function metricTable(rows: readonly (readonly [string, MetricDefinition])[]): readonly string[] {
  const lines = rows.map(([name, d]) => `| \`${name}\` | ${d.type} | ${unitOf(name)} | ${codes(d.labels) || '–'} | ${d.help} |`)
  const byBuckets = new Map<string, string[]>()
  for (const [name, d] of rows) {
    if (d.buckets === undefined) continue
    const bounds = d.buckets.join(' ')
    byBuckets.set(bounds, [...(byBuckets.get(bounds) ?? []), name])
  }
  const buckets = [...byBuckets].map(([bounds, names]) => `Buckets of ${codes(names)}: ${bounds}.`)
  return ['| metric | type | unit | labels | meaning |', '|---|---|---|---|---|', ...lines, ...buckets.flatMap((b) => ['', b])]
}

function codes(words: readonly string[]): string {
  return words.map((w) => `\`${w}\``).join(' ')
}

/** The unit a metric's name ends in; a dash for plain counts. */
function unitOf(name: string): string {
  if (name.includes('_timestamp_seconds')) return 'Unix seconds'
  return /_(seconds|bytes|usd|tokens)(_total)?$/.exec(name)?.[1]?.replace('usd', 'US dollars') ?? '–'
}

const VALUES = Object.entries(DEFAULT_VALUES_PER_LABEL)
  .map(([label, n]) => (label === 'other' ? `${n} of any other label` : `${n} of \`${label}\``))
  .join(', ')
const O = DEFAULT_METRICS_OPTIONS

const INTRODUCTION = `A **run** is one outermost agent invocation, with everything below it: sub-agents, model calls, tool calls. A **step** is a model call, a tool
call or a retrieval, counted once however many spans tell of it. How runs are told from spans is in [runs.md](runs.md).

**Everything adds up.** Counters and histograms of several processors are summed in PromQL (\`sum without (instance) (…)\`); nothing here is a
quantile or a ratio that could not be. Ratios of runs are made from \`agentopz_runs_total\`, for example the share of good ones:

\`\`\`promql
sum by (agent) (rate(agentopz_runs_total{quality="pass"}[1h])) / sum by (agent) (rate(agentopz_runs_total{quality=~"pass|fail"}[1h]))
\`\`\`

**Sampled spans are counted by weight.** A run whose root span says it stands for four (\`ot=th:c\`) adds 4 to counters and is observed four times.

**Unknown is not zero.** \`agentopz_run_cost_usd\` holds only runs all of whose model calls reported usage and had a price; a failed call without
usage costs nothing, and a run without any model call costs 0. Tokens without a price are in \`agentopz_unpriced_tokens_total\`, not in the cost.
\`agentopz_run_duration_seconds\` holds only runs whose root span ended. A run is over a threshold (\`agentopz_run_exceeded_total\`) when what is
known of it already is. An empty label means that the telemetry did not say.

**Late spans** of a closed run add to the counters of calls, tokens and cost, and to no histogram of runs or calls. Scores of evaluations are
observed whenever they come.

**Counters begin at 0** where it matters: with a cohort's first run its usual outcomes are shown, with a tool's first call its errors, with a
check's first pass its failures, with a threshold's first run its excesses. The first failure is then an increase that \`rate()\` sees.

**Bounds.** At most ${O.maxAgents} agents and ${O.maxEnvironments} environments; of one agent at most ${VALUES}; at most ${O.maxSeriesPerMetric} series of one metric. What is over a
bound goes to the value \`__overflow__\` and is counted in \`agentopz_series_overflow_total\`; it is never lost, and labels with fixed values
(\`outcome\`, \`quality\`, \`class\`, \`verdict\` …) and the environment keep them. Agent versions, prompt versions and tool sets of overflowed agents
overflow too. Values longer than 64 characters (256 in \`runbook_url\`, \`endpoint\` and \`target\`) are cut and end in a hash. Control characters
become \`_\`; so does anything but letters, digits and \`._:@/+-\` in versions, models and providers.

**Idle series go.** A series of an agent that is not touched for ${O.seriesIdleSeconds / 3600} hours is dropped and its values make room for others; when it comes back it starts anew,
which Prometheus takes as a counter reset. \`agentopz_cohort_first_seen_timestamp_seconds\` is likewise since the last time that the value was
new or had been idle, and since the last start: take \`min_over_time\` for longer.

**Formats.** Prometheus text 0.0.4, and OpenMetrics 1.0.0 for scrapers that ask for it (Prometheus does). Exemplars with a \`trace_id\` come only with
OpenMetrics, on counters and histogram buckets; run Prometheus with \`--enable-feature=exemplar-storage\` to keep them. Bucket bounds are floats
in both (\`le="1.0"\`), as Prometheus 3 stores them.

**Input features.** \`tokens\` (of the first model call, in powers of four) and, where spans carry content, \`script\` are recorded.
`

const STANDARD = `## Standard names

With \`metrics.standard_names: true\` these metrics of the OpenTelemetry GenAI conventions are exported as well.
`
