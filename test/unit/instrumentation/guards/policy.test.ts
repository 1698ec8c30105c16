import { describe, expect, test } from 'vitest'
import { refuseModelCall, refuseToolCall, type ToolQuestion } from '../../../../instrumentation/guards/policy.ts'
import { SpendWindow } from '../../../../instrumentation/guards/spend-window.ts'
import { type AgentControls, ALLOWED, type Allowed } from '../../../../instrumentation/controls/view.ts'
import { type Refusal, RunScope } from '../../../../instrumentation/run-scope.ts'

const NOW = 1_790_000_000_000
const OFF: Allowed = { allowed: false, reason: 'bad answers', controlId: 'c1', fallback: 'Call us.' }
const STOPPED: Refusal = { guard: 'cost_guard', cause: 'max_cost_usd', reason: 'spent' }

function run(facts: Partial<RunScope> = {}): RunScope {
  return Object.assign(new RunScope('explicit', 'support', NOW), facts)
}

describe('a model call', () => {
  interface Case {
    readonly name: string
    readonly run?: Partial<RunScope>
    readonly agent?: Partial<AgentControls>
    readonly byId?: Allowed
    readonly spentInWindow?: number
    readonly reservedInWindow?: number
    readonly refused?: Partial<Refusal>
  }
  const cases: readonly Case[] = [
    { name: 'goes ahead where nothing limits it' },
    {
      name: 'of an agent that is switched off is refused, with reason, control and fallback',
      agent: OFF,
      refused: { guard: 'kill_switch', cause: 'operator', reason: 'bad answers', controlId: 'c1', fallback: 'Call us.' },
    },
    {
      name: 'is refused as lost where nobody switched the agent off but it fails closed',
      agent: { allowed: false, isLost: true, reason: 'lost' },
      refused: { guard: 'kill_switch', cause: 'lost' },
    },
    { name: 'of a run that was stopped is refused', byId: OFF, refused: { guard: 'run_stop', cause: 'operator', controlId: 'c1' } },
    { name: 'the agent comes before the run', agent: OFF, byId: OFF, refused: { guard: 'kill_switch' } },
    { name: 'of a run that a limit ended stays refused with the same reason', run: { stopped: STOPPED }, refused: STOPPED },
    {
      name: 'of a run that a kill switch ended goes ahead once that was taken back',
      run: { stopped: { guard: 'kill_switch', cause: 'operator', reason: '' } },
    },
    {
      name: 'of a run that was stopped by id goes ahead once that was taken back',
      run: { stopped: { guard: 'run_stop', cause: 'operator', reason: '' } },
    },
    { name: 'below the cost limit goes ahead', run: { costUsd: 0.99 }, agent: { maxCostUsd: 1 } },
    {
      name: 'at the cost limit is refused, and the reason says how much was used of how much',
      run: { costUsd: 1 },
      agent: { maxCostUsd: 1 },
      refused: { guard: 'cost_guard', cause: 'max_cost_usd', reason: 'the run has used $1.00 of $1.00' },
    },
    {
      name: 'what is set aside for calls under way counts',
      run: { costUsd: 0.0004, reservedUsd: 0.0006 },
      agent: { maxCostUsd: 0.001 },
      refused: { guard: 'cost_guard', reason: 'the run has used $0.0010 of $0.0010' },
    },
    { name: 'a cost limit of 0 lets nothing through', agent: { maxCostUsd: 0 }, refused: { guard: 'cost_guard' } },
    {
      name: 'the agent may have used up its window',
      agent: { costWindow: { usd: 5, seconds: 3600 } },
      spentInWindow: 4,
      reservedInWindow: 1,
      refused: { guard: 'cost_guard', cause: 'max_cost_window', reason: 'runs of support have used $5.00 of $5.00 in 3600 s' },
    },
    { name: 'below the window limit goes ahead', agent: { costWindow: { usd: 5, seconds: 3600 } }, spentInWindow: 4.9 },
    { name: 'below the step limit goes ahead', run: { steps: 9 }, agent: { maxSteps: 10 } },
    {
      name: 'at the step limit is refused',
      run: { steps: 10 },
      agent: { maxSteps: 10 },
      refused: { guard: 'step_guard', cause: 'max_steps', reason: 'the run has made 10 of 10 steps' },
    },
    { name: 'below the limit of identical calls goes ahead', run: { streak: 3 }, agent: { maxIdenticalCalls: 4 } },
    {
      name: 'after so many identical tool calls is refused',
      run: { streak: 4 },
      agent: { maxIdenticalCalls: 4 },
      refused: { guard: 'loop_guard', cause: 'identical_calls', reason: 'the model asked for the same tool call 4 times in a row' },
    },
    {
      name: 'after so many identical requests is refused',
      run: { requestStreak: 4 },
      agent: { maxIdenticalCalls: 4 },
      refused: { guard: 'loop_guard', cause: 'identical_requests', reason: 'the same request was answered 4 times in a row' },
    },
  ]
  for (const c of cases)
    test(c.name, () => {
      const window = new SpendWindow()
      if (c.spentInWindow !== undefined) window.add(c.spentInWindow, 3600, NOW)
      window.reservedUsd = c.reservedInWindow ?? 0
      const said = refuseModelCall(run(c.run), { ...ALLOWED, ...c.agent }, c.byId ?? ALLOWED, window, NOW)
      if (c.refused === undefined) expect(said).toBeUndefined()
      else expect(said).toMatchObject(c.refused)
    })
})

