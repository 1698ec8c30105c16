/**
 * Alertmanager's webhook, version 4: its body → the alerts it tells of, or what is wrong with it. Strict on what is used, tolerant of
 * what is not: Alertmanager adds fields, and its templates are others' words. Long words are cut, for they are kept.
 * Format: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config, as of 0.25 and later.
 */
import { z } from 'zod'
import type { ToldAlert } from '../../incidents/alert.ts'
import { issuesOf } from '../controls/wire.ts'

const MAX_LABELS = 64
const MAX_LABEL = 512
const MAX_SUMMARY = 1000
/** Clocks differ by seconds. What is to begin in a year would never be over. */
const MAX_AHEAD_MS = 86_400_000
/** Go's zero time: no end was told. */
const ZERO_TIME = Date.parse('0001-01-01T00:00:00Z')

const text = (max: number): z.ZodType<string> => z.string().transform((t) => brief(t, max))
const time = z.iso.datetime({ offset: true, error: 'write a time such as 2026-12-01T08:00:00Z' }).transform((t) => Date.parse(t))

const alert = z.object({
  status: z.enum(['firing', 'resolved']),
  labels: z
    .record(z.string().min(1).max(256), text(MAX_LABEL))
    .refine((labels) => (labels['alertname'] ?? '') !== '', 'there is no alertname')
    .refine((labels) => Object.keys(labels).length <= MAX_LABELS, `at most ${MAX_LABELS} labels`),
  annotations: z.record(z.string(), z.string()).default({}),
  startsAt: time.refine((ms) => ms > ZERO_TIME, 'the alert has no start'),
  endsAt: time.optional(),
  fingerprint: z.string().regex(/^[0-9a-f]{1,64}$/, 'write hex digits'),
})

const webhook = z.object({
  version: z.literal('4', { error: ({ input }) => `${JSON.stringify(input) ?? 'nothing'} is no version we read; write "4"` }),
  groupKey: z.string().default(''),
  truncatedAlerts: z.int().min(0).default(0),
  alerts: z.array(alert).min(1, 'there are no alerts in it').max(10_000),
})

export type Webhook =
  | { readonly ok: true; readonly alerts: readonly ToldAlert[]; readonly truncated: number }
  | { readonly ok: false; readonly detail: string }

/** The alerts of a body that was parsed as JSON. */
export function readWebhook(body: unknown, now: number): Webhook {
  const parsed = webhook.safeParse(body)
  if (!parsed.success) return { ok: false, detail: issuesOf(parsed.error) }
  const { alerts, truncatedAlerts } = parsed.data
  const ahead = alerts.findIndex((a) => a.startsAt > now + MAX_AHEAD_MS)
  if (ahead >= 0) return { ok: false, detail: `alerts.${ahead}.startsAt: is more than a day ahead of the clock here; one of them is wrong` }
  return {
    ok: true,
    truncated: truncatedAlerts,
    alerts: alerts.map(({ status, labels, annotations, startsAt, endsAt, fingerprint }) => ({
      fingerprint,
      status,
      labels,
      summary: brief(annotations['summary'] ?? annotations['message'] ?? annotations['description'] ?? '', MAX_SUMMARY),
      startsMs: startsAt,
      ...(endsAt === undefined || endsAt <= ZERO_TIME ? {} : { endsMs: endsAt }),
    })),
  }
}

/** One line, no control characters, not too long: it is stored, and shown in terminals. */
function brief(words: string, max: number): string {
  const line = words.replaceAll(/[\p{Cc}\s]+/gu, ' ').trim()
  return line.length > max ? `${line.slice(0, max - 1)}…` : line
}
