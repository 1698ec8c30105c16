/**
 * A large request body → several small ones with the same spans or records in the same order, so that others get a turn between them.
 * Protobuf is checked whole by the decoder, JSON while it is found where everything stands (decode/json-check.ts); then slices are made of it.
 * Resource and scope stand in every slice that has something of theirs, which for a large resource makes slices larger rather than copies
 * many: together at most a quarter more bytes.
 */
import type { Decoder } from './decode/decode.ts'
import type { OutlineInTurns } from './decode/json-check.ts'
import type { OutlinedResource, Stretch } from './decode/json-outline.ts'
import { Strings } from './decode/strings.ts'
import { WireBody } from './decode/wire-body.ts'
import { JsonPieces, type PartOfResource } from './json-pieces.ts'
import type { Slices } from './receive.ts'

/** Checks a body whole and gives its slices: JSON in turns, protobuf at once, which is a quarter of the work. */
export function createSlices(decoder: Decoder, outline: OutlineInTurns): Slices {
  // oxlint-disable-next-line max-params -- as receivers call it
  return function* slices(signal, body, encoding, sliceBytes) {
    if (encoding === 'json') {
      const resources = yield* outline(signal, body)
      return resources === undefined ? undefined : jsonSlicesOf({ signal, bytes: body, resources }, sliceBytes)
    }
    if (signal === 'traces') decoder.traces(body, encoding, { span: unread })
    else decoder.logs(body, encoding, { log: unread })
    return slicesOf(body, sliceBytes)
  }
}

/** For a body that is only checked. */
function unread(): void {
  // Its views are not looked at.
}

/** Some of a scope of a resource. */
interface Part<T> {
  readonly part: T
  readonly bytes: number
  /** A slice with it may be so large. */
  readonly most: number
}

function* gathered<T>(parts: Iterable<Part<T>>, write: (slice: readonly T[]) => Uint8Array): Iterable<Uint8Array> {
  let slice: T[] = []
  let size = 0
  for (const { part, bytes, most } of parts) {
    if (size > 0 && size + bytes > most) {
      yield write(slice)
      slice = []
      size = 0
    }
    slice.push(part)
    size += bytes
  }
  if (size > 0) yield write(slice)
}

/** What is said of a resource and scope again in every slice: of large ones slices are large. */
function mostWith(heads: number, sliceBytes: number): number {
  return Math.max(sliceBytes, 4 * heads)
}

export interface OutlinedBody {
  readonly signal: 'traces' | 'logs'
  readonly bytes: Uint8Array
  readonly resources: readonly OutlinedResource[]
}

/** Bodies of about `sliceBytes`. */
export function jsonSlicesOf({ signal, bytes, resources }: OutlinedBody, sliceBytes: number): Iterable<Uint8Array> {
  const pieces = new JsonPieces(bytes, signal)
  return gathered(jsonPartsOf(resources, sliceBytes), (slice) => pieces.request(slice))
}

function* jsonPartsOf(resources: readonly OutlinedResource[], sliceBytes: number): Iterable<Part<PartOfResource>> {
  for (const { head, scopes } of resources) {
    for (const scope of scopes) {
      const heads = sizeOf(head) + sizeOf(scope.head)
      const most = mostWith(heads, sliceBytes)
      for (const items of stretchesOf(scope.items, most))
        yield { part: { head, scopes: [{ head: scope.head, items }] }, bytes: heads + sizeOf(items), most }
    }
  }
}

/** Neighbours of at most so many bytes as one stretch, with the commas between them. */
function* stretchesOf(items: readonly number[], most: number): Iterable<readonly Stretch[]> {
  let start = items[0]
  for (let i = 0; i < items.length; i += 3) {
    const next = items[i + 3]
    if (start !== undefined && (next === undefined || (items[i + 4] as number) - start > most)) {
      yield [[start, items[i + 1] as number]]
      start = next
    }
  }
}

function sizeOf(stretches: readonly Stretch[]): number {
  return stretches.reduce((sum, [start, end]) => sum + end - start, 0)
}

/** Field of a request with its resources, and of a resource with its scopes, and of a scope with its items. */
const RESOURCE = 1
const NEXT = 2

/** The same of protobuf. Traces and logs have the same form. */
export function slicesOf(bytes: Uint8Array, sliceBytes: number): Iterable<Uint8Array> {
  return gathered(partsOf(new WireBody(bytes, new Strings()), sliceBytes), (slice) => Buffer.concat(slice.flat()))
}

function* partsOf(body: WireBody, sliceBytes: number): Iterable<Part<readonly Uint8Array[]>> {
  for (const resource of fieldsOf(body, 0, body.bytes.length, RESOURCE)) {
    const ofResource = othersOf(body, resource)
    for (const scope of fieldsOf(body, resource.from, resource.end, NEXT)) {
      const ofScope = othersOf(body, scope)
      const most = mostWith(ofResource.length + ofScope.length, sliceBytes)
      for (const items of groupsOf(body, scope, most)) {
        const part = field(RESOURCE, [ofResource, ...field(NEXT, [ofScope, ...items])])
        yield { part, bytes: lengthOf(part), most }
      }
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
