/** `agentopz replay FILE…`: sends recorded OTLP/JSON lines to an endpoint, as their SDKs would have. */
import { latestNanos, type OtlpLine, readOtlpLines, shiftTimes } from '../otlp-lines.ts'

export interface ReplayOptions {
  readonly endpoint: string
  /** 0 sends as fast as the endpoint answers, 1 at the recorded pace, 10 ten times as fast. */
  readonly speed: number
  /** Shift times so that the last recorded span ends now. */
  readonly now: boolean
  readonly token?: string
  readonly say: (line: string) => void
}

export interface ReplayResult {
  readonly requests: number
  readonly refused: number
  readonly rejectedItems: number
}

/** Sends every line of the files in order. @throws OtlpLineError, file errors, or when the endpoint cannot be reached or wants a token. */
export async function replay(files: readonly string[], options: ReplayOptions): Promise<ReplayResult> {
  const span = options.now || options.speed > 0 ? await timesOf(files) : { first: 0n, last: 0n }
  const startedMs = Date.now()
  const shift = options.now ? BigInt(startedMs) * 1_000_000n - (options.speed > 0 ? span.first : span.last) : 0n
  let requests = 0
  let refused = 0
  let rejectedItems = 0
  let saidMs = startedMs
  for (const file of files) {
    for await (const line of readOtlpLines(file)) {
      if (options.speed > 0) await waitUntil(startedMs + Number((latestNanos(line.request) - span.first) / 1_000_000n) / options.speed)
      if (shift !== 0n) shiftTimes(line.request, shift)
      const answer = await send(line, options)
      requests++
      rejectedItems += answer.rejected
      if (!answer.ok) {
        refused++
        options.say(`${line.file}:${line.line}  refused with ${answer.status}: ${answer.text}`)
      }
      if (Date.now() - saidMs > 5000) {
        saidMs = Date.now()
        options.say(`${requests} requests sent, now at ${line.file}:${line.line}`)
      }
    }
  }
  return { requests, refused, rejectedItems }
}

async function timesOf(files: readonly string[]): Promise<{ first: bigint; last: bigint }> {
  let first = 0n
  let last = 0n
  for (const file of files) {
    for await (const { request } of readOtlpLines(file)) {
      const at = latestNanos(request)
      if (at > last) last = at
      if (at > 0n && (first === 0n || at < first)) first = at
    }
  }
  return { first, last }
}

async function waitUntil(atMs: number): Promise<void> {
  const left = atMs - Date.now()
  if (left > 0) await new Promise((resolve) => setTimeout(resolve, left))
}

async function send(line: OtlpLine, options: ReplayOptions): Promise<{ ok: boolean; status: number; text: string; rejected: number }> {
  const headers = {
    'content-type': 'application/json',
    ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
  }
  const body = JSON.stringify(line.request)
  for (let attempt = 0; ; attempt++) {
    const response = await post(`${options.endpoint}/v1/${line.signal}`, headers, body)
    const text = await response.text()
    const isBusy = response.status === 429 || response.status === 503
    if (isBusy && attempt < 5) {
      await waitUntil(Date.now() + 1000 * Math.max(1, Number(response.headers.get('retry-after')) || 1))
      continue
    }
    // All that follows would be refused alike.
    if (response.status === 401 || response.status === 403) {
      const where = `${line.file}:${line.line}  refused with ${response.status}: ${text.slice(0, 300)}`
      throw new Error(`${where}; give a token with the ingest role with --token or AGENTOPZ_TOKEN`)
    }
    return { ok: response.ok, status: response.status, text: text.slice(0, 300), rejected: response.ok ? rejectedOf(text) : 0 }
  }
}

async function post(url: string, headers: Record<string, string>, body: string): Promise<Response> {
  try {
    return await fetch(url, { method: 'POST', headers, body })
  } catch (error) {
    const why = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)
    throw new Error(`${url} cannot be reached (${why}); start it with "agentopz serve", or name another with --endpoint`)
  }
}

function rejectedOf(text: string): number {
  try {
    const { partialSuccess } = JSON.parse(text) as {
      partialSuccess?: { rejectedSpans?: string | number; rejectedLogRecords?: string | number }
    }
    return Number(partialSuccess?.rejectedSpans ?? partialSuccess?.rejectedLogRecords ?? 0)
  } catch {
    return 0
  }
}
