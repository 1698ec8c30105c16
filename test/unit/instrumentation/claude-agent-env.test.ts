import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { childEnv } from '../../../instrumentation/integrations/claude-agent-env.ts'

beforeEach(() => {
  for (const name of ['ENDPOINT', 'HEADERS', 'TRACES_ENDPOINT', 'TRACES_HEADERS']) vi.stubEnv(`OTEL_EXPORTER_OTLP_${name}`, undefined)
})
afterEach(() => vi.unstubAllEnvs())

test('the child sends its spans where ours go, with the same headers', () => {
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', 'http://collector:4318')
  vi.stubEnv('OTEL_EXPORTER_OTLP_HEADERS', 'authorization=Bearer%20x')
  expect(childEnv({ PATH: '/bin' })).toMatchObject({
    PATH: '/bin',
    CLAUDE_CODE_ENABLE_TELEMETRY: '1',
    CLAUDE_CODE_ENHANCED_TELEMETRY_BETA: '1',
    OTEL_TRACES_EXPORTER: 'otlp',
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318/v1/traces',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'authorization=Bearer%20x',
  })
})

test('what the application gives its child comes first', () => {
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', 'http://collector:4318')
  const given = { CLAUDE_CODE_ENABLE_TELEMETRY: '0', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://own:4318/v1/traces' }
  expect(childEnv(given)).toMatchObject(given)
})

test('a child that would inherit this environment inherits all of it, and nothing given is taken from this one', () => {
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', 'http://collector:4318')
  vi.stubEnv('MY_SETTING', 'here')
  vi.stubEnv('OTEL_TRACES_EXPORTER', 'console')
  expect(childEnv(undefined)).toMatchObject({ MY_SETTING: 'here', OTEL_TRACES_EXPORTER: 'console' })
  expect(childEnv({})).not.toHaveProperty('MY_SETTING')
})

test('where nothing says where spans go, and they are not sent by us, the environment is left alone', () => {
  expect(childEnv({ PATH: '/bin' })).toBeUndefined()
  expect(childEnv(undefined)).toBeUndefined()
})

test('an endpoint that is no URL is no place to send to', () => {
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318')
  expect(childEnv({})).toBeUndefined()
})
