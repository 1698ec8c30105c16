/**
 * `npm run bench:inprocess`: what our span processor takes of an application, beside the SDK's own BatchSpanProcessor with an exporter that does
 * nothing: `onEnd`, for which the application waits; what is worked off later; and what both come to in a span's whole life. Every contender is a
 * process of its own, in turns. Writes its section of docs/performance.md; `-- --quick` prints only.
 */
import { join } from 'node:path'
import type { Contender, Kind } from './in-process-contender.ts'
import { keep, ranOn } from './results.ts'
import { type Ask, inTurns, median, ratioOf, spread, times, withContenders } from './wire/rounds.ts'

const QUICK = process.argv.includes('--quick')
const ROUNDS = QUICK ? { rounds: 5, warmUp: 3 } : { rounds: 25, warmUp: 8 }
const CONTENDERS: readonly Contender[] = ['none', 'agentopz', 'batch']
const GOALS = { genai: 1000, other: 100, ratio: 0.3 }

interface Numbers {
  readonly none: readonly number[]
  readonly agentopz: readonly number[]
  readonly batch: readonly number[]
}

/** What a contender takes above what nothing takes, round by round. */
const above = (of: Numbers, who: 'agentopz' | 'batch'): readonly number[] => of[who].map((v, i) => v - (of.none[i] ?? Number.NaN))

/** What the `onEnd` takes that finds the list full, of each process of ours. */
const fullMs: number[] = []

async function measured(kind: Kind, messages: readonly string[]): Promise<readonly Numbers[]> {
  const file = join(import.meta.dirname, 'in-process-contender.ts')
  return await withContenders(
    file,
    CONTENDERS.map((contender) => [contender, kind]),
    async (asks) => {
      const seen = messages.map(() => CONTENDERS.map((): number[] => []))
      const ask = (askOne: Ask, who: number) => async (): Promise<number> => {
        for (const [i, message] of messages.entries()) seen[i]?.[who]?.push(await askOne(message))
        return 0
      }
      await inTurns(asks.map(ask), ROUNDS)
      fullMs.push(((await asks[1]?.('full')) ?? Number.NaN) / 1e6)
      const shares = await Promise.all(asks.map((askOne) => askOne('exported')))
      if (Math.round(100 * (shares[2] ?? 0)) < 99)
        throw new Error(`BatchSpanProcessor exported ${shares[2]} of its spans: bench/in-process.ts`)
      return seen.map(([none = [], agentopz = [], batch = []]) => ({
        none: none.slice(ROUNDS.warmUp),
        agentopz: agentopz.slice(ROUNDS.warmUp),
        batch: batch.slice(ROUNDS.warmUp),
      }))
    },
  )
}

const rows: string[][] = []
const missed: string[] = []
const wholes: string[] = []
const us = (ns: readonly number[]): string => (median(ns) / 1000).toFixed(1)
for (const kind of ['genai', 'other'] as const) {
  const [life] = await measured(kind, ['life'])
  const [onEnd, later] = await measured(kind, ['onEnd', 'later'])
  if (life === undefined || onEnd === undefined || later === undefined) continue
  const [ours, theirs] = [above(onEnd, 'agentopz'), above(onEnd, 'batch')]
  const ratio = ratioOf(ours, theirs).median
  if (median(ours) > GOALS[kind]) missed.push(`${kind} ${median(ours).toFixed(0)} ns`)
  if (ratio > GOALS.ratio) missed.push(`${kind} ${ratio.toFixed(2)} ×`)
  const whole = `${us(above(life, 'agentopz'))} µs for ${kind === 'genai' ? 'a GenAI span' : 'another'}`
  wholes.push(`${whole} (BatchSpanProcessor: ${us(above(life, 'batch'))})`)
  rows.push(
    [kind === 'genai' ? 'GenAI' : 'other', 'without a processor', '', '', spread(life.none)],
    ['', 'added by agentopz', spread(ours), spread(above(later, 'agentopz')), spread(above(life, 'agentopz'))],
    ['', 'added by BatchSpanProcessor', spread(theirs), spread(above(later, 'batch')), spread(above(life, 'batch'))],
    ['', 'agentopz / BatchSpanProcessor', times(ours, theirs, 2), '', ''],
  )
}
process.stdout.write(`a full list: ${fullMs.map((ms) => ms.toFixed(2)).join(' ')} ms\n`)
process.stdout.write(`${rows.map((r) => r.join('  ')).join('\n')}\n`)
if (!QUICK)
  keep('in-process', {
    title: 'In an application',
    order: 70,
    command: 'npm run bench:inprocess',
    intro: [
      'Traces of 8 spans with 13 to 20 attributes are made by the OpenTelemetry SDK, 64 spans between two turns of the event loop, without a processor, with ours, and with its BatchSpanProcessor and an exporter that does nothing, each in a process of its own, in turns. Ours makes runs and metrics of them, and holds the place in the tree of spans that are no GenAI.',
      '`onEnd` is what the end of a span waits for. Ours puts the span down there and takes it in later: with the next turn of the event loop when 32 wait, else within a tenth of a second, and before anything is read. Where 128 end without a turn, they are taken in at once, and the last of them waits for that. Later is all that a processor does outside of `onEnd`, closing runs and collecting garbage included; the whole life was measured by itself.',
    ],
    tables: [
      {
        caption: 'CPU nanoseconds per span, median (lowest–highest) of the rounds.',
        head: ['span', '', '`onEnd`', 'later', 'whole life'],
        rows,
      },
    ],
    notes: [
      `Goals: \`onEnd\` at most 1000 ns for a GenAI span and 100 ns for another, and at most 0.3 of BatchSpanProcessor's. ${missed.length === 0 ? 'All are met' : `Missed: ${missed.join(', ')}`}.`,
      `They are about what the application waits for. In CPU time a span costs what is added to its whole life, ${wholes.join(' and ')}, wherever that falls.`,
      `Where 128 GenAI spans end without a turn of the event loop, the last one's \`onEnd\` takes ${(fullMs[0] ?? Number.NaN).toFixed(2)} ms, where 128 others do ${(fullMs[2] ?? Number.NaN).toFixed(2)} ms (medians of 200).`,
      'BatchSpanProcessor exported all of its spans; a queue that overflows would cost it less.',
    ],
    ranOn: ranOn({ 'sdk-trace': '3.1.1' }),
  })
process.exit(0)
