/**
 * Agents under control, as processes: switched off while they run, limited, rolled back, and left alone by a control plane that is broken or gone.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { calcPrice } from '@pydantic/genai-prices'
import { afterEach, beforeAll, afterAll, beforeEach, describe, expect, test } from 'vitest'
import { type Agent, API, type Program, runAgent, spansOf, startAgent } from '../support/agent.ts'
import { startTestApp, until } from '../support/app.ts'
import { type ControlPlane, fallback, type Flags, limit, off, release, startControlPlane } from '../support/control-plane.ts'
import { type Provider, startProvider } from '../support/provider.ts'
import { type Sink, startSink } from '../conformance/sink.ts'

let provider: Provider
let sink: Sink
let plane: ControlPlane
const cleanup: (() => unknown)[] = []
beforeAll(async () => {
  provider = await startProvider()
  sink = await startSink()
})
afterAll(async () => {
  await provider.close()
  await sink.close()
})
beforeEach(async () => {
  provider.reset()
  sink.reset()
  plane = await startControlPlane()
})
afterEach(async () => {
  for (const c of cleanup.splice(0)) await c()
  await plane.close()
})

const program = (source: string, variables: Readonly<Record<string, string>> = {}, more: Partial<Program> = {}): Program => ({
  source,
  sdk: 'openai7',
  ...more,
  env: {
    OPENAI_BASE_URL: `${provider.url}/v1`,
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
    OTEL_SERVICE_NAME: 'svc',
    AGENTOPZ_CONTROL_URL: plane.url,
    AGENTOPZ_CONTROL_CACHE: 'off',
    // Loaded machines start slowly; what is measured is not this.
    AGENTOPZ_COLD_DEADLINE_MS: '5000',
    ...variables,
  },
})
function start(p: Program): Agent {
  const agent = startAgent(p)
  cleanup.push(() => agent.child.kill('SIGKILL'))
  return agent
}
const CLIENT = `import OpenAI from 'openai'\nconst client = new OpenAI()\nconst sleep = (ms) => new Promise((r) => setTimeout(r, ms))\n`
const ASK = `client.chat.completions.create({ model: 'gpt-5', messages: [{ role: 'user', content: 'hi' }] }).then((r) => r.choices[0].message.content, (e) => e.status + ' ' + e.code)`
const SAID = 'The weather in Paris is 21C and sunny.'
/** An agent that never ends by itself: the model asks for the same tool for ever. */
const LOOP = `${CLIENT}
const tools = [{ type: 'function', function: { name: 'search', parameters: { type: 'object', properties: { q: { type: 'string' } } } } }]
const messages = [{ role: 'user', content: 'LOOPFOREVER' }]
let n = 0
try {
  for (;;) {
    const { choices: [{ message }] } = await client.chat.completions.create({ model: 'gpt-5', messages, tools })
    n++
    messages.push(message)
    for (const call of message.tool_calls) messages.push({ role: 'tool', tool_call_id: call.id, content: 'nothing' })
  }
} catch (e) {
  console.log(n, e.status, e.code)
}`
const calls = (): number => provider.calls.length
const stopped = (): unknown =>
  spansOf(sink.received).find((s) => s.attributes['gen_ai.operation.name'] === 'invoke_agent')?.attributes['agentopz.run.stopped_by']

