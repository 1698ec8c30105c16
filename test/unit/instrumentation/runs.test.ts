/** Which run code belongs to: scopes, locators, traces, keys; and that nothing is held for longer than it may be. */
import { context, trace } from '@opentelemetry/api'
import { describe, expect, test } from 'vitest'
import { internalErrors } from '../../../instrumentation/log.ts'
import { RunScope } from '../../../instrumentation/run-scope.ts'
import { Runs } from '../../../instrumentation/runs.ts'
import { runtime } from '../../../instrumentation/runtime.ts'
import { recordSpans } from '../../support/spans.ts'

const NOW = 1_790_000_000_000
const recording = recordSpans()

function inSpan<T>(name: string, attributes: Record<string, string>, work: () => T): T {
  const span = recording.tracer.startSpan(name, { attributes })
  try {
    return context.with(trace.setSpan(context.active(), span), work)
  } finally {
    span.end()
  }
}

describe('where code is located', () => {
  test('nowhere, where nothing is known', () => expect(new Runs().locate(NOW)).toEqual({}))

  test('in the scope that was opened around it, through asynchronous work', async () => {
    const runs = new Runs()
    const run = runs.create('explicit', NOW, { agent: 'a', id: 'mine' })
    const seen = await runs.within(run, async () => {
      await new Promise((r) => setTimeout(r, 1))
      return runs.locate(NOW).run
    })
    expect(seen).toBe(run)
    expect(run).toMatchObject({ id: 'mine', agent: 'a', isNamed: true })
    expect(runs.locate(NOW).run).toBeUndefined()
  })

  test('an explicit scope before what an integration knows, that before the trace, that before the request', () => {
    const runs = new Runs()
    const [explicit, located, request] = [runs.create('explicit', NOW), runs.create('trace', NOW), runs.create('request', NOW)]
    let knows = false
    runs.addLocator(() => (knows ? { run: located } : undefined))
    inSpan('work', {}, () => {
      const traced = runs.locate(NOW).run
      expect(traced).toMatchObject({ kind: 'trace' })
      runs.within(request, () => {
        expect(runs.locate(NOW).run).toBe(traced)
        knows = true
        expect(runs.locate(NOW).run).toBe(located)
        runs.within(explicit, () => expect(runs.locate(NOW).run).toBe(explicit))
      })
    })
    knows = false
    runs.within(request, () => expect(runs.locate(NOW).run).toBe(request))
  })

  test('what a locator knows beside the run stays with an explicit scope', () => {
    const runs = new Runs()
    const explicit = runs.create('explicit', NOW)
    const span = recording.tracer.startSpan('chat')
    runs.addLocator(() => ({ modelCall: span }))
    runs.within(explicit, () => expect(runs.locate(NOW)).toEqual({ run: explicit, modelCall: span }))
  })

  test('a locator that fails is counted and the next is asked', () => {
    const runs = new Runs()
    const located = runs.create('trace', NOW)
    runs.addLocator(() => {
      throw new Error('broken')
    })
    runs.addLocator(() => ({ run: located }))
    expect(runs.locate(NOW).run).toBe(located)
    expect(internalErrors().get('locator')).toBe(1)
  })
})

describe('runs of traces', () => {
  test('a trace has one run, named by the outermost agent of it, forgotten when its last span ends', () => {
    const { runs } = runtime()
    let run: RunScope | undefined
    let traceId = ''
    inSpan('POST /ask', {}, () => {
      traceId = trace.getActiveSpan()?.spanContext().traceId ?? ''
      inSpan('invoke_agent outer', { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'outer' }, () => {
        run = runs.locate(NOW).run
        inSpan('invoke_agent inner', { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'inner' }, () =>
          expect(runs.locate(NOW).run).toBe(run),
        )
      })
      expect(runs.knownOfTrace(traceId)).toBe(run)
    })
    expect(run?.agent).toBe('outer')
    expect(runs.knownOfTrace(traceId)).toBeUndefined()
  })

  test('traces at the same time do not mix', async () => {
    const { runs } = runtime()
    const seen = await Promise.all(
      ['a', 'b', 'c'].map(async (name) => {
        const span = recording.tracer.startSpan(`invoke_agent ${name}`, {
          attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': name },
        })
        const run = await context.with(trace.setSpan(context.active(), span), async () => {
          await new Promise((r) => setTimeout(r, 2))
          return runs.locate(NOW).run
        })
        span.end()
        return run?.agent
      }),
    )
    expect(seen).toEqual(['a', 'b', 'c'])
  })

  test('spans of two runs in one trace keep to their own run', () => {
    const { runs } = runtime()
    const [first, second] = [runs.create('explicit', NOW, { id: 'first' }), runs.create('explicit', NOW, { id: 'second' })]
    recording.take()
    inSpan('POST /ask', {}, () => {
      const traceId = trace.getActiveSpan()?.spanContext().traceId ?? ''
      for (const run of [first, second]) {
        runs.bindTrace(traceId, run)
        run.release = `release-of-${run.id}`
      }
      for (const run of [first, second])
        runs.within(run, () => inSpan('anthropic.messages.create', { 'gen_ai.operation.name': 'chat' }, () => undefined))
    })
    const calls = recording.take().filter((s) => s.attributes['gen_ai.operation.name'] === 'chat')
    expect(calls.map((s) => s.attributes['agentopz.run.id'])).toEqual(['first', 'second'])
    expect(calls.map((s) => s.attributes['agentopz.release'])).toEqual(['release-of-first', 'release-of-second'])
  })
})

describe('keys', () => {
  test('lead a later call to its run, until forgotten', () => {
    const runs = new Runs()
    const run = runs.create('implied', NOW)
    runs.remember('tool:1', run)
    expect(runs.byKey('tool:1')).toBe(run)
    runs.forget('tool:1')
    expect(runs.byKey('tool:1')).toBeUndefined()
  })
  test('of closed runs are dropped by a sweep', () => {
    const runs = new Runs()
    const [open, closed] = [runs.create('implied', NOW), runs.create('implied', NOW)]
    open.root = recording.tracer.startSpan('root')
    runs.remember('tool:1', open)
    runs.remember('tool:2', closed)
    runs.forgetClosed()
    expect([...runs.waiting]).toEqual([open])
  })
})

test('what a run keeps of the tools that were asked for is bounded', () => {
  const run = new RunScope('implied', 'a', NOW)
  for (let i = 0; i < 10_000; i++) run.asked.set(`call-${i}`, { name: 't', argumentsHash: '', atMs: NOW })
  expect(run.asked.size).toBe(256)
})
