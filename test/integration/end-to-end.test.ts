/**
 * The whole chain with nothing replaced: spans from the OpenTelemetry SDK and from the simulated fleet, over OTLP, into the processor;
 * a real Prometheus with the shipped rules, time compressed 60-fold; a real Alertmanager with the shipped routes; a webhook that is paged.
 * The rules learn what is normal first, from whole minutes ("hours"), so this takes one and a half to two and a half minutes.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { alertmanagerConfig } from '../../alert-rules/alertmanager.ts'
import { compressedRules } from '../../app/compressed-rules.ts'
import { type Fleet, startFleet } from '../../app/fleet/fleet.ts'
import { createPrometheus, type Prometheus } from '../../app/prometheus.ts'
import { type Services, startServices } from '../../app/services.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import { type Notification, startWebhook, type Webhook } from '../support/webhook.ts'

/** More would push the rules' intervals under a second. */
const SCALE = 60
const TEAMS = { 'support-agent': 'support', 'research-agent': 'insights', 'billing-agent': 'billing' } as const
const CONFIG = `
runs: { settle_seconds: 0.5 }
agents:
${Object.entries(TEAMS)
  .map(([agent, team]) => `  ${agent}: { team: ${team} }`)
  .join('\n')}
`

const dir = mkdtempSync(join(tmpdir(), 'agentopz-end-to-end-'))
let t: TestApp
let webhook: Webhook
let services: Services
let prometheus: Prometheus
let fleet: Fleet
let billing: BillingAgent

beforeAll(async () => {
  t = await startTestApp(CONFIG)
  webhook = await startWebhook()
  const rules = join(dir, 'compressed.rules.yaml')
  writeFileSync(rules, compressedRules(SCALE, { agentopzUrl: t.url, grafanaUrl: 'http://grafana.test' }))
  services = await startServices({
    dir,
    target: new URL(t.url).host,
    scrapeSeconds: 1,
    ruleFiles: [rules],
    alertmanager: alertmanagerConfig({
      teams: ['support', 'billing'],
      urlOf: (receiver) => `${webhook.url}/${receiver}`,
      times: { pageWait: '1s', pageInterval: '5s', pingInterval: '5s', pingRepeat: '5s' },
    }),
    resendSeconds: 5,
    prometheusPort: 0,
    alertmanagerPort: 0,
  })
  expect(services.notes).toEqual([])
  prometheus = createPrometheus(services.prometheusUrl ?? '')
  fleet = startFleet({ endpoint: t.otlp, rate: 10, noise: 0.3, seed: 20_261_127, environment: 'prod' })
  billing = startBillingAgent(t.otlp)
})
afterAll(async () => {
  await billing.stop()
  await fleet.stop()
  await services.stop()
  await webhook.stop()
  await t.app.stop()
  rmSync(dir, { recursive: true, force: true })
})

interface BillingAgent {
  breakLedger(): void
  stop(): Promise<void>
}

/** An agent instrumented with the OpenTelemetry SDK, six runs a second: a model call, the tool `ledger`, an answer. */
function startBillingAgent(endpoint: string): BillingAgent {
  const exporter = new OTLPTraceExporter({ url: `${endpoint}/v1/traces` })
  const provider = new TracerProvider({ spanProcessors: [new BatchSpanProcessor({ exporter, scheduledDelayMillis: 200 })] })
  const tracer = provider.getTracer('billing')
  let runs = 0
  let isBroken = false
  const timer = setInterval(() => {
    runs++
    const root = tracer.startSpan('invoke_agent billing-agent', {
      attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'billing-agent' },
    })
    const inside = trace.setSpan(context.active(), root)
    tracer
      .startSpan(
        'chat gpt-5-mini',
        {
          kind: SpanKind.CLIENT,
          attributes: {
            'gen_ai.operation.name': 'chat',
            'gen_ai.provider.name': 'openai',
            'gen_ai.request.model': 'gpt-5-mini',
            'gen_ai.response.model': 'gpt-5-mini',
            'gen_ai.response.finish_reasons': ['stop'],
            'gen_ai.usage.input_tokens': 900 + (runs % 7) * 40,
            'gen_ai.usage.output_tokens': 60 + (runs % 5) * 10,
          },
        },
        inside,
      )
      .end()
    const tool = tracer.startSpan(
      'execute_tool ledger',
      {
        attributes: {
          'gen_ai.operation.name': 'execute_tool',
          'gen_ai.tool.name': 'ledger',
          'gen_ai.tool.call.arguments': `{"n":${runs}}`,
        },
      },
      inside,
    )
    // One call in fifty fails on good days too.
    if (isBroken ? runs % 10 !== 0 : runs % 50 === 0) tool.setStatus({ code: SpanStatusCode.ERROR }).setAttribute('error.type', '503')
    tool.end()
    root.end()
  }, 166)
  return {
    breakLedger: () => void (isBroken = true),
    stop: async () => {
      clearInterval(timer)
      await provider.shutdown()
    },
  }
}

