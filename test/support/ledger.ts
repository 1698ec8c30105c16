/**
 * A sender that keeps a ledger of what was acknowledged: runs cut in two batches each, sent by several workers at once, a batch sent
 * again until it is acknowledged, and some sent once more after that. What the counters must say follows from the ledger alone.
 */
import { gzipSync } from 'node:zlib'
import { otlp, type SpanSketch, toProtobuf } from './otlp.ts'

/** What the metrics must add up to. */
export interface Totals {
  spans: number
  runs: number
  modelCalls: number
  toolCalls: number
  inputTokens: number
  outputTokens: number
}

interface Batch {
  readonly body: Uint8Array
  readonly totals: Totals
  readonly traceIds: readonly string[]
}

export interface Ledger {
  /** What was acknowledged, each batch once. */
  readonly acknowledged: Totals
  /** Batches acknowledged, those sent again, refusals and broken connections. */
  readonly counts: { batches: number; again: number; refused: number; broken: number }
  readonly traceIds: ReadonlySet<string>
  /** Lets the workers send. */
  go(): void
  /** Lets every worker have acknowledged what it has begun, then stand still. */
  pause(): Promise<void>
}

const RUNS = 8
/**
 * As exporters do. node:cluster holds on to a connection that it was handing to a process when that was killed, and nobody answers on it
 * (docs/processes.md).
 */
const GIVE_UP_MS = 10_000
const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, '0')

/** Starts workers that wait for `go`. `random` decides which batches are sent twice. */
export function startLedger(url: string, workers: number, random: () => number, again = 0.02): Ledger {
  const acknowledged: Totals = { spans: 0, runs: 0, modelCalls: 0, toolCalls: 0, inputTokens: 0, outputTokens: 0 }
  const counts = { batches: 0, again: 0, refused: 0, broken: 0 }
  const traceIds = new Set<string>()
  let isOpen = false
  let standing = 0
  let wake: (() => void)[] = []
  let next = 1

  const post = async (body: Uint8Array): Promise<boolean> => {
    try {
      const answer = await fetch(`${url}/v1/traces`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'gzip' },
        body,
        signal: AbortSignal.timeout(GIVE_UP_MS),
      })
      await answer.arrayBuffer()
      if (answer.status === 200) return true
      if (answer.status !== 503) throw new Error(`a batch was refused with ${answer.status}`)
      counts.refused++
    } catch (error) {
      if (error instanceof Error && error.message.startsWith('a batch')) throw error
      counts.broken++
    }
    await new Promise((r) => setTimeout(r, 20 + random() * 30))
    return false
  }
  const send = async (batch: Batch): Promise<void> => {
    while (!(await post(batch.body)));
    counts.batches++
    for (const key of Object.keys(acknowledged) as (keyof Totals)[]) acknowledged[key] += batch.totals[key]
    for (const id of batch.traceIds) traceIds.add(id)
    if (random() < again) {
      while (!(await post(batch.body)));
      counts.again++
    }
  }
  const work = async (): Promise<never> => {
    for (;;) {
      if (!isOpen) {
        standing++
        await new Promise<void>((go) => wake.push(go))
        standing--
      }
      const [one, two] = batchesFrom(next++)
      await send(one)
      await send(two)
    }
  }
  for (let i = 0; i < workers; i++) work().catch((error: unknown) => void (failure ??= error))
  let failure: unknown
  return {
    acknowledged,
    counts,
    traceIds,
    go: () => {
      isOpen = true
      for (const go of wake.splice(0)) go()
    },
    pause: async () => {
      isOpen = false
      while (standing < workers) {
        if (failure !== undefined) throw failure
        await new Promise((r) => setTimeout(r, 5))
      }
      wake = wake.slice()
    },
  }
}

/** Eight runs of five spans: the first batch has the root, a call and a tool of each, the second the other two. */
function batchesFrom(n: number): readonly [Batch, Batch] {
  const first: SpanSketch[] = []
  const second: SpanSketch[] = []
  const traceIds: string[] = []
  const totals: [Totals, Totals] = [
    { spans: 0, runs: 0, modelCalls: 0, toolCalls: 0, inputTokens: 0, outputTokens: 0 },
    { spans: 0, runs: 0, modelCalls: 0, toolCalls: 0, inputTokens: 0, outputTokens: 0 },
  ]
  for (let run = 0; run < RUNS; run++) {
    const id = n * RUNS + run
    // As random as ids are, so that nothing hangs on their order.
    const traceId = hex(Math.imul(id, 0x9e3779b1) >>> 0, 8) + hex(id, 24)
    traceIds.push(traceId)
    const span = (k: number): string => hex(id * 8 + k + 1, 16)
    const at = { traceId, startMs: Date.now() }
    const call = (k: number): SpanSketch => ({
      ...at,
      spanId: span(k),
      parentSpanId: span(0),
      attributes: {
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'openai',
        'gen_ai.request.model': 'gpt-4o',
        'gen_ai.usage.input_tokens': 100 + (id % 7),
        'gen_ai.usage.output_tokens': 10,
      },
    })
    const tool = (k: number): SpanSketch => ({
      ...at,
      spanId: span(k),
      parentSpanId: span(0),
      attributes: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'search', 'gen_ai.tool.call.id': `c${id}.${k}` },
    })
    first.push({ ...at, spanId: span(0), attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': `agent-${id % 3}` } })
    first.push(call(1), tool(2))
    second.push(call(3), tool(4))
    totals[0].runs++
    for (const [i, spans] of [3, 2].entries()) {
      const t = totals[i]!
      t.spans += spans
      t.modelCalls++
      t.toolCalls++
      t.inputTokens += 100 + (id % 7)
      t.outputTokens += 10
    }
  }
  const batch = (spans: readonly SpanSketch[], i: number): Batch => ({
    body: gzipSync(toProtobuf(otlp({ spans }))),
    totals: totals[i]!,
    traceIds,
  })
  return [batch(first, 0), batch(second, 1)]
}
