import { writeFileSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type OtlpTarget, otlpTarget } from '../../../../instrumentation/export/target.ts'

function read(env: Readonly<Record<string, string>>): { target: OtlpTarget | undefined; problems: readonly string[] } {
  const problems: string[] = []
  return { target: otlpTarget(env, (p) => problems.push(p)), problems }
}

describe('where spans go', () => {
  const urls: readonly { name: string; env: Record<string, string>; url: string }[] = [
    { name: 'the port of OTLP/HTTP on this host by default', env: {}, url: 'http://localhost:4318/v1/traces' },
    {
      name: 'the general endpoint with the path of traces',
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://o.example' },
      url: 'https://o.example/v1/traces',
    },
    {
      name: 'a path of the general endpoint stays',
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://o.example/otlp/' },
      url: 'http://o.example/otlp/v1/traces',
    },
    {
      name: 'the endpoint of traces as it is',
      env: { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://t.example/in', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://o.example' },
      url: 'http://t.example/in',
    },
    { name: 'empty is as good as absent', env: { OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }, url: 'http://localhost:4318/v1/traces' },
  ]
  for (const c of urls) test(c.name, () => expect(read(c.env)).toMatchObject({ target: { url: c.url }, problems: [] }))

  for (const bad of ['localhost:4318', 'tcp://x:1', 'http://', 'http://a b'])
    test(`"${bad}" is no URL: said, and nothing is sent`, () => {
      const { target, problems } = read({ OTEL_EXPORTER_OTLP_ENDPOINT: bad })
      expect(target).toBeUndefined()
      expect(problems).toEqual([
        `OTEL_EXPORTER_OTLP_ENDPOINT="${bad}" is no URL, spans are not sent; write something like http://localhost:4318`,
      ])
    })
})

describe('headers', () => {
  test('are percent-decoded, those of traces win, names are in lower case', () => {
    const { target, problems } = read({
      OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Bearer%20a%3Db, x-team = core ,',
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-team=agents',
    })
    expect(target?.headers).toEqual({ authorization: 'Bearer a=b', 'x-team': 'agents', 'content-type': 'application/json' })
    expect(problems).toEqual([])
  })
  test('what is no header is left out and told, without its value', () => {
    const { target, problems } = read({ OTEL_EXPORTER_OTLP_HEADERS: 'secret,a b=secret,x=%0Asecret,y=100%' })
    expect(target?.headers).toEqual({ y: '100%', 'content-type': 'application/json' })
    expect(problems).toHaveLength(3)
    expect(problems.join('\n')).not.toContain('secret')
  })
})

describe('the rest', () => {
  test('timeout and compression', () =>
    expect(read({ OTEL_EXPORTER_OTLP_TIMEOUT: '250', OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: 'gzip' }).target).toMatchObject({
      timeoutMs: 250,
      gzip: true,
    }))
  test('a timeout that is none', () => {
    const { target, problems } = read({ OTEL_EXPORTER_OTLP_TIMEOUT: '10s' })
    expect(target?.timeoutMs).toBe(10_000)
    expect(problems).toEqual(['OTEL_EXPORTER_OTLP_TIMEOUT="10s" is no time in milliseconds; 10000 is used'])
  })
  test('grpc is not spoken, and that is said', () =>
    expect(read({ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }).problems).toEqual([
      'OTEL_EXPORTER_OTLP_PROTOCOL="grpc" is not spoken here; spans are sent as OTLP/JSON over HTTP to http://localhost:4318/v1/traces',
    ]))
  test('certificates are read for https, and a missing file is told', () => {
    const ca = join(mkdtempSync(join(tmpdir(), 'agentopz-')), 'ca.pem')
    writeFileSync(ca, 'PEM')
    const { target, problems } = read({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://o.example',
      OTEL_EXPORTER_OTLP_CERTIFICATE: ca,
      OTEL_EXPORTER_OTLP_CLIENT_KEY: '/nowhere/key.pem',
    })
    expect(target?.tls).toEqual({ ca: 'PEM' })
    expect(problems).toEqual(['OTEL_EXPORTER_OTLP_CLIENT_KEY="/nowhere/key.pem" cannot be read; spans are sent without it'])
  })
})
