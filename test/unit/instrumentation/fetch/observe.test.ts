/** A watched response is the response: however it is read, the application sees what it would have seen, and we see it once. */
import { Readable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type BodySink, observeBody } from '../../../../instrumentation/fetch/observe.ts'

class Sink implements BodySink {
  readonly seen: string[] = []
  bytes = ''
  readonly #decoder = new TextDecoder()
  text(whole: string): void {
    this.seen.push(`text ${whole}`)
  }
  json(value: unknown): void {
    this.seen.push(`json ${JSON.stringify(value)}`)
  }
  chunk(bytes: Uint8Array): void {
    this.bytes += this.#decoder.decode(bytes, { stream: true })
    this.seen.push(`chunk ${bytes.byteLength}`)
  }
  end(): void {
    this.seen.push('end')
  }
  cancelled(): void {
    this.seen.push('cancelled')
  }
  failed(error: unknown): void {
    this.seen.push(`failed ${String(error)}`)
  }
}

interface Source {
  readonly response: Response
  /** Chunks that were asked for so far. */
  readonly pulled: () => number
  readonly cancelled: () => unknown
}

/** A response as undici makes it: a byte stream that gives a chunk when it is asked. */
function source(chunks: readonly string[], fails?: Error): Source {
  let pulled = 0
  let cancelled: unknown
  const body = new ReadableStream({
    type: 'bytes',
    pull: (controller) => {
      const chunk = chunks[pulled++]
      if (chunk !== undefined) controller.enqueue(new TextEncoder().encode(chunk))
      else if (fails !== undefined) controller.error(fails)
      else {
        controller.close()
        controller.byobRequest?.respond(0)
      }
    },
    cancel: (reason) => {
      cancelled = reason
    },
  })
  return { response: new Response(body, { headers: { 'content-type': 'text/plain' } }), pulled: () => pulled, cancelled: () => cancelled }
}

function watch(chunks: readonly string[], fails?: Error): Source & { readonly sink: Sink } {
  const made = source(chunks, fails)
  const sink = new Sink()
  expect(observeBody(made.response, sink)).toBe(made.response)
  return { ...made, sink }
}
const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes)
async function drain(stream: ReadableStream<Uint8Array> | null): Promise<string[]> {
  const chunks: string[] = []
  for await (const chunk of stream ?? []) chunks.push(text(chunk))
  return chunks
}

describe('read whole', () => {
  const body = '{"a":"ü"}'
  const ways: readonly { name: string; read: (r: Response) => Promise<unknown>; gives: unknown; sees: string }[] = [
    { name: 'text', read: (r) => r.text(), gives: body, sees: `text ${body}` },
    { name: 'json', read: (r) => r.json(), gives: { a: 'ü' }, sees: `json ${body}` },
    { name: 'arrayBuffer', read: async (r) => text(new Uint8Array(await r.arrayBuffer())), gives: body, sees: `text ${body}` },
    { name: 'bytes', read: async (r) => text(await r.bytes()), gives: body, sees: `text ${body}` },
    { name: 'blob', read: async (r) => (await r.blob()).text(), gives: body, sees: `text ${body}` },
  ]
  for (const way of ways)
    test(way.name, async () => {
      const { response, sink } = watch(['{"a":', '"ü"}'])
      expect(await way.read(response)).toEqual(way.gives)
      expect(sink.seen).toEqual([way.sees])
      expect(response.bodyUsed).toBe(true)
      await expect(response.text()).rejects.toThrow(TypeError)
      expect(sink.seen).toEqual([way.sees])
    })
  test('formData', async () => {
    const form = new FormData()
    form.set('a', '1')
    const response = new Response(form)
    const sink = new Sink()
    observeBody(response, sink)
    expect((await response.formData()).get('a')).toBe('1')
    expect(sink.seen).toEqual(['end'])
  })
  test.each(['', '{"a":', 'not json', '{"a":1}}', '\uFEFF{"a":1}'])('json of %j ends as it would', async (body) => {
    const bare = await new Response(body).json().then(
      (value: unknown) => ({ value }),
      (error: Error) => ({ name: error.name, message: error.message, kind: error.constructor }),
    )
    const { response, sink } = watch(body === '' ? [] : [body])
    const watched = await response.json().then(
      (value: unknown) => ({ value }),
      (error: Error) => ({ name: error.name, message: error.message, kind: error.constructor }),
    )
    expect(watched).toEqual(bare)
    expect(sink.seen).toHaveLength(1)
  })
  test('a body that breaks off rejects with its own error', async () => {
    const error = new TypeError('terminated')
    const { response, sink } = watch(['abc'], error)
    await expect(response.text()).rejects.toBe(error)
    expect(sink.seen).toEqual(['failed TypeError: terminated'])
  })
  test('a body that was read already rejects as it would', async () => {
    const { response } = watch(['abc'])
    await response.text()
    const bare = new Response('x')
    await bare.text()
    const messageOf = (r: Response): Promise<string> => r.text().then(String, (e: Error) => e.message)
    expect(await messageOf(response)).toBe(await messageOf(bare))
  })
})

