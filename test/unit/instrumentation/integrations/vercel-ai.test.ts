/** Options and tools of the AI SDK: what the application decided stays, tools keep their results, `this` and early readers. */
import { afterEach, describe, expect, test } from 'vitest'
import { AgentopzTelemetry } from '../../../../instrumentation/integrations/vercel-ai/telemetry.ts'
import { adaptNew, adaptOld, type Options } from '../../../../instrumentation/integrations/vercel-ai/adapt.ts'
import { guardTools } from '../../../../instrumentation/integrations/vercel-ai/tools.ts'
import { OperationTracer } from '../../../../instrumentation/integrations/vercel-ai/tracer.ts'
import { NO_CONTROLS } from '../../../../instrumentation/controls/view.ts'
import { runtime } from '../../../../instrumentation/runtime.ts'

const tool = { description: 'weather', execute: ({ city }: { city: string }) => `21C in ${city}` }
const telemetryOf = (options: Options, key = 'experimental_telemetry'): Record<string, unknown> => options[key] as Record<string, unknown>

describe('AI SDK 5 and 6', () => {
  test('telemetry that nobody decided on gets our tracer, without content', () => {
    const { options, enters } = adaptOld({ prompt: 'hi', experimental_telemetry: { functionId: 'f', metadata: { a: 1 } } })
    expect(enters).toBeUndefined()
    expect(telemetryOf(options)).toMatchObject({
      isEnabled: true,
      functionId: 'f',
      metadata: { a: 1 },
      recordInputs: false,
      recordOutputs: false,
    })
    expect(telemetryOf(options)['tracer']).toBeInstanceOf(OperationTracer)
  })

  test('telemetry that is off stays off; its tools are guarded', () => {
    const telemetry = { isEnabled: false }
    const { options } = adaptOld({ tools: { tool }, experimental_telemetry: telemetry })
    expect(options['experimental_telemetry']).toBe(telemetry)
    expect((options['tools'] as Record<string, unknown>)['tool']).not.toBe(tool)
  })

  test('telemetry that is on keeps its tracer, and its run is entered by name', () => {
    const telemetry = { isEnabled: true, tracer: {}, recordInputs: true }
    const { options, enters } = adaptOld({ experimental_telemetry: telemetry }, 'agent')
    expect([telemetryOf(options), enters]).toEqual([{ ...telemetry, functionId: 'agent' }, { name: 'agent' }])
    expect(telemetryOf(options)['tracer']).toBe(telemetry.tracer)
  })

  test.each([
    ['named', undefined, 'named'],
    ['named', 'agent', 'named'],
    [undefined, 'agent', 'agent'],
    ['', 'agent', 'agent'],
    [undefined, undefined, undefined],
  ])('functionId %j and agent id %j: %j', (functionId, agentId, name) => {
    expect(telemetryOf(adaptOld({ experimental_telemetry: { functionId } }, agentId).options)['functionId']).toBe(name)
  })
})

describe('AI SDK 7', () => {
  test('options without integrations of their own are the very options', () => {
    const options = { prompt: 'hi', telemetry: { functionId: 'f' } }
    expect(adaptNew(options)).toBe(options)
    expect(adaptNew({})).toEqual({})
  })

  test('the id of an agent is its function id, unless it has one; the old key still works', () => {
    expect(telemetryOf(adaptNew({}, 'agent'), 'telemetry')).toEqual({ functionId: 'agent' })
    expect(telemetryOf(adaptNew({ experimental_telemetry: { recordInputs: false } }, 'agent'))).toEqual({
      recordInputs: false,
      functionId: 'agent',
    })
  })

  test('integrations of one call get ours beside them', () => {
    const theirs = { onStart: () => undefined }
    for (const integrations of [theirs, [theirs]]) {
      const found = telemetryOf(adaptNew({ telemetry: { integrations } }), 'telemetry')['integrations'] as unknown[]
      expect(found.slice(1)).toEqual([theirs])
      expect(found[0]).toBeInstanceOf(AgentopzTelemetry)
    }
  })

  test('telemetry that is off stays off', () => {
    const telemetry = { isEnabled: false, integrations: [] }
    expect(adaptNew({ telemetry }, 'agent')['telemetry']).toBe(telemetry)
  })
})

describe('tools', () => {
  type Run = (input: unknown, options?: unknown) => unknown
  const guarded = (it: object, mode: 'report' | 'guard' = 'report'): { readonly execute: Run } =>
    (guardTools({ it }, mode) as { readonly it: { readonly execute: Run } }).it
  afterEach(() => {
    runtime().guards.controls = NO_CONTROLS
  })

  test('what is no tool, or has nothing to execute, is what it was', () => {
    const asked = { description: 'asks the user' }
    expect(guardTools(undefined, 'report')).toBeUndefined()
    expect(guardTools({ asked, nothing: null }, 'report')).toEqual({ asked, nothing: null })
    expect((guardTools({ asked }, 'report') as Record<string, unknown>)['asked']).toBe(asked)
  })

  test('a tool has one stand-in per mode', () => {
    expect(guarded(tool)).toBe(guarded(tool))
    expect(guarded(tool, 'guard')).not.toBe(guarded(tool))
  })

  test.each(['report', 'guard'] as const)('%s: results, errors and `this` are the tool’s own', async (mode) => {
    class Counter {
      #count = 0
      execute = (): number => ++this.#count
      get count(): number {
        return this.#count
      }
    }
    const counter = new Counter()
    const stand = guarded(counter, mode)
    expect([stand.execute({}), stand.execute({}), (stand as unknown as Counter).count]).toEqual([1, 2, 2])
    const receiver = {
      execute: function (this: unknown) {
        return this
      },
    }
    expect(guarded(receiver, mode).execute({})).toBe(receiver)
    const error = new TypeError('no')
    const sync = {
      execute: (): never => {
        throw error
      },
    }
    const late = { execute: () => Promise.reject(error) }
    expect(() => guarded(sync, mode).execute({})).toThrow(error)
    await expect(guarded(late, mode).execute({})).rejects.toBe(error)
  })

  test('a frozen tool can be called too', () => {
    const frozen = Object.freeze({ ...tool })
    expect(guarded(frozen).execute({ city: 'Paris' })).toBe('21C in Paris')
    expect(guarded(frozen)).toMatchObject({ description: 'weather' })
  })

  test('preliminary results come one by one, and the source hears of a reader that leaves', async () => {
    let closed = 0
    const slow = {
      async *execute() {
        try {
          yield 1
          yield 2
          yield 3
        } finally {
          closed++
        }
      },
    }
    const all: unknown[] = []
    for await (const one of guarded(slow).execute({}) as AsyncIterable<unknown>) all.push(one)
    expect([all, closed]).toEqual([[1, 2, 3], 1])
    for await (const one of guarded(slow).execute({}) as AsyncIterable<unknown>) if (one === 2) break
    expect(closed).toBe(2)
  })

  test.each(['report', 'guard'] as const)('%s: a refused tool throws what a model can read, and is not called', (mode) => {
    let called = 0
    const down = { allowed: false, reason: 'the weather API is down' }
    runtime().guards.controls = { ...NO_CONTROLS, tool: () => ({ ...NO_CONTROLS.tool('', ''), ...down }) }
    const stand = guarded({ execute: () => ++called }, mode)
    expect(() => stand.execute({ city: 'Paris' })).toThrow('tool breaker: the weather API is down')
    expect(called).toBe(0)
  })
})
