/** Unpacking into a shared buffer gives what zlib gives, or leaves it to zlib. */
import { gunzipSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { expectedBytes, unpack } from '../../processor/body.ts'
import { createReusedGunzip } from '../../processor/gunzip.ts'
import { DEFAULT_RECEIVE_LIMITS } from '../../processor/receive.ts'

const gunzip = createReusedGunzip()

test('this Node has it', () => expect(gunzip).toBeDefined())

describe('what it unpacks is what zlib unpacks', () => {
  test('bodies of every size, one after the other in one buffer', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 3000 }), { minLength: 1, maxLength: 5 }), (bodies) => {
        for (const body of bodies) expect(Buffer.from(gunzip!(gzipSync(body), body.length + 1)!)).toEqual(Buffer.from(body))
      }),
      { numRuns: 200 },
    )
  })

  test('damaged bodies: the same bytes as zlib, or none', () => {
    const damaged = fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 500 }), fc.nat(), fc.nat({ max: 254 }), fc.boolean())
    fc.assert(
      fc.property(damaged, ([body, at, by, cut]) => {
        const packed = gzipSync(body)
        const place = at % packed.length
        const broken = cut ? packed.subarray(0, place) : Buffer.from(packed.map((b, i) => (i === place ? b ^ (by + 1) : b)))
        const found = gunzip!(broken, 4096)
        if (found !== undefined) expect(Buffer.from(found)).toEqual(gunzipSync(broken))
      }),
      { numRuns: 2000 },
    )
  })

  test('several members are one body', () => {
    const two = Buffer.concat([gzipSync('first '), gzipSync('second')])
    expect(Buffer.from(gunzip!(two, 100)!).toString()).toBe('first second')
  })
})

describe('left to zlib', () => {
  const packed = gzipSync('x'.repeat(1000))
  const cases = [
    { name: 'an output that does not fit its room', body: packed, room: 999 },
    { name: 'an output that fills its room, for it may be cut off', body: packed, room: 1000 },
    { name: 'bytes after the last member', body: Buffer.concat([packed, Buffer.alloc(8)]), room: 2000 },
    { name: 'more room than is kept', body: packed, room: 4 * 2 ** 20 + 1 },
  ]
  for (const c of cases) test(c.name, () => expect(gunzip!(c.body, c.room)).toBeUndefined())

  test('and zlib decides: a body with a wrong size in its trailer is refused', async () => {
    const lying = Buffer.from(packed)
    lying.writeUInt32LE(5, lying.length - 4)
    await expect(unpack(lying, 'gzip', DEFAULT_RECEIVE_LIMITS)).rejects.toThrow('not valid gzip')
  })
  test('a bomb stops at the bound', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 2 ** 20))
    expect(expectedBytes(bomb, 'gzip', DEFAULT_RECEIVE_LIMITS)).toBeLessThan(64 * 2 ** 20)
    await expect(unpack(bomb, 'gzip', DEFAULT_RECEIVE_LIMITS)).rejects.toThrow('unpacks to more than')
  })
})

test('what can be unpacked at once is no promise, and is good until the next one', () => {
  const first = unpack(gzipSync('first'), 'gzip', DEFAULT_RECEIVE_LIMITS) as Uint8Array
  expect(Buffer.from(first).toString()).toBe('first')
  const second = unpack(gzipSync('other'), 'gzip', DEFAULT_RECEIVE_LIMITS) as Uint8Array
  expect(Buffer.from(second).toString()).toBe('other')
  expect(first.buffer).toBe(second.buffer)
})

test('what is larger than may be unpacked inline is unpacked elsewhere, into memory of its own', async () => {
  const body = gzipSync('other')
  const bounds = (bytes: number): typeof DEFAULT_RECEIVE_LIMITS => ({ ...DEFAULT_RECEIVE_LIMITS, unpackInlineBytes: bytes })
  expect(unpack(body, 'gzip', bounds(Math.ceil(body.length / 4)))).toBeInstanceOf(Uint8Array)
  const elsewhere = unpack(body, 'gzip', bounds(Math.ceil(body.length / 4) - 1))
  expect(elsewhere).toBeInstanceOf(Promise)
  expect(Buffer.from(await elsewhere).toString()).toBe('other')
})
