import { describe, expect, test } from 'vitest'
import type { Cost, ModelCall, Run, Spend, ToolCall } from '../../model/run.ts'
import type { CheckVerdict } from '../../processor/evaluations/index.ts'
import { createMetrics, type Metrics } from '../../processor/metrics.ts'
import { createRecorder, type Objectives } from '../../processor/record.ts'
import type { LateWork } from '../../processor/runs/runs.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const NOW = 1_760_000_000_000
const call = (spanId: string, more: Partial<ModelCall> = {}): ModelCall => ({
  spanId,
  startMs: NOW,
  durationMs: 1000,
  provider: 'openai',
  model: 'gpt-5',
  outcome: 'ok',
  finish: 'stop',
  failedAttempts: 0,
  own: true,
  ...more,
})
const spend = (spanId: string, more: Partial<Spend> = {}): Spend => ({
  spanId,
  atMs: NOW,
  provider: 'openai',
  model: 'gpt-5',
  usage: { input: 1000, output: 100 },
  own: true,
  ...more,
})
const tool = (name: string, more: Partial<ToolCall> = {}): ToolCall => ({
  spanId: name,
  startMs: NOW,
  durationMs: 50,
  tool: name,
  outcome: 'ok',
  retrieval: false,
  ...more,
})
const run = (more: Partial<Run> = {}): Run => ({
  traceId: TRACE,
  rootSpanId: 'r',
  agent: 'support',
  environment: 'prod',
  service: 'shop',
  dialect: 'gen_ai',
  startMs: NOW,
  durationMs: 5000,
  rootEnded: true,
  outcome: 'ok',
  weight: 1,
  embeddings: 0,
  cohort: { agentVersion: '1.0', promptVersion: 'v 7', model: 'gpt-5', toolsVersion: '' },
  modelCalls: [],
  toolCalls: [],
  spend: [],
  conflicts: [],
  interventions: [],
  evaluations: [],
  spanIds: ['r'],
  ...more,
})

/** A dollar a thousand tokens, for models that have a price. */
const price = (s: Spend): Cost =>
  s.model === 'gpt-5' ? { known: true, usd: ((s.usage.input ?? 0) + (s.usage.output ?? 0)) / 1000 } : { known: false, reason: 'no price' }

interface Recorded {
  readonly metrics: Metrics
  readonly limits?: Objectives
  readonly verdicts?: readonly CheckVerdict[]
}

function record(r: Run, { metrics, limits = {}, verdicts = [] }: Recorded): void {
  createRecorder(metrics).run(r, verdicts, 'pass', { price, objectives: () => limits }, NOW)
}

/** Samples above 0 by name and the labels that matter here. */
async function samples(metrics: Metrics, ...prefixes: readonly string[]): Promise<Record<string, number>> {
  const found: Record<string, number> = {}
  for (const line of (await metrics.expose(undefined, NOW)).body.split('\n')) {
    if (line.startsWith('#') || line.includes('_bucket{') || !prefixes.some((p) => line.startsWith(p))) continue
    const at = line.lastIndexOf(' ')
    const value = Number(line.slice(at + 1))
    if (value !== 0)
      found[
        line
          .slice('agentopz_'.length, at)
          .replace('agent="support",environment="prod",', '')
          .replace('{agent="support",environment="prod"}', '')
      ] = value
  }
  return found
}

async function recorded(r: Run, what: Omit<Recorded, 'metrics'>, ...prefixes: readonly string[]): Promise<Record<string, number>> {
  const metrics = createMetrics({})
  record(r, { ...what, metrics })
  return samples(metrics, ...prefixes)
}

