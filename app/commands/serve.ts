/** `agentopz serve`. */
import { VERSION } from '../app.ts'
import { type Config, MAX_PROCESSES } from '../config-schema.ts'
import { memorySizeOf } from '../memory-size.ts'
import { printError } from './output.ts'
import { aborted, startApp } from './start.ts'

export interface ServeOptions {
  readonly processes?: string
  readonly memoryLimit?: string
}

/** Serves until a signal; returns the exit code. */
export async function serveCommand(config: string | undefined, { processes, memoryLimit }: ServeOptions = {}): Promise<number> {
  const wanted = processes === undefined ? undefined : processesOption(processes)
  if (wanted === null) {
    printError(`agentopz: --processes ${processes}: write a number from 1 to ${MAX_PROCESSES}, or auto\n`)
    return 2
  }
  const memory = memoryLimit === undefined ? undefined : memorySizeOf(memoryLimit)
  if (memoryLimit !== undefined && memory === undefined) {
    printError(`agentopz: --memory-limit ${memoryLimit}: write something like 512MiB (32MiB at least), 80%, auto or off\n`)
    return 2
  }
  const started = await startApp(config, (c) => ({
    ...c,
    ...(wanted === undefined ? {} : { processes: wanted }),
    ...(memory === undefined ? {} : { limits: { ...c.limits, max_memory: memory } }),
  }))
  if (typeof started === 'number') return started
  const { app, log, signal } = started
  const { otlpHttp, otlpGrpc, listen } = app.ports
  const at = (address: { host: string } | undefined, port: number | undefined): string =>
    address === undefined || port === undefined ? 'off' : `${address.host}:${port}`
  log.info(
    {
      otlp_http: at(started.config.receive.otlp_http, otlpHttp),
      otlp_grpc: at(started.config.receive.otlp_grpc, otlpGrpc),
      listen: at(started.config.listen, listen),
      version: VERSION,
    },
    'agentopz is ready',
  )
  await aborted(signal)
  log.info('stopping: requests and relays under way are finished first')
  await app.stop()
  log.info('stopped')
  return 0
}

/** Null for what is neither. */
function processesOption(text: string): Config['processes'] | null {
  if (text === 'auto') return text
  const n = Number(text)
  return Number.isInteger(n) && n >= 1 && n <= MAX_PROCESSES ? n : null
}
