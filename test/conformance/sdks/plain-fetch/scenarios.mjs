/** Programs without an SDK: the global fetch against OpenAI- and Anthropic-shaped APIs, in every way that people read a response. */
import { setTimeout as sleep } from 'node:timers/promises'
import { drain, outcome, plain, stopAfter } from '../../shared/program.mjs'

const PROVIDER = process.env.PROVIDER_URL
const CHAT = `${PROVIDER}/v1/chat/completions`
const MESSAGES = `${PROVIDER}/v1/messages`
const hi = [{ role: 'user', content: 'hi' }]
const SCHEMA = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
const tools = [{ type: 'function', function: { name: 'get_weather', description: 'weather of a city', parameters: SCHEMA } }]

const post = (url, body, more = {}) =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer local', 'x-api-key': 'local', 'anthropic-version': '2023-06-01' },
    body: JSON.stringify(body),
    ...more,
  })
const chat = (model = 'gpt-5-mini', more = {}, init = {}) => post(CHAT, { model, messages: hi, ...more }, init)
const streamed = (model = 'gpt-5-mini', init = {}) => chat(model, { stream: true, stream_options: { include_usage: true } }, init)
const decoded = (bytes) => Buffer.from(bytes).toString()
/** What is read in how many pieces depends on timing; what was read does not. */
const whole = async (stream) => {
  const { chunks, ended } = await drain(stream, decoded)
  return { text: chunks.join(''), ended }
}

export const scenarios = () => ({
  json: async () => {
    const response = await chat()
    return { ...about(response), body: await response.json() }
  },
  text: async () => (await chat()).text(),
  bytes: async () => new Uint8Array(await (await chat()).arrayBuffer()),
  blob: async () => (await (await chat()).blob()).size,
  clone: async () => {
    const response = await chat()
    const copy = response.clone()
    return { copy: (await copy.json()).id, original: (await response.json()).id }
  },
  'tool-loop': async () => toolLoop(),
  'not-read': async () => about(await chat()),
  cancelled: async () => {
    const response = await streamed('slow-model')
    await response.body.cancel()
    return { ...about(response), used: response.bodyUsed }
  },
  stream: async () => whole((await streamed()).body),
  'stream-reader': async () => {
    const reader = (await streamed()).body.getReader()
    let text = ''
    for (let part = await reader.read(); !part.done; part = await reader.read()) text += decoded(part.value)
    return text
  },
  'stream-piped': async () => {
    let text = ''
    const lines = (await streamed()).body.pipeThrough(new TextDecoderStream())
    for await (const part of lines) text += part
    return text
  },
  'stream-breaks': async () => {
    for await (const bytes of (await streamed('slow-model')).body) return decoded(bytes)
    return 'nothing'
  },
  tee: async () => {
    const [left, right] = (await streamed()).body.tee()
    return Promise.all([whole(left), whole(right)])
  },
  backpressure: async () => {
    const reader = (await streamed('flood')).body.getReader()
    await reader.read()
    await sleep(400)
    await reader.cancel()
    return 'left'
  },
  request: async () => {
    const request = new Request(CHAT, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-5-mini', messages: hi }),
    })
    const response = await fetch(request)
    return { used: request.bodyUsed, id: (await response.json()).id }
  },
  url: async () => {
    const response = await fetch(new URL(CHAT), { method: 'POST', body: JSON.stringify({ model: 'gpt-5-mini', messages: hi }) })
    return { url: new URL(response.url).pathname, id: (await response.json()).id }
  },
  'streamed-request': async () => {
    const body = new Blob([JSON.stringify({ model: 'gpt-5-mini', messages: hi })]).stream()
    const response = await fetch(CHAT, { method: 'POST', body, duplex: 'half', headers: { 'content-type': 'application/json' } })
    return (await response.json()).id
  },
  anthropic: async () => (await post(MESSAGES, { model: 'claude-sonnet-5', max_tokens: 100, messages: hi })).json(),
  'anthropic-stream': async () =>
    whole((await post(MESSAGES, { model: 'claude-sonnet-5', max_tokens: 100, messages: hi, stream: true })).body),
  'other-url': async () => {
    const response = await fetch(`${PROVIDER}/__calls`)
    return { status: response.status, list: Array.isArray(await response.json()) }
  },
  'error-400': async () => {
    const response = await chat('fail-400')
    return { ...about(response), body: await response.json() }
  },
  'error-500': async () => about(await chat('fail-500')),
  'no-server': async () =>
    fetch('http://127.0.0.1:2/v1/chat/completions', { method: 'POST', body: JSON.stringify({ model: 'gpt-5-mini', messages: hi }) }),
  'bad-url': async () => fetch('not a url'),
  'abort-already': async () => chat('gpt-5-already', {}, { signal: AbortSignal.abort() }),
  'abort-before-first-byte': async () => chat('hang', {}, { signal: stopAfter(50) }),
  'abort-by-time-limit': async () => chat('hang-2', {}, { signal: AbortSignal.timeout(50) }),
  'abort-reason': async () => {
    const controller = new AbortController()
    setTimeout(() => controller.abort(new TypeError('my reason')), 50)
    return chat('hang-3', {}, { signal: controller.signal })
  },
  'abort-stream': async () => {
    const controller = new AbortController()
    const reader = (await streamed('slow-model', { signal: controller.signal })).body.getReader()
    await reader.read()
    controller.abort()
    return { next: await outcome(reader.read()), closed: await outcome(reader.closed) }
  },
  'cut-stream': async () => whole((await streamed('cut-stream')).body),
  'malformed-json': async () => (await chat('malformed-json')).json(),
  'malformed-request': async () => {
    const response = await fetch(CHAT, { method: 'POST', body: '{"model":"gpt-5-mini"' })
    return { status: response.status, body: await response.json() }
  },
  'no-usage': async () => (await (await chat('no-usage')).json()).usage ?? 'none',
  concurrent: async () => Promise.all(['gpt-5-a', 'gpt-5-b', 'gpt-5-c'].map(async (model) => (await (await chat(model)).json()).model)),
})

export const guard = () => ({ guard: async () => toolLoop('LOOPFOREVER', 12) })

async function toolLoop(prompt = 'weather in Paris?', rounds = 5) {
  const messages = [{ role: 'user', content: prompt }]
  for (let round = 0; round < rounds; round++) {
    const response = await post(CHAT, { model: 'gpt-5-mini', messages, tools })
    if (!response.ok) return { round, status: response.status, body: await response.json() }
    const { message } = (await response.json()).choices[0]
    messages.push(message)
    if (message.tool_calls === undefined) return { round, text: message.content }
    for (const call of message.tool_calls) messages.push({ role: 'tool', tool_call_id: call.id, content: '21C' })
  }
  return { rounds, gaveUp: true }
}

const about = (response) => ({
  class: response.constructor.name,
  isResponse: response instanceof Response,
  ok: response.ok,
  status: response.status,
  statusText: response.statusText,
  redirected: response.redirected,
  kind: response.type,
  path: new URL(response.url).pathname,
  used: response.bodyUsed,
  headers: plain(Object.fromEntries([...response.headers].filter(([name]) => name !== 'date'))),
})
