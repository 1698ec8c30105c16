/** The built package as npm would install it: commands, exit codes, a served request, a clean end. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../support/app.ts'
import { otlp } from '../support/otlp.ts'

const TOP = join(import.meta.dirname, '../..')
const CLI = join(TOP, 'dist/app/cli.js')
const dir = mkdtempSync(join(tmpdir(), 'agentopz-smoke-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))
const run = async (...args: string[]): Promise<{ code: number; out: string; err: string }> => {
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [CLI, ...args], { cwd: dir })
    return { code: 0, out: stdout, err: stderr }
  } catch (error) {
    const e = error as { code: number; stdout: string; stderr: string }
    return { code: e.code, out: e.stdout, err: e.stderr }
  }
}
const file = (name: string, text: string): string => {
  writeFileSync(join(dir, name), text)
  return join(dir, name)
}

beforeAll(() => expect(readFileSync(CLI, 'utf8').startsWith('#!/usr/bin/env node')).toBe(true))

describe('exit codes', () => {
  test('--version and --help are 0', async () => {
    const { version } = JSON.parse(readFileSync(join(TOP, 'package.json'), 'utf8')) as { version: string }
    expect(await run('--version')).toMatchObject({ code: 0, out: `${version}\n` })
    expect((await run('--help')).out).toContain('check-config')
  })
  test('usage is 2', async () => {
    expect((await run('frobnicate')).code).toBe(2)
    expect((await run('replay')).code).toBe(2)
    expect((await run('demo', '--seconds', 'x')).code).toBe(2)
  })
  test('a bad configuration is 2, with every mistake', async () => {
    const bad = await run('check-config', file('bad.yaml', 'runz: {}\nlisten: x\n'))
    expect([bad.code, bad.err.trim().split('\n').length]).toEqual([2, 2])
    expect((await run('serve', '--config', join(dir, 'bad.yaml'))).code).toBe(2)
    expect(JSON.parse((await run('check-config', '--json', join(dir, 'bad.yaml'))).out)).toMatchObject({
      ok: false,
      problems: [expect.any(String), expect.any(String)],
    })
  })
  test('a good one is 0', async () =>
    expect(await run('check-config', file('good.yaml', 'defaults: { quality: 0.9 }'))).toMatchObject({
      code: 0,
      out: expect.stringContaining('ok') as string,
    }))
  test('replay to nowhere is 1, and says what to do', async () => {
    const lines = file('lines.jsonl', `${JSON.stringify(otlp({ spans: [{}] }))}\n`)
    const answer = await run('replay', lines, '--endpoint', 'http://127.0.0.1:1')
    expect([answer.code, answer.err.includes('start it with "agentopz serve"')]).toEqual([1, true])
    expect((await run('replay', file('no.jsonl', '{"a":1}\n'))).err).toContain('no.jsonl:1')
  })
})

describe('serve', () => {
  let child: ChildProcess
  let log = ''
  const ports = { http: 24_318, listen: 29_464 }
  beforeAll(async () => {
    const config = file(
      'serve.yaml',
      `receive: { otlp_http: 127.0.0.1:${ports.http}, otlp_grpc: off }\nlisten: 127.0.0.1:${ports.listen}\nruns: { settle_seconds: 0.1 }\n`,
    )
    child = spawn(process.execPath, [CLI, 'serve', '--config', config], { cwd: dir })
    child.stderr?.on('data', (d: Buffer) => (log += d.toString()))
    await until(async () => log.includes('agentopz is ready'), 'ready')
  })
  test('takes a replay and counts the run', async () => {
    const span = {
      traceId: '1af7651916cd43dd8448eb211c80319c',
      flags: 257,
      attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'smoke' },
    }
    const lines = file('one.jsonl', `${JSON.stringify(otlp({ spans: [span] }))}\n`)
    expect(await run('replay', lines, '--now', '--endpoint', `http://127.0.0.1:${ports.http}`)).toMatchObject({
      code: 0,
      out: '1 requests sent, 0 refused, 0 items rejected in requests that were taken\n',
    })
    await until(
      async () => (await (await fetch(`http://127.0.0.1:${ports.listen}/metrics`)).text()).includes('agentopz_runs_total{agent="smoke"'),
      'run counted',
    )
  })
  test('a taken port is told with the key that changes it', async () => {
    const answer = await run('serve', '--config', join(dir, 'serve.yaml'))
    expect([answer.code, answer.err.includes(`127.0.0.1:${ports.http} is taken`), answer.err.includes('receive.otlp_http')]).toEqual([
      1,
      true,
      true,
    ])
  })
  test('reloads on SIGHUP, keeps the old configuration when the new one is bad', async () => {
    const metric = async (): Promise<string> =>
      /agentopz_config_reload_successful (\d)/.exec(await (await fetch(`http://127.0.0.1:${ports.listen}/metrics`)).text())?.[1] ?? ''
    const good = readFileSync(join(dir, 'serve.yaml'), 'utf8')
    file('serve.yaml', `${good}\nrunz: {}\n`)
    child.kill('SIGHUP')
    await until(async () => (await metric()) === '0', 'refused')
    file('serve.yaml', good)
    child.kill('SIGHUP')
    await until(async () => (await metric()) === '1', 'taken')
  })
  test('ends on SIGTERM with 0, and says so', async () => {
    const ended = new Promise((done) => child.once('close', done))
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
    expect(JSON.parse(log.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({ msg: 'stopped' })
  })
})

test('the package exports what it says', async () => {
  const processor = (await import(join(TOP, 'dist/processor/index.js'))) as { createSpanProcessor: unknown }
  const app = (await import(join(TOP, 'dist/app/index.js'))) as { createApp: unknown; VERSION: string }
  expect([typeof processor.createSpanProcessor, typeof app.createApp, app.VERSION]).toEqual(['function', 'function', '0.1.0'])
})
