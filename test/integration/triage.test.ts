/**
 * Facts of triage and `agentopz triage` against a real Prometheus that holds a day whose every count is known, and against ones that are down,
 * slow, or refuse some of the questions. Needs `prometheus` and `promtool` on PATH (Debian: apt-get install prometheus).
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createPrometheus } from '../../app/prometheus.ts'
import { gatherFacts, type TriageQuestion } from '../../app/triage/facts.ts'
import type { TriageFacts } from '../../incidents/facts.ts'
import { triage } from '../../incidents/triage.ts'
import { startPrometheus } from '../support/backdated.ts'

const CLI = resolve(import.meta.dirname, '../../app/cli.ts')
const MINUTE = 60
const HOUR = 3600
const NOW = Math.floor(Date.now() / 1000 / HOUR) * HOUR
/** Two hours ago a tool began to fail and half of the runs got a new prompt. */
const BEGAN = NOW - 2 * HOUR
const FROM = BEGAN - 26 * HOUR
/** The processor restarted an hour ago: counters begin anew, and so do first-seen times. */
const RESTART = NOW - HOUR
const AGENT = 'shop "a" \\ {x}'
const QUESTION: TriageQuestion = {
  agent: AGENT,
  environment: 'prod',
  sli: 'quality',
  startedMs: (BEGAN + 20 * MINUTE) * 1000,
  nowMs: NOW * 1000,
}

let dir: string
let prometheus: { readonly url: string; readonly process: ChildProcess }
let facts: TriageFacts

/** A counter with `before` and `after` events a minute; a gauge as it is told. */
function lines(name: string, labels: string, value: (at: number) => number | undefined): string {
  const escaped = AGENT.replaceAll('\\', '\\\\').replaceAll('"', '\\"')
  const out: string[] = []
  for (let at = FROM; at <= NOW; at += MINUTE) {
    const v = value(at)
    if (v !== undefined) out.push(`${name}{agent="${escaped}",environment="prod",${labels}} ${v} ${at}`)
  }
  return out.join('\n')
}

const counting =
  (before: number, after: number) =>
  (at: number): number => {
    const minutes = (to: number): number => (Math.min(to, BEGAN) - FROM) / MINUTE
    if (at >= RESTART) return (after * (at - RESTART)) / MINUTE
    return before * minutes(at) + after * Math.max(0, (at - BEGAN) / MINUTE)
  }

const run = (prompt: string, quality: string): string =>
  `agent_version="1",prompt_version="${prompt}",model="m",tools_version="t",outcome="ok",quality="${quality}"`
const call = (outcome: string): string => `tool="search",outcome="${outcome}"`

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'agentopz-triage-'))
  const file = join(dir, 'history.om')
  const seen =
    (first: number) =>
    (at: number): number | undefined =>
      at < first ? undefined : at < RESTART ? first : RESTART
  const v2 =
    (perMinute: number) =>
    (at: number): number | undefined =>
      at < BEGAN ? undefined : counting(0, perMinute)(at)
  const families: readonly (readonly [name: string, type: string, series: readonly string[]])[] = [
    [
      'agentopz_runs_total',
      'counter',
      [
        lines('agentopz_runs_total', run('v1', 'pass'), counting(9, 4)),
        lines('agentopz_runs_total', run('v1', 'fail'), counting(1, 1)),
        lines('agentopz_runs_total', run('v1', 'unrated'), counting(2, 1)),
        lines('agentopz_runs_total', run('v2', 'pass'), v2(1)),
        lines('agentopz_runs_total', run('v2', 'fail'), v2(4)),
      ],
    ],
    [
      'agentopz_tool_calls_total',
      'counter',
      [
        lines('agentopz_tool_calls_total', call('ok'), counting(18, 10)),
        lines('agentopz_tool_calls_total', call('error'), counting(1, 8)),
        lines('agentopz_tool_calls_total', call('empty'), counting(1, 2)),
      ],
    ],
    [
      'agentopz_input_feature_total',
      'counter',
      [
        lines('agentopz_input_feature_total', 'feature="script",bucket="latin"', counting(8, 8)),
        lines('agentopz_input_feature_total', 'feature="script",bucket="thai"', counting(2, 2)),
      ],
    ],
    [
      'agentopz_model_calls_total',
      'counter',
      [lines('agentopz_model_calls_total', 'model="m",provider="p",outcome="ok",finish_reason="stop"', counting(20, 20))],
    ],
    ['agentopz_tokens_total', 'counter', [lines('agentopz_tokens_total', 'model="m",provider="p",class="output"', counting(2000, 3000))]],
    [
      'agentopz_cohort_first_seen_timestamp_seconds',
      'gauge',
      [
        lines('agentopz_cohort_first_seen_timestamp_seconds', 'dimension="prompt_version",value="v1"', seen(FROM)),
        lines('agentopz_cohort_first_seen_timestamp_seconds', 'dimension="prompt_version",value="v2"', seen(BEGAN)),
      ],
    ],
  ]
  const text = families.map(([name, type, series]) => `# TYPE ${name.replace(/_total$/, '')} ${type}\n${series.join('\n')}\n`)
  writeFileSync(file, `${text.join('')}# EOF\n`)
  mkdirSync(join(dir, 'data'))
  const made = spawnSync(
    'promtool',
    ['tsdb', 'create-blocks-from', 'openmetrics', '--max-block-duration=162h', '-q', file, join(dir, 'data')],
    {
      encoding: 'utf8',
    },
  )
  if (made.status !== 0) throw new Error(`promtool: ${made.stderr}${made.stdout}`)
  prometheus = await startPrometheus(dir)
  facts = await gatherFacts(createPrometheus(prometheus.url), QUESTION)
}, 60_000)

