/**
 * The end of the process: what is buffered is sent. When the loop runs dry and on signals asynchronously, at an abrupt exit (process.exit, an
 * uncaught exception) by a small child process that is waited for, at most `LAST_MS`. A signal that nobody else handles still ends the process.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { sweepImplied } from './implied-runs.ts'
import { contained } from './log.ts'
import { takeUnsent } from './provider.ts'
import { send } from './send.ts'

const SWEEP_MS = 30_000
const LAST_MS = 2000
const SIGNALS: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP']

/** Puts the handlers in place. `isMain` is false in worker threads, which have no signals. */
export function installLifecycle(isMain: boolean): void {
  setInterval(() => contained('sweep', () => sweepImplied(Date.now())), SWEEP_MS).unref()
  // The event comes again after asynchronous work; once nothing is left to send, the process ends.
  process.on('beforeExit', () => void flush())
  process.on('exit', () => contained('last flush', lastFlush))
  if (isMain) for (const signal of SIGNALS) handle(signal)
}

/** Sends what is buffered, within `LAST_MS`. */
async function flush(): Promise<void> {
  const request = contained('flush', () => {
    sweepImplied(Date.now(), true)
    return takeUnsent()
  })
  if (request !== undefined) await send(request, LAST_MS)
}

function handle(signal: NodeJS.Signals): void {
  const listener = (): void => {
    const isAlone = process.listenerCount(signal) === 1
    void flush().finally(() => {
      // Who else listens decides what becomes of the process; where nobody does, it ends as it would have without us.
      if (!isAlone) return
      process.removeListener(signal, listener)
      process.kill(process.pid, signal)
    })
  }
  process.on(signal, listener)
}

/** Sends what is left from a child that the exiting process waits for: nothing asynchronous runs any more here. */
function lastFlush(): void {
  sweepImplied(Date.now(), true)
  const request = takeUnsent()
  if (request === undefined) return
  const script = fileURLToPath(import.meta.url).replace(/lifecycle\.([jt]s)$/, 'send.$1')
  spawnSync(process.execPath, [script], {
    input: JSON.stringify(request),
    timeout: LAST_MS,
    stdio: ['pipe', 'ignore', 'ignore'],
    // Without NODE_OPTIONS, which would load us again.
    env: { PATH: process.env['PATH'] },
  })
}
