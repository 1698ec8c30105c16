/** runAgent(), guardTool(), getPrompt(), recordEvaluation(): what the application sees is what its own functions do; what we see is on spans. */
import { context, trace } from '@opentelemetry/api'
import { afterEach, describe, expect, test } from 'vitest'
import type { AgentControls, ToolControls } from '../../../instrumentation/controls/view.ts'
import { ALLOWED, NO_CONTROLS } from '../../../instrumentation/controls/view.ts'
import {
  getConfig,
  getPrompt,
  GuardError,
  guardTool,
  recordEvaluation,
  recordFeedback,
  runAgent,
  type RunHandle,
} from '../../../instrumentation/index.ts'
import { runtime } from '../../../instrumentation/runtime.ts'
import type { ReleaseDocument } from '../../../model/release.ts'
import { type Recorded, recordSpans } from '../../support/spans.ts'

const recording = recordSpans()
const shared = runtime()

afterEach(() => {
  shared.active = true
  shared.guards.controls = NO_CONTROLS
  recording.take()
})
shared.active = true

function controls(said: { agent?: Partial<AgentControls>; tool?: Partial<ToolControls>; release?: ReleaseDocument }): void {
  shared.guards.controls = {
    ...NO_CONTROLS,
    agent: () => ({ ...ALLOWED, ...said.agent }),
    tool: () => ({ ...ALLOWED, ...said.tool }),
    release: () => said.release,
  }
}
const named = (spans: readonly Recorded[], name: string): Recorded => {
  const found = spans.find((s) => s.name === name)
  if (found === undefined) throw new Error(`no span ${name} among ${spans.map((s) => s.name).join(', ')}`)
  return found
}

