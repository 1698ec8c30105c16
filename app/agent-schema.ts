/**
 * Configuration keys of one agent, in `agents` and in `defaults`: objectives, checks, limits, who is paged. Those of `defaults` have values
 * where every agent is judged by one all the same; an agent's own have none, so that what it leaves out is that of `defaults`.
 */
import { z } from 'zod'
import { CHECKS, DEFAULT_CHECKS } from '../processor/evaluations/index.ts'
import { duration } from './duration.ts'

const CHECK_NAMES: ReadonlySet<string> = new Set(CHECKS.map((c) => c.name))

/** A share: 0.95, not 95. */
export const ratio = z.number().refine((v) => v >= 0 && v <= 1, {
  error: ({ input }) =>
    `${String(input)} is not between 0 and 1${typeof input === 'number' && input > 1 && input <= 100 ? `; write ${input / 100}` : ''}`,
})
export const positive = z.number().gt(0)
export const count = z.int().min(1)

export const url = z.string().refine((v) => /^https?:\/\/[^\s]+$/.test(v) && URL.canParse(v), {
  error: ({ input }) => `"${String(input)}" is no URL; write something like http://host:port`,
})
const checkName = z.string().refine((v) => CHECK_NAMES.has(v) || v.startsWith('external:'), {
  error: ({ input }) =>
    `there is no check "${String(input)}"; write one of ${[...CHECK_NAMES].join(', ')}, or external:NAME for an evaluation from outside`,
})

/** What makes a loop where neither the agent nor `defaults` says. */
export const DEFAULT_LOOP = { identical_calls: 5, ping_pong: 4 } as const

const target = ratio.describe('Share of rated runs that should pass')
const checks = z.array(checkName).describe('Checks that decide quality')
const identicalCalls = count.describe('Identical tool calls in a row that make a loop')
const pingPong = count.describe('Times two calls may take turns')
const quality = z.strictObject({
  target: target.optional(),
  checks: checks.optional(),
  window: duration.describe('Window of the objective').optional(),
})
const loop = z.strictObject({
  identical_calls: identicalCalls.optional(),
  ping_pong: pingPong.optional(),
  stop_run_at: count.describe('Identical tool calls in a row at which the guards inside agents stop the run').optional(),
})
const threshold = (
  what: string,
): z.ZodObject<
  { per_run: z.ZodOptional<z.ZodNumber>; target: z.ZodOptional<typeof ratio>; stop_run_at: z.ZodOptional<z.ZodNumber> },
  z.core.$strict
> =>
  z.strictObject({
    per_run: positive.describe(`${what} a run should stay under`).optional(),
    target: ratio.describe('Share of runs that should').optional(),
    stop_run_at: positive.describe('Where a guard stops the run; read by the guards inside agents').optional(),
  })

const costUsd = threshold('US dollars').extend({
  stop_agent_at: z
    .strictObject({
      usd: positive.describe('US dollars of all its runs together, in one process'),
      every: duration.describe('… within any such time'),
    })
    .describe('Where the guards inside agents stop every run of the agent until less was spent')
    .optional(),
})
export const WHEN_LOST = ['keep', 'admit', 'refuse'] as const

const QUALITY_EXPECTED = 'expected a share such as 0.95, or {target, checks, window}'
const QUALITY_MEANS = 'Objective for the share of runs that pass'

/** What may be said of one agent, or of all in `defaults`. */
export const agentShape = {
  team: z.string().describe('Who is paged').optional(),
  severity: z.string().describe('Severity label of its alerts').optional(),
  quality: z
    .union([ratio.transform((share) => ({ target: share })), quality], { error: QUALITY_EXPECTED })
    .describe(QUALITY_MEANS)
    .optional(),
  cost_usd: costUsd.optional(),
  steps: threshold('Steps').optional(),
  duration_seconds: threshold('Seconds').omit({ stop_run_at: true }).optional(),
  expect_runs: z.strictObject({ every: z.union([z.literal('baseline'), duration]).describe('Longest silence that is normal') }).optional(),
  loop: loop.optional(),
  required_tools: z.array(z.string()).describe('Tools whose answer a run must rest on (check grounded_call)').optional(),
  output: z
    .strictObject({
      format: z.literal('json').describe('The answer must be JSON').optional(),
      pattern: z.string().describe('Regular expression the whole answer must match').optional(),
      schema: z.string().describe('File with a JSON Schema for the answer').optional(),
    })
    .describe('Form of the answer (check valid_output)')
    .optional(),
  fallback: z.string().min(1).describe('What answers while the agent is disabled: a URL or a message').optional(),
  runbook_url: url.optional(),
}

/** As of one agent; what agents are judged by all the same has a value here. */
export const defaultsShape = {
  ...agentShape,
  quality: z
    .union(
      [
        ratio.transform((share) => ({ target: share, checks: [...DEFAULT_CHECKS] })),
        quality.extend({ target: target.default(0.95), checks: checks.default([...DEFAULT_CHECKS]) }),
      ],
      { error: QUALITY_EXPECTED },
    )
    .prefault({})
    .describe(QUALITY_MEANS),
  loop: loop
    .extend({ identical_calls: identicalCalls.default(DEFAULT_LOOP.identical_calls), ping_pong: pingPong.default(DEFAULT_LOOP.ping_pong) })
    .prefault({}),
}