describe('the kill switch', () => {
  test('answers instead of the model within two seconds, and is taken back as fast', async () => {
    const agent = start(program(`${CLIENT}for (;;) { console.log(await ${ASK}, Date.now()); await sleep(20) }`))
    await agent.said(SAID)
    await until(async () => plane.listeners === 1, 'a listener')
    const began = Date.now()
    plane.set({ 'agent.svc.enabled': off('bad answers'), 'agent.svc.fallback': fallback('Please call us.') })
    await agent.said('Please call us.')
    expect(Date.now() - began).toBeLessThan(2000)
    const asked = calls()
    await new Promise((r) => setTimeout(r, 300))
    expect(calls()).toBe(asked)
    plane.set({})
    await until(async () => calls() > asked, 'the model is asked again', 2)
  })
  test('by the real control plane', async () => {
    const app = await startTestApp("agents: { svc: { fallback: 'Please call us.' } }")
    cleanup.push(() => app.app.stop())
    const agent = start(
      program(`${CLIENT}for (;;) { console.log(await ${ASK}); await sleep(20) }`, {
        AGENTOPZ_CONTROL_URL: app.url,
        OTEL_EXPORTER_OTLP_ENDPOINT: app.otlp,
      }),
    )
    await agent.said(SAID)
    const began = Date.now()
    const answer = await fetch(`${app.url}/api/v1/controls`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ control: 'agent', agent: 'svc', reason: 'bad answers', actor: 'test' }),
    })
    expect(answer.status).toBe(201)
    await agent.said('Please call us.')
    expect(Date.now() - began).toBeLessThan(3000)
    await until(
      async () =>
        (await app.value('agentopz_runs_total', { agent: 'svc', outcome: 'stopped' })) > 0 ||
        (await app.metrics()).includes('guard="kill_switch"'),
      'seen in the metrics',
      20,
    )
  })
  test('aborts a call under way, with its reason, and nothing is tried again', async () => {
    const agent = start(
      program(`${CLIENT}console.log('asking')
const began = Date.now()
try { await client.chat.completions.create({ model: 'hang', messages: [] }) } catch (e) { console.log(e.name, e.code, e.message, Date.now() - began < 20000) }`),
    )
    await until(async () => calls() === 1, 'a call under way')
    plane.set({ 'agent.svc.enabled': off('bad answers') })
    const { stdout, code } = await agent.ended
    expect(stdout).toMatch(/AGENTOPZ_KILL_SWITCH|kill switch: bad answers/)
    expect(code).toBe(0)
    expect(calls()).toBe(1)
    expect(stopped()).toBe('kill_switch')
  })
  test('aborts a stream under way', async () => {
    const agent = start(
      program(`${CLIENT}
try {
  for await (const c of await client.chat.completions.create({ model: 'slow', messages: [], stream: true })) console.log('chunk')
  console.log('to its end')
} catch (e) { console.log(e.name, e.code, e.message) }`),
    )
    await agent.said('chunk')
    plane.set({ 'agent.svc.enabled': off('bad answers') })
    expect((await agent.ended).stdout).toMatch(/kill switch: bad answers/)
    expect(calls()).toBe(1)
  })
  test('stops one run by its id, and no other', async () => {
    const source = `${CLIENT}import { runAgent } from '${API}'
const loop = (id) => runAgent('helper', { id }, async () => { for (let i = 0; i < 400; i++) { const said = await ${ASK}; if (!said.startsWith('The')) return said; await sleep(10) } return 'done' })
console.log(JSON.stringify(await Promise.all([loop('run-1'), loop('run-2').then((s) => s), (async () => { await sleep(300); console.log('under way'); return 0 })()])))`
    const agent = start(program(source.replace('i < 400', "i < (id === 'run-1' ? 4000 : 60)")))
    await agent.said('under way')
    plane.set({ 'run.run-1.enabled': off('too long') })
    expect((await agent.ended).stdout).toContain('["403 AGENTOPZ_RUN_STOP","done",0]')
  })
})

describe('limits', () => {
  async function loop(flags: Flags): Promise<{ readonly stdout: string; readonly blocked: number }> {
    plane.set(flags)
    const { stdout, code } = await runAgent(program(LOOP))
    expect(code).toBe(0)
    const blocked = spansOf(sink.received).filter((s) => s.name.startsWith('guard ')).length
    return { stdout: stdout.trim(), blocked }
  }
  test('steps: exactly one blocked attempt', async () => {
    const { stdout, blocked } = await loop({ 'agent.svc.max_steps': limit(7) })
    // Model call, tool, model call … : four model calls and three tools.
    expect(stdout).toBe('4 403 AGENTOPZ_STEP_GUARD')
    expect({ asked: calls(), blocked, stopped: stopped() }).toEqual({ asked: 4, blocked: 1, stopped: 'step_guard' })
  })
  test('identical calls', async () => {
    const { stdout, blocked } = await loop({ 'agent.*.max_identical_calls': limit(5) })
    expect(stdout).toBe('5 403 AGENTOPZ_LOOP_GUARD')
    expect({ asked: calls(), blocked, stopped: stopped() }).toEqual({ asked: 5, blocked: 1, stopped: 'loop_guard' })
  })
  test('cost: passed by no more than one call', async () => {
    const price =
      calcPrice({ input_tokens: 100, output_tokens: 20, cache_read_tokens: 40 }, 'gpt-5-2026-08-01', { providerId: 'openai' }) ??
      calcPrice({ input_tokens: 100, output_tokens: 20, cache_read_tokens: 40 }, 'gpt-5', { providerId: 'openai' })
    const usd = price?.total_price ?? 0
    expect(usd).toBeGreaterThan(0)
    const { stdout, blocked } = await loop({ 'agent.svc.max_cost_usd': limit(usd * 5.5) })
    expect(stdout).toBe('6 403 AGENTOPZ_COST_GUARD')
    expect({ asked: calls(), blocked, stopped: stopped() }).toEqual({ asked: 6, blocked: 1, stopped: 'cost_guard' })
  })
  test('a tool of the explicit API that is open gives its fallback; its breaker opens by itself', async () => {
    plane.set({ 'tool.search.enabled': off('rebuilding'), 'tool.pay.breaker': limit({ failures: 2, seconds: 60 }) })
    const source = `${CLIENT}import { guardTool, runAgent } from '${API}'
await ${ASK}
const search = guardTool('search', async () => 'found', { fallback: async (r) => 'none: ' + r.reason })
const pay = guardTool('pay', async () => { throw new Error('down') })
const tried = []
await runAgent('helper', async () => {
  console.log(await search())
  for (let i = 0; i < 4; i++) await pay().catch((e) => tried.push(e.code ?? e.message))
})
console.log(tried.join())`
    expect((await runAgent(program(source))).stdout).toBe('none: rebuilding\ndown,down,AGENTOPZ_TOOL_BREAKER,AGENTOPZ_TOOL_BREAKER\n')
  })
})

