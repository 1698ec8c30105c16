/** Refusals of the control plane → problem documents: whose mistake it was says the status, the reason is in `because`. */
import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { ControlRefusal, Refused } from '../../control/controls.ts'
import type { NoChoice } from '../../control/known-good.ts'
import type { ReleaseRefusal } from '../../control/releases.ts'
import { problem } from '../problem.ts'
import type { TooLarge, Unavailable } from './plane.ts'

type Because = ControlRefusal | ReleaseRefusal | (NoChoice | Unavailable | TooLarge)['because']

const STATUS: Readonly<Record<Because, ContentfulStatusCode>> = {
  unknown_control: 400,
  no_agent: 400,
  no_target: 400,
  target_not_allowed: 400,
  fallback_not_allowed: 400,
  no_reason: 400,
  already_expired: 400,
  unknown_release: 404,
  id_taken: 409,
  held_by_person: 409,
  too_many: 409,
  not_in_force: 404,
  empty_release: 400,
  too_deep: 400,
  too_large: 413,
  version_taken: 409,
  unknown_agent: 404,
  unknown_version: 404,
  already_active: 409,
  nothing_before: 409,
  not_active: 409,
  not_before: 409,
  no_known_good: 409,
  document_too_large: 413,
  not_loaded: 503,
  not_stored: 503,
  not_known: 503,
}

/** The problem document for a refusal. */
export function refusal(c: Context, title: string, refused: Refused<keyof typeof STATUS>): Response {
  const { because, detail } = refused
  if (because === 'not_loaded') return unavailable(c, detail)
  if (because === 'not_stored') return problem(c, 503, 'not stored', `nothing was changed, for it could not be stored: ${detail}`, because)
  if (because === 'not_known') return problem(c, 503, 'not known whether stored', detail, because)
  return problem(c, STATUS[because], title, detail, because)
}

/** Stored controls are not known: neither changed nor told. */
export function unavailable(c: Context, why: string): Response {
  c.header('retry-after', '10')
  return problem(c, 503, 'storage unavailable', `stored controls cannot be read: ${why}`, 'not_loaded')
}
