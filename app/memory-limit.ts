/**
 * How much memory this process may have: what is configured, or what its cgroup gives, or the machine. In a container the kernel kills what
 * goes over the smallest limit of all cgroups around it, whatever the machine has left. Sources: cgroups(7), the kernel's cgroup-v2 and
 * cgroup-v1/memory documents.
 */
import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import type { MemorySize } from './memory-size.ts'

export interface MemoryLimit {
  readonly bytes: number
  /** Where it comes from, for the log. */
  readonly from: 'max_memory' | 'cgroup' | 'machine'
}

/** What a file holds; undefined when there is none. */
export type ReadFile = (path: string) => string | undefined

const readFile: ReadFile = (path) => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** The limit that is in force; undefined where none is to be watched. */
export function memoryLimit(size: MemorySize, read: ReadFile = readFile, machineBytes = totalmem()): MemoryLimit | undefined {
  if (size === 'off') return undefined
  if (typeof size === 'object' && 'bytes' in size) return { bytes: size.bytes, from: 'max_memory' }
  const cgroup = cgroupLimit(read)
  const given: MemoryLimit =
    cgroup !== undefined && cgroup < machineBytes ? { bytes: cgroup, from: 'cgroup' } : { bytes: machineBytes, from: 'machine' }
  return size === 'auto' ? given : { ...given, bytes: Math.floor(given.bytes * size.share) }
}

const MOUNT = '/sys/fs/cgroup'

/** The smallest limit of the cgroups that this process is in, of either version; undefined where none has one. */
export function cgroupLimit(read: ReadFile = readFile): number | undefined {
  const found: number[] = []
  for (const line of (read('/proc/self/cgroup') ?? '').split('\n')) {
    const [, id, controllers = '', path = '/'] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? []
    if (id === '0' && controllers === '') found.push(...upwards(path, MOUNT, ['memory.max', 'memory.high'], read))
    else if (controllers.split(',').includes('memory')) found.push(...upwards(path, join(MOUNT, 'memory'), ['memory.limit_in_bytes'], read))
  }
  return found.length === 0 ? undefined : Math.min(...found)
}

/** The limits of a group and of all around it. Inside a container the path may be that of outside; then only its own root is there. */
function* upwards(path: string, mount: string, files: readonly string[], read: ReadFile): Iterable<number> {
  for (let at = path; ; at = dirname(at)) {
    for (const file of files) {
      const bytes = Number((read(join(mount, at, file)) ?? 'none').trim())
      // Version 2 says max for none, version 1 the largest multiple of a page.
      if (Number.isFinite(bytes) && bytes > 0 && bytes < 2 ** 60) yield bytes
    }
    if (at === '/' || at === '.') return
  }
}
