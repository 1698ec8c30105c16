/** agentopz itself: is it fed, does it refuse or lose anything, does it hit its bounds, is the process well. No agent is chosen here. */
import type { Board } from './board.ts'
import { durability } from './processor-durability.ts'
import { query, stat, timeseries } from './panels.ts'
import { count, increase, max, min, orZero, rate, sum, words } from './query.ts'
import { above } from './shares.ts'
import { datasource } from './variables.ts'

const w = words({})
const NONE = [] as const
const NEVER = 'nothing of the kind may have happened yet'
const third = { width: 8, min: 0, interval: '1m' } as const

export const processor: Board = {
  name: 'processor',
  description: 'The health of agentopz itself: what it receives, refuses, relays, holds and folds, and the process it runs in.',
  from: 'now-6h',
  variables: [datasource],
  annotations: [],
  sections: [
    {
      title: 'Now',
      panels: [
        stat(
          {
            title: 'Targets up',
            description: 'Processors that Prometheus can scrape, and how many it knows. Fewer up than known: agents are not watched.',
            unit: 'short',
            width: 5,
          },
          [
            query(sum(NONE, w.other('up', { job: 'agentopz' })), 'up'),
            query(count(NONE, w.other('up', { job: 'agentopz' })), 'known', { color: 'blue' }),
          ],
        ),
        stat(
          {
            title: 'Spans per second',
            description: 'GenAI spans and log records received, over five minutes.',
            unit: 'short',
            decimals: 1,
            width: 4,
            spark: true,
          },
          [query(sum(NONE, rate(w.metric('agentopz_spans_received_total', { dialect: { not: 'other' } }), '5m')), '')],
        ),
        stat(
          {
            title: 'Internal errors, 1 h',
            description: 'Bugs of ours that dropped an item in the last hour. Anything above 0 should be reported.',
            unit: 'short',
            decimals: 0,
            width: 4,
            thresholds: above(0.5, 'red'),
          },
          [query(orZero(sum(NONE, increase(w.metric('agentopz_internal_errors_total'), '1h'))), '')],
        ),
        stat(
          {
            title: 'Lost by the relay, 1 h',
            description: 'Requests that the relay gave up on in the last hour: the trace store lacks them, our numbers do not.',
            unit: 'short',
            decimals: 0,
            width: 4,
            thresholds: above(0.5, 'yellow'),
          },
          [query(orZero(sum(NONE, increase(w.metric('agentopz_relay_dropped_requests_total'), '1h'))), '')],
        ),
        stat(
          {
            title: 'Configuration',
            description: 'Whether the last reload was taken by every processor. Refused: the old configuration is still in use.',
            unit: 'none',
            width: 4,
            thresholds: [
              { color: 'red', value: null },
              { color: 'green', value: 1 },
            ],
            words: { '0': { text: 'refused', color: 'red' }, '1': { text: 'in use', color: 'green' } },
          },
          [query(min(NONE, w.metric('agentopz_config_reload_successful')), '')],
        ),
        stat(
          {
            title: 'Versions',
            description: 'Versions of agentopz that run. More than one after a rollout is unfinished business.',
            unit: 'none',
            width: 3,
          },
          [query(count(['version'], w.metric('agentopz_build_info')), '{{version}}')],
        ),
      ],
    },
    {
      title: 'What comes in',
      panels: [
        timeseries(
          {
            ...third,
            title: 'Spans by dialect',
            description:
              'Spans and log records per second by the dialect that read them. other is no GenAI; unknown looks like GenAI and no dialect knows it: runs of such agents are missing.',
            unit: 'short',
            stack: 'normal',
          },
          [query(sum(['dialect'], rate(w.metric('agentopz_spans_received_total'))), '{{dialect}}')],
        ),
        timeseries(
          {
            ...third,
            title: 'Requests by status',
            description: 'OTLP export requests per second by protocol and status code. Senders retry 429 and 503; 400 they throw away.',
            unit: 'reqps',
            stack: 'normal',
          },
          [query(sum(['protocol', 'code'], rate(w.metric('agentopz_requests_total'))), '{{protocol}} {{code}}')],
        ),
        timeseries(
          {
            ...third,
            title: 'Refused',
            description: 'Requests and single spans refused per second, by reason. A refused request changes nothing.',
            unit: 'short',
            stack: 'normal',
          },
          [
            query(sum(['reason'], rate(w.metric('agentopz_requests_rejected_total'))), 'request {{reason}}', { mayBeEmpty: NEVER }),
            query(sum(['reason'], rate(w.metric('agentopz_spans_rejected_total'))), 'span {{reason}}', { mayBeEmpty: NEVER }),
          ],
        ),
        timeseries(
          {
            ...third,
            title: 'Bytes received',
            description: 'Request bodies as they came, per second; right axis: bytes of bodies held in memory now.',
            unit: 'Bps',
          },
          [
            query(sum(['protocol'], rate(w.metric('agentopz_received_bytes_total'))), '{{protocol}}'),
            query(sum(NONE, w.metric('agentopz_inflight_bytes')), 'in flight', { right: 'in flight', unit: 'bytes' }),
          ],
        ),
        timeseries(
          {
            ...third,
            title: 'Late and repeated spans',
            description:
              'Spans per second that came after their run had closed, or for the second time. Late ones reach counters but no histogram of runs.',
            unit: 'short',
          },
          [
            query(sum(NONE, rate(w.metric('agentopz_late_spans_total'))), 'late', { mayBeEmpty: NEVER }),
            query(sum(NONE, rate(w.metric('agentopz_duplicate_spans_total'))), 'repeated', { mayBeEmpty: NEVER }),
          ],
        ),
        timeseries(
          {
            ...third,
            title: 'Evaluations that found no run',
            description: 'Evaluations from outside whose run was never found, per second, by reason.',
            unit: 'short',
          },
          [query(sum(['reason'], rate(w.metric('agentopz_evaluations_unmatched_total'))), '{{reason}}', { mayBeEmpty: NEVER })],
        ),
      ],
    },
    {
      title: 'Relay',
      panels: [
        timeseries(
          {
            ...third,
            title: 'Relayed requests',
            description: 'Requests per second by endpoint and outcome.',
            unit: 'reqps',
          },
          [
            query(sum(['endpoint', 'outcome'], rate(w.metric('agentopz_relay_requests_total'))), '{{endpoint}} {{outcome}}', {
              mayBeEmpty: 'only with a relay configured',
            }),
          ],
        ),
        timeseries(
          {
            ...third,
            title: 'Retries and losses',
            description: 'Attempts that failed and will be tried again, and requests lost, per second, by endpoint and reason.',
            unit: 'reqps',
          },
          [
            query(sum(['endpoint'], rate(w.metric('agentopz_relay_retries_total'))), '{{endpoint}} retried', { mayBeEmpty: NEVER }),
            query(sum(['endpoint', 'reason'], rate(w.metric('agentopz_relay_dropped_requests_total'))), '{{endpoint}} lost: {{reason}}', {
              mayBeEmpty: NEVER,
            }),
          ],
        ),
        timeseries(
          {
            ...third,
            title: 'Relay queue',
            description: 'Bytes that wait for each endpoint. A queue that grows is an endpoint that does not take what comes.',
            unit: 'bytes',
          },
          [
            query(sum(['endpoint'], w.metric('agentopz_relay_queue_bytes')), '{{endpoint}}', {
              mayBeEmpty: 'only with a relay configured',
            }),
          ],
        ),
      ],
    },
    {
      title: 'What it holds, and its bounds',
      panels: [
        timeseries(
          {
            ...third,
            title: 'Open runs and remembered traces',
            description: 'Runs and their spans held until they close; right axis: closed traces remembered for late spans.',
            unit: 'short',
          },
          [
            query(sum(NONE, w.metric('agentopz_open_runs')), 'open runs'),
            query(sum(NONE, w.metric('agentopz_open_spans')), 'open spans'),
            query(sum(NONE, w.metric('agentopz_pending_link_spans')), 'pending links'),
            query(sum(NONE, w.metric('agentopz_remembered_traces')), 'remembered', { right: 'traces', unit: 'short' }),
          ],
        ),
        timeseries(
          {
            ...third,
            title: 'Bounds hit',
            description:
              'Per second: runs closed early, samples folded into __overflow__, links forgotten. Numbers are then coarser than they look; raise the bound or find what sends so much.',
            unit: 'short',
          },
          [
            query(sum(['reason'], rate(w.metric('agentopz_runs_evicted_total'))), 'run closed: {{reason}}', { mayBeEmpty: NEVER }),
            query(sum(['metric'], rate(w.metric('agentopz_series_overflow_total'))), 'folded: {{metric}}', { mayBeEmpty: NEVER }),
            query(sum(['reason'], rate(w.metric('agentopz_link_spans_dropped_total'))), 'link forgotten: {{reason}}', {
              mayBeEmpty: NEVER,
            }),
          ],
        ),
        timeseries(
          {
            ...third,
            title: 'Scrape',
            description: 'How long Prometheus takes to scrape; right axis: samples per scrape, which is what the agents cost it.',
            unit: 's',
          },
          [
            query(max(['instance'], w.other('scrape_duration_seconds', { job: 'agentopz' })), '{{instance}}'),
            query(sum(NONE, w.other('scrape_samples_scraped', { job: 'agentopz' })), 'samples', { right: 'samples', unit: 'short' }),
          ],
        ),
      ],
    },
    durability,
    {
      title: 'Process',
      panels: [
        timeseries(
          {
            ...third,
            title: 'CPU',
            description: 'Cores used by each processor. It is one thread: at 1 it is full.',
            unit: 'short',
            decimals: 2,
          },
          [query(sum(['instance'], rate(w.other('process_cpu_seconds_total', { job: 'agentopz' }))), '{{instance}}')],
        ),
        timeseries({ ...third, title: 'Memory', description: 'Resident memory and used heap of each processor.', unit: 'bytes' }, [
          query(max(['instance'], w.other('process_resident_memory_bytes', { job: 'agentopz' })), '{{instance}} resident'),
          query(max(['instance'], w.other('nodejs_heap_size_used_bytes', { job: 'agentopz' })), '{{instance}} heap'),
        ]),
        timeseries(
          {
            ...third,
            title: 'Event loop lag',
            description: 'How late the event loop is, 99th percentile and maximum between scrapes. Long pauses make senders wait.',
            unit: 's',
          },
          [
            query(max(['instance'], w.other('nodejs_eventloop_lag_p99_seconds', { job: 'agentopz' })), '{{instance}} p99'),
            query(max(['instance'], w.other('nodejs_eventloop_lag_max_seconds', { job: 'agentopz' })), '{{instance}} max'),
          ],
        ),
      ],
    },
  ],
}
