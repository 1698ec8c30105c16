import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { conformance } from '../../../app/commands/conformance.ts'
import {
  compareLabels,
  compareRuns,
  type ExpectedRun,
  factsOf,
  type Label,
  type SignalLine,
  withoutGolden,
} from '../../../app/conformance.ts'
import type { ModelCall, Run, Spend, ToolCall } from '../../../model/run.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const ROOT = 'b7ad6b7169203331'

function call(more: Partial<ModelCall> = {}): ModelCall {
  return { spanId: 'c1', startMs: 0, durationMs: 5, provider: 'openai', model: 'm-1', outcome: 'ok', failedAttempts: 0, own: true, ...more }
}

function spend(usage: Spend['usage']): Spend {
  return { spanId: 'c1', atMs: 0, provider: 'openai', model: 'm-1', usage, own: true }
}

function tool(more: Partial<ToolCall> = {}): ToolCall {
  return { spanId: 't1', startMs: 1, durationMs: 1, tool: 'search', outcome: 'ok', retrieval: false, argumentsHash: 'a', ...more }
}

function run(more: Partial<Run> = {}): Run {
  return {
    traceId: TRACE,
    rootSpanId: ROOT,
    agent: 'shop',
    environment: 'prod',
    service: 'shop-api',
    dialect: 'gen_ai',
    startMs: 0,
    durationMs: 9,
    rootEnded: true,
    outcome: 'ok',
    weight: 1,
    cohort: { agentVersion: '', promptVersion: 'v1', model: 'm-1', toolsVersion: '' },
    modelCalls: [call({ finish: 'stop' })],
    toolCalls: [tool()],
    embeddings: 0,
    spend: [spend({ input: 60, cache_read: 40, output: 12, reasoning: 8 })],
    conflicts: [],
    interventions: [],
    evaluations: [],
    spanIds: [ROOT],
    ...more,
  }
}

describe('a run in the form of golden files', () => {
  test('adds up spends per class and keeps unknown classes out', () => {
    const facts = factsOf(run({ spend: [spend({ input: 1, output: 2 }), spend({ input: 3, cache_read: 0 })] }))
    expect(facts.tokens).toEqual({ input: 4, cache_read: 0, output: 2 })
  })
  test('takes the finish reason of the call that ended last, not of the one that started last', () => {
    const modelCalls = [call({ startMs: 0, durationMs: 100, finish: 'length' }), call({ startMs: 5, durationMs: 1, finish: 'stop' })]
    expect(factsOf(run({ modelCalls })).finish).toBe('length')
    expect(factsOf(run({ modelCalls: [] })).finish).toBeNull()
  })
  test('counts outcomes and failed attempts, and lists models and providers once', () => {
    const facts = factsOf(
      run({
        modelCalls: [call({ outcome: 'error', failedAttempts: 2 }), call({ outcome: 'unknown', model: 'a-0', provider: '' }), call()],
        toolCalls: [tool({ outcome: 'error' }), tool({ outcome: 'empty' }), tool({ outcome: 'blocked' })],
      }),
    )
    expect(facts).toMatchObject({
      modelErrors: 1,
      failedAttempts: 2,
      toolErrors: 1,
      toolEmpty: 1,
      toolCalls: 3,
      models: ['a-0', 'm-1'],
      provider: ['openai'],
    })
  })
})

describe('golden runs', () => {
  const same: ExpectedRun = {
    traceId: TRACE,
    root: ROOT,
    agent: 'shop',
    outcome: 'ok',
    modelCalls: 1,
    toolCalls: 1,
    finish: 'stop',
    promptVersion: 'v1',
    models: ['m-1'],
    conflicts: [],
    tokens: { reasoning: 8, output: 12, cache_read: 40, input: 60 },
  }
  const cases: readonly { readonly name: string; readonly expected: Partial<ExpectedRun>; readonly found: readonly string[] }[] = [
    { name: 'equal fields are no difference, in whatever order classes are written', expected: {}, found: [] },
    { name: 'a wrong number is one', expected: { modelCalls: 2 }, found: ['modelCalls: 2 / 1'] },
    {
      name: 'a class that is known where it should be unknown is one',
      expected: { tokens: { input: 60, cache_read: 40, output: 12 } },
      found: ['tokens: input 60, cache_read 40, output 12 / input 60, cache_read 40, output 12, reasoning 8'],
    },
    {
      name: 'unknown is not zero',
      expected: { tokens: { input: 60, cache_read: 40, cache_write: 0, output: 12, reasoning: 8 } },
      found: ['tokens: input 60, cache_read 40, cache_write 0, output 12, reasoning 8 / input 60, cache_read 40, output 12, reasoning 8'],
    },
    { name: 'a root that is not in the file cannot differ', expected: { root: null }, found: [] },
    { name: 'another root is one', expected: { root: 'ffffffffffffffff' }, found: [`root: ffffffffffffffff / ${ROOT}`] },
    { name: 'a finish reason that should be absent is one', expected: { finish: null }, found: ['finish: null / stop'] },
    { name: 'an empty expected value is compared', expected: { promptVersion: '' }, found: ['promptVersion: "" / v1'] },
  ]
  for (const c of cases) {
    test(c.name, () => {
      const { mismatches } = compareRuns([{ ...same, ...c.expected }], [run()])
      expect(mismatches.map((m) => `${m.field}: ${m.expected} / ${m.got}`)).toEqual(c.found)
    })
  }
  test('a missing run, a run too many and a run where none may be are differences', () => {
    expect(compareRuns([same], []).mismatches).toMatchObject([{ field: 'run', expected: 'a run of shop', got: 'none' }])
    expect(compareRuns([same], [run(), run({ rootSpanId: 'c7ad6b7169203331' })]).mismatches).toMatchObject([
      { field: 'run', expected: 'none' },
    ])
    expect(compareRuns([], [run()], [TRACE]).mismatches).toMatchObject([{ field: 'run', expected: 'none', got: 'a run of shop' }])
  })
  test('two runs of one trace are told by their roots', () => {
    const other = run({ rootSpanId: 'c7ad6b7169203331', agent: 'other' })
    const expected = [
      { traceId: TRACE, root: 'c7ad6b7169203331', agent: 'other' },
      { traceId: TRACE, root: ROOT, agent: 'shop' },
    ]
    expect(compareRuns(expected, [run(), other]).mismatches).toEqual([])
    expect(compareRuns([{ ...expected[0]!, root: 'ffffffffffffffff' }, expected[1]!], [run(), other]).mismatches).toHaveLength(2)
  })
  test('the reason of the truth goes with the difference', () => {
    expect(compareRuns([{ traceId: TRACE, modelCalls: 2, why: 'seen twice' }], [run()]).mismatches).toMatchObject([{ why: 'seen twice' }])
  })
})

