/**
 * Measuring on a shared machine: every contender is a process of its own, and all take turns, round after round, so that what else runs
 * here hits all of them alike. CPU time (user and system, garbage collection included) is counted, never the clock.
 */
import { type ChildProcess, fork } from 'node:child_process'

/** A contender's round, run in its own process. */
export type Round = () => Promise<number> | number

/** In the contender's process: answers every request for a round with its number. Ends when the parent does. */
export function answerRounds(round: Round): void {
  process.on('message', () => {
    void (async () => process.send?.(await round()))()
  })
  process.on('disconnect', () => process.exit(0))
  process.send?.('ready')
}

/** CPU microseconds spent in `work`. */
export function cpuMicros(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return user + system
}

/** Numbers of `rounds` rounds per contender, in turns; the first `warmUp` rounds are thrown away. */
export async function inTurns(
  file: string,
  contenders: readonly (readonly string[])[],
  { rounds, warmUp }: { readonly rounds: number; readonly warmUp: number },
): Promise<readonly (readonly number[])[]> {
  const children = contenders.map((args) => fork(file, args, { execArgv: ['--expose-gc'] }))
  try {
    await Promise.all(children.map(answer))
    const results = children.map((): number[] => [])
    for (let round = 0; round < warmUp + rounds; round++) {
      for (const [i, child] of children.entries()) results[i]?.push(await roundOf(child))
    }
    return results.map((r) => r.slice(warmUp))
  } finally {
    for (const child of children) child.kill()
  }
}

function roundOf(child: ChildProcess): Promise<number> {
  const number = answer(child).then(Number)
  child.send('round')
  return number
}

function answer(child: ChildProcess): Promise<unknown> {
  return new Promise((done, fail) => {
    const gone = (code: number | null): void => fail(new Error(`a contender ended with code ${code ?? 'none'}`))
    child.once('exit', gone)
    child.once('message', (message) => {
      child.off('exit', gone)
      done(message)
    })
  })
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

/** Median and extremes of the quotients of two contenders, round by round. */
export function ratioOf(
  a: readonly number[],
  b: readonly number[],
): { readonly median: number; readonly low: number; readonly high: number } {
  const ratios = a.map((x, i) => x / (b[i] ?? Number.NaN))
  return { median: median(ratios), low: Math.min(...ratios), high: Math.max(...ratios) }
}
