/** The processor in an application: what waits is taken in before anybody can tell that it waited, and nothing of it breaks or outlives the application. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { setImmediate as turn } from 'node:timers/promises'
import { ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { TracerProvider } from '@opentelemetry/sdk-trace'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { caughtUp } from '../../processor/caught-up.ts'
import { createSpanProcessor, type InProcess, type InProcessOptions } from '../../processor/in-process.ts'
import { Runs } from '../../processor/runs/runs.ts'
import type { ReadableSpanLike } from '../../processor/sdk-span.ts'
import { MOST_WAITING, Waiting } from '../../processor/sdk-waiting.ts'

let made = 0
const idOf = (digits: number): string => (++made).toString(16).padStart(digits, '0')

/** An agent's span that has ended, a trace of its own. */
function agentSpan(more: Partial<ReadableSpanLike> = {}): ReadableSpanLike {
  const context = { traceId: idOf(32), spanId: idOf(16) }
  return {
    name: 'invoke_agent',
    kind: 0,
    spanContext: () => context,
    startTime: [10, 0],
    endTime: [11, 0],
    status: { code: 0 },
    attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'a' },
    events: [],
    links: [],
    resource: { attributes: {} },
    ...more,
  }
}

/** A span that tells whether it was taken in. */
function watched(): { readonly span: ReadableSpanLike; readonly isTaken: () => boolean } {
  let taken = false
  const span = agentSpan()
  Object.defineProperty(span, 'attributes', {
    get: () => {
      taken = true
      return { 'http.route': '/' }
    },
  })
  return { span, isTaken: () => taken }
}

const processors: InProcess[] = []
function processorOf(options: InProcessOptions = {}): InProcess {
  const processor = createSpanProcessor(options)
  processors.push(processor)
  return processor
}
afterEach(async () => {
  for (const processor of processors.splice(0)) await processor.shutdown()
})

const textOf = async (processor: InProcess): Promise<string> => (await processor.metrics.expose(undefined, Date.now())).body

test('a span that does not say when it began is in no histogram of durations, and its run began when it ended', async () => {
  const processor = processorOf()
  processor.onEnd(agentSpan({ startTime: [0, 0], endTime: [Math.floor(Date.now() / 1000) - 5, 0] }))
  const age = /^agentopz_open_run_max_age_seconds\{.*\} (.*)$/m.exec(await textOf(processor))?.[1]
  expect(Number(age)).toBeGreaterThanOrEqual(5)
  expect(Number(age)).toBeLessThan(60)
  processor.pipeline.flush(Date.now(), 'shutdown')
  const text = await textOf(processor)
  expect(text).toMatch(/^agentopz_runs_total\{.*\} 1$/m)
  expect(text).not.toMatch(/^agentopz_run_duration_seconds_count/m)
})

