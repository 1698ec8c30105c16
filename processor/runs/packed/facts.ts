/**
 * The facts, links and evaluations of one trace ↔ one record of bytes, in the order they came, exactly: less than 100 bytes a span where objects take
 * 540. What a span says is usually what the span before it said (service, environment, parent), so that is a bit; message text and ids are written as they are.
 */
import type { ExternalEvaluation, Fact, Reading } from '../../../model/run.ts'
import type { ParentLocation } from '../../../model/span.ts'
import { taken } from '../../dialects/whole.ts'
import type { Facts } from '../fact-list.ts'
import type { HeldFact, OpenTrace } from '../trace.ts'
import type { Link } from '../tree.ts'
import { type Reader, Writer } from './bytes.ts'
import { readReading, Said, writeReading } from './reading.ts'

export interface Contents {
  readonly facts: Facts<HeldFact>
  readonly links: ReadonlyMap<string, Link>
  readonly evaluations: readonly { readonly spanId: string; readonly evaluation: ExternalEvaluation }[]
}

/** Bits of the byte before every fact. */
const [SPAN_HEX, PARENT_SAME, PARENT_HEX, ORIGIN_SAME, HAS_VERSION, HAS_MAIN_AGENT, FROM_LOG, HAS_CLAIM] = [1, 2, 4, 8, 16, 32, 64, 128]

const writer = new Writer()

/** The contents as bytes, good until the next call. */
export function packContents(contents: Contents, before: (w: Writer) => void): Uint8Array {
  const w = writer
  w.begin()
  before(w)
  w.whole(contents.facts.size)
  const said = new Said()
  let last: Fact | undefined
  for (const fact of contents.facts.values()) {
    writeFact(w, fact, last, said)
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
export function unpackContents(r: Reader, into: OpenTrace): void {
  const said = new Said()
  let last: Fact | undefined
  for (let left = r.whole(); left > 0; left--) {
    last = readFact(r, last, said)
    into.facts.add(last)
  }
  for (let left = r.whole(); left > 0; left--) {
    const id = r.id()
    into.setLink(id, { parentSpanId: r.id(), parentLocation: r.text() as ParentLocation })
  }
  for (let left = r.whole(); left > 0; left--)
    into.evaluations.push({ spanId: r.text(), evaluation: JSON.parse(r.once()) as ExternalEvaluation })
}

function writeFact(w: Writer, fact: HeldFact, last: Fact | undefined, said: Said): void {
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
  if (fact.claim !== undefined) {
    bits |= HAS_CLAIM
    w.whole((fact.claim - said.claim) >>> 0)
    said.claim = fact.claim
  }
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
  writeReading(w, fact.reading, said)
}

// oxlint-disable-next-line complexity -- one line per field
function readFact(r: Reader, last: Fact | undefined, said: Said): HeldFact {
  const bits = r.byte()
  const spanId = bits & SPAN_HEX ? r.hex() : r.once()
  const parentSpanId = bits & PARENT_SAME ? (last?.parentSpanId ?? '') : bits & PARENT_HEX ? r.hex() : r.text()
  const startMs = r.moment()
  const durationMs = r.number()
  if (bits & HAS_CLAIM) said.claim = (said.claim + r.whole()) | 0
  const isSame = bits & ORIGIN_SAME && last !== undefined
  const fact = taken<HeldFact>({
    spanId,
    parentSpanId,
    parentLocation: isSame ? last.parentLocation : r.text(),
    startMs,
    durationMs,
    status: isSame ? last.status : r.text(),
    dialect: isSame ? last.dialect : r.text(),
    reading: NOT_READ_YET,
    weight: 1,
    service: isSame ? last.service : r.text(),
    environment: isSame ? last.environment : r.text(),
    serviceVersion: undefined,
    mainAgent: undefined,
    fromLog: bits & FROM_LOG ? true : undefined,
    claim: bits & HAS_CLAIM ? said.claim : undefined,
  })
  fact.weight = isSame ? last.weight : r.number()
  const serviceVersion = isSame ? last.serviceVersion : bits & HAS_VERSION ? r.text() : undefined
  if (serviceVersion !== undefined) fact.serviceVersion = serviceVersion
  const mainAgent = isSame ? last.mainAgent : bits & HAS_MAIN_AGENT ? r.text() : undefined
  if (mainAgent !== undefined) fact.mainAgent = mainAgent
  fact.reading = readReading(r, said)
  return fact
}

const NOT_READ_YET: Reading = { role: 'other' }

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
