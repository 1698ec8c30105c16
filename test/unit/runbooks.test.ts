/**
 * The runbooks against what they speak of: every alert has one with the same headings, its facts are those of the rule, its thresholds
 * those of the tables, and whatever can be copied out of it (queries, commands, configuration, paths) exists and parses.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { type AlertingRule, alertGroups } from '../../alert-rules/rules.ts'
import { createProgram } from '../../app/cli.ts'
import { parseConfig } from '../../app/config.ts'
import { createRoutes } from '../../app/routes.ts'
import { UIDS } from '../../dashboards/board.ts'
import { BOARDS } from '../../dashboards/index.ts'
import { OTHERS } from '../../dashboards/others.ts'
import { ALERTS, type AlertDefinition, type AlertName } from '../../model/alerts.ts'
import { METRICS, type MetricDefinition } from '../../model/metrics.ts'
import { RECORDED, type RecordedSeries } from '../../model/recorded.ts'
import { SLIS, type SliName } from '../../model/slis.ts'
import {
  CERTIFICATE_SECONDS,
  COHORT,
  DRIFT,
  EFFECTS,
  PAGE,
  RUNAWAY,
  SILENCE_NATS,
  TICKET,
  type WindowTest,
} from '../../model/thresholds.ts'
import { createMetrics } from '../../processor/metrics.ts'
import { accessOf } from '../support/access.ts'
import { expectNamesExist, namesIn } from '../support/promql.ts'

const TOP = join(import.meta.dirname, '../..')
const FOLDER = join(TOP, 'alert-rules/runbooks')
const NAMES = Object.keys(ALERTS) as AlertName[]
const definition = (name: AlertName): AlertDefinition => ALERTS[name]
const fileOf = (name: string): string => join(FOLDER, `${name}.md`)
const books = NAMES.filter((name) => existsSync(fileOf(name))).map((name) => ({ name, text: readFileSync(fileOf(name), 'utf8') }))
/** Commands of two words that there are. */
const COMMANDS = createProgram(() => undefined).commands.flatMap((c) => c.commands.map((sub) => `${c.name()} ${sub.name()}`))
const textOf = (name: AlertName): string => books.find((b) => b.name === name)?.text ?? ''
const rules = alertGroups()
  .flatMap((g) => g.rules)
  .filter((r): r is AlertingRule => 'alert' in r)
const rulesOf = (name: AlertName): readonly AlertingRule[] => rules.filter((r) => r.alert === name)

/** Code blocks of a language with the runbook they are in. */
function blocks(language: string): readonly { readonly name: AlertName; readonly code: string }[] {
  const pattern = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm')
  return books.flatMap(({ name, text }) => [...text.matchAll(pattern)].map((m) => ({ name, code: (m[1] ?? '').trim() })))
}
const queries = blocks('promql')
const commands = blocks('sh').flatMap(({ name, code }) =>
  code
    .split('\n')
    .filter((line) => !line.startsWith('# '))
    .map((line) => ({ name, line, words: shellWords(line) })),
)
const commandsOf = (program: string): typeof commands => commands.filter((c) => c.words[0] === program)

