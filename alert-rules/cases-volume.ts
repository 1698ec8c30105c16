/** promtool cases of the alerts on volume, spend and open runs. */
import type { AlertName } from '../model/alerts.ts'
import { type AlertCase, type InputSeries, ofAgent, owner, steady } from './case.ts'

const own = owner()
const c = (name: string, alert: AlertName, series: InputSeries, fires: AlertCase['fires'], minute = 18): AlertCase => ({
  name,
  alert,
  series: { ...own, ...series },
  minute,
  fires,
})

interface Volume {
  readonly half: number
  readonly hour: number
  readonly expected: number
  readonly before?: number
  readonly beforeExpected?: number
}

/** Runs of the last half hour and hour, what to expect, and the five hours before. */
function volume({ half, hour, expected, before = expected * 5, beforeExpected = expected * 5 }: Volume): InputSeries {
  return {
    [ofAgent('agent:runs:increase30m')]: steady(half),
    [ofAgent('agent:runs:increase1h')]: steady(hour),
    [ofAgent('agent:runs:expected1h')]: steady(expected),
    [ofAgent('agent:runs:increase6h')]: steady(hour + before),
    [ofAgent('agent:runs:expected6h')]: steady(expected + beforeExpected),
  }
}

function spend(usd: number, runs: number, expectedRuns: number): InputSeries {
  return {
    [ofAgent('agent:cost_usd:increase1h')]: steady(usd),
    [ofAgent('agent:cost_usd:expected1h')]: steady(expectedRuns * 0.1),
    [ofAgent('agent:run_cost_usd:mean:baseline')]: steady(0.1),
    [ofAgent('agent:runs:increase1h')]: `${expectedRuns}x120 ${runs}x60`,
    [ofAgent('agent:runs:expected1h')]: steady(expectedRuns, 180),
  }
}

const lastRun = (at: number): InputSeries => ({ [ofAgent('agentopz_last_run_timestamp_seconds')]: steady(at) })
const evidence = (nats: number): InputSeries => ({ [ofAgent('agent:silence:evidence')]: steady(nats) })
const runaway = (measure: 'cost_usd' | 'steps' | 'age_seconds', now: number, normal: number): InputSeries => ({
  [ofAgent(`agentopz_open_run_max_${measure}`)]: steady(now),
  [ofAgent(`agent:open_run_max_${measure}:baseline`)]: steady(normal),
})
const surge = (hour: number, expected: number): InputSeries => ({
  ...volume({ half: hour / 2, hour, expected }),
  // The usual day, then the surge.
  [ofAgent('agent:runs:increase1h')]: `${expected}x120 ${hour}x60`,
  [ofAgent('agent:runs:increase10m')]: steady(hour / 6, 180),
  [ofAgent('agent:runs:increase30m')]: steady(hour / 2, 180),
  [ofAgent('agent:runs:expected1h')]: steady(expected, 180),
  [ofAgent('agent:runs:expected_high10m')]: steady(expected / 4, 180),
  [ofAgent('agent:team:info', { team: 'sales' })]: steady(1, 180),
})

/** All cases of this file. */
export const VOLUME_CASES: readonly AlertCase[] = [
  c('silent for longer than chance allows', 'AgentSilent', { ...lastRun(0), ...evidence(12) }, [{}]),
  c('a night with few runs is not silence', 'AgentSilent', { ...lastRun(0), ...evidence(6) }, []),
  c('no expectation for this hour, no word', 'AgentSilent', lastRun(0), []),
  c(
    'configured to run every 15 minutes, and has not',
    'AgentSilent',
    { ...lastRun(0), [ofAgent('agentopz_objective', { objective: 'expect_runs_every_seconds' })]: steady(900) },
    [{}],
  ),
  c(
    'configured to run every hour, 30 minutes ago is fine',
    'AgentSilent',
    { ...lastRun(0), [ofAgent('agentopz_objective', { objective: 'expect_runs_every_seconds' })]: steady(3600) },
    [],
  ),
  c('six times as many runs', 'AgentVolumeSurge', surge(600, 100), [{}], 150),
  c('twice as many runs is a good day', 'AgentVolumeSurge', surge(200, 100), [], 150),
  c('ten runs instead of one', 'AgentVolumeSurge', surge(10, 1), [], 150),
  c('runs fall to a third after normal hours', 'AgentVolumeDrop', volume({ half: 150, hour: 300, expected: 1000 }), [{}]),
  c('a holiday was low from the morning on', 'AgentVolumeDrop', volume({ half: 150, hour: 300, expected: 1000, before: 1500 }), []),
  c(
    'an office opens: nothing was expected before',
    'AgentVolumeDrop',
    volume({ half: 5, hour: 10, expected: 100, before: 3, beforeExpected: 4 }),
    [],
  ),
  c('two runs instead of five', 'AgentVolumeDrop', volume({ half: 1, hour: 2, expected: 5 }), []),
  c('a third of the runs all day', 'AgentVolumeLow', volume({ half: 150, hour: 300, expected: 1000, before: 1500 }), [{}]),
  c('four fifths of the runs', 'AgentVolumeLow', volume({ half: 400, hour: 800, expected: 1000 }), []),
  c('a weekend that was like this last week', 'AgentVolumeLow', volume({ half: 1, hour: 2, expected: 3 }), []),
  c(
    'ten times the money',
    'AgentSpendSurge',
    {
      ...spend(100, 1000, 100),
      [ofAgent('agent:team:info', { team: 'sales' })]: steady(1, 180),
      [ofAgent('agent:cost_usd:increase1h')]: steady(100, 180),
      [ofAgent('agent:cost_usd:expected1h')]: steady(10, 180),
      [ofAgent('agent:run_cost_usd:mean:baseline')]: steady(0.1, 180),
    },
    [{}],
    150,
  ),
  c('twice the money', 'AgentSpendSurge', spend(20, 200, 100), []),
  c(
    'one run that cost as much as an hour',
    'AgentSpendSurge',
    { ...spend(60, 100, 100), [ofAgent('agent_sli:bad_ratio:zscore1h', { sli: 'cost' })]: steady(0.5) },
    [],
  ),
  c('one dear run of a quiet agent', 'AgentSpendSurge', spend(2, 1, 1), []),
  c('an open run costs five times the most', 'AgentRunaway', runaway('cost_usd', 5, 1), [{ measure: 'cost_usd' }]),
  c('an open run takes three times the steps', 'AgentRunaway', runaway('steps', 90, 30), [{ measure: 'steps' }]),
  c('an open run is four times as old', 'AgentRunaway', runaway('age_seconds', 4000, 1000), [{ measure: 'age_seconds' }]),
  c('an open run is the largest so far', 'AgentRunaway', runaway('cost_usd', 1.5, 1), []),
  c('an open run without any baseline', 'AgentRunaway', { [ofAgent('agentopz_open_run_max_steps')]: steady(500) }, []),
]
