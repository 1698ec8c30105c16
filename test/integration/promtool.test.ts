/**
 * What we expose, read by the real thing: promtool's linter, and a Prometheus that scrapes both formats and answers queries.
 * Needs `prometheus` and `promtool` on PATH (Debian: apt-get install prometheus).
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { METRICS, type MetricDefinition } from '../../model/metrics.ts'
import { STANDARD_METRICS } from '../../model/metrics-standard.ts'
import { createMetrics, type Metrics } from '../../processor/metrics.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const HOSTILE = ['"', '\\', '\n', '\u0000', '}', '{le="1"}', '# EOF', '\ud800', 'π🙂', '\\n', '\u2028', 'x'.repeat(10_000)]

/** A sample of every metric of the catalogue, and label values that try to break out. */
function everything(now: number): Metrics {
  const m = createMetrics({ standardNames: true, processMetrics: true, version: '0.0.0' })
  for (const [name, d] of Object.entries<MetricDefinition>({ ...METRICS, ...STANDARD_METRICS })) {
    for (const value of ['plain', ...HOSTILE]) record(m, name, Object.fromEntries(d.labels.map((l) => [l, value])), now)
  }
  return m
}

/** The catalogue's types tie names to labels; here they come from the catalogue itself. */
function record(m: Metrics, name: string, labels: Record<string, string>, now: number): void {
  const type = ({ ...METRICS, ...STANDARD_METRICS } as Record<string, MetricDefinition>)[name]?.type
  if (type === 'counter') m.add(name as 'agentopz_late_spans_total', labels as never, 3, now, TRACE)
  else if (type === 'gauge') m.set(name as 'agentopz_open_runs', labels as never, 2, now)
  else m.observe(name as 'agentopz_run_steps', labels as never, { value: 1, weight: 3, traceId: TRACE }, now)
}

test('promtool has no complaint about any metric, whatever the label values', async () => {
  const { body } = await everything(Date.now()).expose(undefined, Date.now())
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: body, encoding: 'utf8' })
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' })
  for (const name of [...Object.keys(METRICS), ...Object.keys(STANDARD_METRICS)]) expect(body).toContain(`# TYPE ${name} `)
})

