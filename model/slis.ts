/**
 * Service level indicators: every signal about an agent as a share, bad of total, so that one recording rule and one test serve all.
 * `ratio`: bad and total are counts of events. `level`: bad is how many bucket bounds of a histogram the runs went over, total how many
 * there are, so the share is where the runs lie on the buckets' (logarithmic) scale and a change of size becomes a change of share.
 * The rules (alert-rules/), dashboards (dashboards/) and `agentopz baseline` read this list; a new SLI is one row.
 */

export const SLI_LABELS = ['agent', 'environment', 'sli', 'tool', 'evaluation'] as const

export interface Sli {
  readonly kind: 'ratio' | 'level'
  /** What a reader sees. */
  readonly title: string
  /** What the share means when it rises. */
  readonly bad: string
  /** Label besides agent and environment that splits it. */
  readonly by?: 'tool' | 'evaluation'
}

export const SLIS = {
  quality: { kind: 'ratio', title: 'quality', bad: 'rated runs that failed a required check' },
  evaluation: { kind: 'ratio', title: 'evaluation from outside', bad: 'verdicts of an evaluator that are fail', by: 'evaluation' },
  run_error: { kind: 'ratio', title: 'run errors', bad: 'runs that ended in an error' },
  refusal: { kind: 'ratio', title: 'refusals', bad: 'runs whose model refused' },
  filtered: { kind: 'ratio', title: 'content filter', bad: 'runs cut off by a content filter' },
  truncation: { kind: 'ratio', title: 'truncation', bad: 'runs whose answer was cut off' },
  empty: { kind: 'ratio', title: 'empty answers', bad: 'runs that answered nothing' },
  loop: { kind: 'ratio', title: 'loops', bad: 'runs that repeated identical tool calls' },
  tool_error: { kind: 'ratio', title: 'tool errors', bad: 'calls of a tool that failed', by: 'tool' },
  tool_empty: { kind: 'ratio', title: 'empty tool results', bad: 'calls of a tool that returned nothing', by: 'tool' },
  no_tool: { kind: 'ratio', title: 'runs without tools', bad: 'runs that called no tool' },
  cost: { kind: 'level', title: 'cost per run', bad: 'cost of runs, on a logarithmic scale' },
  steps: { kind: 'level', title: 'steps per run', bad: 'steps of runs, on a logarithmic scale' },
  duration: { kind: 'level', title: 'duration', bad: 'duration of runs, on a logarithmic scale' },
} as const satisfies Record<string, Sli>

export type SliName = keyof typeof SLIS

/** Windows every SLI is recorded over, in seconds. The long ones find small shifts and quiet agents, the short ones outages. */
export const WINDOWS = { '10m': 600, '30m': 1800, '1h': 3600, '3h': 10_800, '6h': 21_600, '1d': 86_400 } as const
export type Window = keyof typeof WINDOWS
