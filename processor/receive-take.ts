/**
 * A request whose body was unpacked → taken in: written to the journal where there is one, ingested, then handed to the relay. A large body
 * is checked whole and then ingested in slices, so that other requests and scrapes get a turn between them (slices.ts).
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Encoding } from './decode/decode.ts'
import { LARGEST as LENT_BYTES } from './gunzip.ts'
import { type IngestResult, type Received, type ReceiverParts, Refusal, type Signal, type Within } from './receive.ts'

/** The longest that others wait for a turn, but for one slice. */
const TURN_MS = 10

/** Takes a request in: through the journal where there is one. @throws DecodeError, or Refusal `overload` or `memory`. */
export async function takeIn(parts: ReceiverParts, received: Received): Promise<IngestResult> {
  const { length } = received.unpacked
  if (length <= parts.limits.sliceAboveBytes) return await taken(parts, received)
  // What is made of a body can be larger than it is, and others were taken since it was let in: twelve at once of 13 MB each that were let
  // in below the mark took 329 MiB where 256 are allowed. What lies in memory that is lent cannot wait, and is small.
  const work = async (): Promise<IngestResult> => {
    const full = parts.memory?.()
    if (full !== undefined) throw new Refusal('memory', full)
    return await taken(parts, received)
  }
  return await (length <= LENT_BYTES ? work() : parts.inflight.alone(work))
}

async function taken(parts: ReceiverParts, received: Received): Promise<IngestResult> {
  const { signal, encoding, unpacked, body, contentType, contentEncoding } = received
  const apply = (at?: number, ticket?: number, within?: Within): IngestResult | Promise<IngestResult> => {
    const forwarded = (result: IngestResult): IngestResult => {
      parts.forward(signal, body, contentType, contentEncoding, ticket)
      return result
    }
    const own = parts.own?.(signal, unpacked, encoding) ?? unpacked
    const result = ingestBody(
      within === undefined ? parts : { ...parts, ingest: ingestWithin(parts.ingest, within) },
      { signal, encoding, body: own },
      at,
    )
    return result instanceof Promise ? result.then(forwarded) : forwarded(result)
  }
  return await (parts.journal === undefined ? apply() : parts.journal(received, apply))
}

/** As `ingest`, each piece of a body within the request it is of. */
export function ingestWithin(ingest: ReceiverParts['ingest'], within: Within): ReceiverParts['ingest'] {
  // oxlint-disable-next-line max-params -- as ingest
  return (signal, body, encoding, at) => within(() => ingest(signal, body, encoding, at))
}

export interface IngestedBody {
  readonly signal: Signal
  readonly encoding: Encoding
  readonly body: Uint8Array
}

/** At once, or a large one in turns. @throws DecodeError before anything of it was taken, here or by the promise. */
export function ingestBody(
  { ingest, slices, limits, ended }: Pick<ReceiverParts, 'ingest' | 'slices' | 'limits' | 'ended'>,
  { signal, encoding, body }: IngestedBody,
  at?: number,
): IngestResult | Promise<IngestResult> {
  const done = (result: IngestResult): IngestResult => {
    ended?.()
    return result
  }
  if (signal === 'metrics' || slices === undefined || body.length <= limits.sliceAboveBytes) return done(ingest(signal, body, encoding, at))
  return inTurns(slices(signal, body, encoding, limits.sliceBytes), body.length <= LENT_BYTES, {
    slice: (slice) => ingest(signal, slice, encoding, at),
    whole: () => ingest(signal, body, encoding, at),
  }).then(done)
}

/** Where a body may lie in memory that the next request is unpacked into, nobody gets a turn before all its slices were made. */
async function inTurns(
  checking: Generator<undefined, Iterable<Uint8Array> | undefined>,
  isLent: boolean,
  take: { readonly slice: (slice: Uint8Array) => IngestResult; readonly whole: () => IngestResult },
): Promise<IngestResult> {
  let since = performance.now()
  const turn = async (): Promise<void> => {
    if (performance.now() - since <= TURN_MS) return
    await nextTurn()
    since = performance.now()
  }
  let checked = checking.next()
  for (; checked.done !== true; checked = checking.next()) if (!isLent) await turn()
  const slices = checked.value
  if (slices === undefined) return take.whole()
  const results: IngestResult[] = []
  // Of a body that stays where it is slices are made on the way: all at once would double the memory.
  for (const slice of isLent ? [...slices] : slices) {
    await turn()
    results.push(take.slice(slice))
  }
  return {
    total: results.reduce((sum, r) => sum + r.total, 0),
    rejected: results.reduce((sum, r) => sum + r.rejected, 0),
    message: [...new Set(results.map((r) => r.message).filter((m) => m !== ''))].slice(0, 10).join(', '),
  }
}