describe('runAgent', () => {
  test('returns what the function returns, and makes one span of it', async () => {
    expect(runAgent('a', () => 5)).toBe(5)
    expect(await runAgent('a', { version: '2', conversation: 'c', id: 'mine' }, async (run) => run.id)).toBe('mine')
    const [sync, async_] = recording.take()
    expect(sync).toMatchObject({
      name: 'invoke_agent a',
      status: 0,
      attributes: { 'gen_ai.agent.name': 'a', 'agentopz.run.outcome': 'ok' },
    })
    expect(async_?.attributes).toMatchObject({
      'gen_ai.agent.version': '2',
      'gen_ai.conversation.id': 'c',
      'agentopz.run.id': 'mine',
    })
  })

  test('throws what the function throws, and the span says so', async () => {
    const error = Object.assign(new Error('no flour'), { code: 'E_FLOUR' })
    expect(() =>
      runAgent('a', () => {
        throw error
      }),
    ).toThrow(error)
    await expect(
      runAgent('a', async () => {
        throw error
      }),
    ).rejects.toBe(error)
    for (const span of recording.take())
      expect(span).toMatchObject({ status: 2, attributes: { 'error.type': 'E_FLOUR', 'agentopz.run.outcome': 'error' } })
  })

  test('a rejection that the application does not handle stays unhandled', async () => {
    const heard: unknown[] = []
    const others = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection')
    const listener = (reason: unknown): void => void heard.push(reason)
    process.on('unhandledRejection', listener)
    try {
      void runAgent('a', () => Promise.reject(new Error('nobody cares')))
      await new Promise((r) => setTimeout(r, 5))
      expect(heard).toHaveLength(1)
      await runAgent('a', () => Promise.reject(new Error('somebody does'))).catch(() => undefined)
      await new Promise((r) => setTimeout(r, 5))
      expect(heard).toHaveLength(1)
    } finally {
      process.removeListener('unhandledRejection', listener)
      for (const other of others) process.on('unhandledRejection', other)
    }
  })

  test('a promise of a kind of its own is returned as it is', async () => {
    class Special extends Promise<number> {
      readonly extra = 'kept'
    }
    const special = Special.resolve(1) as Special
    const returned = runAgent('a', () => special)
    expect(returned).toBe(special)
    await returned
    expect(recording.take()).toHaveLength(1)
    // oxlint-disable-next-line unicorn/no-thenable
    const thenable = { then: (done: (v: number) => void) => done(2), more: true }
    expect(runAgent('a', () => thenable)).toBe(thenable)
  })

  test('a run says itself that it failed', () => {
    runAgent('a', (run) => run.fail('the answer was refused'))
    expect(recording.take()[0]).toMatchObject({ status: 2, attributes: { 'error.type': 'agent_failed', 'agentopz.run.outcome': 'error' } })
  })

  test('a run inside a run is a sub-agent: one budget, one run id, spans nest', () => {
    const handles: RunHandle[] = []
    runAgent('outer', (outer) => {
      handles.push(outer)
      runAgent('inner', (inner) => handles.push(inner))
    })
    const spans = recording.take()
    const [inner, outer] = [named(spans, 'invoke_agent inner'), named(spans, 'invoke_agent outer')]
    expect(inner).toMatchObject({ parentId: outer.spanId, traceId: outer.traceId })
    expect(inner.attributes['agentopz.run.id']).toBe(outer.attributes['agentopz.run.id'])
    expect(inner.attributes['gen_ai.agent.name']).toBe('inner')
    expect(handles[0]?.id).toBe(handles[1]?.id)
  })

  test('runs at the same time keep apart', async () => {
    const one = (name: string): Promise<string | undefined> =>
      runAgent(name, async () => {
        await new Promise((r) => setTimeout(r, 2))
        return shared.runs.locate(Date.now()).run?.agent
      })
    expect(await Promise.all([one('a'), one('b'), one('c')])).toEqual(['a', 'b', 'c'])
  })

  test('spans that the application makes inside nest below the run', () => {
    runAgent('a', () => recording.tracer.startSpan('own work').end())
    const spans = recording.take()
    expect(named(spans, 'own work').parentId).toBe(named(spans, 'invoke_agent a').spanId)
  })

  test('a run below a span of the application joins its trace', () => {
    const request = recording.tracer.startSpan('POST /ask')
    context.with(trace.setSpan(context.active(), request), () => runAgent('a', () => undefined))
    request.end()
    const spans = recording.take()
    expect(named(spans, 'invoke_agent a').parentId).toBe(named(spans, 'POST /ask').spanId)
  })

  test('without its function it says what is missing', () =>
    expect(() => runAgent('a', {}, undefined as never)).toThrow('runAgent(name, options, work): work is missing'))

  test('where nothing is registered the function simply runs', () => {
    shared.active = false
    expect(runAgent('a', { id: 'x' }, (run) => ({ ...run, id: run.id }))).toMatchObject({ id: 'x', costUsd: 0, steps: 0 })
    expect(() =>
      runAgent('a', () => {
        throw new RangeError('mine')
      }),
    ).toThrow(RangeError)
    expect(recording.take()).toEqual([])
  })
})

