/**
 * Environment → settings of the instrumentation. Read once, at start. A value that cannot be used is told and its default taken: inside
 * somebody's agent nothing of ours may fail the start.
 */
import { hash } from 'node:crypto'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Settings {
  readonly disabled: boolean
  /** False where OTEL_SDK_DISABLED or OTEL_TRACES_EXPORTER=none ask for no spans; guards work all the same. */
  readonly traces: boolean
  /** Agent name for runs that nothing else names: AGENTOPZ_AGENT, else OTEL_SERVICE_NAME. */
  readonly agent: string | undefined
  readonly agentVersion: string | undefined
  readonly service: string
  readonly environment: string
  /** Base URL of the control plane; absent for none. */
  readonly controlUrl: string | undefined
  readonly token: string | undefined
  /** Last-known-good controls are kept here; absent for not at all. */
  readonly controlCache: string | undefined
  /** How long the first model call waits for controls that were never heard. */
  readonly coldDeadlineMs: number
  /** What to do while no controls were ever heard and none are on disk. */
  readonly neverHeard: 'admit' | 'refuse'
  readonly pin: ReadonlySet<'model' | 'prompt'>
  readonly content: boolean
  readonly contentMaxChars: number
  readonly maxBodyBytes: number
  readonly disabledIntegrations: ReadonlySet<string>
  readonly export: { readonly batchSpans: number; readonly delayMs: number; readonly maxSpans: number }
  readonly spanLimits: Partial<Record<'attributeValueLengthLimit' | 'attributeCountLimit' | 'eventCountLimit' | 'linkCountLimit', number>>
  readonly propagators: ReadonlySet<string>
  readonly logLevel: LogLevel
}
export type LogLevel = 'silent' | 'error' | 'warn' | 'info' | 'debug'

type Env = Readonly<Record<string, string | undefined>>

/** Reads the settings; `complain` gets one sentence per value that could not be used. */
export function readSettings(env: Env, complain: (problem: string) => void): Settings {
  const number = (key: string, fallback: number): number => {
    const text = env[key]
    if (text === undefined || text.trim() === '') return fallback
    const n = Number(text)
    if (Number.isFinite(n) && n >= 0) return n
    complain(`${key}="${text}" is no number of 0 or more; ${fallback} is used`)
    return fallback
  }
  const choice = <T extends string>(key: string, allowed: readonly T[], fallback: T): T => {
    const text = env[key]?.trim().toLowerCase()
    if (text === undefined || text === '') return fallback
    const found = allowed.find((a) => a === text)
    if (found === undefined) complain(`${key}="${text}" is none of ${allowed.join(', ')}; ${fallback} is used`)
    return found ?? fallback
  }
  const resource = resourceAttributes(env['OTEL_RESOURCE_ATTRIBUTES'])
  const controlUrl = controlUrlOf(env, complain)
  return {
    disabled: isTrue(env['AGENTOPZ_DISABLED']),
    traces: !isTrue(env['OTEL_SDK_DISABLED']) && env['OTEL_TRACES_EXPORTER']?.trim() !== 'none',
    agent: text(env['AGENTOPZ_AGENT']) ?? text(env['OTEL_SERVICE_NAME']) ?? resource.get('service.name'),
    agentVersion: text(env['AGENTOPZ_AGENT_VERSION']),
    service: text(env['OTEL_SERVICE_NAME']) ?? resource.get('service.name') ?? '',
    environment: resource.get('deployment.environment.name') ?? resource.get('deployment.environment') ?? '',
    controlUrl,
    token: text(env['AGENTOPZ_TOKEN']),
    controlCache: env['AGENTOPZ_CONTROL_CACHE'] === 'off' || controlUrl === undefined ? undefined : cacheFile(env, controlUrl),
    coldDeadlineMs: number('AGENTOPZ_COLD_DEADLINE_MS', 50),
    neverHeard: choice('AGENTOPZ_NEVER_HEARD', ['admit', 'refuse'], 'admit'),
    pin: pinsOf(env, complain),
    content: /^(true|1|span_only|span_and_event|event_only)$/i.test(
      env['OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT']?.trim() ?? '',
    ),
    contentMaxChars: number('AGENTOPZ_CONTENT_MAX_CHARS', 16_384),
    maxBodyBytes: number('AGENTOPZ_MAX_BODY_BYTES', 4_194_304),
    disabledIntegrations: new Set(words(env['AGENTOPZ_DISABLED_INTEGRATIONS'])),
    export: exportOf(number),
    spanLimits: {
      attributeValueLengthLimit: number('OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT', number('OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT', Infinity)),
      attributeCountLimit: number('OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT', number('OTEL_ATTRIBUTE_COUNT_LIMIT', 128)),
      eventCountLimit: number('OTEL_SPAN_EVENT_COUNT_LIMIT', 128),
      linkCountLimit: number('OTEL_SPAN_LINK_COUNT_LIMIT', 128),
    },
    propagators: propagatorsOf(env, complain),
    logLevel: choice('AGENTOPZ_LOG_LEVEL', ['silent', 'error', 'warn', 'info', 'debug'], 'warn'),
  }
}

