/**
 * One process's share of the work. In: requests from senders, parts of requests from other processes. Each part goes to the process that
 * owns its traces and is taken in there, written to its journal included, before the request is answered; what is this process's own comes
 * last, with the relaying. A part that is refused refuses the whole: nothing was relayed then, and what others took meanwhile they know by
 * its span ids when the request is sent again.
 */
import { crc32 } from 'node:zlib'
import type { ExternalEvaluation } from '../../model/run.ts'
import type { Decoder, Encoding } from '../../processor/decode/decode.ts'
import { type IngestResult, Refusal, type Signal, type Within } from '../../processor/receive.ts'
import { splitBody } from '../../processor/split.ts'
import { ownerOfId, WITHOUT_TRACE } from '../../processor/split-owner.ts'
import type { Between, OwnDataPath } from '../data-path.ts'
import { PART_TYPE } from '../journal/events.ts'
import type { Frame } from './frames.ts'
import type { Kept, SentEvaluation, ShardPlace } from './messages.ts'
import type { Peers, Question } from './peers.ts'

export interface ShareParts {
  readonly place: ShardPlace
  readonly peers: Pick<Peers, 'ask'>
  readonly decoder: Decoder
  /** Whether anybody is sent the bytes of this signal. */
  readonly relays: (signal: Signal) => boolean
  /** Asks the first process whether counters continue. */
  readonly agree: (isWhole: boolean) => Promise<boolean>
}

/** Numbers on the wire are places in these lists. */
const SIGNALS: readonly Signal[] = ['traces', 'logs', 'metrics']
const ENCODINGS: readonly Encoding[] = ['protobuf', 'json']
const NOTHING: Readonly<Record<Encoding, Uint8Array>> = { protobuf: new Uint8Array(), json: Buffer.from('{}') }
const NO_SPANS: IngestResult = { total: 0, rejected: 0, message: '' }
const nobody = (): undefined => undefined

export class Share implements Between {
  readonly #parts: ShareParts
  readonly #owned = new WeakMap<Uint8Array, Uint8Array>()
  /** Evaluations met in the request that is taken in right now, on their way to the processes that have their runs: whether they were kept. */
  #leaving: Promise<boolean>[] = []
  #data: OwnDataPath | undefined
  /** Until the journal was read, nothing of what is met is new. */
  #isLive = false

  constructor(parts: ShareParts) {
    this.#parts = parts
  }

  /** Lets others in: the data path has started. */
  open(data: OwnDataPath): void {
    this.#data = data
  }

