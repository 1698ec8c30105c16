/** Scenarios of the AWS SDK for Bedrock, over HTTP/2 (its default) and HTTP/1.1; `api` is what the program imported: the SDK, NodeHttpHandler. */
import { setTimeout as sleep } from 'node:timers/promises'
import { drain, plain, takeFrom } from '../../shared/program.mjs'

const MODEL = 'anthropic.claude-sonnet-5-v1:0'
const system = [{ text: 'be brief' }]
const hi = [{ role: 'user', content: [{ text: 'hi' }] }]
const json = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
const toolConfig = { tools: [{ toolSpec: { name: 'get_weather', description: 'weather of a city', inputSchema: { json } } }] }
const claude = { anthropic_version: 'bedrock-2023-05-31', max_tokens: 100, system: 'be brief', messages: [{ role: 'user', content: 'hi' }] }
const textOf = (event) => event.contentBlockDelta?.delta?.text ?? Object.keys(event)[0]
const chunkOf = (event) => JSON.parse(new TextDecoder().decode(event.chunk.bytes))

export function scenarios(api) {
  const client = connect(api)
  const converse = (modelId = MODEL, options) => client.send(new api.ConverseCommand({ modelId, messages: hi }), options)
  const stream = (modelId = MODEL, options) => client.send(new api.ConverseStreamCommand({ modelId, messages: hi }), options)
  const invoke = (body, modelId = MODEL) =>
    client.send(new api.InvokeModelCommand({ modelId, contentType: 'application/json', accept: 'application/json', body }))
  return {
    converse: async () =>
      client.send(new api.ConverseCommand({ modelId: MODEL, system, messages: hi, inferenceConfig: { maxTokens: 100, temperature: 0.2 } })),
    'tool-loop': async () => toolLoop(api, client),
    stream: async () => {
      const output = await stream()
      return {
        keys: Object.keys(output).sort(),
        metadata: output.$metadata,
        class: output.stream.constructor.name,
        ...(await drain(output.stream)),
      }
    },
    'stream-tool': async () =>
      drain((await client.send(new api.ConverseStreamCommand({ modelId: MODEL, messages: hi, toolConfig }))).stream),
    'stream-iterator': async () => byHand((await stream()).stream),
    'consumer-breaks': async () => takeFrom((await stream('slow-model')).stream, 4, textOf),
    'never-read': async () => Object.keys(await stream()).sort(),
    invoke: async () => {
      const output = await invoke(JSON.stringify(claude))
      return { contentType: output.contentType, bytes: output.body.length, body: JSON.parse(output.body.transformToString()) }
    },
    'invoke-bytes': async () => JSON.parse(new TextDecoder().decode((await invoke(Buffer.from(JSON.stringify(claude)))).body)).usage,
    'invoke-stream': async () => {
      const command = new api.InvokeModelWithResponseStreamCommand({ modelId: MODEL, body: JSON.stringify(claude) })
      return drain((await client.send(command)).body, chunkOf)
    },
    callback: async () => {
      const command = new api.ConverseCommand({ modelId: MODEL, messages: hi })
      const both = [undefined, {}].map(
        (options) =>
          new Promise((resolve) => {
            const done = (error, output) => resolve({ error, text: output?.output.message.content[0].text })
            const returned = options === undefined ? client.send(command, done) : client.send(command, options, done)
            if (returned !== undefined) resolve({ returned })
          }),
      )
      return Promise.all(both)
    },
    'callback-error': async () =>
      new Promise((resolve) => {
        client.send(new api.ConverseCommand({ modelId: 'fail-400', messages: hi }), (error, output) =>
          resolve({ name: error.name, status: error.$metadata.httpStatusCode, output }),
        )
      }),
    aggregated: async () => {
      const own = new api.BedrockRuntime({ maxAttempts: 1 })
      const { output, usage } = await own.converse({ modelId: MODEL, messages: hi })
      return { content: output.message.content, usage }
    },
    'same-command-again': async () => {
      const command = new api.ConverseCommand({ modelId: MODEL, messages: hi })
      const first = await client.send(command)
      const second = await client.send(command)
      return [first.usage, second.usage]
    },
    'own-middleware': async () => {
      const own = connect(api)
      const seen = []
      const watch = (next, context) => async (args) => {
        seen.push(context.commandName, Object.keys(args.input))
        return next(args)
      }
      own.middlewareStack.add(watch, { step: 'initialize', name: 'own' })
      const answer = await own.send(new api.ConverseCommand({ modelId: MODEL, messages: hi }))
      return { seen, usage: answer.usage }
    },
    'http-1': async () => {
      const own = connect(api, { requestHandler: new api.NodeHttpHandler() })
      const whole = await own.send(new api.ConverseCommand({ modelId: MODEL, messages: hi }))
      const { stream: events } = await own.send(new api.ConverseStreamCommand({ modelId: MODEL, messages: hi }))
      return { usage: whole.usage, ...(await drain(events, textOf)) }
    },
    'error-400': async () => converse('fail-400'),
    'error-403': async () => converse('fail-403'),
    'error-429': async () => converse('fail-429'),
    'error-500': async () => converse('fail-500'),
    'error-stream': async () => stream('fail-400'),
    'error-class': async () =>
      converse('fail-403').catch((error) => ({ is: error instanceof api.AccessDeniedException, fault: error.$fault })),
    'once-500': async () => {
      const own = connect(api, { maxAttempts: 3 })
      const answer = await own.send(new api.ConverseCommand({ modelId: 'once-500', messages: hi }))
      return { attempts: answer.$metadata.attempts, content: answer.output.message.content }
    },
    'abort-already': async () => converse(MODEL, { abortSignal: AbortSignal.abort() }),
    'abort-before-first-byte': async () => converse('hang', { abortSignal: AbortSignal.timeout(50) }),
    'abort-stream': async () => {
      const controller = new AbortController()
      const { stream: events } = await stream('slow-model', { abortSignal: controller.signal })
      let seen = 0
      return drain(events, (event) => {
        if (++seen === 4) controller.abort()
        return textOf(event)
      })
    },
    'cut-stream': async () => drain((await stream('cut-stream')).stream, textOf),
    'malformed-json': async () => converse('malformed-json').catch((error) => ({ name: error.name, metadata: error.$metadata })),
    'no-usage': async () => (await converse('no-usage')).usage ?? 'none',
    'no-usage-stream': async () => drain((await stream('no-usage')).stream, textOf),
    concurrent: async () => {
      const models = ['anthropic.a', 'anthropic.b', 'anthropic.c']
      const whole = models.map(async (model) => (await converse(model)).stopReason)
      const streams = models.map(async (model) => drain((await stream(`${model}-stream`)).stream, textOf))
      return { whole: await Promise.all(whole), streams: plain(await Promise.all(streams)) }
    },
  }
}

