/**
 * `agentopz baseline` against a real Prometheus that holds 14 days which were put in and are known, and against ones that are down, slow,
 * broken or something else. Needs `prometheus` and `promtool` on PATH (Debian: apt-get install prometheus) and `patch`.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { durations } from '../../alert-rules/promql.ts'
import { sliGroups } from '../../alert-rules/recording-sli.ts'
import { distance } from '../../model/statistics.ts'
import { createPrometheus, PrometheusError, quoted, select } from '../../app/prometheus.ts'
import { startPrometheus, type Truth, writeHistory } from '../support/backdated.ts'

const CLI = resolve(import.meta.dirname, '../../app/cli.ts')
const HOUR = 3600
const DAY = 24 * HOUR
const END = Math.floor(Date.now() / 1000 / HOUR) * HOUR
const FROM = END - 14 * DAY
/** Three hours in which most rated runs of the busy agent fail. */
const BAD = { from: FROM + 9 * DAY + 14 * HOUR, to: FROM + 9 * DAY + 17 * HOUR }
const HOSTILE = 'quiet "q" \\ {x}: #1'

interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

let dir: string
let cwd: string

function agentopz(...args: readonly string[]): Promise<Ended> {
  return new Promise((done) => {
    const child = spawn(process.execPath, [CLI, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    let [out, err] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (t: string) => (out += t))
    child.stderr.setEncoding('utf8').on('data', (t: string) => (err += t))
    child.on('close', (code) => done({ code: code ?? -1, out, err }))
  })
}

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'agentopz-baseline-'))
})
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'agentopz-baseline-cwd-'))
})
afterEach(() => rmSync(join(cwd, 'agentopz.yaml'), { force: true }))
afterAll(() => {
  rmSync(dir, { recursive: true })
  rmSync(cwd, { recursive: true })
})

interface Page {
  readonly from: string
  readonly to: string
}
interface IndicatorJson {
  readonly sli: string
  readonly of?: string
  readonly bad_share: number
  readonly events: number
  readonly would_have_paged: readonly Page[]
  readonly left_out: readonly Page[]
  readonly false_pages_per_week: number
  readonly smallest_detectable: Readonly<Record<'30m' | '2h' | '1d', { readonly nine_in_ten: number | null }>>
}
interface AgentJson {
  readonly agent: string
  readonly environment: string
  readonly runs: number
  readonly quality: (IndicatorJson & { readonly pass_share: number }) | null
  readonly sizes: Readonly<
    Record<
      'cost' | 'steps' | 'duration',
      IndicatorJson & { readonly mean: number; readonly p99: { readonly value: number; readonly between: readonly [number, number] } }
    >
  >
  readonly others: readonly IndicatorJson[]
  readonly volume: { readonly by_hour_of_week: readonly number[] }
  readonly proposals: readonly {
    readonly section: string
    readonly values: Readonly<Record<string, number | string>>
    readonly because: readonly string[]
  }[]
  readonly notes: readonly string[]
}
interface Answer {
  readonly ok: boolean
  readonly error?: string
  readonly agents: readonly AgentJson[]
  readonly diff: string
  readonly notes: readonly string[]
  readonly written: boolean
}

