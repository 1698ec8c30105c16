/** One contender of the decode bench: `CODEC MIX SPANS BODIES MILLISECONDS`. Answers each round with CPU nanoseconds per span. */
import { bodiesOf } from './bodies.ts'
import { type Codec, contenderOf } from './codecs.ts'
import { answerMessages, cpuMicros } from './rounds.ts'
import type { Mix } from './source.ts'

const [codec, mix, spans, count, milliseconds] = process.argv.slice(2)
const bodies = bodiesOf(mix as Mix, Number(spans), Number(count))
const contender = contenderOf(codec as Codec)
const perPass = bodies.reduce((n, b) => n + b.spans, 0)

answerMessages(() => {
  let spent = 0
  let passes = 0
  for (; spent < Number(milliseconds) * 1000; passes++) {
    spent += cpuMicros(() => {
      for (const body of bodies) contender.take(body)
    })
  }
  return (spent * 1000) / (passes * perPass)
})
