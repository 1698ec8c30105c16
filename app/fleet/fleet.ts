/**
 * A fleet of simulated agents that send OTLP to an endpoint over real HTTP until stopped.
 * Failures to send are counted and told once, never thrown: the fleet is a sender like any other.
 */
import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { AGENTS, type SimulatedAgent, seeded, sketchRun, type Trouble } from './sketch.ts'
import { writeRun } from './write.ts'

export interface FleetOptions {
  /** Base URL of an OTLP/HTTP endpoint, e.g. http://127.0.0.1:4318. */
  readonly endpoint: string
  readonly environment?: string
  /** Multiplies every agent's rate. */
  readonly rate?: number
  /** Multiplies how often healthy runs fail by chance. */
  readonly noise?: number
  readonly seed?: number
  readonly token?: string
  readonly onError?: (message: string) => void
}

export interface Fleet {
  readonly agents: readonly SimulatedAgent[]
  /** Makes an agent go bad, or well again with `none`. */
  trouble(agent: string, trouble: Trouble): void
  sent(): { readonly runs: number; readonly failed: number }
  stop(): Promise<void>
}

/** Starts sending. Runs arrive as a Poisson process per agent. */
export function startFleet(options: FleetOptions): Fleet {
  const random = seeded(options.seed ?? randomBytes(4).readUInt32LE())
  const troubles = new Map<string, Trouble>()
  const timers = new Map<string, NodeJS.Timeout>()
  const inFlight = new Set<Promise<void>>()
  let runs = 0
  let failed = 0
  let told = false

  const send = async (body: object): Promise<void> => {
    try {
      const response = await fetch(`${options.endpoint}/v1/traces`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'content-encoding': 'gzip',
          ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
        },
        body: gzipSync(JSON.stringify(body), { level: 1 }),
        signal: AbortSignal.timeout(10_000),
      })
      await response.arrayBuffer()
      if (!response.ok) throw new Error(`${options.endpoint}/v1/traces answered ${response.status}`)
      runs++
    } catch (error) {
      failed++
      if (!told) options.onError?.(error instanceof Error ? error.message : String(error))
      told = true
    }
  }
  const schedule = (agent: SimulatedAgent): void => {
    const meanMs = 60_000 / (agent.runsPerMinute * (options.rate ?? 1))
    const waitMs = Math.min(-Math.log(1 - random()) * meanMs, 60_000)
    timers.set(
      agent.name,
      setTimeout(() => {
        const run = sketchRun(agent, troubles.get(agent.name) ?? 'none', Date.now(), random, options.noise)
        const sending = send(writeRun(run, options.environment ?? 'demo')).finally(() => inFlight.delete(sending))
        inFlight.add(sending)
        schedule(agent)
      }, waitMs),
    )
  }
  for (const agent of AGENTS) schedule(agent)
  return {
    agents: AGENTS,
    trouble: (agent, trouble) => troubles.set(agent, trouble),
    sent: () => ({ runs, failed }),
    stop: async () => {
      for (const t of timers.values()) clearTimeout(t)
      await Promise.allSettled(inFlight)
    },
  }
}