/** Words of one command up to a pipe. Quotes group; nothing else of the shell is used in runbooks. */
function shellWords(line: string): readonly string[] {
  const words = [...line.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)].map(([w]) => w)
  const end = words.indexOf('|')
  return (end === -1 ? words : words.slice(0, end)).map((w) => w.replaceAll(/["']/g, ''))
}

/** The line of facts under the title, as the rules have it. */
function factsOf(name: AlertName): string {
  const a = definition(name)
  const [rule] = rulesOf(name)
  const causes = [...new Set(rulesOf(name).map((r) => r.labels['cause']))].join(', ')
  return `\`${a.severity}\` · family \`${a.family}\` · points at \`${causes}\` · for ${rule?.for ?? '0s'} · stays ${rule?.keep_firing_for ?? '0s'}`
}

/** What a test of pages or tickets asks of an SLI, as the runbooks put it. */
function thresholds(sli: SliName, isPage: boolean): string {
  const e = EFFECTS[sli]
  return Object.entries<WindowTest>(isPage ? PAGE : TICKET)
    .map(([w, t]) => {
      const mean = isPage ? e.mean : e.meanTicket
      const points = isPage ? (w === '10m' ? e.page10m : e.page) : e.ticket
      return `${w}: z > ${Number((t.z + (isPage ? e.surer : 0)).toFixed(2))}, n ≥ ${t.n}, ${mean === undefined ? `+${Math.round(points * 1000) / 10} points` : `mean × ${mean}`}`
    })
    .join('; ')
}
const THRESHOLDS = /(?:\d+[mhd]: z > [\d.]+, n ≥ \d+, (?:\+[\d.]+ points|mean × \d+(?:\.\d+)?)(?:; )?)+/g
/** The SLIs whose thresholds a runbook tells, in its order. */
const TOLD: Partial<Record<AlertName, readonly [slis: readonly SliName[], isPage: boolean]>> = {
  AgentQualityDrop: [['quality'], true],
  AgentRunErrors: [['run_error'], true],
  AgentRefusalSpike: [['refusal'], true],
  AgentTruncationSpike: [['truncation'], true],
  AgentEmptyAnswers: [['empty'], true],
  AgentToolFailing: [['tool_error'], true],
  AgentToolEmpty: [['tool_empty'], true],
  AgentLooping: [['loop'], true],
  AgentStepsShift: [['steps'], true],
  AgentCostShift: [['cost'], true],
  AgentDurationShift: [['duration'], true],
  AgentQualityDrift: [['quality'], false],
  AgentOutcomeDrift: [['run_error'], false],
  AgentToolDegraded: [['tool_error', 'tool_empty'], false],
}

/** The runbook with its facts and thresholds as rules and tables have them now. */
function refreshed(name: AlertName, text: string): string {
  const [slis, isPage] = TOLD[name] ?? [[], true]
  let next = 0
  return text
    .replace(/^`\w+` · family .*$/m, () => factsOf(name))
    .replaceAll(THRESHOLDS, () => {
      const sli = slis[next++]
      return sli === undefined ? `no thresholds of ${name} are in TOLD` : thresholds(sli, isPage)
    })
}

test('every alert has a runbook, and every runbook an alert', () =>
  expect(
    readdirSync(FOLDER)
      .map((f) => f.replace(/\.md$/, ''))
      .sort(),
  ).toEqual([...NAMES].sort()))

describe.each(books)('$name', ({ name, text }) => {
  test('has the headings a reader looks for, in order', () =>
    expect([...text.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/^##? .+$/gm)].map(([h]) => h)).toEqual([
      `# ${name}`,
      '## What it means',
      '## How sure it is',
      '## First three looks',
      '## Likely cause by evidence',
      '## Mitigate, and undo',
      '## Escalate',
      '## What users may have seen',
    ]))

  test('tells severity, family, cause, times, thresholds and what it silences as the rule has them', () => {
    const now = refreshed(name, text)
    if (process.env['UPDATE'] === '1') writeFileSync(fileOf(name), now)
    expect(text, 'UPDATE=1 npx vitest run test/unit/runbooks.test.ts rewrites it').toBe(now)
    expect(text).toContain(`\n${factsOf(name)}\n`)
    expect([...text.matchAll(THRESHOLDS)]).toHaveLength(TOLD[name]?.[0].length ?? 0)
    const silenced = /While it fires these are silent for the same agent: (.*)\./.exec(text)?.[1]
    expect(silenced).toBe(definition(name).inhibits?.join(', '))
  })

  test('gives three looks, each with something to run, and a dashboard that exists', () => {
    const looks = /## First three looks\n([\s\S]*?)\nDashboard: /.exec(text)?.[1]?.split(/^\d\. /m) ?? []
    expect(looks).toHaveLength(4)
    for (const look of looks.slice(1)) expect(look).toMatch(/```(promql|sh)\n/)
    const uid = /^Dashboard: <http:\/\/localhost:3000\/d\/([\w-]+)/m.exec(text)?.[1]
    expect(Object.values(UIDS)).toContain(uid)
    const named = /^Dashboard: .*?(?:row|section|panel|table) "([^"]+)"/m.exec(text)?.[1]
    const board = BOARDS.find((b) => UIDS[b.name] === uid)
    if (named !== undefined) expect(JSON.stringify(board)).toContain(JSON.stringify(named))
  })

  test('names causes that alerts have, and an undo for every remedy', () => {
    const rows = (heading: string): readonly string[][] =>
      (new RegExp(`## ${heading}\\n([\\s\\S]*?)\\n(?:## |\`\`\`)`).exec(text)?.[1] ?? '')
        .split('\n')
        .filter((l) => l.startsWith('| '))
        .slice(1)
        .map((l) => l.slice(2, -2).split(' | '))
    const causes = ['prompt', 'tools', 'model', 'input', 'telemetry', 'control', 'unknown']
    expect(rows('Likely cause by evidence').length).toBeGreaterThanOrEqual(3)
    for (const row of rows('Likely cause by evidence')) expect([row.length, causes.includes(row[2] ?? '')]).toEqual([3, true])
    expect(rows('Mitigate, and undo').length).toBeGreaterThanOrEqual(1)
    for (const row of rows('Mitigate, and undo')) expect(row.filter((cell) => cell.trim() !== '')).toHaveLength(2)
  })

  test('names only alerts, documents, configuration keys and series that exist', () => {
    for (const [other] of text.matchAll(/\bAgent(?:opz)?[A-Z]\w+/g)) expect(NAMES).toContain(other)
    for (const [doc] of text.matchAll(/docs\/[\w.-]+\.md/g)) expect(existsSync(join(TOP, doc)), doc).toBe(true)
    const reference = readFileSync(join(TOP, 'docs/configuration.md'), 'utf8')
    for (const [, key = ''] of text.matchAll(/`((?:runs|limits|metrics|auth|log|shutdown|prices|evaluations)\.[\w.]+)[`:]/g))
      expect([`| \`${key}\` |`, `| \`${key}[]\` |`].some((row) => reference.includes(row)) ? '' : `no key ${key}`).toBe('')
    // A default that is quoted beside its key.
    for (const [, key = '', value = ''] of text.matchAll(/`([a-z_.]+)` \((\d+)\)/g))
      expect(new RegExp(`\`(?:[\\w.[\\]]+\\.)?${key.replaceAll('.', '\\.')}\` \\|[^|]*\\| \`${value}\``).test(reference), key).toBe(true)
    for (const [, series = ''] of text.matchAll(/`(agent(?:opz_|_sli:|_cohort:|_input:|:)[\w:]+)/g))
      expect(labelsOf(series) ?? (METRICS as Record<string, MetricDefinition>)[series], series).toBeDefined()
  })

  test('promises nothing that this version cannot do', () => {
    for (const [, command = '', action = ''] of text.matchAll(/agentopz (agent|tool|run|release|control|incident|drill|ready)\b (\w+)/g))
      if (COMMANDS.some((c) => c.startsWith(`${command} `)))
        expect(COMMANDS, `agentopz ${command} ${action}`).toContain(`${command} ${action}`)
  })
})

describe('thresholds', () => {
  /** A runbook tells the numbers of one SLI; the others that its alert watches must have the same. */
  test.each([
    ['quality', 'evaluation'],
    ...(['refusal', 'filtered', 'truncation', 'empty', 'loop'] as const).map((sli) => ['run_error', sli] as const),
  ] as const)('of %s are those of %s', (one, other) => expect(EFFECTS[other]).toEqual(EFFECTS[one]))
  test.each([
    [
      'AgentVersionRegression',
      `at least ${COHORT.newRuns} rated runs of the new value in 6 hours, ${COHORT.restRuns} of the others in the same hours`,
    ],
    ['AgentVersionRegression', `more than ${COHORT.z} standard errors and more than ${COHORT.rise * 100} points apart`],
    [
      'AgentRunaway',
      `more than ${RUNAWAY.cost_usd} times the cost, ${RUNAWAY.steps} times the steps or ${RUNAWAY.age_seconds} times the age`,
    ],
    ['AgentSilent', `more surprising than ${SILENCE_NATS} nats (by chance 1 in ${Math.round(Math.exp(SILENCE_NATS) / 1000)},000)`],
    ['AgentInputDrift', `above ${DRIFT.psi}, with more than ${DRIFT.runs} inputs`],
    ['AgentBehaviourChanged', `more than ${TICKET['6h'].z} standard errors over 6 hours`],
    [
      'AgentBehaviourChanged',
      `${EFFECTS.cost.meanTicket} times for cost, ${EFFECTS.steps.meanTicket} for steps, ${EFFECTS.duration.meanTicket} for duration`,
    ],
    ['AgentBehaviourChanged', `${EFFECTS.no_tool.ticket * 100} points for \`no_tool\``],
  ] as const)('%s says "%s"', (name, says) => expect(textOf(name)).toContain(says))

  /** Numbers that stand in an expression only: the sentence here, the text of the rule there. */
  test.each([
    [
      'AgentToolFailing',
      'more than half of at least 8 calls fail, and the share is 25 points over normal',
      ['> 0.5 and', '>= 8', '> 0.25'],
    ],
    ['AgentBehaviourChanged', 'at least 20 runs', ['>= 20']],
    ['AgentSpendSurge', 'more than 3 times in the last hour', ['agent:cost_usd:expected1h > 3']],
    ['AgentSpendSurge', 'more than 30 mean runs', ['> 30 * agent:run_cost_usd:mean:baseline']],
    ['AgentSpendSurge', 'runs are over 1.5 times expected', ['> 1.5 * agent:runs:expected1h']],
    ['AgentVolumeSurge', 'More than 3 times the runs', ['> 3 and']],
    ['AgentVolumeSurge', 'more than 3.5 times in the last 10 minutes', ['agent:runs:increase10m / (agent:runs:expected1h / 6) > 3.5']],
    ['AgentVolumeSurge', 'more than 20 of them, and more than 1.5 times a usual hour', ['> 20', '> 1.5 *']],
    ['AgentVolumeDrop', 'Less than half of the usual runs in the last hour, after hours that were normal (over 65 %', ['< 0.5', '> 0.65']],
    ['AgentVolumeDrop', 'over 4 standard errors', ['< -4']],
    ['AgentVolumeDrop', "less than 60 % of those hours' mean", ['< 0.6 *']],
    ['AgentVolumeLow', 'Less than half', ['< 0.5']],
    ['AgentVolumeLow', 'Over 3 standard errors', ['< -3\n']],
    ['AgentObjectiveMissed', 'more than twice as many runs missed an objective as it allows', ['2 * (1 -', '>= 50']],
    ['AgentEvaluationStalled', '48 verdicts or more in a day has given none for 3 hours', ['>= 48', 'total:increase3h']],
    ['AgentEvaluationStalled', 'more than 10 runs an hour', ['agent:runs:increase1h > 10']],
    ['AgentUnpricedSpend', 'More than 1 % of the tokens of a model in a day, and more than 10,000', ['> 0.01', '> 10000']],
    ['AgentUsageConflicts', 'more than 5 % of model calls in a day (100 calls at least)', ['> 0.05', '>= 100']],
    ['AgentopzNoSpans', 'over 20 runs an hour are expected now', ['sum(agent:runs:expected_low1h) > 20', '[10m]']],
    ['AgentopzRelayLosing', 'in the last 15 minutes', ['[15m]']],
    ['AgentopzRejecting', 'More than 10 requests or spans were refused in 15 minutes', ['> 10', '[15m]']],
    ['AgentopzUnknownDialect', 'More than 100 spans in an hour', ['> 100', '[1h]']],
    ['AgentopzJournalDamaged', 'told for an hour after the start', ['< 3600']],
    ['AgentopzCertificateExpires', `less than ${CERTIFICATE_SECONDS / 86_400} days left`, [`< ${CERTIFICATE_SECONDS}`]],
    ['AgentopzRulesFailing', 'missed more than 2 evaluations in 10 minutes', ['> 2', '[10m]']],
  ] as const)('%s: "%s" is what the rule does', (name, says, expressions) => {
    expect(textOf(name)).toContain(says)
    for (const rule of rulesOf(name)) for (const e of expressions) expect(`${rule.expr}\n`).toContain(e)
  })
})

/** Labels that a series may have, undefined when there is no such series. */
function labelsOf(series: string): readonly string[] | undefined {
  const scraped = ['job', 'instance']
  if (series === 'ALERTS') return ['alertname', 'alertstate', 'severity', 'agent', 'environment']
  if (series === 'prometheus_rule_group_iterations_missed_total') return ['rule_group', ...scraped]
  const recorded: Readonly<Record<string, RecordedSeries>> = RECORDED
  const others: Readonly<Record<string, { readonly labels: readonly string[] }>> = OTHERS
  const metrics: Readonly<Record<string, MetricDefinition>> = METRICS
  if (recorded[series] !== undefined) return recorded[series].labels
  if (others[series] !== undefined) return [...others[series].labels, ...scraped]
  const own = metrics[series]
  if (own !== undefined) return own.type === 'histogram' ? undefined : [...own.labels, ...scraped]
  const part = metrics[series.replace(/_(bucket|sum|count)$/, '')]
  return part?.type === 'histogram' ? [...part.labels, ...scraped] : undefined
}

/** Values of labels with a closed set; a query with another is empty and nobody is told. */
const CLOSED: Readonly<Record<string, readonly string[]>> = {
  sli: Object.keys(SLIS),
  outcome: ['ok', 'error', 'empty', 'blocked', 'stopped', 'abandoned', 'unknown'],
  quality: ['pass', 'fail', 'unrated'],
  verdict: ['pass', 'fail', 'abstain', 'error'],
  class: ['input', 'cache_read', 'cache_write', 'output', 'reasoning'],
  source: ['builtin', 'external', 'judge', 'feedback'],
  finish_reason: ['stop', 'length', 'content_filter', 'refusal', 'tool_call', 'error', 'cancelled', 'other'],
  alertname: NAMES,
}

describe('queries', () => {
  test('are many', () => expect(queries.length).toBeGreaterThan(100))
  test.each(queries)('$name: $code', ({ code }) => {
    expectNamesExist(namesIn(code.replaceAll(/ offset \d+\w/g, '')), labelsOf)
    for (const [, label = '', value = ''] of code.matchAll(/(\w+)[=!]~?"([^"]*)"/g))
      for (const one of CLOSED[label] === undefined ? [] : value.split('|')) expect(CLOSED[label], label).toContain(one)
  })
  test('parse', () => {
    const dir = mkdtempSync(join(tmpdir(), 'runbooks-'))
    try {
      const file = join(dir, 'queries.rules.yaml')
      const group = queries.map(({ name, code }, i) => ({ record: `q:${name}:${i}`, expr: code }))
      writeFileSync(file, stringify({ groups: [{ name: 'runbooks', rules: group }] }))
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', file], { encoding: 'utf8' })
      expect({ status, out: `${stdout}${stderr}` }).toEqual({
        status: 0,
        out: expect.stringContaining(`${queries.length} rules found`) as string,
      })
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
})

describe('commands', () => {
  test('are of programs we know', () =>
    expect([...new Set(commands.map((c) => c.words[0] ?? ''))].sort()).toEqual(['agentopz', 'amtool', 'curl', 'promtool']))

  test.each(commandsOf('agentopz'))('$line', ({ words: [, ...args] }) => {
    let ran = 0
    const program = createProgram(() => undefined).configureOutput({ writeOut: () => undefined, writeErr: () => undefined })
    const leaves = program.commands.flatMap((c) => [c, ...c.commands])
    for (const command of leaves) command.action(() => void ran++).configureOutput({ writeErr: () => undefined })
    const parse = (): void => void program.parse(['node', 'agentopz', ...args])
    if (args[0] === '--version') expect(parse).toThrow(expect.objectContaining({ code: 'commander.version' }) as Error)
    else {
      expect(parse).not.toThrow()
      expect(ran).toBe(1)
    }
  })

  const help = new Map<string, string>()
  const helpOf = (words: readonly string[]): string => {
    const key = words.join(' ')
    const known = help.get(key) ?? spawnSync('amtool', [...words, '--help'], { encoding: 'utf8' }).stdout
    help.set(key, known)
    return known
  }
  test.each(commandsOf('amtool'))('$line', ({ name, words: [, ...args] }) => {
    const plain = args.filter((a) => !a.startsWith('--') && !a.includes('=') && a !== 'SILENCE_ID')
    const usage = helpOf(plain)
    expect(usage).toContain(`usage: amtool ${plain.join(' ')} `)
    for (const flag of args.filter((a) => a.startsWith('--'))) expect(usage, flag).toContain(`${flag.split('=', 1)[0] ?? ''}=`)
    const matchers = args.filter((a) => !a.startsWith('--') && a.includes('='))
    for (const m of matchers) expect(m).toMatch(/^(alertname|agent|environment|severity)=\w+$/)
    if (matchers.length > 0) expect(matchers).toContain(`alertname=${name}`)
  })
  test('every silence that can be set can be ended', () => {
    for (const { name } of commandsOf('amtool').filter((c) => c.words[2] === 'add'))
      expect(commandsOf('amtool').some((c) => c.name === name && c.words[2] === 'expire')).toBe(true)
  })

  test.each(commandsOf('curl'))('$line', async ({ line, words: args }) => {
    const target = new URL(args.find((a) => a.startsWith('http://')) ?? '')
    const isPost = line.includes('-X POST') || args.includes('-d')
    const others = ['9090 GET /api/v1/rules', '9090 POST /-/reload', '9093 GET /metrics']
    if (target.port !== '9464') return expect(others).toContain(`${target.port} ${isPost ? 'POST' : 'GET'} ${target.pathname}`)
    const routes = createRoutes({
      metrics: createMetrics({}),
      clock: () => 0,
      access: accessOf({ name: 'oncall', role: 'operate', token: '$TOKEN' }, { name: 'agent', role: 'ingest', token: '$TOKEN' }),
      protectMetrics: () => false,
      notReady: () => '',
      reload: () => [],
      feedback: () => undefined,
      version: '1',
    })
    const headers = args.flatMap((a, i) => (args[i - 1] === '-H' ? [a.split(': ') as [string, string]] : []))
    const body = /-d '([^']*)'/.exec(line)?.[1]
    const answer = await routes.request(target.pathname, {
      method: isPost ? 'POST' : 'GET',
      headers: new Headers(headers),
      ...(body === undefined ? {} : { body }),
    })
    expect(answer.status).toBeLessThan(300)
  })

  test.each(blocks('yaml'))('configuration in $name: $code', ({ code }) =>
    expect(parseConfig(code, 'agentopz.yaml', {})).toMatchObject({ ok: true }),
  )
})
