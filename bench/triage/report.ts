/** Answers → the measured part of docs/triage.md: a row per class and size, the controls, and what was missed. The rest is written by hand. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { median } from '../../model/statistics.ts'
import type { Answer } from './ask.ts'
import { TRIAGE_CLASSES, type TriageClass } from './classes.ts'
import { SIZES } from './simulate.ts'

const DOCUMENT = join(import.meta.dirname, '../../docs/triage.md')
const [BEGIN, END] = ['<!-- measured: npm run bench:triage -->', '<!-- end -->']

const isConfident = ({ first }: Answer): boolean => first !== undefined && first.confidence !== 'low'
const isRight = ({ first }: Answer, c: TriageClass): boolean => first !== undefined && c.causes.includes(first.cause)

export function tableText(answers: readonly Answer[]): string {
  const lines = [
    '| what happened | agent | right cause first | … of those with enough runs | wrong first, low / higher confidence | none named | onset late, median (range) |',
    '|---|---|---|---|---|---|---|',
  ]
  for (const c of TRIAGE_CLASSES.filter((k) => k.causes.length > 0))
    for (const { name } of SIZES) {
      const own = answers.filter((a) => a.truth.className === c.name && a.truth.size === name)
      const enough = own.filter((a) => a.isEnough)
      const wrong = own.filter((a) => a.first !== undefined && !isRight(a, c))
      const none = own.filter((a) => a.first === undefined)
      lines.push(
        `| ${name === 'busy' ? `**${c.name}**: ${c.what}` : ''} | ${name} | ${of(own, (a) => isRight(a, c))} | ${enough.length === 0 ? 'none has' : of(enough, (a) => isRight(a, c))} | ` +
          `${wrong.filter((a) => !isConfident(a)).length} / ${wrong.filter(isConfident).length} | ${none.length} | ${lateText(own)} |`,
      )
    }
  lines.push('', '| nothing to name | agent | asked | low confidence | medium or high: wrong | no cause |', '|---|---|---|---|---|---|')
  for (const c of TRIAGE_CLASSES.filter((k) => k.causes.length === 0))
    for (const { name } of SIZES) {
      const own = answers.filter((a) => a.truth.className === c.name && a.truth.size === name)
      const low = own.filter((a) => a.first !== undefined && !isConfident(a)).length
      const wrong = own.filter(isConfident).length
      lines.push(
        `| ${name === 'busy' ? `**${c.name}**: ${c.what}` : ''} | ${name} | ${own.length} | ${low} | ${wrong} | ${own.length - low - wrong} |`,
      )
    }
  return lines.join('\n')
}

/** Sums over all classes, in a sentence each. */
export function sumsText(answers: readonly Answer[]): string {
  const caused = answers.flatMap((a) => classOf(a).map((c) => ({ a, c }))).filter(({ c }) => c.causes.length > 0)
  const enough = caused.filter(({ a }) => a.isEnough)
  const right = enough.filter(({ a, c }) => isRight(a, c))
  const few = caused.filter(({ a }) => a.isEnough === false)
  const controls = answers.filter((a) => classOf(a).some((c) => c.causes.length === 0))
  const onsets = enough.filter(({ a }) => a.isOnsetCovered !== undefined)
  const overlapping = caused.filter(({ c }) => c.causes.length > 1).map(({ a }) => a.named.length)
  return [
    `- Enough runs to tell: the right cause came first in ${right.length} of ${enough.length} (${percent(right.length, enough.length)}); a wrong one with medium or high confidence in ${enough.filter(({ a, c }) => isConfident(a) && !isRight(a, c)).length}; none was named in ${enough.filter(({ a }) => a.first === undefined).length}.`,
    `- Too few runs to tell: right in ${few.filter(({ a, c }) => isRight(a, c)).length} of ${few.length}, none named in ${few.filter(({ a }) => a.first === undefined).length}, wrong with medium or high confidence in ${few.filter(({ a, c }) => isConfident(a) && !isRight(a, c)).length}.`,
    `- Controls: a cause with medium or high confidence in ${controls.filter(isConfident).length} of ${controls.length}, with low confidence in ${controls.filter((a) => a.first !== undefined && !isConfident(a)).length}.`,
    `- Onset: the interval held the true beginning in ${onsets.filter(({ a }) => a.isOnsetCovered).length} of ${onsets.length} where one was found.`,
    `- Three overlapping changes: ${[1, 2, 3].map((n) => `${overlapping.filter((m) => m === n).length} times ${n}`).join(', ')} of the three causes named.`,
    `- Time for one answer: median ${Math.round(median(answers.map((a) => a.ms)) ?? 0)} ms, longest ${Math.round(Math.max(...answers.map((a) => a.ms)))} ms.`,
  ].join('\n')
}

/** Every answer that was wrong with confidence, or named nothing though it could have. */
export function missesText(answers: readonly Answer[]): string {
  const missed = answers.flatMap((a) => classOf(a).flatMap((c) => missOf(a, c)))
  return missed.length === 0 ? '- none' : missed.join('\n')
}

function missOf(a: Answer, c: TriageClass): readonly string[] {
  const isMiss = c.causes.length === 0 ? isConfident(a) : isRight(a, c) ? false : a.isEnough === true || isConfident(a)
  return isMiss ? [`- ${a.truth.agent} (${a.truth.environment}, ${a.sli}): ${a.summary}`] : []
}

export function writeReport(answers: readonly Answer[], seeds: readonly number[]): void {
  const text = readFileSync(DOCUMENT, 'utf8')
  const [before, rest] = text.split(BEGIN)
  const after = rest?.split(END)[1]
  if (before === undefined || after === undefined)
    throw new Error(`docs/triage.md: the lines ${BEGIN} and ${END} are missing; write them where the table goes`)
  const seedsText = `Seeds ${seeds[0] ?? ''} to ${seeds.at(-1) ?? ''}; tuned on seeds 1 to 3 only.`
  const measured = [
    seedsText,
    '',
    sumsText(answers),
    '',
    tableText(answers),
    '',
    'Missed with enough runs, or wrong with medium or high confidence:',
    '',
    missesText(answers),
  ]
  writeFileSync(DOCUMENT, `${before}${BEGIN}\n\n${measured.join('\n')}\n\n${END}${after}`)
}

function classOf(a: Answer): readonly TriageClass[] {
  return TRIAGE_CLASSES.filter((c) => c.name === a.truth.className)
}

function of(all: readonly Answer[], is: (a: Answer) => boolean): string {
  return `${all.filter(is).length} of ${all.length}`
}

function percent(n: number, of: number): string {
  return of === 0 ? 'none' : `${((100 * n) / of).toFixed(1)} %`
}

function lateText(own: readonly Answer[]): string {
  const late = own.flatMap((a) => (a.onsetLateMinutes === undefined ? [] : [a.onsetLateMinutes]))
  const middle = median(late)
  return middle === undefined
    ? 'not found'
    : `${middle.toFixed(0)} min (${Math.min(...late).toFixed(0)} to ${Math.max(...late).toFixed(0)})`
}
