/** Actions of incidents as they travel over HTTP: bodies of requests (strict), and the JSON of answers. Names are snake_case, times RFC 3339. */
import { z } from 'zod'
import { type Action, ACTION_KINDS, type Verification } from '../../model/incident.ts'
import { expires } from '../controls/wire.ts'
import { oneLine } from '../one-line.ts'

const line = (max: number): z.ZodString => oneLine(max).min(1)
const actor = line(128)

/** A proposal that is taken, or something that was not proposed. */
export const actionBody = z
  .strictObject({
    actor,
    proposal: line(32).optional(),
    action: z.enum(ACTION_KINDS, { error: `write one of ${ACTION_KINDS.join(', ')}` }).optional(),
    target: line(256).optional(),
    reason: line(512).optional(),
    expires: expires.optional(),
    fallback: z.string().min(1).max(4000).optional(),
  })
  .refine((b) => (b.proposal === undefined) !== (b.action === undefined), 'name a proposal, or an action; one of the two')
  .refine(
    (b) => b.proposal === undefined || (b.target === undefined && b.fallback === undefined),
    'a proposal has its target; leave target and fallback out',
  )
  .refine((b) => b.action === undefined || b.reason !== undefined, { path: ['reason'], error: 'say why' })

export const undoActionBody = z.strictObject({ actor, reason: line(512) })

export function actionJson({ atMs, expiresMs, undo, verification, ...action }: Action): object {
  return {
    ...action,
    at: time(atMs),
    ...(expiresMs === undefined ? {} : { expires_at: time(expiresMs) }),
    ...(undo === undefined ? {} : { undo: { actor: undo.actor, reason: undo.reason, at: time(undo.atMs) } }),
    ...(verification === undefined ? {} : { verification: verificationJson(verification) }),
  }
}

export function verificationJson({ runsSeen, runsNeeded, atMs, comparison, inPart, ...verification }: Verification): object {
  const { adjustedP, ...compared } = comparison ?? { adjustedP: undefined }
  return {
    ...verification,
    runs_seen: runsSeen,
    runs_needed: runsNeeded,
    at: time(atMs),
    ...(inPart === undefined ? {} : { in_part: inPart }),
    ...(comparison === undefined ? {} : { comparison: { ...compared, ...(adjustedP === undefined ? {} : { adjusted_p: adjustedP }) } }),
  }
}

function time(ms: number): string {
  return new Date(ms).toISOString()
}