describe('what is read is up to date', () => {
  const readers: Record<string, (p: InProcess) => unknown> = {
    'the text of metrics': async (p) => expect(await textOf(p)).toContain('agentopz_open_spans 1\n'),
    'metrics, piece by piece': async (p) => {
      let text = ''
      for await (const piece of p.metrics.stream(undefined, Date.now()).pieces) text += piece
      expect(text).toContain('agentopz_open_spans 1\n')
    },
    'the open runs': (p) => expect(p.pipeline.runs.openRuns).toBe(1),
    'views of them': (p) => {
      expect([...p.pipeline.runs.findViews()]).toHaveLength(1)
      expect([...p.pipeline.runs.openMaxima()]).toMatchObject([{ runs: 1 }])
    },
    'a capture': (p) => expect(JSON.stringify([...p.pipeline.capture()])).toContain('"firstMs"'),
    'an evaluation that comes then': (p) => {
      p.pipeline.evaluation({ name: 'helpful', score: 1 } as never, idOf(32), '', Date.now())
      expect(p.pipeline.runs.openSpans).toBe(1)
    },
    'agents that were seen': (p) => {
      p.pipeline.flush(Date.now(), 'shutdown')
      expect([...p.pipeline.seenAgents.keys()]).toEqual(['a'])
      expect(p.pipeline.seenAgents.size).toBe(1)
    },
    shutdown: async (p) => {
      await p.shutdown()
      expect(await textOf(p)).toMatch(/agentopz_runs_total\{agent="a",.*\} 1\n/)
    },
    'a flush': async (p) => {
      const { span, isTaken } = watched()
      p.onEnd(span)
      await p.forceFlush()
      expect(isTaken()).toBe(true)
    },
  }
  for (const [name, read] of Object.entries(readers))
    test(name, async () => {
      const processor = processorOf()
      processor.onEnd(agentSpan())
      await read(processor)
    })

  test('whoever kept what he once asked for', async () => {
    const processor = processorOf()
    const expose = Reflect.get(processor.metrics, 'expose') as (accept: undefined, now: number) => Promise<{ body: string }>
    const { runs } = processor.pipeline
    processor.onEnd(agentSpan())
    expect(runs.openRuns).toBe(1)
    processor.onEnd(agentSpan())
    expect((await expose(undefined, Date.now())).body).toContain('agentopz_open_spans 2\n')
  })

  test('a wrapped object has the members of its class, and its functions keep what they stand on', () => {
    class Counter {
      #n = 0
      readonly inner = new Map([['k', 1]])
      get n(): number {
        return this.#n
      }
      add(by: number): number {
        return (this.#n += by)
      }
    }
    let asked = 0
    const counter = caughtUp(new Counter(), () => asked++)
    expect([counter.add(2), counter.n, counter.inner.get('k'), counter.inner.size]).toEqual([2, 2, 1, 1])
    expect(asked).toBeGreaterThanOrEqual(4)
  })
})

describe('when spans are taken in that nobody asks about', () => {
  test('too many: at once, in the order they ended', () => {
    const order: number[] = []
    const processor = processorOf({ limits: { maxOpen: 1 }, hooks: { run: (run) => void order.push(Number.parseInt(run.traceId, 16)) } })
    const spans = Array.from({ length: MOST_WAITING }, () => agentSpan())
    for (const span of spans.slice(0, -1)) processor.onEnd(span)
    expect(order).toEqual([])
    processor.onEnd(spans.at(-1)!)
    expect(order).toEqual(spans.slice(0, -1).map((s) => Number.parseInt(s.spanContext().traceId, 16)))
  })

  describe('with time', () => {
    beforeEach(() => {
      vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] })
    })
    afterEach(() => {
      vi.useRealTimers()
    })

    test('some: in the next turn of the event loop; a few wait', async () => {
      const processor = processorOf()
      const some = Array.from({ length: 32 }, watched)
      for (const { span } of some.slice(0, 31)) processor.onEnd(span)
      await turn()
      expect(some.filter((s) => s.isTaken())).toEqual([])
      processor.onEnd(some[31]!.span)
      expect(some.filter((s) => s.isTaken())).toEqual([])
      await turn()
      expect(some.every((s) => s.isTaken())).toBe(true)
    })

    test('a few: a tenth of a second later', () => {
      const processor = processorOf()
      const { span, isTaken } = watched()
      processor.onEnd(span)
      vi.advanceTimersByTime(99)
      expect(isTaken()).toBe(false)
      vi.advanceTimersByTime(1)
      expect(isTaken()).toBe(true)
    })

    test('a run that settles is closed as long after its last span, and a sweep at the most', () => {
      const closed: number[] = []
      const processor = processorOf({ limits: { settleMs: 1000 }, hooks: { run: () => void closed.push(Date.now()) } })
      vi.advanceTimersByTime(150)
      const ended = Date.now()
      processor.onEnd(agentSpan())
      vi.advanceTimersByTime(5000)
      expect(closed).toHaveLength(1)
      expect(closed[0]! - ended).toBeGreaterThanOrEqual(1000)
      expect(closed[0]! - ended).toBeLessThanOrEqual(1100)
    })
  })
})

