/**
 * Nights, weekends and a silence, by promtool over eight simulated days: an office agent that nobody expects at night, and must be missed
 * at noon. Only the rules on volume are loaded, for promtool evaluates every rule at each of eleven thousand minutes.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { type RuleGroup, ruleGroups } from '../../alert-rules/rules.ts'

const dir = mkdtempSync(join(tmpdir(), 'agentopz-week-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const NEEDED = ['agentopz-volume', 'agentopz-teams']
const ALERTS = ['AgentSilent', 'AgentVolumeLow', 'AgentVolumeDrop', 'AgentVolumeSurge']
const DAY = 1440
const HOUR = 60
/** promtool's clock starts on Thursday, 1 January 1970. */
const isOffice = (minute: number): boolean => {
  const weekday = (Math.floor(minute / DAY) + 4) % 7
  const hour = Math.floor((minute % DAY) / HOUR)
  return weekday >= 1 && weekday <= 5 && hour >= 8 && hour < 18
}

/** A counter as promtool writes it, from its growth per minute. */
function counter(minutes: number, perMinute: (minute: number) => number): string {
  const parts: string[] = []
  let value = 0
  let step = perMinute(0)
  let from = 0
  const flush = (to: number): void => {
    // `a+bxn` is n + 1 values; the next run of values starts a step further.
    parts.push(`${value}+${step}x${to - from - 1}`)
    value += step * (to - from)
  }
  for (let m = 1; m < minutes; m++) {
    const next = perMinute(m)
    if (next === step) continue
    flush(m)
    from = m
    step = next
  }
  flush(minutes)
  return parts.join(' ')
}

/** When the last run was, in seconds, from the same growth. */
function lastRun(minutes: number, perMinute: (minute: number) => number): string {
  const parts: string[] = []
  let from = 0
  for (let m = 1; m <= minutes; m++) {
    if (m < minutes && perMinute(m) > 0 === perMinute(from) > 0) continue
    parts.push(perMinute(from) > 0 ? `${from * 60}+60x${m - from - 1}` : `${Math.max(0, from - 1) * 60}x${m - from - 1}`)
    from = m
  }
  return parts.join(' ')
}

test('an office agent is not missed at night or on Sunday, and is at noon', () => {
  // From Thursday to the Friday of the next week; on that Friday nothing comes after ten.
  const silentFrom = 8 * DAY + 10 * HOUR
  const minutes = 8 * DAY + 13 * HOUR
  const rate = (m: number): number => (m < silentFrom && isOffice(m) ? 1 : 0)
  const labels = 'agent="office",environment="prod"'
  const groups = ruleGroups().flatMap((g): readonly RuleGroup[] => {
    if (NEEDED.includes(g.name)) return [g]
    const rules = g.rules.filter((r) => 'alert' in r && ALERTS.includes(r.alert))
    return rules.length === 0 ? [] : [{ ...g, rules }]
  })
  writeFileSync(join(dir, 'rules.yaml'), stringify({ groups }, { lineWidth: 0 }))
  const none = (at: number): object => ({ expr: 'ALERTS{severity="critical"}', eval_time: `${at}m`, exp_samples: [] })
  const fired = (name: string, at: number): object => ({
    expr: `count(ALERTS{alertname="${name}",alertstate="firing",agent="office"})`,
    eval_time: `${at}m`,
    exp_samples: [{ labels: '{}', value: 1 }],
  })
  const sunday = 3 * DAY
  const thursday = 7 * DAY
  writeFileSync(
    join(dir, 'week.test.yaml'),
    stringify({
      rule_files: ['rules.yaml'],
      evaluation_interval: '1m',
      tests: [
        {
          interval: '1m',
          input_series: [
            { series: `agentopz_runs_total{${labels},outcome="ok",quality="pass"}`, values: counter(minutes, rate) },
            { series: `agentopz_last_run_timestamp_seconds{${labels}}`, values: lastRun(minutes, rate) },
          ],
          promql_expr_test: [
            // The first night, with no day before to know it by; a Saturday and a Sunday after working days; the first Monday.
            none(20 * HOUR),
            none(2 * DAY + 12 * HOUR),
            none(sunday + 12 * HOUR),
            none(4 * DAY + 8 * HOUR + 20),
            none(4 * DAY + 12 * HOUR),
            none(thursday + 3 * HOUR),
            none(thursday + 8 * HOUR + 10),
            none(thursday + 22 * HOUR),
            none(silentFrom - 30),
            fired('AgentSilent', silentFrom + 45),
          ],
        },
      ],
    }),
  )
  const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', join(dir, 'week.test.yaml')], { encoding: 'utf8' })
  expect({ status, stderr, stdout: stdout.replace(/^Unit Testing:.*\n/, '').trim() }).toEqual({ status: 0, stderr: '', stdout: 'SUCCESS' })
}, 600_000)
