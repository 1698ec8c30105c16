/**
 * Which run asked for this tool call? For seams that see a tool where nothing is active: in a hand-written loop the tool runs between two
 * model calls, and what the model asked for tells whose it is. The call that was found is taken, so that no second span is made of it.
 */
import { askedKey } from './implied-runs.ts'
import type { RunScope } from './run-scope.ts'
import { runtime } from './runtime.ts'

export interface Asked {
  readonly run: RunScope
  /** Undefined where the provider's calls have no ids. */
  readonly callId: string | undefined
}

/** Takes the call of this tool that `run`, or some run of a hand-written loop, waits for: the one with these arguments, else the only one of that name. */
export function takeAsked(tool: string, argumentsHash: string, run: RunScope | undefined): Asked | undefined {
  const named: { readonly run: RunScope; readonly key: string; readonly hash: string }[] = []
  for (const candidate of run === undefined ? runtime().runs.waiting : [run])
    for (const [key, call] of candidate.asked.entries())
      if (call.name === tool) named.push({ run: candidate, key, hash: call.argumentsHash })
  const found = named.find((n) => n.hash === argumentsHash) ?? (named.length === 1 ? named[0] : undefined)
  if (found === undefined) return undefined
  found.run.asked.delete(found.key)
  return { run: found.run, callId: found.key === askedKey('', tool) ? undefined : found.key }
}
