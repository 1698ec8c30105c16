/** Amazon Bedrock runtime: Converse, ConverseStream, InvokeModel and its stream for Anthropic's models, in AWS event stream framing. */
import { Buffer } from 'node:buffer'
import { crc32 } from 'node:zlib'
import { answerTo, CACHE_USAGE, piecesOf } from './answer.ts'
import { anthropicEvents, anthropicMessage } from './anthropic.ts'
import { FLOOD_PIECES, type Exchange } from './exchange.ts'
import { list, object, text, textOf, type Json } from './json.ts'

const ERROR_TYPES: Readonly<Record<number, string>> = {
  400: 'ValidationException',
  401: 'UnrecognizedClientException',
  403: 'AccessDeniedException',
  429: 'ThrottlingException',
  500: 'InternalServerException',
}
const EVENT_STREAM = 'application/vnd.amazon.eventstream'
const USAGE = {
  inputTokens: CACHE_USAGE.fresh,
  outputTokens: CACHE_USAGE.output,
  totalTokens: CACHE_USAGE.total,
  cacheReadInputTokens: CACHE_USAGE.read,
  cacheWriteInputTokens: CACHE_USAGE.written,
}

/** One message of an AWS event stream: lengths, headers of type string, payload, and the checksums of both. */
function message(type: string, payload: Json): Uint8Array {
  const headers = Buffer.concat(
    Object.entries({ ':event-type': type, ':content-type': 'application/json', ':message-type': 'event' }).map(([key, value]) => {
      const length = Buffer.alloc(2)
      length.writeUInt16BE(Buffer.byteLength(value))
      return Buffer.concat([Buffer.from([key.length]), Buffer.from(key), Buffer.from([7]), length, Buffer.from(value)])
    }),
  )
  const body = Buffer.from(JSON.stringify(payload))
  const prelude = Buffer.alloc(8)
  prelude.writeUInt32BE(16 + headers.length + body.length, 0)
  prelude.writeUInt32BE(headers.length, 4)
  const checked = Buffer.concat([prelude, sum(prelude), headers, body])
  return Buffer.concat([checked, sum(checked)])
}

function sum(bytes: Uint8Array): Buffer {
  const out = Buffer.alloc(4)
  out.writeUInt32BE(crc32(bytes))
  return out
}

function converseContent(x: Exchange): readonly Json[] {
  const messages = list(x.body['messages']).map(object)
  const used = messages.flatMap((m) => list(m['content']).map((c) => object(object(c)['toolUse'])))
  const config = object(x.body['toolConfig'])
  const answer = answerTo({
    said: [textOf(x.body['system']), ...messages.map((m) => textOf(m['content']))].join('\n'),
    tools: list(config['tools']).flatMap((t) => {
      const spec = object(object(t)['toolSpec'])
      return spec['name'] === undefined ? [] : [{ name: text(spec['name']), schema: object(spec['inputSchema'])['json'] }]
    }),
    called: used.map((u) => text(u['name'])),
    forced: text(object(object(config['toolChoice'])['tool'])['name']),
  })
  if ('text' in answer) return [{ text: answer.text }]
  return answer.tools.map((t) => ({ toolUse: { toolUseId: x.id('tooluse_'), name: t.name, input: t.arguments } }))
}

const stopReason = (content: readonly Json[]): string => (content.some((c) => 'toolUse' in c) ? 'tool_use' : 'end_turn')

function* converseEvents(x: Exchange): Generator<readonly [type: string, payload: Json]> {
  const content = converseContent(x)
  yield ['messageStart', { role: 'assistant' }]
  for (const [contentBlockIndex, part] of content.entries()) {
    const use = object(part['toolUse'])
    if ('toolUse' in part) {
      yield ['contentBlockStart', { contentBlockIndex, start: { toolUse: { toolUseId: use['toolUseId'], name: use['name'] } } }]
      yield ['contentBlockDelta', { contentBlockIndex, delta: { toolUse: { input: JSON.stringify(use['input']) } } }]
    } else {
      for (const piece of x.special === 'flood' ? FLOOD_PIECES : piecesOf(text(part['text'])))
        yield ['contentBlockDelta', { contentBlockIndex, delta: { text: piece } }]
    }
    yield ['contentBlockStop', { contentBlockIndex }]
  }
  yield ['messageStop', { stopReason: stopReason(content) }]
  yield ['metadata', { ...(x.special === 'no-usage' ? {} : { usage: USAGE }), metrics: { latencyMs: 12 } }]
}

function* chunkEvents(x: Exchange): Generator<readonly [type: string, payload: Json]> {
  for (const event of anthropicEvents(x)) yield ['chunk', { bytes: Buffer.from(JSON.stringify(event)).toString('base64') }]
}

/** `operation` is the last segment of the path. */
export async function bedrock(x: Exchange, operation: string): Promise<void> {
  const headers = { 'x-amzn-requestid': x.id('req-') }
  const failure = x.failure
  if (failure !== undefined) {
    const type = ERROR_TYPES[failure] ?? 'InternalServerException'
    return x.json(failure, { message: `status ${failure} was asked for` }, { ...headers, 'x-amzn-errortype': type })
  }
  if (operation === 'converse') {
    const content = converseContent(x)
    const output = { message: { role: 'assistant', content } }
    const usage = x.special === 'no-usage' ? {} : { usage: USAGE }
    return x.json(200, { output, stopReason: stopReason(content), ...usage, metrics: { latencyMs: 12 } }, headers)
  }
  if (operation === 'invoke') return x.json(200, anthropicMessage(x), headers)
  await x.stream(EVENT_STREAM, headers)
  for (const event of operation === 'converse-stream' ? converseEvents(x) : chunkEvents(x)) if (!(await x.event(message(...event)))) return
  x.finish()
}