describe('labels', () => {
  const cases: readonly {
    readonly name: string
    readonly label: Partial<Label>
    readonly run?: Partial<Run>
    readonly found: readonly string[]
  }[] = [
    {
      name: 'input is fresh and cached together, output visible and reasoning',
      label: { input_tokens: 100, output_tokens: 20 },
      found: [],
    },
    { name: 'estimates that are not on the spans are not compared', label: { input_tokens: 7, tokens_on_spans: false }, found: [] },
    {
      name: 'null and absent fields are not compared',
      label: { n_llm: null, agent: null, root_error: null },
      run: { outcome: 'error' },
      found: [],
    },
    { name: 'a root error of any text means the run failed', label: { root_error: 'Timeout' }, found: ['outcome: error / ok'] },
    {
      name: 'counts and names',
      label: { n_llm: 2, n_tool: 0, n_tool_error: 1, n_llm_error: 1, agent: 'x', service: 'y' },
      found: ['n_llm: 2 / 1', 'n_tool: 0 / 1', 'n_tool_error: 1 / 0', 'n_llm_error: 1 / 0', 'agent: x / shop', 'service: y / shop-api'],
    },
    {
      name: 'a repeat is the same tool with the same arguments as any earlier call',
      label: { n_repeat_tool: 2 },
      run: { toolCalls: [tool(), tool({ argumentsHash: 'b' }), tool(), tool({ tool: 'book' })] },
      found: ['n_repeat_tool: 2 / 1'],
    },
    {
      name: 'repeats cannot be told where arguments are unknown',
      label: { n_repeat_tool: 2 },
      run: { toolCalls: [tool(), { spanId: 't', startMs: 0, durationMs: 0, tool: 'x', outcome: 'ok', retrieval: false }] },
      found: [],
    },
  ]
  for (const c of cases) {
    test(c.name, () => {
      const { mismatches } = compareLabels([{ traceId: TRACE, ...c.label }], [run(c.run)])
      expect(mismatches.map((m) => `${m.field}: ${m.expected} / ${m.got}`)).toEqual(c.found)
    })
  }
  test('runs of one trace are added up, a trace without a run counts as none', () => {
    expect(compareLabels([{ traceId: TRACE, n_llm: 2 }], [run(), run()]).mismatches).toEqual([])
    expect(compareLabels([{ traceId: TRACE, n_llm: 2, agent: 'shop' }], []).mismatches.map((m) => m.got)).toEqual(['0', 'none'])
  })
  test('give way to a golden run field by field', () => {
    const labels = withoutGolden([{ traceId: TRACE, n_llm: 5, n_tool: 7, agent: 'x' }], [{ traceId: TRACE, modelCalls: 1, agent: 'shop' }])
    expect(compareLabels(labels, [run()]).mismatches.map((m) => m.field)).toEqual(['n_tool'])
  })
})

