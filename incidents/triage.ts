/**
 * Which of the four causes? Each cause file looks at the facts for itself, weigh.ts sets their findings against each other, and here the answer
 * becomes a sentence: a cause, several, or that it cannot be told and what is missing. Pure; no language model.
 */
import type { Finding, Triage } from '../model/incident.ts'
import { SLIS } from '../model/slis.ts'
import { type Case, feltRise, leastRise, LEVEL, ratio } from './causes/cause.ts'
import { input } from './causes/input.ts'
import { model } from './causes/model.ts'
import { prompt } from './causes/prompt.ts'
import { tools } from './causes/tools.ts'
import { freshOf, isTimely } from './causes/versions.ts'
import { compare, runsNeeded, share } from './compare.ts'
import type { TriageFacts } from './facts.ts'
import { beganText, namedText } from './named.ts'
import { findOnset, sumOf } from './onset.ts'
import { isSteady, weighed } from './weigh.ts'

/** In order of how directly each is seen; a new cause is one file and one line. */
const CAUSE_FILES = [prompt, tools, model, input] as const

/** Names the cause, the causes, or what is missing to tell. */
export function triage(facts: TriageFacts, now: number): Triage {
  const c = caseOf(facts)
  const findings = weighed(
    c,
    CAUSE_FILES.flatMap((look) => look(c)),
  )
  const { onset } = c
  return {
    atMs: now,
    ...(onset === undefined ? {} : { onset: { atMs: onset.atMs, fromMs: onset.fromMs, toMs: onset.toMs } }),
    sli: facts.sli,
    findings,
    summary: summaryOf(c, findings),
    gaps: facts.gaps,
  }
}

/** The facts with what every cause file asks of them: when it began, whether it rose. */
export function caseOf(facts: TriageFacts): Case {
  const onset = findOnset(facts.series, facts.dispersion)
  const split = onset?.atMs ?? facts.startedMs
  const before = sumOf(facts.series.filter((i) => i.toMs <= split))
  const after = sumOf(facts.series.filter((i) => i.fromMs >= split))
  const least = leastRise(facts.sli)
  const moved = compare(before, after, facts.dispersion)
  const felt = feltRise(facts.sli)
  return {
    facts,
    onset,
    before,
    after,
    leastRise: least,
    feltRise: felt,
    excess: moved.difference,
    rose: moved.difference >= least && moved.p < LEVEL,
  }
}

function summaryOf(c: Case, findings: readonly Finding[]): string {
  const { facts, onset, before, after } = c
  const onsetMs = c.rose ? onset?.atMs : undefined
  const named = namedText(
    findings.filter((f) => f.verdict === 'cause'),
    onsetMs,
    facts.nowMs,
  )
  if (named !== undefined) return named
  const began = beganText(onsetMs, facts.nowMs)
  if (before.total === 0 || after.total === 0)
    return `cannot tell: there are no ${SLIS[facts.sli].title} counts ${before.total === 0 ? 'before it began' : 'since then'}.`
  const shares = `${ratio(after)} since, ${ratio(before)} before`
  const needed = findings.map((f) => f.runsNeeded).filter((n) => n !== undefined)
  if (needed.length > 0) return `cannot tell yet: ${Math.min(...needed)} more runs are needed (${shares}).${began}`
  if (!c.rose) {
    if (isSteady(c)) return `nothing changed: ${shares}.`
    // If it stays as it is, or is the least that would be felt.
    const feared = Math.min(1, share(before) + Math.max(c.feltRise, c.excess))
    const more = runsNeeded(share(before), feared, before.total, facts.dispersion)
    const how = Number.isFinite(more)
      ? `${Math.max(1, Math.ceil(more - after.total))} more are needed`
      : 'there were too few before it began'
    return `cannot tell: ${how} to see a change at all (${shares}).`
  }
  const deployed = freshOf(c, 'agent_version').find((k) => isTimely(c, k))
  const also = deployed === undefined ? '' : ` Agent version ${deployed.value} came when it began: look at what was deployed with it.`
  return `cannot tell: it changed (${shares}), but neither prompt, tools, model nor input did as far as is known.${also}${began}`
}