describe('a tool call', () => {
  interface Case {
    readonly name: string
    readonly run?: Partial<RunScope> | 'none'
    readonly asks?: Partial<ToolQuestion>
    readonly refused?: Partial<Refusal>
    readonly hasFallback?: boolean
  }
  const cases: readonly Case[] = [
    { name: 'goes ahead where nothing limits it' },
    { name: 'goes ahead outside of any run', run: 'none' },
    {
      name: 'of an open tool is refused with the fallback of the tool',
      asks: { controls: OFF },
      refused: { guard: 'tool_breaker', cause: 'operator', controlId: 'c1', fallback: 'Call us.' },
    },
    {
      name: 'is refused where the breaker opened by itself',
      asks: { isOpen: true, controls: { ...ALLOWED, fallback: 'no results' } },
      refused: { guard: 'tool_breaker', cause: 'breaker', reason: 'search kept failing and is not called for now', fallback: 'no results' },
    },
    {
      name: 'of an agent that is switched off is refused, without the text that is meant for its user',
      asks: { agent: OFF },
      refused: { guard: 'kill_switch', cause: 'operator', controlId: 'c1' },
      hasFallback: false,
    },
    { name: 'of a stopped run is refused', asks: { byId: OFF }, refused: { guard: 'run_stop' }, hasFallback: false },
    { name: 'of a run that a limit ended is refused with its reason', run: { stopped: STOPPED }, refused: STOPPED },
    {
      name: 'of the step at the limit still goes ahead: the model call after it is what is refused',
      run: { steps: 10 },
      asks: { agent: { ...ALLOWED, maxSteps: 10 } },
    },
    {
      name: 'one step over the limit is refused',
      run: { steps: 11 },
      asks: { agent: { ...ALLOWED, maxSteps: 10 } },
      refused: { guard: 'step_guard', cause: 'max_steps' },
    },
  ]
  for (const c of cases)
    test(c.name, () => {
      const question: ToolQuestion = { agent: ALLOWED, byId: ALLOWED, controls: ALLOWED, isOpen: false, ...c.asks }
      const said = refuseToolCall(c.run === 'none' ? undefined : run(c.run), 'search', question)
      if (c.refused === undefined) expect(said).toBeUndefined()
      else expect(said).toMatchObject(c.refused)
      if (c.hasFallback === false) expect(said).not.toHaveProperty('fallback')
    })
})