describe('guardTool', () => {
  test("arguments, this, result and exceptions are the function's own", async () => {
    const add = guardTool('add', (a: number, b: number) => a + b)
    expect(add(1, 2)).toBe(3)
    const later = guardTool('later', async (x: string) => `got ${x}`)
    expect(await later('it')).toBe('got it')
    const error = new TypeError('bad')
    await expect(
      guardTool('fails', async () => {
        throw error
      })(),
    ).rejects.toBe(error)
    const counter = {
      n: 1,
      next: guardTool('next', function next(this: { n: number }) {
        return ++this.n
      } as () => number),
    }
    expect(counter.next()).toBe(2)
    const spans = recording.take()
    expect(spans.map((s) => [s.name, s.status, s.attributes['error.type']])).toEqual([
      ['execute_tool add', 0, undefined],
      ['execute_tool later', 0, undefined],
      ['execute_tool fails', 2, 'TypeError'],
      ['execute_tool next', 0, undefined],
    ])
  })

  test('equal arguments have equal hashes, and their text is on no span', () => {
    const tool = guardTool('t', (x: unknown) => x)
    for (const x of [{ city: 'Paris' }, { city: 'Paris' }, { city: 'Rome' }]) tool(x)
    const cyclic: Record<string, unknown> = {}
    cyclic['self'] = cyclic
    tool(cyclic)
    const spans = recording.take()
    const hashes = spans.map((s) => s.attributes['agentopz.tool.call.arguments_hash'])
    expect(hashes[0]).toBe(hashes[1])
    expect(hashes[0]).not.toBe(hashes[2])
    expect(JSON.stringify(spans)).not.toContain('Paris')
  })

  test.each([
    [null, true],
    ['', true],
    [[], true],
    [{}, true],
    [undefined, true],
    [0, false],
    [false, false],
    [[null], false],
    ['no', false],
    [new Date(0), false],
  ])('a result of %j is empty: %s', (result, empty) => {
    guardTool('t', () => result)()
    expect(recording.take()[0]?.attributes['agentopz.tool.result_empty']).toBe(empty)
  })

  test('a result can mean failure, and counts for the breaker', () => {
    controls({ tool: { breaker: { failures: 2, seconds: 60 } } })
    const tool = guardTool('shaky', () => ({ ok: false }), { isFailure: (r) => !r.ok })
    tool()
    tool()
    expect(() => tool()).toThrow(GuardError)
    const spans = recording.take()
    expect(spans[1]).toMatchObject({ status: 2, attributes: { 'error.type': 'tool_error' } })
    expect(spans[2]?.attributes).toMatchObject({
      'agentopz.tool.blocked': true,
      'agentopz.guard': 'tool_breaker',
      'agentopz.guard.cause': 'breaker',
    })
  })

  test('an isFailure that throws is a bug of its own, and the result is returned', () => {
    const tool = guardTool('t', () => 1, {
      isFailure: () => {
        throw new Error('oops')
      },
    })
    expect(tool()).toBe(1)
    expect(recording.take()).toHaveLength(1)
  })

  test('refused: the function is not called, the error can be read by a model, or the fallback answers', async () => {
    controls({ tool: { allowed: false, reason: 'the index is being rebuilt', controlId: 'c9' } })
    let called = 0
    const tool = guardTool('search', () => ++called)
    let error: unknown
    try {
      tool()
    } catch (e) {
      error = e
    }
    expect(error).toMatchObject({
      name: 'GuardError',
      code: 'AGENTOPZ_TOOL_BREAKER',
      message: 'tool breaker: the index is being rebuilt',
      reason: 'the index is being rebuilt',
    })
    const withFallback = guardTool('search', async (q: string) => `${++called} ${q}`, {
      fallback: async (refusal, q) => `none for ${q}: ${refusal.reason}`,
    })
    expect(await withFallback('x')).toBe('none for x: the index is being rebuilt')
    expect(called).toBe(0)
    for (const span of recording.take())
      expect(span.attributes).toMatchObject({
        'agentopz.tool.blocked': true,
        'agentopz.guard': 'tool_breaker',
        'agentopz.guard.cause': 'operator',
        'agentopz.guard.action': 'tool_error',
        'agentopz.control.id': 'c9',
      })
  })

  test('refused, an async function rejects and another throws, as they would', async () => {
    controls({ tool: { allowed: false, reason: 'off' } })
    await expect(guardTool('t', async () => 1)()).rejects.toThrow(GuardError)
    expect(() => guardTool('t', () => 1)()).toThrow(GuardError)
    const promising = guardTool('t', () => Promise.resolve(1))
    controls({})
    await promising()
    controls({ tool: { allowed: false, reason: 'off' } })
    await expect(promising()).rejects.toThrow(GuardError)
  })

  test('the wrapped function looks like the function', () => {
    const tool = guardTool('t', function search(a: string, b: string) {
      return a + b
    })
    expect([tool.name, tool.length]).toEqual(['search', 2])
  })

  test('in a run that was stopped tools are refused, and the run is seen to be stopped', () => {
    controls({ agent: { allowed: false, reason: 'bad answers' } })
    expect(() => runAgent('a', () => guardTool('t', () => 1)())).toThrow('kill switch: bad answers')
  })

  test('where nothing is registered the function simply runs', () => {
    shared.active = false
    controls({ tool: { allowed: false, reason: 'off' } })
    expect(guardTool('t', (a: number) => a)(7)).toBe(7)
    expect(recording.take()).toEqual([])
  })
})

