/**
 * A journal for the app: folder and lock, what the last process left brought back into the pipeline, and the pipeline's events written
 * from then on. Everything it has to say goes to metrics and log. Once it is open, nothing may change the pipeline but through it.
 */
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ExternalEvaluation } from '../../model/run.ts'
import type { Encoding } from '../../processor/decode/decode.ts'
import type { Metrics } from '../../processor/metrics.ts'
import type { Pipeline } from '../../processor/pipeline.ts'
import { type IngestResult, type Received, type ReceiveLimits, Refusal, type Signal } from '../../processor/receive.ts'
import { createSweeping, turnTraces } from '../../processor/sweeping.ts'
import type { Relay, RelayEndpoint } from '../../processor/relay.ts'
import type { Logger } from '../log.ts'
import { eventOf, type JournalEvent, PART_TYPE } from './events.ts'
import { Journal, type JournalSettings, NotWritten } from './journal.ts'
import { type Lock, lockFolder } from './lock.ts'
import { Outbox } from './outbox.ts'
import { again, resumed } from './replay.ts'
import { type DamageReport, recover, requestsAgain, WHOLE } from './recover.ts'
import { type Rules, RulesInForce, type RulesParts } from './rules.ts'
import { bootName, type Disk, DISK } from './segments.ts'

export interface JournalParts {
  readonly settings: JournalSettings
  readonly pipeline: Pipeline
  readonly metrics: Metrics
  readonly log: Logger
  readonly clock: () => number
  readonly limits: ReceiveLimits
  /** What events are judged by; whatever the pipeline has when left out. */
  readonly rules?: RulesParts
  readonly endpoints: readonly RelayEndpoint[]
  readonly disk?: Disk
  /** What of a body is this process's own, where processes share the work; all of it when left out. */
  readonly own?: (signal: Signal, body: Uint8Array, encoding: Encoding) => Uint8Array
  /** Whether counters continue, where other processes have a say in it; by default when the journal is whole. */
  readonly continues?: (isWhole: boolean) => Promise<boolean>
}

export interface OpenJournal {
  /** Takes a request in the order of the journal. @throws Refusal `overload` while it cannot be written. */
  readonly take: (request: Received, apply: (at: number, ticket: number) => IngestResult | Promise<IngestResult>) => Promise<IngestResult>
  evaluation(evaluation: ExternalEvaluation, traceId: string, spanId: string): Promise<void>
  /** Ten times a second: closes what is due. */
  sweep(): void
  /** Once a second: closes and forgets what is due, and does what the journal has to do now and then. */
  tick(): void
  expire(): void
  /** Has events that come now judged by other rules. */
  apply(rules: Rules): void
  /** A relay endpoint is done with a request. */
  settled(endpoint: string, ticket: number): void
  /** Gives the relay what it had not delivered. */
  forward(relay: Relay): void
  close(): Promise<void>
}

/** Opens the journal and brings its state back. @throws when the folder cannot be used or another process uses it. */
export async function openJournal(parts: JournalParts): Promise<OpenJournal> {
  const { settings, log } = parts
  const lock = lockFolder(settings.dir)
  try {
    const boot = bootName()
    const outbox = new Outbox(parts.endpoints)
    const inForce = new RulesInForce(parts.rules)
    const report = reporter(parts)
    const began = performance.now()
    const recovered = await recover(settings.dir, boot, {
      snapshot: (head) => {
        inForce.use(head.rules)
        const without = outbox.restore(head.outbox)
        if (without > 0)
          log.warn({ requests: without }, 'requests wait for relay endpoints that are not configured any more; they are dropped')
      },
      restore: (part) => parts.pipeline.restore(part),
      apply: (record) => again(record, parts, { outbox, inForce }),
      damaged: report,
    })
    inForce.endReplay()
    const journal = new Journal(settings, hooksOf(parts, inForce), {
      outbox,
      boot,
      recovered,
      disk: parts.disk ?? DISK,
    })
    gauges(parts, journal)
    const continues = (await parts.continues?.(recovered.isWhole)) ?? recovered.isWhole
    if (!continues) {
      // Until the snapshot below is written, the next start must begin again as well.
      rmSync(join(settings.dir, WHOLE), { recursive: true, force: true })
      parts.metrics.beginAgain()
      log.warn('the journal is not whole: runs go on, counters begin again at 0 as after a start without a journal')
    }
    const resume = (): Promise<void> => {
      const rules = inForce.today
      return journal.submit({ kind: 'resume', rules }, (at) => resumed(parts.pipeline, inForce, rules, at))
    }
    const isResumed = await resume().then(
      () => true,
      () => false,
    )
    const seconds = Math.round(performance.now() - began) / 1000
    // Damage must not be met again, nor counters begin again twice. And what took long to read is not read again: a process that is killed
    // sooner than its first snapshot would read more at every start.
    if (!continues || report.isHurt() || seconds > LONG_START_SECONDS)
      await journal.snapshot().catch((error: unknown) => log.error({ err: error }, 'no snapshot could be written'))
    else if (!existsSync(join(settings.dir, WHOLE))) markWhole(settings.dir, log)
    if (recovered.records > 0) log.info({ records: recovered.records, seconds }, 'the journal was read')
    return opened(parts, { journal, outbox, inForce, lock, resume: isResumed ? undefined : resume })
  } catch (error) {
    lock.release()
    throw error
  }
}

