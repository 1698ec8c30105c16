/**
 * Says when requests must be refused because memory runs out: above a share of what the process may have, or of what Node's heap may have,
 * whichever comes first. Much of what is used may be garbage, so before it refuses, and while it does, it has the garbage
 * collected, for at most a twentieth of the time. It lets in again a tenth below the mark, or after 10 s below it,
 * without a restart.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Metrics } from '../processor/metrics.ts'
import type { Logger } from './log.ts'
import { memoryLimit } from './memory-limit.ts'
import type { MemorySize } from './memory-size.ts'

export interface MemoryUse {
  /** Of the process, without what the kernel may take back at any time. */
  readonly process: number
  readonly heap: number
}

export interface MemoryGuardParts {
  readonly limits: { readonly max_memory: MemorySize; readonly refuse_above_memory: number }
  readonly log: Pick<Logger, 'warn' | 'info'>
  /** What is used now, what the heap may have, and the collection of garbage: Node's own when left out. */
  readonly use?: () => MemoryUse
  readonly heapLimitBytes?: number
  readonly collect?: () => void
  readonly now?: () => number
}

export interface MemoryGuard {
  /** What the process may have; undefined where it is not watched. */
  readonly limitBytes: number | undefined
  readonly heapLimitBytes: number
  readonly use: () => MemoryUse
  /** Why requests are refused now; undefined while they are not. */
  readonly refuses: string | undefined
  /** To be called a few times a second: what has been refused is let in by it even while nobody sends. */
  look(): void
  /** As `refuses`, as of now: to be asked before a request is let in. */
  refusesNow(): string | undefined
}

/** In a quarter of a second requests can use 60 MB (measured); a look takes some 20 µs. */
const FRESH_MS = 25
/** Of the mark: lower, so that it does not let in and refuse in turns. */
const AGAIN = 0.9
/** After so long that is what the process needs by itself, and nothing more will be given back: the mark alone counts. */
const PATIENCE_MS = 10_000
const REST_MS = 1000
/** How much longer it rests after a collection than that took. */
const REST_FACTOR = 20

export function createMemoryGuard(parts: MemoryGuardParts): MemoryGuard {
  const { limits, log, use = createUse(), heapLimitBytes = getHeapStatistics().heap_size_limit, now = () => performance.now() } = parts
  const limit = memoryLimit(limits.max_memory)
  let collect = parts.collect
  let refuses: string | undefined
  let restUntil = Number.NEGATIVE_INFINITY
  let lookedAt = Number.NEGATIVE_INFINITY
  /** When it began to refuse. */
  let refusedAt = Number.NEGATIVE_INFINITY
  /** What is used as a share of what may be, of whichever is nearer to its end. */
  const worst = (): { readonly share: number; readonly text: string } => {
    const { process: all, heap } = use()
    const ofProcess = all / (limit?.bytes ?? Number.POSITIVE_INFINITY)
    const ofHeap = heap / heapLimitBytes
    return ofProcess >= ofHeap
      ? { share: ofProcess, text: `the process has ${mib(all)} of ${mib(limit?.bytes ?? 0)} (limits.max_memory)` }
      : { share: ofHeap, text: `the heap has ${mib(heap)} of ${mib(heapLimitBytes)} (--max-old-space-size)` }
  }
  const mark = (): number => limits.refuse_above_memory * (refuses === undefined || now() - refusedAt > PATIENCE_MS ? 1 : AGAIN)
  const afterCollecting = (): ReturnType<typeof worst> => {
    const began = now()
    collect ??= collector()
    collect()
    restUntil = now() + REST_MS + REST_FACTOR * (now() - began)
    return worst()
  }
  const look = (): void => {
    if (limit === undefined) return
    lookedAt = now()
    let found = worst()
    if (found.share >= mark() && now() >= restUntil) found = afterCollecting()
    const isFull = found.share >= mark()
    if (isFull && refuses === undefined) {
      refusedAt = now()
      log.warn(`requests are refused until less memory is used: ${found.text}`)
    } else if (!isFull && refuses !== undefined) log.info(`requests are taken again: ${found.text}`)
    refuses = isFull ? `little memory is left: ${found.text}; send again later` : undefined
  }
  return {
    limitBytes: limit?.bytes,
    heapLimitBytes,
    use,
    get refuses() {
      return refuses
    },
    look,
    refusesNow: () => {
      if (now() - lookedAt >= FRESH_MS) look()
      return refuses
    },
  }
}

/** Registers what the guard sees. */
export function memoryGauges(metrics: Metrics, guard: MemoryGuard): void {
  const { limitBytes, heapLimitBytes } = guard
  metrics.gauge('agentopz_memory_limit_bytes', () => [
    ...(limitBytes === undefined ? [] : [[{ of: 'process' }, limitBytes] as const]),
    [{ of: 'heap' }, heapLimitBytes],
  ])
  metrics.gauge('agentopz_memory_used_bytes', () => {
    const { process: all, heap } = guard.use()
    return [
      [{ of: 'process' }, all],
      [{ of: 'heap' }, heap],
    ]
  })
  metrics.gauge('agentopz_memory_refusing', () => [[{}, guard.refuses === undefined ? 0 : 1]])
}

/**
 * Resident memory does not tell what is in use: V8 gives pages back in a way (MADV_FREE) that leaves them resident until the kernel wants
 * them, so a process that once was large would be refused for ever. Heap and buffers are counted instead, with what was there besides at
 * the start; never more than is resident.
 */
function createUse(): () => MemoryUse {
  const { rss: atStart, heapTotal: heapAtStart, external: externalAtStart } = process.memoryUsage()
  const besides = Math.max(0, atStart - heapAtStart - externalAtStart)
  return () => {
    try {
      const { rss, heapTotal, heapUsed, external } = process.memoryUsage()
      return { process: Math.min(rss, besides + heapTotal + external), heap: heapUsed }
    } catch {
      // What is resident is read from a file, for which there may be no descriptor left.
      const { total_heap_size: heapTotal, used_heap_size: heap, external_memory: external } = getHeapStatistics()
      return { process: besides + heapTotal + external, heap }
    }
  }
}

/** Node shows its collector only where it is asked to. */
function collector(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}

function mib(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`
}
