/**
 * Refused attempts to act as they are stored: one row each, the newest of them kept. Apart from the audit of what was done, so that
 * no flood of refusals can push that out of sight.
 */
import type { Kysely, Transaction } from 'kysely'
import type { Tables } from './storage-migrations.ts'

export interface RefusedAttempt {
  readonly atMs: number
  /** Roles of which one was needed. */
  readonly roles: readonly string[]
  readonly status: 401 | 403
  /** Name of the token that was shown, where it is one that is known. */
  readonly actor?: string
  readonly address?: string
  /** Method and path. */
  readonly endpoint: string
  /** Attempts since the one recorded before that were left out, there being too many at once. */
  readonly leftOut: number
}

export interface RefusedStorage {
  /** Newest first; none when there is no file yet. @throws when there is one that cannot be used. */
  refused(limit: number): Promise<readonly RefusedAttempt[]>
  /** Keeps the newest `keep`. @throws when it could not be made durable. */
  recordRefused(attempt: RefusedAttempt, keep: number): Promise<void>
}

export async function loadRefused(db: Kysely<Tables>, limit: number): Promise<readonly RefusedAttempt[]> {
  const rows = await db.selectFrom('refused_attempts').select('document').orderBy('seq', 'desc').limit(limit).execute()
  return rows.map((r) => JSON.parse(r.document) as RefusedAttempt)
}

export async function writeRefused(t: Transaction<Tables>, attempt: RefusedAttempt, keep: number): Promise<void> {
  await t
    .insertInto('refused_attempts')
    .values({ at_ms: attempt.atMs, document: JSON.stringify(attempt) })
    .execute()
  const oldest = t.selectFrom('refused_attempts').select('seq').orderBy('seq', 'desc').offset(keep).limit(1)
  await t.deleteFrom('refused_attempts').where('seq', '<=', oldest).execute()
}
