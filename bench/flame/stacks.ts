/** A CPU profile of V8 → stacks of frames with the time spent in each, and which part of the code a frame is of. */
import type { Profiler } from 'node:inspector'

export interface Frame {
  readonly name: string
  readonly part: string
}

export interface Stack {
  /** From the outside in. */
  readonly frames: readonly Frame[]
  readonly microseconds: number
}

/** Parts of the data path by the path of the file; the first that fits. */
const PARTS: readonly (readonly [RegExp, string])[] = [
  [/processor\/decode\//, 'decode'],
  [/processor\/(dialects\/|read-span)/, 'dialects'],
  [/processor\/runs\/(packed\/|held|closed|remember|responses|state)/, 'held and remembered state'],
  [/processor\/(runs\/|usage)/, 'assembly'],
  [/processor\/evaluations\//, 'checks'],
  [/processor\/(record|metrics|series|prices|cardinality|exposition|labels|input-features)/, 'prices and metrics'],
  [/processor\//, 'pipeline'],
]
const RUNTIME = 'Node'
const COLLECTOR = 'garbage collector'

/** The stacks at and below the function named `from`, and the garbage collector's, which has no caller. */
export function stacksOf(profile: Profiler.Profile, from: string): readonly Stack[] {
  const nodes = new Map(profile.nodes.map((n) => [n.id, n]))
  const parents = new Map(profile.nodes.flatMap((n) => (n.children ?? []).map((child) => [child, n.id] as const)))
  const spent = new Map<number, number>()
  for (const [i, id] of (profile.samples ?? []).entries()) spent.set(id, (spent.get(id) ?? 0) + (profile.timeDeltas?.[i] ?? 0))
  const stacks: Stack[] = []
  for (const [id, microseconds] of spent) {
    const frames: Frame[] = []
    let isInside = false
    for (let at: number | undefined = id; at !== undefined && !isInside; at = parents.get(at)) {
      const call = nodes.get(at)?.callFrame
      if (call === undefined) break
      isInside = call.functionName === from || call.functionName === '(garbage collector)'
      frames.push(frameOf(call))
    }
    if (isInside) stacks.push({ frames: frames.reverse(), microseconds })
  }
  return stacks
}

function frameOf({ functionName, url }: { readonly functionName: string; readonly url: string }): Frame {
  if (functionName === '(garbage collector)') return { name: COLLECTOR, part: COLLECTOR }
  const file = /(?:processor|bench|model)\/.*$/.exec(url)?.[0]
  const name = functionName === '' ? '(anonymous)' : functionName
  if (file === undefined) return { name, part: RUNTIME }
  return { name: `${name} ${file}`, part: PARTS.find(([pattern]) => pattern.test(file))?.[1] ?? RUNTIME }
}

/** Shares of all time by the part whose code was running; Node's own functions count for the part that called them. */
export function partsOf(stacks: readonly Stack[]): readonly { readonly part: string; readonly share: number }[] {
  const all = stacks.reduce((sum, s) => sum + s.microseconds, 0)
  const byPart = new Map<string, number>()
  for (const { frames, microseconds } of stacks) {
    const part = frames.findLast((f) => f.part !== RUNTIME)?.part ?? RUNTIME
    byPart.set(part, (byPart.get(part) ?? 0) + microseconds)
  }
  return Array.from(byPart, ([part, microseconds]) => ({ part, share: microseconds / all })).sort((a, b) => b.share - a.share)
}