describe('a run', () => {
  test('is counted with its cohort in the safe alphabet, its outcome and quality', async () => {
    expect(await recorded(run(), {}, 'agentopz_runs_total', 'agentopz_last_run', 'agentopz_cohort')).toEqual({
      'runs_total{agent_version="1.0",prompt_version="v_7",model="gpt-5",tools_version="",outcome="ok",quality="pass"}': 1,
      last_run_timestamp_seconds: NOW / 1000,
      'cohort_first_seen_timestamp_seconds{dimension="agent_version",value="1.0"}': NOW / 1000,
      'cohort_first_seen_timestamp_seconds{dimension="prompt_version",value="v_7"}': NOW / 1000,
      'cohort_first_seen_timestamp_seconds{dimension="model",value="gpt-5"}': NOW / 1000,
    })
  })
  test('shows the failures of its cohort at 0 before there is one', async () => {
    const metrics = createMetrics({})
    record(run({ toolCalls: [tool('search')], modelCalls: [call('1')] }), {
      metrics,
      limits: { steps: 14 },
      verdicts: [{ evaluation: 'no_loop', source: 'builtin', verdict: 'pass' }],
    })
    const { body } = await metrics.expose(undefined, NOW)
    for (const zero of [
      'outcome="error",quality="fail"',
      'tool="search",outcome="error"',
      'objective="steps"',
      'outcome="error",finish_reason=""',
      'verdict="fail"',
    ]) {
      expect(body.split('\n').filter((l) => l.includes(zero) && l.endsWith(' 0'))).not.toEqual([])
    }
  })
  test('counts by its weight everywhere', async () => {
    const weighty = run({
      weight: 4,
      modelCalls: [call('1', { failedAttempts: 2 })],
      spend: [spend('1')],
      toolCalls: [tool('t')],
      conflicts: ['agent_sum'],
      firstInputTokens: 1000,
      inputText: 'hello',
    })
    const verdicts: CheckVerdict[] = [{ evaluation: 'e', source: 'external', verdict: 'fail', score: 0.5 }]
    const found = await recorded(weighty, { limits: { steps: 1 }, verdicts }, 'agentopz_')
    const { build_info: _, ...rest } = Object.fromEntries(Object.entries(found).filter(([k]) => !/timestamp|build_info/.test(k)))
    expect(rest).toEqual({
      'runs_total{agent_version="1.0",prompt_version="v_7",model="gpt-5",tools_version="",outcome="ok",quality="pass"}': 4,
      run_cost_usd_sum: 4.4,
      run_cost_usd_count: 4,
      run_steps_sum: 8,
      run_steps_count: 4,
      run_model_calls_sum: 4,
      run_model_calls_count: 4,
      run_tool_calls_sum: 4,
      run_tool_calls_count: 4,
      run_duration_seconds_sum: 20,
      run_duration_seconds_count: 4,
      'run_exceeded_total{objective="steps",prompt_version="v_7",model="gpt-5"}': 4,
      'model_calls_total{model="gpt-5",provider="openai",outcome="ok",finish_reason="stop"}': 4,
      'model_attempts_failed_total{model="gpt-5",provider="openai"}': 8,
      'tool_calls_total{tool="t",outcome="ok"}': 4,
      'tool_duration_seconds_sum{tool="t"}': 0.2,
      'tool_duration_seconds_count{tool="t"}': 4,
      'tokens_total{model="gpt-5",provider="openai",class="input"}': 4000,
      'tokens_total{model="gpt-5",provider="openai",class="output"}': 400,
      'cost_usd_total{model="gpt-5",provider="openai"}': 4.4,
      'usage_conflicts_total{kind="agent_sum"}': 4,
      'evaluations_total{evaluation="e",source="external",verdict="fail",prompt_version="v_7",model="gpt-5"}': 4,
      'evaluation_score_sum{evaluation="e",source="external"}': 2,
      'evaluation_score_count{evaluation="e",source="external"}': 4,
      'input_feature_total{feature="tokens",bucket="256-1024"}': 4,
      'input_feature_total{feature="script",bucket="latin"}': 4,
    })
  })
  test('keeps token classes apart and leaves unreported ones out', async () => {
    const usage = { input: 1, cache_read: 2, cache_write: 3, cache_write_1h: 3, output: 4, reasoning: 5 }
    const found = await recorded(
      run({ spend: [spend('1', { usage }), spend('2', { usage: { input: 10 }, model: 'other' })] }),
      {},
      'agentopz_tokens_total',
    )
    expect(Object.entries(found).map(([k, v]) => [/model="(.*?)".*class="(.*)"/.exec(k)?.slice(1).join(' '), v])).toEqual([
      ['gpt-5 input', 1],
      ['gpt-5 cache_read', 2],
      ['gpt-5 cache_write', 3],
      ['gpt-5 output', 4],
      ['gpt-5 reasoning', 5],
      ['other input', 10],
    ])
  })
})

