/**
 * One OTLP/HTTP request, sent now and not tried again: for the end of a process, where the exporter's retries would hold it up. Runs in the
 * process itself, and as a script in a child that an exiting process waits for (the request is then read from standard input).
 */
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { text } from 'node:stream/consumers'

export interface OtlpRequest {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Where spans go and with which headers, by the standard variables. */
export function otlpTarget(env: Readonly<Record<string, string | undefined>>): Omit<OtlpRequest, 'body'> {
  const own = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']?.trim()
  const base = env['OTEL_EXPORTER_OTLP_ENDPOINT']?.trim()
  const url =
    own !== undefined && own !== ''
      ? own
      : `${(base === undefined || base === '' ? 'http://localhost:4318' : base).replace(/\/+$/, '')}/v1/traces`
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  for (const pair of `${env['OTEL_EXPORTER_OTLP_HEADERS'] ?? ''},${env['OTEL_EXPORTER_OTLP_TRACES_HEADERS'] ?? ''}`.split(',')) {
    const at = pair.indexOf('=')
    if (at > 0) headers[pair.slice(0, at).trim().toLowerCase()] = decode(pair.slice(at + 1).trim())
  }
  return { url, headers }
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}

/** Sends; resolves when it was answered, failed, or took too long. */
export function send({ url, headers, body }: OtlpRequest, timeoutMs: number): Promise<void> {
  return new Promise((done) => {
    const begin = url.startsWith('https:') ? httpsRequest : httpRequest
    const sent = begin(url, { method: 'POST', headers, agent: false, timeout: timeoutMs }, (response) => {
      response.resume()
      response.once('close', done)
    })
    sent.once('timeout', () => sent.destroy())
    sent.once('error', () => done())
    sent.once('close', () => done())
    sent.end(body)
  })
}

if (import.meta.main) await send(JSON.parse(await text(process.stdin)) as OtlpRequest, 1500)
