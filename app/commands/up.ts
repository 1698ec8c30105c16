/** `agentopz up` and `agentopz demo`: the processor with Prometheus and Alertmanager, and for demo a simulated fleet that goes bad. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { App } from '../app.ts'
import { type Fleet, startFleet } from '../fleet/fleet.ts'
import { type Services, startServices } from '../services.ts'
import { aborted } from './start.ts'

export interface UpOptions {
  readonly dir: string
  readonly prometheusPort: number
  readonly alertmanagerPort: number
  readonly say: (line: string) => void
  /** Aborts when the operator wants out. */
  readonly signal: AbortSignal
}

export interface DemoOptions extends UpOptions {
  /** Seconds of healthy traffic before the incident. */
  readonly healthySeconds: number
  /** Ends by itself after so many seconds; 0 runs until stopped. */
  readonly seconds: number
  readonly seed?: number
}

/** The rule files that ship with this version. */
export function ruleFiles(): readonly string[] {
  const here = fileURLToPath(new URL('.', import.meta.url))
  // In the repository the sources run as they are; in the package they sit one folder deeper, in dist.
  const roots = [join(here, '../../alert-rules'), join(here, '../../../alert-rules')]
  return roots
    .map((r) => join(r, 'starter.rules.yaml'))
    .filter((f) => existsSync(f))
    .slice(0, 1)
}

/** Starts the children beside a started app. */
export async function startBeside(app: App, options: UpOptions, scrapeSeconds: number): Promise<Services> {
  return startServices({
    dir: options.dir,
    target: `127.0.0.1:${app.ports.listen}`,
    scrapeSeconds,
    ruleFiles: ruleFiles(),
    prometheusPort: options.prometheusPort,
    alertmanagerPort: options.alertmanagerPort,
  })
}

/** Runs `up` until aborted. */
export async function up(app: App, options: UpOptions): Promise<void> {
  const services = await startBeside(app, options, 15)
  try {
    introduce(app, services, options.say)
    options.say('Point any OpenTelemetry SDK or Collector at the OTLP address. Ctrl-C stops everything that was started here.')
    await aborted(options.signal)
  } finally {
    await services.stop()
  }
}

/** Runs the demo: a healthy fleet, then one agent's prompt goes bad, until aborted. */
export async function demo(app: App, options: DemoOptions): Promise<void> {
  const services = await startBeside(app, options, 5)
  let fleet: Fleet | undefined
  try {
    introduce(app, services, options.say)
    const endpoint = `http://127.0.0.1:${app.ports.otlpHttp ?? 4318}`
    fleet = startFleet({
      endpoint,
      onError: (e) => options.say(`the fleet cannot send: ${e}`),
      ...(options.seed === undefined ? {} : { seed: options.seed }),
    })
    for (const line of welcome(fleet, services, options, `http://127.0.0.1:${app.ports.listen}/metrics`)) options.say(line)
    await tell(fleet, services, options)
  } finally {
    await fleet?.stop()
    await services.stop()
  }
}

function introduce(app: App, services: Services, say: (line: string) => void): void {
  say(`agentopz      http://127.0.0.1:${app.ports.listen}/metrics`)
  if (app.ports.otlpHttp !== undefined)
    say(
      `OTLP          http://127.0.0.1:${app.ports.otlpHttp} (HTTP)${app.ports.otlpGrpc === undefined ? '' : `, 127.0.0.1:${app.ports.otlpGrpc} (gRPC)`}`,
    )
  if (services.prometheusUrl !== undefined) say(`Prometheus    ${services.prometheusUrl}`)
  if (services.alertmanagerUrl !== undefined) say(`Alertmanager  ${services.alertmanagerUrl}`)
  for (const note of services.notes) say(`note          ${note}`)
}

