/** Bodies as they come: whole and in order whatever their chunks, and never much more memory than is counted. */
import { Readable } from 'node:stream'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { InflightBytes, Place } from '../../../processor/receive.ts'
import { readBody } from '../../../processor/receive-body.ts'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void
const used = (): number => {
  // Memory beside the heap is given back by the collection after the one that found it unused.
  gc()
  gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
interface Coming {
  readonly send: (chunk: Buffer) => void
  readonly end: () => Promise<Buffer>
  readonly place: Place
}
function coming(maxBytes = 2 ** 24): Coming {
  const stream = new Readable({ read: () => undefined })
  const place = new Place(new InflightBytes(2 ** 28, 256))
  const reading = readBody(stream, { maxBytes, place })
  return {
    send: (chunk) => void stream.emit('data', chunk),
    end: () => {
      stream.emit('end')
      return reading
    },
    place,
  }
}

test('a body is what its chunks are, one after the other', async () => {
  const size = fc.oneof(fc.nat(40), fc.nat(9000), fc.nat(70_000))
  await fc.assert(
    fc.asyncProperty(fc.array(size, { maxLength: 40 }), async (sizes) => {
      const { send, end } = coming()
      const chunks = sizes.map((n, i) => Buffer.alloc(n, i + 1))
      for (const chunk of chunks) send(chunk)
      expect((await end()).equals(Buffer.concat(chunks))).toBe(true)
    }),
    { numRuns: 50 },
  )
})

const kinds: readonly (readonly [string, number, (n: number) => Buffer])[] = [
  ['chunks of one byte', 200_000, (n) => Buffer.from([n & 0xff])],
  ['small views of much memory, as of HTTP/2', 2000, (n) => Buffer.alloc(65_536, n).subarray(100, 150)],
  ['one byte after each large one', 1000, (n) => (n % 2 === 0 ? Buffer.alloc(4096, n) : Buffer.from([n & 0xff]))],
]
for (const [name, count, make] of kinds)
  test(`${name} do not take memory that nobody counts`, async () => {
    const { send, end, place } = coming()
    const before = used()
    for (let n = 0; n < count; n++) send(make(n))
    expect(used() - before - place.held).toBeLessThan(2 ** 20)
    expect((await end()).equals(Buffer.concat(Array.from({ length: count }, (_, n) => make(n))))).toBe(true)
  })