describe('read as a stream', () => {
  test('the same chunks, then the end', async () => {
    const { response, sink } = watch(['ab', 'c', 'def'])
    expect(await drain(response.body)).toEqual(['ab', 'c', 'def'])
    expect(sink.seen).toEqual(['chunk 2', 'chunk 1', 'chunk 3', 'end'])
    expect(response.bodyUsed).toBe(true)
  })
  test('nothing is read before somebody reads, and never ahead', async () => {
    const { response, pulled } = watch(['a', 'b', 'c', 'd'])
    const { body } = response
    await new Promise((r) => setTimeout(r, 10))
    expect(pulled()).toBe(0)
    expect(response.bodyUsed).toBe(false)
    const reader = body!.getReader()
    await reader.read()
    await new Promise((r) => setTimeout(r, 10))
    expect(pulled()).toBe(1)
    await reader.read()
    expect(pulled()).toBe(2)
  })
  test('is one and the same object each time', () => {
    const { response } = watch(['a'])
    expect(response.body).toBe(response.body)
  })
  test('leaving it cancels the source with the reason', async () => {
    const { response, sink, cancelled } = watch(['a', 'b', 'c'])
    const reader = response.body!.getReader()
    await reader.read()
    await reader.cancel('enough')
    expect(cancelled()).toBe('enough')
    expect(sink.seen).toEqual(['chunk 1', 'cancelled'])
  })
  test('cancelling it unread cancels the source', async () => {
    const { response, sink, cancelled, pulled } = watch(['a'])
    await response.body!.cancel('never mind')
    expect(cancelled()).toBe('never mind')
    expect(pulled()).toBe(0)
    expect(sink.seen).toEqual(['cancelled'])
  })
  test('breaking out of a loop cancels the source', async () => {
    const { response, sink } = watch(['a', 'b'])
    for await (const chunk of response.body as ReadableStream<Uint8Array>) {
      expect(text(chunk)).toBe('a')
      break
    }
    expect(sink.seen).toEqual(['chunk 1', 'cancelled'])
  })
  test("an error of the source is the reader's, the same object", async () => {
    const error = new Error('reset')
    const { response, sink } = watch(['a'], error)
    const reader = response.body!.getReader()
    await reader.read()
    await expect(reader.read()).rejects.toBe(error)
    expect(sink.seen).toEqual(['chunk 1', 'failed Error: reset'])
  })
  test('byte readers with a buffer of their own get what they would', async () => {
    async function parts(response: Response): Promise<readonly (readonly [boolean, string])[]> {
      const reader = (response.body as ReadableStream<Uint8Array>).getReader({ mode: 'byob' })
      const seen: [boolean, string][] = []
      for (;;) {
        const { done, value } = await reader.read(new Uint8Array(3))
        seen.push([done, text(value)])
        if (done) return seen
      }
    }
    const { response, sink } = watch(['abcd', 'e'])
    expect(await parts(response)).toEqual(await parts(source(['abcd', 'e']).response))
    expect(sink.bytes).toBe('abcde')
    expect(sink.seen.at(-1)).toBe('end')
  })
  test('tee gives both branches everything', async () => {
    const { response, sink } = watch(['ab', 'c'])
    const [one, two] = response.body!.tee()
    expect([(await drain(one)).join(''), (await drain(two)).join('')]).toEqual(['abc', 'abc'])
    expect(sink.seen).toEqual(['chunk 2', 'chunk 1', 'end'])
  })
  test('pipes', async () => {
    const { response, sink } = watch(['ab', 'c'])
    const through = response.body!.pipeThrough(new TextDecoderStream())
    let all = ''
    for await (const part of through) all += part
    expect(all).toBe('abc')
    expect(sink.seen.at(-1)).toBe('end')
  })
  test('as a Node stream, and as the body of another response', async () => {
    const first = watch(['ab', 'c'])
    expect(Buffer.concat(await Readable.fromWeb(first.response.body as never).toArray()).toString()).toBe('abc')
    expect(first.sink.bytes).toBe('abc')
    const second = watch(['ab', 'c'])
    expect(await new Response(second.response.body, second.response).text()).toBe('abc')
    expect(second.sink.bytes).toBe('abc')
  })
  test('a source that is no byte stream stays none: chunks of any kind come through', async () => {
    const parts = [new Uint8Array([97]), new Uint8Array(), 'b', undefined]
    const body = new ReadableStream({
      start: (controller) => {
        for (const part of parts) controller.enqueue(part)
        controller.close()
      },
    })
    const sink = new Sink()
    const response = new Response()
    const prototype = Object.create(Response.prototype, { body: { get: () => body } }) as Response
    observeBody(Object.setPrototypeOf(response, prototype) as Response, sink)
    expect(() => response.body!.getReader({ mode: 'byob' })).toThrow(TypeError)
    const seen: unknown[] = []
    for await (const chunk of response.body as ReadableStream<unknown>) seen.push(chunk)
    expect(seen).toEqual(parts)
    expect(sink.bytes).toBe('a')
  })
  test('chunks that share memory with others are handed on without taking it away', async () => {
    const shared = Buffer.from('pooled')
    const neighbour = Buffer.from('beside')
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        controller.enqueue(shared)
        controller.close()
      },
    })
    const response = new Response(body)
    const sink = new Sink()
    observeBody(response, sink)
    expect((await drain(response.body)).join('')).toBe('pooled')
    expect(neighbour.toString()).toBe('beside')
    expect(shared.toString()).toBe('pooled')
    expect(sink.seen).toEqual(['chunk 6', 'end'])
  })
})

