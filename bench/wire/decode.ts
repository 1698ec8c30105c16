/**
 * `npm run bench:decode`: what it costs to find the GenAI spans in a request and to read thirteen facts of each, against general decoders
 * that feed the same aggregate. One process per contender, in turns; writes its section of docs/performance.md.
 * `-- --quick` prints the table and writes nothing.
 */
import { join } from 'node:path'
import { keep, ranOn, type Table } from '../results.ts'
import { bodiesOf } from './bodies.ts'
import { CODECS, type Codec } from './codecs.ts'
import { inTurns, spread, times, withContenders } from './rounds.ts'
import { type Mix, MIXES } from './source.ts'

const QUICK = process.argv.includes('--quick')
const ROUNDS = QUICK ? { rounds: 3, warmUp: 1 } : { rounds: 9, warmUp: 2 }
const SPANS = 512
const BODIES = 8
const MILLISECONDS = QUICK ? 100 : 200
const GOAL: Partial<Record<Mix, string>> = { genai: '≥ 15 ×', mixed: '≥ 50 ×' }

async function measure(mix: Mix): Promise<ReadonlyMap<Codec, readonly number[]>> {
  const file = join(import.meta.dirname, 'decode-contender.ts')
  const args = CODECS.map((codec) => [codec, mix, String(SPANS), String(BODIES), String(MILLISECONDS)])
  const results = await withContenders(file, args, (asks) =>
    inTurns(
      asks.map((ask) => () => ask('round')),
      ROUNDS,
    ),
  )
  return new Map(CODECS.map((codec, i) => [codec, results[i] ?? []]))
}

function sizes(): Table {
  const rows = MIXES.map((mix) => {
    const bodies = bodiesOf(mix, SPANS, BODIES)
    const sum = (of: (b: (typeof bodies)[number]) => number): number => bodies.reduce((n, b) => n + of(b), 0)
    const spans = sum((b) => b.spans)
    return [
      mix,
      `${((100 * sum((b) => b.genAi)) / spans).toFixed(1)} %`,
      (sum((b) => b.protobuf.length) / spans).toFixed(0),
      (sum((b) => b.json.length) / spans).toFixed(0),
    ]
  })
  return {
    caption: `The requests: ${SPANS} spans each, seeded (bench/wire/traffic.ts).`,
    head: ['mix', 'GenAI spans', 'bytes a span, protobuf', 'bytes a span, JSON'],
    rows,
  }
}

const byMix = new Map<Mix, ReadonlyMap<Codec, readonly number[]>>()
for (const mix of MIXES) byMix.set(mix, await measure(mix))
const of = (mix: Mix, codec: Codec): readonly number[] => byMix.get(mix)?.get(codec) ?? []

const cpu: Table = {
  caption: 'CPU nanoseconds per span.',
  head: ['', ...MIXES],
  rows: CODECS.map((codec) => [codec, ...MIXES.map((mix) => spread(of(mix, codec)))]),
}
const ratios: Table = {
  caption: 'How many times our cost the peers take, each with the aggregate unless said otherwise.',
  head: ['', ...MIXES],
  rows: [
    ['protobufjs 7', ...MIXES.map((mix) => times(of(mix, 'protobufjs 7'), of(mix, 'ours')))],
    ['goal', ...MIXES.map((mix) => GOAL[mix] ?? '')],
    ['protobufjs 7, decoding alone', ...MIXES.map((mix) => times(of(mix, 'protobufjs 7, no aggregate'), of(mix, 'ours')))],
    ['pbf, decoding alone', ...MIXES.map((mix) => times(of(mix, 'pbf, no aggregate'), of(mix, 'ours')))],
    ['JSON.parse', ...MIXES.map((mix) => times(of(mix, 'JSON.parse'), of(mix, 'ours')))],
    ['JSON.parse against our JSON', ...MIXES.map((mix) => times(of(mix, 'JSON.parse'), of(mix, 'ours, JSON')))],
  ],
}

if (QUICK) {
  for (const t of [cpu, ratios]) process.stdout.write(`${[t.head, ...t.rows].map((r) => r.join('\t')).join('\n')}\n\n`)
} else {
  keep('decode', {
    title: 'Decoding',
    order: 10,
    command: 'npm run bench:decode',
    ranOn: ranOn({ protobufjs: '7.6.6 (static code of OpenTelemetry for JavaScript 0.57)', pbf: '5.1.2' }),
    intro: [
      'Finding the GenAI spans of a request and reading thirteen facts of each into a small aggregate (tokens, calls, failures per run; counts per model and tool). Our decoder checks the whole body first, bad UTF-8 and lengths in values that nobody reads included; the peers do not.',
    ],
    tables: [sizes(), cpu, ratios],
    notes: [
      'The goals are missed: checking every length and string before anything is taken, and no span skipped, costs more than they allow. What was weighed: docs/decisions/0015-wire-path.md.',
    ],
  })
}
