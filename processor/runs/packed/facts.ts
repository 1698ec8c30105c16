/**
 * The facts, links and evaluations of one trace ↔ one record of bytes, in the order they came, exactly: less than 100 bytes a span where objects take
 * 540. What a span says is usually what the span before it said (service, environment, parent), so that is a bit; the set of
 * fields that a reading has is a word of the record; message text and ids are written as they are.
 */
import type { ExternalEvaluation, Fact, Intervention, RawUsage, Reading } from '../../../model/run.ts'
import type { ParentLocation } from '../../../model/span.ts'
import type { Link } from '../tree.ts'
import { type Reader, Writer } from './bytes.ts'

export interface Contents {
  readonly facts: ReadonlyMap<string, Fact>
  readonly links: ReadonlyMap<string, Link>
  readonly evaluations: readonly { readonly spanId: string; readonly evaluation: ExternalEvaluation }[]
}

/** How each field of a reading is written; a field that is missing here does not compile. */
const KINDS = {
  role: 'word',
  agentName: 'word',
  agentVersion: 'word',
  promptName: 'word',
  promptVersion: 'word',
  instructionsHash: 'word',
  toolsHash: 'word',
  provider: 'word',
  requestModel: 'word',
  responseModel: 'word',
  responseId: 'text',
  usage: 'usage',
  givenCostUsd: 'number',
  serviceTier: 'word',
  finish: 'word',
  outputEmpty: 'flag',
  perAttempt: 'flag',
  outputInvalid: 'flag',
  outputText: 'text',
  inputText: 'text',
  toolName: 'word',
  toolCallId: 'text',
  argumentsHash: 'text',
  resultEmpty: 'flag',
  blocked: 'flag',
  serverSide: 'flag',
  failed: 'flag',
  errorType: 'word',
  stoppedBy: 'word',
  incomplete: 'flag',
  intervention: 'json',
  evaluations: 'json',
} as const satisfies Record<keyof Reading, Kind>
const USAGE = {
  input: 'number',
  output: 'number',
  cacheRead: 'number',
  cacheWrite: 'number',
  cacheWrite1h: 'number',
  reasoning: 'number',
  total: 'number',
  cacheAccounting: 'word',
  reasoningOutsideOutput: 'flag',
} as const satisfies Record<keyof RawUsage, Kind>

type Kind = 'word' | 'text' | 'number' | 'flag' | 'json' | 'usage'
type Value = string | number | boolean | RawUsage | Intervention | readonly ExternalEvaluation[] | undefined

interface Fields {
  readonly names: readonly string[]
  readonly kinds: readonly Kind[]
  /** One character per field, to spell the set of fields of an object. */
  readonly letters: ReadonlyMap<string, string>
}
const fieldsOf = (kinds: Readonly<Record<string, Kind>>): Fields => ({
  names: Object.keys(kinds),
  kinds: Object.values(kinds),
  letters: new Map(Object.keys(kinds).map((name, i) => [name, String.fromCharCode(i + 1)])),
})
const READING = fieldsOf(KINDS)
const USAGE_FIELDS = fieldsOf(USAGE)

/** Bits of the byte before every fact. */
const [SPAN_HEX, PARENT_SAME, PARENT_HEX, ORIGIN_SAME, HAS_VERSION, HAS_MAIN_AGENT, FROM_LOG] = [1, 2, 4, 8, 16, 32, 64]

const writer = new Writer()

/** The contents as bytes, good until the next call. */
export function packContents(contents: Contents, before: (w: Writer) => void): Uint8Array {
  const w = writer
  w.begin()
  before(w)
  w.whole(contents.facts.size)
  let last: Fact | undefined
  for (const fact of contents.facts.values()) {
    writeFact(w, fact, last)
    last = fact
  }
  w.whole(contents.links.size)
  for (const [id, link] of contents.links) {
    w.id(id)
    w.id(link.parentSpanId)
    w.text(link.parentLocation)
  }
  w.whole(contents.evaluations.length)
  for (const { spanId, evaluation } of contents.evaluations) {
    w.text(spanId)
    w.once(JSON.stringify(evaluation))
  }
  return w.bytes
}

/** What `packContents` wrote. */
export function unpackContents(
  r: Reader,
  into: { readonly facts: Map<string, Fact>; readonly links: Map<string, Link>; readonly evaluations: Contents['evaluations'][number][] },
): void {
  let last: Fact | undefined
  for (let left = r.whole(); left > 0; left--) {
    last = readFact(r, last)
    into.facts.set(last.spanId, last)
  }
  for (let left = r.whole(); left > 0; left--) {
    const id = r.id()
    into.links.set(id, { parentSpanId: r.id(), parentLocation: r.text() as ParentLocation })
  }
  for (let left = r.whole(); left > 0; left--)
    into.evaluations.push({ spanId: r.text(), evaluation: JSON.parse(r.once()) as ExternalEvaluation })
}

