/** Measurements of both contenders → the section of docs/performance.md. Ratios are of medians; parentheses hold the lowest and highest round. */
import { keep, ranOn, type Table } from '../results.ts'
import { median, spread } from '../wire/rounds.ts'
import type { Mix } from '../wire/source.ts'
import { COLLECTOR_VERSION } from './build.ts'

export interface Throughput {
  readonly mix: Mix
  readonly contender: string
  readonly cpuPerMillion: number
  /** Of its first spans, until they have arrived at the sink. */
  readonly firstCpuPerMillion: number
  readonly spansPerSecond: number
  readonly peakMiB: number
  readonly sinkBytes: number
}

export interface Latency {
  readonly mix: Mix
  readonly contender: string
  readonly share: number
  readonly p50: number
  readonly p99: number
  readonly sent: number
}

/** Writes the section. */
export function report(throughput: readonly Throughput[], latency: readonly Latency[], go: string): void {
  keep('collector', {
    title: 'Against the OpenTelemetry Collector',
    order: 50,
    command: 'npm run bench:collector',
    intro: [
      'Both receive the same gzipped OTLP/HTTP bodies of 512 spans over 8 connections on one core (`taskset`, `GOMAXPROCS=1`), make metrics of them and send them on to a sink; a cheap replayer and the sink run on the other core. Every measurement is a fresh process that gets each body once: 524,288 spans until it is warm (the first 98,304 have a column of their own, in which agentopz is being compiled), then as many that are measured. CPU is user and system time of the process from /proc, until five seconds after the last body has arrived at the sink. agentopz closes a run after 2 seconds without a span, not 10 as by default, so that closing them is in what is measured.',
      'The Collector is built by its own builder: otlp receiver, span_metrics connector (GenAI dimensions, 14 buckets), otlp_http exporter, prometheus exporter, its queue off. It makes request, error and duration counts; agentopz makes runs, tokens, cost, quality and the state of open runs, and sends on the bytes it received.',
      'Both were checked to have counted every span sent, and the sink to have received every body.',
    ],
    tables: [throughputTable(throughput), latencyTable(latency)],
    notes: [
      'agentopz acknowledges when a body is taken and queued for the relay; the Collector without its queue acknowledges when the sink has answered. Its latency includes that hop of the loopback, ours does not.',
      'agentopz forwards the bytes as they came, so its row stands against both exports of the Collector; without compression the Collector saves the work that gzip costs it, and its sink gets about eight times the bytes.',
      'agentopz answers before it has relayed a body and closed its runs: for some seconds it takes more spans a second than it can go on with, which is what a CPU second holds.',
      'On one core the threads that collect garbage and compile for Node take it from the event loop, as they do under a quota of one CPU; it is part of the latency of agentopz here, and where a second core is free it is not.',
      'Where the memory of agentopz is, and why it is left there: docs/decisions/0022-overload.md.',
    ],
    ranOn: ranOn({ Collector: COLLECTOR_VERSION, Go: go.replace('go', '') }),
  })
}

const contendersOf = (rows: readonly { readonly mix: Mix; readonly contender: string }[], mix: Mix): readonly string[] => [
  ...new Set(rows.filter((r) => r.mix === mix).map((r) => r.contender)),
]

function throughputTable(all: readonly Throughput[]): Table {
  const rows = (['genai', 'mixed'] as const).flatMap((mix) =>
    contendersOf(all, mix).map((contender) => {
      const own = all.filter((t) => t.mix === mix && t.contender === contender)
      const ours = median(all.filter((t) => t.mix === mix && t.contender === 'agentopz').map((t) => t.cpuPerMillion))
      const cpu = own.map((t) => t.cpuPerMillion)
      return [
        mix,
        contender,
        spread(cpu, 2),
        `${(median(cpu) / ours).toFixed(2)} ×`,
        spread(
          own.map((t) => t.firstCpuPerMillion),
          1,
        ),
        spread(
          own.map((t) => t.spansPerSecond / 1000),
          0,
        ),
        Math.max(...own.map((t) => t.peakMiB)).toFixed(0),
      ]
    }),
  )
  return {
    caption: 'As fast as bodies are answered.',
    head: ['mix', 'server', 'CPU s per million spans', 'of agentopz', 'the same, of the first', 'thousand spans/s', 'peak RSS MiB'],
    rows,
  }
}

function latencyTable(all: readonly Latency[]): Table {
  const shares = [...new Set(all.map((l) => l.share))]
  const rows = (['genai', 'mixed'] as const).flatMap((mix) =>
    contendersOf(all, mix).map((contender) => [
      mix,
      contender,
      ...shares.map((share) => {
        const own = all.find((l) => l.mix === mix && l.contender === contender && l.share === share)
        return own === undefined ? '' : `${own.p50.toFixed(1)} / ${own.p99.toFixed(1)} (${own.sent})`
      }),
    ]),
  )
  return {
    caption:
      'Milliseconds from the time a body was due to its answer, p50 / p99 (bodies), at shares of each server’s own ceiling (spans a second, or a CPU second where that is less); open loop, 32 connections.',
    head: ['mix', 'server', ...shares.map((s) => `${s * 100} %`)],
    rows,
  }
}