describe('the command', () => {
  let dir = ''
  let said: string[] = []
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'conformance-'))
    said = []
  })
  afterEach(() => rmSync(dir, { recursive: true }))
  const write = (name: string, content: string | Uint8Array): void => writeFileSync(join(dir, name), content)
  const check = (
    more: { goldens?: readonly string[]; json?: boolean; runsOf?: (lines: readonly SignalLine[]) => readonly Run[] } = {},
  ): Promise<number> => conformance(dir, { goldens: [], json: false, runsOf: () => [run()], say: (line) => void said.push(line), ...more })

  test('exits 0 and says what was compared when all is equal', async () => {
    write('a.jsonl', '{"resourceSpans":[]}\n')
    write('labels.jsonl', `{"traceId":"${TRACE}","n_llm":1}\n`)
    write('a.json', JSON.stringify({ capture: 'a', why: '', runs: [{ traceId: TRACE, agent: 'shop' }] }))
    expect(await check()).toBe(0)
    expect(said).toEqual(['1 runs, 1 traces with truth, 3 fields compared, 0 differ'])
  })
  test('feeds every line of traces and logs, plain or gzip, and no labels', async () => {
    write('a.jsonl', '{"resourceSpans":[]}\n\n{"resourceLogs":[]}\n')
    write('b.jsonl.gz', gzipSync('{"resourceSpans":[1]}\n'))
    write('labels.jsonl', `{"traceId":"${TRACE}"}\n`)
    let fed: readonly SignalLine[] = []
    await check({ runsOf: (lines) => ((fed = lines), []) })
    expect(fed).toEqual([
      { signal: 'traces', text: '{"resourceSpans":[]}' },
      { signal: 'logs', text: '{"resourceLogs":[]}' },
      { signal: 'traces', text: '{"resourceSpans":[1]}' },
    ])
  })
  test('exits 1 with a row for each difference and why the truth is the truth', async () => {
    write('a.jsonl', '{"resourceSpans":[]}\n')
    write('a.json', JSON.stringify({ capture: 'a', why: '', runs: [{ traceId: TRACE, modelCalls: 2, why: 'seen twice' }] }))
    expect(await check()).toBe(1)
    expect(said).toEqual([
      'trace         field       expected  got',
      '0af7651916cd  modelCalls  2         1',
      '    truth: seen twice',
      '1 runs, 1 traces with truth, 2 fields compared, 1 differ',
    ])
  })
  test('writes one JSON object with --json', async () => {
    write('a.jsonl', '{"resourceSpans":[]}\n')
    write('labels.jsonl', `{"traceId":"${TRACE}","n_llm":2}\n`)
    expect(await check({ json: true })).toBe(1)
    expect(JSON.parse(said.join(''))).toMatchObject({ runs: 1, mismatches: 1, differences: [{ field: 'n_llm', expected: '2', got: '1' }] })
  })
  test('a golden file named beside the folder overrides a label', async () => {
    write('a.jsonl', '{"resourceSpans":[]}\n')
    write('labels.jsonl', `{"traceId":"${TRACE}","n_llm":2}\n`)
    const golden = join(dir, 'truth.golden')
    writeFileSync(golden, JSON.stringify({ capture: 'a', why: '', runs: [{ traceId: TRACE, modelCalls: 1 }] }))
    expect(await check({ goldens: [golden] })).toBe(0)
  })
  test('counts runs that nobody stated', async () => {
    write('a.jsonl', '{"resourceSpans":[]}\n')
    write('labels.jsonl', '{"traceId":"ffffffffffffffffffffffffffffffff"}\n')
    expect(await check()).toBe(0)
    expect(said).toEqual(['1 runs, 1 traces with truth, 0 fields compared, 0 differ, 1 runs without truth'])
  })
  const unusable: readonly { readonly name: string; readonly files: Readonly<Record<string, string>>; readonly says: RegExp }[] = [
    { name: 'no spans', files: { 'labels.jsonl': `{"traceId":"${TRACE}"}` }, says: /no \*\.jsonl of traces or logs/ },
    { name: 'no truth', files: { 'a.jsonl': '{"resourceSpans":[]}' }, says: /neither labels\.jsonl nor golden/ },
    {
      name: 'a label that is no JSON',
      files: { 'a.jsonl': '{"resourceSpans":[]}', 'labels.jsonl': `{"traceId":"${TRACE}"}\n{` },
      says: /labels\.jsonl:2 {2}not JSON/,
    },
    {
      name: 'a label without a trace',
      files: { 'a.jsonl': '{"resourceSpans":[]}', 'labels.jsonl': '{}' },
      says: /labels\.jsonl:1 {2}no "traceId"/,
    },
    { name: 'a line that is no OTLP', files: { 'a.jsonl': '{"x":1}' }, says: /a\.jsonl:1 {2}no resourceSpans/ },
  ]
  for (const u of unusable) {
    test(`exits 2 on ${u.name}`, async () => {
      for (const [name, content] of Object.entries(u.files)) write(name, content)
      expect(await check()).toBe(2)
      expect(said.join('\n')).toMatch(u.says)
    })
  }
  test('exits 2 on a golden file that is none, and on a folder that is not there', async () => {
    write('a.jsonl', '{"resourceSpans":[]}')
    write('b.txt', '{}')
    expect(await check({ goldens: [join(dir, 'b.txt')] })).toBe(2)
    expect(said.join('')).toMatch(/no "runs" list/)
    expect(await conformance(join(dir, 'nowhere'), { goldens: [], json: false, runsOf: () => [], say: (l) => void said.push(l) })).toBe(2)
  })
})
