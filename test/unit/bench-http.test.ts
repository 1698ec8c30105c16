import fc from 'fast-check'
import { expect, test } from 'vitest'
import { gunzipSync, gzipSync } from 'node:zlib'
import { sumOf } from '../../bench/collector/contenders.ts'
import { Messages } from '../../bench/collector/http.ts'
import { renewed } from '../../bench/collector/renew.ts'
import { bodiesOf } from '../../bench/wire/bodies.ts'
import { createDecoder } from '../../processor/decode/index.ts'
import { INTEREST } from '../../processor/dialects/index.ts'

test('messages are told apart wherever the stream is cut, chunked ones too', () => {
  const stream = Buffer.from(
    [
      'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
      'POST / HTTP/1.1\r\nContent-Length: 12\r\n\r\nhello\r\n\r\nyou',
      'HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n',
      'HTTP/1.1 200 OK\r\n\r\n',
    ].join(''),
  )
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 }), (sizes) => {
      const seen: (readonly [string, number])[] = []
      const messages = new Messages((head, bytes) => seen.push([head.slice(0, 12), bytes]))
      for (let at = 0, i = 0; at < stream.length; i++) {
        const size = sizes[i % sizes.length] ?? 1
        messages.push(stream.subarray(at, at + size))
        at += size
      }
      expect(seen).toEqual([
        ['HTTP/1.1 200', 0],
        ['POST / HTTP/', 12],
        ['HTTP/1.1 503', 31],
        ['HTTP/1.1 200', 0],
      ])
    }),
  )
})

test('what a server counted is read whatever its labels hold', () => {
  const page =
    '# TYPE a_total counter\na_total{route="/orders/{id}",code="200"} 7254\na_total{route="x"} 3 1790000000000\na_total_more{a="b"} 9\n'
  expect(sumOf(page, 'a_total')).toBe(7257)
})

test('a renewed request is about other traces and responses, and else the same', () => {
  const [body] = bodiesOf('genai', 64, 1)
  const zipped = gzipSync(body!.protobuf)
  const request = Buffer.concat([Buffer.from(`POST / HTTP/1.1\r\ncontent-length: ${zipped.length}\r\n\r\n`), zipped])
  const read = (from: Buffer): { readonly traces: Set<string>; readonly responses: Set<string>; readonly spans: number } => {
    const traces = new Set<string>()
    const responses = new Set<string>()
    const head = from.indexOf('\r\n\r\n')
    expect(from.toString('latin1', 0, head)).toContain(`content-length: ${from.length - head - 4}`)
    const { total } = createDecoder(INTEREST).traces(gunzipSync(from.subarray(head + 4)), 'protobuf', {
      span: (s) => {
        traces.add(s.traceId)
        const id = s.attributes.text('gen_ai.response.id')
        if (id !== undefined) responses.add(id)
      },
    })
    return { traces, responses, spans: total }
  }
  const all = [request, renewed(request, 1), renewed(request, 77)].map(read)
  const distinct = (of: (r: (typeof all)[number]) => Set<string>): number => new Set(all.flatMap((r) => [...of(r)])).size
  expect(distinct((r) => r.traces)).toBe(3 * all[0]!.traces.size)
  expect(distinct((r) => r.responses)).toBe(3 * all[0]!.responses.size)
  expect(all.map((r) => r.spans)).toEqual([64, 64, 64])
})
