/**
 * TLS on every listener, with certificates that openssl makes: who can speak to it, who cannot and what they are told, and a reload.
 * Needs `openssl`.
 */
import { spawn } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type App, createApp } from '../../app/app.ts'
import { loadConfig } from '../../app/config.ts'
import { createLog } from '../../app/log.ts'
import { sumOf, until } from '../support/app.ts'
import { authority, type Certificate, signed } from '../support/certificates.ts'

const TOP = resolve(import.meta.dirname, '../..')
let dir: string
let ca: Certificate
let other: Certificate
const apps: App[] = []

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'agentopz-tls-'))
  ca = authority(dir, 'ca')
  other = authority(dir, 'other')
  signed(dir, 'first', ca)
  signed(dir, 'second', ca)
  signed(dir, 'expired', ca, -1)
  signed(dir, 'client', ca)
  signed(dir, 'stranger', other)
})
afterEach(() => Promise.all(apps.splice(0).map((a) => a.stop())))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

function use(name: string): void {
  for (const end of ['pem', 'key']) copyFileSync(join(dir, `${name}.${end}`), join(dir, `served.${end}`))
}
async function start(more = '', served = 'first'): Promise<App> {
  use(served)
  const file = join(dir, 'agentopz.yaml')
  writeFileSync(
    file,
    `storage: 'sqlite::memory:'\nreceive: { otlp_http: '127.0.0.1:0', otlp_grpc: '127.0.0.1:0' }\nlisten: 127.0.0.1:0\nlog: { level: silent }\nagents: { support: {} }\nruns: { settle_seconds: 1 }\ntls: { cert_file: served.pem, key_file: served.key${more} }\n`,
  )
  const load = (): Extract<ReturnType<typeof loadConfig>, { ok: true }> => {
    const loaded = loadConfig(file, {})
    if (!loaded.ok) throw new Error(loaded.problems.join('\n'))
    return loaded
  }
  const { config } = load()
  const app: App = createApp({
    config,
    dir,
    log: createLog(config.log),
    reload: () => {
      const again = load()
      return app.apply(again.config, again.dir)
    },
  })
  await app.start()
  apps.push(app)
  return app
}

interface Answer {
  readonly status: number
  readonly text: string
}
/** One HTTPS request with these files. */
function ask(port: number, path: string, method = 'GET', client?: Certificate, body = ''): Promise<Answer> {
  return new Promise((done, fail) => {
    const sent = request(
      { host: '127.0.0.1', port, path, method, ...trust(client), headers: { 'content-type': 'application/json' }, agent: false },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (d: string) => (text += d))
        response.on('end', () => done({ status: response.statusCode ?? 0, text }))
      },
    )
    sent.on('error', fail)
    sent.end(body)
  })
}
function trust(client?: Certificate): { ca: Buffer; cert?: Buffer; key?: Buffer } {
  return { ca: read(ca.cert), ...(client === undefined ? {} : { cert: read(client.cert), key: read(client.key) }) }
}
const read = (file: string): Buffer => readFileSync(file)
function serving(port: number): Promise<string> {
  return new Promise((done, fail) => {
    const socket: TLSSocket = connect(
      { host: '127.0.0.1', port, ca: read(ca.cert), checkServerIdentity: () => undefined, rejectUnauthorized: false },
      () => {
        done(String(socket.getPeerCertificate().subject.CN))
        socket.destroy()
      },
    )
    socket.on('error', fail)
  })
}
async function metrics(app: App): Promise<string> {
  return (await app.metrics.expose(undefined, Date.now())).body
}
function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [join(TOP, 'app/cli.ts'), ...args], { cwd: tmpdir(), env: { ...process.env, ...env } })
  let [out, err] = ['', '']
  child.stdout.on('data', (d: Buffer) => (out += d.toString()))
  child.stderr.on('data', (d: Buffer) => (err += d.toString()))
  return new Promise((done) => child.on('close', (code) => done({ code: code ?? -1, out, err })))
}
const ports = (app: App): { api: number; http: number; grpc: number } => ({
  api: app.ports.listen,
  http: app.ports.otlpHttp ?? 0,
  grpc: app.ports.otlpGrpc ?? 0,
})

