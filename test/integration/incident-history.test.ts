/**
 * What is asked of Prometheus about an incident, against a real one that holds a written history: ends of alerts, changes of cohorts, what
 * stood before. The history is written minute by minute below, so what must come out can be read beside it.
 */
import { type ChildProcess, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { observeAlerts } from '../../app/incidents/alert-ends.ts'
import { preparedness } from '../../app/incidents/before.ts'
import { blastRadius } from '../../app/incidents/blast.ts'
import { cohortChanges } from '../../app/incidents/changes.ts'
import { createPrometheus, type Prometheus } from '../../app/prometheus.ts'
import type { Incident, IncidentAlert } from '../../model/incident.ts'
import { startPrometheus } from '../support/backdated.ts'

const MINUTE = 60_000
/** The last full minute, two hours into the history. */
const NOW = Math.floor(Date.now() / MINUTE) * MINUTE - 10 * MINUTE
const at = (minute: number): number => NOW + minute * MINUTE
const A = 'agent="support",environment="prod"'
const dir = mkdtempSync(join(tmpdir(), 'agentopz-incident-history-'))
let prometheus: Prometheus
let child: ChildProcess

/** A series with one sample a minute, from one minute to another. */
type Line = readonly [series: string, from: number, to: number, value: (minute: number) => number]
const firstSeen = (dimension: string, value: string, more = A): string =>
  `agentopz_cohort_first_seen_timestamp_seconds{${more},dimension="${dimension}",value="${value}"}`
const seconds =
  (minute: number): (() => number) =>
  () =>
    at(minute) / 1000
const HISTORY: readonly Line[] = [
  // Fired until 30 minutes ago; still fires; another agent's.
  [`ALERTS{alertname="AgentRunErrors",alertstate="firing",${A},severity="critical"}`, -60, -30, () => 1],
  [`ALERTS{alertname="AgentLooping",alertstate="firing",${A},severity="critical"}`, -50, 0, () => 1],
  [`ALERTS{alertname="AgentLooping",alertstate="pending",${A},severity="warning"}`, -50, 0, () => 1],
  [`ALERTS{alertname="AgentSilent",alertstate="firing",agent="other",severity="critical"}`, -50, -40, () => 1],
  // v1 and both tools since long; v2 since 45 minutes; then agentopz was restarted, and all of them begin anew 20 minutes ago.
  [firstSeen('prompt_version', 'v1'), -110, -21, seconds(-100)],
  [firstSeen('prompt_version', 'v2'), -45, -21, seconds(-45)],
  [firstSeen('tools_version', 'h:aa'), -110, -21, seconds(-100)],
  [firstSeen('prompt_version', 'v1'), -20, 0, seconds(-20)],
  [firstSeen('prompt_version', 'v2'), -20, 0, seconds(-20)],
  [firstSeen('tools_version', 'h:aa'), -20, 0, seconds(-20)],
  [firstSeen('model', 'gpt-x'), -20, 0, seconds(-19)],
  // An agent that is new: all of it is seen for the first time, which is no change.
  [firstSeen('prompt_version', 'v1', 'agent="new",environment="prod"'), -30, 0, seconds(-30)],
  [firstSeen('model', 'gpt-x', 'agent="new",environment="prod"'), -30, 0, seconds(-30)],
  [`agent_sli:bad_ratio:baseline{${A},sli="quality"}`, -110, 0, (minute) => (minute < -60 ? 0.02 : 0.3)],
  [`agent_sli:total:baseline{${A},sli="quality"}`, -110, 0, () => 500],
  [`agent_sli:bad_ratio:baseline{${A},sli="tool_error",tool="search"}`, -110, 0, () => 0.01],
  [`agent_sli:total:baseline{${A},sli="tool_error",tool="search"}`, -110, 0, () => 80],
  [`agentopz_objective{${A},objective="quality"}`, -110, 0, () => 0.97],
  [`agentopz_objective{${A},objective="steps_per_run"}`, -110, -61, () => 20],
  // Two runs a minute pass, one fails from 60 minutes ago on, one ends in an error without a verdict every minute.
  [`agentopz_runs_total{${A},quality="pass",outcome="ok"}`, -110, 0, (minute) => 2 * (minute + 110)],
  [`agentopz_runs_total{${A},quality="fail",outcome="error"}`, -110, 0, (minute) => Math.max(0, minute + 60)],
  [`agentopz_runs_total{${A},quality="unrated",outcome="error"}`, -110, 0, (minute) => minute + 110],
  [`agentopz_cost_usd_total{${A},model="gpt-x",provider="openai"}`, -110, 0, (minute) => 0.5 * (minute + 110)],
]

beforeAll(async () => {
  const byName = Map.groupBy(HISTORY, ([series]) => series.slice(0, series.indexOf('{')))
  const text = [...byName].flatMap(([name, lines]) => [
    `# TYPE ${name.replace(/_total$/, '')} ${name.endsWith('_total') ? 'counter' : 'gauge'}`,
    ...lines
      .flatMap(([series, from, to, value]) => Array.from({ length: to - from + 1 }, (_, n) => [series, from + n, value(from + n)] as const))
      .sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x - y))
      .map(([series, minute, value]) => `${series} ${value} ${at(minute) / 1000}`),
  ])
  writeFileSync(join(dir, 'history.om'), `${text.join('\n')}\n# EOF\n`)
  mkdirSync(join(dir, 'data'))
  const made = spawnSync('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', '-q', join(dir, 'history.om'), join(dir, 'data')], {
    encoding: 'utf8',
  })
  expect(made.stderr + made.stdout).toBe('')
  const started = await startPrometheus(dir)
  child = started.process
  prometheus = createPrometheus(started.url)
})
afterAll(async () => {
  child.kill('SIGKILL')
  await new Promise((done) => child.once('exit', done))
  rmSync(dir, { recursive: true, force: true })
})

