import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DEFAULT_CONFIG, loadConfig, parseConfig } from '../../../app/config.ts'
import { DEFAULT_RECEIVE_LIMITS } from '../../../processor/receive.ts'
import { configurationReference } from '../../../app/generate-config-docs.ts'
import { DEFAULT_CHECKS } from '../../../processor/evaluations/index.ts'
import { DEFAULT_VALUES_PER_LABEL } from '../../../processor/cardinality.ts'
import { DEFAULT_METRICS_OPTIONS } from '../../../processor/metrics.ts'
import { metricsOptions, objectiveRows, pipelineSettings, receiveLimits, relayEndpoints, SettingsError } from '../../../app/settings.ts'

const TOP = join(import.meta.dirname, '../../..')
const problems = (text: string, env: Record<string, string> = {}): readonly string[] => {
  const loaded = parseConfig(text, 'c.yaml', env)
  return loaded.ok ? [] : loaded.problems
}
const config = (text: string, env: Record<string, string> = {}): typeof DEFAULT_CONFIG => {
  const loaded = parseConfig(text, 'c.yaml', env)
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'))
  return loaded.config
}

/** One mistake each: YAML, the whole message. */
const mistakes: readonly (readonly [string, string, string])[] = [
  [
    'memory in words',
    'limits: { max_memory: plenty }',
    'c.yaml:1:23  limits.max_memory: "plenty" is no amount of memory; write something like 512MiB (32MiB at least), 80%, auto or off',
  ],
  [
    'memory that Node does not start in',
    'limits: { max_memory: 512 }',
    'c.yaml:1:23  limits.max_memory: "512" is no amount of memory; write something like 512MiB (32MiB at least), 80%, auto or off',
  ],
  [
    'slices too small to be worth it',
    'limits: { slice_bytes: 100 }',
    'c.yaml:1:24  limits.slice_bytes: 100 is too small; write 1024 at least, or leave it out',
  ],
  ['no size in bytes', 'limits: { unpack_inline_bytes: 256KiB }', 'c.yaml:1:32  limits.unpack_inline_bytes: expected number, got "256KiB"'],
  ['nothing as a size', 'limits: { slice_above_bytes: 0 }', 'c.yaml:1:30  limits.slice_above_bytes: 0 is too small; write 1 or more'],
  ['a misspelt section', 'runz: {}', 'c.yaml:1:1  runz: no such key; did you mean "runs"?'],
  ['a misspelt key', 'runs:\n  setle_seconds: 3', 'c.yaml:2:3  runs.setle_seconds: no such key; did you mean "settle_seconds"?'],
  [
    'a misspelt key of an agent',
    'agents:\n  a:\n    quality: { chekcs: [] }',
    'c.yaml:3:16  agents.a.quality.chekcs: no such key; did you mean "checks"?',
  ],
  ['a percentage for a share', 'defaults: { quality: 97 }', 'c.yaml:1:22  defaults.quality: 97 is not between 0 and 1; write 0.97'],
  [
    'a percentage deeper down',
    'agents: { a: { steps: { target: 99 } } }',
    'c.yaml:1:33  agents.a.steps.target: 99 is not between 0 and 1; write 0.99',
  ],
  [
    'a bad duration',
    'runs: { idle_seconds: 10x }',
    'c.yaml:1:23  runs.idle_seconds: "10x" is no duration; write seconds or something like 15m, 1h30m, 28d',
  ],
  ['less than no time', 'limits: { grpc_idle_seconds: -1 }', 'c.yaml:1:30  limits.grpc_idle_seconds: -1 is too small; write more than 0'],
  ['a bad address', 'listen: nowhere', 'c.yaml:1:9  listen: "nowhere" is no host:port; write something like 127.0.0.1:4318, or off'],
  ['no number of processes', 'processes: all', 'c.yaml:1:12  processes: expected a number of processes, or auto for one per core'],
  ['no processes at all', 'processes: 0', 'c.yaml:1:12  processes: 0 is too small; write 1 or more, or auto'],
  ['more processes than there can be', 'processes: 65', 'c.yaml:1:12  processes: 65 is too large; write 64 or less, or auto'],
  ['no time at all', 'runs: { idle_seconds: 0h0s }', 'c.yaml:1:23  runs.idle_seconds: "0h0s" is too small; write more than 0'],
  [
    'a user and password that would not be sent, and are not repeated',
    'relay: [{ otlp_http: "http://ana:secret@h:4318" }]',
    'c.yaml:1:22  relay.0.otlp_http: a user and password in the URL are not sent; write them as headers: { authorization: "Basic ..." }, with USER:PASSWORD in base64',
  ],
  [
    'a header whose name is none',
    'relay: [{ otlp_http: "http://h:1", headers: { "x key": v } }]',
    'c.yaml:1:56  relay.0.headers.x key: this is no name of a header; write letters, digits and hyphens, as in x-api-key',
  ],
  [
    'a header of two lines, which is not repeated',
    'relay: [{ otlp_http: "http://h:1", headers: { x-key: "secret\\n" } }]',
    'c.yaml:1:54  relay.0.headers.x-key: the value has a line break or another character that headers cannot have; write it without',
  ],
  ...['Content-Length', 'transfer-encoding', 'expect', 'connection'].map(
    (name) =>
      [
        `a header that is not to be set, ${name}`,
        `relay: [{ otlp_http: "http://h:1", headers: { ${name}: "1" } }]`,
        `c.yaml:1:${49 + name.length}  relay.0.headers.${name}: the relay sets this one itself, or cannot send it; leave it out`,
      ] as const,
  ),
  [
    'a word that is none of them',
    'journal: { dir: j, fsync: often }',
    'c.yaml:1:27  journal.fsync: "often" is not known here; write always, second or never',
  ],
  [
    'nothing for a word',
    'auth: { tokens: [{ name: a, token: b }] }',
    'c.yaml:1:18  auth.tokens.0.role: expected ingest, read or operate, got nothing',
  ],
  [
    'a share that may not be whole',
    'limits: { refuse_above_memory: 1 }',
    'c.yaml:1:32  limits.refuse_above_memory: 1 is too large; write less than 1',
  ],
  [
    'an amount of nothing',
    'agents: { a: { steps: { per_run: 0 } } }',
    'c.yaml:1:34  agents.a.steps.per_run: 0 is too small; write more than 0',
  ],
  [
    'files of the journal that no start could read',
    'journal: { dir: j, segment_bytes: 2147483648 }',
    'c.yaml:1:35  journal.segment_bytes: 2147483648 is too large; write 1073741824 or less',
  ],
  ['an empty name', 'journal: { dir: "" }', 'c.yaml:1:17  journal.dir: it is empty; write something, or leave it out'],
  ['a port alone', 'receive: { otlp_http: 4318 }', 'c.yaml:1:23  receive.otlp_http: expected host:port or off'],
  ['a bad URL', 'prometheus: somewhere', 'c.yaml:1:13  prometheus: "somewhere" is no URL; write something like http://host:port'],
  [
    'an unset variable',
    'auth: { tokens: [{ name: a, role: ingest, token: "${NOPE}" }] }',
    'c.yaml:1:50  the environment variable NOPE is not set; set it, or write ${NOPE:-default}',
  ],
  [
    'a check that does not exist',
    'defaults: { quality: { checks: [perfect] } }',
    'c.yaml:1:33  defaults.quality.checks.0: there is no check "perfect"; write one of completed, not_truncated, not_filtered, not_refused, not_empty, no_loop, tools_ok, retrieval_not_empty, valid_output, grounded_call, or external:NAME for an evaluation from outside',
  ],
  ['a wrong type', 'agents: { a: { duration_seconds: fast } }', 'c.yaml:1:34  agents.a.duration_seconds: expected object, got "fast"'],
  [
    'storage of another kind',
    'storage: mysql://x',
    'c.yaml:1:10  storage: "mysql://x" is no storage; write sqlite:./agentopz.db, or postgres://USER@HOST:5432/DATABASE',
  ],
  [
    'storage of a mistyped kind, whose password is not repeated',
    'storage: postgress://ana:secret@db/agentopz',
    'c.yaml:1:10  storage: this is no storage; write sqlite:./agentopz.db, or postgres://USER@HOST:5432/DATABASE',
  ],
  [
    'a database without a name',
    'storage: postgres://ana:secret@db',
    'c.yaml:1:10  storage: postgres://ana@db names no database; write postgres://USER@HOST:5432/DATABASE',
  ],
  [
    'a password that is not escaped',
    'storage: "postgres://ana:sec#ret@db/agentopz"',
    'c.yaml:1:10  storage: postgres:… is no URL; write postgres://USER@HOST:5432/DATABASE, with special characters of a password as %XX',
  ],
  [
    'an expiry that is none',
    'controls: { default_expiry: tomorrow }',
    'c.yaml:1:29  controls.default_expiry: expected seconds, a duration such as 4h, or never',
  ],
  [
    'a loss that is not answered',
    'controls: { when_lost: panic }',
    'c.yaml:1:24  controls.when_lost: "panic" is not known here; write keep, admit or refuse',
  ],
  ['a certificate without its key', 'tls: { cert_file: a.pem }', 'c.yaml:1:6  tls.key_file: expected string, got nothing'],
  [
    'a misspelt key of tls',
    'tls: { cert: a.pem, cert_file: a, key_file: b }',
    'c.yaml:1:8  tls.cert: no such key; known here: cert_file, key_file, client_ca_file',
  ],
  [
    'who may act without a token',
    'auth: { operate_without_token: true }',
    'c.yaml:1:32  auth.operate_without_token: true is not known here; write loopback or never',
  ],
  ['runs that are none', 'controls: { known_good_runs: 0 }', 'c.yaml:1:30  controls.known_good_runs: 0 is too small; write 1 or more'],
  [
    'a window without an amount',
    'defaults: { cost_usd: { stop_agent_at: { every: 1h } } }',
    'c.yaml:1:40  defaults.cost_usd.stop_agent_at.usd: expected number, got nothing',
  ],
  [
    'what is lost, said for all agents in the wrong place',
    'defaults: { when_lost: admit }',
    'c.yaml:1:13  defaults.when_lost: no such key; known here: team, severity, quality, cost_usd, steps, duration_seconds, expect_runs, loop, required_tools, output, fallback, runbook_url',
  ],
]

