/** What agentopz must not lose: its storage, its journal, its certificates. A section of the board about the processor. */
import type { Section } from './board.ts'
import { query, timeseries } from './panels.ts'
import { apply, min, sum, words } from './query.ts'

const w = words({})
const third = { width: 8, min: 0, interval: '1m' } as const

export const durability: Section = {
  title: 'Storage, journal, certificates',
  panels: [
    timeseries(
      {
        ...third,
        title: 'Storage and journal',
        description:
          'By instance: 1 while they can be written, 0 while not. Without storage no agent can be stopped; without the journal requests are refused, or lost with the process.',
        unit: 'short',
        decimals: 0,
      },
      [
        query(min(['instance'], w.metric('agentopz_storage_up')), '{{instance}} storage'),
        query(min(['instance'], w.metric('agentopz_journal_up')), '{{instance}} journal', { mayBeEmpty: 'there is no journal' }),
      ],
    ),
    timeseries(
      {
        ...third,
        title: 'Damage of the journal',
        description:
          'What the last start could not read of the journal, by kind; torn_tail is a write that a kill cut short, nothing is lost.',
        unit: 'short',
        decimals: 0,
      },
      [
        query(sum(['instance', 'kind'], w.metric('agentopz_journal_damage_total')), '{{instance}} {{kind}}', {
          mayBeEmpty: 'nothing of the kind may have happened yet',
        }),
      ],
    ),
    timeseries(
      {
        ...third,
        title: 'Time until certificates expire',
        description: 'Of the first certificate of each file that expires; below 0 it has. A reload reads renewed files.',
        unit: 's',
      },
      [
        query(
          apply(min(['instance', 'certificate'], w.metric('agentopz_tls_certificate_expiry_timestamp_seconds')), (x) => `${x} - time()`),
          '{{instance}} {{certificate}}',
          { mayBeEmpty: 'TLS is not configured' },
        ),
      ],
    ),
  ],
}
