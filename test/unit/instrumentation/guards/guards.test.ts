/** The guards with their state, over controls that each test sets: what many calls at once, late ends and changes of mind come to. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type AgentControls,
  ALLOWED,
  type Allowed,
  type ControlView,
  type ToolControls,
} from '../../../../instrumentation/controls/view.ts'
import { codeOf, GuardError, Guards, isRefusal, type Reservation } from '../../../../instrumentation/guards/guards.ts'
import { type Refusal, RunScope } from '../../../../instrumentation/run-scope.ts'

const NOW = 1_790_000_000_000

/** Controls that a test changes as an operator would. */
class Controls implements ControlView {
  readonly agents = new Map<string, Partial<AgentControls>>()
  readonly tools = new Map<string, Partial<ToolControls>>()
  readonly runs = new Map<string, Allowed>()
  readonly state = 'live'
  agent(agent: string): AgentControls {
    return { ...ALLOWED, ...this.agents.get(agent) }
  }
  tool(_agent: string, tool: string): ToolControls {
    return { ...ALLOWED, ...this.tools.get(tool) }
  }
  run(_agent: string, run: string): Allowed {
    return this.runs.get(run) ?? ALLOWED
  }
  release(): undefined {
    return undefined
  }
  ready(): undefined {
    return undefined
  }
}

function setUp(agent: Partial<AgentControls> = {}): { guards: Guards; controls: Controls } {
  const guards = new Guards()
  const controls = new Controls()
  controls.agents.set('support', agent)
  guards.controls = controls
  return { guards, controls }
}
const newRun = (agent = 'support', id?: string): RunScope => new RunScope('explicit', agent, NOW, id === undefined ? {} : { id })
const OFF = { allowed: false, reason: 'bad answers', controlId: 'c1' } as const

function admitted(r: Reservation | Refusal): Reservation {
  if (isRefusal(r)) throw new Error(`refused: ${r.reason}`)
  return r
}

describe('cost', () => {
  test('is what calls cost, as far as that is known', () => {
    const { guards } = setUp()
    const run = newRun()
    const first = admitted(guards.admit(run, 0.01, true, NOW))
    expect(run).toMatchObject({ reservedUsd: 0.01, reservedCalls: 1, costUsd: 0, steps: 1, modelCalls: 1 })
    guards.settle(first, 0.02, NOW)
    guards.settle(admitted(guards.admit(run, undefined, true, NOW)), undefined, NOW)
    expect(run).toMatchObject({ reservedUsd: 0, reservedCalls: 0, costUsd: 0.02, unpricedCalls: 1, modelCalls: 2 })
    expect(guards.inFlight).toBe(0)
  })
  test('a call is settled once, however often it ends', () => {
    const { guards } = setUp()
    const run = newRun()
    const r = admitted(guards.admit(run, 0.01, true, NOW))
    guards.settle(r, 0.02, NOW)
    guards.settle(r, 0.02, NOW)
    expect(run).toMatchObject({ costUsd: 0.02, reservedCalls: 0, reservedUsd: 0 })
  })
  test('embeddings are paid for but are no step', () => {
    const { guards } = setUp()
    const run = newRun()
    guards.settle(admitted(guards.admit(run, 0, false, NOW)), 0.001, NOW)
    expect(run).toMatchObject({ steps: 0, modelCalls: 0, costUsd: 0.001 })
  })

  test('calls in parallel pass a limit by at most one call each, whatever they turn out to cost', () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 400 }),
        fc.array(fc.record({ guess: fc.integer({ min: 0, max: 60 }), cost: fc.integer({ min: 1, max: 100 }), atOnce: fc.boolean() }), {
          maxLength: 40,
        }),
        (limit, calls) => {
          const { guards } = setUp({ maxCostUsd: limit })
          const run = newRun()
          let underWay: { r: Reservation; cost: number }[] = []
          let mostAtOnce = 1
          for (const { guess, cost, atOnce } of calls) {
            const r = guards.admit(run, guess, true, NOW)
            if (!isRefusal(r)) underWay.push({ r, cost })
            mostAtOnce = Math.max(mostAtOnce, underWay.length)
            if (atOnce) continue
            for (const u of underWay) guards.settle(u.r, u.cost, NOW)
            underWay = []
          }
          for (const u of underWay) guards.settle(u.r, u.cost, NOW)
          expect(run.costUsd).toBeLessThan(limit + mostAtOnce * 100)
          expect(run.reservedUsd).toBeCloseTo(0)
        },
      ),
    ))
  test('where calls cost what they were guessed to cost, N at once pass the limit by one call', () => {
    const { guards } = setUp({ maxCostUsd: 1 })
    const run = newRun()
    const answers = Array.from({ length: 50 }, () => guards.admit(run, 0.3, true, NOW))
    for (const r of answers) if (!isRefusal(r)) guards.settle(r, 0.3, NOW)
    expect(run.costUsd).toBeCloseTo(1.2)
    expect(answers.filter(isRefusal)).toHaveLength(46)
  })
  test('the window of an agent is shared by its runs, and moves on', () => {
    const { guards } = setUp({ costWindow: { usd: 1, seconds: 60 } })
    guards.settle(admitted(guards.admit(newRun(), 0, true, NOW)), 1, NOW)
    expect(guards.admit(newRun(), 0, true, NOW + 1000)).toMatchObject({ guard: 'cost_guard', cause: 'max_cost_window' })
    expect(isRefusal(guards.admit(newRun('other'), 0, true, NOW + 1000))).toBe(false)
    expect(isRefusal(guards.admit(newRun(), 0, true, NOW + 61_000))).toBe(false)
  })
  test('what is set aside counts in the window, and is given back to the agent it was taken from', () => {
    const { guards, controls } = setUp({ costWindow: { usd: 1, seconds: 60 } })
    controls.agents.set('named-later', { costWindow: { usd: 1, seconds: 60 } })
    const run = newRun()
    const r = admitted(guards.admit(run, 1, true, NOW))
    expect(guards.admit(newRun(), 0, true, NOW)).toMatchObject({ guard: 'cost_guard' })
    // A framework tells the agent's name once its span ends.
    run.agent = 'named-later'
    guards.settle(r, 0, NOW)
    expect(isRefusal(guards.admit(newRun(), 0, true, NOW))).toBe(false)
  })
})