describe('a mistake is told with place, what is wrong and what to write', () => {
  for (const [name, text, message] of mistakes) test(name, () => expect(problems(text)).toEqual([message]))
  test('a syntax error', () => expect(problems('runs: {')[0]).toMatch(/^c\.yaml:1:8 {2}\S/))
  test('the same key twice', () => expect(problems('runs: {}\nruns: {}')[0]).toMatch(/^c\.yaml:2:1 {2}.*unique/))
  test('a name that would get lost', () =>
    expect(problems('agents:\n  __proto__: { team: x }')).toEqual(['c.yaml:2:3  __proto__: this cannot be a name; write another one']))
  test('all of them at once, in file order', () => {
    const all = problems('runz: {}\nlisten: x\nruns: { a: 1, b: 2 }')
    expect(all.map((p) => p.split('  ')[0])).toEqual(['c.yaml:1:1', 'c.yaml:2:9', 'c.yaml:3:9', 'c.yaml:3:15'])
  })
  for (const [name, file, why] of [
    ['a file that is not there', '/nowhere/c.yaml', 'there is no such file'],
    ['a folder', '/', 'it is a folder'],
  ] as const)
    test(name, () =>
      expect(loadConfig(file, {})).toEqual({
        ok: false,
        problems: [`${file}: ${why}; name one that can be read, or leave it out for agentopz.yaml here`],
      }),
    )
})