describe('the application goes on as without us', () => {
  test('spans that cannot be read are counted, those beside them are taken in', async () => {
    const processor = processorOf()
    const broken = (): never => {
      throw new Error('no context')
    }
    processor.onEnd(agentSpan({ spanContext: broken }))
    processor.onEnd(agentSpan({ attributes: undefined as never }))
    processor.onEnd(undefined as never)
    processor.onEnd(agentSpan())
    expect(await textOf(processor)).toContain('agentopz_internal_errors_total{stage="sdk_span"} 3\n')
    expect(processor.pipeline.runs.openSpans).toBe(1)
  })

  test('a hook that throws when it is told of a bug does not reach onEnd', async () => {
    const broken = (): never => {
      throw new Error('hook')
    }
    const processor = createSpanProcessor({ limits: { maxOpen: 1 }, hooks: { run: broken, internalError: broken } })
    for (let i = 0; i < MOST_WAITING; i++) processor.onEnd(agentSpan())
    const text = await textOf(processor)
    expect(text).toContain(`agentopz_internal_errors_total{stage="record"} ${MOST_WAITING - 1}\n`)
  })

  test('a bug of ours after spans were taken in is counted', async () => {
    const processor = processorOf()
    const broken = vi.spyOn(Runs.prototype, 'requestEnded').mockImplementation(() => {
      throw new Error('packing')
    })
    for (let i = 0; i < MOST_WAITING; i++) processor.onEnd(agentSpan())
    broken.mockRestore()
    expect(await textOf(processor)).toContain('agentopz_internal_errors_total{stage="sweep"} 1\n')
    expect(processor.pipeline.runs.openSpans).toBe(MOST_WAITING)
  })

  test('a hook that ends a span of its own is not called from within itself', async () => {
    let depth = 0
    let deepest = 0
    const processor: InProcess = processorOf({
      limits: { maxOpen: 1 },
      hooks: {
        run: () => {
          deepest = Math.max(deepest, ++depth)
          for (let i = 0; i < 3; i++) processor.onEnd(agentSpan({ attributes: { 'http.route': '/' } }))
          depth--
        },
      },
    })
    for (let i = 0; i < MOST_WAITING; i++) processor.onEnd(agentSpan())
    expect(deepest).toBe(1)
    const text = await textOf(processor)
    expect(text).toContain(`agentopz_pending_link_spans ${3 * (MOST_WAITING - 1)}\n`)
  })

  test('a hook may read while spans are taken in: it sees those before', async () => {
    const seen: number[] = []
    const processor: InProcess = processorOf({
      limits: { maxOpen: 2 },
      hooks: {
        run: () => {
          processor.onEnd(agentSpan({ attributes: { 'http.route': '/' } }))
          seen.push(processor.pipeline.runs.openRuns)
        },
      },
    })
    for (let i = 0; i < MOST_WAITING; i++) processor.onEnd(agentSpan())
    expect(seen).toHaveLength(MOST_WAITING - 2)
    expect(new Set(seen).size).toBe(1)
    await processor.shutdown()
    expect(await textOf(processor)).toMatch(new RegExp(`agentopz_runs_total\\{agent="a",.*\\} ${MOST_WAITING}\n`))
  })

  test('hooks are not called within the request whose span it was', async () => {
    const request = new AsyncLocalStorage<string>()
    const within: unknown[] = []
    const processor = processorOf({ limits: { maxOpen: 1 }, hooks: { run: () => void within.push(request.getStore()) } })
    request.run('one', () => {
      for (let i = 0; i < MOST_WAITING + 40; i++) processor.onEnd(agentSpan())
    })
    await turn()
    expect(within).toHaveLength(MOST_WAITING + 39)
    expect(new Set(within)).toEqual(new Set([undefined]))
  })

  test('after shutdown spans are no longer taken, and a second one does nothing', async () => {
    const processor = processorOf()
    await processor.shutdown()
    processor.onEnd(agentSpan())
    await processor.shutdown()
    expect(processor.pipeline.runs.openSpans).toBe(0)
  })
})

test('nothing of a span is held once it was taken in', async () => {
  const waiting = new Waiting(
    () => undefined,
    () => undefined,
  )
  const putDown = (): WeakRef<object> => {
    const span = agentSpan()
    waiting.add(span)
    return new WeakRef(span)
  }
  const gone = Array.from({ length: 3 }, putDown)
  waiting.workOff(0)
  expect(waiting.size).toBe(0)
  // A WeakRef's target lives for as long as the turn in which it was made.
  await turn()
  const { setFlagsFromString } = await import('node:v8')
  const { runInNewContext } = await import('node:vm')
  setFlagsFromString('--expose-gc')
  ;(runInNewContext('gc') as () => void)()
  expect(gone.map((ref) => ref.deref())).toEqual([undefined, undefined, undefined])
})

test('real spans, one by one and all at once, come to the same metrics', async () => {
  const hundreds = async (isOneByOne: boolean): Promise<string> => {
    const processor = processorOf({ metrics: { exemplars: false } })
    const provider = new TracerProvider({ spanProcessors: [processor as never] })
    const tracer = provider.getTracer('app')
    for (let n = 0; n < 60; n++) {
      const root = tracer.startSpan('r', {
        startTime: [n, 0],
        attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': `a${n % 3}` },
      })
      const within = trace.setSpan(ROOT_CONTEXT, root)
      for (const attributes of [
        { 'http.route': '/' },
        { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'gpt-5-mini', 'gen_ai.usage.input_tokens': n },
        { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 't' },
      ]) {
        tracer.startSpan('s', { startTime: [n, 1000], attributes }, within).end([n, 2000])
        if (isOneByOne) expect(processor.pipeline.runs.openSpans).toBeGreaterThan(-1)
      }
      root.end([n + 1, 0])
    }
    await provider.shutdown()
    const text = await textOf(processor)
    return text
      .split('\n')
      .filter((line) => !/timestamp|_age_|build_info/.test(line))
      .join('\n')
  }
  const [one, all] = [await hundreds(true), await hundreds(false)]
  expect(one).toMatch(/agentopz_runs_total\{agent="a0",.*\} 20\n/)
  expect(all).toBe(one)
})