function writeFact(w: Writer, fact: Fact, last: Fact | undefined): void {
  const at = w.reserve()
  let bits = 0
  if (w.hex(fact.spanId)) bits |= SPAN_HEX
  else w.once(fact.spanId)
  if (last !== undefined && last.parentSpanId === fact.parentSpanId) bits |= PARENT_SAME
  else if (w.hex(fact.parentSpanId)) bits |= PARENT_HEX
  else w.text(fact.parentSpanId)
  w.moment(fact.startMs)
  w.number(fact.durationMs)
  if (fact.fromLog === true) bits |= FROM_LOG
  if (last !== undefined && isSameOrigin(last, fact)) bits |= ORIGIN_SAME
  else {
    for (const word of [fact.parentLocation, fact.status, fact.dialect, fact.service, fact.environment]) w.text(word)
    w.number(fact.weight)
    if (fact.serviceVersion !== undefined) {
      bits |= HAS_VERSION
      w.text(fact.serviceVersion)
    }
    if (fact.mainAgent !== undefined) {
      bits |= HAS_MAIN_AGENT
      w.text(fact.mainAgent)
    }
  }
  w.set(at, bits)
  writeFields(w, READING, fact.reading as unknown as Readonly<Record<string, Value>>)
}

function readFact(r: Reader, last: Fact | undefined): Fact {
  const bits = r.byte()
  const spanId = bits & SPAN_HEX ? r.hex() : r.once()
  const parentSpanId = bits & PARENT_SAME ? (last?.parentSpanId ?? '') : bits & PARENT_HEX ? r.hex() : r.text()
  const startMs = r.moment()
  const durationMs = r.number()
  const origin = bits & ORIGIN_SAME && last !== undefined ? originOf(last) : readOrigin(r, bits)
  return {
    spanId,
    parentSpanId,
    startMs,
    durationMs,
    ...origin,
    ...(bits & FROM_LOG ? { fromLog: true } : {}),
    reading: readFields(r, READING) as unknown as Reading,
  }
}

type Origin = Omit<Fact, 'spanId' | 'parentSpanId' | 'startMs' | 'durationMs' | 'fromLog' | 'reading'>

function isSameOrigin(a: Fact, b: Fact): boolean {
  return (
    a.parentLocation === b.parentLocation &&
    a.status === b.status &&
    a.dialect === b.dialect &&
    a.service === b.service &&
    a.environment === b.environment &&
    a.weight === b.weight &&
    a.serviceVersion === b.serviceVersion &&
    a.mainAgent === b.mainAgent
  )
}

function originOf({ parentLocation, status, dialect, service, environment, weight, serviceVersion, mainAgent }: Fact): Origin {
  return {
    parentLocation,
    status,
    dialect,
    service,
    environment,
    weight,
    ...(serviceVersion === undefined ? {} : { serviceVersion }),
    ...(mainAgent === undefined ? {} : { mainAgent }),
  }
}

function readOrigin(r: Reader, bits: number): Origin {
  return {
    parentLocation: r.text() as ParentLocation,
    status: r.text() as Fact['status'],
    dialect: r.text(),
    service: r.text(),
    environment: r.text(),
    weight: r.number(),
    ...(bits & HAS_VERSION ? { serviceVersion: r.text() } : {}),
    ...(bits & HAS_MAIN_AGENT ? { mainAgent: r.text() } : {}),
  }
}

function writeFields(w: Writer, { letters, kinds }: Fields, object: Readonly<Record<string, Value>>): void {
  let set = ''
  for (const name in object) if (object[name] !== undefined) set += letters.get(name) ?? ''
  w.text(set)
  for (const name in object) {
    const value = object[name]
    const letter = value === undefined ? undefined : letters.get(name)
    if (letter !== undefined) writeValue(w, kinds[letter.charCodeAt(0) - 1], value)
  }
}

function writeValue(w: Writer, kind: Kind | undefined, value: Value): void {
  if (kind === 'word') w.text(value as string)
  else if (kind === 'text') w.once(value as string)
  else if (kind === 'number') w.number(value as number)
  else if (kind === 'flag') w.byte(value === true ? 1 : 0)
  else if (kind === 'usage') writeFields(w, USAGE_FIELDS, value as unknown as Readonly<Record<string, Value>>)
  else w.once(JSON.stringify(value))
}

function readFields(r: Reader, fields: Fields): Readonly<Record<string, Value>> {
  const set = r.text()
  const object: Record<string, Value> = {}
  for (let i = 0; i < set.length; i++) {
    const field = set.charCodeAt(i) - 1
    object[fields.names[field] ?? ''] = readValue(r, fields.kinds[field])
  }
  return object
}

function readValue(r: Reader, kind: Kind | undefined): Value {
  if (kind === 'word') return r.text()
  if (kind === 'text') return r.once()
  if (kind === 'number') return r.number()
  if (kind === 'flag') return r.byte() === 1
  if (kind === 'usage') return readFields(r, USAGE_FIELDS) as unknown as RawUsage
  return JSON.parse(r.once()) as Value
}
