/**
 * The instrumentation in whole processes: standalone with the standard variables, and every way a process can begin and end. The application
 * behaves as without it, and its spans arrive.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer as createTcp } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Program, runAgent, type SeenSpan, spansOf, startAgent } from '../support/agent.ts'
import { until } from '../support/app.ts'
import { type Provider, startProvider } from '../support/provider.ts'
import { type Sink, startSink } from '../conformance/sink.ts'

let provider: Provider
let sink: Sink
beforeAll(async () => {
  provider = await startProvider()
  sink = await startSink()
})
afterAll(async () => {
  await provider.close()
  await sink.close()
})
beforeEach(() => sink.reset())

const env = (more: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> => ({
  OPENAI_BASE_URL: `${provider.url}/v1`,
  OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
  OTEL_SERVICE_NAME: 'svc',
  // Longer than any of these programs lives: what arrives was sent at the end.
  OTEL_BSP_SCHEDULE_DELAY: '60000',
  ...more,
})
const IMPORT = "import OpenAI from 'openai'\nconst client = new OpenAI();\n"
const CALL =
  "(await client.chat.completions.create({ model: 'gpt-5', messages: [{ role: 'user', content: 'hi' }] })).choices[0].message.content"
const ASK = `${IMPORT}console.log(${CALL})\n`
const SAID = 'The weather in Paris is 21C and sunny.\n'
const program = (source: string, more: Partial<Program> & { readonly variables?: Readonly<Record<string, string>> } = {}): Program => ({
  source,
  sdk: 'openai7',
  ...more,
  env: env(more.variables),
})
const seen = (): readonly SeenSpan[] => spansOf(sink.received)
const names = (): readonly string[] =>
  seen()
    .map((s) => s.name)
    .sort()
const RUN = ['chat gpt-5', 'invoke_agent svc']

describe('standalone', () => {
  test('an unmodified agent emits its run', async () => {
    expect(await runAgent(program(ASK))).toMatchObject({ stdout: SAID, stderr: '', code: 0 })
    const [call, root] = seen()
    expect(names()).toEqual(RUN)
    expect(call).toMatchObject({ parentSpanId: root?.spanId, scope: 'agentopz', resource: { 'service.name': 'svc' } })
    expect(call?.attributes).toMatchObject({ 'gen_ai.usage.input_tokens': 100, 'gen_ai.response.finish_reasons': ['stop'] })
  })
  test('headers, resource and endpoint of traces', async () => {
    let headers: unknown
    const server = createServer((request, response) => {
      headers = { path: request.url, key: request.headers['x-key'] }
      request.resume().on('end', () => response.end('{}'))
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/in`
    await runAgent(program(ASK, { variables: { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url, OTEL_EXPORTER_OTLP_HEADERS: 'x-key=a%20b' } }))
    server.close()
    expect(headers).toEqual({ path: '/in', key: 'a b' })
  })
  test('resource attributes, version of the agent, gzip', async () => {
    await runAgent(
      program(ASK, {
        variables: {
          OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=prod,team=core',
          AGENTOPZ_AGENT: 'helper',
          AGENTOPZ_AGENT_VERSION: '7',
          OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
        },
      }),
    )
    expect(seen()[0]?.resource).toMatchObject({ 'service.name': 'svc', 'deployment.environment.name': 'prod', team: 'core' })
    expect(seen().find((s) => s.name === 'invoke_agent helper')?.attributes).toMatchObject({ 'gen_ai.agent.version': '7' })
  })
  test.each([
    ['OTEL_TRACES_SAMPLER=always_off', { OTEL_TRACES_SAMPLER: 'always_off' }],
    ['a ratio of 0', { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' }],
    ['OTEL_SDK_DISABLED', { OTEL_SDK_DISABLED: 'true' }],
    ['OTEL_TRACES_EXPORTER=none', { OTEL_TRACES_EXPORTER: 'none' }],
    ['AGENTOPZ_DISABLED', { AGENTOPZ_DISABLED: 'true' }],
  ])('%s: no spans, and the agent runs', async (_, variables) => {
    expect(await runAgent(program(ASK, { variables: variables as Record<string, string> }))).toMatchObject({
      stdout: SAID,
      stderr: '',
      code: 0,
    })
    expect(sink.received).toEqual([])
  })
  test('switched off it is not there at all', async () => {
    const source =
      'console.log(fetch.toString().includes("[native code]") || fetch.name, process.listenerCount("SIGTERM"), globalThis[Symbol.for("opentelemetry.js.api.1")])'
    const bare = await runAgent(program(source, { flags: [] }))
    const off = await runAgent(program(source, { variables: { AGENTOPZ_DISABLED: '1' } }))
    expect(off.stdout).toBe(bare.stdout)
  })
  test('content is on spans only where it is asked for', async () => {
    await runAgent(program(ASK))
    expect(JSON.stringify(sink.received)).not.toContain('sunny')
    sink.reset()
    await runAgent(program(ASK, { variables: { OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: 'true' } }))
    expect(JSON.stringify(sink.received)).toContain('sunny')
  })
  test('values that cannot be used are told, one line each, and the agent runs', async () => {
    const { stdout, stderr, code } = await runAgent(
      program(ASK, {
        variables: {
          OTEL_EXPORTER_OTLP_ENDPOINT: 'localhost:4318',
          OTEL_TRACES_SAMPLER: 'sometimes',
          OTEL_RESOURCE_ATTRIBUTES: '%%%=,,=',
          AGENTOPZ_COLD_DEADLINE_MS: 'x',
          OTEL_PROPAGATORS: 'b3',
        },
      }),
    )
    expect({ stdout, code }).toEqual({ stdout: SAID, code: 0 })
    const lines = stderr.trimEnd().split('\n')
    expect(lines.every((l) => l.startsWith('agentopz: '))).toBe(true)
    expect(lines).toHaveLength(4)
  })
})

describe('how it begins', () => {
  test('CommonJS', async () => {
    const source = `const OpenAI = require('openai')\nconst client = new OpenAI()\n;(async () => console.log(${CALL}))()`
    expect(await runAgent(program(source, { entry: 'app.cjs' }))).toMatchObject({ stdout: SAID, stderr: '', code: 0 })
    expect(names()).toEqual(RUN)
  })
  test('--require in the place of --import', async () => {
    const { REGISTER } = await import('../support/agent.ts')
    const { fileURLToPath } = await import('node:url')
    expect(await runAgent(program(ASK, { flags: ['--require', fileURLToPath(REGISTER)] }))).toMatchObject({ stdout: SAID, code: 0 })
    expect(names()).toEqual(RUN)
  })
  test('TypeScript, by Node itself', async () => {
    const source = `import OpenAI from 'openai'\nconst client: OpenAI = new OpenAI()\nconst said: string | null = ${CALL}\nconsole.log(said satisfies unknown)`
    expect(await runAgent(program(source, { entry: 'app.ts', files: { 'package.json': '{"type":"module"}' } }))).toMatchObject({
      stdout: SAID,
      stderr: '',
      code: 0,
    })
    expect(names()).toEqual(RUN)
  })
  test('through NODE_OPTIONS, also in child processes', async () => {
    const { REGISTER } = await import('../support/agent.ts')
    const source = `import { execFileSync } from 'node:child_process'\nprocess.stdout.write(execFileSync(process.execPath, [new URL('child.mjs', import.meta.url).pathname]))`
    const ended = await runAgent(
      program(source, { flags: [], files: { 'child.mjs': ASK }, variables: { NODE_OPTIONS: `--import ${REGISTER}` } }),
    )
    expect(ended).toMatchObject({ stdout: SAID, stderr: '', code: 0 })
    expect(names()).toEqual(RUN)
  })
  test('worker threads have their own', async () => {
    const source = `import { Worker } from 'node:worker_threads'
const worker = new Worker(new URL('worker.mjs', import.meta.url))
worker.on('message', (m) => console.log(m))
await new Promise((done) => worker.on('exit', done))`
    const worker = `import { parentPort } from 'node:worker_threads'\n${IMPORT}parentPort.postMessage(${CALL})`
    expect(await runAgent(program(source, { files: { 'worker.mjs': worker } }))).toMatchObject({ stdout: SAID, stderr: '', code: 0 })
    expect(names()).toEqual(RUN)
  })
  test('a worker thread that calls process.exit', async () => {
    const source = `import { Worker } from 'node:worker_threads'
const worker = new Worker(new URL('worker.mjs', import.meta.url))
worker.on('exit', (code) => console.log('worker', code))`
    expect(await runAgent(program(source, { files: { 'worker.mjs': `${IMPORT}await ${CALL}\nprocess.exit(3)` } }))).toMatchObject({
      stdout: 'worker 3\n',
      stderr: '',
      code: 0,
    })
    expect(names()).toEqual(RUN)
  })
  test('loaded twice it is there once', async () => {
    const { REGISTER } = await import('../support/agent.ts')
    await runAgent(program(ASK, { flags: ['--import', REGISTER, '--import', `${REGISTER}?again`] }))
    expect(names()).toEqual(RUN)
  })
})

describe('how it ends', () => {
  test('process.exit(): the code stays, spans arrive', async () => {
    expect(await runAgent(program(`${ASK}process.exit(3)`))).toMatchObject({ stdout: SAID, stderr: '', code: 3 })
    expect(names()).toEqual(RUN)
  })
  test('process.exit() within an exit listener, and exitCode', async () => {
    expect(await runAgent(program(`${ASK}process.on('exit', (c) => { console.log('bye', c); process.exitCode = 5 })`))).toMatchObject({
      stdout: `${SAID}bye 0\n`,
      code: 5,
    })
    expect(names()).toEqual(RUN)
  })
  test('an uncaught exception: its report and code are as ever', async () => {
    const source = `${ASK}setTimeout(() => { throw new RangeError('boom') })`
    const [bare, ended] = [await runAgent(program(source, { flags: [] })), await runAgent(program(source))]
    expect(ended.code).toBe(bare.code)
    expect(ended.stderr.replaceAll(/agentopz-agent-\w+/g, '')).toBe(bare.stderr.replaceAll(/agentopz-agent-\w+/g, ''))
    expect(names()).toEqual(RUN)
  })
  test('an unhandled rejection', async () => {
    const { code, stderr } = await runAgent(program(`${ASK}void Promise.reject(new RangeError('boom'))`))
    expect(code).toBe(1)
    expect(stderr).toContain('RangeError: boom')
    expect(names()).toEqual(RUN)
  })
  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s without a handler ends it by the signal', async (signal) => {
    const agent = startAgent(program(`${ASK}setInterval(() => undefined, 1000)`))
    await agent.said('sunny')
    agent.child.kill(signal)
    expect(await agent.ended).toMatchObject({ code: null, signal, stderr: '' })
    expect(names()).toEqual(RUN)
  })
  test('SIGTERM with a handler of the application: it decides, and is called once', async () => {
    const agent = startAgent(
      program(
        `${ASK}setInterval(() => undefined, 1000)\nprocess.on('SIGTERM', (...args) => { console.log('bye', ...args, process.listenerCount('SIGTERM')); setTimeout(() => process.exit(7), 50) })`,
      ),
    )
    await agent.said('sunny')
    agent.child.kill('SIGTERM')
    expect(await agent.ended).toMatchObject({ code: 7, stdout: `${SAID}bye SIGTERM 15 1\n`, stderr: '' })
    expect(names()).toEqual(RUN)
  })
  test('a handler that exits at once', async () => {
    const agent = startAgent(program(`${ASK}setInterval(() => undefined, 1000)\nprocess.once('SIGTERM', () => process.exit(7))`))
    await agent.said('sunny')
    agent.child.kill('SIGTERM')
    expect(await agent.ended).toMatchObject({ code: 7, stderr: '' })
    expect(names()).toEqual(RUN)
  })
  test('a signal that the application only takes note of does not end it, the first and the second time', async () => {
    const agent = startAgent(
      program(
        `${ASK}const t = setInterval(() => undefined, 1000)\nlet n = 0\nprocess.on('SIGHUP', () => { console.log('reload', ++n); if (n === 2) clearInterval(t) })`,
      ),
    )
    await agent.said('sunny')
    agent.child.kill('SIGHUP')
    await agent.said('reload 1')
    agent.child.kill('SIGHUP')
    expect(await agent.ended).toMatchObject({ code: 0, signal: null })
    expect(names()).toEqual(RUN)
  })
  test('a listener that ends the process by the signal once it is alone, as the package signal-exit does', async () => {
    // What signal-exit 4 does, in its own words: see its index.js, #processEmit and load().
    const source = `${ASK}
globalThis[Symbol.for('signal-exit emitter')] = {}
const listener = () => {
  if (process.listeners('SIGTERM').length !== 1) return
  process.removeListener('SIGTERM', listener)
  process.kill(process.pid, 'SIGTERM')
}
process.on('SIGTERM', listener)
setInterval(() => undefined, 1000)`
    const agent = startAgent(program(source))
    await agent.said('sunny')
    agent.child.kill('SIGTERM')
    expect(await agent.ended).toMatchObject({ code: null, signal: 'SIGTERM' })
    expect(names()).toEqual(RUN)
  })
  test('what was being sent while it exits arrives', async () => {
    const source = `${IMPORT}await ${CALL}\nawait new Promise((r) => setTimeout(r, 30))\nprocess.exit(0)`
    await runAgent(program(source, { variables: { OTEL_BSP_SCHEDULE_DELAY: '1' } }))
    expect(names()).toEqual(RUN)
  })
  test('a run that is open, and an answer that nobody reads, are ended with it', async () => {
    const source = `await fetch(process.env.OPENAI_BASE_URL + '/chat/completions', { method: 'POST', body: JSON.stringify({ model: 'gpt-5', messages: [] }) })\nprocess.exit(0)`
    await runAgent(program(source))
    expect(names()).toEqual(RUN)
    expect(seen().find((s) => s.name === 'chat gpt-5')?.attributes).toMatchObject({ 'agentopz.stream.incomplete': true })
  })
})

describe('an endpoint that is not there', () => {
  const dead = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_BSP_SCHEDULE_DELAY: '100' }
  // Long enough for the first attempt to have failed and the next to be waited for.
  const AT_WORK = `${ASK}await new Promise((r) => setTimeout(r, 400))\n`
  test.each([
    ['a natural end', AT_WORK, 0],
    ['process.exit()', `${AT_WORK}process.exit(4)`, 4],
  ])('%s is not held up, and one line says it', async (_, source, code) => {
    const bare = await runAgent(program(source, { flags: [] }))
    const ended = await runAgent(program(source, { variables: dead }))
    expect(ended).toMatchObject({ stdout: SAID, code })
    expect(ended.stderr.split('\n').filter((l) => l !== '').length).toBeLessThanOrEqual(1)
    expect(ended.stderr).toMatch(/^(agentopz: \d+ spans could not be sent to http:\/\/127\.0\.0\.1:9\/v1\/traces: .*\n)?$/)
    expect(ended.ms - bare.ms).toBeLessThan(2500)
  })
  test('one that takes the connection and never answers', async () => {
    const silent = createTcp(() => undefined)
    await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done))
    const variables = { ...dead, OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(silent.address() as AddressInfo).port}` }
    const bare = await runAgent(program(AT_WORK, { flags: [] }))
    for (const end of ['', 'process.exit()']) {
      const ended = await runAgent(program(`${AT_WORK}${end}`, { variables }))
      expect(ended).toMatchObject({ stdout: SAID, code: 0 })
      expect(ended.ms - bare.ms).toBeLessThan(4000)
    }
    silent.close()
  })
  test('one that comes back gets what was kept', async () => {
    const server = createServer((request, response) => {
      request.resume().on('end', () => response.writeHead(503).end())
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const { port } = server.address() as AddressInfo
    const agent = startAgent(
      program(`${ASK}await new Promise((r) => setTimeout(r, 3000))`, {
        variables: { ...dead, OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` },
      }),
    )
    await agent.said('sunny')
    await until(async () => (await new Promise<number>((done) => server.getConnections((_, n) => done(n)))) > 0, 'a first attempt')
    await new Promise((r) => setTimeout(r, 300))
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
    const bodies: string[] = []
    const back = createServer((request, response) => {
      let body = ''
      request.setEncoding('utf8').on('data', (d: string) => (body += d))
      request.on('end', () => {
        bodies.push(body)
        response.end('{}')
      })
    })
    await new Promise<void>((done) => back.listen(port, '127.0.0.1', done))
    expect(await agent.ended).toMatchObject({ code: 0, stderr: '' })
    back.close()
    expect(
      [...bodies.join('').matchAll(/"name":"(chat gpt-5|invoke_agent svc)"/g)].map((m) => m[1] ?? '').sort((a, b) => a.localeCompare(b)),
    ).toEqual(RUN)
  })
})
