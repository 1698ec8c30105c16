/**
 * Scenarios of the Model Context Protocol, SDK majors 1 and 2: a hand-written loop over fetch whose tools are an MCP server's, and calls outside
 * of every run. `sdk` is what a major brings: its servers and clients (`inMemory`, `overHttp`, `overStdio`, `newClient`), its way of passing
 * options (`call`), and what else differs.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { outcome, plain } from './program.mjs'

export const MODEL = 'gpt-5-mini'

export async function chat(messages, tools, model = MODEL) {
  const response = await fetch(`${process.env.PROVIDER_URL}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer local' },
    body: JSON.stringify({ model, messages, tools }),
  })
  if (!response.ok) throw new Error(`model: ${response.status} ${(await response.json()).error.code}`)
  return (await response.json()).choices[0].message
}

/** The loop that everybody writes: ask the model, call the tools it asks for, tell it what came back. */
async function loop(client, prompt, { rounds = 5, only, model } = {}) {
  const { tools } = await client.listTools()
  const offered = tools
    .filter((t) => only === undefined || only.includes(t.name))
    .map((t) => ({ type: 'function', function: { name: t.name, description: t.description, parameters: t.inputSchema } }))
  const messages = [{ role: 'user', content: prompt }]
  const results = []
  for (let round = 0; round < rounds; round++) {
    const message = await chat(messages, offered, model)
    messages.push(message)
    if (!message.tool_calls?.length) return { results, text: message.content }
    for (const call of message.tool_calls) {
      const result = await client.callTool({ name: call.function.name, arguments: JSON.parse(call.function.arguments) })
      results.push(plain(result))
      messages.push({ role: 'tool', tool_call_id: call.id, content: JSON.stringify(result.content) })
    }
  }
  return { results: results.length, last: results.at(-1), gaveUp: true }
}

async function using(open, work) {
  const opened = await open
  try {
    return await work(opened.client, opened.server)
  } finally {
    await opened.close()
  }
}

export const scenarios = (sdk) => ({
  'tool-loop': async () => using(sdk.inMemory(), (client) => loop(client, 'weather in Paris?', { only: ['get_weather'] })),
  'tool-loop-http': async () => using(sdk.overHttp(), (client) => loop(client, 'weather in Paris?', { only: ['get_weather'] })),
  'tool-loop-stdio': async () => using(sdk.overStdio(), (client) => loop(client, 'weather in Paris?')),
  'tool-error': async () => using(sdk.inMemory(), (client) => loop(client, 'USE:boom', { only: ['boom'] })),
  'tool-empty': async () => using(sdk.inMemory(), (client) => loop(client, 'USE:nothing', { only: ['nothing'] })),
  'tool-structured': async () => using(sdk.inMemory(), (client) => loop(client, 'USE:structured', { only: ['structured'] })),
  'several-tools': async () => using(sdk.inMemory(), (client) => loop(client, 'do both', { only: ['get_weather', 'count'], rounds: 6 })),
  sampling: async () => using(sdk.inMemory(), (client) => loop(client, 'USE:ask_model', { only: ['ask_model'] })),
  concurrent: async () =>
    using(sdk.inMemory(), (client) =>
      Promise.all(['a', 'b', 'c'].map((n) => loop(client, `weather for ${n}?`, { only: ['get_weather'], model: `gpt-5-${n}` }))),
    ),
  'outside-a-run': async () => using(sdk.inMemory(), (client) => sdk.call(client, 'get_weather')),
  'no-such-tool': async () => using(sdk.inMemory(), (client) => sdk.call(client, 'missing')),
  'protocol-error': async () => using(sdk.inMemory(), (client) => sdk.call(client, 'refuse')),
  'bad-arguments': async () => using(sdk.inMemory(), (client) => client.callTool({ name: 'get_weather', arguments: { city: 7 } })),
  'unknown-method': async () => using(sdk.inMemory(), (client) => sdk.unknownMethod(client)),
  progress: async () => {
    const seen = []
    return using(sdk.inMemory(), async (client) => {
      const result = await sdk.call(client, 'count', { onprogress: (p) => seen.push(p) })
      return { seen, result }
    })
  },
  cancelled: async () => {
    const seen = []
    return using(sdk.inMemory(seen), async (client) => {
      const ended = await outcome(sdk.call(client, 'slow', { signal: AbortSignal.timeout(50) }))
      await sleep(50)
      return { ended, seen }
    })
  },
  'cancelled-already': async () =>
    using(sdk.inMemory(), (client) => sdk.call(client, 'get_weather', { signal: AbortSignal.abort(new Error('no')) })),
  timeout: async () => {
    const seen = []
    return using(sdk.inMemory(seen), async (client) => ({
      ended: await outcome(sdk.call(client, 'slow', { timeout: 50 })),
      seen,
    }))
  },
  'own-meta': async () =>
    using(sdk.inMemory(), (client) =>
      client.callTool({ name: 'meta', arguments: { city: 'Paris' }, _meta: { 'com.example/tenant': 'acme' } }),
    ),
  'not-connected': async () => sdk.call(sdk.newClient(), 'get_weather'),
  'prompts-and-resources': async () =>
    using(sdk.inMemory(), async (client) => ({
      prompt: await client.getPrompt({ name: 'greet', arguments: { who: 'you' } }),
      resource: await client.readResource({ uri: 'docs://readme' }),
      tools: (await client.listTools()).tools.map((t) => t.name),
      ping: await client.ping(),
    })),
  notifications: async () =>
    using(sdk.inMemory(), async (client, server) => {
      const seen = []
      sdk.onNotification(client, (n) => void seen.push(n))
      await server.server.sendLoggingMessage({ level: 'info', data: 'hello' })
      server.sendToolListChanged()
      await sleep(20)
      return seen
    }),
  'promise-and-class': async () =>
    using(sdk.inMemory(), async (client) => {
      const request = { method: 'tools/call', params: { name: 'get_weather', arguments: { city: 'Paris' } } }
      const promise = sdk.request(client, request)
      const { request: method, setRequestHandler } = Object.getPrototypeOf(Object.getPrototypeOf(client))
      const shape = [method.name, method.length, setRequestHandler.name, setRequestHandler.length]
      return { promise: promise.constructor.name, shape, result: await promise, untouched: request }
    }),
  'closed-under-way': async () => {
    const opened = await sdk.inMemory()
    const ended = outcome(sdk.call(opened.client, 'slow'))
    await sleep(20)
    await opened.close()
    return ended
  },
})

export const guard = (sdk) => ({
  guard: async () => using(sdk.inMemory(), (client) => loop(client, 'LOOPFOREVER', { only: ['get_weather'], rounds: 12 })),
})
