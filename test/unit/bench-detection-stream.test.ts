/**
 * Recorded spans through the data path with time compressed: order of arrival, times moved apart, the same runs as live, what is said of a
 * change. What the rules make of it needs Prometheus and is the harness's own business.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { deriveRuns } from '../../app/runs-of.ts'
import { UsageError } from '../../bench/detection/parameters-input.ts'
import { readArrivals } from '../../bench/detection/stream/arrivals.ts'
import { readStreamOptions } from '../../bench/detection/stream/index.ts'
import { runStream } from '../../bench/detection/stream/run-stream.ts'
import { outcomesOf, streamText } from '../../bench/detection/stream/stream-report.ts'

const CAPTURES = join(import.meta.dirname, '../fixtures/captures')
const dir = mkdtempSync(join(tmpdir(), 'agentopz-stream-test-'))
afterAll(() => rmSync(dir, { recursive: true }))

const START = Date.UTC(2026, 10, 2) / 1000
const nanos = (seconds: number): string => `${Math.round(seconds * 1000)}000000`
const text = (key: string, value: string) => ({ key, value: { stringValue: value } })

const stopped = { key: 'gen_ai.response.finish_reasons', value: { arrayValue: { values: [{ stringValue: 'stop' }] } } }

/** One trace: an agent, and a model call that ends `chatSeconds` in. */
function trace(n: number, at: number, chatSeconds = 5): string {
  const traceId = n.toString(16).padStart(32, '0')
  const span = (id: number, parent: number, from: number, to: number, attributes: object[]) => ({
    traceId,
    spanId: (n * 16 + id).toString(16).padStart(16, '0'),
    ...(parent > 0 ? { parentSpanId: (n * 16 + parent).toString(16).padStart(16, '0') } : {}),
    startTimeUnixNano: nanos(from),
    endTimeUnixNano: nanos(to),
    attributes,
  })
  const spans = [
    span(1, 0, at, at + chatSeconds + 1, [text('gen_ai.operation.name', 'invoke_agent'), text('gen_ai.agent.name', 'shop')]),
    span(2, 1, at, at + chatSeconds, [text('gen_ai.operation.name', 'chat'), text('gen_ai.request.model', 'm'), stopped]),
  ]
  return JSON.stringify({ resourceSpans: [{ resource: { attributes: [] }, scopeSpans: [{ scope: { name: 'x' }, spans }] }] })
}
function file(name: string, lines: readonly string[]): string {
  const path = join(dir, name)
  writeFileSync(path, `${lines.join('\n')}\n`)
  return path
}

/** Last character of a request's trace id. */
function lastOf(body: string): string | undefined {
  return /"traceId":"[0-9a-f]{31}([0-9a-f])"/.exec(body)?.[1]
}

describe('arrivals', () => {
  test('come when spans end, in order, whatever the order of the file', async () => {
    const path = file('order.jsonl', [trace(1, START + 3600), trace(2, START), trace(3, START + 60, 130)])
    const { items, changeMs } = await readArrivals([path], { changeAt: '2026-11-02T01:00:00Z', spreadMs: undefined })
    expect(items.map((i) => i.atMs / 1000 - START)).toEqual([6, 191, 3606])
    expect(changeMs / 1000).toBe(START + 3600)
  })
  test('a span that ended minutes before its root comes before it', async () => {
    const path = file('long.jsonl', [trace(1, START, 119), trace(2, START + 7200)])
    const { items } = await readArrivals([path], { changeAt: String(START), spreadMs: undefined })
    expect(items.map((i) => i.atMs / 1000 - START)).toEqual([119, 120, 7206])
    expect(items[0]?.body).not.toContain('invoke_agent')
  })
  test('of one moment need times of their own', async () => {
    const path = file('moment.jsonl', [trace(1, START + 2), trace(2, START), trace(3, START + 1)])
    await expect(readArrivals([path], { changeAt: 'trace:2', spreadMs: undefined })).rejects.toThrow(
      'all 3 traces begin within 2 s, so there are no rates to compare; add --spread 1m',
    )
    const byFile = await readArrivals([path], { changeAt: 'trace:2', spreadMs: 60_000 })
    expect(byFile.items.map((i) => lastOf(i.body))).toEqual(['1', '2', '3'])
    expect(byFile.items.map((i) => i.atMs / 1000 - START)).toEqual([6, 66, 126])
    expect(byFile.changeMs / 1000 - START).toBe(60)
    const byTime = await readArrivals([path], { changeAt: String(START + 1), spreadMs: 60_000 })
    expect(byTime.items.map((i) => lastOf(i.body))).toEqual(['2', '3', '1'])
    expect(byTime.changeMs / 1000 - START).toBe(60)
  })
  const mistakes: readonly (readonly [string, string])[] = [
    ['soon', '--change-at: "soon" is no time; write 2026-11-20T12:00:00Z, Unix seconds, or trace:120'],
    ['trace:9', '--change-at trace:9: there are 3 traces, counted from 1'],
    ['2027-01-01', '--change-at 2027-01-01: no trace begins then or later; the last begins 2026-11-02T00:00:02.000Z'],
  ]
  for (const [changeAt, message] of mistakes)
    test(message, async () => {
      const path = file('mistake.jsonl', [trace(1, START), trace(2, START + 1), trace(3, START + 2)])
      await expect(readArrivals([path], { changeAt, spreadMs: 60_000 })).rejects.toThrow(new UsageError(message))
    })
})

