/** Large bodies taken in: whole or not at all, in turns, and never from memory that the next request has been unpacked into. */
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { bodiesOf } from '../../../bench/wire/bodies.ts'
import { unpackIn } from '../../../processor/body.ts'
import { DecodeError, type Encoding } from '../../../processor/decode/decode.ts'
import { createDecoder } from '../../../processor/decode/index.ts'
import { createOutline } from '../../../processor/decode/json-check.ts'
import { INTEREST } from '../../../processor/dialects/index.ts'
import { DEFAULT_RECEIVE_LIMITS, InflightBytes, Place, type ReceiveLimits, type ReceiverParts } from '../../../processor/receive.ts'
import { takeIn } from '../../../processor/receive-take.ts'
import { createSlices } from '../../../processor/slices.ts'

interface World extends ReceiverParts {
  /** Span ids of what was taken, and how many bodies. */
  readonly ids: string[]
  bodies: number
  forwarded: number
}

/** Every body takes at least so long. */
function world(bodyMs = 0, limits: Partial<ReceiveLimits> = {}): World {
  const decoder = createDecoder(INTEREST)
  const w: World = {
    ids: [],
    bodies: 0,
    forwarded: 0,
    limits: { ...DEFAULT_RECEIVE_LIMITS, ...limits },
    inflight: new InflightBytes(2 ** 28, 256),
    authorise: () => true,
    slices: createSlices(decoder, createOutline()),
    ingest: (_, body, encoding) => {
      for (const end = performance.now() + bodyMs; performance.now() < end;);
      w.bodies++
      const link = ({ spanId }: { readonly spanId: string }): void => void w.ids.push(spanId)
      const { total } = decoder.traces(body, encoding, { span: link, link })
      return { total, rejected: 0, message: '' }
    },
    forward: () => w.forwarded++,
    events: { request: () => undefined, rejected: () => undefined, internalError: () => undefined },
  }
  return w
}
const idsOf = (body: Uint8Array, encoding: Encoding): readonly string[] => {
  const w = world()
  w.ingest('traces', body, encoding)
  return w.ids
}
/** As a receiver has it: unpacked, and not waited for where it is there. */
async function send(w: World, body: Uint8Array, encoding: Encoding, contentEncoding = 'identity'): Promise<number> {
  const unpacking = unpackIn(new Place(w.inflight), body, contentEncoding, w)
  const unpacked = unpacking instanceof Promise ? await unpacking : unpacking
  return (await takeIn(w, { signal: 'traces', encoding, unpacked, body, contentType: '', contentEncoding })).total
}

const [one] = bodiesOf('genai', 3000, 1)
/** Small enough to be unpacked into memory that is used again. */
const [medium] = bodiesOf('genai', 1500, 1)
const [small] = bodiesOf('mixed', 500, 1)

for (const encoding of ['protobuf', 'json'] as const) {
  test(`${encoding}: what was unpacked is whole whoever comes between`, async () => {
    const body = medium![encoding]
    const w = world(3, { sliceAboveBytes: 2 ** 20 })
    const sending = send(w, gzipSync(body), encoding, 'gzip')
    const between = Array.from({ length: 3 }, () => send(world(), gzipSync(small!.json), 'json', 'gzip'))
    await Promise.all([sending, ...between])
    expect(w.bodies).toBeGreaterThan(8)
    expect(w.ids).toEqual(idsOf(body, encoding))
  })

  test(`${encoding}: others get a turn between slices`, async () => {
    const w = world(5)
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    expect(await send(w, one![encoding], encoding)).toBe(3000)
    clearInterval(timer)
    expect(turns).toBeGreaterThan(w.bodies / 4)
    expect(w.ids).toEqual(idsOf(one![encoding], encoding))
    expect(w.forwarded).toBe(1)
  })

  test(`${encoding}: a body that is wrong at its end is refused, and nothing of it is taken`, async () => {
    const w = world()
    const body = Buffer.from(one![encoding])
    body[body.length - (encoding === 'json' ? 2 : 1)] = 0xff
    await expect(send(w, body, encoding)).rejects.toThrow(DecodeError)
    expect([w.ids, w.forwarded]).toEqual([[], 0])
  })

  test(`${encoding}: what is large, and how large slices are, is configured`, async () => {
    const count = async (limits: Partial<ReceiveLimits>): Promise<number> => {
      const w = world(0, limits)
      await send(w, one![encoding], encoding)
      return w.bodies
    }
    const bytes = one![encoding].length
    expect(await count({ sliceAboveBytes: bytes })).toBe(1)
    expect(await count({ sliceAboveBytes: bytes - 1, sliceBytes: Math.ceil(bytes / 2) })).toBeLessThan(5)
    expect(await count({ sliceBytes: 10_000 })).toBeGreaterThan(bytes / 20_000)
  })
}

