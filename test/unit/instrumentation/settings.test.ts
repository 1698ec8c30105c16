import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readSettings, type Settings } from '../../../instrumentation/settings.ts'

type Env = Readonly<Record<string, string>>
function read(env: Env): Settings & { readonly problems: readonly string[] } {
  const problems: string[] = []
  return { ...readSettings(env, (p) => problems.push(p)), problems }
}

test('an empty environment: on, traced, content off, controls of this host, nothing to complain about', () => {
  const s = read({})
  expect(s).toMatchObject({
    disabled: false,
    traces: true,
    agent: undefined,
    service: '',
    environment: '',
    controlUrl: 'http://127.0.0.1:9464',
    coldDeadlineMs: 50,
    neverHeard: 'admit',
    content: false,
    logLevel: 'warn',
    problems: [],
  })
  expect([...s.pin]).toEqual([])
  expect([...s.propagators]).toEqual(['tracecontext', 'baggage'])
  expect(s.export).toEqual({ maxSpans: 2048, batchSpans: 512, delayMs: 1000 })
})

interface Case {
  readonly name: string
  readonly env: Env
  readonly is: Partial<Settings>
  readonly problems?: readonly string[]
}
const cases: readonly Case[] = [
  { name: 'AGENTOPZ_DISABLED', env: { AGENTOPZ_DISABLED: 'TRUE' }, is: { disabled: true } },
  { name: 'AGENTOPZ_DISABLED=0 is not disabled', env: { AGENTOPZ_DISABLED: '0' }, is: { disabled: false } },
  { name: 'OTEL_SDK_DISABLED: guards without spans', env: { OTEL_SDK_DISABLED: 'true' }, is: { disabled: false, traces: false } },
  { name: 'OTEL_TRACES_EXPORTER=none', env: { OTEL_TRACES_EXPORTER: ' none ' }, is: { traces: false } },
  {
    name: 'the agent is named by AGENTOPZ_AGENT first',
    env: { AGENTOPZ_AGENT: 'a', OTEL_SERVICE_NAME: 's' },
    is: { agent: 'a', service: 's' },
  },
  { name: 'then by the service', env: { OTEL_SERVICE_NAME: 's' }, is: { agent: 's', service: 's' } },
  {
    name: 'then by the resource, percent-decoded',
    env: { OTEL_RESOURCE_ATTRIBUTES: 'service.name=my%20agent,deployment.environment.name=prod' },
    is: { agent: 'my agent', service: 'my agent', environment: 'prod' },
  },
  {
    name: 'the old name of the environment',
    env: { OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=stage' },
    is: { environment: 'stage' },
  },
  { name: 'a broken percent sign is taken as it is', env: { OTEL_RESOURCE_ATTRIBUTES: 'service.name=100%' }, is: { service: '100%' } },
  { name: 'controls off', env: { AGENTOPZ_CONTROL_URL: 'off' }, is: { controlUrl: undefined, controlCache: undefined } },
  {
    name: 'controls of the processor beside a loopback endpoint',
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318' },
    is: { controlUrl: 'http://localhost:9464' },
  },
  {
    name: 'over TLS where the endpoint is',
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://localhost:4318' },
    is: { controlUrl: 'https://localhost:9464' },
  },
  {
    name: 'none beside an endpoint elsewhere: nobody is asked who was not named',
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://otlp.example.com' },
    is: { controlUrl: undefined },
  },
  {
    name: 'a control URL without its last slash',
    env: { AGENTOPZ_CONTROL_URL: 'https://c.example/x/' },
    is: { controlUrl: 'https://c.example/x' },
  },
  {
    name: 'a control URL that is none',
    env: { AGENTOPZ_CONTROL_URL: 'c.example:9464' },
    is: { controlUrl: undefined },
    problems: ['AGENTOPZ_CONTROL_URL="c.example:9464" is no URL; write something like http://127.0.0.1:9464, or off'],
  },
  { name: 'no cache', env: { AGENTOPZ_CONTROL_CACHE: 'off' }, is: { controlCache: undefined } },
  { name: "a cache of one's own", env: { AGENTOPZ_CONTROL_CACHE: '/var/lib/c.json' }, is: { controlCache: '/var/lib/c.json' } },
  {
    name: 'a number that is none',
    env: { AGENTOPZ_COLD_DEADLINE_MS: 'soon' },
    is: { coldDeadlineMs: 50 },
    problems: ['AGENTOPZ_COLD_DEADLINE_MS="soon" is no number of 0 or more; 50 is used'],
  },
  {
    name: 'a negative number',
    env: { AGENTOPZ_MAX_BODY_BYTES: '-1' },
    is: { maxBodyBytes: 4_194_304 },
    problems: ['AGENTOPZ_MAX_BODY_BYTES="-1" is no number of 0 or more; 4194304 is used'],
  },
  { name: 'never heard: refuse', env: { AGENTOPZ_NEVER_HEARD: 'Refuse' }, is: { neverHeard: 'refuse' } },
  {
    name: 'a choice that is none',
    env: { AGENTOPZ_NEVER_HEARD: 'maybe', AGENTOPZ_LOG_LEVEL: 'loud' },
    is: { neverHeard: 'admit', logLevel: 'warn' },
    problems: [
      'AGENTOPZ_NEVER_HEARD="maybe" is none of admit, refuse; admit is used',
      'AGENTOPZ_LOG_LEVEL="loud" is none of silent, error, warn, info, debug; warn is used',
    ],
  },
  { name: 'content', env: { OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: 'SPAN_ONLY' }, is: { content: true } },
  { name: 'content=no_content', env: { OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: 'NO_CONTENT' }, is: { content: false } },
  {
    name: 'a batch is no larger than the queue',
    env: { OTEL_BSP_MAX_QUEUE_SIZE: '10', OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '512', OTEL_BSP_SCHEDULE_DELAY: '0' },
    is: { export: { maxSpans: 10, batchSpans: 10, delayMs: 0 } },
  },
  {
    name: 'a queue of nothing is one of one',
    env: { OTEL_BSP_MAX_QUEUE_SIZE: '0' },
    is: { export: { maxSpans: 1, batchSpans: 1, delayMs: 1000 } },
  },
  {
    name: 'limits of spans: the particular before the general',
    env: { OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: '100', OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: '50', OTEL_ATTRIBUTE_COUNT_LIMIT: '7' },
    is: { spanLimits: { attributeValueLengthLimit: 50, attributeCountLimit: 7, eventCountLimit: 128, linkCountLimit: 128 } },
  },
]
describe('one by one', () => {
  for (const c of cases)
    test(c.name, () => {
      const s = read(c.env)
      expect(s).toMatchObject(c.is)
      expect(s.problems).toEqual(c.problems ?? [])
    })
})

test('lists: pins, integrations that are off, propagators', () => {
  const s = read({
    AGENTOPZ_PIN: 'model, prompt nothing',
    AGENTOPZ_DISABLED_INTEGRATIONS: 'langchain,mcp',
    OTEL_PROPAGATORS: 'tracecontext,b3',
  })
  expect([...s.pin]).toEqual(['model', 'prompt'])
  expect([...s.disabledIntegrations]).toEqual(['langchain', 'mcp'])
  expect(s.propagators.has('tracecontext')).toBe(true)
  expect(s.propagators.has('baggage')).toBe(false)
  expect(s.problems).toEqual([
    'AGENTOPZ_PIN: "nothing" is none of model, prompt; it is left out',
    'OTEL_PROPAGATORS: "b3" is not spoken here; write tracecontext, baggage or none',
  ])
})

test('two control planes have two caches', () => {
  const cache = (url: string): string | undefined => read({ AGENTOPZ_CONTROL_URL: url, XDG_CACHE_HOME: '/c' }).controlCache
  expect(cache('http://a:1')).not.toBe(cache('http://b:1'))
  expect(cache('http://a:1')?.startsWith(join('/c', 'agentopz', 'controls-'))).toBe(true)
})