const alert = (name: string, startMinute: number, more: Partial<IncidentAlert> = {}): IncidentAlert => ({
  fingerprint: name,
  name,
  severity: 'critical',
  family: undefined,
  labels: { alertname: name, agent: 'support', environment: 'prod', severity: 'critical', cluster: 'an external label' },
  summary: '',
  startsMs: at(startMinute),
  receivedMs: at(startMinute),
  ...more,
})

describe('ends of alerts', () => {
  const UNSEEN = 3 * MINUTE
  test('of one that is not seen any more: when it was last seen', async () => {
    const errors = alert('AgentRunErrors', -60)
    // A sample counts for five minutes here, as no scrape has marked the end.
    const [seen, ...rest] = await observeAlerts(prometheus, [errors, alert('AgentLooping', -50)], NOW, UNSEEN)
    expect([seen, rest]).toMatchObject([{ alert: errors, fires: false }, []])
    expect(seen?.fires === false ? seen.lastMs : 0).toBe(at(-30))
  })
  test('that one fires is known of it alone: the name, every label, and that it is not pending', async () => {
    const others = [
      alert('AgentSilent', -50),
      alert('AgentLooping', -50, { endsMs: at(-10), labels: { ...alert('x', 0).labels, alertname: 'AgentLooping', severity: 'warning' } }),
    ]
    expect(await observeAlerts(prometheus, others, NOW, UNSEEN)).toEqual([])
    const ended = alert('AgentLooping', -50, { endsMs: at(-10) })
    expect(await observeAlerts(prometheus, [ended], NOW, UNSEEN)).toEqual([{ alert: ended, fires: true }])
  })
  test('of one that was seen just now is not believed yet', async () => {
    expect(await observeAlerts(prometheus, [alert('AgentRunErrors', -60)], at(-24), 7 * MINUTE)).toEqual([])
  })
  test('of one that Prometheus never knew is not known', async () => {
    expect(await observeAlerts(prometheus, [alert('TheirAlert', -60)], NOW, UNSEEN)).toEqual([])
  })
  test('nothing is asked about no alerts', async () => {
    expect(await observeAlerts(createPrometheus('http://127.0.0.1:1'), [], NOW, UNSEEN)).toEqual([])
  })
})

describe('changes of cohorts', () => {
  const span = (from: number, to: number, agent = 'support'): { agent: string; environment: string; fromMs: number; toMs: number } => ({
    agent,
    environment: 'prod',
    fromMs: at(from),
    toMs: at(to),
  })
  test('a value first seen in the span, after another; a restart of agentopz is no change', async () => {
    expect(await cohortChanges(prometheus, span(-90, 0), NOW)).toEqual([
      { atMs: at(-45), kind: 'change', text: 'prompt version v2 was first seen, after v1', ref: 'prompt_version=v2' },
    ])
  })
  test('not before and not after it', async () => {
    expect(await cohortChanges(prometheus, span(-40, 0), NOW)).toEqual([])
    expect(await cohortChanges(prometheus, span(-90, -46), NOW)).toEqual([])
  })
  test('an agent that is new has not changed', async () => {
    expect(await cohortChanges(prometheus, span(-90, 0, 'new'), NOW)).toEqual([])
  })
})