describe('releases', () => {
  const release: ReleaseDocument = {
    agent: 'a',
    version: 'v2',
    prompts: { system: 'Be kind.' },
    config: { temperature: 0, enabled: false },
    known: {},
  }
  test('prompts and configuration of the active release, else the default', () => {
    expect(getPrompt('system')).toBeUndefined()
    expect(getPrompt('system', { default: 'Be brief.' })).toBe('Be brief.')
    controls({ release })
    expect(getPrompt('system', { default: 'Be brief.' })).toBe('Be kind.')
    expect(getPrompt('other', { default: 'Be brief.' })).toBe('Be brief.')
    expect(getConfig('temperature', { default: 1 })).toBe(0)
    expect(getConfig('enabled', { default: true })).toBe(false)
    expect(getConfig('other', { default: 1 })).toBe(1)
  })
  test('what was read is on the run; a default is not', () => {
    runAgent('a', () => getPrompt('system', { default: 'd' }))
    controls({ release })
    runAgent('a', () => getPrompt('system', { default: 'd' }))
    runAgent('a', () => getPrompt('nothing', { default: 'd' }))
    const [before, read, missed] = recording.take()
    expect(before?.attributes).not.toHaveProperty('gen_ai.prompt.version')
    expect(read?.attributes).toMatchObject({ 'gen_ai.prompt.name': 'system', 'gen_ai.prompt.version': 'v2' })
    expect(missed?.attributes).not.toHaveProperty('gen_ai.prompt.version')
  })
  test('names that every object has are no prompts', () => {
    controls({ release })
    expect(getPrompt('constructor', { default: 'd' })).toBe('d')
    expect(getConfig('toString', { default: 'd' })).toBe('d')
  })
})

describe('evaluations', () => {
  test('of the current run are events on its span', () => {
    runAgent('a', () => {
      recordEvaluation('polite', { score: 0.9, label: 'pass', explanation: 'said please' })
      recordFeedback(false)
      recordFeedback(4)
    })
    const [run] = recording.take()
    expect(run?.events.map((e) => [e.name, e.attributes])).toEqual([
      [
        'gen_ai.evaluation.result',
        {
          'gen_ai.evaluation.name': 'polite',
          'gen_ai.evaluation.score.value': 0.9,
          'gen_ai.evaluation.score.label': 'pass',
          'gen_ai.evaluation.explanation': 'said please',
        },
      ],
      [
        'gen_ai.evaluation.result',
        { 'gen_ai.evaluation.name': 'user_feedback', 'gen_ai.evaluation.score.value': 0, 'gen_ai.evaluation.score.label': 'fail' },
      ],
      ['gen_ai.evaluation.result', { 'gen_ai.evaluation.name': 'user_feedback', 'gen_ai.evaluation.score.value': 4 }],
    ])
  })
  test('afterwards they are joined by the answer', () => {
    recordFeedback(true, { responseId: 'chatcmpl-1' })
    expect(recording.take()[0]?.events[0]?.attributes).toMatchObject({ 'gen_ai.response.id': 'chatcmpl-1' })
  })
  test('where nothing is registered nothing happens', () => {
    shared.active = false
    recordEvaluation('polite', { score: 1 })
    expect(recording.take()).toEqual([])
  })
})