describe('clones', () => {
  test('both can be read, and are counted once', async () => {
    const { response, sink } = watch(['ab', 'c'])
    const clone = response.clone()
    expect(await clone.text()).toBe('abc')
    expect(await drain(response.body)).toEqual(['ab', 'c'])
    expect(sink.seen).toEqual(['text abc'])
  })
  test('the original after its clone, as a stream and whole', async () => {
    const { response, sink } = watch(['ab', 'c'])
    const clone = response.clone()
    expect((await drain(response.body)).join('')).toBe('abc')
    expect((await drain(clone.body)).join('')).toBe('abc')
    expect(sink.bytes).toBe('abc')
    const second = watch(['ab'])
    second.response.clone()
    expect(await second.response.text()).toBe('ab')
  })
  test('a clone of a clone', async () => {
    const { response, sink } = watch(['ab'])
    const [one, two] = [response.clone(), response.clone()]
    const three = two.clone()
    expect(await Promise.all([three.text(), two.text(), one.text(), response.text()])).toEqual(['ab', 'ab', 'ab', 'ab'])
    expect(sink.seen).toEqual(['text ab'])
  })
  test('a response that was read cannot be cloned, as ever', async () => {
    const { response } = watch(['ab'])
    await response.text()
    expect(() => response.clone()).toThrow(TypeError)
  })
})

describe('what a bare response refuses stays refused', () => {
  test('reading whole what is being read as a stream', async () => {
    const { response, sink } = watch(['ab', 'c'])
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    await expect(response.text()).rejects.toThrow(TypeError)
    expect(() => response.clone()).toThrow(TypeError)
    expect(text((await reader.read()).value)).toBe('ab')
    await reader.read()
    await reader.read()
    expect(sink.seen).toEqual(['chunk 2', 'chunk 1', 'end'])
  })
  test('a second reader', () => {
    const { response } = watch(['ab'])
    response.body!.getReader()
    expect(() => response.body!.getReader()).toThrow(TypeError)
  })
  test('no body is no body', () => {
    const response = new Response(null, { status: 204 })
    observeBody(response, new Sink())
    expect(response.body).toBeNull()
  })
})

test('any chunks, read in any of these ways, are the same as bare', async () => {
  const reads: readonly ((r: Response) => Promise<string>)[] = [
    (r) => r.text(),
    async (r) => (await drain(r.body)).join('|'),
    async (r) => text(await r.clone().bytes()),
    async (r) => (await drain(r.body!.tee()[0])).join('|'),
  ]
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.string({ minLength: 1, unit: 'grapheme' }).filter((s) => s.isWellFormed()),
        { maxLength: 8 },
      ),
      fc.nat(reads.length - 1),
      async (chunks, way) => {
        const read = reads[way]!
        const { response, sink } = watch(chunks)
        expect(await read(response)).toBe(await read(source(chunks).response))
        const whole = sink.seen.find((s) => s.startsWith('text '))?.slice(5)
        expect(whole ?? sink.bytes).toBe(chunks.join(''))
      },
    ),
  )
})
