/**
 * Measuring on a shared machine: every contender is a process of its own, and all take turns, round after round, so that what else runs
 * here hits all of them alike. CPU time (user and system, garbage collection included) is counted, never the clock.
 */
import { type ChildProcess, fork } from 'node:child_process'

/** In the contender's process: answers every message with a number. Ends when the parent does. */
export function answerMessages(answerTo: (message: string) => Promise<number> | number): void {
  process.on('message', (message: string) => {
    void (async () => process.send?.(await answerTo(message)))()
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

/** Asks a contender and waits for its number. */
export type Ask = (message: string) => Promise<number>

/** Starts a process per contender, lets `use` ask them, and ends them. */
export async function withContenders<T>(
  file: string,
  contenders: readonly (readonly string[])[],
  use: (asks: readonly Ask[]) => Promise<T>,
): Promise<T> {
  const children = contenders.map((args) => fork(file, args))
  try {
    await Promise.all(children.map(answer))
    return await use(
      children.map((child) => async (message) => {
        const number = answer(child)
        child.send(message)
        return Number(await number)
      }),
    )
  } finally {
    for (const child of children) child.kill()
  }
}

/** Numbers of `rounds` rounds per contender, in turns; the first `warmUp` rounds are thrown away. */
export async function inTurns(
  contenders: readonly (() => Promise<number>)[],
  { rounds, warmUp }: { readonly rounds: number; readonly warmUp: number },
): Promise<readonly (readonly number[])[]> {
  const results = contenders.map((): number[] => [])
  for (let round = 0; round < warmUp + rounds; round++) {
    for (const [i, run] of contenders.entries()) results[i]?.push(await run())
  }
  return results.map((r) => r.slice(warmUp))
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

/** `1234 (1100–1400)` */
export function spread(values: readonly number[], digits = 0): string {
  return `${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)})`
}

/** `3.2 × (2.9–4.1)` */
export function times(a: readonly number[], b: readonly number[], digits = 1): string {
  const r = ratioOf(a, b)
  return `${r.median.toFixed(digits)} × (${r.low.toFixed(digits)}–${r.high.toFixed(digits)})`
}
