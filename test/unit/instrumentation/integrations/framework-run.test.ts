/** Which run an agent of a framework belongs to, and what its span says. */
import { context, trace } from '@opentelemetry/api'
import { afterEach, describe, expect, test } from 'vitest'
import type { ToolControls } from '../../../../instrumentation/controls/view.ts'
import { ALLOWED, NO_CONTROLS } from '../../../../instrumentation/controls/view.ts'
import { admitTool, enterAgent, inAgent, leaveAgent, spanOfAgent } from '../../../../instrumentation/integrations/framework-run.ts'
import { runAgent } from '../../../../instrumentation/index.ts'
import { runtime } from '../../../../instrumentation/runtime.ts'
import { recordSpans } from '../../../support/spans.ts'

const recording = recordSpans()
const { runs, guards } = runtime()
runtime().active = true
const opened = (name: string): ReturnType<typeof spanOfAgent> => spanOfAgent(enterAgent(name), name)

afterEach(() => {
  guards.controls = NO_CONTROLS
  recording.take()
})

describe('an agent', () => {
  test('that nothing is around is a run of its own, named after it', () => {
    const call = opened('cook')
    expect([call.isOuter, call.run.kind, call.run.agent]).toEqual([true, 'explicit', 'cook'])
    inAgent(call, () => {
      expect(runs.locate(0).run).toBe(call.run)
      expect(trace.getActiveSpan()).toBe(call.span)
    })
    expect(runs.locate(0).run).toBeUndefined()
    leaveAgent(call)
    expect(recording.take()).toMatchObject([
      {
        name: 'invoke_agent cook',
        status: 0,
        attributes: { 'gen_ai.agent.name': 'cook', 'agentopz.run.id': call.run.id, 'agentopz.run.outcome': 'ok' },
      },
    ])
  })

  test('inside another shares its run and says nothing of the outcome', () => {
    const outer = opened('waiter')
    inAgent(outer, () => {
      const inner = opened('cook')
      expect([inner.isOuter, inner.run]).toEqual([false, outer.run])
      leaveAgent(inner, new Error('burnt'))
    })
    expect(outer.run.root).toBe(outer.span)
    leaveAgent(outer)
    expect(outer.run.root).toBeUndefined()
    const [inner, around] = recording.take()
    expect(inner).toMatchObject({ name: 'invoke_agent cook', status: 2, parentId: around?.spanId })
    expect(inner?.attributes).not.toHaveProperty('agentopz.run.outcome')
    expect(around?.attributes).toMatchObject({ 'agentopz.run.outcome': 'ok', 'gen_ai.agent.name': 'waiter' })
  })

  test('inside runAgent() shares that run', () => {
    runAgent('restaurant', (handle) => {
      const call = enterAgent('cook')
      expect([call.isOuter, call.run.id]).toEqual([false, handle.id])
    })
  })

  test('below an agent span of another SDK shares the run of that trace', () => {
    const span = recording.tracer.startSpan('invoke_agent theirs', {
      attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'theirs' },
    })
    context.with(trace.setSpan(context.active(), span), () => {
      const call = enterAgent('cook')
      expect([call.isOuter, call.run.agent]).toEqual([false, 'theirs'])
    })
    span.end()
  })

  test('below a span that is no agent is a run of its own: one request may run several', () => {
    const request = recording.tracer.startSpan('GET /')
    context.with(trace.setSpan(context.active(), request), () => {
      const first = opened('cook')
      leaveAgent(first)
      const second = opened('cook')
      leaveAgent(second)
      expect([first.isOuter, second.isOuter]).toEqual([true, true])
      expect(first.run).not.toBe(second.run)
    })
    request.end()
    const spans = recording.take()
    expect(new Set(spans.map((s) => s.traceId)).size).toBe(1)
  })

  test('that a guard stopped was stopped, whatever it threw; what comes after the first end is not heard', () => {
    const call = opened('cook')
    call.run.stopped = { guard: 'step_guard', cause: 'max_steps', reason: 'enough' }
    leaveAgent(call, Object.assign(new Error('403'), { code: 'E_403' }))
    leaveAgent(call)
    expect(recording.take()).toMatchObject([
      { attributes: { 'agentopz.run.outcome': 'stopped', 'agentopz.run.stopped_by': 'step_guard', 'error.type': 'E_403' } },
    ])
  })
})

describe('a tool that the framework reports', () => {
  const controls = (tool: Partial<ToolControls>): void => {
    guards.controls = { ...NO_CONTROLS, tool: () => ({ ...ALLOWED, ...tool }) }
  }

  test('is admitted without a span of ours, and none is made from what the model asked for', () => {
    const call = opened('cook')
    inAgent(call, () => expect(admitTool('oven', {})).toHaveProperty('ended'))
    expect([call.run.steps, call.run.hasToolSpans]).toEqual([1, true])
    leaveAgent(call)
    expect(recording.take()).toHaveLength(1)
  })

  test('has a span when it is refused, with the reason that the model reads', () => {
    controls({ allowed: false, reason: 'the oven is off' })
    const call = opened('cook')
    const answer = inAgent(call, () => admitTool('oven', { heat: 200 }, 'call_1'))
    leaveAgent(call)
    expect('error' in answer && answer.error.message).toBe('tool breaker: the oven is off')
    expect(recording.take()[0]).toMatchObject({
      name: 'execute_tool oven',
      parentId: call.span?.spanContext().spanId,
      attributes: { 'agentopz.tool.blocked': true, 'agentopz.guard': 'tool_breaker', 'gen_ai.tool.call.id': 'call_1' },
    })
  })

  test('opens its breaker by failing', () => {
    controls({ breaker: { failures: 2, seconds: 60 } })
    for (let i = 0; i < 2; i++) {
      const admitted = admitTool('whisk', {})
      if ('ended' in admitted) admitted.ended(true)
    }
    expect(admitTool('whisk', {})).toHaveProperty('error')
  })
})
