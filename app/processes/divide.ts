/** The configuration of one of several processes: bounds hold for all together, so each has its share; each has a folder of its own. */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { type Config, MAX_PROCESSES } from '../config-schema.ts'
import { memoryLimit } from '../memory-limit.ts'

/** What process `index` of `count` is given. A bound on one request or one run is not divided. */
export function configOf(config: Config, index: number, count: number): Config {
  const share = (n: number): number => Math.max(1, Math.ceil(n / count))
  const { runs, limits, journal } = config
  const memory = memoryLimit(limits.max_memory)
  return {
    ...config,
    runs: {
      ...runs,
      max_open: share(runs.max_open),
      max_open_spans: share(runs.max_open_spans),
      max_link_spans: share(runs.max_link_spans),
      max_remembered_spans: share(runs.max_remembered_spans),
      max_remembered_traces: share(runs.max_remembered_traces),
      max_pending_evaluations: share(runs.max_pending_evaluations),
    },
    limits: {
      ...limits,
      max_inflight_bytes: share(limits.max_inflight_bytes),
      max_concurrent_requests: share(limits.max_concurrent_requests),
      max_memory: memory === undefined ? 'off' : { bytes: share(memory.bytes) },
    },
    relay: config.relay.map((r) => ({
      ...r,
      max_queue_bytes: share(r.max_queue_bytes),
      max_queue_requests: share(r.max_queue_requests),
      concurrency: share(r.concurrency),
    })),
    ...(journal === undefined
      ? {}
      : { journal: { ...journal, dir: join(journal.dir, String(index)), max_bytes: share(journal.max_bytes) } }),
  }
}

/** How many processes there are to be. */
export function processesOf({ processes }: Pick<Config, 'processes'>): number {
  return processes === 'auto' ? Math.min(cores(), MAX_PROCESSES) : processes
}

/** Cores that this process may use: those it may run on, within the quota of its cgroup. */
export function cores(quotaFile = '/sys/fs/cgroup/cpu.max'): number {
  const may = availableParallelism()
  try {
    const [quota, period] = readFileSync(quotaFile, 'utf8').trim().split(' ').map(Number)
    // Without a quota the first word is `max`.
    const within = Math.floor((quota ?? Number.NaN) / (period ?? Number.NaN))
    return Number.isFinite(within) ? Math.max(1, Math.min(may, within)) : may
  } catch {
    return may
  }
}