function exportOf(number: (key: string, fallback: number) => number): Settings['export'] {
  const maxSpans = Math.max(1, number('OTEL_BSP_MAX_QUEUE_SIZE', 2048))
  return {
    maxSpans,
    batchSpans: Math.min(Math.max(1, number('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 512)), maxSpans),
    delayMs: number('OTEL_BSP_SCHEDULE_DELAY', 1000),
  }
}

function pinsOf(env: Env, complain: (problem: string) => void): Settings['pin'] {
  const known = ['model', 'prompt'] as const
  const asked = words(env['AGENTOPZ_PIN'])
  for (const word of asked)
    if (!known.some((k) => k === word)) complain(`AGENTOPZ_PIN: "${word}" is none of ${known.join(', ')}; it is left out`)
  return new Set(known.filter((k) => asked.includes(k)))
}

/** OTEL_PROPAGATORS, of which the two of W3C are spoken here. */
function propagatorsOf(env: Env, complain: (problem: string) => void): ReadonlySet<string> {
  const known = ['tracecontext', 'baggage', 'none']
  const asked = words(env['OTEL_PROPAGATORS'])
  for (const name of asked)
    if (!known.includes(name)) complain(`OTEL_PROPAGATORS: "${name}" is not spoken here; write tracecontext, baggage or none`)
  return new Set(asked.length === 0 ? ['tracecontext', 'baggage'] : asked)
}

const isTrue = (v: string | undefined): boolean => /^(true|1)$/i.test(v?.trim() ?? '')
const text = (v: string | undefined): string | undefined => (v === undefined || v.trim() === '' ? undefined : v.trim())
const words = (v: string | undefined): readonly string[] => (v ?? '').split(/[\s,]+/).filter((w) => w !== '')

function resourceAttributes(raw: string | undefined): ReadonlyMap<string, string> {
  return new Map(
    (raw ?? '').split(',').flatMap((pair) => {
      const at = pair.indexOf('=')
      return at < 0 ? [] : [[pair.slice(0, at).trim(), safeDecode(pair.slice(at + 1).trim())] as const]
    }),
  )
}

function safeDecode(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}

/** AGENTOPZ_CONTROL_URL, or the processor beside a loopback OTLP endpoint: port 9464 of that host. */
function controlUrlOf(env: Env, complain: (problem: string) => void): string | undefined {
  const given = text(env['AGENTOPZ_CONTROL_URL'])
  if (given === 'off') return undefined
  if (given !== undefined) {
    if (/^https?:\/\//.test(given) && URL.canParse(given)) return given.replace(/\/+$/, '')
    complain(`AGENTOPZ_CONTROL_URL="${given}" is no URL; write something like http://127.0.0.1:9464, or off`)
    return undefined
  }
  const endpoint = text(env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']) ?? text(env['OTEL_EXPORTER_OTLP_ENDPOINT'])
  if (endpoint === undefined) return 'http://127.0.0.1:9464'
  const { protocol, hostname: host } = URL.canParse(endpoint) ? new URL(endpoint) : { protocol: '', hostname: '' }
  // One certificate serves both.
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(host) ? `${protocol === 'https:' ? 'https' : 'http'}://${host}:9464` : undefined
}

function cacheFile(env: Env, controlUrl: string): string {
  const given = text(env['AGENTOPZ_CONTROL_CACHE'])
  if (given !== undefined) return given
  const base = text(env['XDG_CACHE_HOME']) ?? (homeOf() === undefined ? tmpdir() : join(homeOf() ?? '', '.cache'))
  return join(base, 'agentopz', `controls-${hash('sha256', controlUrl).slice(0, 12)}.json`)
}

function homeOf(): string | undefined {
  try {
    return homedir()
  } catch {
    return undefined
  }
}
