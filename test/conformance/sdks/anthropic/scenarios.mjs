/** Scenarios of the Anthropic SDK; `api` is what the program imported: Anthropic, jsonSchemaOutputFormat, betaTool. */
import { setTimeout as sleep } from 'node:timers/promises'
import { drain, outcome, plain, stopAfter, takeFrom } from '../../shared/program.mjs'

const MODEL = 'claude-sonnet-5'
const hi = [{ role: 'user', content: 'hi' }]
const SCHEMA = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
const tools = [{ name: 'get_weather', description: 'weather of a city', input_schema: SCHEMA }]
const eventText = (event) => event.delta?.text ?? event.type

export function scenarios(api) {
  const client = new api.Anthropic()
  const message = (model = MODEL, options) => client.messages.create({ model, max_tokens: 100, messages: hi }, options)
  const stream = (model = MODEL, options) => client.messages.create({ model, max_tokens: 100, messages: hi, stream: true }, options)
  return {
    message: async () => {
      const answer = await client.messages.create({ model: MODEL, max_tokens: 100, system: 'be brief', messages: hi })
      return { answer: plain(answer), requestId: answer._request_id }
    },
    'tool-loop': async () => toolLoop(client),
    stream: async () => drain(await stream()),
    'stream-tool': async () => drain(await client.messages.create({ model: MODEL, max_tokens: 100, messages: hi, tools, stream: true })),
    'consumer-breaks': async () => takeFrom(await stream('slow-model'), 4, eventText),
    'never-read': async () => {
      const held = await stream()
      // Held until all of it has come: a stream that is collected as garbage before is cancelled, whenever that happens.
      await sleep(150)
      return held.constructor.name
    },
    'stream-helper': async () => {
      const helper = client.messages.stream({ model: MODEL, max_tokens: 100, messages: hi })
      const events = []
      for (const name of ['connect', 'text', 'message', 'contentBlock', 'finalMessage', 'end', 'error', 'abort'])
        helper.on(name, () => events.push(name))
      return { final: plain(await helper.finalMessage()), text: await helper.finalText(), events }
    },
    'stream-helper-iterated': async () => drain(client.messages.stream({ model: MODEL, max_tokens: 100, messages: hi }), eventText),
    'stream-helper-breaks': async () =>
      takeFrom(client.messages.stream({ model: 'slow-model', max_tokens: 100, messages: hi }), 4, eventText),
    'stream-helper-with-response': async () => {
      const helper = client.messages.stream({ model: MODEL, max_tokens: 100, messages: hi })
      const { response } = await helper.withResponse()
      return { ...aboutResponse(response), text: await helper.finalText() }
    },
    parse: async () => {
      const schema = { type: 'object', properties: { answer: { type: 'string' } }, required: ['answer'], additionalProperties: false }
      const answer = await client.messages.parse({
        model: MODEL,
        max_tokens: 100,
        messages: hi,
        output_config: { format: api.jsonSchemaOutputFormat(schema) },
      })
      return answer.parsed_output
    },
    beta: async () => client.beta.messages.create({ model: MODEL, max_tokens: 100, messages: hi, betas: ['context-1m-2025-08-07'] }),
    'beta-stream': async () => drain(await client.beta.messages.create({ model: MODEL, max_tokens: 100, messages: hi, stream: true })),
    'tool-runner': async () => {
      let ran = 0
      const run = (args) => {
        ran++
        return `21C in ${args.city}`
      }
      const weather = api.betaTool({ name: 'get_weather', description: 'weather of a city', inputSchema: SCHEMA, run })
      const messages = [{ role: 'user', content: 'weather in Paris?' }]
      const final = await client.beta.messages.toolRunner({ model: MODEL, max_tokens: 100, messages, tools: [weather] })
      return { ran, content: plain(final.content) }
    },
    'count-tokens': async () => client.messages.countTokens({ model: MODEL, messages: hi }),
    'with-response': async () => {
      const promise = message()
      const { data, response, request_id } = await promise.withResponse()
      return { promise: promise.constructor.name, data: plain(data), ...aboutResponse(response), request_id, again: (await promise).id }
    },
    'with-response-stream': async () => {
      const { data, response } = await stream().withResponse()
      return { stream: data.constructor.name, ...aboutResponse(response), ...(await drain(data, eventText)) }
    },
    'as-response': async () => {
      const response = await message().asResponse()
      return { ...aboutResponse(response), used: response.bodyUsed, body: await response.json() }
    },
    'as-response-stream': async () => {
      const response = await stream().asResponse()
      return { ...aboutResponse(response), body: await response.text() }
    },
    'error-400': async () => message('fail-400'),
    'error-401': async () => message('fail-401'),
    'error-429': async () => message('fail-429'),
    'error-500': async () => message('fail-500'),
    'error-stream': async () => drain(await stream('fail-400')),
    'error-stream-helper': async () => client.messages.stream({ model: 'fail-400', max_tokens: 100, messages: hi }).finalMessage(),
    'once-500': async () => (await message('once-500')).content,
    'abort-already': async () => message(MODEL, { signal: AbortSignal.abort() }),
    'abort-before-first-byte': async () => message('hang', { signal: stopAfter(50) }),
    'abort-stream': async () => {
      const controller = new AbortController()
      const seen = []
      const ended = await outcome(async () => {
        for await (const event of await stream('slow-model', { signal: controller.signal })) {
          seen.push(eventText(event))
          if (seen.length === 4) controller.abort()
        }
        return 'done'
      })
      return { seen, ended }
    },
    'abort-helper': async () => {
      const helper = client.messages.stream({ model: 'slow-model', max_tokens: 100, messages: hi })
      helper.on('text', () => helper.abort())
      return helper.finalMessage()
    },
    timeout: async () => message('hang-2', { timeout: 60, maxRetries: 1 }),
    'cut-stream': async () => drain(await stream('cut-stream'), eventText),
    'cut-body': async () => message('cut-stream', { maxRetries: 0 }),
    'malformed-json': async () => message('malformed-json', { maxRetries: 0 }),
    'malformed-stream': async () => drain(await stream('malformed-json'), eventText),
    'no-usage': async () => (await message('no-usage')).usage ?? 'none',
    'no-usage-stream': async () => drain(await stream('no-usage'), eventText),
    'own-fetch': async () => {
      const seen = []
      const own = new api.Anthropic({
        fetch: async (url, init) => {
          seen.push({ url: String(url), method: init.method, body: init.body })
          return fetch(url, init)
        },
      })
      const answer = await own.messages.create({ model: MODEL, max_tokens: 100, messages: hi })
      return { answer: answer.content, seen }
    },
    concurrent: async () => {
      const models = ['claude-a', 'claude-b', 'claude-c']
      const whole = models.map(async (model) => (await message(model)).model)
      const streams = models.map(async (model) => drain(await stream(`${model}-stream`), eventText))
      return { whole: await Promise.all(whole), streams: await Promise.all(streams) }
    },
  }
}

