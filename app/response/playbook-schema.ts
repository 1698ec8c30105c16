/**
 * The key `playbooks` of the configuration, and the playbooks that hold where it is left out: all of them suggest and none acts.
 * In: YAML that was parsed; out: playbooks as incidents/playbooks.ts reads them. Unknown alerts, actions and keys are mistakes.
 */
import { z } from 'zod'
import type { Playbook } from '../../incidents/playbooks.ts'
import { ALERTS } from '../../model/alerts.ts'
import { ACTION_KINDS, type ActionKind, CAUSES } from '../../model/incident.ts'
import { duration } from '../duration.ts'
import { nearest } from '../nearest.ts'

const count = z.int().min(1)

function unknown(what: string, name: string, names: readonly string[]): string {
  const [near] = nearest(name, names)
  return `there is no ${what} "${name}"; ${near === undefined ? `write one of ${names.join(', ')}` : `did you mean ${near}?`}`
}
const unknownAction = (name: string): string => unknown('action', name, ACTION_KINDS)

const ALERT_NAMES = Object.keys(ALERTS)
const alertName = z.string().refine((v) => ALERT_NAMES.includes(v), { error: ({ input }) => unknown('alert', String(input), ALERT_NAMES) })
const actionKind = z.enum(ACTION_KINDS, { error: ({ input }) => unknownAction(String(input)) })

export interface Step {
  readonly action: ActionKind
  readonly target?: string | undefined
  readonly fallback?: string | undefined
}

const step = z.union(
  [
    actionKind.transform((action): Step => ({ action })),
    z.strictObject({
      action: actionKind.describe('What is done'),
      target: z.string().min(1).describe('The tool or release; what triage or the alert names when left out').optional(),
      fallback: z.string().min(1).max(4000).describe('What answers instead of the agent or the tool').optional(),
    }),
  ],
  {
    error: ({ input }) =>
      typeof input === 'string'
        ? unknownAction(input)
        : `write one of ${ACTION_KINDS.join(', ')}, or { action: open_tool, target: search }`,
  },
)

const playbook = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,47}$/, 'write up to 48 of a-z 0-9 -')
      .describe('It acts as playbook:NAME'),
    when: z
      .strictObject({
        alerts: z.array(alertName).min(1).describe('One of these alerts; any about an agent when left out').optional(),
        cause: z.enum(CAUSES).describe('Triage names this cause; the alert is enough when left out').optional(),
        agents: z.array(z.string().min(1)).min(1).describe('Only for these agents').optional(),
        confidence: z.enum(['high', 'medium']).default('medium').describe('… with at least this confidence'),
      })
      .prefault({}),
    do: z
      .array(step)
      .min(1, 'write at least one action, such as rollback_release')
      .max(10)
      .superRefine((steps, context) => {
        for (const [at, { action, target }] of steps.entries())
          if (action === 'activate_release' && target === undefined)
            context.addIssue({
              code: 'custom',
              path: [at],
              message: 'activate_release names its release; write { action: activate_release, target: VERSION }',
            })
      })
      .describe('Actions, in order: the next one when the one before does not fit or did not help'),
    mode: z.enum(['suggest', 'auto']).default('suggest').describe('Propose to people, or act when everything in `if` holds'),
    if: z
      .strictObject({
        min_runs: z
          .int()
          .min(0)
          .describe('Runs since it began that the evidence rests on; 60, or 0 for a playbook without a cause')
          .optional(),
        max_blast_runs: count.describe('Not by itself once so many runs are met').optional(),
        one_at_a_time: z.boolean().default(true).describe('Not while another action on the agent is not verified'),
        cool_down: duration.prefault('1h').describe('Not so soon after a playbook acted on the agent'),
      })
      .prefault({}),
    expires: duration.prefault('4h').describe('Controls that it sets lapse after this'),
    verify: z
      .strictObject({
        runs: count.default(50).describe('Runs after the action in which it must have helped'),
        within: duration.prefault('4h').describe('How long they are waited for; then a person is asked'),
        otherwise: z.enum(['undo', 'escalate']).default('undo').describe('What then, where it has not'),
      })
      .prefault({}),
  })
  .refine((p) => p.when.alerts !== undefined || p.when.cause !== undefined, {
    path: ['when'],
    error: 'it would be about every alert; write alerts: [AgentQualityDrop], or cause: prompt',
  })

type PlaybookConfig = z.output<typeof playbook>

/** What people are told to consider, where nothing is configured. */
export const DEFAULT_PLAYBOOKS: readonly z.input<typeof playbook>[] = [
  { name: 'roll-back-prompt', when: { cause: 'prompt' }, do: ['rollback_release'] },
  { name: 'roll-back-model', when: { cause: 'model' }, do: ['rollback_release'] },
  { name: 'open-failing-tool', when: { cause: 'tools' }, do: ['open_tool'] },
  { name: 'stop-runaway', when: { alerts: ['AgentRunaway'] }, do: ['stop_runs', 'disable_agent'] },
  { name: 'stop-spending', when: { alerts: ['AgentSpendSurge'] }, do: ['disable_agent'] },
]

export const playbooksSchema = z
  .array(playbook)
  .max(100)
  .superRefine((all, context) => {
    for (const [at, { name }] of all.entries())
      if (all.findIndex((p) => p.name === name) < at)
        context.addIssue({ code: 'custom', path: [at, 'name'], message: `there is a playbook ${name} already; give this one another name` })
  })
  .prefault([...DEFAULT_PLAYBOOKS])
  .describe('What is proposed or done about incidents, see docs/playbooks.md; those shipped when left out, none for an empty list')

/** In triage's benchmark the wrong answer that was sure rested on 55. */
const MIN_RUNS = 60

/** As they are decided by. */
export function playbooksOf(configured: readonly PlaybookConfig[]): readonly Playbook[] {
  return configured.map(({ name, when, do: steps, mode, if: conditions, expires, verify }) => ({
    name,
    when: {
      confidence: when.confidence,
      ...(when.alerts === undefined ? {} : { alerts: when.alerts }),
      ...(when.cause === undefined ? {} : { cause: when.cause }),
      ...(when.agents === undefined ? {} : { agents: when.agents }),
    },
    do: steps.map(({ action, target, fallback }) => ({
      kind: action,
      ...(target === undefined ? {} : { target }),
      ...(fallback === undefined ? {} : { fallback }),
    })),
    mode,
    if: {
      minRuns: conditions.min_runs ?? (when.cause === undefined ? 0 : MIN_RUNS),
      ...(conditions.max_blast_runs === undefined ? {} : { maxBlastRuns: conditions.max_blast_runs }),
      oneAtATime: conditions.one_at_a_time,
      coolDownMs: conditions.cool_down * 1000,
    },
    expiresMs: expires * 1000,
    verify: { runs: verify.runs, withinMs: verify.within * 1000, otherwise: verify.otherwise },
  }))
}
