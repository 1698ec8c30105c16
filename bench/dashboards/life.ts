/**
 * What telemetry of real agents has and the plain simulated fleet lacks, a little of each: empty tool results, tool definitions, a model that
 * nobody has a price for, usage that contradicts itself, spans that come late or twice, judges' scores, feedback on runs nobody knows,
 * requests that cannot be read. Shares are small; they exist so that no panel is drawn or tested on nothing.
 */
import type { ExternalEvaluation } from '../../model/run.ts'
import { type RunSketch, type SimulatedAgent, sketchRun, type Trouble } from '../../app/fleet/sketch.ts'
import { writeRun } from '../../app/fleet/write.ts'

interface Span {
  readonly traceId: string
  readonly attributes: { key: string; value: object }[]
}
interface Body {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: Span[] }[] }[]
}

/** One run on its way: what is sent now, what is sent a step later, and what a judge will say of it. */
export interface Sent {
  readonly now: readonly object[]
  readonly later: readonly object[]
  readonly traceId: string
  readonly evaluation: ExternalEvaluation | undefined
}

const SHARE = { empty: 0.02, unpriced: 0.12, contradiction: 0.004, late: 0.01, twice: 0.01, judged: 0.25 } as const
const DEFINITIONS = JSON.stringify(['search_kb', 'get_order', 'refund'].map((name) => ({ type: 'function', name })))
/** A model of the operator's own: no table has a price for it. */
const OWN_MODEL = 'acme-reader-2'

/** A run that ends at `endMs`; `ownModel` when part of the invoices already goes to the operator's own model. */
export function livedRun(agent: SimulatedAgent, how: { trouble: Trouble; ownModel: boolean }, endMs: number, random: () => number): Sent {
  const unpriced = how.ownModel && agent.name === 'invoice-reader' && random() < SHARE.unpriced
  const sketch = sketchRun(unpriced ? { ...agent, model: OWN_MODEL } : agent, how.trouble, endMs, random)
  const body = writeRun(marked(sketch, random), 'production') as Body
  const spans = body.resourceSpans[0]?.scopeSpans[0]?.spans ?? []
  if (agent.dialect === 'gen_ai') spans.at(-1)?.attributes.push({ key: 'gen_ai.tool.definitions', value: { stringValue: DEFINITIONS } })
  const late = random() < SHARE.late && spans.length > 2 ? spans.splice(1, 1) : []
  const again = random() < SHARE.twice ? [body] : []
  return {
    now: [body],
    later: [...again, ...late.map((span) => withSpans(body, [span]))],
    traceId: spans[0]?.traceId ?? '',
    evaluation: agent.name === 'support-agent' && random() < SHARE.judged ? groundedness(sketch, random) : undefined,
  }
}

function marked(run: RunSketch, random: () => number): RunSketch {
  const steps = run.steps.map((s) => {
    if (s.kind === 'tool') return !s.failed && random() < SHARE.empty ? { ...s, result: '[]' } : s
    return random() < SHARE.contradiction ? { ...s, cacheRead: s.input + 400 } : s
  })
  return { ...run, steps }
}

function withSpans(body: Body, spans: Span[]): object {
  const [first] = body.resourceSpans
  return { resourceSpans: [{ ...first, scopeSpans: [{ ...first?.scopeSpans[0], spans }] }] }
}

/** The bad prompt answers from less: its answers are judged worse as well. */
function groundedness(run: RunSketch, random: () => number): ExternalEvaluation {
  const isBad = run.promptVersion === '8'
  const score = Math.min(1, Math.max(0, (isBad ? 0.72 : 0.88) + 0.16 * (random() + random() - 1)))
  return { name: 'groundedness', score, source: 'judge' }
}

/** A body that cannot be read, and one whose span has an id that is none. */
export const UNREADABLE = '{"resourceSpans": ['
export const BAD_SPAN = JSON.stringify({
  resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: '00', spanId: '1', name: 'x', startTimeUnixNano: '1', endTimeUnixNano: '2' }] }] }],
})
