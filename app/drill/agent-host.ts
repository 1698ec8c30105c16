/**
 * Starts the process of the drill agents and talks to it: conditions go in, reports of runs come out. It never outlives us: it ends when the
 * channel between us closes, however we end. That it ended by itself is told, for nothing that is measured afterwards would mean anything.
 */
import { fork } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Conditions, FromAgent, RunReport, ToAgent } from './conditions.ts'

export interface AgentHost {
  /** Name and version of the SDK that the agents use. */
  readonly sdk: string
  set(agent: string, conditions: Conditions): void
  /** Hears of every run; returns how to stop hearing. */
  subscribe(listener: (run: RunReport) => void): () => void
  /** Resolves with the reason when the process ended by itself. */
  readonly died: Promise<string>
  stop(): Promise<void>
}

export interface HostOptions {
  readonly otlpUrl: string
  readonly controlUrl: string
  readonly providerUrl: string
  readonly environment: string
  readonly dir: string
}

const READY_MS = 20_000
const STOP_MS = 3000

/** A file of ours, as it runs here: sources in a checkout, JavaScript in the package. */
function own(path: string): string {
  const here = fileURLToPath(new URL('.', import.meta.url))
  const source = join(here, `${path}.ts`)
  return existsSync(source) ? source : join(here, `${path}.js`)
}

/** Starts it. @throws when it is not ready within 20 s. */
export async function startAgents(o: HostOptions): Promise<AgentHost> {
  const child = fork(own('agent-process'), [], {
    execArgv: ['--import', own('../../instrumentation/register')],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: {
      PATH: process.env['PATH'],
      HOME: o.dir,
      OTEL_SERVICE_NAME: 'agentopz-drill',
      OTEL_RESOURCE_ATTRIBUTES: `deployment.environment.name=${o.environment}`,
      OTEL_EXPORTER_OTLP_ENDPOINT: o.otlpUrl,
      OTEL_BSP_SCHEDULE_DELAY: '250',
      AGENTOPZ_CONTROL_URL: o.controlUrl,
      AGENTOPZ_CONTROL_CACHE: 'off',
      AGENTOPZ_DRILL_PROVIDER: o.providerUrl,
    },
  })
  const ends = new Promise<void>((done) => child.once('exit', () => done()))
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (part: string) => (said = `${said}${part}`.slice(-2000)))
  const listeners = new Set<(run: RunReport) => void>()
  let isStopping = false
  let die: (why: string) => void = () => undefined
  const died = new Promise<string>((done) => (die = done))
  const stop = async (): Promise<void> => {
    isStopping = true
    if (child.exitCode !== null || child.signalCode !== null) return
    if (child.connected) child.send({ kind: 'stop' } satisfies ToAgent, () => undefined)
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    await ends
    clearTimeout(timer)
  }
  child.once('error', (error) => die(error.message))
  child.once('exit', (code, signal) => {
    if (!isStopping) die(`the process of the drill agents ended (${signal ?? `exit code ${code}`})${said === '' ? '' : `: ${said.trim()}`}`)
  })
  try {
    const sdk = await new Promise<string>((done, fail) => {
      const timer = setTimeout(() => fail(new Error(`the drill agents were not ready within ${READY_MS / 1000} s${said}`)), READY_MS)
      void died.then((why) => fail(new Error(why)))
      child.on('message', (message) => {
        const heard = message as FromAgent
        if (heard.kind === 'runs') for (const run of heard.runs) for (const tell of listeners) tell(run)
        if (heard.kind !== 'ready') return
        clearTimeout(timer)
        done(heard.sdk)
      })
    })
    return {
      sdk,
      died,
      stop,
      set: (agent, conditions) => {
        if (child.connected) child.send({ kind: 'conditions', agent, conditions } satisfies ToAgent, () => undefined)
      },
      subscribe: (listener) => {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      },
    }
  } catch (error) {
    await stop()
    throw error
  }
}
