/**
 * Where spans go, by the standard variables (OpenTelemetry protocol exporter specification): OTEL_EXPORTER_OTLP_ENDPOINT, _HEADERS, _TIMEOUT,
 * _COMPRESSION, _CERTIFICATE, _CLIENT_CERTIFICATE, _CLIENT_KEY and _PROTOCOL, each also with TRACES_ before the last word, which wins.
 * A value that cannot be used is told, never thrown: without a target no spans are sent, and the agent runs on.
 */
import { readFileSync } from 'node:fs'

export interface OtlpTarget {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly gzip: boolean
  /** Contents of the files named, for https. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string }
}

type Env = Readonly<Record<string, string | undefined>>
type Complain = (problem: string) => void

interface Given {
  readonly key: string
  readonly text: string
}

const DEFAULT_TIMEOUT_MS = 10_000

/** The target; undefined where the endpoint is no URL. */
export function otlpTarget(env: Env, complain: Complain): OtlpTarget | undefined {
  const given = (name: string): Given | undefined => givenIn(env, name)
  const url = urlOf(given('ENDPOINT'), complain)
  if (url === undefined) return undefined
  const protocol = given('PROTOCOL')
  if (protocol?.text === 'grpc') complain(`${protocol.key}="grpc" is not spoken here; spans are sent as OTLP/JSON over HTTP to ${url}`)
  return {
    url,
    headers: {
      ...headersOf(env['OTEL_EXPORTER_OTLP_HEADERS'], complain),
      ...headersOf(env['OTEL_EXPORTER_OTLP_TRACES_HEADERS'], complain),
      'content-type': 'application/json',
    },
    timeoutMs: timeoutOf(given('TIMEOUT'), complain),
    gzip: given('COMPRESSION')?.text === 'gzip',
    tls: url.startsWith('https:') ? tlsFiles(env, complain) : {},
  }
}

/** Contents of the certificate files that the variables name: for the processor behind them, its control plane too. */
export function tlsFiles(env: Env, complain: Complain): OtlpTarget['tls'] {
  const given = (name: string): Given | undefined => givenIn(env, name)
  return {
    ...contents('ca', given('CERTIFICATE'), complain),
    ...contents('cert', given('CLIENT_CERTIFICATE'), complain),
    ...contents('key', given('CLIENT_KEY'), complain),
  }
}

function givenIn(env: Env, name: string): Given | undefined {
  for (const key of [`OTEL_EXPORTER_OTLP_TRACES_${name}`, `OTEL_EXPORTER_OTLP_${name}`]) {
    const text = env[key]?.trim() ?? ''
    if (text !== '') return { key, text }
  }
  return undefined
}

/** The traces endpoint as it is, else the general one with the path of traces. */
function urlOf(endpoint: Given | undefined, complain: Complain): string | undefined {
  const base = endpoint?.text ?? 'http://localhost:4318'
  const url = endpoint?.key.includes('TRACES') === true ? base : `${base.replace(/\/+$/, '')}/v1/traces`
  if (/^https?:\/\//i.test(url) && URL.canParse(url)) return url
  complain(`${endpoint?.key}="${base}" is no URL, spans are not sent; write something like http://localhost:4318`)
  return undefined
}

function timeoutOf(timeout: Given | undefined, complain: Complain): number {
  if (timeout === undefined) return DEFAULT_TIMEOUT_MS
  const ms = Number(timeout.text)
  if (ms > 0 && Number.isFinite(ms)) return ms
  complain(`${timeout.key}="${timeout.text}" is no time in milliseconds; ${DEFAULT_TIMEOUT_MS} is used`)
  return DEFAULT_TIMEOUT_MS
}

function contents(name: 'ca' | 'cert' | 'key', file: Given | undefined, complain: Complain): OtlpTarget['tls'] {
  if (file === undefined) return {}
  try {
    return { [name]: readFileSync(file.text, 'utf8') }
  } catch {
    complain(`${file.key}="${file.text}" cannot be read; spans are sent without it`)
    return {}
  }
}

/** `name=value,name=value`, values percent-encoded (W3C baggage). A pair that is no header is told by its name: values are secrets. */
function headersOf(raw: string | undefined, complain: Complain): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {}
  for (const pair of (raw ?? '').split(',')) {
    if (pair.trim() === '') continue
    const at = pair.indexOf('=')
    const name = pair.slice(0, Math.max(0, at)).trim().toLowerCase()
    const value = decoded(pair.slice(at + 1).trim())
    if (at > 0 && /^[!#$%&'*+.^_`|~\w-]+$/.test(name) && /^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(value)) headers[name] = value
    else complain(`OTEL_EXPORTER_OTLP_HEADERS: ${at > 0 ? `"${name}"` : 'a part without ='} is no header and is left out; write name=value`)
  }
  return headers
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}
