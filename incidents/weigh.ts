/**
 * Findings of all cause files → findings in order, weighed against each other: what was seen side by side or counted stands, what only came at
 * the right time counts less beside it, what is concluded by elimination stands when nothing else does, and nothing is the cause of a rise
 * that did not happen.
 */
import type { Confidence, Finding } from '../model/incident.ts'
import { SLIS } from '../model/slis.ts'
import type { Basis, Case, Found } from './causes/cause.ts'
import { ratio } from './causes/cause.ts'
import { compare } from './compare.ts'

const VERDICT_ORDER = { cause: 0, cannot_tell: 1, ruled_out: 2, unchanged: 3 } as const
const CONFIDENCE_ORDER: Readonly<Record<Confidence, number>> = { high: 0, medium: 1, low: 2 }
const BASIS_ORDER: Readonly<Record<Basis, number>> = { beside: 0, counted: 1, timing: 2, moved: 3, near: 4, eliminated: 5 }
const LOWER: Readonly<Record<Confidence, Confidence>> = { high: 'medium', medium: 'low', low: 'low' }
/** Share of the rise from which one finding leaves little to the others. */
const MOST = 0.5

export function weighed(c: Case, found: readonly Found[]): readonly Finding[] {
  return [gated, overshadowed, together, concluded]
    .reduce<readonly Found[]>((all, step) => step(all, c), found)
    .map((f, i) => ({ f, i }))
    .sort(
      (a, b) =>
        VERDICT_ORDER[a.f.verdict] - VERDICT_ORDER[b.f.verdict] ||
        CONFIDENCE_ORDER[a.f.confidence] - CONFIDENCE_ORDER[b.f.confidence] ||
        order(a.f) - order(b.f) ||
        (b.f.comparison?.difference ?? 0) - (a.f.comparison?.difference ?? 0) ||
        a.i - b.i,
    )
    .map(({ f: { basis: _basis, explains: _explains, ...finding } }) => finding)
}

/** Whether a rise that would be felt can be excluded: the share did not move. */
export function isSteady({ before, after, feltRise, facts }: Case): boolean {
  return after.total > 0 && before.total > 0 && compare(before, after, facts.dispersion).interval[1] < feltRise
}

/** Side by side needs no rise of the whole: a canary may be too small to show in it. All else does. */
function gated(all: readonly Found[], c: Case): readonly Found[] {
  if (c.rose) return all
  const isSure = isSteady(c)
  return all.map((f): Found => {
    if (f.verdict !== 'cause' || f.basis === 'beside') return f
    if (!isSure) return { ...f, confidence: LOWER[f.confidence] }
    return {
      ...f,
      verdict: 'ruled_out',
      text: `${f.text}; but ${SLIS[c.facts.sli].title} did not move (${ratio(c.after)}, before ${ratio(c.before)})`,
    }
  })
}

function overshadowed(all: readonly Found[]): readonly Found[] {
  const strong = all.find(
    (f) => f.verdict === 'cause' && f.confidence === 'high' && (f.basis === 'beside' || f.basis === 'counted') && (f.explains ?? 0) >= MOST,
  )
  if (strong === undefined) return all
  return all.map((f) =>
    f.verdict === 'cause' && isCircumstantial(f)
      ? { ...f, confidence: LOWER[f.confidence], text: `${f.text}; ${strong.subject} alone would explain the rise` }
      : f,
  )
}

function isCircumstantial({ basis }: Found): boolean {
  return basis === 'timing' || basis === 'near' || basis === 'moved'
}

/** What came together cannot be told apart by time. */
function together(all: readonly Found[]): readonly Found[] {
  const timed = all.filter((f) => f.verdict === 'cause' && (f.basis === 'timing' || f.basis === 'near'))
  if (timed.length < 2) return all
  return all.map((f) => {
    if (!timed.includes(f)) return f
    const others = timed.filter((o) => o !== f).map((o) => o.subject)
    return {
      ...f,
      confidence: f.confidence === 'high' ? 'medium' : f.confidence,
      text: `${f.text}; ${others.join(' and ')} came with it, and time alone cannot tell them apart`,
    }
  })
}

/** A conclusion by elimination gives way to what was seen, and waits for what cannot be told yet. */
function concluded(all: readonly Found[]): readonly Found[] {
  const seen = all.filter((f) => f.verdict === 'cause' && f.basis !== 'eliminated')
  const isOpen = all.some((f) => f.verdict === 'cannot_tell' && f.runsNeeded !== undefined)
  return all.map((f): Found => {
    if (f.verdict !== 'cause' || f.basis !== 'eliminated') return f
    if (seen.some((s) => s.confidence !== 'low')) return { ...f, verdict: 'ruled_out', text: `${f.text}: explained by what else changed` }
    return seen.length > 0 || isOpen ? { ...f, confidence: 'low' } : f
  })
}

function order({ basis }: Found): number {
  return basis === undefined ? 9 : BASIS_ORDER[basis]
}
