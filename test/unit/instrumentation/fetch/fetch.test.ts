/** The layer around fetch: what the application puts in and gets out is as without it; every call is counted once and ends once. */
import { getEventListeners } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ALLOWED, NO_CONTROLS } from '../../../../instrumentation/controls/view.ts'
import { endOpenCalls, wrapFetch } from '../../../../instrumentation/fetch/fetch.ts'
import { sweepImplied } from '../../../../instrumentation/implied-runs.ts'
import { internalErrors } from '../../../../instrumentation/log.ts'
import { runtime } from '../../../../instrumentation/runtime.ts'
import { type Recorded, recordSpans } from '../../../support/spans.ts'

const recording = recordSpans()
const shared = runtime()
shared.active = true
const before = shared.settings
const URL_ = 'http://provider.test/v1/chat/completions'
const BODY = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'my secret' }] })
const answer = (): Response => Response.json({ id: 'x', model: 'm', choices: [{ message: { content: 'shh' }, finish_reason: 'stop' }] })

beforeEach(() => recording.take())
afterEach(() => {
  shared.settings = before
  shared.redact = undefined
  shared.guards.controls = NO_CONTROLS
  endOpenCalls()
  sweepImplied(Date.now(), true)
  expect(shared.guards.inFlight).toBe(0)
  expect([...internalErrors().keys()].filter((k) => k !== 'redaction')).toEqual([])
})

type Fetch = typeof globalThis.fetch
const calls = (): readonly Recorded[] => recording.take().filter((s) => s.attributes['gen_ai.operation.name'] === 'chat')

describe('what goes in', () => {
  /** What the original got, and how the wrapped one ended. */
  async function compare(args: readonly unknown[]): Promise<void> {
    const outcome = async (fetch: Fetch): Promise<unknown> => {
      try {
        const promise: unknown = Reflect.apply(fetch, undefined, args)
        expect(promise).toBeInstanceOf(Promise)
        const response = await (promise as Promise<Response>)
        return { status: response.status, text: await response.text() }
      } catch (error) {
        return { name: (error as Error).name, message: (error as Error).message }
      }
    }
    expect(await outcome(wrapFetch(globalThis.fetch))).toEqual(await outcome(globalThis.fetch))
  }
  test.each([
    [[]],
    [[null]],
    [[undefined, {}]],
    [[5]],
    [[{}]],
    [['nowhere']],
    [['http://[']],
    [['data:text/plain,hi']],
    [['data:text/plain,hi', null]],
    [['/v1/chat/completions', { method: 'POST' }]],
    [[Symbol.iterator.toString(), { method: 'POST' }]],
    [[URL_, { method: 5 }]],
    [[{ url: URL_, method: 'POST' }, { body: BODY }]],
  ])('odd arguments %j end as they would', async (args) => compare(args))

  test('other requests go straight through, with the very arguments', async () => {
    const seen: unknown[][] = []
    const fetch = wrapFetch(async (...args: unknown[]) => {
      seen.push(args)
      return answer()
    })
    const init = { method: 'POST', body: '{}' }
    const request = new Request('http://x.test/v1/chat/completions')
    await fetch('http://x.test/other', init)
    await fetch(request)
    await fetch('http://x.test/v1/chat/completions')
    expect(seen[0]).toEqual(['http://x.test/other', init])
    expect(seen[0]?.[1]).toBe(init)
    expect(seen[1]?.[0]).toBe(request)
    expect(calls()).toEqual([])
  })
  test('a body that is no model call after all goes through', async () => {
    const fetch = wrapFetch(async () => answer())
    for (const body of ['', 'x', '[]', '{"a":1}', '{"messages":5}', '{', null, undefined])
      await (await fetch(URL_, { method: 'POST', ...(body === undefined ? {} : { body }) })).text()
    expect(calls()).toEqual([])
  })
  test.each([
    ['text', () => BODY],
    ['bytes', () => new TextEncoder().encode(BODY)],
    ['a buffer', () => Buffer.from(BODY)],
    ['an ArrayBuffer', () => new Uint8Array(new TextEncoder().encode(BODY)).buffer],
  ])('a body of %s is read and sent as it is', async (_, make) => {
    const body = make()
    let got: unknown
    const fetch = wrapFetch(async (_input, init) => {
      got = init?.body
      return answer()
    })
    await (await fetch(new URL(URL_), { method: 'post', body })).text()
    expect(got).toBe(body)
    expect(calls()).toHaveLength(1)
  })
  test('a Request is sent whole, and is used up as it would be', async () => {
    let got = ''
    const fetch = wrapFetch(async (input, init) => {
      const request = new Request(input as Request, init)
      got = await request.text()
      return answer()
    })
    const request = new Request(URL_, { method: 'POST', body: BODY })
    await (await fetch(request)).text()
    expect(got).toBe(BODY)
    expect(request.bodyUsed).toBe(true)
    expect(calls()).toHaveLength(1)
  })
  test('a Request whose stream is over the bound is sent whole and not reported', async () => {
    shared.settings = { ...before, maxBodyBytes: 1000 }
    let bytes = 0
    const fetch = wrapFetch(async (input, init) => {
      bytes = (await new Request(input as Request, init).arrayBuffer()).byteLength
      return answer()
    })
    const body = new ReadableStream<Uint8Array>({
      start: (c) => {
        for (let i = 0; i < 50; i++) c.enqueue(new Uint8Array(100).fill(123))
        c.close()
      },
    })
    await (await fetch(new Request(URL_, { method: 'POST', body, duplex: 'half' } as RequestInit))).text()
    expect(bytes).toBe(5000)
    expect(calls()).toEqual([])
  })
  test('this is handed on', async () => {
    const holder = {
      fetch: wrapFetch(async function (this: unknown) {
        expect(this).toBe(holder)
        return answer()
      } as Fetch),
    }
    await (await holder.fetch(URL_, { method: 'POST', body: BODY })).text()
  })
  test("a client's own fetch around the global one is one call", async () => {
    const global = wrapFetch(async () => answer())
    const own = wrapFetch((input, init) => global(input, init))
    await (await own(URL_, { method: 'POST', body: BODY })).text()
    expect(calls()).toHaveLength(1)
    expect(wrapFetch(own)).toBe(own)
  })
})