describe('the kill switch', () => {
  test('refuses new calls and aborts those under way, with the reason in the error', () => {
    const { guards, controls } = setUp()
    const run = newRun()
    const other = admitted(guards.admit(newRun('other'), 0, true, NOW))
    const r = admitted(guards.admit(run, 0, true, NOW))
    controls.agents.set('support', OFF)
    const told: Refusal[] = []
    guards.controlsChanged((_, refusal) => told.push(refusal))
    expect(r.abort.signal.reason).toBeInstanceOf(GuardError)
    expect(r.abort.signal.reason).toMatchObject({ code: 'AGENTOPZ_KILL_SWITCH', message: 'kill switch: bad answers', guard: 'kill_switch' })
    expect(told).toMatchObject([{ guard: 'kill_switch', cause: 'operator', reason: 'bad answers', controlId: 'c1' }])
    expect(other.abort.signal.aborted).toBe(false)
    expect(guards.admit(run, 0, true, NOW)).toMatchObject({ guard: 'kill_switch' })
    expect(run.stopped).toMatchObject({ guard: 'kill_switch' })
  })
  test('taken back lets the run go on', () => {
    const { guards, controls } = setUp(OFF)
    const run = newRun()
    expect(isRefusal(guards.admit(run, 0, true, NOW))).toBe(true)
    controls.agents.set('support', {})
    admitted(guards.admit(run, 0, true, NOW))
    expect(run.stopped).toBeUndefined()
  })
  test('a refused call is no step and sets nothing aside', () => {
    const { guards } = setUp(OFF)
    const run = newRun()
    guards.admit(run, 5, true, NOW)
    expect(run).toMatchObject({ steps: 0, modelCalls: 0, reservedUsd: 0, reservedCalls: 0 })
    expect(guards.inFlight).toBe(0)
  })
  test('a change that concerns nobody aborts nothing', () => {
    const { guards, controls } = setUp()
    const r = admitted(guards.admit(newRun(), 0, true, NOW))
    controls.agents.set('support', { maxSteps: 1 })
    guards.controlsChanged(() => expect.unreachable())
    expect(r.abort.signal.aborted).toBe(false)
  })
  test('calls that end themselves while they are aborted disturb nobody', () => {
    const { guards, controls } = setUp()
    const all = Array.from({ length: 5 }, () => admitted(guards.admit(newRun(), 0, true, NOW)))
    for (const r of all) r.abort.signal.addEventListener('abort', () => guards.settle(r, 0, NOW))
    controls.agents.set('support', OFF)
    guards.controlsChanged(() => undefined)
    expect(all.every((r) => r.abort.signal.aborted)).toBe(true)
    expect(guards.inFlight).toBe(0)
  })
  test('one run can be stopped by its id', () => {
    const { guards, controls } = setUp()
    const [a, b] = [newRun('support', 'run-a'), newRun('support', 'run-b')]
    const [ra, rb] = [admitted(guards.admit(a, 0, true, NOW)), admitted(guards.admit(b, 0, true, NOW))]
    controls.runs.set('run-a', OFF)
    guards.controlsChanged(() => undefined)
    expect(ra.abort.signal.reason).toMatchObject({ code: 'AGENTOPZ_RUN_STOP' })
    expect(rb.abort.signal.aborted).toBe(false)
    expect(guards.admit(a, 0, true, NOW)).toMatchObject({ guard: 'run_stop' })
    expect(isRefusal(guards.admit(b, 0, true, NOW))).toBe(false)
  })
})

