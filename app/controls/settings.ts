/**
 * Configuration → limits that travel to guards as flags, and the bounds of the control plane. A limit that an agent does not set is that of
 * `defaults`, key by key; agents that are not configured have those of `*`.
 */
import type { AgentLimits, FlagSettings, ToolLimits } from '../../control/flags.ts'
import type { Config } from '../config-schema.ts'

/** Limits of an agent; those of every unconfigured one for `*`. */
export function limitsOf(config: Config, agent: string): AgentLimits {
  const own = config.agents[agent] ?? {}
  const d = config.defaults
  const window = own.cost_usd?.stop_agent_at ?? d.cost_usd?.stop_agent_at
  return given<AgentLimits>({
    maxCostUsd: own.cost_usd?.stop_run_at ?? d.cost_usd?.stop_run_at,
    maxSteps: own.steps?.stop_run_at ?? d.steps?.stop_run_at,
    maxIdenticalCalls: own.loop?.stop_run_at ?? d.loop?.stop_run_at,
    maxCostWindow: window === undefined ? undefined : { usd: window.usd, seconds: window.every },
    fallback: own.fallback ?? d.fallback,
    whenLost: own.when_lost,
  })
}

/** Without the keys that are not given. */
function given<T extends object>(all: { readonly [K in keyof T]-?: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(all).filter(([, v]) => v !== undefined)) as T
}

/** What the flag set is made from beside controls and releases. */
export function flagSettings(config: Config): FlagSettings {
  const names = ['*', ...Object.keys(config.agents)]
  return {
    lostAfterSeconds: config.controls.lost_after_seconds,
    whenLost: config.controls.when_lost,
    agents: new Map(names.map((name) => [name, limitsOf(config, name)])),
    tools: new Map(Object.keys(config.tools).map((name) => [name, toolLimits(config, name)])),
  }
}

function toolLimits(config: Config, name: string): ToolLimits {
  const tool = config.tools[name]
  if (tool === undefined) return {}
  const { open_after_failures: failures, open_seconds: seconds, fallback } = tool
  return given<ToolLimits>({ breaker: failures === undefined ? undefined : { failures, seconds }, fallback })
}