describe('the data path with time compressed', () => {
  for (const capture of readdirSync(CAPTURES)
    .filter((f) => f.endsWith('.traces.jsonl'))
    .slice(0, 12))
    test(`makes the runs of ${capture}`, async () => {
      const path = join(CAPTURES, capture)
      const lines = readFileSync(path, 'utf8')
        .split('\n')
        .filter((l) => l.trim() !== '')
      const expected = deriveRuns(lines.map((l) => ({ signal: 'traces', text: l }))).runs
      const { items } = await readArrivals([path], { changeAt: 'trace:1', spreadMs: 1 })
      const { runs, refused } = await runStream(items, join(dir, capture), 60)
      expect(refused).toBe(0)
      expect(runs.map((r) => r.agent).toSorted()).toEqual(expected.map((r) => r.agent).toSorted())
    })
  test('closes runs in their own minute and shows them from then on', async () => {
    const { items } = await readArrivals([file('two.jsonl', [trace(1, START + 30), trace(2, START + 900)])], {
      changeAt: String(START),
      spreadMs: undefined,
    })
    const { files, runs } = await runStream(items, join(dir, 'two'), 60)
    expect(runs.map((r) => r.closedMs / 1000 - START)).toEqual([60, 960])
    const counted = readFileSync(files[0]!, 'utf8')
      .split('\n')
      .filter((l) => l.startsWith('agentopz_runs_total{') && l.includes('outcome="ok",quality="pass"'))
      .map((l) => l.split(' ').slice(-2).map(Number))
    expect(counted.filter(([n], i) => n !== counted[i - 1]?.[0]).map(([n, at]) => [n, at! - START])).toEqual([
      [1, 60],
      [2, 960],
    ])
  })
})

describe('what is said of a change', () => {
  const labels = { agent: 'shop', environment: '' }
  const fired = (name: string, start: number, more = {}) => ({ name, labels: { ...labels, ...more }, start, end: start + 600 })
  const runs = Array.from({ length: 10 }, (_, i) => ({ agent: 'shop', environment: '', closedMs: i * 600_000 }))
  const times = { changeSeconds: 3000, lastArrivalSeconds: 6000 }
  test('false before, minutes and runs after, nothing because the recording ends', () => {
    const [outcome] = outcomesOf(
      [
        fired('AgentCostShift', 600),
        fired('AgentToolFailing', 3720, { sli: 'tool_error', tool: 't', family: 'tools' }),
        fired('AgentSilent', 6001),
      ],
      runs,
      times,
      new Map(),
    )
    expect(outcome).toMatchObject({ runsBefore: 5, runsAfter: 5, falsePages: 1, before: [{ alert: 'AgentCostShift' }] })
    expect(outcome?.after).toMatchObject([{ alert: 'AgentToolFailing', minutes: 12, runs: 2, labels: { sli: 'tool_error', tool: 't' } }])
    const said = streamText([outcome!], times)
    expect(said).toContain('first page: AgentToolFailing{sli="tool_error",tool="t"} after 12 min and 2 runs')
    expect(said).toContain('first ticket: none')
    expect(said).toContain('nothing could be compared')
  })
})

describe('options', () => {
  test('say what to type', () => {
    expect(() => readStreamOptions(['--stream'])).toThrow('--stream: no files; write --stream spans.jsonl')
    expect(() => readStreamOptions(['--stream', 'a'])).toThrow('--change-at is missing')
    expect(() => readStreamOptions(['--stream', 'a', '--change-at', 'trace:1', '--spread', 'soon'])).toThrow(
      '--spread: "soon" is no duration; write 1m',
    )
    expect(readStreamOptions(['--stream', 'a', 'b', '--change-at', 'trace:1', '--spread', '90s'])).toMatchObject({
      files: ['a', 'b'],
      spreadMs: 90_000,
    })
  })
})
