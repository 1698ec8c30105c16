/** The cost board's section on tokens: by class, from the cache, and where spans disagree about them. */
import type { Section } from './board.ts'
import { query, timeseries } from './panels.ts'
import { increase, rate, sum, words } from './query.ts'
import { cacheShare } from './shares.ts'
import { linkToBoard, MANY } from './variables.ts'

const w = words(MANY)
/** The classes that make a prompt. */
export const PROMPT = ['input', 'cache_read', 'cache_write'] as const

export const tokensSection: Section = {
  title: 'Tokens',
  panels: [
    timeseries(
      {
        title: 'Tokens by class',
        description:
          'Tokens per second: fresh input, read from the cache, written to it, visible output, reasoning. The classes do not overlap.',
        unit: 'short',
        width: 8,
        min: 0,
        stack: 'normal',
        interval: '2m',
      },
      [query(sum(['class'], rate(w.metric('agentopz_tokens_total'), '$window')), '{{class}}')],
    ),
    timeseries(
      {
        title: 'Prompt tokens read from cache',
        description:
          'By agent, over the chosen window. A fall without a change of traffic is often a prompt whose beginning changed. n beside it.',
        unit: 'percentunit',
        width: 8,
        min: 0,
        max: 1,
        interval: '2m',
        links: [linkToBoard('agent', 'The agent’s board')],
      },
      [query(cacheShare(w, ['agent'], '$window'), '{{agent}}')],
    ),
    timeseries(
      {
        title: 'Prompt tokens (n)',
        description: 'Prompt tokens of the chosen window by agent: what the shares beside it are of.',
        unit: 'short',
        width: 8,
        min: 0,
        stack: 'normal',
        interval: '2m',
      },
      [query(sum(['agent'], increase(w.metric('agentopz_tokens_total', { class: PROMPT }), '$window')), '{{agent}}')],
    ),
    timeseries(
      {
        title: 'Disagreements about usage',
        description:
          'Spans that contradict each other about tokens or cost, by kind, in the chosen window. They are counted, never averaged; the cost of such runs may be off.',
        unit: 'short',
        width: 24,
        height: 6,
        min: 0,
        stack: 'normal',
        interval: '2m',
      },
      [
        query(sum(['agent', 'kind'], increase(w.metric('agentopz_usage_conflicts_total'), '$window')), '{{agent}} {{kind}}', {
          mayBeEmpty: 'telemetry may agree with itself',
        }),
      ],
    ),
  ],
}
