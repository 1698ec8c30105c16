/** Records of the journal applied once more, at a start: in the order they were written, with the times and by the rules they had. */
import { constants } from 'node:buffer'
import { decompress } from '../../processor/body.ts'
import { DecodeError, type Encoding } from '../../processor/decode/decode.ts'
import type { Metrics } from '../../processor/metrics.ts'
import type { Pipeline } from '../../processor/pipeline.ts'
import { type ReceiveLimits, Refusal, type Signal } from '../../processor/receive.ts'
import type { Logger } from '../log.ts'
import { eventOf, PART_TYPE } from './events.ts'
import type { Outbox } from './outbox.ts'
import type { JournalRecord } from './record.ts'
import type { Rules, RulesInForce } from './rules.ts'

/** A start: quiet times begin anew, and today's rules hold. */
export function resumed(pipeline: Pipeline, inForce: RulesInForce, rules: Rules | undefined, at: number): void {
  inForce.use(rules)
  pipeline.resume(at)
}

/** A body is written after it was found to be within its bounds, so it is not asked again: the bounds may be others by now. */
const UNBOUNDED = { maxDecompressedBytes: constants.MAX_LENGTH, maxCompressionRatio: Number.MAX_SAFE_INTEGER } as const

export interface ReplayParts {
  readonly pipeline: Pipeline
  readonly metrics: Metrics
  readonly log: Logger
  readonly limits: ReceiveLimits
  readonly own?: (signal: Signal, body: Uint8Array, encoding: Encoding) => Uint8Array
}

export interface Replayed {
  readonly outbox: Outbox
  readonly inForce: RulesInForce
}

/**
 * Applies a record once more. What was refused then, which is only known when it is applied, is refused again by the rules that held then:
 * nothing came of it. Why not, for what was taken then and cannot be now.
 */
export async function again(
  record: JournalRecord,
  { pipeline, metrics, limits, log, own }: ReplayParts,
  { outbox, inForce }: Replayed,
): Promise<string | undefined> {
  try {
    const event = eventOf(record)
    switch (event?.kind) {
      case 'request': {
        const body = await decompress(event.body, event.contentEncoding, { ...limits, ...UNBOUNDED })
        pipeline.ingest(event.signal, own?.(event.signal, body, event.encoding) ?? body, event.encoding, record.at)
        pipeline.requestEnded()
        if (event.contentType !== PART_TYPE) outbox.add(record.seq, event.signal)
        metrics.add('agentopz_journal_replayed_requests_total', {}, 1, record.at)
        break
      }
      case 'evaluation':
        pipeline.evaluation(event.evaluation, event.traceId, event.spanId, record.at)
        break
      case 'delivered':
        outbox.replay(event.notes)
        break
      case 'sweep':
        pipeline.sweep(record.at, event.limit)
        break
      case 'expire':
        metrics.expire(record.at)
        break
      case 'resume':
        resumed(pipeline, inForce, event.rules, record.at)
        break
      case 'rules':
        inForce.use(event.rules)
        break
      case undefined:
        metrics.add('agentopz_journal_damage_total', { kind: 'unknown_record' }, 1, record.at)
    }
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    if (error instanceof Refusal) return error.message
    log.error({ err: error, record: record.seq }, 'a record of the journal could not be applied because of a bug')
    metrics.add('agentopz_internal_errors_total', { stage: 'journal' }, 1, record.at)
  }
  return undefined
}