function welcome(fleet: Fleet, services: Services, options: DemoOptions, metricsUrl: string): readonly string[] {
  const base = services.prometheusUrl
  const open = (query: string): string =>
    base === undefined ? query : `${base}/graph?g0.tab=0&g0.range_input=15m&g0.expr=${encodeURIComponent(query)}`
  return [
    '',
    `Four simulated agents now send OTLP in four dialects: ${fleet.agents.map((a) => `${a.name} (${a.dialect})`).join(', ')}.`,
    `A run is counted about 10 seconds after its last span. ${base === undefined ? `Look: curl -s ${metricsUrl} | grep agentopz_runs_total. With Prometheus you would ask:` : 'Open:'}`,
    `  runs by quality   ${open('sum by (agent, quality) (agentopz_runs_total)')}`,
    `  spend in dollars  ${open('sum by (agent) (agentopz_cost_usd_total)')}`,
    `  failed share      ${open('sum by (agent) (rate(agentopz_runs_total{quality="fail"}[1m])) / sum by (agent) (rate(agentopz_runs_total[1m]))')}`,
    `In ${options.healthySeconds} seconds somebody edits the prompt of support-agent: a third of its answers will be cut off. It keeps answering 200.`,
    'Ctrl-C stops everything and leaves nothing running.',
    '',
  ]
}

async function tell(fleet: Fleet, services: Services, options: DemoOptions): Promise<void> {
  const startedMs = Date.now()
  const elapsed = (): number => Math.round((Date.now() - startedMs) / 1000)
  let isBad = false
  let paged = false
  let saidAt = 0
  while (!options.signal.aborted && (options.seconds === 0 || elapsed() < options.seconds)) {
    await sleep(1000, undefined, { signal: options.signal }).catch(() => undefined)
    if (!isBad && elapsed() >= options.healthySeconds) {
      isBad = true
      fleet.trouble('support-agent', 'bad_prompt')
      options.say(`[${elapsed()} s] prompt version 8 of support-agent is live: a third of its answers are now cut off`)
    }
    if (elapsed() - saidAt >= 15) {
      saidAt = elapsed()
      const { runs, failed } = fleet.sent()
      options.say(`[${elapsed()} s] ${runs} runs sent${failed > 0 ? `, ${failed} could not be sent` : ''}${await totals(services)}`)
    }
    const firing = paged ? [] : await firingAlerts(services)
    if (firing.length > 0) {
      paged = true
      for (const a of firing) options.say(`[${elapsed()} s] PAGE ${a}`)
      options.say(
        `       see ${services.alertmanagerUrl ?? ''}/#/alerts · which prompt: sum by (prompt_version, quality) (increase(agentopz_runs_total{agent="support-agent"}[5m]))`,
      )
    }
  }
}

interface VectorAnswer {
  readonly data?: {
    readonly result?: readonly { readonly metric: Readonly<Record<string, string>>; readonly value: readonly [number, string] }[]
  }
}

async function totals(services: Services): Promise<string> {
  if (services.prometheusUrl === undefined) return ''
  const ask = async (query: string): Promise<VectorAnswer> => {
    const answer = await fetch(`${services.prometheusUrl}/api/v1/query?query=${encodeURIComponent(query)}`)
    return (await answer.json()) as VectorAnswer
  }
  try {
    const [runs, cost] = await Promise.all([ask('sum by (agent, quality) (agentopz_runs_total)'), ask('sum(agentopz_cost_usd_total)')])
    const rows = (runs.data?.result ?? []).map((r) => `${r.metric['agent']} ${r.metric['quality']} ${Number(r.value[1])}`)
    const usd = Number(cost.data?.result?.[0]?.value[1] ?? Number.NaN)
    return rows.length === 0
      ? '; Prometheus has not scraped a closed run yet'
      : `; in Prometheus: ${rows.join(', ')}; ${Number.isNaN(usd) ? 'cost unknown' : `${usd.toFixed(2)} USD`}`
  } catch (error) {
    return `; Prometheus does not answer: ${error instanceof Error ? error.message : String(error)}`
  }
}

async function firingAlerts(services: Services): Promise<readonly string[]> {
  if (services.alertmanagerUrl === undefined) return []
  try {
    const answer = await fetch(`${services.alertmanagerUrl}/api/v2/alerts?active=true`)
    const alerts = (await answer.json()) as readonly { labels: Record<string, string>; annotations: Record<string, string> }[]
    return alerts.map((a) => `${a.labels['alertname']}: ${a.annotations['summary']}`)
  } catch {
    // Alertmanager may be restarting; the next second asks again.
    return []
  }
}
