/**
 * Scores → docs/detection.md: what was simulated, what was found, what it missed and why, limits. Generated whole; every number comes from
 * the scores and parameters handed in, and the command that made it is in it.
 */
import type { Parameters } from './fleet/parameters.ts'
import { fixed, percent, whole } from './numbers.ts'
import { type BenchOptions, REPORT_SEEDS, TUNING_SEEDS } from './options.ts'
import { boundTable, classTable, falsePages, missed, type Rows, ruleSetTable, table, trafficTable } from './report-tables.ts'
import type { Result } from './report-text.ts'
import { OURS, rulesFingerprint } from './rule-set.ts'
import { detection, summarize, type Summary } from './summary.ts'

export function reportOf(results: readonly Result[], o: BenchOptions): string {
  const ours = results.find((r) => r.rules === OURS)
  const p = o.parameters
  const blocks = [
    '# Detection',
    introduction(results, o),
    ...(ours === undefined ? [] : ['## Against the goals', table(goals(summarize(ours.pages), ours))]),
    '## Rule sets',
    `Pages only. A page is what one agent's on-call receives as one: alerts of one agent that overlap or follow within five minutes, after
inhibition. A false page is one that does not tell of an incident: in quiet time, in the 26 hours after an incident (an echo), or inside one
but about something else. Intervals are exact Poisson intervals of 95 %.`,
    ruleSetTable(results, 'pages'),
    'Pages and tickets together:',
    ruleSetTable(results, 'withTickets'),
    ...(ours === undefined ? [] : sectionsOf(ours, p)),
    '## What was simulated',
    simulated(p, results[0]?.truths.flatMap((t) => t.unplaced) ?? []),
    '## How it is measured',
    METHOD,
    '## Limits',
    LIMITS,
  ]
  return `${blocks.join('\n\n')}\n`
}

function introduction(results: readonly Result[], o: BenchOptions): string {
  const truths = results[0]?.truths ?? []
  const runs = truths.flatMap((t) => t.agents).reduce((sum, a) => sum + a.runs, 0)
  const incidents = truths.reduce((sum, t) => sum + t.incidents.length, 0)
  const isHeldOut = o.seeds.every((s) => !TUNING_SEEDS.includes(s))
  return `What the shipped rules detect, how soon, and how often they are wrong, on ${truths.length} simulated fleets of ${o.parameters.agents.length} agents: ${runs.toLocaleString('en-US')} runs and
${incidents} incidents of ${new Set(truths.flatMap((t) => t.incidents.map((i) => i.incidentClass))).size} classes, on a real Prometheus. This file is written by

    ${o.command}

with seeds ${o.seeds.join(', ')}, of rules \`${rulesFingerprint()}\`. ${isHeldOut ? `Rules were tuned on seeds ${TUNING_SEEDS.join(', ')} only; these fleets were not looked at before.` : 'Some of these seeds were used for tuning: the numbers flatter.'} Other seeds and
parameters: \`npm run bench:detection -- --help\`. The published report is of seeds ${REPORT_SEEDS.join(', ')}.`
}

/** What is aimed at, and what was reached. */
function goals(s: Summary, ours: Result): Rows {
  const tools = ours.pages
    .flatMap((f) => f.incidents)
    .filter((i) => ['quality_total', 'tool100'].includes(i.incidentClass) && i.peakRunsPerHour >= 100)
  const worst = tools.length === 0 ? undefined : Math.max(...tools.map((i) => i.minutes ?? Number.POSITIVE_INFINITY))
  const met = (isMet: boolean): string => (isMet ? 'yes' : '**no**')
  const share = s.detected / s.incidents
  const before = s.userVisible === 0 ? undefined : s.beforeThirdComplaint / s.userVisible
  return [
    ['', 'goal', 'reached', 'met'],
    ['incidents paged', '≥ 97 %', `${percent(share)} (${s.detected} of ${s.incidents})`, met(share >= 0.97)],
    ['median minutes to page', '≤ 20', whole(s.medianMinutes), met((s.medianMinutes ?? Infinity) <= 20)],
    ['90th percentile', '≤ 120', whole(s.p90Minutes), met((s.p90Minutes ?? Infinity) <= 120)],
    [
      `total outages of quality or a tool at 100 runs/h and more, minutes`,
      '≤ 5',
      worst === undefined
        ? 'none simulated'
        : Number.isFinite(worst)
          ? `median ${whole(detection(tools).medianMinutes)}, worst ${whole(worst)}`
          : 'one not paged',
      worst === undefined ? '–' : met(worst <= 5),
    ],
    [
      'false pages per agent-week',
      '≤ 0.1',
      `${fixed(s.falsePerWeek)} (${s.falseInterval.map((x) => fixed(x)).join(' to ')})`,
      met((s.falsePerWeek ?? Infinity) <= 0.1),
    ],
    [
      'before the third complaint',
      '≥ 90 %',
      `${percent(before)} (${s.beforeThirdComplaint} of ${s.userVisible})`,
      met((before ?? 0) >= 0.9),
    ],
    ['pages per incident', '≤ 1.3', fixed(s.pagesPerIncident), met((s.pagesPerIncident ?? Infinity) <= 1.3)],
  ]
}