describe('what comes out', () => {
  test('is the very response', async () => {
    const response = answer()
    expect(await wrapFetch(async () => response)(URL_, { method: 'POST', body: BODY })).toBe(response)
    await response.text()
  })
  test('errors are the very errors', async () => {
    for (const error of [new TypeError('fetch failed'), 'a string', undefined, null])
      await expect(wrapFetch(() => Promise.reject(error))(URL_, { method: 'POST', body: BODY })).rejects.toBe(error)
    const spans = calls()
    expect(spans.map((s) => s.status)).toEqual([2, 2, 2, 2])
    expect(spans[0]?.attributes['error.type']).toBe('TypeError')
  })
  test("the caller's abort is the caller's, and is told as cancelled", async () => {
    const abort = new AbortController()
    const fetch = wrapFetch(
      (_, init) => new Promise((_done, fail) => init?.signal?.addEventListener('abort', () => fail(init.signal?.reason as Error))),
    )
    const pending = fetch(URL_, { method: 'POST', body: BODY, signal: abort.signal })
    await new Promise((r) => setTimeout(r, 2))
    const reason = new DOMException('stop', 'AbortError')
    abort.abort(reason)
    await expect(pending).rejects.toBe(reason)
    const [span] = calls()
    expect(span).toMatchObject({ status: 0, attributes: { 'agentopz.stream.incomplete': true } })
  })
  test('a signal that lives long is let go of with every call, however it ends', async () => {
    const { signal } = new AbortController()
    const call = (body: string, fetch: Fetch = wrapFetch(async () => answer())): Promise<Response> =>
      fetch(URL_, { method: 'POST', body: `${BODY}${body}`, signal })
    await (await call(' ')).text()
    await (await call('  ')).json()
    for await (const chunk of (await call('   ')).body as ReadableStream<Uint8Array>) expect(chunk.byteLength).toBeGreaterThan(0)
    await (await call('    ')).body?.cancel()
    await call(
      '     ',
      wrapFetch(() => Promise.reject(new TypeError('fetch failed'))),
    ).catch(() => undefined)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    const left = await call('      ')
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    await left.text()
  })
  test('the caller can still abort a stream whose answer is over but whose body is not', async () => {
    const abort = new AbortController()
    const fetch = wrapFetch(async (_, init) => {
      const body = new ReadableStream<Uint8Array>({
        start: (c) => {
          c.enqueue(new TextEncoder().encode('data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'))
          init?.signal?.addEventListener('abort', () => c.error(init.signal?.reason))
        },
      })
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
    })
    const response = await fetch(URL_, { method: 'POST', body: BODY, signal: abort.signal })
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    await reader.read()
    expect(calls()).toHaveLength(1)
    const pending = reader.read()
    abort.abort(new Error('enough'))
    await expect(pending).rejects.toThrow('enough')
  })
  test('an abort while the call is prepared is not missed', async () => {
    const abort = new AbortController()
    const reason = new Error('changed my mind')
    shared.guards.controls = {
      ...NO_CONTROLS,
      ready: () => {
        abort.abort(reason)
        return Promise.resolve()
      },
    }
    const fetch = wrapFetch(async (_, init) => {
      init?.signal?.throwIfAborted()
      return answer()
    })
    await expect(fetch(URL_, { method: 'POST', body: BODY, signal: abort.signal })).rejects.toBe(reason)
  })
  test.each([
    ['an object', { 'X-Stainless-Retry-Count': '2' }],
    ['pairs', [['x-stainless-retry-count', '2']]],
    ['Headers', new Headers({ 'x-stainless-retry-count': '2' })],
  ])('the attempt is read from headers as %s', async (_, headers) => {
    const fetch = wrapFetch(async () => answer())
    await (await fetch(URL_, { method: 'POST', body: BODY, headers: headers as Record<string, string> })).text()
    expect(calls()[0]?.attributes['http.request.resend_count']).toBe(2)
  })
  test('a signal of another kind is handed on as it is', async () => {
    const signal = { aborted: false, addEventListener: () => undefined, removeEventListener: () => undefined }
    let got: unknown
    const fetch = wrapFetch(async (_, init) => {
      got = init?.signal
      return answer()
    })
    await (await fetch(URL_, { method: 'POST', body: BODY, signal: signal as never })).text()
    expect(got).toBe(signal)
    expect(calls()).toHaveLength(1)
  })
  test('a call that was aborted before it began is none', async () => {
    const fetch = wrapFetch(async () => {
      throw new DOMException('aborted', 'AbortError')
    })
    await expect(fetch(URL_, { method: 'POST', body: BODY, signal: AbortSignal.abort() })).rejects.toThrow('aborted')
    expect(calls()).toEqual([])
  })
  test('an answer without a body ends the call', async () => {
    await wrapFetch(async () => new Response(null, { status: 204 }))(URL_, { method: 'POST', body: BODY })
    expect(calls()).toHaveLength(1)
  })
  test('an object that is no response ends the call and is returned', async () => {
    const odd = { status: 200, hello: true }
    expect(await wrapFetch(async () => odd as unknown as Response)(URL_, { method: 'POST', body: BODY })).toBe(odd)
    expect(calls()).toHaveLength(1)
    expect(internalErrors().get('response')).toBe(1)
    ;(internalErrors() as Map<string, number>).delete('response')
  })
  test("a status of an error is told, in the provider's word where it has one", async () => {
    const error = (status: number, body: unknown): Response => Response.json(body, { status })
    for (const r of [error(400, { error: { type: 'invalid_request_error', code: 'bad' } }), error(502, 'gateway')])
      await (await wrapFetch(async () => r)(URL_, { method: 'POST', body: BODY })).text()
    expect(calls().map((s) => [s.attributes['error.type'], s.attributes['http.response.status_code'], s.status])).toEqual([
      ['bad', 400, 2],
      ['502', 502, 2],
    ])
  })
})

