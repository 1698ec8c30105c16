/**
 * Limits on memory that the kernel enforces, for processes that tests start: a cgroup, as containers have it, or a limit on the data of one
 * process. Each gives a sentence instead where it cannot be had here. Sources: cgroups(7), getrlimit(2).
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Group {
  /** Starts a command inside of it. */
  readonly launcher: readonly string[]
  /** The most that was used in it. */
  readonly peakBytes: number
  /** Processes in it that the kernel killed for want of memory. */
  readonly killed: number
  /** After its processes have ended. */
  remove(): void
}

/** Whoever runs the tests says where one may be made: tests do not look for places in the machine's own. */
export const GROUP_VARIABLE = 'AGENTOPZ_TEST_CGROUP'

/** A cgroup of this size below the one that the tests were given, or why there is none. */
export function memoryGroup(bytes: number, parent = process.env[GROUP_VARIABLE]): Group | string {
  if (parent === undefined || parent === '')
    return `no cgroup was given to the tests: as root, set ${GROUP_VARIABLE} to a folder in which one with the memory controller can be made`
  const dir = join(parent, `agentopz-${process.pid}-${bytes}`)
  try {
    mkdirSync(dir)
  } catch (error) {
    return `no cgroup can be made in ${parent}: ${error instanceof Error ? error.message : String(error)}`
  }
  // The kernel fills it, where it is one.
  if (!existsSync(join(dir, 'cgroup.procs'))) {
    rmdirSync(dir)
    return `${parent} is no cgroup`
  }
  // Version 2, or version 1.
  const isNew = existsSync(join(dir, 'memory.max'))
  const [limit, peak, kills] = isNew
    ? ['memory.max', 'memory.peak', 'memory.events']
    : ['memory.limit_in_bytes', 'memory.max_usage_in_bytes', 'memory.oom_control']
  const read = (file: string): string => readFileSync(join(dir, file), 'utf8')
  const group: Group = {
    launcher: ['/bin/sh', '-c', 'echo $$ > "$0/cgroup.procs" && exec "$@"', dir],
    get peakBytes() {
      return Number(read(peak))
    },
    get killed() {
      return Number(/^oom_kill (\d+)$/m.exec(read(kills))?.[1] ?? Number.NaN)
    },
    remove: () => rmdirSync(dir),
  }
  try {
    writeFileSync(join(dir, limit), String(bytes))
    if (isNew) writeFileSync(join(dir, 'memory.swap.max'), '0')
    if (Number(read(limit)) !== bytes) throw new Error(`${limit} reads ${read(limit).trim()}`)
    return group
  } catch (error) {
    group.remove()
    return `the cgroup in ${parent} takes no limit: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** Lets a process have so many bytes of data more than it has now; why not, where that cannot be. */
export function limitData(pid: number, moreBytes: number): string | undefined {
  if (process.platform !== 'linux') return 'only Linux limits the data of a process'
  const { error, stderr } = spawnSync('prlimit', [`--pid=${pid}`, `--data=${memoryOf(pid, 'VmData') + moreBytes}`], { encoding: 'utf8' })
  if (error !== undefined) return `prlimit cannot be run: ${error.message}`
  return stderr === '' ? undefined : `prlimit: ${stderr.trim()}`
}

/** What Linux says that a process has, in bytes; NaN of one that is gone. */
export function memoryOf(pid: number, what: 'RssAnon' | 'VmData'): number {
  try {
    return Number(new RegExp(`^${what}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) * 1024
  } catch {
    return Number.NaN
  }
}