describe('releases', () => {
  const document = (version: string, prompt: string): Flags => ({
    'agent.svc.release_document': release({ version, model: 'gpt-5-mini', prompts: { system: prompt }, config: { temperature: 0.1 } }),
  })
  test('getPrompt() and getConfig() follow the active release without a restart, and runs say which it was', async () => {
    plane.set(document('v1', 'Be kind.'))
    const source = `${CLIENT}import { getPrompt, getConfig, runAgent } from '${API}'
await ${ASK}
for (;;) {
  await runAgent('svc', async () => console.log(getPrompt('system', { default: 'none' }), getConfig('temperature', { default: 1 })))
  await sleep(50)
}`
    const agent = start(program(source))
    await agent.said('Be kind. 0.1')
    plane.set(document('v2', 'Be brief.'))
    await agent.said('Be brief. 0.1')
    agent.child.kill('SIGTERM')
    await agent.ended
    const versions = spansOf(sink.received).map((s) => s.attributes['gen_ai.prompt.version'])
    expect(versions).toContain('v1')
    expect(versions).toContain('v2')
  })
  test('pinned at fetch only where the operator of the agent allowed it', async () => {
    plane.set(document('v1', 'Be kind.'))
    const source = `${CLIENT}await client.chat.completions.create({ model: 'gpt-5', messages: [{ role: 'system', content: 'Be kind.' }, { role: 'user', content: 'hi' }] })`
    await runAgent(program(source))
    await runAgent(program(source, { AGENTOPZ_PIN: 'model' }))
    expect(provider.calls.map((c) => c.model)).toEqual(['gpt-5', 'gpt-5-mini'])
    const pinned = spansOf(sink.received).find((s) => s.attributes['agentopz.guard'] === 'release_pin')
    expect(pinned?.attributes).toMatchObject({ 'agentopz.release_pin.requested_model': 'gpt-5', 'gen_ai.prompt.version': 'v1' })
  })
})