export const guard = (api) => ({
  guard: async () => toolLoop(new api.Anthropic(), 'LOOPFOREVER', 12),
  'guard-stream': async () => {
    const client = new api.Anthropic()
    const messages = [{ role: 'user', content: 'LOOPFOREVER' }]
    for (let round = 0; round < 12; round++) {
      const answer = await client.messages.stream({ model: MODEL, max_tokens: 100, messages, tools }).finalMessage()
      if (!answerTools(answer, messages)) return { round, content: answer.content }
    }
    return 'gave up'
  },
})

async function toolLoop(client, prompt = 'weather in Paris?', rounds = 5) {
  const messages = [{ role: 'user', content: prompt }]
  for (let round = 0; round < rounds; round++) {
    const answer = await client.messages.create({ model: MODEL, max_tokens: 100, system: 'be brief', messages, tools })
    if (!answerTools(answer, messages)) return { round, content: answer.content, stop: answer.stop_reason }
  }
  return { rounds, gaveUp: true }
}

/** Adds the answer and the results of the tools it asks for; false when it asks for none. */
function answerTools(answer, messages) {
  const uses = answer.content.filter((part) => part.type === 'tool_use')
  messages.push({ role: 'assistant', content: answer.content })
  messages.push({ role: 'user', content: uses.map((use) => ({ type: 'tool_result', tool_use_id: use.id, content: '21C' })) })
  return uses.length > 0
}

const aboutResponse = (response) => ({
  class: response.constructor.name,
  status: response.status,
  type: response.headers.get('content-type'),
  requestId: response.headers.get('request-id'),
})
