/** promtool cases of the alerts on shares and sizes: each fires on its own, and keeps still for what only looks like it. */
import type { AlertName } from '../model/alerts.ts'
import type { SliName } from '../model/slis.ts'
import { EFFECTS } from '../model/thresholds.ts'
import { type AlertCase, owner, shift, type ShiftInput } from './case.ts'

const own = owner()
const at = (name: string, alert: AlertName, input: ShiftInput, fires: AlertCase['fires']): AlertCase => ({
  name,
  alert,
  series: { ...own, ...shift(input) },
  minute: 5,
  fires,
})

/** The five cases that hold for every page on a share. */
function pages(alert: AlertName, sli: SliName, labels: Readonly<Record<string, string>> = {}): readonly AlertCase[] {
  const fires = [{ sli, ...labels }]
  const by = { sli, labels, baseline: 0.05 }
  const low = EFFECTS[sli].page - 0.02
  return [
    at(
      `${sli}: most of ten minutes is bad`,
      alert,
      { ...by, windows: { '10m': { share: 0.6, z: 9, n: 60 }, '30m': { share: 0.3, z: 6, n: 180 } } },
      fires,
    ),
    at(
      `${sli}: an hour of a quiet agent is bad`,
      alert,
      { ...by, windows: { '1h': { share: 0.8, z: 5.2, n: 5 }, '30m': { share: 0.7, z: 3, n: 3 }, '10m': { share: 1, z: 2, n: 1 } } },
      fires,
    ),
    at(
      `${sli}: one failure of two runs is no evidence`,
      alert,
      {
        ...by,
        windows: {
          '10m': { share: 0.5, z: 5, n: 2 },
          '30m': { share: 0.5, z: 5, n: 2 },
          '1h': { share: 0.5, z: 5, n: 2 },
          '3h': { share: 0.5, z: 5, n: 2 },
        },
      },
      [],
    ),
    at(
      `${sli}: certain but small, as a busy agent wobbles`,
      alert,
      {
        ...by,
        windows: {
          '10m': { share: 0.05 + low, z: 9, n: 2000 },
          '1h': { share: 0.05 + low, z: 9, n: 9000 },
          '6h': { share: 0.05 + low, z: 9, n: 50_000 },
        },
      },
      [],
    ),
    at(
      `${sli}: over, though the last hours still show it`,
      alert,
      {
        ...by,
        windows: {
          '10m': { share: 0.05, z: 0, n: 60 },
          '30m': { share: 0.02, z: -1.5, n: 180 },
          '1h': { share: 0.4, z: 6, n: 300 },
          '3h': { share: 0.4, z: 9, n: 900 },
          '6h': { share: 0.3, z: 9, n: 1800 },
        },
      },
      [],
    ),
  ]
}

function sizes(alert: AlertName, sli: 'cost' | 'steps' | 'duration'): readonly AlertCase[] {
  const by = { sli, baseline: 0.3, mean: 2 }
  return [
    at(`${sli}: three times as much`, alert, { ...by, windows: { '10m': { share: 0.45, z: 8, n: 30, size: 180 } } }, [{ sli }]),
    at(`${sli}: a fifth more, however certain`, alert, { ...by, windows: { '10m': { share: 0.33, z: 8, n: 3000, size: 7200 } } }, []),
    at(
      `${sli}: one huge run moves the mean, not the distribution`,
      alert,
      { ...by, windows: { '10m': { share: 0.31, z: 0.5, n: 30, size: 600 } } },
      [],
    ),
    at(`${sli}: a third of normal is no page`, alert, { ...by, windows: { '10m': { share: 0.2, z: -8, n: 30, size: 20 } } }, []),
  ]
}

function tickets(alert: AlertName, sli: SliName, labels: Readonly<Record<string, string>> = {}): readonly AlertCase[] {
  const by = { sli, labels, baseline: 0.05 }
  return [
    {
      ...at(
        `${sli}: somewhat worse for a day`,
        alert,
        {
          ...by,
          windows: { '1h': { share: 0.16, z: 2, n: 100 }, '6h': { share: 0.17, z: 6, n: 600 }, '1d': { share: 0.17, z: 9, n: 2400 } },
        },
        [{ sli, ...labels }],
      ),
      minute: 18,
    },
    {
      ...at(
        `${sli}: was worse, is over`,
        alert,
        {
          ...by,
          windows: { '1h': { share: 0.05, z: 0, n: 100 }, '6h': { share: 0.17, z: 1, n: 600 }, '1d': { share: 0.17, z: 9, n: 2400 } },
        },
        [],
      ),
      minute: 18,
    },
  ]
}

const behaviour = (
  name: string,
  sli: SliName,
  window: { share: number; z: number; n: number; size: number },
  hour: number,
  fires: AlertCase['fires'],
): AlertCase => ({
  ...at(
    name,
    'AgentBehaviourChanged',
    {
      sli,
      baseline: 0.3,
      mean: 2,
      windows: { '6h': window, '1h': { share: window.share, z: hour, n: 100, size: (window.size / window.n) * 100 } },
    },
    fires,
  ),
  minute: 18,
})

/** All cases of this file. */
export const SHIFT_CASES: readonly AlertCase[] = [
  ...pages('AgentQualityDrop', 'quality'),
  ...pages('AgentQualityDrop', 'evaluation', { evaluation: 'groundedness' }),
  ...pages('AgentRunErrors', 'run_error'),
  ...pages('AgentRefusalSpike', 'refusal'),
  ...pages('AgentRefusalSpike', 'filtered'),
  ...pages('AgentTruncationSpike', 'truncation'),
  ...pages('AgentEmptyAnswers', 'empty'),
  ...pages('AgentToolFailing', 'tool_error', { tool: 'search' }),
  ...pages('AgentToolEmpty', 'tool_empty', { tool: 'search' }),
  ...pages('AgentLooping', 'loop'),
  ...sizes('AgentCostShift', 'cost'),
  ...sizes('AgentStepsShift', 'steps'),
  ...sizes('AgentDurationShift', 'duration'),
  ...tickets('AgentQualityDrift', 'quality'),
  ...tickets('AgentOutcomeDrift', 'refusal'),
  ...tickets('AgentToolDegraded', 'tool_error', { tool: 'search' }),
  behaviour('half as many steps for six hours', 'steps', { share: 0.2, z: -9, n: 600, size: 600 }, -3, [{ sli: 'steps' }]),
  behaviour('half as much again for six hours', 'cost', { share: 0.4, z: 6, n: 600, size: 1800 }, 3, [{ sli: 'cost' }]),
  behaviour('back to normal within the hour', 'steps', { share: 0.2, z: -9, n: 600, size: 600 }, 0.2, []),
  behaviour('a shift of a tenth', 'steps', { share: 0.31, z: 6, n: 60_000, size: 132_000 }, 3, []),
  {
    ...at(
      'an owner who wants no pages gets tickets',
      'AgentQualityDrop',
      { sli: 'quality', baseline: 0.05, windows: { '10m': { share: 0.6, z: 9, n: 60 } } },
      [{ sli: 'quality', severity: 'warning', agent_severity: 'warning' }],
    ),
    series: { ...owner('warning'), ...shift({ sli: 'quality', baseline: 0.05, windows: { '10m': { share: 0.6, z: 9, n: 60 } } }) },
  },
]
