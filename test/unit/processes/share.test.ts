/** One process's share of a request: who is asked, in which order, and what becomes of a request that one of them refuses. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { OwnDataPath } from '../../../app/data-path.ts'
import { encodeFrame, type Frame, FrameReader, idAfter } from '../../../app/processes/frames.ts'
import type { SentEvaluation } from '../../../app/processes/messages.ts'
import { PeerGone, type Question } from '../../../app/processes/peers.ts'
import { route, Share } from '../../../app/processes/share.ts'
import { createDecoder } from '../../../processor/decode/index.ts'
import { INTEREST } from '../../../processor/dialects/index.ts'
import type { Received } from '../../../processor/receive.ts'
import { ownerOfId } from '../../../processor/split-owner.ts'
import { fromProtobuf, otlp, toProtobuf } from '../../support/otlp.ts'

const hex = (n: number): string => (Math.imul(n, 0x9e3779b1) >>> 0).toString(16).padStart(32, '0')
const IDS = Array.from({ length: 30 }, (_, i) => hex(i + 1))
const BODY = toProtobuf(otlp({ spans: IDS.map((traceId) => ({ traceId })) }))
const received = (unpacked: Uint8Array = BODY): Received => ({
  signal: 'traces',
  encoding: 'protobuf',
  unpacked,
  body: unpacked,
  contentType: 'application/x-protobuf',
  contentEncoding: 'identity',
})
const traceIds = (body: Uint8Array): readonly string[] =>
  (fromProtobuf(body) as { resourceSpans: { scopeSpans: { spans: { traceId: string }[] }[] }[] }).resourceSpans.flatMap((r) =>
    r.scopeSpans.flatMap((s) => s.spans.map((span) => span.traceId)),
  )

let log: string[]
let answers: Record<number, () => Promise<Question>>
let keeps: boolean | Promise<boolean>
let relays: boolean
let share: Share
const taken = (total: number): Promise<Question> =>
  Promise.resolve({ kind: 'taken', signal: 0, encoding: 0, body: Buffer.from(JSON.stringify({ total, rejected: 0, message: '' })) })
const refused = (why: string): Promise<Question> => Promise.resolve({ kind: 'refused', signal: 0, encoding: 0, body: Buffer.from(why) })

beforeEach(() => {
  log = []
  relays = keeps = true
  answers = { 0: () => taken(1), 2: () => taken(2) }
  share = new Share({
    place: { index: 1, count: 3, sockets: '' },
    decoder: createDecoder(INTEREST),
    relays: () => relays,
    agree: () => Promise.resolve(true),
    peers: {
      ask: async (to, question) => {
        log.push(`${question.kind} to ${to}`)
        if (question.kind === 'evaluation') return { ...(await ((await keeps) ? taken(0) : refused('no'))), id: 1 }
        expect(traceIds(question.body)).toEqual(IDS.filter((id) => ownerOfId(id, 3) === to))
        return { ...(await (answers[to] as () => Promise<Question>)()), id: 1 }
      },
    },
  })
})
const own = (): Promise<{ total: number; rejected: number; message: string }> => {
  log.push(`own ${traceIds(share.own('traces', BODY, 'protobuf')).length}`)
  return Promise.resolve({ total: 4, rejected: 1, message: '1 with a bad time' })
}

describe('a request', () => {
  test('is taken in by the others first, and answered with the sum', async () => {
    expect(await share.take(received(), own)).toEqual({ total: 7, rejected: 1, message: '1 with a bad time' })
    expect(log).toEqual(['part to 0', 'part to 2', `own ${IDS.filter((id) => ownerOfId(id, 3) === 1).length}`])
  })

  test.each([
    [
      'that another process refuses',
      () => refused('the journal cannot be written'),
      'the journal cannot be written; send the request again',
    ],
    ['whose owner is gone', () => Promise.reject(new PeerGone('it is not there')), 'it is not there; send the request again'],
  ])('%s is refused as overload, with nothing taken or relayed here', async (_, answer, message) => {
    answers[2] = answer
    await expect(share.take(received(), own)).rejects.toMatchObject({ name: 'Refusal', reason: 'overload', message })
    expect(log).toEqual(['part to 0', 'part to 2'])
  })

  test('that cannot be decoded goes nowhere', async () => {
    await expect(share.take(received(BODY.slice(0, -1)), own)).rejects.toThrow('OTLP protobuf')
    expect(log).toEqual([])
  })

  test('with nothing of this process is still taken in here where it is relayed, and not where it is not', async () => {
    const foreign = toProtobuf(otlp({ spans: IDS.filter((id) => ownerOfId(id, 3) === 0).map((traceId) => ({ traceId })) }))
    const none = (): ReturnType<typeof own> => {
      log.push(`own ${share.own('traces', foreign, 'protobuf').length} bytes`)
      return own()
    }
    const body = received(foreign)
    await share.take(body, none)
    expect(log.slice(0, 2)).toEqual(['part to 0', 'own 0 bytes'])
    log.length = 0
    relays = false
    expect(await share.take(body, none)).toEqual({ total: 1, rejected: 0, message: '' })
    expect(log).toEqual(['part to 0'])
  })

  test('of metrics is not split', async () => {
    await share.take({ ...received(), signal: 'metrics' }, own)
    expect(log).toEqual([expect.stringMatching(/^own/)])
    expect(share.own('metrics', BODY, 'protobuf')).toBe(BODY)
  })
})

describe('evaluations met in requests', () => {
  const [mine = '', others = ''] = [1, 2].map((owner) => IDS.find((id) => ownerOfId(id, 3) === owner))
  const evaluation = { name: 'e', source: 'external' } as const

  test('of runs here stay here, those of others are kept there before the answer', async () => {
    await share.continues(true)
    expect(share.elsewhere(evaluation, mine, '')).toBe(false)
    const taking = share.take(received(), (within) => {
      expect(within(() => share.elsewhere(evaluation, others, ''))).toBe(true)
      return own()
    })
    await taking
    expect(log).toContain('evaluation to 2')
  })

  test('one that is not kept refuses the request', async () => {
    await share.continues(true)
    keeps = false
    const its = share.take(received(), (within) => (within(() => share.elsewhere(evaluation, others, '')), own()))
    const beside = share.take(received(), own)
    await expect(its).rejects.toMatchObject({ reason: 'overload' })
    expect(await beside).toMatchObject({ total: 7 })
  })

  test('one that another process does not answer holds up its own request alone', async () => {
    await share.continues(true)
    const { promise, resolve } = Promise.withResolvers<boolean>()
    keeps = promise
    let isAnswered = false
    const its = share.take(received(), (within) => (within(() => share.elsewhere(evaluation, others, '')), own()))
    void its.then(() => (isAnswered = true))
    expect(await share.take(received(), own)).toMatchObject({ total: 7 })
    expect(isAnswered).toBe(false)
    resolve(true)
    expect(await its).toMatchObject({ total: 7 })
  })

  test('read from the journal they are not sent again', () => {
    expect(share.elsewhere(evaluation, others, '')).toBe(true)
    expect(log).toEqual([])
  })
})

describe('what other processes ask', () => {
  const part: Frame = { id: 3, kind: 'part', signal: 0, encoding: 0, body: BODY }
  test('is refused until the start is over, then taken in', async () => {
    expect(Buffer.from((await share.answer(part)).body).toString()).toMatch(/is starting/)
    const got: Received[] = []
    share.open({
      takeShared: (r: Received) => (got.push(r), Promise.resolve({ total: 5, rejected: 0, message: '' })),
    } as unknown as OwnDataPath)
    const answer = await share.answer(part)
    expect([answer.kind, JSON.parse(Buffer.from(answer.body).toString())]).toEqual(['taken', { total: 5, rejected: 0, message: '' }])
    expect(got).toMatchObject([{ signal: 'traces', encoding: 'protobuf', contentType: 'agentopz-part', unpacked: BODY }])
  })
})

describe('an evaluation is brought to its run', () => {
  const evaluation = { name: 'e', source: 'feedback', responseId: 'r1' } as const
  const kept: [number, SentEvaluation][] = []
  beforeEach(() => void (kept.length = 0))
  const bring = (traceId: string, knows: number | undefined): Promise<void> =>
    route({ evaluation, traceId, spanId: '' }, 3, (index, sent) => {
      kept.push([index, sent])
      return Promise.resolve(!sent.ifKnown || index === knows ? 'taken' : 'unknown')
    })
  test('by its trace', async () => {
    await bring(IDS[0] ?? '', undefined)
    expect(kept.map(([index, { ifKnown }]) => [index, ifKnown])).toEqual([[ownerOfId(IDS[0] ?? '', 3), false]])
  })
  test('by its response, to who knows it', async () => {
    await bring('', 1)
    expect(kept.map(([index, { ifKnown }]) => [index, ifKnown])).toEqual([
      [0, true],
      [1, true],
    ])
  })
  test('by a response that nobody knows, to one that keeps it', async () => {
    await bring('', undefined)
    expect(kept.map(([, { ifKnown }]) => ifKnown)).toEqual([true, true, true, false])
  })
  test('and refused when it was not kept', () =>
    expect(route({ evaluation, traceId: IDS[0] ?? '', spanId: '' }, 3, () => Promise.resolve('refused'))).rejects.toThrow('send it again'))
})

describe('messages on a socket', () => {
  const frames: readonly Frame[] = [
    { id: 1, kind: 'part', signal: 1, encoding: 1, body: Buffer.from('abc') },
    { id: 2, kind: 'taken', signal: 0, encoding: 0, body: Buffer.alloc(0) },
    { id: 4_000_000_000, kind: 'refused', signal: 0, encoding: 0, body: Buffer.alloc(100_000, 7) },
  ]
  const bytes = Buffer.concat(frames.flatMap((f) => [...encodeFrame(f)]))
  test.each([1, 5, 11, 12, 13, 4096, 200_000])('come whole out of chunks of %i bytes', (size) => {
    const reader = new FrameReader()
    const got: Frame[] = []
    for (let at = 0; at < bytes.length; at += size) got.push(...reader.push(bytes.subarray(at, at + size)))
    expect(got.map((f) => ({ ...f, body: Buffer.from(f.body) }))).toEqual(frames)
  })
  test('have numbers of four bytes, which begin again', () => {
    const [head] = encodeFrame({ ...(frames[0] as Frame), id: idAfter(2 ** 32 - 1) })
    expect([head.readUInt32LE(4), idAfter(7)]).toEqual([0, 8])
  })
  test('what is none is an error', () => expect(() => new FrameReader().push(Buffer.alloc(12, 0xff))).toThrow('cannot be read'))
})
