/**
 * AWS event stream frames, in pieces as they come → events as one object with the event's name as its key. Checksums are the SDK's business;
 * what is no frame, or longer than the bound, ends the reading: the facts are then incomplete.
 * Source: smithy.io, "Amazon Event Stream Specification".
 */
import { type Json, object } from './protocol.ts'

/** Total length, headers' length, their checksum. */
const PRELUDE = 12
const CHECKSUM = 4
const STRING = 7

/** Takes bytes, gives events. */
export class FrameReader {
  /** True once something was no frame. */
  isBroken = false
  readonly #maxBytes: number
  #rest: Uint8Array = new Uint8Array(0)

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Events that are whole with these bytes. */
  push(bytes: Uint8Array): readonly Json[] {
    if (this.isBroken) return []
    const all = this.#rest.byteLength === 0 ? bytes : joined(this.#rest, bytes)
    const view = new DataView(all.buffer, all.byteOffset, all.byteLength)
    const events: Json[] = []
    let at = 0
    while (at + PRELUDE <= all.byteLength) {
      const length = view.getUint32(at)
      const headersEnd = at + PRELUDE + view.getUint32(at + 4)
      if (length > this.#maxBytes || headersEnd > at + length - CHECKSUM) {
        this.isBroken = true
        return events
      }
      if (at + length > all.byteLength) break
      const event = eventOf(all.subarray(at + PRELUDE, headersEnd), all.subarray(headersEnd, at + length - CHECKSUM))
      if (event !== undefined) events.push(event)
      at += length
    }
    // A copy: the bytes are the application's and may be written over.
    this.#rest = all.slice(at)
    return events
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const all = new Uint8Array(a.byteLength + b.byteLength)
  all.set(a)
  all.set(b, a.byteLength)
  return all
}

function eventOf(headers: Uint8Array, payload: Uint8Array): Json | undefined {
  const named = namesOf(headers)
  const name = named.get(':event-type') ?? named.get(':exception-type')
  if (name === undefined) return undefined
  try {
    const body = object(JSON.parse(new TextDecoder().decode(payload))) ?? {}
    return named.get(':message-type') === 'exception' ? { ...body, __type: name } : { [name]: body }
  } catch {
    return undefined
  }
}

/** Headers that are strings, up to the first that is none: event, content and message type are. */
function namesOf(bytes: Uint8Array): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const text = (from: number, length: number): string => new TextDecoder().decode(bytes.subarray(from, from + length))
  let at = 0
  while (at < bytes.byteLength) {
    const nameLength = bytes[at] ?? 0
    const typeAt = at + 1 + nameLength
    if (bytes[typeAt] !== STRING || typeAt + 3 > bytes.byteLength) break
    const length = view.getUint16(typeAt + 1)
    found.set(text(at + 1, nameLength), text(typeAt + 3, length))
    at = typeAt + 3 + length
  }
  return found
}