describe('cost of a run is observed only when all of it is known', () => {
  const cases: readonly { readonly name: string; readonly run: Partial<Run>; readonly count: number; readonly usd?: number }[] = [
    {
      name: 'every call reported and priced',
      run: { modelCalls: [call('1'), call('2')], spend: [spend('1'), spend('2')] },
      count: 1,
      usd: 2.2,
    },
    { name: 'no model call at all costs nothing', run: { toolCalls: [tool('t')] }, count: 1, usd: 0 },
    { name: 'a model call without usage', run: { modelCalls: [call('1')] }, count: 0 },
    { name: 'one call of two without usage', run: { modelCalls: [call('1'), call('2')], spend: [spend('1')] }, count: 0 },
    {
      name: 'a failed call without usage costs nothing',
      run: { modelCalls: [call('1', { outcome: 'error' }), call('2')], spend: [spend('2')] },
      count: 1,
      usd: 1.1,
    },
    { name: 'an aborted call without usage may have cost something', run: { modelCalls: [call('1', { outcome: 'unknown' })] }, count: 0 },
    {
      name: 'a model without a price',
      run: { modelCalls: [call('1'), call('2')], spend: [spend('1'), spend('2', { model: 'mine' })] },
      count: 0,
    },
    {
      name: 'usage of an envelope or agent span around the calls',
      run: { modelCalls: [call('1'), call('2')], spend: [spend('above')] },
      count: 1,
      usd: 1.1,
    },
    {
      name: "an embedding's usage is not the calls'",
      run: { embeddings: 1, modelCalls: [call('1')], spend: [spend('embedding')] },
      count: 0,
    },
    {
      name: 'embeddings are part of the cost',
      run: { embeddings: 1, modelCalls: [call('1')], spend: [spend('1'), spend('embedding')] },
      count: 1,
      usd: 2.2,
    },
  ]
  test.each(cases)('$name', async ({ run: more, count, usd }) => {
    const metrics = createMetrics({})
    record(run(more), { metrics })
    const { body } = await metrics.expose(undefined, NOW)
    expect(/^agentopz_run_cost_usd_count{.*} (\d+)$/m.exec(body)?.[1] ?? '0').toBe(String(count))
    if (usd !== undefined) expect(Number(/^agentopz_run_cost_usd_sum{.*} (.+)$/m.exec(body)?.[1])).toBeCloseTo(usd, 9)
  })
  test('tokens without a price are counted by model, and cost nothing', async () => {
    const found = await recorded(
      run({ spend: [spend('1', { model: 'mine', provider: 'me' })] }),
      {},
      'agentopz_unpriced',
      'agentopz_cost_usd',
    )
    expect(found).toEqual({ 'unpriced_tokens_total{model="mine",provider="me"}': 1100 })
  })
})

describe('duration', () => {
  test('is observed when the root ended, and not when it never did', async () => {
    expect(await recorded(run(), {}, 'agentopz_run_duration')).toEqual({ run_duration_seconds_sum: 5, run_duration_seconds_count: 1 })
    expect(await recorded(run({ rootEnded: false, outcome: 'abandoned' }), {}, 'agentopz_run_duration')).toEqual({})
  })
})

describe('thresholds', () => {
  const big = run({ modelCalls: [call('1')], toolCalls: [tool('a'), tool('b')], spend: [spend('1')] })
  const over = async (r: Run, limits: Objectives): Promise<string[]> =>
    Object.keys(await recorded(r, { limits }, 'agentopz_run_exceeded')).map((k) => /objective="(\w+)"/.exec(k)?.[1] ?? '')
  test('each that the run is over', async () =>
    expect(await over(big, { cost_usd: 1, steps: 2, duration_seconds: 4 })).toEqual(['cost', 'steps', 'duration']))
  test('being at one is not being over it', async () =>
    expect(await over(big, { cost_usd: 1.1, steps: 3, duration_seconds: 5 })).toEqual([]))
  test('none set', async () => expect(await over(big, {})).toEqual([]))
  test('the known part of the cost may be over it already', async () => {
    const partly = run({ modelCalls: [call('1'), call('2')], spend: [spend('1'), spend('2', { model: 'mine' })] })
    expect(await over(partly, { cost_usd: 1 })).toEqual(['cost'])
    expect(await over(partly, { cost_usd: 2 })).toEqual([])
  })
})

