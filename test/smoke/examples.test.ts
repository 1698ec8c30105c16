/**
 * The example agents, started with `--import agentopz/register` as their package.json says, against the local provider and a running processor:
 * their runs are in /metrics; disabling, an open tool, a limit and a release act on them while they run.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { outdated } from '../conformance/install.ts'
import { startTestApp, type TestApp, until } from '../support/app.ts'
import { type Provider, startProvider } from '../support/provider.ts'

const TOP = join(import.meta.dirname, '../..')
const missing = outdated('sdks').filter((root) => root.startsWith(join(TOP, 'examples')))
if (missing.length > 0) throw new Error(`not installed: ${missing.join(', ')}; run first: sh scripts/setup-test-deps.sh`)
const CONFIG = `
runs: { settle_seconds: 1 }
agents:
  support-agent: { steps: { stop_run_at: 5 }, fallback: 'Support is paused.' }
  research-agent: { steps: { stop_run_at: 5 } }
`
let provider: Provider
let app: TestApp
const running: ChildProcess[] = []

beforeAll(async () => {
  provider = await startProvider()
  app = await startTestApp(CONFIG)
})
afterAll(async () => {
  for (const child of running) child.kill('SIGKILL')
  await app.app.stop()
  await provider.close()
})

interface Agent {
  /** What it printed so far, line by line. */
  readonly lines: readonly string[]
  readonly errors: () => string
  /** Waits for a new line that matches. */
  next(pattern: RegExp, seconds?: number): Promise<string>
  stop(): void
}

function startAgent(name: string, question = 'Where is my order?', more: Readonly<Record<string, string>> = {}): Agent {
  const child = spawn(join(TOP, 'node_modules/.bin/node'), ['--import', 'agentopz/register', 'app.js', question], {
    cwd: join(TOP, 'examples', name),
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      OPENAI_BASE_URL: `${provider.url}/v1`,
      EVERY_MS: '200',
      OTEL_SERVICE_NAME: name,
      OTEL_EXPORTER_OTLP_ENDPOINT: app.otlp,
      AGENTOPZ_CONTROL_URL: app.url,
      AGENTOPZ_CONTROL_CACHE: 'off',
      ...more,
    },
  })
  running.push(child)
  const lines: string[] = []
  let rest = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  return {
    lines,
    errors: () => errors,
    next: async (pattern, seconds = 10) => {
      const from = lines.length
      const came = until(async () => lines.slice(from).some((l) => pattern.test(l)), `a line like ${pattern} from ${name}`, seconds)
      await came.catch((error: unknown) => {
        throw new Error(`${String(error)}; on stderr: ${errors}`)
      })
      return lines.slice(from).find((l) => pattern.test(l)) ?? ''
    },
    stop: () => child.kill('SIGTERM'),
  }
}

async function control(body: Readonly<Record<string, unknown>>): Promise<{ readonly id: string }> {
  const answer = await fetch(`${app.url}/api/v1/controls?force=1`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ actor: 'test', ...body }),
  })
  expect(answer.status, await answer.clone().text()).toBe(201)
  return (await answer.json()) as { id: string }
}

async function undo(id: string): Promise<void> {
  const answer = await fetch(`${app.url}/api/v1/controls/${id}`, {
    method: 'DELETE',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ reason: 'test is over', actor: 'test' }),
  })
  expect(answer.ok, await answer.clone().text()).toBe(true)
}

/** Model calls of endless loops that reached the provider. */
const loops = (): number => provider.calls.filter((c) => JSON.stringify(c.body).includes('LOOPFOREVER')).length

const ANSWER = /21C and sunny/
const cases = [
  { name: 'support-agent', tool: 'lookup_order' },
  { name: 'research-agent', tool: 'search' },
] as const

for (const { name, tool } of cases)
  describe(name, () => {
    test('its runs are in /metrics: calls, tools, tokens by class, cost', { timeout: 60_000 }, async () => {
      const agent = startAgent(name)
      await agent.next(ANSWER)
      await agent.next(ANSWER)
      await until(async () => (await app.value('agentopz_runs_total', { agent: name, outcome: 'ok' })) >= 2, `runs of ${name}`, 15)
      const runs = await app.value('agentopz_runs_total', { agent: name })
      expect(await app.value('agentopz_model_calls_total', { agent: name })).toBe(2 * runs)
      expect(await app.value('agentopz_tool_calls_total', { agent: name, tool, outcome: 'ok' })).toBe(runs)
      expect(await app.value('agentopz_tokens_total', { agent: name, class: 'cache_read' })).toBe(80 * runs)
      expect(await app.value('agentopz_tokens_total', { agent: name, class: 'input' })).toBe(120 * runs)
      expect(await app.value('agentopz_cost_usd_total', { agent: name })).toBeGreaterThan(0)
      expect(agent.errors()).toBe('')
      agent.stop()
    })

    test('disabled, the next answer is the fallback within two seconds, and back when it is enabled', { timeout: 60_000 }, async () => {
      const agent = startAgent(name)
      await agent.next(ANSWER)
      const { id } = await control({ control: 'agent', agent: name, reason: 'wrong answers', fallback: 'Paused for a moment.' })
      await agent.next(/Paused for a moment\./, 2)
      await undo(id)
      await agent.next(ANSWER, 2)
      await until(
        async () => (await app.value('agentopz_interventions_total', { agent: name, control: 'kill_switch' })) >= 1,
        'the intervention',
        15,
      )
      expect(await app.value('agentopz_runs_total', { agent: name, outcome: 'stopped' })).toBeGreaterThanOrEqual(1)
      agent.stop()
    })

    test('an open tool: the model reads an error and the agent goes on answering', { timeout: 60_000 }, async () => {
      const agent = startAgent(name)
      await agent.next(ANSWER)
      const { id } = await control({ control: 'tool', agent: name, target: tool, reason: 'the orders API is down' })
      await until(
        async () => (await app.value('agentopz_tool_calls_total', { agent: name, tool, outcome: 'blocked' })) >= 1,
        'a blocked call',
        15,
      )
      await agent.next(ANSWER)
      await undo(id)
      agent.stop()
    })

    test('a runaway loop ends at its limit, with one refused call', { timeout: 60_000 }, async () => {
      const before = loops()
      const agent = startAgent(name, 'LOOPFOREVER', { TIMES: '1' })
      await agent.next(/could not answer|steps|messages/, 15)
      // Steps are model calls and tool calls: five are model, tool, model, tool, model.
      expect(loops() - before).toBe(3)
      await until(
        async () => (await app.value('agentopz_interventions_total', { agent: name, control: 'step_guard' })) === 1,
        'the intervention',
        15,
      )
    })
  })