describe('what stood before', () => {
  const incident = (startMinute: number, labels: Readonly<Record<string, string>>, openedMinute = startMinute): Incident =>
    ({
      agent: 'support',
      environment: 'prod',
      startedMs: at(startMinute),
      openedMs: at(openedMinute),
      alerts: [alert('A', startMinute, { labels })],
    }) as unknown as Incident
  const standing = { fallback: undefined, activations: ['v1', 'v2', 'v3'] }
  test('baseline and objectives as they were when it began, not as they are', async () => {
    expect(await preparedness(prometheus, incident(-70, { sli: 'quality' }, -70), standing, at(-69))).toEqual({
      atMs: at(-69),
      baseline: { sli: 'quality', badRatio: 0.02, total: 500 },
      objectives: { quality: 0.97, steps_per_run: 20 },
      activeRelease: 'v3',
      formerRelease: 'v2',
      fallback: 'none',
    })
    expect((await preparedness(prometheus, incident(-50, { sli: 'quality' }), standing, at(-49))).objectives).toEqual({ quality: 0.97 })
  })
  test('of the tool that the alert names', async () => {
    expect((await preparedness(prometheus, incident(-70, { sli: 'tool_error', tool: 'search' }), standing, at(-69))).baseline).toEqual({
      sli: 'tool_error',
      badRatio: 0.01,
      total: 80,
    })
    expect(await preparedness(prometheus, incident(-70, { sli: 'tool_error', tool: 'other' }), standing, at(-69))).toMatchObject({
      noBaseline: true,
    })
  })
  test('an alert that is about no SLI is held against quality; one we do not know too', async () => {
    for (const labels of [{}, { sli: 'unheard' }])
      expect((await preparedness(prometheus, incident(-70, labels), standing, at(-69))).baseline?.sli).toBe('quality')
  })
  test('what stands now is not said of an incident of long ago', async () => {
    const found = await preparedness(prometheus, incident(-70, { sli: 'quality' }, -70), standing, at(-50))
    expect(Object.keys(found).sort()).toEqual(['atMs', 'baseline', 'objectives'])
  })
  test('no release, one release, or not known', async () => {
    const of = async (activations: readonly string[] | undefined): Promise<readonly unknown[]> => {
      const found = await preparedness(prometheus, incident(-70, {}), { fallback: 'call us', activations }, at(-69))
      return [found.activeRelease, found.formerRelease, found.fallback]
    }
    expect([await of([]), await of(['v1']), await of(undefined)]).toEqual([
      [null, null, 'message'],
      ['v1', null, 'message'],
      [undefined, undefined, 'message'],
    ])
  })
  test('a fallback that answers, and one that does not', async () => {
    const of = async (fallback: string): Promise<readonly unknown[]> => {
      const found = await preparedness(prometheus, incident(-70, {}), { fallback, activations: [] }, at(-69))
      return [found.fallback, found.fallbackReachable]
    }
    expect([await of(`${prometheus.url}/-/ready`), await of(`${prometheus.url}/nowhere`), await of('http://127.0.0.1:1/')]).toEqual([
      ['url', true],
      ['url', false],
      ['url', false],
    ])
  })
})

describe('the blast radius', () => {
  test('runs, failed runs and dollars since then; a run that failed twice over counts once', async () => {
    const blast = await blastRadius(prometheus, { agent: 'support', environment: 'prod', sinceMs: at(-60), nowMs: NOW })
    // Of 240 runs in an hour of one sample a minute, Prometheus sees 59 minutes and extrapolates to 60.
    expect(blast).toEqual({ sinceMs: at(-60), runs: 240, failedRuns: 120, costUsd: 30, users: 'unknown' })
  })
  test('ends when it was mitigated: runs after that are none of its', async () => {
    const until = { sinceMs: at(-60), untilMs: at(-30), nowMs: NOW }
    const blast = await blastRadius(prometheus, { agent: 'support', environment: 'prod', ...until })
    expect(blast).toEqual({ sinceMs: at(-60), untilMs: at(-30), runs: 120, failedRuns: 60, costUsd: 15, users: 'unknown' })
  })
  test('of what there are no series of: unknown, not 0', async () => {
    expect(await blastRadius(prometheus, { agent: 'nobody', environment: 'prod', sinceMs: at(-60), nowMs: NOW })).toEqual({
      sinceMs: at(-60),
      users: 'unknown',
    })
  })
})
