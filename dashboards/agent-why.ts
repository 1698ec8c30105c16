/**
 * Why did it page: every signal of an agent against its baseline, window by window, beside the bounds that the rules decide by
 * (model/thresholds.ts), so that a page can be read off a table.
 */
import { PAGE, TICKET } from '../model/thresholds.ts'
import type { Window } from '../model/slis.ts'
import type { Section } from './board.ts'
import type { Threshold } from './grafana.ts'
import { query, table, timeseries, type Column } from './panels.ts'
import { max, words } from './query.ts'
import { above, firingSince } from './shares.ts'
import { ONE, toRunbook } from './variables.ts'

const w = words(ONE)
const SIGNAL = ['sli', 'tool', 'evaluation'] as const
const SHOWN: readonly Window[] = ['10m', '1h', '6h', '1d']

/** Yellow from 3, red where a page may come from; a day only ever makes tickets. */
function bounds(window: Window): readonly Threshold[] {
  if (window === '1d') return above(3, 'yellow', TICKET['1d'].z, 'orange')
  return above(3, 'yellow', PAGE[window].z, 'red')
}

const LETTERS = ['A', 'B', 'C', 'D'] as const
const columns: readonly Column[] = SHOWN.map((window, at) => ({
  from: `Value #${LETTERS[at] ?? ''}`,
  title: `z ${window}`,
  unit: 'none',
  decimals: 1,
  thresholds: bounds(window),
  coloured: true,
}))

export const agentWhy: Section = {
  title: 'Why did it page',
  panels: [
    table(
      {
        title: 'Alerts of this agent that fire',
        description:
          'Pages before tickets, the oldest first. The name opens the runbook. `points at` is the cause that the alert suggests by itself.',
        unit: 'none',
        width: 24,
        height: 5,
        columns: [
          { from: 'severity', title: 'severity', width: 110 },
          { from: 'alertname', title: 'alertname', link: toRunbook, width: 240 },
          { from: 'Value', title: 'since', unit: 'dateTimeAsIso', width: 200 },
          { from: 'cause', title: 'points at', width: 110 },
          { from: 'family', title: 'family', width: 110 },
          { from: 'tool', title: 'tool' },
        ],
        sort: [{ column: 'severity' }, { column: 'since' }],
      },
      [query(firingSince(w, ['severity', 'alertname', 'cause', 'family', 'tool'], ONE), '', { mayBeEmpty: 'no alert may be firing' })],
    ),
    table(
      {
        title: 'Every signal against its own normal',
        description:
          'z: how far the share of the window is from the baseline, in standard errors, chance and this agent’s own dispersion included; red is significant enough to page. A page also needs size: the share must have moved by so many points, or the mean by so much. n: how many events the last hour had. For cost, steps and duration the share is where runs lie on a logarithmic scale.',
        unit: 'none',
        width: 14,
        height: 11,
        columns: [
          { from: 'sli', title: 'signal' },
          { from: 'tool', title: 'tool' },
          { from: 'evaluation', title: 'evaluation' },
          ...columns,
          { from: 'Value #E', title: 'share 1h', unit: 'percentunit', decimals: 1 },
          { from: 'Value #F', title: 'normal', unit: 'percentunit', decimals: 1 },
          { from: 'Value #G', title: 'n 1h', unit: 'short', decimals: 0 },
        ],
        sort: [{ column: 'z 1h', descending: true }],
      },
      [
        ...SHOWN.map((window) => query(max(SIGNAL, w.recorded(`agent_sli:bad_ratio:zscore${window}`)), '')),
        query(max(SIGNAL, w.recorded('agent_sli:bad_ratio:1h')), ''),
        query(max(SIGNAL, w.recorded('agent_sli:bad_ratio:baseline')), ''),
        query(max(SIGNAL, w.recorded('agent_sli:total:increase1h')), ''),
      ],
    ),
    timeseries(
      {
        title: 'z of the last hour by signal',
        description: `The same over time. The dashed line is where an hour becomes significant enough to page (${PAGE['1h'].z}).`,
        unit: 'none',
        decimals: 1,
        width: 10,
        height: 11,
        softMax: 6,
        interval: '1m',
        thresholds: [
          { color: 'transparent', value: null },
          { color: 'red', value: PAGE['1h'].z },
        ],
      },
      [query(max(['sli', 'tool', 'evaluation'], w.recorded('agent_sli:bad_ratio:zscore1h')), '{{sli}} {{tool}}{{evaluation}}')],
    ),
  ],
}