describe('limits of a run', () => {
  test('steps are model calls and tool calls together', () => {
    const { guards } = setUp({ maxSteps: 3 })
    const run = newRun()
    guards.settle(admitted(guards.admit(run, 0, true, NOW)), 0, NOW)
    expect(guards.admitTool(run, 'support', 'search', NOW)).toBeUndefined()
    guards.settle(admitted(guards.admit(run, 0, true, NOW)), 0, NOW)
    expect(guards.admit(run, 0, true, NOW)).toMatchObject({ guard: 'step_guard' })
    expect(run).toMatchObject({ steps: 3, modelCalls: 2, toolCalls: 1 })
  })
  test('a run that a limit ended stays ended, and its tools with it', () => {
    const { guards, controls } = setUp({ maxSteps: 1 })
    const run = newRun()
    guards.settle(admitted(guards.admit(run, 0, true, NOW)), 0, NOW)
    guards.admit(run, 0, true, NOW)
    controls.agents.set('support', { maxSteps: 100 })
    expect(guards.admit(run, 0, true, NOW)).toMatchObject({ guard: 'step_guard' })
    expect(guards.admitTool(run, 'support', 'search', NOW)).toMatchObject({ guard: 'step_guard' })
  })
  test('identical tool calls in a row end the run; another one in between starts the count anew', () => {
    const { guards } = setUp({ maxIdenticalCalls: 3 })
    const run = newRun()
    for (const args of ['a', 'a', 'b', 'a', 'a']) run.noteCall('search', args)
    expect(isRefusal(guards.admit(run, 0, true, NOW))).toBe(false)
    run.noteCall('search', 'a')
    expect(guards.admit(run, 0, true, NOW)).toMatchObject({ guard: 'loop_guard', cause: 'identical_calls' })
  })
})

describe('the breaker of a tool', () => {
  const breaker = { failures: 2, seconds: 60 }
  function fail(guards: Guards, now: number, times = 1): void {
    for (let i = 0; i < times; i++) {
      guards.admitTool(undefined, 'support', 'search', now)
      guards.toolEnded('support', 'search', 'failure', now)
    }
  }
  test('opens after failures in a row, lets one probe through, closes when that works', () => {
    const { guards, controls } = setUp()
    controls.tools.set('search', { breaker, fallback: 'no results' })
    fail(guards, NOW, 2)
    expect(guards.admitTool(undefined, 'support', 'search', NOW + 59_999)).toMatchObject({
      guard: 'tool_breaker',
      cause: 'breaker',
      fallback: 'no results',
    })
    expect(guards.admitTool(undefined, 'support', 'search', NOW + 60_000)).toBeUndefined()
    expect(guards.admitTool(undefined, 'support', 'search', NOW + 60_001)).toMatchObject({ guard: 'tool_breaker' })
    guards.toolEnded('support', 'search', 'success', NOW + 60_002)
    expect(guards.admitTool(undefined, 'support', 'search', NOW + 60_003)).toBeUndefined()
  })
  test('is about one tool of one agent', () => {
    const { guards, controls } = setUp()
    controls.tools.set('search', { breaker })
    controls.tools.set('fetch', { breaker })
    fail(guards, NOW, 2)
    expect(guards.admitTool(undefined, 'support', 'search', NOW)).toBeDefined()
    expect(guards.admitTool(undefined, 'other', 'search', NOW)).toBeUndefined()
    expect(guards.admitTool(undefined, 'support', 'fetch', NOW)).toBeUndefined()
  })
  test('a call that something else refuses is not the probe', () => {
    const { guards, controls } = setUp()
    controls.tools.set('search', { breaker })
    fail(guards, NOW, 2)
    controls.agents.set('support', OFF)
    expect(guards.admitTool(undefined, 'support', 'search', NOW + 60_000)).toMatchObject({ guard: 'kill_switch' })
    controls.agents.set('support', {})
    expect(guards.admitTool(undefined, 'support', 'search', NOW + 60_001)).toBeUndefined()
  })
  test('without limits nothing is remembered', () => {
    const { guards, controls } = setUp()
    fail(guards, NOW, 100)
    controls.tools.set('search', { breaker })
    expect(guards.admitTool(undefined, 'support', 'search', NOW)).toBeUndefined()
  })
  test('a tool that an operator opened is refused before its breaker is asked', () => {
    const { guards, controls } = setUp()
    controls.tools.set('search', { ...OFF, fallback: 'closed', breaker })
    expect(guards.admitTool(newRun(), 'support', 'search', NOW)).toMatchObject({
      guard: 'tool_breaker',
      cause: 'operator',
      fallback: 'closed',
    })
  })
})

test('codes in errors name the guard', () =>
  expect(codeOf({ guard: 'cost_guard', cause: 'max_cost_usd', reason: '' })).toBe('AGENTOPZ_COST_GUARD'))
