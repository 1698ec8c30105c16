/**
 * Runs drills: a temporary folder, a chain, a lane per class, several at the same time, results in the order asked for; and takes everything away again,
 * however it ends. A signal ends the lanes, and what was seen until then is reported. A folder that a killed drill left behind is removed by
 * the next one; its processes had ended with it.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { seeded } from '../fleet/sketch.ts'
import { type Chain, startChain } from './chain.ts'
import type { DrillClass } from './drill-class.ts'
import { runLane } from './lane.ts'
import { type DrillResult, judge } from './observed.ts'

export interface DrillOptions {
  readonly signal: AbortSignal
  /** Progress, a line at a time. */
  readonly tell: (line: string) => void
  /** Keeps the folder: database, configuration and logs. */
  readonly keep: boolean
  readonly seed: number
  /** Drills under way at the same time. */
  readonly atOnce: number
}

export interface DrillsRun {
  readonly results: readonly DrillResult[]
  readonly sdk: string
  readonly startedMs: number
  readonly endedMs: number
  /** Of this machine over the last quarter of an hour, and how many cores it has: a busy one is slow at everything. */
  readonly load: { readonly average: number; readonly cores: number }
  /** Where everything was kept, when asked to. */
  readonly dir?: string
}

const PREFIX = 'agentopz-drill-'

/** Runs them. @throws when the chain cannot be started. */
export async function runDrills(drills: readonly DrillClass[], options: DrillOptions): Promise<DrillsRun> {
  removeLeftOver(options.tell)
  const startedMs = Date.now()
  const dir = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`))
  const remove = (): void => rmSync(dir, { recursive: true, force: true })
  // A second signal ends the process at once; the folder goes all the same.
  if (!options.keep) process.once('exit', remove)
  let chain: Chain | undefined
  try {
    chain = await startChain(drills, dir, seeded(options.seed))
    for (const note of chain.notes) options.tell(note)
    options.tell(`agents on ${chain.agents.sdk}, an hour of the rules is a minute`)
    const results = await runLanes(chain, drills, options)
    return {
      results,
      sdk: chain.agents.sdk,
      startedMs,
      endedMs: Date.now(),
      load: { average: loadavg()[2] ?? 0, cores: availableParallelism() },
      ...(options.keep ? { dir } : {}),
    }
  } finally {
    await chain?.stop()
    if (!options.keep) remove()
    process.off('exit', remove)
  }
}

async function runLanes(chain: Chain, drills: readonly DrillClass[], options: DrillOptions): Promise<readonly DrillResult[]> {
  const { signal, tell, atOnce } = options
  const ends = new AbortController()
  let why: string | undefined
  const end = (reason: string): void => {
    why ??= reason
    ends.abort()
  }
  void chain.agents.died.then(end)
  const watch = watched(chain, end)
  const both = AbortSignal.any([signal, ends.signal])
  const results = new Map<DrillClass, DrillResult>()
  // The longest first: the others fit beside it.
  const waiting = drills.toSorted((a, b) => b.usualHours - a.usualHours)
  const work = async (): Promise<void> => {
    for (let drill = waiting.shift(); drill !== undefined; drill = waiting.shift()) {
      const seen = await runLane(chain, drill, { signal: both, tell })
      results.set(drill, judge(drill, seen.interrupted === undefined || why === undefined ? seen : { ...seen, interrupted: why }))
    }
  }
  await Promise.all(Array.from({ length: Math.max(1, atOnce) }, work))
  clearInterval(watch)
  return drills.flatMap((drill) => results.get(drill) ?? [])
}

const WATCH_MS = 5000
/** Looks without an answer that are taken for an end: a busy machine answers late. */
const SILENT_LOOKS = 3

/** A drill whose Prometheus is gone would say that nothing was detected. */
function watched(chain: Chain, end: (reason: string) => void): NodeJS.Timeout {
  let looks = 0
  return setInterval(() => {
    void chain.trouble().then((trouble) => {
      looks = trouble === undefined ? 0 : looks + 1
      if (trouble !== undefined && looks >= SILENT_LOOKS) end(trouble)
    })
  }, WATCH_MS)
}

/** Folders whose process is gone. */
function removeLeftOver(tell: (line: string) => void): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = Number(/^agentopz-drill-(\d+)-/.exec(name)?.[1])
    if (!Number.isInteger(pid) || pid <= 0 || isAlive(pid)) continue
    try {
      rmSync(join(tmpdir(), name), { recursive: true, force: true })
      tell(`removed ${name}, which a drill that was killed had left`)
    } catch {
      // Somebody else's, and theirs to remove.
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as { readonly code?: string }).code === 'EPERM'
  }
}
