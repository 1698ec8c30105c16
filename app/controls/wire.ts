/**
 * Controls, releases and their audit as they travel over HTTP: what requests may hold (strict), and the JSON of answers.
 * Names are snake_case, times RFC 3339; `null` is never.
 */
import { z } from 'zod'
import type { AuditEntry } from '../../control/audit.ts'
import type { JudgedRelease, RollbackChoice } from '../../control/known-good.ts'
import type { PublishedRelease } from '../../control/releases.ts'
import { CONTROL_KINDS, type Control, CONTROL_STATE } from '../../model/control.ts'
import { duration } from '../config-schema.ts'
import { oneLine as line } from '../one-line.ts'
import type { RefusedAttempt } from '../storage-refused.ts'

const name = line(256)
const actor = line(128).min(1)
const reason = line(512)

/** Milliseconds from now, or a time; `never`. */
export const expires = z.union(
  [
    z.literal('never'),
    z.iso.datetime({ offset: true }).transform((t) => ({ atMs: Date.parse(t) })),
    duration.transform((s) => ({ inMs: s * 1000 })),
  ],
  {
    error: 'write a duration such as 4h, a time such as 2026-12-01T08:00:00Z, or never',
  },
)

export const controlBody = z.strictObject({
  control: z.enum(CONTROL_KINDS),
  agent: name.default(''),
  target: name.default(''),
  environment: name.default(''),
  reason: reason.min(1),
  actor,
  expires: expires.optional(),
  fallback: z.string().min(1).max(4000).optional(),
})

export const undoBody = z.strictObject({ reason: reason.min(1), actor })

export const releaseBody = z.strictObject({
  version: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._:+-]{0,63}$/, 'write up to 64 of A-Z a-z 0-9 . _ : + -, beginning with a letter or digit')
    .optional(),
  prompts: z.record(name.min(1), z.string()).default({}),
  config: z.record(name.min(1), z.unknown()).default({}),
  model: name.min(1).optional(),
  actor,
  reason: reason.default(''),
  activate: z.boolean().default(false),
})

export const activationBody = z.strictObject({ actor, reason: reason.default('') })

/** `known_good`: the last that met its objectives. `former`: the one before, whatever is known of it. */
export const rollbackBody = z.strictObject({ ...activationBody.shape, to: z.enum(['known_good', 'former']).default('known_good') })

/** When it lapses or how long it lasts; neither for never. `defaultSeconds` where nothing is said. */
export function expiry(
  given: z.output<typeof expires> | undefined,
  defaultSeconds: number | 'never',
): { readonly expiresMs?: number; readonly lastsMs?: number } {
  if (given === undefined) return defaultSeconds === 'never' ? {} : { lastsMs: defaultSeconds * 1000 }
  if (given === 'never') return {}
  return 'atMs' in given ? { expiresMs: given.atMs } : { lastsMs: given.inMs }
}

export function controlJson(c: Control): object {
  return {
    id: c.id,
    control: c.control,
    agent: c.agent,
    target: c.target,
    environment: c.environment,
    state: CONTROL_STATE[c.control],
    reason: c.reason,
    actor: c.actor,
    created_at: time(c.createdMs),
    expires_at: c.expiresMs === undefined ? null : time(c.expiresMs),
    ...(c.fallback === undefined ? {} : { fallback: c.fallback }),
  }
}

export function auditJson(e: AuditEntry): object {
  const { atMs, action, control, id, agent, target, environment, reason: why, actor: by, via } = e
  return { at: time(atMs), action, control, ...(id === '' ? {} : { id }), agent, target, environment, reason: why, actor: by, via }
}

export function refusedJson({ atMs, roles, status, actor, address, endpoint, leftOut }: RefusedAttempt): object {
  return { at: time(atMs), status, endpoint, roles, token: actor ?? null, address: address ?? null, left_out: leftOut }
}

/** A release without its texts. */
export function releaseJson(r: PublishedRelease, active: string | undefined): object {
  return {
    version: r.version,
    is_active: r.version === active,
    hash: r.hash,
    published_at: time(r.publishedMs),
    actor: r.actor,
    prompts: Object.keys(r.prompts),
    config: Object.keys(r.config),
    ...(r.model === undefined ? {} : { model: r.model }),
  }
}

/** What is known of a release's runs. */
export function verdictJson({ verdict, runs, goodShare, text }: JudgedRelease): object {
  return {
    verdict,
    verdict_text: text,
    runs: runs === undefined ? null : Math.round(runs),
    good_share: goodShare === undefined ? null : Math.round(goodShare * 1e6) / 1e6,
  }
}

/** Why a rollback went where it went. */
export function choiceJson({ because, text, passedOver }: RollbackChoice): object {
  return { because, text, passed_over: passedOver.map((r) => ({ version: r.version, ...verdictJson(r) })) }
}

/** What is wrong with a body, key by key. */
export function issuesOf(error: z.ZodError): string {
  return error.issues.map((i) => `${i.path.map(String).join('.') || 'the body'}: ${i.message}`).join('; ')
}

function time(ms: number): string {
  return new Date(ms).toISOString()
}
