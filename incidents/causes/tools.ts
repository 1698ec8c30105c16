/**
 * Was it a tool? Calls of each tool that fail, return nothing or take longer than before, and a new set of tools on offer. Calls that a guard
 * refuses are somebody's doing, a playbook's or a person's, and never the cause: that is said, and they are left out.
 */
import type { Comparison } from '../../model/incident.ts'
import { SLIS } from '../../model/slis.ts'
import { compare, corrected } from '../compare.ts'
import type { Change, ToolFact } from '../facts.ts'
import { type Case, type CauseFile, clock, type Found, LEAST_EXPLAINED, LEVEL, percent, ratio, ratioDispersion, SURE } from './cause.ts'
import { versionFindings } from './versions.ts'

/** Least rise of a tool's share that could be felt; of a duration on its buckets' scale: two thirds of a doubling. */
const LEAST = 0.05
const KINDS = [
  { key: 'errors', word: 'fail' },
  { key: 'empty', word: 'return nothing' },
  { key: 'slow', word: 'take longer' },
] as const satisfies readonly { readonly key: keyof ToolFact; readonly word: string }[]
type Kind = (typeof KINDS)[number]
const REFUSED = { key: 'blocked', word: 'are refused by a guard' } as const

export const tools: CauseFile = (c) => {
  const sets = versionFindings(c, 'tools_version', 'tools')
  if (c.facts.unknown.includes('tools'))
    return [
      ...sets,
      {
        cause: 'tools',
        verdict: 'cannot_tell',
        confidence: 'low',
        subject: 'tool calls',
        text: 'Prometheus did not tell how the calls of tools ended',
        query: c.facts.queries['tools'] ?? '',
      },
    ]
  const moved = movedTools(c)
  const refused = refusedTools(c)
  if (moved.length > 0) return [...moved, ...refused, ...sets.filter((f) => f.verdict !== 'unchanged')]
  if (c.facts.tools.length === 0) return sets
  return [...refused, ...sets].map((f) =>
    f.verdict === 'unchanged' ? { ...f, text: `${f.text}; no tool fails or returns nothing more than before` } : f,
  )
}

function movedTools(c: Case): readonly Found[] {
  const rows = c.facts.tools.flatMap((fact) =>
    KINDS.map((kind) => ({ tool: fact.tool, kind, change: fact[kind.key], ...comparisonOf(c, fact[kind.key]) })),
  )
  return corrected(rows)
    .filter((r) => r.difference > LEAST && r.adjustedP < LEVEL)
    .sort((a, b) => b.difference - a.difference)
    .map(({ tool, kind, change, bad, total, difference, interval, p, adjustedP }) => {
      const explains = explainedBy(c, kind, tool, change)
      const text = textOf(kind, tool, change)
      const isSmall = explains !== undefined && explains < LEAST_EXPLAINED && c.rose
      return {
        cause: 'tools',
        verdict: isSmall ? 'ruled_out' : 'cause',
        confidence: isSmall || adjustedP >= SURE ? 'medium' : 'high',
        basis: 'counted',
        ...(explains === undefined ? {} : { explains }),
        subject: `tool ${tool}`,
        text: isSmall ? `${text}; that is at most ${percent(explains)} of the failures beyond normal: too small to be the cause` : text,
        comparison: { bad, total, difference, interval, p, adjustedP },
        query: c.facts.queries['tools'] ?? '',
      }
    })
}

/** Calls that a guard refuses more than before, and which control does it, where that is known. */
function refusedTools(c: Case): readonly Found[] {
  const { facts } = c
  return corrected(facts.tools.map(({ tool, blocked }) => ({ tool, blocked, ...comparisonOf(c, blocked) })))
    .filter((r) => r.difference > LEAST && r.adjustedP < LEVEL)
    .map(({ tool, blocked, bad, total, difference, interval, p, adjustedP }) => ({
      cause: 'tools',
      verdict: 'ruled_out',
      confidence: 'high',
      subject: `tool ${tool}`,
      text: `${textOf(REFUSED, tool, blocked)}: ${refusedBy(c, tool)}`,
      comparison: { bad, total, difference, interval, p, adjustedP },
      query: facts.queries['tools'] ?? '',
    }))
}

function refusedBy({ facts, onset }: Case, tool: string): string {
  const control = facts.opened?.find((o) => o.tool === tool)
  if (control === undefined) return 'that is a guard at work, not a cause'
  const isAfter = control.atMs > (onset?.atMs ?? facts.startedMs)
  return `${control.by} opened it at ${clock(control.atMs, facts.nowMs)}, ${isAfter ? 'after it had begun: not a cause' : 'before it began; a control, not a failure of the tool'}`
}

function textOf({ key, word }: Kind | typeof REFUSED, tool: string, { before, after }: Change): string {
  if (key !== 'slow') return `calls of ${tool} ${word} in ${ratio(after)}, before in ${ratio(before)}`
  // A bucket is a doubling.
  const factor = 2 ** ((after.bad / after.total - before.bad / before.total) * DURATION_BUCKETS)
  return `calls of ${tool} ${word}, about ${factor.toFixed(1)} times as long as before`
}
const DURATION_BUCKETS = 14

/**
 * At most this share of the rise: each call that went wrong beyond normal spoils one run. Not for sizes, nor for the tool's own SLI, which
 * it is; and not where the runs are not known.
 */
function explainedBy(c: Case, { key }: Kind, tool: string, { before, after }: Change): number | undefined {
  const { facts } = c
  if (facts.tool === tool) return 1
  if (facts.sli === 'tool_error' || facts.sli === 'tool_empty' || SLIS[facts.sli].kind === 'level') return undefined
  const runs = facts.cohorts.prompt_version.reduce((n, k) => n + k.runs.after, 0)
  if (key === 'slow' || !c.rose || runs === 0 || before.total === 0) return undefined
  return Math.min(1, (after.bad - (before.bad / before.total) * after.total) / (c.excess * runs))
}

function comparisonOf(c: Case, { before, after }: Change): Comparison {
  return compare(before, after, ratioDispersion(c.facts))
}