test('with a journal, bodies that wait are unpacked into memory of their own until they leave, and the next into it again', async () => {
  const waiting: (() => void)[] = []
  const w: World = {
    ...world(),
    journal: async (_, apply) => {
      await new Promise<void>((go) => waiting.push(go))
      return await apply(0, 1)
    },
  }
  const memory: ArrayBufferLike[] = []
  const sendOne = async (body: Uint8Array): Promise<void> => {
    const place = new Place(w.inflight)
    const unpacked = unpackIn(place, gzipSync(body), 'gzip', w) as Uint8Array
    memory.push(unpacked.buffer)
    await takeIn(w, { signal: 'traces', encoding: 'protobuf', unpacked, body, contentType: '', contentEncoding: 'gzip' })
    place.leave()
  }
  const bodies = bodiesOf('genai', 100, 5).map((b) => b.protobuf)
  const sent = bodies.slice(0, 3).map(sendOne)
  expect(new Set(memory).size).toBe(3)
  for (const go of waiting.splice(0)) go()
  await Promise.all(sent)
  const more = bodies.slice(3).map(sendOne)
  expect(memory.slice(0, 3)).toEqual(expect.arrayContaining(memory.slice(3)))
  for (const go of waiting.splice(0)) go()
  await Promise.all(more)
  expect(w.ids).toEqual(bodies.flatMap((b) => idsOf(b, 'protobuf')))
  expect(w.inflight.bytes).toBe(0)
})

test('where processes share the work, a body may be read by others for longer: it is nobody else’s', () => {
  const w: World = { ...world(), journal: (_, apply) => Promise.resolve(apply(0, 1)), own: (_, body) => body }
  expect(unpackIn(new Place(w.inflight), gzipSync('any'), 'gzip', w)).toBeInstanceOf(Promise)
})

test('a body in a rare form is taken at once, as it is read', async () => {
  const w = world()
  const text = one!.json.toString().replace(/"traceId":"([0-9a-f]+)"/, (_, id: string) => `"traceId":"${id.toUpperCase()}"`)
  expect(await send(w, Buffer.from(text), 'json')).toBe(3000)
  expect([w.bodies, w.forwarded]).toEqual([1, 1])
})

test('only what is own is taken, and sliced by its own size', async () => {
  const w: World = { ...world(), own: () => new Uint8Array() }
  expect(await send(w, one!.protobuf, 'protobuf')).toBe(0)
  expect([w.bodies, w.forwarded]).toEqual([0, 0])
})

test('a large body is refused while little memory is left, though it was let in; small ones are not asked again', async () => {
  const w: World = { ...world(), memory: () => 'little memory is left' }
  await expect(send(w, one!.protobuf, 'protobuf')).rejects.toMatchObject({ reason: 'memory' })
  expect([w.bodies, w.forwarded]).toEqual([0, 0])
  expect(await send(w, bodiesOf('genai', 10, 1)[0]!.protobuf, 'protobuf')).toBe(10)
})

test('very large bodies are taken one after the other, each by the memory that is left then', async () => {
  let left = 2
  const w: World = { ...world(1), memory: () => (left-- > 0 ? undefined : 'little memory is left') }
  const body = one!.json
  expect(body.length).toBeGreaterThan(4 * 2 ** 20)
  const order: string[] = []
  const sent = ['a', 'b', 'c', 'd'].map((name) =>
    send(w, body, 'json').then(
      () => order.push(name),
      () => order.push(`${name} refused`),
    ),
  )
  await Promise.all(sent)
  expect(order).toEqual(['a', 'b', 'c refused', 'd refused'])
  const ids = idsOf(body, 'json')
  expect(w.ids).toEqual([...ids, ...ids])
  // A refusal does not stop those behind it.
  left = 1
  expect(await send(w, body, 'json')).toBe(3000)
})