describe('in flight', () => {
  test('a kill switch aborts a call that waits, and one that streams', async () => {
    let off = false
    shared.guards.controls = { ...NO_CONTROLS, agent: () => (off ? { allowed: false, reason: 'bad answers' } : ALLOWED) }
    const events = (signal: AbortSignal | null | undefined): Response =>
      new Response(
        new ReadableStream<Uint8Array>({
          type: 'bytes',
          start: (c: ReadableByteStreamController) => {
            c.enqueue(new TextEncoder().encode('data: {}\n\n'))
            signal?.addEventListener('abort', () => c.error(signal.reason))
          },
        } as never),
        { headers: { 'content-type': 'text/event-stream' } },
      )
    const waiting = wrapFetch(
      (_, init) => new Promise((_d, fail) => init?.signal?.addEventListener('abort', () => fail(init.signal?.reason as Error))),
    )
    const pending = waiting(URL_, { method: 'POST', body: BODY })
    const stream = await wrapFetch(async (_, init) => events(init?.signal))(URL_, { method: 'POST', body: `${BODY} ` })
    const reader = (stream.body as ReadableStream<Uint8Array>).getReader()
    await reader.read()
    off = true
    shared.guards.controlsChanged(() => undefined)
    await expect(pending).rejects.toMatchObject({ name: 'GuardError', code: 'AGENTOPZ_KILL_SWITCH' })
    await expect(reader.read()).rejects.toMatchObject({ code: 'AGENTOPZ_KILL_SWITCH', message: 'kill switch: bad answers' })
    const spans = recording.take()
    expect(spans.filter((s) => s.name === 'chat m').map((s) => s.attributes['error.type'])).toEqual([
      'AGENTOPZ_KILL_SWITCH',
      'AGENTOPZ_KILL_SWITCH',
    ])
    // The run is over: nothing is waited for.
    expect(spans.filter((s) => s.name === 'invoke_agent').map((s) => s.attributes['agentopz.run.stopped_by'])).toEqual([
      'kill_switch',
      'kill_switch',
    ])
  })
})