describe("the emitter's cost is compared, never taken", () => {
  test.each([
    [1.1, 0],
    [1.11, 0],
    [1.112, 1],
    [1.08, 1],
    [0, 1],
  ])('it says %d, we say 1.1', async (givenCostUsd, conflicts) => {
    const found = await recorded(run({ spend: [spend('1', { givenCostUsd })] }), {}, 'agentopz_usage_conflicts', 'agentopz_cost')
    expect(found).toEqual({
      'cost_usd_total{model="gpt-5",provider="openai"}': 1.1,
      ...(conflicts === 0 ? {} : { 'usage_conflicts_total{kind="given_cost"}': 1 }),
    })
  })
  test('rounding to a millionth of a dollar is no conflict', async () => {
    const tiny = spend('1', { usage: { input: 0.01 }, givenCostUsd: 0.000011 })
    expect(await recorded(run({ spend: [tiny] }), {}, 'agentopz_usage_conflicts')).toEqual({})
  })
})

test('a cohort value keeps the time it was first seen', async () => {
  const metrics = createMetrics({})
  const recorder = createRecorder(metrics)
  for (const now of [NOW, NOW + 60_000]) recorder.run(run(), [], 'pass', { price, objectives: () => ({}) }, now)
  const found = await samples(metrics, 'agentopz_cohort', 'agentopz_last_run')
  expect(found['cohort_first_seen_timestamp_seconds{dimension="model",value="gpt-5"}']).toBe(NOW / 1000)
  expect(found['last_run_timestamp_seconds']).toBe(NOW / 1000 + 60)
})

test('exemplars lead to the run; those of verdicts to failures only', async () => {
  const metrics = createMetrics({})
  const verdicts: CheckVerdict[] = [
    { evaluation: 'bad', source: 'builtin', verdict: 'fail' },
    { evaluation: 'good', source: 'builtin', verdict: 'pass' },
  ]
  record(run(), { metrics, verdicts })
  const { body } = await metrics.expose('application/openmetrics-text', NOW)
  const marked = body
    .split('\n')
    .filter((l) => l.includes(`trace_id="${TRACE}"`))
    .map((l) => l.slice(0, l.indexOf('{')))
  expect(marked).toEqual(expect.arrayContaining(['agentopz_runs_total', 'agentopz_run_steps_bucket']))
  expect(
    body
      .split('\n')
      .filter((l) => l.startsWith('agentopz_evaluations_total') && l.includes('#'))
      .map((l) => /evaluation="(\w+)"/.exec(l)?.[1]),
  ).toEqual(['bad'])
})