const LONG_START_SECONDS = 1

function markWhole(dir: string, log: Logger): void {
  try {
    writeFileSync(join(dir, WHOLE), '')
  } catch (error) {
    log.error({ err: error }, 'the journal cannot be written')
  }
}

interface Opened {
  readonly journal: Journal
  readonly outbox: Outbox
  readonly inForce: RulesInForce
  readonly lock: Lock
  /** Set where the disk was full at the start, until it is not: no run may be closed before. */
  resume: (() => Promise<void>) | undefined
}

function opened(parts: JournalParts, state: Opened): OpenJournal {
  const { journal, outbox, inForce, lock } = state
  const { pipeline, metrics, log } = parts
  const wait = (event: JournalEvent, apply: (at: number) => void): void => {
    journal.submit(event, apply).catch((error: unknown) => {
      if (!(error instanceof NotWritten)) internal(parts, event.kind, error)
    })
  }
  /** Since when it sweeps without having closed all that is due. */
  let since: number | undefined
  const sweep = (): void => {
    since ??= performance.now()
    const limit = turnTraces(performance.now() - since)
    const apply = (at: number): void => {
      pipeline.sweep(at, limit)
      // From here, not when the promise resolves: the next group may be on its way to the disk by then, and this would miss it.
      if (pipeline.isDue(at)) sweep()
      else since = undefined
    }
    journal.submit({ kind: 'sweep', limit }, apply).catch((error: unknown) => {
      since = undefined
      if (!(error instanceof NotWritten)) internal(parts, 'sweep', error)
    })
  }
  const useRules = (rules?: Rules): void => {
    const submit = (next: Rules): Promise<void> => journal.submit({ kind: 'rules', rules: next }, () => inForce.use(next))
    inForce.change(submit, rules).catch((error: unknown) => {
      if (!(error instanceof NotWritten)) internal(parts, 'rules', error)
    })
  }
  const packing = createSweeping(
    (limit) => pipeline.pack(parts.clock(), limit),
    (error) => internal(parts, 'sweep', error),
  )
  return {
    take: async (request, apply) => {
      const { signal, encoding, contentEncoding, contentType, body } = request
      const event: JournalEvent = { kind: 'request', signal, encoding, contentEncoding, contentType, body }
      try {
        return await journal.submit(event, (at, ticket) => {
          // Before it is offered to the relay: where a queue is full, that is done with it at once. Only what was taken in whole is relayed.
          if (ticket > 0 && contentType !== PART_TYPE) outbox.add(ticket, signal)
          const refused = (error: unknown): never => {
            outbox.remove(ticket)
            throw error
          }
          try {
            const result = apply(at, ticket)
            return result instanceof Promise ? result.catch(refused) : result
          } catch (error) {
            return refused(error)
          }
        })
      } catch (error) {
        if (error instanceof NotWritten) throw new Refusal('overload', `${error.message}, and requests are refused while that is so`)
        throw error
      }
    },
    evaluation: (e, traceId, spanId) =>
      journal.submit({ kind: 'evaluation', evaluation: e, traceId, spanId }, (at) => pipeline.evaluation(e, traceId, spanId, at)),
    apply: useRules,
    expire: () => wait({ kind: 'expire' }, (at) => void metrics.expire(at)),
    sweep: () => {
      // Packing changes nothing that is to be the same after a start, so it is not written; and what closes nothing is not worth a record.
      packing()
      if (state.resume === undefined && since === undefined && pipeline.isDue(parts.clock())) sweep()
    },
    tick: () => {
      if (state.resume === undefined) {
        if (since === undefined) sweep()
      } else
        state.resume().then(
          () => (state.resume = undefined),
          () => undefined,
        )
      useRules()
      journal.tick().catch((error: unknown) => internal(parts, 'journal', error))
    },
    settled: (endpoint, ticket) => outbox.settle(endpoint, ticket),
    forward: (relay) => {
      let requests = 0
      const wanted = outbox.waiting()
      for (const record of requestsAgain(parts.settings.dir, wanted)) {
        const event = eventOf(record)
        if (event?.kind !== 'request') continue
        requests++
        // A copy: the body is a view into all of the segment.
        relay.offerAgain({ ...event, body: Buffer.from(event.body), ticket: record.seq }, outbox.endpointsOf(record.seq))
      }
      if (requests > 0) log.info({ requests }, 'requests that had not been relayed are relayed again')
      // Else all that came after them would be kept for them.
      if (wanted.size > 0) released(parts, 'damage', outbox.lose(wanted))
    },
    close: async () => {
      await journal.close()
      lock.release()
    },
  }
}

