/**
 * `agentopz demo`: a healthy fleet while baselines are learned, an edit of one prompt, the page, the incident, and where to look.
 * The rules are the shipped ones with every duration divided by SCALE, and the story says so. A page before the edit, or of another agent,
 * is told like any other: the demo does not look away.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { alertmanagerConfig } from '../../alert-rules/alertmanager.ts'
import type { App } from '../app.ts'
import { compressedRules } from '../compressed-rules.ts'
import { type Fleet, startFleet } from '../fleet/fleet.ts'
import { type Services, startServices } from '../services.ts'
import { byPrompt, normal, type Page, pages, totals } from './demo-look.ts'
import { IncidentTeller } from './demo-incidents.ts'
import { introduce, shipped, type UpOptions, webhookTo } from './up.ts'

export interface DemoOptions extends UpOptions {
  /** Seconds of healthy traffic before the incident. */
  readonly healthySeconds: number
  /** Ends by itself after so many seconds; 0 runs until stopped. */
  readonly seconds: number
  readonly seed?: number
}

/** An hour of the rules in a minute. More would push intervals under a second, where rules cannot be evaluated. */
export const SCALE = 60
/** Busy enough that a minute holds what an hour holds elsewhere: 30 runs are the least that a baseline rests on. */
const RATE = 5
/**
 * Few chance failures: an "hour" holds fifty runs of the quieter agents here, and rests on a baseline of two. At one cut-off answer in a
 * hundred, five of fifty happen every few hundred demos' worth of minutes, and did page in one of them.
 */
const NOISE = 0.3
const SICK = 'support-agent'
/** An hour of the rules, here. */
const HOUR_SECONDS = 3600 / SCALE

/** Runs the demo until aborted or its time is over. */
export async function demo(app: App, options: DemoOptions): Promise<void> {
  const services = await startCompressed(app, options)
  let fleet: Fleet | undefined
  let hush: () => void = () => undefined
  try {
    options.found(services)
    introduce(app, services, options.say)
    fleet = startFleet({
      endpoint: `http://127.0.0.1:${app.ports.otlpHttp ?? 4318}`,
      rate: RATE,
      noise: NOISE,
      onError: (e) => options.say(`the fleet cannot send: ${e}`),
      ...(options.seed === undefined ? {} : { seed: options.seed }),
    })
    for (const line of welcome(fleet, services, options, `http://127.0.0.1:${app.ports.listen}/metrics`)) options.say(line)
    const story = new Story(fleet, services, options)
    const teller = new IncidentTeller(`http://127.0.0.1:${app.ports.listen}`)
    hush = app.incidents.incidents.subscribe((incident, why) => story.incident(teller.lines(incident, why)))
    await story.tell()
  } finally {
    hush()
    await fleet?.stop()
    await services.stop()
  }
}

/** Prometheus with the shipped rules at SCALE, Alertmanager with the generated routes and shorter waits. */
async function startCompressed(app: App, options: DemoOptions): Promise<Services> {
  const rules = join(options.dir, 'compressed.rules.yaml')
  writeFileSync(rules, compressedRules(SCALE, { agentopzUrl: `http://127.0.0.1:${app.ports.listen}` }))
  return startServices({
    dir: options.dir,
    target: `127.0.0.1:${app.ports.listen}`,
    scrapeSeconds: 1,
    ruleFiles: [rules],
    alertmanager: alertmanagerConfig({
      ...webhookTo(app, options),
      teams: options.teams,
      urlOf: () => undefined,
      times: { pageWait: '2s', pageInterval: '10s' },
    }),
    resendSeconds: 5,
    prometheusPort: options.prometheusPort,
    alertmanagerPort: options.alertmanagerPort,
  })
}

function welcome(fleet: Fleet, services: Services, options: DemoOptions, metricsUrl: string): readonly string[] {
  const base = services.prometheusUrl
  const open = (query: string): string => (base === undefined ? query : graph(base, query))
  return [
    '',
    `Four simulated agents now send OTLP in four dialects: ${fleet.agents.map((a) => `${a.name} (${a.dialect})`).join(', ')}.`,
    base === undefined ? `Look: curl -s ${metricsUrl} | grep agentopz_runs_total. With Prometheus you would ask:` : 'Open:',
    `  runs by quality   ${open('sum by (agent, quality) (agentopz_runs_total)')}`,
    `  spend in dollars  ${open('sum by (agent) (agentopz_cost_usd_total)')}`,
    `  failed share      ${open('agent_sli:bad_ratio:30m{sli="quality"}')}`,
    '',
    ...(base === undefined ? NO_RULES : COMPRESSED),
    `In ${options.healthySeconds} seconds somebody edits the prompt of ${SICK}: ${EDITED}.`,
    'Ctrl-C stops everything and leaves nothing running.',
    '',
  ]
}