describe('a control plane that is broken or gone', () => {
  const TIMED = `${CLIENT}const began = performance.now()
const said = await ${ASK}
console.log(said, Math.round(performance.now() - began))`
  const timeOf = (stdout: string): number => Number(/(\d+)\n$/.exec(stdout)?.[1])
  test.each(['error', 'garbage', 'silent', 'slow'] as const)(
    '%s: the first call is held up by its deadline at most, and the agent ends when it is done',
    async (mode) => {
      plane.behave(mode)
      const bare = await runAgent(program(TIMED, {}, { flags: [] }))
      const ended = await runAgent(program(TIMED, { AGENTOPZ_COLD_DEADLINE_MS: '50' }))
      expect(ended.stdout).toContain(SAID)
      expect(ended.code).toBe(0)
      expect(timeOf(ended.stdout) - timeOf(bare.stdout)).toBeLessThan(1000)
      expect(ended.ms - bare.ms).toBeLessThan(5000)
      expect(ended.stderr.split('\n').filter((l) => l !== '').length).toBeLessThanOrEqual(1)
    },
  )
  test('listening keeps no process alive', async () => {
    const { ms } = await runAgent(program(`${CLIENT}console.log(await ${ASK})`))
    expect(ms).toBeLessThan(15_000)
    await until(async () => plane.listeners === 0, 'nobody listens')
  })
  test('what was last known is on disk: a switch holds at the next start, with the control plane gone', async () => {
    plane.set({ 'agent.svc.enabled': off('bad answers') })
    const cache = join(import.meta.dirname, `../../node_modules/.cache-test-${process.pid}`, 'controls.json')
    const variables = { AGENTOPZ_CONTROL_CACHE: cache }
    expect((await runAgent(program(`${CLIENT}console.log(await ${ASK}); await sleep(200)`, variables))).stdout).toContain(
      'AGENTOPZ_KILL_SWITCH',
    )
    expect(JSON.parse(readFileSync(cache, 'utf8'))).toHaveProperty('flags')
    const url = plane.url
    await plane.close()
    const next = await runAgent(program(`${CLIENT}console.log(await ${ASK})`, { ...variables, AGENTOPZ_CONTROL_URL: url }))
    expect(next.stdout).toBe('403 AGENTOPZ_KILL_SWITCH\n')
    expect(calls()).toBe(0)
    const { rmSync } = await import('node:fs')
    rmSync(join(cache, '..'), { recursive: true, force: true })
    plane = await startControlPlane()
  })
  test('never heard: admitted, or refused where the operator of the agent wants that', async () => {
    plane.behave('silent')
    const source = `${CLIENT}console.log(await ${ASK})`
    const variables = { AGENTOPZ_COLD_DEADLINE_MS: '50' }
    expect((await runAgent(program(source, variables))).stdout).toBe(`${SAID}\n`)
    expect((await runAgent(program(source, { ...variables, AGENTOPZ_NEVER_HEARD: 'refuse' }))).stdout).toBe('403 AGENTOPZ_KILL_SWITCH\n')
    expect(spansOf(sink.received).some((s) => s.attributes['agentopz.guard.cause'] === 'lost')).toBe(true)
  })
  test('lost while it runs: each control by its own word; a control lapses by its own time', async () => {
    const metadata = { lost_after_seconds: 0.5 }
    plane.set(
      {
        'agent.svc.enabled': off('for a moment', { expires_ms: Date.now() + 60_000, when_lost: 'admit' }),
      },
      metadata,
    )
    const agent = start(program(`${CLIENT}for (;;) { console.log(await ${ASK}); await sleep(50) }`))
    await agent.said('403 AGENTOPZ_KILL_SWITCH')
    plane.behave('silent')
    await agent.said(SAID)
    plane.behave('well')
    plane.set({ 'agent.svc.enabled': off('for a moment', { expires_ms: Date.now() + 3000 }) }, metadata)
    const asked = calls()
    await until(async () => calls() > asked + 5, 'lapsed, and admitted again', 30)
  })
})

test('flags by the standard API: values, events, no request', async () => {
  plane.set({
    'agent.svc.max_steps': limit(7),
    'agent.svc.enabled': off('x'),
    'agent.svc.fallback': fallback('Call us.'),
    'agent.svc.max_cost_window': limit({ usd: 1, seconds: 60 }),
  })
  const source = `${CLIENT}import { createFlagProvider } from '${API}'
import { createRequire } from 'node:module'
const { OpenFeature, ProviderEvents } = createRequire('${import.meta.dirname}/x.js')('@openfeature/server-sdk')
await ${ASK}
await OpenFeature.setProviderAndWait('agentopz', createFlagProvider())
const flags = OpenFeature.getClient('agentopz')
flags.addHandler(ProviderEvents.ConfigurationChanged, async () => { console.log('changed', await flags.getNumberValue('agent.svc.max_steps', 0)); process.exit() })
console.log(await flags.getBooleanValue('agent.svc.enabled', true), await flags.getNumberValue('agent.svc.max_steps', 0), await flags.getStringValue('agent.svc.fallback', ''), JSON.stringify(await flags.getObjectValue('agent.svc.max_cost_window', {})), await flags.getStringValue('nothing', 'default'))
setInterval(() => undefined, 1000)`
  const agent = start(program(source))
  await agent.said('false 7 Call us. {"usd":1,"seconds":60} default')
  const asked = plane.asked.length
  plane.set({ 'agent.svc.max_steps': limit(8) })
  expect((await agent.ended).stdout).toContain('changed 8')
  expect(plane.asked.length).toBe(asked)
})
