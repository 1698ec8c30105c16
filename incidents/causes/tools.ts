/** Was it a tool? Calls of each tool that fail, return nothing or are blocked more than before, and a new set of tools on offer. */
import type { Comparison, Finding } from '../../model/incident.ts'
import { compare, corrected } from '../compare.ts'
import type { Change, ToolFact } from '../facts.ts'
import { type Case, type CauseFile, LEAST_RISE, LEVEL, ratio, SURE } from './cause.ts'
import { versionFindings } from './versions.ts'

const KINDS = [
  { key: 'errors', word: 'fail' },
  { key: 'empty', word: 'return nothing' },
  { key: 'blocked', word: 'are refused by a guard' },
] as const satisfies readonly { readonly key: keyof ToolFact; readonly word: string }[]

export const tools: CauseFile = (c) => {
  const moved = movedTools(c)
  const sets = versionFindings(c, 'tools_version', 'tools')
  if (moved.length > 0) return [...moved, ...sets.filter((f) => f.verdict !== 'unchanged')]
  if (c.facts.tools.length === 0) return sets
  return sets.map((f) => (f.verdict === 'unchanged' ? { ...f, text: `${f.text}; no tool fails or returns nothing more than before` } : f))
}

function movedTools(c: Case): readonly Finding[] {
  const rows = c.facts.tools.flatMap((fact) =>
    KINDS.map(({ key, word }) => ({ tool: fact.tool, word, change: fact[key], ...of(c, fact[key]) })),
  )
  return corrected(rows)
    .filter((r) => r.difference > LEAST_RISE && r.adjustedP < LEVEL)
    .sort((a, b) => b.difference - a.difference)
    .map((r) => ({
      cause: 'tools',
      verdict: 'cause',
      confidence: r.adjustedP < SURE ? 'high' : 'medium',
      subject: `tool ${r.tool}`,
      text: `calls of ${r.tool} ${r.word} in ${ratio(r.change.after)}, before in ${ratio(r.change.before)}`,
      comparison: comparisonOf(r),
      query: c.facts.queries['tools'] ?? '',
    }))
}

function of(c: Case, { before, after }: Change): Comparison {
  return compare(before, after, c.facts.dispersion)
}

function comparisonOf({ bad, total, difference, interval, p, adjustedP }: Comparison & { readonly adjustedP: number }): Comparison {
  return { bad, total, difference, interval, p, adjustedP }
}