describe('Prometheus', () => {
  const start = Date.now()
  const metrics = everything(start)
  const accepted: string[] = []
  let exposer: Server
  let prometheus: ChildProcess
  let dir: string
  let url: string

  beforeAll(async () => {
    // Prometheus asks for OpenMetrics; a path of its own serves the plain text.
    exposer = createServer((request, response) => {
      const asksFor = request.headers.accept ?? ''
      if (request.url === '/metrics') accepted.push(asksFor)
      void metrics.expose(request.url === '/text' ? undefined : asksFor, start).then(({ contentType, body }) => {
        response.writeHead(200, { 'content-type': contentType }).end(body)
      })
    })
    const port = await listen(exposer)
    dir = mkdtempSync(join(tmpdir(), 'agentopz-prometheus-'))
    const job = (name: string, path: string): string =>
      `  - job_name: ${name}\n    metrics_path: ${path}\n    static_configs: [{ targets: ['127.0.0.1:${port}'] }]\n`
    writeFileSync(
      join(dir, 'prometheus.yml'),
      `global: { scrape_interval: 1s }\nscrape_configs:\n${job('openmetrics', '/metrics')}${job('text', '/text')}`,
    )
    const free = createServer()
    const own = await listen(free)
    await new Promise((done) => free.close(done))
    url = `http://127.0.0.1:${own}`
    const args = [`--config.file=${dir}/prometheus.yml`, `--storage.tsdb.path=${dir}/data`, `--web.listen-address=127.0.0.1:${own}`]
    prometheus = spawn('prometheus', [...args, '--enable-feature=exemplar-storage', '--log.level=error'], { stdio: 'ignore' })
    await until(async () => (await query('up')).length === 2)
  })
  afterAll(async () => {
    if (prometheus.exitCode === null && prometheus.signalCode === null) {
      const gone = new Promise((done) => prometheus.once('exit', done))
      prometheus.kill('SIGTERM')
      await gone
    }
    exposer.closeAllConnections()
    await new Promise((done) => exposer.close(done))
    rmSync(dir, { recursive: true, force: true })
  })

  const api = async (path: string): Promise<unknown> => ((await (await fetch(`${url}/api/v1/${path}`)).json()) as { data: unknown }).data
  const query = async (
    promql: string,
  ): Promise<readonly { readonly metric: Record<string, string>; readonly value: readonly [number, string] }[]> =>
    ((await api(`query?query=${encodeURIComponent(promql)}`)) as { result: [] }).result
  const until = async (isSo: () => Promise<boolean>): Promise<void> => {
    for (;;) {
      try {
        if (await isSo()) return
      } catch {
        // Not listening yet.
      }
      await new Promise((done) => setTimeout(done, 50))
    }
  }

  test('takes both formats whole', async () => {
    const targets = (await api('targets')) as { activeTargets: readonly { scrapePool: string; health: string; lastError: string }[] }
    expect(new Set(targets.activeTargets.map((t) => `${t.scrapePool} ${t.health} ${t.lastError}`))).toEqual(
      new Set(['openmetrics up ', 'text up ']),
    )
    expect(accepted[0]).toContain('application/openmetrics-text')
    const { body } = await metrics.expose(undefined, start)
    const written = body.split('\n').filter((l) => /^(agentopz|gen_ai)_/.test(l)).length
    const counts = (await query('count by (job) ({__name__=~"agentopz_.+|gen_ai_.+"})')).map((r) => Number(r.value[1]))
    expect(counts).toEqual([written, written])
  })
  test('finds the same in both, bucket bounds included', async () => {
    for (const name of [
      'agentopz_runs_total',
      'agentopz_run_steps_bucket',
      'agentopz_open_runs',
      'process_resident_memory_bytes',
      'nodejs_gc_duration_seconds_bucket',
    ]) {
      // A kind of garbage collection may happen for the first time between the two scrapes, and is in both at the next.
      const options = { timeout: 4000, interval: 200 }
      await expect
        .poll(async () => (await query(`count by (job) (${name})`)).map((s) => Number(s.value[1])), options)
        .toSatisfy((counts: readonly number[]) => counts.length === 2 && counts[0] === counts[1])
      await expect.poll(() => query(`${name}{job="text"} unless ignoring (job) ${name}{job="openmetrics"}`), options).toEqual([])
    }
    expect(await query('agentopz_run_steps_bucket{agent="plain",le="1.0"}')).toHaveLength(2)
  })
  test('computes what rules will ask', async () => {
    const quantile = await query('histogram_quantile(0.5, sum by (le) (agentopz_run_steps_bucket{job="openmetrics"}))')
    expect(Number(quantile[0]?.value[1])).toBeGreaterThan(0)
    const sums = await query('sum by (agent) (agentopz_runs_total{agent="plain",job="openmetrics"})')
    expect(sums.map((r) => [r.metric, r.value[1]])).toEqual([[{ agent: 'plain' }, '3']])
  })
  test('reads label values as they were written', async () => {
    const found = (await query('agentopz_open_run_max_steps{job="openmetrics"}')).map((r) => r.metric['agent'])
    expect(found).toEqual(expect.arrayContaining(['"', '\\', '_', '}', '{le="1"}', '# EOF', '\ufffd', 'π🙂', '\\n']))
    expect(Math.max(...found.map((v) => v?.length ?? 0))).toBe(64)
  })
  test('knows type, help and unit', async () => {
    const known = (await api(
      'targets/metadata?match_target=%7Bjob%3D%22openmetrics%22%7D&metric=agentopz_run_duration_seconds',
    )) as readonly Record<string, unknown>[]
    expect(known[0]).toMatchObject({ type: 'histogram', unit: 'seconds', help: METRICS.agentopz_run_duration_seconds.help })
  })
  test('keeps exemplars of counters and buckets', async () => {
    for (const name of ['agentopz_runs_total', 'agentopz_run_steps_bucket']) {
      const range = `start=${start / 1000 - 60}&end=${Date.now() / 1000 + 60}`
      const found = (await api(`query_exemplars?query=${name}%7Bagent%3D%22plain%22%7D&${range}`)) as readonly {
        exemplars: readonly { labels: Record<string, string> }[]
      }[]
      expect(found.flatMap((s) => s.exemplars.map((e) => e.labels))).toContainEqual({ trace_id: TRACE })
    }
  })
})

function listen(server: Server): Promise<number> {
  return new Promise((done, fail) => {
    server.once('error', fail)
    server.listen(0, '127.0.0.1', () => done((server.address() as AddressInfo).port))
  })
}
