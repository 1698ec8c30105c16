/** What commands say that are asked wrongly, or of what they would run, as a person reads it: in this process, with real files and sockets. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { main } from '../../../app/cli.ts'
import { authText } from '../../../app/commands/check-config.ts'
import { parseConfig } from '../../../app/config.ts'

interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'agentopz-commands-'))
})
afterAll(() => rmSync(dir, { recursive: true }))

async function agentopz(...args: readonly string[]): Promise<Ended> {
  let [out, err] = ['', '']
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((out += String(text)), true)),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((err += String(text)), true)),
  ]
  try {
    return { code: await main(['node', 'agentopz', ...args]), out, err }
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
}

describe('check-config', () => {
  const nobody = 'everybody who can connect may send and read'
  test.each([
    ['', `none; ${nobody}, this machine may act`],
    ['listen: 0.0.0.0:1', `none; ${nobody}, nobody may act`],
    ['auth: { tokens: [{ name: a, role: ingest, token: x }] }', '1 token (ingest); nobody may read or act; /metrics takes none'],
    [
      'auth: { protect_metrics: true, tokens: [{ name: a, role: operate, token: x }, { name: b, role: operate, token: y }] }',
      '2 tokens (2 operate); nobody may send; /metrics takes a read token',
    ],
    [
      'auth: { tokens: [{ name: a, role: operate, token: x }, { name: b, role: ingest, token: y }] }',
      '2 tokens (1 ingest, 1 operate); /metrics takes none',
    ],
  ])('says who may do what: %s', (yaml, text) => {
    const loaded = parseConfig(yaml, 'c.yaml', {})
    expect(loaded.ok && authText(loaded.config)).toBe(text)
  })
  test('prints it', async () => {
    const file = join(dir, 'c.yaml')
    writeFileSync(file, 'auth: { tokens: [{ name: a, role: ingest, token: x }] }')
    const { code, out } = await agentopz('check-config', file)
    expect([code, out.split('\n').at(-2)]).toEqual([0, '  auth: 1 token (ingest); nobody may read or act; /metrics takes none'])
  })
})

describe('replay', () => {
  let server: Server | undefined
  const seen: (string | undefined)[] = []
  afterEach(() => {
    server?.closeAllConnections()
    server?.close()
    seen.length = 0
    vi.unstubAllEnvs()
  })
  /** Takes what has the token `right`. */
  async function endpoint(): Promise<string> {
    const started = createServer((request, response) => {
      seen.push(request.headers.authorization)
      const status = request.headers.authorization === 'Bearer right' ? 200 : 401
      request
        .resume()
        .on('end', () => response.writeHead(status, { 'content-type': 'application/json' }).end(status === 200 ? '{}' : 'no token'))
    })
    server = started
    await new Promise<void>((done) => started.listen(0, '127.0.0.1', done))
    return `http://127.0.0.1:${(started.address() as AddressInfo).port}`
  }
  function lines(): string {
    const file = join(dir, 'l.jsonl')
    writeFileSync(file, '{"resourceSpans":[]}\n{"resourceSpans":[]}\n')
    return file
  }
  test('of a file that is not there sends nothing', async () => {
    const url = await endpoint()
    const { code, err } = await agentopz('replay', lines(), join(dir, 'no.jsonl'), dir, '--endpoint', url)
    expect([code, seen, err.split('\n')]).toEqual([
      1,
      [],
      [
        `agentopz: ${dir}/no.jsonl: there is no such file; name files of OTLP/JSON lines`,
        `agentopz: ${dir}: it is a folder; name files of OTLP/JSON lines`,
        '',
      ],
    ])
  })
  test('without a token that it takes: stops at once, and says how to give one', async () => {
    vi.stubEnv('AGENTOPZ_TOKEN', undefined)
    const { code, err } = await agentopz('replay', lines(), '--endpoint', await endpoint())
    expect([code, seen]).toEqual([1, [undefined]])
    expect(err).toMatch(/l\.jsonl:1 {2}refused with 401: no token; give a token with the ingest role with --token or AGENTOPZ_TOKEN\n$/)
  })
  test('takes the token of AGENTOPZ_TOKEN, and that of --token before it', async () => {
    const url = await endpoint()
    vi.stubEnv('AGENTOPZ_TOKEN', 'right')
    expect(await agentopz('replay', lines(), '--endpoint', url)).toMatchObject({ code: 0 })
    vi.stubEnv('AGENTOPZ_TOKEN', 'wrong')
    expect(await agentopz('replay', lines(), '--endpoint', url, '--token', 'right')).toMatchObject({ code: 0 })
  })
})