describe('what is right is understood', () => {
  test('nothing at all gives the defaults of the contract', () => {
    expect(config('')).toEqual(DEFAULT_CONFIG)
    expect(DEFAULT_CONFIG.runs).toMatchObject({
      settle_seconds: 10,
      idle_seconds: 600,
      max_run_seconds: 86_400,
      remember_seconds: 3600,
      max_open: 200_000,
    })
    expect([
      DEFAULT_CONFIG.receive.otlp_http?.port,
      DEFAULT_CONFIG.receive.otlp_grpc?.port,
      DEFAULT_CONFIG.listen?.port,
      DEFAULT_CONFIG.defaults.quality,
    ]).toEqual([4318, 4317, 9464, { target: 0.95, checks: DEFAULT_CHECKS }])
  })
  test('durations, shorthands, off, IPv6', () => {
    const c = config(
      'runs: { idle_seconds: 1h30m }\nreceive: { otlp_grpc: off, otlp_http: "[::1]:9" }\nagents: { a: { quality: 0.9, expect_runs: { every: baseline } }, b: { quality: { window: 28d }, expect_runs: { every: 15m } } }',
    )
    expect([
      c.runs.idle_seconds,
      c.receive.otlp_grpc,
      c.receive.otlp_http,
      c.agents['a']?.quality,
      c.agents['b']?.quality,
      c.agents['b']?.expect_runs?.every,
    ]).toEqual([5400, undefined, { host: '::1', port: 9 }, { target: 0.9 }, { window: 2_419_200 }, 900])
  })
  test('environment variables, with defaults, as numbers where unquoted', () => {
    const c = config('runs: { max_open: ${N} }\nauth: { tokens: [{ name: a, role: read, token: "${T:-none}" }] }', { N: '7' })
    expect([c.runs.max_open, c.auth.tokens[0]?.token]).toEqual([7, 'none'])
  })
  test('an unquoted variable in a flow map, as people write it', () => {
    expect(
      config('auth: { tokens: [{ name: collector, role: ingest, token: ${INGEST_TOKEN} }] }', { INGEST_TOKEN: 's' }).auth.tokens[0]?.token,
    ).toBe('s')
    expect(config('receive: { otlp_http: ${ADDRESS:-127.0.0.1:9} }').receive.otlp_http).toEqual({ host: '127.0.0.1', port: 9 })
  })
  test('an example with every section, as an operator would write it', () => {
    const c = config(
      `receive: { otlp_http: 127.0.0.1:4318, otlp_grpc: 127.0.0.1:4317 }
listen:   127.0.0.1:9464            # /metrics, health, API, console
relay:    [{ otlp_http: http://tempo:4318 }]
storage:  sqlite:./agentopz.db      # or postgres://…
prometheus: http://127.0.0.1:9090
alertmanager: http://127.0.0.1:9093
runs:     { settle_seconds: 10, idle_seconds: 600, max_run_seconds: 86400, remember_seconds: 3600, max_open: 200000 }
prices:   { override: ./prices.yaml }
auth:     { tokens: [{ name: collector, role: ingest, token: \${INGEST_TOKEN} }] }   # roles
defaults: { quality: 0.95 }         # apply to every agent
agents:
  support-agent:
    team: support
    quality:  { target: 0.97, checks: [completed, not_empty, no_loop, valid_output], window: 28d }
    cost_usd: { per_run: 0.12, target: 0.99, stop_run_at: 1.00 }
    steps:    { per_run: 14, target: 0.99, stop_run_at: 60 }
    duration_seconds: { per_run: 45, target: 0.99 }
    expect_runs: { every: 15m }     # silent-agent alert; or \`baseline\`
    fallback: https://example.com/fallback
    runbook_url: https://example.com/runbook
`,
      { INGEST_TOKEN: 'x' },
    )
    expect([c.relay[0]?.otlp_http, c.auth.tokens[0]?.token, c.agents['support-agent']?.expect_runs?.every, c.prices.override]).toEqual([
      'http://tempo:4318',
      'x',
      900,
      './prices.yaml',
    ])
  })
  test('the shipped example', () => {
    const file = join(TOP, 'agentopz.example.yaml')
    expect(loadConfig(file, {})).toMatchObject({ ok: true })
    expect(readFileSync(file, 'utf8')).toContain('stop_run_at')
    // As it stands nothing takes a token; with the comments taken off there is one for each role, and none is written into the file.
    const shown = readFileSync(file, 'utf8').replace(/^# (auth:\n(?:#   .*\n)+)/m, (_, auth: string) => auth.replaceAll(/^# /gm, ''))
    const tokens = { INGEST_TOKEN: 'i', READ_TOKEN: 'r', OPERATE_TOKEN: 'o' }
    const { auth } = config(shown, tokens)
    expect([config(readFileSync(file, 'utf8')).auth.tokens, auth.tokens.map((t) => `${t.role} ${t.token}`)]).toEqual([
      [],
      ['ingest i', 'read r', 'operate o'],
    ])
    expect(problems(shown).length).toBeGreaterThan(0)
  })
})

describe('settings', () => {
  test('what a request may be: defaults are those of receivers, and no slice is larger than what is sliced', () => {
    expect(receiveLimits(DEFAULT_CONFIG)).toEqual(DEFAULT_RECEIVE_LIMITS)
    expect(receiveLimits(config('limits: { unpack_inline_bytes: 1, slice_above_bytes: 65536 }'))).toMatchObject({
      unpackInlineBytes: 1,
      sliceAboveBytes: 65_536,
      sliceBytes: 65_536,
    })
    expect(receiveLimits(config('limits: { grpc_idle_seconds: 2m, request_timeout_seconds: 30d }'))).toMatchObject({
      grpcIdleSeconds: 120,
      requestTimeoutSeconds: 2_000_000,
    })
    expect(receiveLimits(config('limits: { slice_bytes: 4096 }'))).toMatchObject({ sliceAboveBytes: 2 * 2 ** 20, sliceBytes: 4096 })
  })
  test('values of a label: the bounds that docs/metrics.md tells, unless one is said for all', () => {
    const bounds = (text: string): unknown => ({ ...DEFAULT_METRICS_OPTIONS, ...metricsOptions(config(text), '1') }).maxValuesPerLabel
    expect(bounds('')).toEqual(DEFAULT_VALUES_PER_LABEL)
    expect(bounds('metrics: { max_values_per_label: 7 }')).toBe(7)
  })
  const c = config(
    'defaults: { quality: 0.9, steps: { per_run: 20 }, loop: { ping_pong: 2 } }\nagents: { a: { quality: { checks: [completed] }, cost_usd: { per_run: 0.5, target: 0.99 }, loop: { identical_calls: 3 } } }\nrelay: [{ otlp_http: "http://x:1" }, { otlp_http: "http://x:1", name: two, signals: [traces] }]',
  )
  test('an agent has its own words over the defaults', () => {
    const s = pipelineSettings(c, '.')
    expect(s.policyOf('a')).toMatchObject({ checks: ['completed'], loop: { identicalCalls: 3, pingPong: 2 } })
    expect(s.policyOf('other').checks).toContain('not_truncated')
    expect(s.objectivesOf('a')).toEqual({ cost_usd: 0.5, steps: 20 })
    expect(objectiveRows(c, 'a')).toEqual([
      ['quality', 0.9],
      ['cost_usd_per_run', 0.5],
      ['cost_usd_target', 0.99],
      ['steps_per_run', 20],
    ])
  })
  test('what defaults leave out has the values that docs/configuration.md tells', () => {
    const partly = config('defaults: { quality: { checks: [completed] }, loop: { ping_pong: 2 } }')
    expect(partly.defaults.quality).toEqual({ target: 0.95, checks: ['completed'] })
    expect(pipelineSettings(partly, '.').policyOf('other').loop).toEqual({ identicalCalls: 5, pingPong: 2 })
    expect(config('defaults: { quality: 0.9 }').defaults.quality).toEqual({ target: 0.9, checks: DEFAULT_CHECKS })
    expect(configurationReference()).toMatch(
      /`defaults\.loop\.identical_calls` \| whole number \| `5`[\s\S]*`defaults\.loop\.ping_pong` \| whole number \| `4`/,
    )
  })
  test('relays are named', () =>
    expect(relayEndpoints(c).map((r) => [r.name, r.signals])).toEqual([
      ['x:1', ['traces', 'logs']],
      ['two', ['traces']],
    ]))
  test('the form of an answer', () => {
    const s = pipelineSettings(config('agents: { a: { output: { pattern: "yes|no" } }, b: { output: { format: json } } }'), '.')
    const accepts = (agent: string, text: string): boolean | undefined => s.policyOf(agent).acceptsOutput?.(text)
    expect([accepts('a', 'yes'), accepts('a', 'yes!'), accepts('b', '{"a":1}'), accepts('b', '{'), accepts('other', 'x')]).toEqual([
      true,
      false,
      true,
      false,
      undefined,
    ])
  })
  test('files that cannot be used are problems', () => {
    expect(() =>
      pipelineSettings(
        config(
          'prices: { override: ./nowhere.yaml }\nagents: { a: { output: { schema: ./nowhere.json } }, b: { output: { pattern: "(" } } }',
        ),
        '.',
      ),
    ).toThrow(SettingsError)
    try {
      pipelineSettings(config('prices: { override: ./nowhere.yaml }\nagents: { b: { output: { pattern: "(" } } }'), '.')
    } catch (error) {
      expect((error as SettingsError).problems).toEqual([
        expect.stringMatching(/^prices\.override: .*nowhere\.yaml: there is no such file$/),
        expect.stringMatching(/^agents\.b\.output: /),
      ])
    }
  })
})
