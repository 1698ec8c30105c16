/**
 * Runs a conformance program as its user would, bare or with the instrumentation loaded before it, and collects what could be observed:
 * what it printed, how it ended, what the provider was asked, and what telemetry came, all of it by scenario.
 * Both runs get the same environment; only `--import` differs.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Call, Mark, Provider } from '../support/provider.ts'
import { appOf, type ModuleSystem, type NodeVersion, type Sdk } from './sdks.ts'
import type { Received, Sink } from './sink.ts'

const TOP = join(import.meta.dirname, '../..')
/** `CONFORMANCE_REGISTER=dist/instrumentation/register.js` tries what is packed. */
const REGISTER = resolve(TOP, process.env['CONFORMANCE_REGISTER'] ?? 'instrumentation/register.ts')
const LIMIT_MS = 180_000
/** Connections that the program's end closed are seen as closed a little later. */
const CLOSE_MS = 300

export interface ProgramRun {
  readonly stdout: readonly string[]
  readonly stderr: readonly string[]
  /** Exit code, or the signal that ended it. */
  readonly exit: string
  readonly marks: readonly Mark[]
  readonly calls: readonly Call[]
  readonly received: readonly Received[]
  readonly durationMs: number
  /** When it last printed something: what keeps it alive afterwards is no scenario's. */
  readonly printedMs: number
}

export interface Bench {
  readonly provider: Provider
  readonly sink: Sink
}

export interface Program {
  readonly sdk: Sdk
  readonly module: ModuleSystem
  readonly node: NodeVersion
  readonly instrumented: boolean
  /** Scenario names, or `guard`; none for all scenarios. */
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** Whether there is something to load. */
export const hasInstrumentation = (): boolean => existsSync(REGISTER)

/** Runs one program to its end. The provider and the sink are its own while it runs. */
export async function runProgram(program: Program, bench: Bench): Promise<ProgramRun> {
  const { provider, sink } = bench
  provider.reset()
  sink.reset()
  const began = Date.now()
  const imports = program.instrumented ? ['--import', pathToFileURL(REGISTER).href] : []
  // Node 22 says of every TypeScript source that loading it is experimental; packed, the instrumentation is JavaScript.
  const flags = ['--disable-warning=ExperimentalWarning', ...imports]
  const child = spawn(program.node.binary, [...flags, appOf(program.sdk, program.module), ...(program.args ?? [])], {
    cwd: program.sdk.folder,
    env: { ...environment(program.sdk, bench), ...program.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const text = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) child[name].setEncoding('utf8').on('data', (part: string) => (text[name] += part))
  let printedMs = began
  child.stdout.on('data', () => (printedMs = Date.now()))
  const timer = setTimeout(() => killGroup(child.pid), LIMIT_MS)
  const exit = await new Promise<string>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(String(code ?? signal)))
  })
  clearTimeout(timer)
  killGroup(child.pid)
  if (provider.calls.some((c) => c.end === 'open')) await new Promise((resolve) => setTimeout(resolve, CLOSE_MS))
  return {
    stdout: linesOf(text.stdout),
    stderr: linesOf(text.stderr),
    exit,
    marks: [...provider.marks],
    calls: provider.calls.map((c) => ({ ...c })),
    received: [...sink.received],
    durationMs: Date.now() - began,
    printedMs,
  }
}

/** Ends the program and whatever children it left behind. */
function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Nothing of it is left.
  }
}

const linesOf = (text: string): readonly string[] => text.split('\n').filter((line) => line.trim() !== '')

function environment(sdk: Sdk, { provider, sink }: Bench): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR } = process.env
  return {
    ...(PATH === undefined ? {} : { PATH }),
    ...(HOME === undefined ? {} : { HOME }),
    ...(TMPDIR === undefined ? {} : { TMPDIR }),
    PROVIDER_URL: provider.url,
    OPENAI_BASE_URL: `${provider.url}/v1`,
    OPENAI_API_KEY: 'local',
    ANTHROPIC_BASE_URL: provider.url,
    ANTHROPIC_API_KEY: 'local',
    GOOGLE_GEMINI_BASE_URL: provider.url,
    GEMINI_API_KEY: 'local',
    MISTRAL_BASE_URL: provider.url,
    MISTRAL_API_KEY: 'local',
    COHERE_BASE_URL: provider.url,
    CO_API_KEY: 'local',
    OLLAMA_HOST: provider.url,
    AWS_ENDPOINT_URL_BEDROCK_RUNTIME: provider.url,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
    OTEL_SERVICE_NAME: serviceOf(sdk),
    AGENTOPZ_CONTROL_URL: 'off',
  }
}

/** The service name that a program runs under. */
export const serviceOf = (sdk: Sdk): string => `conformance-${sdk.name}`