describe('content', () => {
  const content = (spans: readonly Recorded[]): string => JSON.stringify(spans)
  test('is on no span unless it is asked for', async () => {
    await (await wrapFetch(async () => answer())(URL_, { method: 'POST', body: BODY })).text()
    expect(content(recording.take())).not.toMatch(/secret|shh/)
  })
  test('asked for, it is there, redacted and cut', async () => {
    shared.settings = { ...before, content: true, contentMaxChars: 60 }
    shared.redact = (text) => text.replaceAll('secret', '[redacted]')
    await (await wrapFetch(async () => answer())(URL_, { method: 'POST', body: BODY })).text()
    const [span] = calls()
    expect(span?.attributes['gen_ai.input.messages']).toBe('[{"role":"user","content":"my [redacted]"}]')
    expect(String(span?.attributes['gen_ai.output.messages'])).toHaveLength(60)
  })
  test('where redaction fails nothing is shown, and the call is a call', async () => {
    shared.settings = { ...before, content: true }
    shared.redact = () => {
      throw new Error('oops')
    }
    await (await wrapFetch(async () => answer())(URL_, { method: 'POST', body: BODY })).text()
    const spans = recording.take()
    expect(content(spans)).not.toMatch(/secret|shh/)
    expect(spans.map((s) => s.name)).toEqual(['chat m', 'invoke_agent'])
  })
})

describe('nothing is held', { timeout: 30_000 }, () => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void

  test('responses are collected, read or not; a body that nobody reads ends its call', async () => {
    const fetch = wrapFetch(async () => answer())
    const kept: WeakRef<Response>[] = []
    // In a function of its own: what its variables hold is not collected while it runs.
    const make = async (i: number): Promise<void> => {
      const response = await fetch(URL_, { method: 'POST', body: `${BODY}${' '.repeat(i)}` })
      if (i % 2 === 0) await response.text()
      kept.push(new WeakRef(response))
    }
    for (let i = 0; i < 20; i++) await make(i)
    expect(calls()).toHaveLength(10)
    for (let i = 0; i < 4; i++) {
      gc()
      await new Promise((r) => setTimeout(r, 50))
    }
    expect(kept.filter((r) => r.deref() !== undefined)).toHaveLength(0)
    expect(shared.guards.inFlight).toBe(0)
    expect(calls().map((s) => s.attributes['agentopz.stream.incomplete'])).toEqual(Array.from({ length: 10 }, () => true))
  })

  test('a body that is read on after its response was dropped is read to its end', async () => {
    const parts = [
      'data: {"id":"x","choices":[{"delta":{"content":"a"}}]}\n\n',
      'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n',
      'data: [DONE]\n\n',
    ]
    const fetch = wrapFetch(async () => {
      let i = 0
      const body = new ReadableStream({
        type: 'bytes',
        pull: (c: ReadableByteStreamController) => {
          const part = parts[i++]
          if (part === undefined) c.close()
          else c.enqueue(new TextEncoder().encode(part))
        },
      } as never)
      return new Response(body as never, { headers: { 'content-type': 'text/event-stream' } })
    })
    const open = async (): Promise<ReadableStreamDefaultReader<Uint8Array>> =>
      ((await fetch(URL_, { method: 'POST', body: BODY })).body as ReadableStream<Uint8Array>).getReader()
    const reader = await open()
    let text = ''
    for (;;) {
      gc()
      await new Promise((r) => setTimeout(r, 20))
      const { done, value } = await reader.read()
      if (done) break
      text += new TextDecoder().decode(value)
    }
    expect(text).toBe(parts.join(''))
    const [span] = calls()
    expect(span?.attributes).toMatchObject({ 'gen_ai.response.finish_reasons': ['stop'] })
    expect(span?.attributes).not.toHaveProperty('agentopz.stream.incomplete')
  })
})
