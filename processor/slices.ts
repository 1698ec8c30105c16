/**
 * A large request body → several small ones with the same spans or records in the same order, so that others get a turn between them.
 * In: an OTLP/protobuf request that was checked whole; nothing is checked again. Resource and scope stand in every slice that has
 * something of theirs, which for a large resource makes slices larger rather than copies many: together at most a quarter more bytes.
 */
import { Strings } from './decode/strings.ts'
import { WireBody } from './decode/wire-body.ts'

/** Field of a request with its resources, and of a resource with its scopes, and of a scope with its items. */
const RESOURCE = 1
const NEXT = 2

/** Bodies of about `sliceBytes`. Traces and logs have the same form. */
export function* slicesOf(bytes: Uint8Array, sliceBytes: number): Iterable<Uint8Array> {
  let slice: Uint8Array[] = []
  let size = 0
  for (const { part, most } of partsOf(new WireBody(bytes, new Strings()), sliceBytes)) {
    const partBytes = lengthOf(part)
    if (size > 0 && size + partBytes > most) {
      yield Buffer.concat(slice)
      slice = []
      size = 0
    }
    slice.push(...part)
    size += partBytes
  }
  if (size > 0) yield Buffer.concat(slice)
}

interface Part {
  /** A resource with one scope and some of its items. */
  readonly part: readonly Uint8Array[]
  /** A slice with it may be so large. */
  readonly most: number
}

function* partsOf(body: WireBody, sliceBytes: number): Iterable<Part> {
  for (const resource of fieldsOf(body, 0, body.bytes.length, RESOURCE)) {
    const ofResource = othersOf(body, resource)
    for (const scope of fieldsOf(body, resource.from, resource.end, NEXT)) {
      const ofScope = othersOf(body, scope)
      const most = Math.max(sliceBytes, 4 * (ofResource.length + ofScope.length))
      for (const items of groupsOf(body, scope, most))
        yield { part: field(RESOURCE, [ofResource, ...field(NEXT, [ofScope, ...items])]), most }
    }
  }
}

/** A field of a message: its tag is at `at`, its value from `from` to `end`. */
interface Field {
  readonly at: number
  readonly from: number
  readonly end: number
}

function* fieldsOf(body: WireBody, start: number, end: number, number: number): Iterable<Field> {
  for (let at = start; at < end;) {
    const next = body.step(at)
    if (body.number === number) yield { at, from: body.from, end: next }
    at = next
  }
}

/** What a resource or scope has besides what is in it. */
function othersOf(body: WireBody, { from, end }: Field): Buffer {
  const others: Buffer[] = []
  for (let at = from; at < end;) {
    const next = body.step(at)
    if (body.number !== NEXT) others.push(body.bytes.subarray(at, next))
    at = next
  }
  return Buffer.concat(others)
}

function* groupsOf(body: WireBody, scope: Field, most: number): Iterable<readonly Uint8Array[]> {
  let group: Uint8Array[] = []
  let size = 0
  for (const { at, end } of fieldsOf(body, scope.from, scope.end, NEXT)) {
    if (size > 0 && size + end - at > most) {
      yield group
      group = []
      size = 0
    }
    group.push(body.bytes.subarray(at, end))
    size += end - at
  }
  if (group.length > 0) yield group
}

function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0)
}

/** A length-delimited field. */
function field(number: number, value: readonly Uint8Array[]): readonly Uint8Array[] {
  const head = [(number << 3) | 2]
  let length = lengthOf(value)
  for (; length >= 0x80; length = Math.floor(length / 128)) head.push((length % 128) | 0x80)
  head.push(length)
  return [Uint8Array.from(head), ...value]
}
