/**
 * The agent did not call a tool with the same arguments over and over, nor swing between two such calls.
 * Some agents (coding) repeat calls in nearly every healthy run: raise `loop.identical_calls` for those or leave the check out.
 */
import type { Run, ToolCall } from '../../model/run.ts'
import { abstain, type Check, fail, pass } from './check.ts'

/** Longest streak of calls of one tool with equal arguments; calls whose arguments are unknown end a streak. */
export function longestStreak(calls: readonly ToolCall[]): number {
  let longest = 0
  let streak = 0
  let last: ToolCall | undefined
  for (const call of calls) {
    streak = call.argumentsHash === undefined ? 0 : areAlike(call, last) ? streak + 1 : 1
    last = call
    longest = Math.max(longest, streak)
  }
  return longest
}

/** Most times that the same two different calls follow each other (A B A B is 2). */
export function longestPingPong(calls: readonly ToolCall[]): number {
  let longest = 0
  let length = 0
  for (let i = 2; i < calls.length; i++) {
    const swings = areAlike(calls[i], calls[i - 2]) && !areAlike(calls[i], calls[i - 1])
    length = swings ? (length === 0 ? 3 : length + 1) : 0
    longest = Math.max(longest, length)
  }
  return Math.floor(longest / 2)
}

/** One tool with the same arguments, as far as those are known. */
function areAlike(a: ToolCall | undefined, b: ToolCall | undefined): boolean {
  return a?.argumentsHash !== undefined && a.argumentsHash === b?.argumentsHash && a.tool === b.tool
}

export const noLoop: Check = {
  name: 'no_loop',
  source: 'builtin',
  evaluate: (run: Run, { loop }) => {
    const calls = run.toolCalls
    const streak = longestStreak(calls)
    if (streak >= loop.identicalCalls) return fail(`${streak} identical calls in a row`)
    const swings = longestPingPong(calls)
    if (swings >= loop.pingPong) return fail(`${swings} times the same two calls`)
    const tooFew = calls.length < Math.min(loop.identicalCalls, 2 * loop.pingPong)
    if (tooFew || calls.every((c) => c.argumentsHash !== undefined)) return pass('no repetition')
    return abstain('arguments unknown')
  },
}