describe('14 days of three agents', () => {
  let prometheus: { readonly url: string; readonly process: ChildProcess }
  let truths: ReadonlyMap<string, Truth>

  beforeAll(async () => {
    // By time since the start and not of the day, so that every run of the test puts the same in.
    const day = (t: number): number => 1 + 0.3 * Math.sin((2 * Math.PI * ((t - FROM) % DAY)) / DAY)
    const isBad = (t: number): boolean => t > BAD.from && t <= BAD.to
    const sketch = { environment: 'production', toolFailing: 0, costUsd: 0.3, durationSeconds: 60, meanSteps: 9, rated: 1 }
    const agents = [
      {
        ...sketch,
        agent: 'busy',
        rate: (t: number) => 60 * day(t),
        rated: 0.5,
        failing: (t: number) => (isBad(t) ? 0.6 : 0.05),
        toolFailing: 0.02,
        groundednessFailing: 0.1,
        refusing: 0.01,
        costUsd: 0.03,
        durationSeconds: 12,
        meanSteps: 5,
      },
      { ...sketch, agent: HOSTILE, rate: () => 5, failing: () => 0.08 },
      { ...sketch, agent: 'three-runs', environment: '', rate: (t: number) => (t > END - 2 * HOUR ? 1.5 : 0), failing: () => 0 },
    ]
    truths = writeHistory(dir, agents, FROM, END, 7)
    prometheus = await startPrometheus(dir)
  }, 120_000)
  afterAll(() => prometheus.process.kill('SIGKILL'))

  const baseline = (...args: readonly string[]): Promise<Ended> => agentopz('baseline', '--prometheus', prometheus.url, ...args)
  const json = async (...args: readonly string[]): Promise<Answer> => JSON.parse((await baseline('--json', ...args)).out) as Answer
  const of = (answer: Answer, agent: string): AgentJson => answer.agents.find((a) => a.agent === agent)!
  const isIn = (p: Page, from: number, to: number): boolean => Date.parse(p.from) / 1000 < to && Date.parse(p.to) / 1000 > from

  /** What was put in, the bad window aside. */
  function usual(agent: string): {
    readonly rated: number
    readonly failed: number
    readonly costs: readonly number[]
    readonly steps: readonly number[]
    readonly durations: readonly number[]
  } {
    const runs = truths.get(agent)!.runs.filter((r) => r.at <= BAD.from || r.at > BAD.to)
    const sorted = (values: readonly number[]): readonly number[] => [...values].sort((a, b) => a - b)
    return {
      rated: runs.filter((r) => r.verdict !== 'unrated').length,
      failed: runs.filter((r) => r.verdict === 'fail').length,
      costs: sorted(runs.map((r) => r.cost)),
      steps: sorted(runs.map((r) => r.steps)),
      durations: sorted(runs.map((r) => r.duration)),
    }
  }
  const mean = (values: readonly number[]): number => values.reduce((s, v) => s + v, 0) / values.length
  const p99 = (values: readonly number[]): number => values[Math.ceil(values.length * 0.99) - 1]!

  test('measures what was put in', async () => {
    const answer = await json()
    expect(answer.agents.map((a) => a.agent)).toEqual(['busy', HOSTILE, 'three-runs'])
    for (const name of ['busy', HOSTILE]) {
      const a = of(answer, name)
      const put = usual(name)
      expect(a.runs / truths.get(name)!.runs.length).toBeCloseTo(1, 1.3)
      expect(Math.abs(a.quality!.bad_share - put.failed / put.rated)).toBeLessThan(0.008)
      for (const [size, values] of [
        ['cost', put.costs],
        ['steps', put.steps],
        ['duration', put.durations],
      ] as const) {
        expect(Math.abs(a.sizes[size].mean / mean(values) - 1)).toBeLessThan(0.03)
        const { between, value } = a.sizes[size].p99
        expect([between[0] < p99(values), p99(values) <= between[1]]).toEqual([true, true])
        expect([between[0] <= value, value <= between[1]]).toEqual([true, true])
      }
    }
    const tool = of(answer, 'busy').others.find((i) => i.sli === 'tool_error')!
    const put = truths.get('busy')!
    expect(tool.of).toBe('search')
    expect(Math.abs(tool.bad_share - put.toolErrors / put.toolCalls)).toBeLessThan(0.004)
    const share = (sli: string): number => of(answer, 'busy').others.find((i) => i.sli === sli)!.bad_share
    expect(of(answer, 'busy').others.find((i) => i.sli === 'evaluation')!.of).toBe('groundedness')
    expect(Math.abs(share('evaluation') - put.groundednessFailed / put.runs.length)).toBeLessThan(0.008)
    expect(Math.abs(share('refusal') - put.refused / put.runs.length)).toBeLessThan(0.003)
    // Volume: the day's swing that was put in, at its top and bottom.
    const hours = of(answer, 'busy').volume.by_hour_of_week
    const first = (FROM / HOUR) % 24
    const at = (hour: number): number => mean([0, 1, 2, 3, 4, 5, 6].map((d) => hours[d * 24 + ((first + hour) % 24)]!))
    expect(Math.abs(at(6) / 78 - 1)).toBeLessThan(0.1)
    expect(Math.abs(at(18) / 42 - 1)).toBeLessThan(0.12)
  })

  test('the bad window is listed as one that would have paged, is left out of the normal, and hardly anything else is', async () => {
    const answer = await json()
    const busy = of(answer, 'busy').quality!
    expect(busy.would_have_paged).toHaveLength(1)
    const [page] = busy.would_have_paged
    expect(Date.parse(page!.from) / 1000).toBeGreaterThan(BAD.from)
    expect(Date.parse(page!.from) / 1000).toBeLessThan(BAD.from + HOUR)
    expect(busy.left_out.some((i) => isIn(i, BAD.from, BAD.to))).toBe(true)
    expect(of(answer, HOSTILE).quality!.would_have_paged).toEqual([])
    // Twenty indicators over two weeks: one page by chance is within what the bound on false pages says, two are not.
    const others = answer.agents.flatMap((a) => [...a.others, ...Object.values(a.sizes)].flatMap((i) => i.would_have_paged))
    expect(others.length).toBeLessThanOrEqual(1)
    for (const a of answer.agents) for (const i of a.others) expect(i.false_pages_per_week).toBeLessThan(0.2)
  })

  test('proposes what the agents meet, and nothing of three runs', async () => {
    const answer = await json()
    for (const name of ['busy', HOSTILE]) {
      const values = Object.fromEntries(of(answer, name).proposals.map((p) => [p.section, p.values]))
      const put = usual(name)
      const passed = 1 - put.failed / put.rated
      expect(values['quality']!['target']).toBeLessThan(passed)
      expect(values['quality']!['target']).toBeGreaterThan(passed - 0.03)
      for (const [section, sizes] of [
        ['cost_usd', put.costs],
        ['steps', put.steps],
        ['duration_seconds', put.durations],
      ] as const) {
        const limit = Number(values[section]!['per_run'])
        expect(sizes.filter((v) => v <= limit).length / sizes.length).toBeGreaterThanOrEqual(0.99)
        expect(limit).toBeLessThan(4 * p99(sizes))
        expect(values[section]!['target']).toBe(0.99)
      }
      expect(values['expect_runs']!['every']).toMatch(/^\d+[mhd]$/)
    }
    const three = of(answer, 'three-runs')
    expect(three.proposals).toEqual([])
    expect(three.notes.join()).toContain('too little history for objectives')
    // A quiet agent's drop takes longer, and the busy one's is found sooner.
    const found = (name: string): number => of(answer, name).quality!.smallest_detectable['1d'].nine_in_ten!
    expect(found(HOSTILE)).toBeGreaterThan(found('busy'))
  })

  test('shows a diff that applies and that check-config accepts; writes only when told to; then has nothing to add', async () => {
    const file = join(cwd, 'agentopz.yaml')
    const before = `# ours\nagents:\n  busy:   # pays the bills\n    team: shop\n    quality: { target: 0.5 }\nlisten: 127.0.0.1:9464\n`
    writeFileSync(file, before)
    const shown = await baseline()
    expect(shown.code).toBe(0)
    expect(shown.err).toContain('measuring busy in production (1 of 3)')
    expect(shown.err).toContain('--write puts this into agentopz.yaml')
    expect(shown.out).toContain('busy: quality is set by hand (target 0.5) and kept')
    expect(readFileSync(file, 'utf8')).toBe(before)

    copyFileSync(file, join(cwd, 'patched.yaml'))
    const patched = spawnSync('patch', [join(cwd, 'patched.yaml')], { input: shown.out, encoding: 'utf8' })
    expect(patched.stderr + patched.stdout).toMatch(/^patching file/)
    expect((await agentopz('check-config', 'patched.yaml')).code).toBe(0)

    const wrote = await baseline('--write')
    expect([wrote.code, readFileSync(file, 'utf8')]).toEqual([0, readFileSync(join(cwd, 'patched.yaml'), 'utf8')])
    expect(readFileSync(file, 'utf8')).toContain('  busy:   # pays the bills\n')
    expect(readFileSync(file, 'utf8')).not.toContain('three-runs')
    expect((await baseline('--write')).out).toContain('Nothing to change in agentopz.yaml.')
    const replaced = await json('--replace', '--agent', 'busy')
    expect(replaced.diff).toContain('-    quality: { target: 0.5 }')
  })

  test('distances are those of the shipped recording rule, as Prometheus computes it', async () => {
    const rules = sliGroups(durations()).flatMap((g) => g.rules)
    const zscore = rules.find((r) => 'record' in r && r.record === 'agent_sli:bad_ratio:zscore1h')!
    const client = createPrometheus(prometheus.url)
    for (const [share, n, normalShare, events, dispersion] of [
      [0.25, 20, 0.008, 3000, 1],
      [0, 60, 0.1, 800, 1.7],
      [1, 6, 0.05, 10_000, 1],
      [0.5, 7.3, 0.45, 200, 2.2],
    ] as const) {
      const of: Readonly<Record<string, number>> = {
        'agent_sli:bad_ratio:1h': share,
        'agent_sli:bad_ratio:baseline': normalShare,
        'agent_sli:total:increase1h': n,
        'agent_sli:total:baseline': events,
        'agent_sli:dispersion1h:baseline': dispersion,
      }
      const query = zscore.expr.replaceAll(/agent_sli:\w+:\w+/g, (name) => `vector(${of[name]})`)
      const [found] = (await client.instant(query, END)).data
      expect(found!.value).toBeCloseTo(distance(share, n, { share: normalShare, events }, dispersion), 4)
    }
  })

  test('agents and environments can be chosen, and names that are not there are told', async () => {
    expect((await json('--agent', HOSTILE)).agents.map((a) => a.agent)).toEqual([HOSTILE])
    expect((await json('--environment', 'production')).agents).toHaveLength(2)
    const missing = await baseline('--agent', 'bussy')
    expect([missing.code, missing.err]).toEqual([1, expect.stringContaining('No run of bussy in the last 14d. There are runs of: busy, ')])
    expect((await baseline('--environment', 'staging')).err).toContain('holds no run of any agent in environment staging')
  })
})