afterAll(() => {
  prometheus.process.kill('SIGKILL')
  rmSync(dir, { recursive: true })
})

/** Within one in fifty: a counter's first minute after a restart is not seen, and windows are cut between samples. */
function near(found: number | undefined, put: number): void {
  expect(found).toBeGreaterThan(put * 0.98 - 1e-9)
  expect(found).toBeLessThan(put * 1.02 + 1e-9)
}

describe('the facts are what was put in', () => {
  /** Minutes from the day before the alert until it began, and since. */
  const [before, after] = [24 * 60 - 20, 120]
  test('the onset is found where it is, though the alert came twenty minutes later', () => {
    expect(Math.abs(facts.splitMs / 1000 - BEGAN)).toBeLessThanOrEqual(5 * MINUTE)
    expect(facts.beforeFromMs).toBe(QUESTION.startedMs - 24 * HOUR * 1000)
  })
  test('the series: a tenth of ten a minute fails before, half of ten since', () => {
    for (const i of facts.series) {
      if (i.fromMs <= RESTART * 1000 && RESTART * 1000 <= i.toMs) continue
      expect(i.bad / i.total).toBeCloseTo(i.fromMs < BEGAN * 1000 ? 0.1 : 0.5, 1)
      near(i.total, (10 * (i.toMs - i.fromMs)) / 60_000)
    }
  })
  test('runs and rated runs by prompt version; first seen survives the restart of the processor', () => {
    const [v1, v2] = ['v1', 'v2'].map((value) => facts.cohorts.prompt_version.find((k) => k.value === value))
    near(v1!.runs.before, 12 * before)
    near(v1!.runs.after, 6 * after)
    near(v1!.events!.before.total, 10 * before)
    near(v1!.events!.before.bad, before)
    near(v1!.events!.after.bad, after)
    expect([v2!.runs.before, v2!.events!.before.total]).toEqual([0, 0])
    near(v2!.events!.after.bad, 4 * after)
    expect(v2!.firstSeenMs).toBe(BEGAN * 1000)
  })
  test('calls of the tool by outcome, inputs, answers, tokens per call', () => {
    const [search] = facts.tools
    near(search!.errors.before.total, 20 * before)
    near(search!.errors.before.bad, before)
    near(search!.errors.after.bad, 8 * after)
    near(search!.empty.after.total, 12 * after)
    expect(search!.blocked.after.bad).toBe(0)
    const [script] = facts.inputs
    expect(script!.feature).toBe('script')
    near(script!.buckets.find((b) => b.bucket === 'thai')!.after, 2 * after)
    expect(facts.answers[0]!.buckets.map((b) => b.bucket)).toEqual(['stop'])
    const [output, ...others] = facts.means
    near(output!.after.sum / output!.after.count, 150)
    // Nobody reported reasoning tokens, durations or steps: they are unknown, not 0.
    expect(others).toEqual([])
  })
  test('time that is explained is in neither window, nor in the series', async () => {
    // From the beginning until half an hour before now: what is left since is thirty minutes.
    const explained = { fromMs: BEGAN * 1000, toMs: (NOW - 30 * MINUTE) * 1000 }
    const left = await gatherFacts(createPrometheus(prometheus.url), { ...QUESTION, explained })
    expect(left.series.every((i) => i.toMs <= explained.fromMs || i.fromMs >= explained.toMs)).toBe(true)
    const v2 = left.cohorts.prompt_version.find((k) => k.value === 'v2')
    near(v2!.events!.after.bad, 4 * 30)
    near(left.tools[0]!.errors.after.total, 20 * 30)
    expect(v2!.events!.before.total).toBe(0)
    // What came within it fits the rise: it was there by the end of it.
    expect(triage(left, QUESTION.nowMs).findings[0]).toMatchObject({ verdict: 'cause', subject: 'prompt version v2' })
  })
  test('nothing is missing, and the cause is named', () => {
    expect([facts.gaps, facts.unknown]).toEqual([[], []])
    const found = triage(facts, QUESTION.nowMs)
    expect(found.findings[0]).toMatchObject({ cause: 'prompt', verdict: 'cause', confidence: 'high', subject: 'prompt version v2' })
    expect(found.findings[1]).toMatchObject({ cause: 'tools', verdict: 'cause', subject: 'tool search' })
  })
  test('the query of a finding shows its numbers, whenever it is run', async () => {
    const [first] = triage(facts, QUESTION.nowMs).findings
    const { data } = await createPrometheus(prometheus.url).instant(first!.query, NOW - 20 * HOUR)
    expect(data.find((s) => s.labels['prompt_version'] === 'v2')!.value).toBeCloseTo(0.8, 2)
    expect(data.find((s) => s.labels['prompt_version'] === 'v1')!.value).toBeCloseTo(0.2, 2)
  })
  test('of an agent that Prometheus does not know, nothing is known', async () => {
    const none = await gatherFacts(createPrometheus(prometheus.url), { ...QUESTION, agent: 'nobody' })
    expect(none.gaps).toEqual(['Prometheus has hardly any samples of quality for nobody in the day before'])
    expect(triage(none, QUESTION.nowMs)).toMatchObject({
      summary: expect.stringMatching(/^cannot tell: there are no quality counts/) as string,
    })
  })
  for (const sli of ['cost', 'steps', 'evaluation', 'refusal', 'tool_empty', 'no_tool'] as const)
    test(`asked for ${sli}, of which there are no samples, Prometheus refuses no query`, async () => {
      const { gaps } = await gatherFacts(createPrometheus(prometheus.url), { ...QUESTION, sli })
      expect(gaps.filter((g) => !g.startsWith('Prometheus has hardly any samples'))).toEqual([])
    })
})

interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

function agentopz(...args: readonly string[]): Promise<Ended> {
  return new Promise((done) => {
    const child = spawn(process.execPath, [CLI, ...args], { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] })
    let [out, err] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (t: string) => (out += t))
    child.stderr.setEncoding('utf8').on('data', (t: string) => (err += t))
    child.on('close', (code) => done({ code: code ?? -1, out, err }))
  })
}

describe('the command', () => {
  const asked = (url: string, ...more: readonly string[]): Promise<Ended> =>
    agentopz('triage', AGENT, '--environment', 'prod', '--at', new Date(QUESTION.startedMs).toISOString(), '--prometheus', url, ...more)
  test('says the cause in a sentence, the findings, and the query', async () => {
    const { code, out } = await asked(prometheus.url)
    expect(code).toBe(0)
    expect(out).toContain('quality: prompt (high confidence): prompt version v2')
    expect(out).toMatch(/CAUSE {8}tools {3}calls of search fail in/)
    expect(out).toContain('sum by (prompt_version)')
  })
  test('as JSON it is the triage that an incident keeps', async () => {
    const { out } = await asked(prometheus.url, '--json')
    expect(JSON.parse(out)).toMatchObject({
      sli: 'quality',
      findings: expect.arrayContaining([expect.objectContaining({ cause: 'prompt' })]) as unknown,
    })
  })
  for (const [name, args, message] of [
    [
      'another environment',
      [AGENT],
      /^agentopz: there are no runs of shop "a" .* in environment "" since 20.*Z, but there are in prod; write --environment prod\n$/,
    ],
    ['a mistyped agent', ['shop "a" {y}', '--environment', 'prod'], /in environment prod since .*, nor in another; did you mean shop "a" /],
    ['an agent like none', ['zzz'], /nor in another; there are runs of shop "a" /],
  ] as const)
    test(`${name}: exit 1, and says where there are runs`, async () => {
      const { code, err, out } = await agentopz('triage', ...args, '--prometheus', prometheus.url)
      expect([code, out]).toEqual([1, ''])
      expect(err).toMatch(message)
    })
  for (const [name, args, message] of [
    ['an SLI that is none', ['--sli', 'qualty'], 'there is no SLI "qualty"; write quality'],
    ['a time that is none', ['--at', 'yesterday'], '--at "yesterday" is no time in the past; write one like 20'],
  ] as const)
    test(`${name}: exit 2`, async () => {
      const { code, err, out } = await agentopz('triage', AGENT, ...args)
      expect([code, out]).toEqual([2, ''])
      expect(err).toContain(message)
    })
})

