/**
 * What the journal tells of: the events that change the state, and their form as records. Everything that changes it is here, closing of
 * runs by the clock included, so that going through the records again makes the same state.
 */
import type { ExternalEvaluation } from '../../model/run.ts'
import type { Encoding } from '../../processor/decode/decode.ts'
import type { Signal } from '../../processor/receive.ts'
import type { OutboxState } from './outbox.ts'
import type { JournalRecord } from './record.ts'
import type { Rules } from './rules.ts'

/** Stands for the content type of a request's part that another process received, and relays: app/processes/. No sender can send it. */
export const PART_TYPE = 'agentopz-part'

export type JournalEvent =
  | {
      readonly kind: 'request'
      readonly signal: Signal
      readonly encoding: Encoding
      readonly contentEncoding: string
      readonly contentType: string
      /** As it was received. */
      readonly body: Uint8Array
    }
  | { readonly kind: 'evaluation'; readonly evaluation: ExternalEvaluation; readonly traceId: string; readonly spanId: string }
  /** Of at most so many traces, in steps of 50 up to 10,000: going through it again closes the same. */
  | { readonly kind: 'sweep'; readonly limit: number }
  | { readonly kind: 'expire' }
  /** A start: today's rules hold from here on. Older versions did not say which. */
  | { readonly kind: 'resume'; readonly rules: Rules | undefined }
  | { readonly kind: 'rules'; readonly rules: Rules }
  | { readonly kind: 'delivered'; readonly notes: OutboxState }

/** Numbers in the journal are places in these lists: only ever add at the end. */
const SIGNALS: readonly Signal[] = ['traces', 'logs', 'metrics']
const ENCODINGS: readonly Encoding[] = ['protobuf', 'json']
const CONTENT_ENCODINGS: readonly string[] = ['identity', 'gzip', 'deflate', 'zstd']

const SWEEP_STEP = 50
/** What a sweep closed before records told how many. */
const SWEEP_BEFORE = 2000

const NONE = { small: [0, 0, 0], label: '', body: new Uint8Array(0) } as const

/** An event as a record. */
export function recordOf(event: JournalEvent, seq: number, at: number): JournalRecord {
  const { kind } = event
  switch (kind) {
    case 'request': {
      const contentEncoding = CONTENT_ENCODINGS.indexOf(event.contentEncoding)
      if (contentEncoding < 0) throw new Error(`the journal has no number for content encoding ${event.contentEncoding}`)
      const small = [SIGNALS.indexOf(event.signal), ENCODINGS.indexOf(event.encoding), contentEncoding] as const
      return { seq, at, kind, small, label: event.contentType, body: event.body }
    }
    case 'evaluation':
      return { ...NONE, seq, at, kind, body: Buffer.from(JSON.stringify([event.evaluation, event.traceId, event.spanId])) }
    case 'delivered':
      return { ...NONE, seq, at, kind, body: Buffer.from(JSON.stringify(event.notes)) }
    case 'sweep':
      return { ...NONE, seq, at, kind, small: [event.limit / SWEEP_STEP, 0, 0] }
    case 'resume':
    case 'rules':
      return { ...NONE, seq, at, kind, body: event.rules === undefined ? NONE.body : Buffer.from(JSON.stringify(event.rules)) }
    case 'expire':
      return { ...NONE, seq, at, kind }
  }
}

/** A record as the event it was; undefined when it is of a kind or number that this version does not know. */
export function eventOf(record: JournalRecord): JournalEvent | undefined {
  const { kind } = record
  switch (kind) {
    case 'request': {
      const signal = SIGNALS[record.small[0]]
      const encoding = ENCODINGS[record.small[1]]
      const contentEncoding = CONTENT_ENCODINGS[record.small[2]]
      if (signal === undefined || encoding === undefined || contentEncoding === undefined) return undefined
      return { kind, signal, encoding, contentEncoding, contentType: record.label, body: record.body }
    }
    case 'evaluation': {
      const [evaluation, traceId, spanId] = JSON.parse(Buffer.from(record.body).toString()) as [ExternalEvaluation, string, string]
      return { kind, evaluation, traceId, spanId }
    }
    case 'delivered':
      return { kind, notes: JSON.parse(Buffer.from(record.body).toString()) as OutboxState }
    case 'sweep':
      return { kind, limit: record.small[0] * SWEEP_STEP || SWEEP_BEFORE }
    case 'resume':
      return { kind, rules: record.body.length === 0 ? undefined : (JSON.parse(Buffer.from(record.body).toString()) as Rules) }
    case 'rules':
      return { kind, rules: JSON.parse(Buffer.from(record.body).toString()) as Rules }
    case 'expire':
      return { kind }
  }
}
