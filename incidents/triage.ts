/**
 * Which of the four causes? Each cause file looks at the facts for itself; here their findings are weighed against each other: what was seen
 * beside each other in time stands, what is only concluded by elimination stands when nothing else does, and where the runs are too few it is
 * said how many more it takes. Pure; no language model.
 */
import type { Confidence, Finding, Triage } from '../model/incident.ts'
import { type Case, clock, ratio } from './causes/cause.ts'
import { input } from './causes/input.ts'
import { model } from './causes/model.ts'
import { prompt } from './causes/prompt.ts'
import { tools } from './causes/tools.ts'
import { compare, type Counts, runsNeeded, share } from './compare.ts'
import type { TriageFacts } from './facts.ts'
import { findOnset } from './onset.ts'

/** In order of how directly each is seen; a new cause is one file and one line. */
const CAUSE_FILES = [prompt, tools, model, input] as const

const VERDICT_ORDER = { cause: 0, cannot_tell: 1, ruled_out: 2, unchanged: 3 } as const
const CONFIDENCE_ORDER: Readonly<Record<Confidence, number>> = { high: 0, medium: 1, low: 2 }

/** Names the cause, the causes, or what is missing to tell. */
export function triage(facts: TriageFacts, now: number): Triage {
  const onset = findOnset(facts.series, facts.dispersion)
  const split = onset?.atMs ?? facts.startedMs
  const before = sum(facts.series.filter((i) => i.toMs <= split))
  const after = sum(facts.series.filter((i) => i.fromMs >= split))
  const c: Case = { facts, onset, before, after, excess: after.bad - share(before) * after.total }
  const findings = weighed(CAUSE_FILES.flatMap((look) => look(c)))
  return {
    atMs: now,
    ...(onset === undefined ? {} : { onset: { atMs: onset.atMs, fromMs: onset.fromMs, toMs: onset.toMs } }),
    sli: facts.sli,
    findings,
    summary: summaryOf(c, findings),
    gaps: facts.gaps,
  }
}

/** A conclusion by elimination gives way to what was seen; alone it is worth a little more. Best first. */
function weighed(findings: readonly Finding[]): readonly Finding[] {
  const isEliminated = (f: Finding): boolean => f.cause === 'model' && f.confidence === 'low' && f.verdict === 'cause'
  const seen = findings.filter((f) => f.verdict === 'cause' && !isEliminated(f))
  const open = findings.filter((f) => f.verdict === 'cannot_tell' && f.runsNeeded !== undefined)
  return findings
    .map((f): Finding => {
      if (!isEliminated(f)) return f
      if (seen.length > 0) return { ...f, verdict: 'ruled_out', text: `${f.text}: explained by what else changed` }
      return open.length > 0 ? f : { ...f, confidence: 'medium' }
    })
    .map((f, i) => ({ f, i }))
    .sort(
      (a, b) =>
        VERDICT_ORDER[a.f.verdict] - VERDICT_ORDER[b.f.verdict] ||
        CONFIDENCE_ORDER[a.f.confidence] - CONFIDENCE_ORDER[b.f.confidence] ||
        (b.f.comparison?.difference ?? 0) - (a.f.comparison?.difference ?? 0) ||
        a.i - b.i,
    )
    .map(({ f }) => f)
}

function summaryOf(c: Case, findings: readonly Finding[]): string {
  const { facts, onset, before, after } = c
  const began = onset === undefined ? '' : ` It began about ${clock(onset.atMs, facts.nowMs)}.`
  const causes = findings.filter((f) => f.verdict === 'cause')
  const [best] = causes
  if (best !== undefined) {
    const others = causes.filter((f) => f.cause !== best.cause)
    const also = others.length === 0 ? '' : ` Also: ${others.map((f) => `${f.cause}: ${f.text}`).join('; ')}.`
    return `${best.cause} (${best.confidence} confidence): ${best.text}.${also}${began}`
  }
  const moved = compare(before, after, facts.dispersion)
  const needed = findings.map((f) => f.runsNeeded).filter((n) => n !== undefined)
  if (needed.length > 0)
    return `cannot tell yet: ${Math.min(...needed)} more runs are needed (${ratio(after)} since, ${ratio(before)} before).${began}`
  if (onset === undefined && moved.p > 0.01) {
    const more = runsNeeded(share(before), Math.min(1, share(before) + 0.15), before.total, facts.dispersion)
    return after.total < more
      ? `cannot tell: ${Math.max(1, Math.ceil(more - after.total))} more runs are needed to see a change at all (${ratio(after)} since, ${ratio(before)} before).`
      : `nothing changed: ${ratio(after)} since, ${ratio(before)} before.`
  }
  return `cannot tell: it changed (${ratio(after)} since, ${ratio(before)} before), but neither prompt, tools, model nor input did.${began}`
}

function sum(counts: readonly Counts[]): Counts {
  let [bad, total] = [0, 0]
  for (const c of counts) {
    bad += c.bad
    total += c.total
  }
  return { bad, total }
}
