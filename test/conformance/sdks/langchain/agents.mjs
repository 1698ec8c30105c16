/** Agents made with `createAgent`: every way to run one, and every way one fails. */
import { outcome, takeFrom } from '../../shared/program.mjs'
import { all, message, messages } from './describe.mjs'

const MODEL = 'gpt-5-mini'
const ask = (content = 'weather in Paris?') => ({ messages: [{ role: 'user', content }] })

export function agents(api) {
  const { createAgent, tool, ChatOpenAI, ChatAnthropic, MemorySaver, Command, interrupt, z } = api
  const city = z.object({ city: z.string() })
  const weather = tool(async ({ city }) => `${city}: 21C`, { name: 'get_weather', description: 'weather of a city', schema: city })
  const failing = tool(
    async () => {
      throw new Error('the station is down')
    },
    { name: 'get_weather', description: 'weather of a city', schema: city },
  )
  const numbers = tool(async ({ count }) => `${count}`, {
    name: 'count_up',
    description: 'counts',
    schema: z.object({ count: z.literal(7) }),
  })
  const model = (name = MODEL, more = {}) => new ChatOpenAI({ model: name, ...more })
  const agent = (more = {}) => createAgent({ model: model(), tools: [weather], name: 'weather-agent', systemPrompt: 'be brief', ...more })
  return {
    agent: async () => messages(await agent().invoke(ask(), { configurable: { thread_id: 'thread-1' } })),
    'agent-unnamed': async () => messages(await agent({ name: undefined }).invoke(ask())),
    'agent-two-tools': async () => {
      const wind = tool(async ({ city }) => `${city}: calm`, { name: 'get_wind', description: 'wind', schema: city })
      return messages(await agent({ tools: [weather, wind] }).invoke(ask('ALLTOOLS')))
    },
    'agent-stream-values': async () => all(agent().stream(ask(), { streamMode: 'values' }), (s) => messages(s).at(-1)),
    'agent-stream-updates': async () => all(agent().stream(ask(), { streamMode: 'updates' }), (s) => Object.keys(s)),
    'agent-stream-messages': async () =>
      all(agent().stream(ask(), { streamMode: 'messages' }), ([m, about]) => [message(m), about.langgraph_node, Object.keys(about).sort()]),
    'agent-stream-modes': async () =>
      all(agent().stream(ask(), { streamMode: ['updates', 'messages', 'custom'] }), ([mode, part]) => [mode, Object.keys(part).length]),
    'agent-stream-events': async () =>
      all(agent().streamEvents(ask(), { version: 'v2' }), (e) => [e.event, e.name, Object.keys(e.data).sort(), e.tags]),
    'agent-stream-events-3': async () => {
      const run = await agent().streamEvents(ask(), { version: 'v3' })
      return messages(await run.output)
    },
    'agent-stream-breaks': async () =>
      takeFrom(await agent({ model: model('slow-model') }).stream(ask(), { streamMode: 'messages' }), 2, ([m]) => m.getType()),
    'agent-structured': async () => {
      const schema = z.object({ answer: z.string() })
      return (await agent({ responseFormat: api.providerStrategy(schema) }).invoke(ask())).structuredResponse
    },
    'agent-memory': async () => {
      const remembering = agent({ checkpointer: new MemorySaver() })
      const config = { configurable: { thread_id: 'thread-2' } }
      await remembering.invoke(ask(), config)
      return messages(await remembering.invoke(ask('and now?'), config))
    },
    'agent-middleware': async () => {
      const seen = []
      const watch = api.createMiddleware({
        name: 'watch',
        beforeModel: () => void seen.push('before'),
        wrapModelCall: (request, handler) => handler(request),
        wrapToolCall: async (request, handler) => {
          seen.push(request.toolCall.name)
          return handler(request)
        },
      })
      return { messages: messages(await agent({ middleware: [watch] }).invoke(ask())), seen }
    },
    'agent-as-tool': async () => {
      const expert = agent({ name: 'expert' })
      const askExpert = tool(async () => (await expert.invoke(ask())).messages.at(-1).content, {
        name: 'ask_expert',
        description: 'asks the expert',
        schema: z.object({ question: z.string() }),
      })
      return messages(await agent({ tools: [askExpert], name: 'boss' }).invoke(ask('weather?')))
    },
    'agent-anthropic': async () => {
      const claude = new ChatAnthropic({ model: 'claude-sonnet-5' })
      return messages(await agent({ model: claude }).invoke(ask()))
    },
    'agent-anthropic-stream': async () => {
      const claude = new ChatAnthropic({ model: 'claude-sonnet-5' })
      return all(agent({ model: claude }).stream(ask(), { streamMode: 'messages' }), ([m]) => message(m))
    },
    'failing-tool': async () => messages(await agent({ tools: [failing] }).invoke(ask())),
    'tool-bad-input': async () => messages(await agent({ tools: [numbers] }).invoke(ask())),
    'tool-interrupt': async () => {
      const careful = tool(async ({ city }) => `${city}: ${interrupt('may I?')}`, {
        name: 'get_weather',
        description: 'weather',
        schema: city,
      })
      const asking = agent({ tools: [careful], checkpointer: new MemorySaver() })
      const config = { configurable: { thread_id: 'thread-3' } }
      const first = await asking.invoke(ask(), config)
      const then = await asking.invoke(new Command({ resume: 'yes' }), config)
      return { asked: first.__interrupt__.map((i) => i.value), messages: messages(then) }
    },
    'error-400': async () => agent({ model: model('fail-400') }).invoke(ask()),
    'error-401': async () => agent({ model: model('fail-401') }).invoke(ask()),
    'error-500': async () => agent({ model: model('fail-500', { maxRetries: 1 }) }).invoke(ask()),
    'error-stream': async () => all(agent({ model: model('fail-400') }).stream(ask(), { streamMode: 'messages' }), ([m]) => message(m)),
    'once-500': async () => messages(await agent({ model: model('once-500') }).invoke(ask())),
    'recursion-limit': async () => agent().invoke(ask('LOOPFOREVER'), { recursionLimit: 5 }),
    abort: async () => {
      const controller = new AbortController()
      setTimeout(() => controller.abort(), 80)
      return agent({ model: model('hang') }).invoke(ask(), { signal: controller.signal })
    },
    timeout: async () => agent({ model: model('hang') }).invoke(ask(), { signal: AbortSignal.timeout(80) }),
    concurrent: async () => {
      const names = ['a', 'b', 'c']
      const one = (name, how) => agent({ name: `${name}-agent`, model: model(`gpt-5-${name}-${how}`) })
      const whole = names.map(async (name) => messages(await one(name, 'whole').invoke(ask())))
      const streams = names.map((name) => all(one(name, 'stream').stream(ask(), { streamMode: 'messages' }), ([m]) => m.content))
      return { whole: await Promise.all(whole), streams: await Promise.all(streams) }
    },
    batch: async () => {
      const graph = agent().graph
      return (await graph.batch([ask(), ask('weather in Rome?')])).map(messages)
    },
    callbacks: async () => {
      const seen = []
      const note =
        (name) =>
        (first, second, ...rest) =>
          void seen.push([name, typeof rest.at(-1) === 'string' ? rest.at(-1) : ''])
      const names = ['handleChainStart', 'handleChainEnd', 'handleChatModelStart', 'handleLLMEnd', 'handleToolStart', 'handleToolEnd']
      const handler = Object.fromEntries(names.map((name) => [name, note(name)]))
      await agent().invoke(ask(), { callbacks: [handler], tags: ['mine'], metadata: { user: 'u' } })
      return seen
    },
    'kept-error': async () => {
      // The exception that comes out is the one the tool threw.
      const strict = tool(async () => Promise.reject(new RangeError('too far')), { name: 'get_weather', description: 'w', schema: city })
      return {
        invoke: await outcome(strict.invoke({ city: 'Paris' })),
        call: await outcome(strict.invoke({ type: 'tool_call', id: 'call-1', name: 'get_weather', args: { city: 'Paris' } })),
      }
    },
  }
}
