/** `agentopz up` and `agentopz demo`: options in, exit code out; the work is in up.ts and demo-story.ts. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Config } from '../config-schema.ts'
import { AGENTS } from '../fleet/sketch.ts'
import { demo, SCALE } from './demo-story.ts'
import { printError, say } from './output.ts'
import { type Started, startApp } from './start.ts'
import { up, type UpOptions } from './up.ts'

interface PortOptions {
  readonly config?: string
  readonly prometheusPort: number
  readonly alertmanagerPort: number
}

/** Runs `up` until a signal; returns the exit code. */
export async function upCommand(o: PortOptions & { readonly data: string }): Promise<number> {
  const started = await startApp(o.config)
  if (typeof started === 'number') return started
  if (started.app.tls.loaded !== undefined) {
    await started.app.stop()
    printError(
      'agentopz: up speaks to its Prometheus and Alertmanager without TLS; leave tls out of its configuration, or use serve with your own\n',
    )
    return 2
  }
  try {
    await up(started.app, {
      dir: o.data,
      prometheusPort: o.prometheusPort,
      alertmanagerPort: o.alertmanagerPort,
      ...servicesFor(started),
      say,
      signal: started.signal,
    })
  } finally {
    await started.app.stop()
  }
  say(`stopped; nothing is left running. What Prometheus and Alertmanager stored stays in ${o.data}`)
  return 0
}

/** Runs the demo until a signal or its time is over; returns the exit code. */
export async function demoCommand(
  o: PortOptions & { readonly data?: string; readonly healthySeconds: number; readonly seconds: number; readonly seed?: number },
): Promise<number> {
  const dir = o.data ?? mkdtempSync(join(tmpdir(), 'agentopz-demo-'))
  try {
    mkdirSync(dir, { recursive: true })
    const started = await startApp(o.config, (config) => forDemo(config, dir), SCALE)
    if (typeof started === 'number') return started
    try {
      const seed = o.seed === undefined ? {} : { seed: o.seed }
      await demo(started.app, { ...o, dir, ...servicesFor(started), say, signal: started.signal, ...seed })
      say('stopped; nothing is left running')
    } finally {
      await started.app.stop()
    }
  } finally {
    if (o.data === undefined) rmSync(dir, { recursive: true, force: true })
  }
  return 0
}

/** What the services are to know of a started app, and it of them. */
function servicesFor({ app, config, dir }: Started): Pick<UpOptions, 'teams' | 'webhookToken' | 'found'> {
  const token = config.auth.tokens.find((t) => t.role === 'ingest' || t.role === 'operate')?.token
  return {
    teams: teamsOf(config),
    ...(token === undefined ? {} : { webhookToken: token }),
    found: ({ prometheusUrl, alertmanagerUrl }) => {
      const { prometheus, alertmanager } = config
      app.apply({ ...config, prometheus: prometheusUrl ?? prometheus, alertmanager: alertmanagerUrl ?? alertmanager }, dir)
    },
  }
}

/**
 * The fleet's teams, runs that close soon, a quiet log, incidents in compressed time, and nothing stored beside the user's; what the
 * configuration says of these agents stays. Without TLS: it is all on this machine.
 */
function forDemo(config: Config, dir: string): Config {
  const teams = Object.fromEntries(AGENTS.map(({ name, team }) => [name, { team, ...config.agents[name] }]))
  return {
    ...config,
    agents: { ...config.agents, ...teams },
    runs: { ...config.runs, settle_seconds: Math.min(config.runs.settle_seconds, 2) },
    storage: `sqlite:${join(resolve(dir), 'agentopz.db')}`,
    incidents: { ...config.incidents, merge_window: 30, resolve_after: 15, reopen_within: 60, check_every: 3 },
    response: { ...config.response, check_every: 3 },
    log: { ...config.log, level: 'warn' },
    tls: undefined,
  }
}

/** Who may be paged. */
function teamsOf(config: Config): readonly string[] {
  return [...new Set([config.defaults, ...Object.values(config.agents)].flatMap((a) => (a.team === undefined ? [] : [a.team])))]
}
