/**
 * Scenarios of the OpenAI SDK, majors 4 to 7: `api` is what the program imported: OpenAI, zodResponseFormat, zodTextFormat, z.
 * Every way the SDK hands out an answer is here once, because each is a way for instrumentation to break one.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { drain, outcome, plain, stopAfter, takeFrom } from './program.mjs'

const MODEL = 'gpt-5-mini'
const hi = [{ role: 'user', content: 'hi' }]
const SCHEMA = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
const chatTools = [{ type: 'function', function: { name: 'get_weather', description: 'weather of a city', parameters: SCHEMA } }]
const responseTools = [{ type: 'function', name: 'get_weather', description: 'weather of a city', parameters: SCHEMA, strict: false }]
const system = { role: 'system', content: 'be brief' }
const textOf = (chunk) => chunk.choices[0]?.delta?.content ?? ''

export function scenarios(api, major) {
  const client = new api.OpenAI()
  const chat = (model = MODEL, options) => client.chat.completions.create({ model, messages: hi }, options)
  const stream = (model = MODEL, more = {}, options) =>
    client.chat.completions.create({ model, messages: hi, stream: true, ...more }, options)
  // Version 4 keeps these in beta.
  const helpers = major === 4 ? client.beta.chat.completions : client.chat.completions
  const all = {
    chat: async () => {
      const answer = await client.chat.completions.create({ model: MODEL, messages: [system, ...hi], temperature: 0.2 })
      return { answer: plain(answer), requestId: answer._request_id }
    },
    'tool-loop': async () => toolLoop(client),
    'stream-usage': async () => drain(await stream(MODEL, { stream_options: { include_usage: true } })),
    stream: async () => drain(await stream()),
    'stream-tool': async () => drain(await stream(MODEL, { tools: chatTools, stream_options: { include_usage: true } })),
    'consumer-breaks': async () => takeFrom(await stream('slow-model'), 3, textOf),
    'never-read': async () => {
      const held = await stream()
      // Held until all of it has come: a stream that is collected as garbage before is cancelled, whenever that happens.
      await sleep(150)
      return held.constructor.name
    },
    backpressure: async () => slowReader(await stream('flood')),
    tee: async () => {
      const [left, right] = (await stream()).tee()
      return { left: await drain(left, textOf), right: await drain(right, textOf) }
    },
    'readable-stream': async () => drain((await stream()).toReadableStream(), (bytes) => Buffer.from(bytes).toString()),
    'stream-helper': async () => chatHelper(helpers.stream({ model: MODEL, messages: hi, stream_options: { include_usage: true } })),
    'run-tools': async () => runTools(helpers),
    responses: async () => client.responses.create({ model: MODEL, instructions: 'be brief', input: 'hi' }),
    'responses-tool-loop': async () => responsesToolLoop(client),
    'responses-stream': async () => drain(await client.responses.create({ model: MODEL, input: 'hi', stream: true })),
    'responses-breaks': async () =>
      takeFrom(await client.responses.create({ model: 'slow-model', input: 'hi', stream: true }), 5, (event) => event.type),
    'responses-helper': async () => {
      const helper = client.responses.stream({ model: MODEL, input: 'hi' })
      const events = await drain(helper, (event) => event.type)
      return { events, final: plain(await helper.finalResponse()) }
    },
    'responses-parse': async () => {
      const format = api.zodTextFormat(api.z.object({ answer: api.z.string() }), 'answer')
      const answer = await client.responses.parse({ model: MODEL, input: 'hi', text: { format } })
      return { parsed: answer.output_parsed, text: answer.output_text }
    },
    'chat-parse': async () => {
      const response_format = api.zodResponseFormat(api.z.object({ answer: api.z.string() }), 'answer')
      const answer = await helpers.parse({ model: MODEL, messages: hi, response_format })
      return answer.choices
    },
    'with-response': async () => {
      const promise = chat()
      const { data, response, request_id } = await promise.withResponse()
      return { promise: promise.constructor.name, data: plain(data), ...aboutResponse(response), request_id, again: (await promise).id }
    },
    'with-response-stream': async () => {
      const { data, response } = await stream().withResponse()
      return { stream: data.constructor.name, ...aboutResponse(response), ...(await drain(data, textOf)) }
    },
    'as-response': async () => {
      const response = await chat().asResponse()
      return { ...aboutResponse(response), used: response.bodyUsed, body: await response.json() }
    },
    'as-response-stream': async () => {
      const response = await stream().asResponse()
      return { ...aboutResponse(response), body: await response.text() }
    },
    'as-response-and-await': async () => {
      const promise = chat()
      const response = await promise.asResponse()
      return { status: response.status, read: (await response.json()).id }
    },
    embeddings: async () => client.embeddings.create({ model: 'text-embedding-3-small', input: ['hi', 'there'] }),
    'error-400': async () => chat('fail-400'),
    'error-401': async () => chat('fail-401'),
    'error-429': async () => chat('fail-429'),
    'error-500': async () => chat('fail-500'),
    'error-stream': async () => drain(await stream('fail-400')),
    'error-responses': async () => client.responses.create({ model: 'fail-400', input: 'hi' }),
    'error-no-server': async () =>
      new api.OpenAI({ baseURL: 'http://127.0.0.1:2/v1', maxRetries: 0 }).chat.completions.create({ model: MODEL, messages: hi }),
    'once-500': async () => (await chat('once-500')).choices[0].message.content,
    'abort-already': async () => chat(MODEL, { signal: AbortSignal.abort() }),
    'abort-before-first-byte': async () => chat('hang', { signal: stopAfter(50) }),
    'abort-by-time-limit': async () => chat('hang-2', { signal: AbortSignal.timeout(50) }),
    'abort-stream': async () => {
      const controller = new AbortController()
      const chunks = []
      const ended = await outcome(async () => {
        for await (const chunk of await stream('slow-model', {}, { signal: controller.signal })) {
          chunks.push(textOf(chunk))
          if (chunks.length === 3) controller.abort()
        }
        return 'done'
      })
      return { chunks, ended }
    },
    'abort-by-stream': async () => {
      const events = await stream('slow-model')
      return drain(events, (chunk) => {
        if (textOf(chunk) !== '') events.controller.abort()
        return textOf(chunk)
      })
    },
    timeout: async () => chat('hang-3', { timeout: 60, maxRetries: 1 }),
    'cut-stream': async () => drain(await stream('cut-stream'), textOf),
    'malformed-json': async () => chat('malformed-json', { maxRetries: 0 }),
    'malformed-stream': async () => drain(await stream('malformed-json'), textOf),
    'no-usage': async () => (await chat('no-usage')).usage ?? 'none',
    'own-fetch': async () => {
      const seen = []
      const own = new api.OpenAI({
        fetch: async (url, init) => {
          seen.push({ url: String(url), method: init.method, body: init.body })
          return fetch(url, init)
        },
      })
      const answer = await own.chat.completions.create({ model: MODEL, messages: hi })
      return { answer: answer.choices[0].message.content, seen }
    },
    concurrent: async () => {
      const models = ['gpt-5-a', 'gpt-5-b', 'gpt-5-c']
      const whole = models.map(async (model) => (await chat(model)).model)
      const streams = models.map(async (model) =>
        drain(await stream(`${model}-stream`, { stream_options: { include_usage: true } }), textOf),
      )
      return { whole: await Promise.all(whole), streams: await Promise.all(streams) }
    },
    'unhandled-is-not-ours': async () => {
      // A rejected promise that was handled late must not become an unhandled rejection by being observed.
      const promise = chat('fail-400')
      const caught = await promise.catch((error) => error.constructor.name)
      const second = await promise.then(
        () => 'resolved',
        (error) => error.constructor.name,
      )
      return { caught, second }
    },
  }
  if (major >= 5)
    all['with-options'] = async () =>
      (await client.withOptions({ maxRetries: 0 }).chat.completions.create({ model: MODEL, messages: hi })).id
  return all
}

export const guard = (api) => ({
  guard: async () => toolLoop(new api.OpenAI(), 'LOOPFOREVER', 12),
  'guard-stream': async () => {
    const client = new api.OpenAI()
    const messages = [{ role: 'user', content: 'LOOPFOREVER' }]
    for (let round = 0; round < 12; round++) {
      const call = { name: '', arguments: '', id: '' }
      let said = ''
      for await (const chunk of await client.chat.completions.create({ model: MODEL, messages, tools: chatTools, stream: true })) {
        const delta = chunk.choices[0]?.delta
        said += delta?.content ?? ''
        for (const part of delta?.tool_calls ?? []) {
          call.id += part.id ?? ''
          call.name += part.function?.name ?? ''
          call.arguments += part.function?.arguments ?? ''
        }
      }
      if (call.name === '') return { round, said }
      const { id, ...called } = call
      messages.push({ role: 'assistant', content: null, tool_calls: [{ id, type: 'function', function: called }] })
      messages.push({ role: 'tool', tool_call_id: id, content: '21C' })
    }
    return 'gave up'
  },
  'guard-responses': async () => responsesToolLoop(new api.OpenAI(), 'LOOPFOREVER', 12),
})

async function toolLoop(client, prompt = 'weather in Paris?', rounds = 5) {
  const messages = [system, { role: 'user', content: prompt }]
  const asked = []
  for (let round = 0; round < rounds; round++) {
    const answer = await client.chat.completions.create({ model: MODEL, messages, tools: chatTools })
    const message = answer.choices[0].message
    messages.push(message)
    if (!message.tool_calls?.length) return { asked, text: message.content, finish: answer.choices[0].finish_reason }
    for (const call of message.tool_calls) {
      asked.push(call.function)
      messages.push({ role: 'tool', tool_call_id: call.id, content: '21C' })
    }
  }
  return { asked: asked.length, gaveUp: true }
}

async function responsesToolLoop(client, prompt = 'weather in Paris?', rounds = 5) {
  const input = [{ role: 'user', content: prompt }]
  let asked = 0
  for (let round = 0; round < rounds; round++) {
    const answer = await client.responses.create({ model: MODEL, instructions: 'be brief', input, tools: responseTools })
    const calls = answer.output.filter((item) => item.type === 'function_call')
    if (calls.length === 0) return { asked, text: answer.output_text }
    asked += calls.length
    for (const call of calls) input.push(call, { type: 'function_call_output', call_id: call.call_id, output: '21C' })
  }
  return { asked, gaveUp: true }
}

async function chatHelper(helper) {
  const events = []
  for (const name of ['connect', 'content', 'chunk', 'finalChatCompletion', 'end', 'error', 'abort'])
    helper.on(name, () => events.push(name))
  const final = await helper.finalChatCompletion()
  return { final: plain(final), usage: plain(await helper.totalUsage()), content: await helper.finalContent(), events }
}

async function runTools(helpers) {
  let ran = 0
  const weather = (args) => {
    ran++
    return `21C in ${args.city}`
  }
  const tools = [{ type: 'function', function: { ...chatTools[0].function, function: weather, parse: JSON.parse } }]
  const runner = helpers.runTools({ model: MODEL, messages: [{ role: 'user', content: 'weather in Paris?' }], tools })
  return { final: await runner.finalContent(), ran, messages: plain(runner.messages) }
}

async function slowReader(stream) {
  let chunks = 0
  for await (const _ of stream) {
    chunks++
    if (chunks === 2) {
      await sleep(400)
      break
    }
  }
  return { chunks }
}

const aboutResponse = (response) => ({
  class: response.constructor.name,
  status: response.status,
  type: response.headers.get('content-type'),
  requestId: response.headers.get('x-request-id'),
})
