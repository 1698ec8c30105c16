/**
 * The detection harness's own rules: alert states as Prometheus has them, order and reach of recording rules, what is received and what
 * counts, parameters, and a simulator that tells the same story twice.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RuleGroup } from '../../alert-rules/rules.ts'
import { firings } from '../../bench/detection/alert-states.ts'
import type { FiredAlert } from '../../bench/detection/evaluate.ts'
import { INCIDENT_CLASSES } from '../../bench/detection/fleet/incident-classes.ts'
import { DEFAULT_PARAMETERS } from '../../bench/detection/fleet/parameters.ts'
import { planFleet } from '../../bench/detection/fleet/schedule.ts'
import { aliveMinutes, AgentSeries } from '../../bench/detection/fleet/series.ts'
import type { Truth } from '../../bench/detection/fleet/truth.ts'
import { readOptions } from '../../bench/detection/options.ts'
import { episodesOf, signalsOf } from '../../bench/detection/pages.ts'
import { mergeParameters } from '../../bench/detection/parameters-input.ts'
import { lookbackSeconds, planRules } from '../../bench/detection/rule-plan.ts'
import { OURS } from '../../bench/detection/rule-set.ts'
import { scoreFleet } from '../../bench/detection/score.ts'
import { poissonInterval, quantile } from '../../bench/detection/summary.ts'
import { ALERTS } from '../../model/alerts.ts'

describe('when an alert fires', () => {
  const at = (holds: string, forMinutes: number, keepMinutes: number) =>
    firings(new Set(Array.from(holds).flatMap((c, i) => (c === 'x' ? [i * 60] : []))), {
      start: 0,
      end: (holds.length - 1) * 60,
      step: 60,
      forSeconds: forMinutes * 60,
      keepFiringSeconds: keepMinutes * 60,
    }).map((f) => [f.start / 60, f.end / 60])

  const cases: readonly (readonly [string, string, number, number, readonly (readonly number[])[]])[] = [
    ['never, when the condition never holds for long enough', '.xx.xx.', 2, 0, []],
    ['from the first evaluation without `for`', '.xx...', 0, 0, [[1, 3]]],
    ['after `for`, to the first evaluation that misses', '.xxxx..', 2, 0, [[3, 5]]],
    ['on through a gap shorter than keep_firing_for', '.x.x....', 0, 3, [[1, 7]]],
    [
      'anew after a gap that is longer',
      'x...x.',
      0,
      2,
      [
        [0, 3],
        [4, 5],
      ],
    ],
    ['to the end when it still does', '..xxx', 1, 0, [[3, 4]]],
  ]
  for (const [name, holds, f, k, expected] of cases) test(name, () => expect(at(holds, f, k)).toEqual(expected))

  test('exactly as promtool says, on random series', () => {
    const dir = mkdtempSync(join(tmpdir(), 'agentopz-states-'))
    try {
      const random = fc.sample(
        fc.record({
          holds: fc.array(
            fc.integer({ min: 0, max: 3 }).map((n) => n > 0),
            { minLength: 40, maxLength: 40 },
          ),
          forMinutes: fc.constantFrom(0, 1, 2, 5),
          keepMinutes: fc.constantFrom(0, 1, 2, 4),
        }),
        { numRuns: 40, seed: 7 },
      )
      const duration = (minutes: number): string => `${minutes}m`
      const rules = random.map(({ forMinutes, keepMinutes }, i) => ({
        alert: `A${i}`,
        expr: `s${i} == 1`,
        ...(forMinutes > 0 ? { for: duration(forMinutes) } : {}),
        ...(keepMinutes > 0 ? { keep_firing_for: duration(keepMinutes) } : {}),
      }))
      const states = random.map(({ holds, forMinutes, keepMinutes }) =>
        firings(new Set(holds.flatMap((h, m) => (h ? [m * 60] : []))), {
          start: 0,
          end: 39 * 60,
          step: 60,
          forSeconds: forMinutes * 60,
          keepFiringSeconds: keepMinutes * 60,
        }),
      )
      const tests = [
        {
          interval: '1m',
          input_series: random.map(({ holds }, i) => ({ series: `s${i}`, values: holds.map((h) => (h ? '1' : '0')).join(' ') })),
          alert_rule_test: states.flatMap((fired, i) =>
            Array.from({ length: 39 }, (_, m) => ({
              eval_time: duration(m),
              alertname: `A${i}`,
              exp_alerts: fired.some((f) => m * 60 >= f.start && m * 60 < f.end) ? [{}] : [],
            })),
          ),
        },
      ]
      writeFileSync(join(dir, 'rules.yaml'), JSON.stringify({ groups: [{ name: 'g', interval: '1m', rules }] }))
      writeFileSync(join(dir, 'test.yaml'), JSON.stringify({ rule_files: ['rules.yaml'], evaluation_interval: '1m', tests }))
      expect(states.flat().length).toBeGreaterThan(30)
      expect(execFileSync('promtool', ['test', 'rules', 'test.yaml'], { cwd: dir, encoding: 'utf8' })).toContain('SUCCESS')
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
})

describe('what is recorded', () => {
  const period = { dataStart: 0, start: 700_000, end: 1_300_000, dataKey: 'k' }
  const record = (name: string, expr: string) => ({ record: name, expr })
  const alerting = (expr: string) => ({ alert: 'A', expr, labels: {}, annotations: {} })
  const groups: readonly RuleGroup[] = [
    { name: 'a', interval: '1m', rules: [record('x:z', 'x:ratio - x:ratio:baseline'), record('x:ratio', 'x:bad / x:total')] },
    { name: 'b', interval: '5m', rules: [record('x:ratio:baseline', 'avg_over_time(x:ratio[1d:1h] offset 2h)')] },
    {
      name: 'c',
      interval: '1m',
      rules: [record('x:bad', 'sum(increase(bad[5m]))'), record('x:total', 'sum(increase(total[5m]))'), record('x:unused', 'x:bad')],
    },
    { name: 'd', interval: '1m', rules: [alerting('x:z{why="x:unused"} > 3')] },
  ]
  const plan = planRules(groups, period)
  const of = (name: string) => plan.recorded.find((r) => r.rule.record === name)

  test('comes after what it is made of, whatever the order of the file', () =>
    expect(plan.recorded.map((r) => [r.rule.record, r.level])).toEqual([
      ['x:bad', 0],
      ['x:total', 0],
      ['x:ratio', 1],
      ['x:ratio:baseline', 2],
      ['x:z', 3],
    ]))
  test('is what an alert needs, and a label value is no need', () => expect(of('x:unused')).toBeUndefined())
  test('begins as early as anything looks back', () => {
    expect(of('x:z')?.start).toBe(700_000 - 300)
    expect(of('x:ratio:baseline')?.intervalSeconds).toBe(300)
    expect(of('x:ratio')?.start).toBe(700_000 - 300 - 60 - 300 - 300 - (86_400 + 7200 + 300))
    expect(planRules(groups, { ...period, dataStart: 650_000 }).recorded.every((r) => r.start >= 650_000)).toBe(true)
  })
  test('has another key when anything below it changes', () => {
    const changed = planRules(
      [
        ...groups.slice(0, 2),
        { ...groups[2]!, rules: [record('x:bad', 'sum(increase(bad[6m]))'), ...groups[2]!.rules.slice(1)] },
        groups[3]!,
      ],
      period,
    )
    const key = (p: typeof plan, name: string) => p.recorded.find((r) => r.rule.record === name)?.key
    expect(key(changed, 'x:total')).toBe(key(plan, 'x:total'))
    for (const name of ['x:bad', 'x:ratio', 'x:z']) expect(key(changed, name)).not.toBe(key(plan, name))
    expect(changed.alerts[0]?.key).not.toBe(plan.alerts[0]?.key)
  })
  test('not at all in a circle', () =>
    expect(() => planRules([{ name: 'a', interval: '1m', rules: [record('x:a', 'x:b'), record('x:b', 'x:a')] }], period)).toThrow(
      'x:a → x:b → x:a',
    ))
  test('looks back through ranges, subqueries and offsets', () => {
    expect(lookbackSeconds('up')).toBe(300)
    expect(lookbackSeconds('rate(a[5m]) + rate(b[1h] offset 1d)')).toBe(3600 + 86_400 + 300)
    expect(lookbackSeconds('sum_over_time(a[7d:1h] offset 1h)')).toBe(604_800 + 3600 + 300)
  })
})

const T = 1_000_000
function fire(name: string, fromMinute: number, toMinute: number, labels: Record<string, string> = {}): FiredAlert {
  return { name, labels: { agent: 'a', environment: 'e', ...labels }, start: T + fromMinute * 60, end: T + toMinute * 60 }
}
const truth: Truth = {
  seed: 1,
  environment: 'e',
  testStart: T,
  testEnd: T + 7 * 86_400,
  agents: [
    {
      name: 'a',
      peakRunsPerHour: 40,
      runs: 0,
      normal: { runs: 0, failRatio: 0, badRatio: 0, costUsd: size(), steps: size(), durationSeconds: size() },
    },
  ],
  incidents: [
    {
      agent: 'a',
      incidentClass: 'tool30',
      cause: 'tools',
      alerts: ['AgentToolFailing', 'AgentQualityDrop'],
      start: T + 1000 * 60,
      end: T + 1180 * 60,
      complaints: [T + 1010 * 60, T + 1020 * 60, T + 1030 * 60],
      isUserVisible: true,
      badRuns: 3,
      runs: 9,
    },
  ],
  healthy: [],
  unplaced: [],
  samples: 0,
}
function size() {
  return { mean: 1, p95: 1, p99: 1, max: 1 }
}
const pages = (...fired: FiredAlert[]) => scoreFleet(fired, OURS, truth, ['page'])

describe('what is received', () => {
  const received = (...fired: FiredAlert[]) =>
    episodesOf(signalsOf(fired, OURS, 'e').signals).map((e) => [
      (e.start - T) / 60,
      (e.end - T) / 60,
      e.signals.map((s) => s.alert).join('+'),
    ])
  test('one page for alerts that overlap or follow within five minutes', () =>
    expect(received(fire('AgentCostShift', 0, 10), fire('AgentToolFailing', 15, 20), fire('AgentToolFailing', 26, 30))).toEqual([
      [0, 20, 'AgentCostShift+AgentToolFailing'],
      [26, 30, 'AgentToolFailing'],
    ]))
  test('nothing of an alert while another silences it, the rest of it after', () =>
    expect(received(fire('AgentToolFailing', 0, 10), fire('AgentQualityDrop', 5, 30))).toEqual([
      [0, 30, 'AgentToolFailing+AgentQualityDrop'],
    ]))
  test('an alert is silenced by one that is silenced itself', () => {
    expect(ALERTS.AgentStepsShift.inhibits).toContain('AgentDurationShift')
    expect(received(fire('AgentToolFailing', 0, 10), fire('AgentStepsShift', 0, 10), fire('AgentDurationShift', 2, 10))).toEqual([
      [0, 10, 'AgentToolFailing'],
    ])
  })
  test('another agent silences nothing', () =>
    expect(signalsOf([fire('AgentToolFailing', 0, 10, { agent: 'b' }), fire('AgentQualityDrop', 0, 10)], OURS, 'e').signals).toHaveLength(
      2,
    ))
  test('alerts without an agent are watchers', () => {
    const { signals, watchers } = signalsOf([{ ...fire('AgentopzDown', 0, 5), labels: {} }], OURS, 'e')
    expect([signals.length, watchers.length]).toEqual([0, 1])
  })
})

describe('what counts', () => {
  test('a page that tells of the incident', () => {
    const s = pages(fire('AgentToolFailing', 1012, 1100))
    expect(s.incidents[0]).toMatchObject({ minutes: 12, pages: 1, causeNamed: 'right', isBeforeThirdComplaint: true })
    expect(s.falsePages).toEqual([])
  })
  test('up to fifteen minutes after the end', () => {
    expect(pages(fire('AgentToolFailing', 1195, 1200)).incidents[0]?.minutes).toBe(195)
    expect(pages(fire('AgentToolFailing', 1196, 1200)).incidents[0]?.minutes).toBeUndefined()
  })
  test('not one that began before', () => {
    const s = pages(fire('AgentToolFailing', 990, 1100))
    expect(s.incidents[0]?.minutes).toBeUndefined()
    expect(s.falsePages).toMatchObject([{ kind: 'quiet' }])
  })
  test('not one about something else, which is false', () => {
    const s = pages(fire('AgentVolumeSurge', 1050, 1060))
    expect(s.incidents[0]?.minutes).toBeUndefined()
    expect(s.falsePages).toMatchObject([{ kind: 'other symptom', incidentClass: 'tool30' }])
  })
  test('echoes are false and called so for 26 hours', () => {
    expect(pages(fire('AgentToolFailing', 1300, 1310)).falsePages).toMatchObject([{ kind: 'echo' }])
    expect(pages(fire('AgentToolFailing', 1180 + 26 * 60 + 1, 3000)).falsePages).toMatchObject([{ kind: 'quiet' }])
  })
  test('tickets only where asked for', () => {
    const drift = fire('AgentToolFailing', 1012, 1100)
    expect(scoreFleet([fire('AgentQualityDrift', 100, 200), drift], OURS, truth, ['page']).falsePages).toHaveLength(0)
    expect(scoreFleet([fire('AgentQualityDrift', 100, 200), drift], OURS, truth, ['page', 'ticket']).falsePages).toHaveLength(1)
  })
  test('weeks outside incidents', () => expect(pages().exposures[0]?.weeks).toBeCloseTo(1 - 195 / 10_080))
  test('intervals are exact', () => {
    expect(poissonInterval(0)[0]).toBe(0)
    expect(poissonInterval(0)[1]).toBeCloseTo(3.689, 2)
    expect(poissonInterval(8)[0]).toBeCloseTo(3.454, 2)
    expect(poissonInterval(8)[1]).toBeCloseTo(15.763, 2)
  })
  test('quantiles of few', () => expect([quantile([], 0.5), quantile([3], 0.9), quantile([1, 2, 3], 0.5)]).toEqual([undefined, 3, 2]))
})

describe('parameters', () => {
  test('say only what differs', () => {
    const p = mergeParameters(
      { agents: [{ name: 'coding', peakRunsPerHour: 10 }], noise: { dispersion: 2 }, classes: [{ name: 'tool30', minutes: 60 }] },
      'p',
    )
    expect(p.agents.map((a) => a.peakRunsPerHour)).toEqual([2000, 600, 10, 40, 20, 5])
    expect(p.noise).toEqual({ ...DEFAULT_PARAMETERS.noise, dispersion: 2 })
    expect(p.classes.find((c) => c.name === 'tool30')).toMatchObject({ minutes: 60, effect: { toolError: 0.3 } })
  })
  test('`only` leaves the others out', () => {
    const p = mergeParameters({ only: true, agents: ['invoice'], classes: ['silent'] }, 'p')
    expect([p.agents.map((a) => a.name), p.classes.map((c) => c.name)]).toEqual([['invoice'], ['silent']])
  })
  const mistakes: readonly (readonly [unknown, string])[] = [
    [{ agent: [] }, 'p.agent: no such key'],
    [{ noise: { dispersion: '2' } }, 'p.noise.dispersion: "2" is no number'],
    [{ agents: [{ name: 'new' }] }, 'p: agents.new: a new agent must be whole; add team'],
    [{ agents: [{ name: 'coding', toolWeights: [1] }] }, 'agents.coding.toolWeights'],
    [{ agents: [{ name: 'coding', profile: 'night' }] }, 'profile: "night" is none; write global'],
    [{ agents: [{ name: 'coding', peakRunsPerHour: 0 }] }, 'peakRunsPerHour: 0 is not above 0'],
    [{ classes: [{ name: 'x' }] }, 'classes.x: a new class must be whole; add agents'],
    [{ classes: [{ name: 'tool30', effect: { cost: 2 } }] }, 'effect.cost: no such key'],
    [{ testDays: 0 }, 'testDays: write 1 or more'],
  ]
  for (const [given, message] of mistakes) test(message, () => expect(() => mergeParameters(given, 'p')).toThrow(message))
  test('options in numbers and names', () => {
    const o = readOptions(['--seeds', '4', '--fleets', '3', '--agents', 'coding=7,invoice', '--evaluation-rate', '0.2'])
    if (typeof o === 'string') throw new Error(o)
    expect(o.seeds).toEqual([4, 5, 6])
    expect(o.parameters.agents.map((a) => [a.name, a.peakRunsPerHour, a.evaluationRate])).toEqual([
      ['coding', 7, 0.2],
      ['invoice', 20, 0.2],
    ])
    expect(o.out).toBeUndefined()
    expect(() => readOptions(['--seeds', 'x'])).toThrow('--seeds: "x" is not a number')
    expect(() => readOptions(['--agents', 'nobody'])).toThrow('no agent "nobody"; write support-chat')
    expect(readOptions([])).toMatchObject({ rules: 'all', out: 'docs/detection.md', command: 'npm run bench:detection' })
    expect(readOptions(['--rules', 'all', '--dir', '/tmp/x', '--json'])).toMatchObject({ command: 'npm run bench:detection' })
    expect(readOptions(['--seeds', '7', '--quick', '--width', '4'])).toMatchObject({
      command: 'npm run bench:detection -- --seeds 7 --quick',
    })
  })
})

describe('the simulated fleet', () => {
  test('is the same from the same seed', () => {
    expect(planFleet(5, DEFAULT_PARAMETERS)).toEqual(planFleet(5, DEFAULT_PARAMETERS))
    expect(planFleet(5, DEFAULT_PARAMETERS).incidents).not.toEqual(planFleet(6, DEFAULT_PARAMETERS).incidents)
  })
  test('finds room for every class, apart and in the test period', () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const plan = planFleet(seed, DEFAULT_PARAMETERS)
      expect(plan.unplaced).toEqual([])
      expect(plan.incidents).toHaveLength(INCIDENT_CLASSES.length)
      for (const i of plan.incidents) {
        expect(i.start).toBeGreaterThan(plan.historyMinutes)
        expect(i.end).toBeLessThan(plan.minutes)
        const others = plan.incidents.filter((j) => i !== j && i.agent === j.agent)
        expect(others.every((j) => Math.max(i.start, j.start) - Math.min(i.end, j.end) > 360)).toBe(true)
      }
    }
  })
  test('shows a counter from its first use, anew after a restart and after an idle day', () => {
    const used = new Uint8Array(4000)
    for (const m of [10, 20, 100, 2000]) used[m] = 1
    const alive = aliveMinutes(used, [50])
    expect([alive[9], alive[10], alive[11], alive[49], alive[50], alive[99], alive[100]]).toEqual([0, 2, 1, 1, 0, 0, 2])
    expect([alive[100 + 1440], alive[100 + 1441], alive[2000]]).toEqual([1, 0, 2])
  })
  test('histograms are cumulative, and their usual outcomes begin at 0', () => {
    const s = new AgentSeries('a', 'e', 3, [])
    const steps = s.histogram('agentopz_run_steps')
    const add = s.counter('g', 'agentopz_tool_calls_total', { tool: 't', outcome: 'ok' })
    s.counter('g', 'agentopz_tool_calls_total', { tool: 't', outcome: 'error' })
    add(1, 2)
    steps(0, 3)
    steps(1, 600)
    const shown = Object.fromEntries(s.expose().map((x) => [x.head.trim(), [...x.values]]))
    expect(shown['agentopz_tool_calls_total{agent="a",environment="e",tool="t",outcome="error"}']).toEqual([Number.NaN, 0, 0])
    expect(shown['agentopz_tool_calls_total{agent="a",environment="e",tool="t",outcome="ok"}']).toEqual([Number.NaN, 2, 2])
    expect(shown['agentopz_run_steps_bucket{agent="a",environment="e",le="2.0"}']).toBeUndefined()
    expect(shown['agentopz_run_steps_bucket{agent="a",environment="e",le="0.0"}']).toEqual([0, 0, 0])
    expect(shown['agentopz_run_steps_bucket{agent="a",environment="e",le="3.0"}']).toEqual([1, 1, 1])
    expect(shown['agentopz_run_steps_bucket{agent="a",environment="e",le="+Inf"}']).toEqual([1, 2, 2])
    expect(shown['agentopz_run_steps_sum{agent="a",environment="e"}']).toEqual([3, 603, 603])
  })
})
