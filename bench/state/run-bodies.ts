/**
 * Request bodies of runs that are still open, cheap enough to make that the state under measurement is what takes the time: one body is encoded
 * once, and its ids are written over in place for the next. No two bodies share a trace, response or call id.
 */
import { TracesRequest } from '../wire/peers.ts'

export const RUNS_PER_BODY = 64
export const SPANS_PER_RUN = 8

const MODELS = ['gpt-5-mini', 'claude-sonnet-4-5', 'gemini-2.5-pro']
const TOOLS = ['search', 'orders', 'refund', 'calendar', 'email']
/** Stands for the number of the body in every id; eight hex digits, which appear nowhere else. */
const MARK = 'fedcba98'

const text = (key: string, value: string): object => ({ key, value: { stringValue: value } })
const int = (key: string, value: number): object => ({ key, value: { intValue: value } })

function spanOf(run: number, at: number): object {
  const id = (n: number): Buffer => Buffer.from(`a${run.toString(16).padStart(6, '0')}${n}${MARK}`, 'hex')
  const agent = `agent-${run % 20}`
  const own =
    at % 2 === 0
      ? [
          text('gen_ai.operation.name', 'chat'),
          text('gen_ai.provider.name', 'openai'),
          text('gen_ai.request.model', MODELS[run % 3] ?? ''),
          text('gen_ai.response.model', `${MODELS[run % 3]}-2026-08-01`),
          text('gen_ai.response.id', `chatcmpl-${run.toString(16).padStart(6, '0')}${at}${MARK}`),
          text('gen_ai.agent.name', agent),
          int('gen_ai.usage.input_tokens', 3600 + run),
          int('gen_ai.usage.output_tokens', 140 + at),
          int('gen_ai.usage.cache_read.input_tokens', 1024),
        ]
      : [
          text('gen_ai.operation.name', 'execute_tool'),
          text('gen_ai.tool.name', TOOLS[(run + at) % 5] ?? ''),
          text('gen_ai.tool.call.id', `call_${run.toString(16).padStart(6, '0')}${at}${MARK}`),
          text('gen_ai.tool.call.arguments', JSON.stringify({ query: run % 7 })),
        ]
  const startNs = 1_790_000_000_000_000_000n + BigInt(at) * 1_200_000_000n
  const time = (ns: bigint): object => ({ low: Number(BigInt.asIntN(32, ns)), high: Number(BigInt.asIntN(32, ns >> 32n)), unsigned: true })
  return {
    traceId: Buffer.from(`b${run.toString(16).padStart(23, '0')}${MARK}`, 'hex'),
    spanId: id(at),
    // Nobody has seen the agent's span yet.
    parentSpanId: id(9),
    flags: 257,
    name: 'step',
    kind: 1,
    startTimeUnixNano: time(startNs),
    endTimeUnixNano: time(startNs + 900_000_000n),
    attributes: own,
  }
}

/** Makes the nth body; the bytes are the same buffer every time. */
export function runBodies(): (n: number) => Uint8Array {
  const spans = Array.from({ length: RUNS_PER_BODY * SPANS_PER_RUN }, (_, i) => spanOf(Math.floor(i / SPANS_PER_RUN), i % SPANS_PER_RUN))
  const resource = {
    attributes: [text('service.name', 'shop'), text('service.version', '3.1.0'), text('deployment.environment.name', 'production')],
  }
  const bytes = Buffer.from(TracesRequest.encode({ resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'x' }, spans }] }] }).finish())
  const asBytes = placesOf(bytes, Buffer.from(MARK, 'hex'))
  const asText = placesOf(bytes, Buffer.from(MARK))
  return (n) => {
    for (const at of asBytes) bytes.writeUInt32BE(n, at)
    const hex = n.toString(16).padStart(8, '0')
    for (const at of asText) bytes.write(hex, at, 'latin1')
    return bytes
  }
}

function placesOf(bytes: Buffer, mark: Buffer): readonly number[] {
  const found: number[] = []
  for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + 1)) found.push(at)
  return found
}