/** What the edit does, as `sketchRun` has it: 35 of 100 end at the length limit, 4 in an error. */
const EDITED = 'a third of its answers are cut off from then on, with 200 and no error; one in 25 fails'
const COMPRESSED = [
  `The alert rules are the shipped ones, but time is compressed: windows are ${SCALE} times shorter here, an hour is ${HOUR_SECONDS} seconds.`,
  `So is what is normal: an agent's baseline, usually learned from days, comes from its first minutes. It appears after one to two minutes.`,
]
const NO_RULES = [
  'There is no Prometheus, so nothing learns what is normal, no rule fires and nobody is paged: what goes bad shows in /metrics only.',
]

function graph(base: string, query: string): string {
  return `${base}/graph?g0.tab=0&g0.range_input=15m&g0.expr=${encodeURIComponent(query)}`
}

/** What has been told so far. */
class Story {
  readonly #fleet: Fleet
  readonly #services: Services
  readonly #options: DemoOptions
  readonly #startedMs = Date.now()
  #editedAt: number | undefined
  #saidAt = 0
  /** Names of the alerts told, by page. */
  readonly #told = new Map<string, ReadonlySet<string>>()

  constructor(fleet: Fleet, services: Services, options: DemoOptions) {
    this.#fleet = fleet
    this.#services = services
    this.#options = options
  }

  async tell(): Promise<void> {
    const { seconds, signal } = this.#options
    while (!signal.aborted && (seconds === 0 || this.#elapsed() < seconds)) {
      await sleep(1000, undefined, { signal }).catch(() => undefined)
      if (this.#editedAt === undefined && this.#elapsed() >= this.#options.healthySeconds) await this.#edit()
      if (this.#elapsed() - this.#saidAt >= 15) await this.#count()
      await this.#pages()
    }
  }

  /** What became known of an incident. */
  incident(news: readonly (readonly [line: string, ...more: string[]])[]): void {
    for (const [line, ...more] of news) {
      this.#say(line)
      for (const each of more) this.#more(each)
    }
  }

  async #edit(): Promise<void> {
    this.#editedAt = this.#elapsed()
    this.#fleet.trouble(SICK, 'bad_prompt')
    const usual = await normal(this.#services, SICK)
    this.#say(`prompt version 8 of ${SICK} is live: ${EDITED}.`)
    this.#more(this.#normal(usual))
  }

  #normal(usual: string | undefined): string {
    if (usual !== undefined) return `Normal so far: ${usual} fail.`
    const { prometheusUrl } = this.#services
    return `What is normal is not known${prometheusUrl === undefined ? ': there is no Prometheus.' : ' yet; it will be in a minute.'}`
  }

  async #count(): Promise<void> {
    this.#saidAt = this.#elapsed()
    const { runs, failed } = this.#fleet.sent()
    this.#say(`${runs} runs sent${failed > 0 ? `, ${failed} could not be sent` : ''}${await totals(this.#services)}`)
  }

  /** A page is a group of alerts, as Alertmanager sends it; what joins it later is the same page. */
  async #pages(): Promise<void> {
    const held = await pages(this.#services)
    for (const page of held.filter((p) => !p.silenced)) {
      const name = page.labels['alertname'] ?? ''
      const told = this.#told.get(page.group)
      if (told?.has(name) === true) continue
      this.#told.set(page.group, new Set([...(told ?? []), name]))
      const after = this.#editedAt === undefined ? '' : `, ${this.#elapsed() - this.#editedAt} seconds after the edit`
      this.#say(`${told === undefined ? `PAGE to ${page.receivers.join(', ')}` : 'same page'}${after}: ${name}`)
      this.#more(page.annotations['summary'] ?? '')
      const silenced = held.filter((p) => p.group === page.group && p.silenced).map((p) => p.labels['alertname'])
      if (silenced.length > 0) this.#more(`It explains, and so silences, ${[...new Set(silenced)].join(', ')}.`)
      if (told === undefined) await this.#whereToLook(page)
    }
  }

  async #whereToLook({ labels, annotations }: Page): Promise<void> {
    const { agent, alertname } = labels
    const { alertmanagerUrl, prometheusUrl } = this.#services
    const rows: (readonly [string, string | undefined])[] = [
      ['the page', alertmanagerUrl === undefined ? undefined : `${alertmanagerUrl}/#/alerts`],
      ['its rule', prometheusUrl === undefined ? undefined : `${prometheusUrl}/alerts?search=${alertname}`],
      ['what to do', annotations['runbook_url']],
      ['the same file', shipped(`alert-rules/runbooks/${alertname}.md`)],
      ['dashboards', shipped('dashboards/grafana')],
    ]
    for (const [what, where] of rows) if (where !== undefined) this.#more(`  ${what.padEnd(13)} ${where}`)
    if (agent === undefined || prometheusUrl === undefined) return
    const { query, rows: shares } = await byPrompt(this.#services, agent, `${HOUR_SECONDS}s`)
    this.#more(`  which prompt  ${graph(prometheusUrl, query)}`)
    for (const share of shares) this.#more(`                ${share}`)
  }

  #elapsed(): number {
    return Math.round((Date.now() - this.#startedMs) / 1000)
  }

  #say(line: string): void {
    this.#options.say(`[${this.#elapsed()} s] ${line}`)
  }

  #more(line: string): void {
    this.#options.say(`        ${line}`)
  }
}