function internal({ metrics, log, clock }: JournalParts, stage: string, error: unknown): void {
  log.error({ err: error, stage }, 'the journal failed because of a bug')
  metrics.add('agentopz_internal_errors_total', { stage }, 1, clock())
}

function released({ metrics, log, clock }: Pick<JournalParts, 'metrics' | 'log' | 'clock'>, reason: string, requests: number): void {
  metrics.add('agentopz_journal_released_requests_total', { reason }, requests, clock())
  log.warn({ reason, requests }, 'requests that wait for a relay endpoint are not kept in the journal any longer')
}

interface Reporter {
  (report: DamageReport): void
  isHurt(): boolean
}

function reporter({ metrics, log, clock }: JournalParts): Reporter {
  let isHurt = false
  const report = (r: DamageReport): void => {
    metrics.add('agentopz_journal_damage_total', { kind: r.kind }, 1, clock())
    if (r.kind === 'torn_tail') log.info(r, 'the last record of the journal was not written whole; nobody was told that it was taken')
    else {
      isHurt = true
      log.error(r, 'the journal is damaged; what is good in it was used')
    }
  }
  return Object.assign(report, { isHurt: () => isHurt })
}

function hooksOf({ metrics, log, clock, pipeline }: JournalParts, inForce: RulesInForce): ConstructorParameters<typeof Journal>[1] {
  for (const outcome of ['written', 'unwritten', 'refused']) metrics.start('agentopz_journal_requests_total', { outcome }, clock())
  return {
    clock,
    capture: () => pipeline.capture(),
    rules: () => inForce.rules,
    request: (outcome) => metrics.add('agentopz_journal_requests_total', { outcome }, 1, clock()),
    committed: (bytes, seconds) => {
      metrics.add('agentopz_journal_written_bytes_total', {}, bytes, clock())
      metrics.observe('agentopz_journal_commit_seconds', {}, { value: seconds, weight: 1 }, clock())
    },
    snapshot: (bytes) => {
      metrics.set('agentopz_journal_snapshot_bytes', {}, bytes, clock())
      metrics.set('agentopz_journal_snapshot_timestamp_seconds', {}, clock() / 1000, clock())
    },
    released: (reason, requests) => released({ metrics, log, clock }, reason, requests),
    failed: (error) => log.error({ err: error }, 'the journal cannot be written; it is tried again every second'),
    recovered: () => log.info('the journal can be written again'),
    internalError: (stage, error) => {
      log.error({ err: error, stage }, 'the journal failed because of a bug')
      metrics.add('agentopz_internal_errors_total', { stage }, 1, clock())
    },
  }
}

function gauges({ metrics }: JournalParts, journal: Journal): void {
  metrics.gauge('agentopz_journal_up', () => [[{}, journal.isWritable ? 1 : 0]])
  metrics.gauge('agentopz_journal_bytes', () => [[{}, journal.bytes]])
}