describe('every listener', () => {
  test('speaks TLS: the API, OTLP over HTTP, OTLP over gRPC', async () => {
    const app = await start()
    const { api, http, grpc } = ports(app)
    expect((await ask(api, '/-/ready')).status).toBe(200)
    expect((await ask(http, '/v1/traces', 'POST', undefined, '{}')).status).toBe(200)
    expect(await call(grpc)).toBe('0')
    expect(await metrics(app)).toMatch(/^agentopz_tls_certificate_expiry_timestamp_seconds\{certificate="server"\} \d+/m)
  })
  test('does nothing for who does not speak it, and counts them', async () => {
    const app = await start()
    const { api, http, grpc } = ports(app)
    for (const port of [api, http, grpc]) await expect(fetch(`http://127.0.0.1:${port}/-/ready`)).rejects.toThrow()
    const failed = async (listener: string): Promise<number> =>
      sumOf(await metrics(app), 'agentopz_tls_handshakes_failed_total', { listener })
    await until(async () => (await failed('api')) > 0 && (await failed('http')) > 0 && (await failed('grpc')) > 0, 'all three are counted')
  })
  test('asks for a certificate where client_ca_file says so', async () => {
    const app = await start(', client_ca_file: ca.pem')
    const { api, http } = ports(app)
    const client = { cert: join(dir, 'client.pem'), key: join(dir, 'client.key') }
    const stranger = { cert: join(dir, 'stranger.pem'), key: join(dir, 'stranger.key') }
    expect((await ask(api, '/-/ready', 'GET', client)).status).toBe(200)
    for (const port of [api, http]) {
      await expect(ask(port, '/-/ready')).rejects.toThrow()
      await expect(ask(port, '/-/ready', 'GET', stranger)).rejects.toThrow()
    }
  })
})

function call(port: number): Promise<string> {
  const session = connectHttp2(`https://127.0.0.1:${port}`, { ca: read(ca.cert) })
  return new Promise((done, fail) => {
    session.on('error', fail)
    const sent = session.request({
      ':method': 'POST',
      ':path': '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    sent.on('trailers', (headers: Readonly<Record<string, unknown>>) => {
      session.close()
      done(String(headers['grpc-status']))
    })
    sent.on('error', fail)
    sent.resume()
    sent.end(Buffer.alloc(5))
  })
}

describe('a reload', () => {
  test('serves the new certificate to new connections, and cuts none', async () => {
    const app = await start()
    const { api, http, grpc } = ports(app)
    const kept = connect({ host: '127.0.0.1', port: api, ca: read(ca.cert) })
    await new Promise((done) => kept.once('secureConnect', done))
    use('second')
    expect((await ask(api, '/-/reload', 'POST')).status).toBe(200)
    expect(await Promise.all([api, http, grpc].map(serving))).toEqual(['second', 'second', 'second'])
    const answered = new Promise((done) => kept.once('data', (d: Buffer) => done(d.toString().slice(0, 15))))
    kept.write('GET /-/ready HTTP/1.1\r\nHost: localhost\r\n\r\n')
    expect(await answered).toBe('HTTP/1.1 200 OK')
    kept.destroy()
  })
  test('with a key that does not fit is refused, and the old one stays', async () => {
    const app = await start()
    copyFileSync(join(dir, 'second.key'), join(dir, 'served.key'))
    const answer = await ask(app.ports.listen, '/-/reload', 'POST')
    expect([answer.status, answer.text]).toEqual([400, expect.stringContaining('is not the key of the certificate in')])
    expect(await serving(app.ports.listen)).toBe('first')
    expect(sumOf(await metrics(app), 'agentopz_config_reload_successful')).toBe(0)
  })
  test('that switches TLS off, or client certificates on, is refused: it takes a restart', async () => {
    const app = await start()
    const loaded = loadConfig(join(dir, 'agentopz.yaml'), {})
    if (!loaded.ok) throw new Error('no configuration')
    const { tls, ...without } = loaded.config
    expect(app.apply(without as typeof loaded.config, dir)).toEqual(['tls: switching TLS on or off takes a restart of agentopz'])
    expect(app.apply({ ...loaded.config, tls: { cert_file: '', key_file: '', ...tls, client_ca_file: 'ca.pem' } }, dir)).toEqual([
      'tls.client_ca_file: whether clients must show a certificate takes a restart of agentopz',
    ])
  })
  test('an expired certificate is served and its expiry told', async () => {
    const app = await start('', 'expired')
    expect(await serving(app.ports.listen)).toBe('expired')
    const at = sumOf(await metrics(app), 'agentopz_tls_certificate_expiry_timestamp_seconds', { certificate: 'server' })
    expect(Math.round((Date.now() / 1000 - at) / 86_400)).toBe(1)
  })
})

