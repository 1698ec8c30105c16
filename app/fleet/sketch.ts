/**
 * A simulated agent's run before it is written in any dialect: its steps, times and tokens. Seeded, so a fleet can be replayed.
 * Simulated traffic for trying things out; nothing here is ever part of a measurement.
 */
export interface ModelStep {
  readonly kind: 'model'
  readonly ms: number
  readonly input: number
  readonly cacheRead: number
  readonly output: number
  readonly reasoning: number
  readonly finish: 'stop' | 'length' | 'tool_calls'
  readonly failed: boolean
}

export interface ToolStep {
  readonly kind: 'tool'
  readonly ms: number
  readonly tool: string
  readonly args: string
  readonly result: string
  readonly failed: boolean
}

export interface RunSketch {
  readonly agent: SimulatedAgent
  readonly promptVersion: string
  readonly startMs: number
  readonly steps: readonly (ModelStep | ToolStep)[]
  readonly failed: boolean
  readonly random: () => number
}

export type FleetDialect = 'gen_ai' | 'openinference' | 'vercel_ai' | 'openllmetry'

export interface SimulatedAgent {
  readonly name: string
  readonly team: string
  readonly dialect: FleetDialect
  readonly provider: string
  readonly model: string
  readonly tools: readonly string[]
  readonly runsPerMinute: number
  /** Median number of tool calls per run. */
  readonly toolCalls: number
  readonly inputTokens: number
  readonly outputTokens: number
}

/** What is wrong with an agent at the moment; `none` is a healthy agent. */
export type Trouble = 'none' | 'bad_prompt' | 'tool_broken' | 'runaway'

export const AGENTS: readonly SimulatedAgent[] = [
  {
    name: 'support-agent',
    team: 'support',
    dialect: 'gen_ai',
    provider: 'openai',
    model: 'gpt-5-mini',
    tools: ['search_kb', 'get_order', 'refund'],
    runsPerMinute: 40,
    toolCalls: 2,
    inputTokens: 3600,
    outputTokens: 140,
  },
  {
    name: 'research-agent',
    team: 'insights',
    dialect: 'openinference',
    provider: 'anthropic',
    model: 'claude-sonnet-4-5',
    tools: ['web_search', 'read_page'],
    runsPerMinute: 8,
    toolCalls: 5,
    inputTokens: 8000,
    outputTokens: 420,
  },
  {
    name: 'checkout-helper',
    team: 'shop',
    dialect: 'vercel_ai',
    provider: 'openai',
    model: 'gpt-4.1-mini',
    tools: ['cart', 'stock'],
    runsPerMinute: 30,
    toolCalls: 1,
    inputTokens: 1500,
    outputTokens: 90,
  },
  {
    name: 'invoice-reader',
    team: 'finance',
    dialect: 'openllmetry',
    provider: 'openai',
    model: 'gpt-4o',
    tools: ['ocr', 'ledger_lookup'],
    runsPerMinute: 12,
    toolCalls: 2,
    inputTokens: 5200,
    outputTokens: 260,
  },
]

/** Mulberry32: a small seeded generator, numbers in [0, 1). */
export function seeded(seed: number): () => number {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Log-normal spread around a median, as call times and token counts of real agents have. */
function around(median: number, random: () => number, sigma = 0.4): number {
  const u = Math.max(random(), 1e-9)
  const normal = Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * random())
  return Math.max(1, Math.round(median * Math.exp(sigma * normal)))
}

/** Makes one run that ends at `endMs`. `noise` multiplies how often healthy runs and tools fail: at 1, one answer in a hundred is cut off. */
export function sketchRun(agent: SimulatedAgent, trouble: Trouble, endMs: number, random: () => number, noise = 1): RunSketch {
  const steps: (ModelStep | ToolStep)[] = []
  const calls = trouble === 'runaway' && random() < 0.1 ? 40 : Math.max(0, Math.round(agent.toolCalls + 2 * random() - 1))
  let context = around(agent.inputTokens, random)
  let cached = 0
  for (let i = 0; i < calls; i++) {
    steps.push(modelStep(agent, context, cached, 'tool_calls', random))
    cached = Math.floor(context * 0.8)
    const tool = agent.tools[Math.floor(random() * agent.tools.length)] ?? 'tool'
    const looping = calls === 40
    const failed = random() < (trouble === 'tool_broken' && tool === agent.tools[0] ? 0.6 : 0.015 * noise)
    steps.push({
      kind: 'tool',
      ms: around(250, random),
      tool,
      args: looping ? '{"q":"again"}' : `{"q":${Math.floor(random() * 1e6)}}`,
      result: failed ? '' : '{"items":[1,2]}',
      failed,
    })
    context += around(300, random)
  }
  const roll = random()
  const truncated = roll < (trouble === 'bad_prompt' ? 0.35 : 0.01 * noise)
  const failed = !truncated && roll > (trouble === 'bad_prompt' ? 0.96 : 1 - 0.008 * noise)
  const last = modelStep(agent, context, cached, truncated ? 'length' : 'stop', random)
  steps.push(failed ? { ...last, failed } : last)
  const startMs = endMs - steps.reduce((ms, s) => ms + s.ms, 0)
  return { agent, promptVersion: trouble === 'bad_prompt' ? '8' : '7', startMs, steps, failed, random }
}

function modelStep(agent: SimulatedAgent, input: number, cacheRead: number, finish: ModelStep['finish'], random: () => number): ModelStep {
  const output = around(agent.outputTokens, random)
  return {
    kind: 'model',
    ms: around(900, random),
    input,
    cacheRead: Math.min(cacheRead, input),
    output,
    reasoning: 0,
    finish,
    failed: false,
  }
}