  readonly own: Between['own'] = (signal, body, encoding) =>
    signal === 'metrics'
      ? body
      : (this.#owned.get(body) ?? this.#split(signal, body, encoding)[this.#parts.place.index] ?? NOTHING[encoding])

  readonly take: Between['take'] = async (received, own) => {
    const { signal, encoding, unpacked } = received
    if (signal === 'metrics') return await own((work) => work())
    // Checked whole before any of it goes anywhere: a refused body changes nothing.
    if (signal === 'traces') this.#parts.decoder.traces(unpacked, encoding, { span: nobody })
    else this.#parts.decoder.logs(unpacked, encoding, { log: nobody })
    const { index } = this.#parts.place
    const leaving: Promise<boolean>[] = []
    const parts = this.#split(signal, unpacked, encoding)
    const asked = parts.flatMap((part, to) => (part === undefined || to === index ? [] : [this.#send(to, signal, encoding, part)]))
    const results = (await Promise.allSettled(asked)).map((r) => {
      if (r.status === 'rejected') throw r.reason
      return r.value
    })
    const mine = parts[index]
    if (mine !== undefined || this.#parts.relays(signal)) {
      this.#owned.set(unpacked, mine ?? NOTHING[encoding])
      results.push(await own(this.#into(leaving)))
    }
    await sent(leaving)
    return results.reduce(sum, NO_SPANS)
  }

  readonly elsewhere: Between['elsewhere'] = (evaluation, traceId, spanId) => {
    const { index, count } = this.#parts.place
    if (traceId === '' ? evaluation.responseId === undefined : (ownerOfId(traceId, count) ?? index) === index) return false
    // Read from the journal: it was sent before the request was acknowledged, or the request was sent again.
    if (!this.#isLive) return true
    const kept = route({ evaluation, traceId, spanId }, count, (to, e) => this.#keepAt(to, e))
    this.#leaving.push(
      kept.then(
        () => true,
        () => false,
      ),
    )
    return true
  }

  readonly continues: Between['continues'] = async (isWhole) => {
    const continues = await this.#parts.agree(isWhole)
    this.#isLive = true
    return continues
  }

  /** Answers what another process asks. */
  async answer(frame: Frame): Promise<Question> {
    try {
      if (frame.kind === 'evaluation') {
        const kept = await this.keep(JSON.parse(Buffer.from(frame.body).toString()) as SentEvaluation)
        return reply(kept, '')
      }
      const signal = SIGNALS[frame.signal] ?? 'traces'
      const encoding = ENCODINGS[frame.encoding] ?? 'protobuf'
      const received = { signal, encoding, unpacked: frame.body, body: frame.body, contentType: PART_TYPE, contentEncoding: 'identity' }
      const leaving: Promise<boolean>[] = []
      const result = await this.#started().takeShared(received, this.#into(leaving))
      await sent(leaving)
      return reply('taken', JSON.stringify(result))
    } catch (error) {
      return reply('refused', error instanceof Error ? error.message : String(error))
    }
  }

  /** Takes an evaluation in, unless it is to be taken only by who knows its run. @throws when it cannot be kept. */
  async keep({ evaluation, traceId, spanId, ifKnown }: SentEvaluation): Promise<Kept> {
    const data = this.#started()
    if (ifKnown && !data.pipeline.runs.knows(evaluation.responseId ?? '')) return 'unknown'
    await data.evaluation(evaluation, traceId, spanId)
    return 'taken'
  }

  #started(): OwnDataPath {
    if (this.#data === undefined) throw new Refusal('overload', 'the process that has these runs is starting')
    return this.#data
  }

  #split(signal: 'traces' | 'logs', body: Uint8Array, encoding: Encoding): readonly (Uint8Array | undefined)[] {
    const { count, index } = this.#parts.place
    return splitBody(signal, body, encoding, { count, self: index })
  }

  async #send(to: number, signal: Signal, encoding: Encoding, body: Uint8Array): Promise<IngestResult> {
    const question = { kind: 'part', signal: SIGNALS.indexOf(signal), encoding: ENCODINGS.indexOf(encoding), body } as const
    const answer = await this.#ask(to, question)
    if (answer.kind === 'taken') return JSON.parse(Buffer.from(answer.body).toString()) as IngestResult
    throw new Refusal('overload', `${Buffer.from(answer.body).toString()}; send the request again`)
  }

  async #keepAt(to: number, sent: SentEvaluation): Promise<Kept> {
    if (to === this.#parts.place.index) return await this.keep(sent)
    const answer = await this.#ask(to, { kind: 'evaluation', signal: 0, encoding: 0, body: Buffer.from(JSON.stringify(sent)) })
    return answer.kind === 'taken' || answer.kind === 'unknown' ? answer.kind : 'refused'
  }

  async #ask(to: number, question: Question): Promise<Frame> {
    try {
      return await this.#parts.peers.ask(to, question)
    } catch (error) {
      throw new Refusal('overload', `${error instanceof Error ? error.message : String(error)}; send the request again`)
    }
  }

  /** Has evaluations that are met meanwhile noted there: one that waits for another process holds up its own request alone. */
  #into(leaving: Promise<boolean>[]): Within {
    return (work) => {
      this.#leaving = leaving
      try {
        return work()
      } finally {
        this.#leaving = []
      }
    }
  }
}

/** Waits for the evaluations of a request. @throws Refusal when one was not kept. */
async function sent(leaving: readonly Promise<boolean>[]): Promise<void> {
  if ((await Promise.all(leaving)).includes(false)) throw new Refusal('overload', 'an evaluation was not kept; send the request again')
}

/**
 * Brings an evaluation to the process that has its run: by its trace, or to who knows its response. One that nobody knows yet waits with
 * the owner of the response id. @throws when it was not kept.
 */
export async function route(
  sent: { readonly evaluation: ExternalEvaluation; readonly traceId: string; readonly spanId: string },
  count: number,
  keepAt: (index: number, sent: SentEvaluation) => Promise<Kept>,
): Promise<void> {
  const { responseId } = sent.evaluation
  const keep = async (index: number, ifKnown: boolean): Promise<boolean> => {
    const kept = await keepAt(index, { ...sent, ifKnown })
    if (kept === 'refused') throw new Refusal('overload', 'the evaluation was not kept; send it again')
    return kept === 'taken'
  }
  if (sent.traceId !== '' || responseId === undefined) {
    await keep(ownerOfId(sent.traceId, count) ?? WITHOUT_TRACE, false)
    return
  }
  for (let index = 0; index < count; index++) if (await keep(index, true)) return
  await keep(crc32(responseId) % count, false)
}

function sum(a: IngestResult, b: IngestResult): IngestResult {
  return { total: a.total + b.total, rejected: a.rejected + b.rejected, message: [a.message, b.message].filter((m) => m !== '').join(', ') }
}

function reply(kind: 'taken' | 'unknown' | 'refused', text: string): Question {
  return { kind, signal: 0, encoding: 0, body: Buffer.from(text) }
}