describe('a Prometheus that does not answer as it should', () => {
  let server: Server | undefined
  let asked = 0
  afterEach(() => {
    server?.closeAllConnections()
    server?.close()
    asked = 0
  })
  async function fake(answer: RequestListener): Promise<string> {
    const started = createServer((request, response) => {
      asked++
      answer(request, response)
    })
    server = started
    await new Promise<void>((done) => started.listen(0, '127.0.0.1', done))
    return `http://127.0.0.1:${(started.address() as AddressInfo).port}`
  }
  test('down: one error that says what to do', async () => {
    const url = await fake(() => undefined)
    server?.close()
    await expect(gatherFacts(createPrometheus(url), QUESTION)).rejects.toMatchObject({ kind: 'unreachable' })
    const { code, err } = await agentopz('triage', AGENT, '--prometheus', url)
    expect(code).toBe(1)
    expect(err).toMatch(/^agentopz: Cannot reach Prometheus at .* Is it running there\?/)
  })
  test('slow: the first silence ends it', async () => {
    const url = await fake(() => undefined)
    await expect(gatherFacts(createPrometheus(url, { timeoutMs: 100 }), QUESTION)).rejects.toMatchObject({ kind: 'timeout' })
    expect(asked).toBe(1)
  })
  /** The real one, but queries that match are answered by `instead`. */
  const beside = (matches: RegExp, instead: (response: Parameters<RequestListener>[1]) => void): RequestListener => {
    return (request, response) => {
      let body = ''
      request.on('data', (part: Buffer) => (body += part.toString()))
      request.on('end', () => {
        if (matches.test(new URLSearchParams(body).get('query') ?? '')) return instead(response)
        void fetch(`${prometheus.url}${request.url ?? ''}`, {
          method: 'POST',
          body,
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
        }).then(async (r) => response.writeHead(r.status, { 'content-type': 'application/json' }).end(await r.text()))
      })
    }
  }
  test('refusing the questions about tools: a gap, nothing concluded about tools, the rest stands', async () => {
    const url = await fake(
      beside(/tool_calls/, (r) =>
        r
          .writeHead(422, { 'content-type': 'application/json' })
          .end(JSON.stringify({ status: 'error', errorType: 'execution', error: 'too many samples' })),
      ),
    )
    const found = await gatherFacts(createPrometheus(url), QUESTION)
    expect(found.unknown).toEqual(['tools'])
    expect(found.gaps).toEqual([expect.stringContaining('too many samples')])
    const { findings } = triage(found, QUESTION.nowMs)
    expect(findings[0]).toMatchObject({ cause: 'prompt', verdict: 'cause', confidence: 'high' })
    expect(findings.find((f) => f.subject === 'tool calls')).toMatchObject({
      verdict: 'cannot_tell',
      text: expect.stringContaining('did not tell') as string,
    })
  })
  test('answering in part: the warning is a gap, once', async () => {
    const warned = JSON.stringify({ status: 'success', data: { resultType: 'vector', result: [] }, warnings: ['store 10.0.0.7 is down'] })
    const url = await fake(beside(/input_feature/, (r) => r.writeHead(200, { 'content-type': 'application/json' }).end(warned)))
    const found = await gatherFacts(createPrometheus(url), QUESTION)
    expect(found.gaps).toEqual(['part of the data may be missing: store 10.0.0.7 is down'])
  })
})
