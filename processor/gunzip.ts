/**
 * Gunzip into one buffer that is used again and again. A new buffer of half a megabyte for every request is page faults, caches gone cold
 * and external memory for the collector to chase: unpacking this way takes a third less CPU in the server, docs/decisions/0015-wire-path.md.
 * It goes through the handle inside zlib's stream, which Node does not document. So it is tried on known bodies at start, good and broken,
 * and not used when anything about it differs; whatever it cannot do at run time is left to zlib's own functions, whose answer then counts.
 */
import zlib from 'node:zlib'

/** Larger outputs are rare and take new memory. */
export const LARGEST = 4 * 2 ** 20

/** Unpacks into `into`, else into the shared buffer, whose content is good until the next call; undefined when it did not come out whole. */
export type Gunzip = (body: Uint8Array, room: number, into?: Uint8Array) => Uint8Array | undefined

interface Handle {
  onerror: (message: string) => void
  reset(): void
  writeSync(flush: number, from: Uint8Array, fromAt: number, fromLength: number, to: Uint8Array, toAt: number, toLength: number): void
}

/** The fast way, or undefined where this Node has it not. */
export function createReusedGunzip(): Gunzip | undefined {
  try {
    const gunzip = overHandle()
    return gunzip !== undefined && worksAsZlib(gunzip) ? gunzip : undefined
  } catch {
    return undefined
  }
}

function overHandle(): Gunzip | undefined {
  const stream = zlib.createGunzip({ chunkSize: 1024 }) as unknown as { readonly _handle?: Handle; readonly _writeState?: Uint32Array }
  const { _handle: handle, _writeState: state } = stream
  if (typeof handle?.writeSync !== 'function' || typeof handle.reset !== 'function' || !(state instanceof Uint32Array)) return undefined
  let hasFailed = false
  handle.onerror = () => (hasFailed = true)
  let shared = Buffer.allocUnsafeSlow(64 * 1024)
  return (body, room, into) => {
    if (room > LARGEST) return undefined
    if (into === undefined && shared.length < room) shared = Buffer.allocUnsafeSlow(room)
    const to = into ?? shared
    hasFailed = false
    handle.reset()
    handle.writeSync(zlib.constants.Z_FINISH, body, 0, body.length, to, 0, room)
    const [roomLeft = 0, bodyLeft = 1] = state
    // A full buffer may have cut the output off; bytes after the last member are for zlib to judge.
    return hasFailed || roomLeft === 0 || bodyLeft !== 0 ? undefined : to.subarray(0, room - roomLeft)
  }
}

/** Whether it does what it should: two members are one body, and nothing broken or cut off passes. */
function worksAsZlib(gunzip: Gunzip): boolean {
  const text = Buffer.from('wire path '.repeat(500))
  const packed = zlib.gzipSync(text)
  const twice = Buffer.concat([packed, packed])
  const flipped = Buffer.from(packed)
  flipped[packed.length - 6] = (flipped[packed.length - 6] ?? 0) ^ 1
  const broken = [flipped, packed.subarray(0, packed.length - 1), packed.subarray(0, 20), Buffer.from('no gzip'), new Uint8Array()]
  const isGood = (body: Uint8Array, is: Buffer): boolean => {
    const found = gunzip(body, is.length + 1)
    return found !== undefined && is.equals(found)
  }
  return (
    isGood(packed, text) &&
    broken.every((body) => gunzip(body, text.length + 1) === undefined && isGood(packed, text)) &&
    gunzip(packed, text.length) === undefined &&
    isGood(twice, Buffer.concat([text, text])) &&
    zlib.gunzipSync(packed).equals(text)
  )
}