export const guard = (api) => ({
  guard: async () => toolLoop(api, connect(api, { maxAttempts: 3 }), 'LOOPFOREVER', 12),
  'guard-stream': async () => {
    const client = connect(api, { maxAttempts: 3 })
    const messages = [{ role: 'user', content: [{ text: 'LOOPFOREVER' }] }]
    for (let round = 0; round < 12; round++) {
      const { stream } = await client.send(new api.ConverseStreamCommand({ modelId: MODEL, messages, toolConfig }))
      let toolUse
      let text = ''
      for await (const event of stream) {
        toolUse ??= event.contentBlockStart?.start?.toolUse
        text += event.contentBlockDelta?.delta?.text ?? ''
      }
      if (toolUse === undefined) return { round, text }
      messages.push({ role: 'assistant', content: [{ toolUse: { ...toolUse, input: { city: 'Paris' } } }] })
      messages.push({ role: 'user', content: [{ toolResult: { toolUseId: toolUse.toolUseId, content: [{ text: '21C' }] } }] })
      await sleep(1)
    }
    return 'gave up'
  },
})

const connect = (api, options) => new api.BedrockRuntimeClient({ maxAttempts: 1, ...options })

async function toolLoop(api, client, prompt = 'weather in Paris?', rounds = 5) {
  const messages = [{ role: 'user', content: [{ text: prompt }] }]
  for (let round = 0; round < rounds; round++) {
    const { output, stopReason } = await client.send(new api.ConverseCommand({ modelId: MODEL, system, messages, toolConfig }))
    messages.push(output.message)
    const uses = output.message.content.filter((part) => part.toolUse)
    if (uses.length === 0) return { round, content: output.message.content, stop: stopReason }
    const results = uses.map(({ toolUse }) => ({ toolResult: { toolUseId: toolUse.toolUseId, content: [{ text: '21C' }] } }))
    messages.push({ role: 'user', content: results })
  }
  return { rounds, gaveUp: true }
}

/** Reads a stream the way a transpiled `for await` does: by its iterator's methods. */
async function byHand(events) {
  const iterator = events[Symbol.asyncIterator]()
  const first = await iterator.next()
  const left = await iterator.return('bye')
  const after = await iterator.next()
  return {
    first: first.value,
    left,
    after,
    same: iterator[Symbol.asyncIterator]() === iterator,
    kind: Object.prototype.toString.call(iterator),
  }
}