async function eventually(what: string, seconds: number, holds: () => Promise<boolean> | boolean): Promise<number> {
  const start = Date.now()
  while (Date.now() - start < seconds * 1000) {
    if (await holds()) return (Date.now() - start) / 1000
    await new Promise((done) => setTimeout(done, 250))
  }
  throw new Error(`not within ${seconds} s: ${what}`)
}

const count = async (query: string): Promise<number> => (await prometheus.instant(query, Date.now() / 1000)).data.length
const sent = (receiver: string): readonly Notification[] => webhook.sentTo(receiver)
/** Whom every page and ticket so far was about; alerts about the watching itself have no agent. */
const told = (): readonly string[] =>
  ['pager', 'pager-support', 'pager-billing', 'tickets', 'tickets-support', 'tickets-billing']
    .flatMap(sent)
    .flatMap((n) => n.alerts.flatMap(({ labels }) => labels['agent'] ?? labels['alertname'] ?? []))

test('a prompt goes bad and a tool breaks: the two teams are paged about their agents, nobody about the others', async () => {
  // Two that will go bad and one that stays well. A baseline needs 30 events in a whole minute that is a minute old.
  const learned = await eventually('baselines are learned', 200, async () => {
    const quality = await count('agent_sli:bad_ratio:baseline{sli="quality",agent=~"support-agent|checkout-helper|billing-agent"}')
    return quality === 3 && (await count('agent_sli:bad_ratio:baseline{sli="tool_error",agent="billing-agent"}')) === 1
  })
  expect(told()).toEqual([])
  // The dead man's switch has been told all along that alerts would arrive.
  expect(sent('dead-mans-switch').length).toBeGreaterThan(1)

  fleet.trouble('support-agent', 'bad_prompt')
  billing.breakLedger()
  const paged = await eventually('both pages', 60, () => sent('pager-support').length > 0 && sent('pager-billing').length > 0)
  console.log(`baselines after ${learned.toFixed(0)} s, both pages ${paged.toFixed(0)} s after the incidents began`)

  const support = sent('pager-support')[0]!
  expect(support).toMatchObject({
    version: '4',
    status: 'firing',
    receiver: 'pager-support',
    groupLabels: { agent: 'support-agent', environment: 'prod', team: 'support' },
  })
  for (const alert of support.alerts) {
    expect(['AgentQualityDrop', 'AgentTruncationSpike']).toContain(alert.labels['alertname'])
    expect(alert.labels).toMatchObject({ severity: 'critical', agent: 'support-agent', environment: 'prod', team: 'support' })
    expect(alert.annotations['summary']).toMatch(/^support-agent: \d[\d.]*% of .+; \d[\d.]*% is normal$/)
    expect(alert.annotations['runbook_url']).toBe(`${t.url}/runbooks/${alert.labels['alertname']}`)
    expect(alert.annotations['dashboard_url']).toBe('http://grafana.test/d/agentopz-agent?var-agent=support-agent&var-environment=prod')
    expect(alert.annotations['description']).toContain('prompt_version')
  }

  const ledger = sent('pager-billing')[0]!.alerts.find((a) => a.labels['alertname'] === 'AgentToolFailing')!
  expect(ledger.labels).toMatchObject({
    severity: 'critical',
    family: 'tools',
    cause: 'tools',
    agent: 'billing-agent',
    team: 'billing',
    tool: 'ledger',
  })
  expect(ledger.annotations['summary']).toMatch(/^billing-agent: \d[\d.]*% of calls to ledger fail; \d[\d.]*% is normal$/)

  // Whatever else came meanwhile: of these two agents, and of no healthy one.
  expect(new Set(told())).toEqual(new Set(['support-agent', 'billing-agent']))
}, 300_000)
