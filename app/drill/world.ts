/**
 * What a class may do to its agent, carried out: conditions go to the provider and the agents' process, releases and controls through the
 * control plane as a person's would. Everything waits no longer than the drill is running.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Chain } from './chain.ts'
import { type Conditions, HEALTHY, PROMPTS, type PromptName, type RunReport } from './conditions.ts'
import { type DrillWorld, ENVIRONMENT } from './drill-class.ts'
import { quoted } from '../prometheus.ts'

/** Who does what a drill does. */
export const ACTOR = 'drill'
/** Enough for every run of an agent in a drill. */
const MAX_REPORTS = 20_000

/** A world of one agent, and what only the drill itself does with it. */
export interface OwnWorld extends DrillWorld {
  /** Begins its traffic, with the first release active. */
  begin(): Promise<void>
  /** Undoes what playbooks have set and left, as an operator does once the cause is gone: a tool that is open, an agent that is off. */
  letGo(reason: string): Promise<void>
  /** Ends it, and the mark that it is being drilled. */
  end(): Promise<void>
  conditions(): Conditions
}

/** Makes it. */
export function createWorld(chain: Chain, agent: string, signal: AbortSignal): OwnWorld {
  const { plane } = chain.app.controls
  const who = (reason: string): { actor: string; reason: string; via: string } => ({ actor: ACTOR, reason, via: 'drill' })
  const now = (): number => Date.now()
  let conditions: Conditions = HEALTHY
  const reports: RunReport[] = []
  const unsubscribe = chain.agents.subscribe((run) => {
    if (run.agent === agent && reports.push(run) > MAX_REPORTS) reports.shift()
  })
  const change = (next: Partial<Conditions>): void => {
    conditions = { ...conditions, ...next }
    chain.provider.set(agent, conditions)
    chain.agents.set(agent, conditions)
  }
  const release = async (version: string, prompt: PromptName): Promise<void> => {
    const draft = { agent, version, prompts: { system: PROMPTS[prompt] }, config: { release: version } }
    done(await plane.publish(draft, who('drill'), now))
    done(await plane.activate(agent, version, who(`drill: prompt "${prompt}"`), now))
  }
  return {
    agent,
    environment: ENVIRONMENT,
    now,
    change,
    release,
    conditions: () => conditions,
    rollback: async (reason) => {
      done(await plane.rollback(agent, who(reason), now))
    },
    disable: async (reason) => {
      const request = { control: 'agent', agent, target: '', environment: ENVIRONMENT }
      done(await plane.set(request, who(reason), now))
    },
    enable: async (reason) => {
      for (const c of plane.controls(now())) if (c.control === 'agent' && c.agent === agent) done(await plane.undo(c.id, who(reason), now))
    },
    runsSince: (ms) => reports.filter((r) => r.beganMs >= ms),
    countedSince: (ms) => counted(chain, agent, ms, now()),
    wait: (seconds) => sleep(seconds * 1000, undefined, { signal }),
    begin: async () => {
      const target = agent.replace(/^drill-/, '')
      done(await plane.set({ control: 'drill', agent, target, environment: ENVIRONMENT }, who('drill'), now))
      await release('1', 'good')
      change({})
    },
    letGo: async (reason) => {
      const set = plane.controls(now()).filter((c) => c.agent === agent && c.control !== 'drill')
      // A playbook may have undone it by now: a refusal is as good.
      for (const c of set) await plane.undo(c.id, who(reason), now)
    },
    end: async () => {
      change({ runsPerSecond: 0, isRunaway: false })
      unsubscribe()
      // Refused where the chain is going down: it takes everything with it.
      for (const c of plane.controls(now())) if (c.agent === agent) await plane.undo(c.id, who('the drill is over'), now)
    },
  }
}

/** What was refused ends the drill: it is a mistake of the drill, and what follows would mean nothing. */
function done(outcome: { readonly ok: true } | { readonly ok: false; readonly because: string; readonly detail: string }): void {
  if (!outcome.ok) throw new Error(`the drill was refused what it asked of the control plane (${outcome.because}): ${outcome.detail}`)
}

async function counted(chain: Chain, agent: string, sinceMs: number, nowMs: number): Promise<ReadonlyMap<string, number> | undefined> {
  const seconds = Math.max(2, Math.round((nowMs - sinceMs) / 1000))
  const query = `sum by (prompt_version) (increase(agentopz_runs_total{agent=${quoted(agent)}}[${seconds}s]))`
  try {
    const { data } = await chain.prometheus.instant(query, nowMs / 1000)
    return new Map(data.map((s) => [s.labels['prompt_version'] ?? '', s.value]))
  } catch {
    return undefined
  }
}
