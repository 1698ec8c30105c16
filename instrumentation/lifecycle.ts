/**
 * The end of the process: what is buffered is sent. When the loop runs dry and on signals asynchronously, at an abrupt exit (process.exit, an
 * uncaught exception) by a small child process that is waited for, at most `LAST_MS`. How the process ends, and when it does, is as without us:
 * a signal that nobody else handles still ends it, and who else handles it does not find a listener of ours.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { endOpenCalls } from './fetch/fetch.ts'
import { sweepImplied } from './implied-runs.ts'
import { contained } from './log.ts'
import { drainSpans, takeUnsent } from './provider.ts'

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
  endAll()
  await drainSpans(LAST_MS)
}

const endings: (() => void)[] = []

/** Adds what ends runs that nobody else ends, before the last spans are sent. */
export function onLastSpans(end: () => void): void {
  endings.push(end)
}

/** Ends what is still open, so that its spans are among those that are sent. */
function endAll(): void {
  contained('open calls', endOpenCalls)
  for (const end of endings) contained('open runs', end)
  contained('open runs', () => sweepImplied(Date.now(), true))
}

function handle(signal: NodeJS.Signals): void {
  const listener = (): void => {
    // Listeners that run after ours look whether they are alone before they end the process (the package signal-exit does): they must be.
    process.removeListener(signal, listener)
    if (process.listenerCount(signal) === 0) {
      void flush().finally(() => process.kill(process.pid, signal))
      return
    }
    // The others decide what becomes of the process. Where one of them ends it by the signal, no exit event comes any more.
    if (endsBySignal()) contained('last flush', lastFlush)
    setImmediate(() => process.prependListener(signal, listener))
  }
  process.prependListener(signal, listener)
}

/** The package signal-exit, version 3 and before or 4: once its listeners ran it ends the process by the same signal. */
function endsBySignal(): boolean {
  const marks = globalThis as { [SIGNAL_EXIT]?: unknown }
  return '__signal_exit_emitter__' in process || marks[SIGNAL_EXIT] !== undefined
}
const SIGNAL_EXIT = Symbol.for('signal-exit emitter')

/** Sends what is left from a child that the exiting process waits for: nothing asynchronous runs any more here. */
function lastFlush(): void {
  endAll()
  const request = takeUnsent(LAST_MS)
  if (request === undefined) return
  const script = fileURLToPath(import.meta.url).replace(/lifecycle\.([jt]s)$/, 'export/last-request.$1')
  spawnSync(process.execPath, [script], {
    input: JSON.stringify(request),
    timeout: LAST_MS,
    stdio: ['pipe', 'ignore', 'ignore'],
    // Without NODE_OPTIONS, which would load us again.
    env: { PATH: process.env['PATH'] },
  })
}