describe('the command line', () => {
  test('trusts an authority by --ca-file or NODE_EXTRA_CA_CERTS, and says what to type without', async () => {
    const app = await start()
    const list = ['control', 'list', '--url', `https://127.0.0.1:${app.ports.listen}`]
    const [option, env, none, plain, noFile] = await Promise.all([
      run([...list, '--ca-file', ca.cert]),
      run(list, { NODE_EXTRA_CA_CERTS: ca.cert }),
      run(list),
      run(['control', 'list', '--url', `http://127.0.0.1:${app.ports.listen}`]),
      run([...list, '--ca-file', join(dir, 'nowhere.pem')]),
    ])
    expect([option.err, option.out, option.code]).toEqual(['', 'no control is in force\n', 0])
    expect([env.out, env.code]).toEqual(['no control is in force\n', 0])
    expect([none.code, none.err]).toEqual([1, expect.stringContaining('its authority is not known here; trust it with --ca-file FILE')])
    expect([plain.code, plain.err]).toEqual([1, expect.stringContaining('if it speaks TLS, ask with --url https://HOST:PORT')])
    expect([noFile.code, noFile.err]).toEqual([2, expect.stringContaining('--ca-file')])
  })
  test('asks over https where the configuration has tls', async () => {
    const app = await start()
    const file = join(dir, 'client.yaml')
    writeFileSync(file, `listen: 127.0.0.1:${app.ports.listen}\ntls: { cert_file: served.pem, key_file: served.key }\n`)
    expect((await run(['control', 'list', '--config', file, '--ca-file', ca.cert])).out).toBe('no control is in force\n')
  })
  test('shows a certificate where one is asked for', async () => {
    const app = await start(', client_ca_file: ca.pem')
    const list = ['control', 'list', '--url', `https://127.0.0.1:${app.ports.listen}`, '--ca-file', ca.cert]
    const shown = await run([...list, '--cert-file', join(dir, 'client.pem'), '--key-file', join(dir, 'client.key')])
    expect([shown.err, shown.out]).toEqual(['', 'no control is in force\n'])
    const none = await run(list)
    expect([none.code, none.err]).toEqual([1, expect.stringContaining('--cert-file')])
  })
})

test.each([
  ['trusts by NODE_EXTRA_CA_CERTS', '', (): NodeJS.ProcessEnv => ({ NODE_EXTRA_CA_CERTS: ca.cert })],
  [
    'shows a certificate, by the variables of OTLP',
    ', client_ca_file: ca.pem',
    (): NodeJS.ProcessEnv => ({
      OTEL_EXPORTER_OTLP_CERTIFICATE: ca.cert,
      OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: join(dir, 'client.pem'),
      OTEL_EXPORTER_OTLP_CLIENT_KEY: join(dir, 'client.key'),
    }),
  ],
])(
  'an agent sends spans and hears of controls over TLS: %s',
  async (_, more, env) => {
    const app = await start(more)
    const { api, http } = ports(app)
    const program = join(dir, 'agent.mjs')
    const index = join(TOP, 'instrumentation/index.ts')
    writeFileSync(
      program,
      `import { runAgent } from ${JSON.stringify(index)}\nawait runAgent('support', async () => 'done')\nsetTimeout(() => undefined, 60_000)\n`,
    )
    const child = spawn(process.execPath, ['--import', join(TOP, 'instrumentation/register.ts'), program], {
      env: {
        ...process.env,
        ...env(),
        OTEL_EXPORTER_OTLP_ENDPOINT: `https://127.0.0.1:${http}`,
        AGENTOPZ_CONTROL_URL: `https://127.0.0.1:${api}`,
        AGENTOPZ_CONTROL_CACHE: 'off',
        OTEL_SERVICE_NAME: 'shop',
      },
      stdio: 'ignore',
    })
    try {
      await until(async () => sumOf(await metrics(app), 'agentopz_control_streams', { service: 'shop' }) === 1, 'the agent listens', 20)
      await until(async () => sumOf(await metrics(app), 'agentopz_runs_total', { agent: 'support' }) > 0, 'its run is closed', 20)
    } finally {
      child.kill('SIGKILL')
    }
  },
  60_000,
)