describe('what is not asked properly', () => {
  for (const [name, args, message] of [
    ['a time that is none', ['--since', 'yesterday'], '--since "yesterday" is no time; write something like 14d'],
    ['a time too long', ['--since', '5y'], '--since "5y" is no time'],
    ['a time too short', ['--since', '5m'], 'is not between 1h and 92d'],
    [
      'an address that is none',
      ['--prometheus', 'localhost:9090'],
      '--prometheus "localhost:9090" is no URL; write something like http://127.0.0.1:9090',
    ],
    ['a file that is not there', ['-c', 'missing.yaml'], 'missing.yaml: there is no such file; name one'],
  ] as const) {
    test(`${name}: exit 2`, async () => {
      const { code, err, out } = await agentopz('baseline', ...args)
      expect([code, out]).toEqual([2, ''])
      expect(err).toContain(message)
    })
  }
})

describe('Prometheus that does not answer as it should', () => {
  let server: Server | undefined
  afterEach(() => {
    server?.closeAllConnections()
    server?.close()
    server = undefined
  })
  async function fake(answer: RequestListener): Promise<string> {
    const started = createServer(answer)
    server = started
    await new Promise<void>((done) => started.listen(0, '127.0.0.1', done))
    return `http://127.0.0.1:${(started.address() as AddressInfo).port}`
  }
  const sends =
    (status: number, body: string, type = 'application/json'): RequestListener =>
    (_, r) =>
      void r.writeHead(status, { 'content-type': type }).end(body)
  const success = (data: unknown, more: object = {}): string => JSON.stringify({ status: 'success', data, ...more })

  /** A Prometheus of one agent whose range queries come with warnings. */
  const partial: RequestListener = (request, r) => {
    const found = [{ __name__: 'agentopz_runs_total', agent: 'a', environment: '' }]
    const body =
      request.url === '/api/v1/series'
        ? success(found)
        : success({ resultType: 'matrix', result: [] }, { warnings: ['store \u001b[31m10.0.0.7 is down'] })
    r.end(body)
  }

  /** A Prometheus that scrapes since this hour began, with runs of an agent or without. */
  const since =
    (hasRuns: boolean): RequestListener =>
    (request, r) => {
      let body = ''
      request.on('data', (part: Buffer) => (body += part.toString()))
      request.on('end', () => {
        const asked = new URLSearchParams(body)
        const isNow = Number(asked.get('end')) * 1000 > Date.now()
        const isRuns = asked.get('match[]')?.startsWith('agentopz_runs_total') === true
        r.end(success(isNow && (hasRuns || !isRuns) ? [{ agent: 'a', environment: '' }] : []))
      })
    }
  const cases: readonly { readonly name: string; readonly answer: RequestListener; readonly says: readonly string[] }[] = [
    { name: 'slow', answer: () => undefined, says: ['did not answer within 0.3 s', 'a longer --timeout or a shorter time'] },
    { name: 'slow in the middle of an answer', answer: (_, r) => void r.write('{"status":'), says: ['did not answer within 0.3 s'] },
    { name: 'partial', answer: partial, says: ['part of the data may be missing: "store [31m10.0.0.7 is down"', 'run this again'] },
    {
      name: 'unavailable',
      answer: sends(503, 'Service Unavailable', 'text/plain'),
      says: ['answers 503: Service Unavailable', 'try again later'],
    },
    {
      name: 'a login page',
      answer: sends(200, '<!doctype html><title>Sign in</title>', 'text/html'),
      says: ['with HTML, not with Prometheus', 'a proxy or login page'],
    },
    { name: 'wanting credentials', answer: sends(401, 'no', 'text/plain'), says: ['it wants credentials', 'http://user:password@host'] },
    { name: 'half an answer', answer: sends(200, '{"status":"succ'), says: ['not with Prometheus'] },
    {
      name: 'JSON of something else',
      answer: sends(200, '{"status":"success","data":{"hello":1}}'),
      says: ['not in the shape of /api/v1/series'],
    },
    {
      name: 'refusing the query',
      answer: sends(
        422,
        JSON.stringify({ status: 'error', errorType: 'execution', error: 'query processing would load too many samples' }),
      ),
      says: ['(422): query processing would load too many samples', 'one agent at a time'],
    },
    {
      name: 'of which the first full hour is not over',
      answer: since(true),
      says: ['holds runs only since ', ':00 UTC, and whole hours are measured; ask again after '],
    },
    { name: 'scraping since this hour, without a run', answer: since(false), says: ['scrapes agentopz, but holds no run of any agent'] },
    {
      name: 'without metrics of agentopz',
      answer: sends(200, success([])),
      says: ['holds no metrics of agentopz in the last 14d', 'scrape_configs'],
    },
  ]
  for (const c of cases) {
    test(`${c.name}: a sentence with what to do, exit 1, nothing written`, async () => {
      const { code, out, err } = await agentopz('baseline', '--write', '--timeout', '0.3', '--prometheus', await fake(c.answer))
      for (const words of c.says) expect(err).toContain(words)
      // oxlint-disable-next-line no-control-regex -- what must not reach a terminal
      expect(err).not.toMatch(/[\u0000-\u0009\u001b]|node:|    at /)
      expect([code, out, existsSync(join(cwd, 'agentopz.yaml'))]).toEqual([1, '', false])
    })
  }
  test('down: the same, also as JSON', async () => {
    const url = await fake(() => undefined)
    server?.close()
    const { code, out, err } = await agentopz('baseline', '--write', '--json', '--prometheus', url)
    expect([code, err]).toEqual([1, ''])
    const answer = JSON.parse(out) as Answer
    expect([answer.ok, answer.error]).toEqual([false, expect.stringContaining('the connection was refused. Is it running there?')])
  })
  test('credentials in the URL are sent and never shown', async () => {
    const seen: unknown[] = []
    const url = (await fake((request, r) => void (seen.push(request.headers.authorization), r.writeHead(503).end()))).replace(
      '//',
      '//me:s%3Acret@',
    )
    const { err } = await agentopz('baseline', '--prometheus', url)
    expect(seen).toEqual([`Basic ${Buffer.from('me:s:cret').toString('base64')}`])
    expect(err).not.toContain('cret')
  })
  test('an answer without end is cut off', async () => {
    const url = await fake((_, r) => void setInterval(() => r.write('x'.repeat(10_000)), 1).unref())
    await expect(createPrometheus(url, { maxBytes: 100_000 }).instant('up', 0)).rejects.toMatchObject({ kind: 'too-large' })
  })
  test('advice on a query is no missing data', async () => {
    const url = await fake(
      sends(
        200,
        success(
          { resultType: 'vector', result: [{ metric: { a: 'b' }, value: [1, 'NaN'] }] },
          { warnings: ['PromQL info: metric might not be a counter'] },
        ),
      ),
    )
    expect(await createPrometheus(url).instant('up', 0)).toEqual({ data: [{ labels: { a: 'b' }, value: NaN }], warnings: [] })
  })
  test('long ranges are asked for in pieces and joined', async () => {
    const asked: string[] = []
    const url = await fake((request, r) => {
      let body = ''
      request.on('data', (d: Buffer) => (body += d.toString()))
      request.on('end', () => {
        const p = new URLSearchParams(body)
        asked.push(`${p.get('start')}-${p.get('end')}`)
        r.end(success({ resultType: 'matrix', result: [{ metric: { b: '1', a: '2' }, values: [[Number(p.get('start')), '1']] }] }))
      })
    })
    const { data } = await createPrometheus(url).range('up', { startSeconds: 0, endSeconds: 20_160, stepSeconds: 10 })
    expect(asked).toEqual(['0-10070', '10080-20150', '20160-20160'])
    expect(data).toEqual([
      {
        labels: { b: '1', a: '2' },
        points: [
          [0, 1],
          [10_080, 1],
          [20_160, 1],
        ],
      },
    ])
  })
  test('a name cannot leave its quotes', () => {
    expect(select('agentopz_runs_total', { agent: 'a"} or up{x="\n\\', environment: undefined })).toBe(
      'agentopz_runs_total{agent="a\\"} or up{x=\\"\\n\\\\"}',
    )
    expect(quoted('π🙂\u2028')).toBe('"π🙂\u2028"')
    expect(new PrometheusError('query', 'x').kind).toBe('query')
  })
})
