/**
 * Back to the release before. Fits where what was found came with the release that is active: another version of the prompt, or the model
 * that the release sets. By itself only on high confidence and a change inside the interval in which it began, and only where that is short:
 * of a quiet agent it is known to an hour or two, which leaves room for a change that came after it (docs/triage.md).
 */
import { type ActionFile, type Condition, type Cue, type Fit, fits, misfit, type Standing, valueOf } from './action.ts'
import { clockText, durationText } from '../words.ts'

export const rollbackRelease: ActionFile = {
  kind: 'rollback_release',
  seenBy: 'incident',
  fits: (cue, standing) => wrong(cue, standing) ?? backTo(cue, standing),
  alone: ({ finding, incident: { triage } }) => [sure(finding), inTime(finding?.changedMs, triage?.onset), ...narrow(triage?.onset)],
  command: ({ target }) => ({ do: 'rollback', version: target }),
}

function backTo({ target }: Cue, { rollbackTo, activeRelease }: Standing): Fit {
  if (rollbackTo === undefined) return misfit('which release was good is not known')
  if ('none' in rollbackTo) return misfit(rollbackTo.none)
  const { version, text } = rollbackTo
  if (target !== undefined && target !== version)
    return misfit(`a rollback would go to ${version}, not to ${target}; activate_release goes to any`)
  return fits(version, `roll back from release ${activeRelease ?? ''} to ${version} (${text})`)
}

function wrong({ finding, incident: { agent } }: Cue, { activeRelease, activeModel, controls }: Standing): Fit | undefined {
  if (activeRelease === undefined) return misfit('stored releases cannot be read')
  if (activeRelease === null)
    return misfit(`${agent} has no active release to roll back; publish its prompts with agentopz release publish`)
  const held = controls.find((c) => c.control === 'release')
  if (held !== undefined) return misfit(`${held.actor} holds release ${held.target} (${held.id}): a rollback would change nothing`)
  if (finding === undefined) return undefined
  const value = valueOf(finding)
  if (finding.cause === 'prompt' && value !== activeRelease)
    return misfit(`the active release is ${activeRelease}, and what was found is ${finding.subject}`)
  if (finding.cause === 'model' && (activeModel === undefined || value !== activeModel))
    return misfit(
      `release ${activeRelease} ${activeModel === undefined ? 'sets no model' : `sets ${activeModel}`}: rolling it back would not change ${finding.subject}`,
    )
  if (finding.cause === 'tools' || finding.cause === 'input') return misfit(`${finding.subject} did not come with a release`)
  return undefined
}

function sure(finding: Cue['finding']): Condition {
  const confidence = finding?.confidence
  if (confidence === undefined) return { holds: false, text: 'no cause is named' }
  return {
    holds: confidence === 'high',
    text: `the cause is named with ${confidence} confidence${confidence === 'high' ? '' : '; high is needed'}`,
  }
}

/** Longest interval of an onset that a change can be told to fit. */
const NARROW_MS = 45 * 60_000

function narrow(onset: { readonly fromMs: number; readonly toMs: number } | undefined): readonly Condition[] {
  const widthMs = onset === undefined ? 0 : onset.toMs - onset.fromMs
  if (widthMs <= NARROW_MS) return []
  return [
    {
      holds: false,
      text: `when it began is known to ${durationText(widthMs)} only, and ${durationText(NARROW_MS)} are needed: the agent has too few runs`,
    },
  ]
}

function inTime(changedMs: number | undefined, onset: { readonly fromMs: number; readonly toMs: number } | undefined): Condition {
  if (onset === undefined) return { holds: false, text: 'when it began is not known' }
  const between = `between ${clockText(onset.fromMs)} and ${clockText(onset.toMs)} UTC`
  if (changedMs === undefined) return { holds: false, text: `when it changed is not known; it began ${between}` }
  const holds = changedMs >= onset.fromMs && changedMs <= onset.toMs
  return { holds, text: `it changed at ${clockText(changedMs)} UTC, and it began ${between}` }
}
