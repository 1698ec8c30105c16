/**
 * The chain that drills run in, all of it real and all of it our own: processor, Prometheus with the shipped rules at SCALE, Alertmanager with
 * the generated routes, a provider, the agents' process. Nothing of the operator's is used or changed: every port is a free one, everything
 * stored is in one temporary folder. Whoever would be paged is a listener of ours, which nobody should call.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { alertmanagerConfig } from '../../alert-rules/alertmanager.ts'
import { DRILL_LABEL } from '../../model/incident.ts'
import { type App, createApp } from '../app.ts'
import { compressedRules } from '../compressed-rules.ts'
import { parseConfig } from '../config.ts'
import { createLog } from '../log.ts'
import { createPrometheus, type Prometheus } from '../prometheus.ts'
import { type Services, startServices } from '../services.ts'
import { type AgentHost, startAgents } from './agent-host.ts'
import { type DrillClass, ENVIRONMENT } from './drill-class.ts'
import { drillConfig } from './drill-config.ts'
import { type Pagers, startPagers } from './pagers.ts'
import { type DrillProvider, startDrillProvider } from './provider.ts'

/** An hour of the rules is a minute here, as in the demo. */
export const SCALE = 60

export interface Chain {
  readonly app: App
  readonly prometheus: Prometheus
  readonly agents: AgentHost
  readonly provider: DrillProvider
  readonly pagers: Pagers
  /** What the services said when they started. */
  readonly notes: readonly string[]
  /** What does not answer; undefined while all of it does. */
  trouble(): Promise<string | undefined>
  stop(): Promise<void>
}

/** Starts all of it for these classes. @throws when a part of it cannot be had; nothing is left running then. */
export async function startChain(classes: readonly DrillClass[], dir: string, random: () => number): Promise<Chain> {
  const stops: (() => Promise<void>)[] = []
  const stop = async (): Promise<void> => {
    for (const each of stops.splice(0).toReversed()) await each()
  }
  try {
    const loaded = parseConfig(stringify(drillConfig(classes, dir)), 'drill.yaml', {})
    if (!loaded.ok) throw new Error(`the configuration of the drills is wrong: ${loaded.problems.join('; ')}`)
    const { config } = loaded
    const app = createApp({ config, dir, log: createLog(config.log), scale: SCALE })
    await app.start()
    stops.push(() => app.stop())
    const pagers = await startPagers()
    stops.push(() => pagers.close())
    const services = await startOwnServices(app, pagers, dir)
    stops.push(() => services.stop())
    const { prometheusUrl, alertmanagerUrl, notes } = services
    if (prometheusUrl === undefined || alertmanagerUrl === undefined) throw new Error(`a drill needs both: ${notes.join('; ')}`)
    const problems = app.apply({ ...config, prometheus: prometheusUrl, alertmanager: alertmanagerUrl }, dir)
    if (problems.length > 0) throw new Error(problems.join('; '))
    const provider = await startDrillProvider(random)
    stops.push(() => provider.close())
    const agents = await startAgents({
      otlpUrl: `http://127.0.0.1:${app.ports.otlpHttp}`,
      controlUrl: `http://127.0.0.1:${app.ports.listen}`,
      providerUrl: provider.url,
      environment: ENVIRONMENT,
      dir,
    })
    stops.push(() => agents.stop())
    const trouble = (): Promise<string | undefined> => silent({ Prometheus: prometheusUrl, Alertmanager: alertmanagerUrl })
    return { app, prometheus: createPrometheus(prometheusUrl), agents, provider, pagers, notes, trouble, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function startOwnServices(app: App, pagers: Pagers, dir: string): Promise<Services> {
  const url = `http://127.0.0.1:${app.ports.listen}`
  const rules = join(dir, 'drill.rules.yaml')
  writeFileSync(rules, compressedRules(SCALE, { agentopzUrl: url }))
  return startServices({
    dir,
    target: `127.0.0.1:${app.ports.listen}`,
    scrapeSeconds: 1,
    ruleFiles: [rules],
    alertmanager: alertmanagerConfig({
      webhookUrl: `${url}/api/v1/alerts`,
      teams: [],
      urlOf: (receiver) => pagers.urlOf(receiver),
      times: { pageWait: '1s', pageInterval: '5s', ticketWait: '1s', ticketInterval: '5s' },
    }),
    alertLabels: { [DRILL_LABEL]: 'true' },
    resendSeconds: 5,
    prometheusPort: 0,
    alertmanagerPort: 0,
  })
}

const READY_MS = 10_000

async function silent(urls: Readonly<Record<string, string>>): Promise<string | undefined> {
  for (const [name, url] of Object.entries(urls))
    try {
      await fetch(`${url}/-/ready`, { signal: AbortSignal.timeout(READY_MS) })
    } catch {
      return `${name} no longer answers`
    }
  return undefined
}