function sectionsOf(ours: Result, p: Parameters): readonly string[] {
  const s = summarize(ours.pages)
  const { right, among, undecided, wrong } = s.causes
  return [
    '## By class',
    'Minutes to the first page that tells of the incident, and which alert it was. The number in brackets counts tickets too.',
    classTable(ours, p),
    '## By traffic',
    trafficTable(ours, p),
    '## Right cause at page time',
    `Of ${s.detected} pages that told of an incident, ${right} named its cause and no other, ${among} named it among others, ${undecided} named none
(quality fell, and nothing yet says why) and ${wrong} named another. Simulator and table of causes have one author: an upper bound.`,
    '## What was missed',
    missed(ours),
    '## False pages',
    falsePages(ours),
    '## The bound',
    `No rule can prove a fall in quality, and nothing else, with fewer verdicts than ln(verdicts between false alarms) / KL(incident‖normal) on
average. With one false alarm in twenty weeks, and verdicts coming as fast as at the agent's peak:`,
    boundTable(ours, p),
  ]
}

function simulated(p: Parameters, unplaced: readonly string[]): string {
  const agents: Rows = [
    ['agent', 'runs/h at peak', 'traffic', 'judged', 'pass', 'steps', 'USD/step'],
    ...p.agents.map((a) => [
      a.name,
      String(a.peakRunsPerHour),
      a.profile,
      percent(a.evaluationRate, 0),
      percent(a.passRate, 0),
      String(a.steps),
      String(a.costPerStepUsd),
    ]),
  ]
  const n = p.noise
  const h = p.healthy
  return `${table(agents)}

${p.historyDays} days of history, then ${p.testDays} days with incidents, ${p.incidentRounds === 1 ? 'every class once' : `every class ${p.incidentRounds} times`} in seven days. Runs are drawn one by one. What moves without any
incident: traffic by hour and weekday (\`office\` agents sleep at night and at weekends, \`flat\` has a nightly batch of five times the rate);
noise with a memory of two to twelve hours on quality (sd ${n.quality} logits), cost (${n.cost} of the logarithm), steps (${n.steps}), traffic (${n.volume}), tool errors
(${n.toolErrors}) and duration (${n.duration}), times ${n.dispersion}; a move of the whole test period against the history; costs with heavy tails, one run in 500 five
times as dear; ${h.deploys} deploys per agent that change nothing; surges of ${h.surgeFactor} times the traffic for two hours; a holiday; a tool that fails for
${h.toolBlipMinutes} minutes; ${h.processorRestarts} restarts of the processor, after which every series begins anew with its first use; ${h.scrapeGaps} gaps of ${h.scrapeGapMinutes} minutes without a scrape;
verdicts that come minutes after their run. An incident hits one agent while it has traffic, six hours and more apart from its others.${unplaced.length === 0 ? '' : ` No room was found for ${unplaced.length}: ${unplaced.join(', ')}.`}

**Complaints**: ${percent(p.complaints.share, 0)} of the runs that are bad because of an incident make a user complain, a lognormal time later (median ${p.complaints.medianMinutes} minutes). An
incident is user-visible when three do.`
}

const METHOD = `Samples are written as the processor would expose them (names, labels, buckets, first use, idle series, restarts), once a minute, loaded with
\`promtool tsdb create-blocks-from openmetrics\`. Recording rules are backfilled with \`promtool tsdb create-blocks-from rules\` in order of
dependency at their groups' intervals. Alert expressions are range queries at their groups' interval; \`for\` and \`keep_firing_for\` follow
Prometheus's state machine, which a test holds against \`promtool test rules\`. Inhibition is Alertmanager's: same agent and environment, while
the source fires. An incident counts as detected when an alert that tells of its class, by a fixed table, starts inside it or up to 15
minutes after its end. Peers see the same samples; where they need a normal value per agent they are given the true one.`

const LIMITS = `Simulated data: noise and incidents are as we imagine them, and rule authors know the simulator. Not simulated: a judge that drifts or
stops, a history that itself holds an incident, provider outages over several agents at once, retries counted twice, clocks that differ,
runs cut in two by a restart. Prometheus marks a series that goes away; backfilled ones are seen for five more minutes. Incidents begin during busy hours. Rule sets that page all the time are flattered by pages that coincide with
an incident. Alertmanager's group_wait and delivery are not in the minutes (about half a minute).`
