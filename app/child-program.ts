/**
 * Programs that run beside us: found on PATH, started with a log file, waited for, stopped.
 * A child never outlives its parent: it is stopped when we exit, and where the system can (Linux, util-linux) also when we are killed.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { accessSync, constants, createWriteStream } from 'node:fs'
import { delimiter, join } from 'node:path'

export interface Child {
  readonly name: string
  readonly process: ChildProcess
  /** What it prints. */
  readonly logFile: string
}

/** Path of an executable on PATH, by any of its names. */
export function findProgram(names: readonly string[], path = process.env['PATH'] ?? ''): string | undefined {
  for (const name of names) {
    for (const dir of path.split(delimiter)) {
      const file = join(dir, name)
      try {
        accessSync(file, constants.X_OK)
        return file
      } catch {
        continue
      }
    }
  }
  return undefined
}

/** Starts a program whose output goes to `dir/name.log`. */
export function startChild(name: string, program: string, args: readonly string[], dir: string): Child {
  const logFile = join(dir, `${name}.log`)
  const log = createWriteStream(logFile)
  const [first = program, ...rest] = [...diesWithParent(), program, ...args]
  // A group of its own: Ctrl-C reaches us first, and we stop the children in order.
  const child = spawn(first, rest, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  child.stdout?.pipe(log, { end: false })
  child.stderr?.pipe(log, { end: false })
  child.on('error', () => undefined)
  const kill = (): void => void child.kill('SIGTERM')
  process.once('exit', kill)
  child.once('exit', () => process.off('exit', kill))
  return { name, process: child, logFile }
}

let prefix: readonly string[] | undefined

/** `setpriv` has the kernel stop the child when we die without a chance to (kill -9, out of memory). Without it that is not done. */
function diesWithParent(): readonly string[] {
  const words = ['setpriv', '--pdeathsig', 'TERM']
  prefix ??= process.platform === 'linux' && spawnSync('setpriv', [...words.slice(1), 'true']).status === 0 ? words : []
  return prefix
}

/** Asks it to end, and makes it after five seconds. */
export async function stopChild({ process: child }: Child): Promise<void> {
  if (hasEnded(child)) return
  const gone = new Promise((done) => child.once('exit', done))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 5000)
  await gone
  clearTimeout(timer)
}

/** Waits until `url/-/ready` answers. @throws when it does not within 15 s, or the program has ended. */
export async function waitReady(url: string, { name, process: child, logFile }: Child): Promise<void> {
  for (let tries = 0; tries < 150; tries++) {
    if (hasEnded(child)) throw new Error(`${name} stopped at once; see ${logFile}`)
    try {
      const answer = await fetch(`${url}/-/ready`)
      if (answer.ok) return
    } catch {
      // Not listening yet.
    }
    await new Promise((done) => setTimeout(done, 100))
  }
  throw new Error(`${name} at ${url} did not become ready within 15 s; see ${logFile}`)
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}