test('late work adds to counters and to no histogram of runs or calls', async () => {
  const metrics = createMetrics({})
  const work: LateWork = {
    agent: 'support',
    environment: 'prod',
    promptVersion: 'v 7',
    model: 'gpt-5',
    weight: 1,
    traceId: TRACE,
    lateSpans: 3,
    modelCalls: [call('1', { outcome: 'error', finish: 'error' })],
    toolCalls: [tool('t', { outcome: 'empty' })],
    spend: [spend('1'), spend('2', { model: 'mine' })],
    conflicts: ['duplicate_response'],
    evaluations: [],
  }
  createRecorder(metrics).late(
    work,
    [{ evaluation: 'helpful', source: 'feedback', verdict: 'fail', score: 1 }],
    { price, objectives: () => ({ steps: 0 }) },
    NOW,
  )
  const found = Object.fromEntries(Object.entries(await samples(metrics, 'agentopz_')).filter(([k]) => !k.startsWith('build_info')))
  expect(found).toEqual({
    late_spans_total: 3,
    'model_calls_total{model="gpt-5",provider="openai",outcome="error",finish_reason="error"}': 1,
    'tool_calls_total{tool="t",outcome="empty"}': 1,
    'tokens_total{model="gpt-5",provider="openai",class="input"}': 1000,
    'tokens_total{model="gpt-5",provider="openai",class="output"}': 100,
    'tokens_total{model="mine",provider="openai",class="input"}': 1000,
    'tokens_total{model="mine",provider="openai",class="output"}': 100,
    'cost_usd_total{model="gpt-5",provider="openai"}': 1.1,
    'unpriced_tokens_total{model="mine",provider="openai"}': 1100,
    'usage_conflicts_total{kind="duplicate_response"}': 1,
    'evaluations_total{evaluation="helpful",source="feedback",verdict="fail",prompt_version="v_7",model="gpt-5"}': 1,
    'evaluation_score_sum{evaluation="helpful",source="feedback"}': 1,
    'evaluation_score_count{evaluation="helpful",source="feedback"}': 1,
  })
})

test('standard names: own model calls, every tool call, error types, no duration of what never ended', async () => {
  const metrics = createMetrics({ standardNames: true })
  const modelCalls = [
    call('1', { requestModel: 'gpt-5-latest' }),
    call('2', { own: false }),
    call('3', { outcome: 'error', errorType: 'timeout' }),
  ]
  record(run({ outcome: 'error', modelCalls, toolCalls: [tool('t', { outcome: 'error' })] }), { metrics })
  record(run({ rootEnded: false }), { metrics })
  const { body } = await metrics.expose(undefined, NOW)
  const lines = body.split('\n').filter((l) => /^gen_ai_.*_(count|sum)/.test(l) && !l.endsWith(' 0'))
  expect(lines.map((l) => l.replace('gen_ai_agent_name="support"', ''))).toEqual([
    'gen_ai_invoke_agent_duration_seconds_sum{,error_type="timeout"} 5',
    'gen_ai_invoke_agent_duration_seconds_count{,error_type="timeout"} 1',
    'gen_ai_invoke_agent_inference_calls_sum{} 2',
    'gen_ai_invoke_agent_inference_calls_count{} 2',
    'gen_ai_invoke_agent_tool_calls_sum{} 1',
    'gen_ai_invoke_agent_tool_calls_count{} 2',
    'gen_ai_execute_tool_duration_seconds_sum{,gen_ai_tool_name="t",error_type="_OTHER"} 0.05',
    'gen_ai_execute_tool_duration_seconds_count{,gen_ai_tool_name="t",error_type="_OTHER"} 1',
    'gen_ai_client_inference_duration_seconds_sum{,gen_ai_operation_name="chat",gen_ai_provider_name="openai",gen_ai_request_model="gpt-5-latest",gen_ai_response_model="gpt-5",error_type=""} 1',
    'gen_ai_client_inference_duration_seconds_count{,gen_ai_operation_name="chat",gen_ai_provider_name="openai",gen_ai_request_model="gpt-5-latest",gen_ai_response_model="gpt-5",error_type=""} 1',
    'gen_ai_client_inference_duration_seconds_sum{,gen_ai_operation_name="chat",gen_ai_provider_name="openai",gen_ai_request_model="",gen_ai_response_model="gpt-5",error_type=""} 1',
    'gen_ai_client_inference_duration_seconds_count{,gen_ai_operation_name="chat",gen_ai_provider_name="openai",gen_ai_request_model="",gen_ai_response_model="gpt-5",error_type=""} 1',
    'gen_ai_client_inference_duration_seconds_sum{,gen_ai_operation_name="chat",gen_ai_provider_name="openai",gen_ai_request_model="",gen_ai_response_model="gpt-5",error_type="timeout"} 1',
    'gen_ai_client_inference_duration_seconds_count{,gen_ai_operation_name="chat",gen_ai_provider_name="openai",gen_ai_request_model="",gen_ai_response_model="gpt-5",error_type="timeout"} 1',
  ])
})
