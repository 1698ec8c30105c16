/**
 * The policy core with its state: what agents spent lately, tools' breakers, calls under way. Every adapter (fetch layer, framework seams,
 * explicit API) asks here and reports back here; the decisions themselves are in policy.ts, pure.
 * A model call: `admit` → (refused | reserved) → `settle`. Numbers are of this process only.
 */
import { BoundedMap } from '../bounded-map.ts'
import { ALLOWED, type ControlView, NO_CONTROLS } from '../controls/view.ts'
import type { Refusal, RunScope } from '../run-scope.ts'
import { afterCall, type Breaker, CLOSED, enter } from './breaker.ts'
import { refuseModelCall, refuseToolCall } from './policy.ts'
import { SpendWindow } from './spend-window.ts'

const MAX_AGENTS = 1000
const MAX_TOOLS = 10_000
/** Set aside for a call whose cost cannot be guessed; small, so that a limit is not reached by guesses. */
const NOTHING = 0

/** What was set aside for a call under way. */
export interface Reservation {
  readonly run: RunScope
  readonly usd: number
  /** Where it was set aside: the run may get another agent's name before the call ends. */
  readonly window: SpendWindow
  /** Aborts the call; its reason is a `GuardError`. */
  readonly abort: AbortController
  settled: boolean
}

/** What the application sees when a guard ends something by an exception or an abort. */
export class GuardError extends Error {
  readonly code: string
  readonly guard: Refusal['guard']
  readonly reason: string

  constructor(refusal: Refusal) {
    super(`${refusal.guard.replaceAll('_', ' ')}: ${refusal.reason}`)
    this.name = 'GuardError'
    this.code = codeOf(refusal)
    this.guard = refusal.guard
    this.reason = refusal.reason
  }
}

/** `AGENTOPZ_COST_GUARD` and so on: the code in errors of the provider's shape. */
export function codeOf(refusal: Refusal): string {
  return `AGENTOPZ_${refusal.guard.toUpperCase()}`
}

export class Guards {
  controls: ControlView = NO_CONTROLS
  readonly #windows = new BoundedMap<string, SpendWindow>(MAX_AGENTS)
  readonly #breakers = new BoundedMap<string, Breaker>(MAX_TOOLS)
  readonly #inFlight = new Set<Reservation>()

  /** May the run make another model call? Sets `estimateUsd` aside when it may; the first refusal stops the run. Embeddings are no step (R3). */
  admit(run: RunScope, estimateUsd: number | undefined, isStep: boolean, now: number): Reservation | Refusal {
    const agent = this.controls.agent(run.agent)
    const window = this.#window(run.agent)
    const refusal = refuseModelCall(run, agent, this.controls.run(run.agent, run.id, run.startedMs), window, now)
    if (refusal !== undefined) {
      run.stopped = refusal
      return refusal
    }
    // A kill switch that was taken back lets the run go on.
    run.stopped = undefined
    run.lastActiveMs = now
    if (isStep) {
      run.steps++
      run.modelCalls++
    }
    const usd = estimateUsd ?? NOTHING
    run.reservedUsd += usd
    run.reservedCalls++
    window.reservedUsd += usd
    const reservation: Reservation = { run, usd, window, abort: new AbortController(), settled: false }
    this.#inFlight.add(reservation)
    return reservation
  }

  /** The call ended: what was set aside is replaced by what it cost; `undefined` where that is unknown. */
  settle(r: Reservation, costUsd: number | undefined, now: number): void {
    if (r.settled) return
    r.settled = true
    this.#inFlight.delete(r)
    r.run.reservedCalls--
    r.run.reservedUsd = Math.max(0, r.run.reservedUsd - r.usd)
    r.window.reservedUsd = Math.max(0, r.window.reservedUsd - r.usd)
    r.run.lastActiveMs = now
    if (costUsd === undefined) {
      r.run.unpricedCalls++
      return
    }
    r.run.costUsd += costUsd
    const seconds = this.controls.agent(r.run.agent).costWindow?.seconds
    if (seconds !== undefined) this.#window(r.run.agent).add(costUsd, seconds, now)
  }

  /** May this tool be called? In a half-open breaker the call becomes the probe. */
  admitTool(run: RunScope | undefined, agent: string, tool: string, now: number): Refusal | undefined {
    const controls = this.controls.tool(agent, tool)
    const limits = controls.breaker
    const key = breakerKey(agent, tool)
    const entered = limits === undefined ? undefined : enter(this.#breakers.get(key) ?? CLOSED, limits, now)
    const refusal = refuseToolCall(run, tool, {
      agent: this.controls.agent(agent),
      byId: run === undefined ? ALLOWED : this.controls.run(agent, run.id, run.startedMs),
      controls,
      isOpen: entered?.admit === false,
    })
    if (refusal !== undefined) return refusal
    // Only a call that is really made is the probe of a half-open breaker.
    if (entered !== undefined && (entered.next.state !== 'closed' || entered.next.failures > 0)) this.#breakers.set(key, entered.next)
    if (run !== undefined) {
      run.steps++
      run.toolCalls++
      run.lastActiveMs = now
    }
    return undefined
  }

  /** An admitted tool call ended. */
  toolEnded(agent: string, tool: string, outcome: 'success' | 'failure', now: number): void {
    const limits = this.controls.tool(agent, tool).breaker
    if (limits === undefined) return
    const key = breakerKey(agent, tool)
    this.#breakers.set(key, afterCall(this.#breakers.get(key) ?? CLOSED, outcome, limits, now))
  }

  /** Aborts calls under way that would not be admitted any more; called when controls changed. */
  controlsChanged(aborted: (run: RunScope, refusal: Refusal) => void): void {
    for (const r of this.#inFlight) {
      const agent = this.controls.agent(r.run.agent)
      const byId = this.controls.run(r.run.agent, r.run.id, r.run.startedMs)
      if (agent.allowed && byId.allowed) continue
      const { reason, controlId } = agent.allowed ? byId : agent
      const refusal: Refusal = {
        guard: agent.allowed ? 'run_stop' : 'kill_switch',
        cause: 'operator',
        reason,
        ...(controlId === undefined ? {} : { controlId }),
      }
      r.run.stopped = refusal
      aborted(r.run, refusal)
      r.abort.abort(new GuardError(refusal))
    }
  }

  /** True where a limit of this agent is about identical calls; what it takes to see them is spared elsewhere. */
  watchesLoops(agent: string): boolean {
    return this.controls.agent(agent).maxIdenticalCalls !== undefined
  }

  /** Calls under way. */
  get inFlight(): number {
    return this.#inFlight.size
  }

  #window(agent: string): SpendWindow {
    const known = this.#windows.get(agent)
    if (known !== undefined) return known
    const made = new SpendWindow()
    this.#windows.set(agent, made)
    return made
  }
}

/** True for a refusal. */
export function isRefusal(r: Reservation | Refusal): r is Refusal {
  return 'guard' in r
}

const breakerKey = (agent: string, tool: string): string => `${agent}\0${tool}`
