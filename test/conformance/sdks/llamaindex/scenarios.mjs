/** Scenarios of LlamaIndex; `api` is what the program imported: agent, multiAgent, events, tool, openai, SimpleChatEngine, z. */
import { setTimeout as sleep } from 'node:timers/promises'
import { describeError, drain, takeFrom } from '../../shared/program.mjs'

const QUESTION = 'weather in Paris?'
const MODEL = 'gpt-4o-mini'

export function scenarios(api) {
  const { z } = api
  const ran = []
  const define = (execute, name = 'get_weather') =>
    api.tool({ name, description: 'weather of a city', parameters: z.object({ city: z.string() }), execute })
  const weather = define(({ city }) => {
    ran.push(city)
    return `21C in ${city}`
  })
  const broken = define(() => {
    throw new Error('the thermometer fell down')
  })
  const model = (name = MODEL) => api.openai({ model: name, maxRetries: 1 })
  const agent = (tools = [weather], name = MODEL, more = {}) =>
    api.agent({ name: 'weather_agent', llm: model(name), tools, systemPrompt: 'be brief', ...more })
  const about = (event) => ({ result: event.data.result, object: event.data.object, ran: ran.splice(0) })
  const eventOf = (event) => {
    const kind = Object.entries(api.events).find(([, type]) => type.include(event))?.[0]
    return [kind, event.data?.delta, event.data?.toolName].filter((part) => part !== undefined)
  }

  return {
    run: async () => about(await agent([]).run('hi')),
    'tool-loop': async () => about(await agent().run(QUESTION)),
    'run-stream': async () => ({ ...(await drain(agent().runStream(QUESTION), eventOf)), ran: ran.splice(0) }),
    'consumer-breaks': async () => {
      const seen = await takeFrom(agent([], 'slow-model').runStream('hi'), 4, eventOf)
      await sleep(1500)
      return seen
    },
    'tool-fails': async () => about(await agent([broken]).run(QUESTION)),
    structured: async () => about(await agent([], MODEL).run('hi', { responseFormat: z.object({ answer: z.string() }) })),
    'own-context': async () => {
      const { sendEvent, stream } = agent().createContext()
      sendEvent(api.events.start.with({ userInput: QUESTION }))
      const events = await stream.until(api.events.stop).toArray()
      return { result: events.at(-1).data.result, ran: ran.splice(0) }
    },
    'two-turns': async () => {
      const one = agent([])
      return [about(await one.run('hi')), about(await one.run('and again'))]
    },
    'agent-in-a-tool': async () => {
      const forecast = define(async ({ city }) => (await agent().run(`weather in ${city}?`)).data.result, 'ask_forecaster')
      const concierge = api.agent({ name: 'concierge', llm: model(), tools: [forecast] })
      return about(await concierge.run(QUESTION))
    },
    'hand-off': async () => {
      // The provider asks for the hand-off and names nobody, which the framework answers.
      const second = api.agent({ name: 'forecaster', llm: model(), tools: [weather] })
      const first = api.agent({ name: 'concierge', llm: model(), tools: [define(() => 'noon', 'get_time')], canHandoffTo: [second] })
      return about(await api.multiAgent({ agents: [first, second], rootAgent: first }).run(QUESTION))
    },
    // The framework rejects a promise that nobody holds, and the run never ends.
    'agent-error': async () =>
      withEscaped(async (escaped) => {
        const ended = agent([], 'fail-400').run('hi').then(about, describeError)
        return { run: await Promise.race([ended, sleep(500, 'still running')]), escaped }
      }),
    'once-500': async () => about(await agent([], 'once-500').run('hi')),
    concurrent: async () => {
      const names = ['gpt-4o-a', 'gpt-4o-b', 'gpt-4o-c']
      const results = await Promise.all(names.map(async (name) => (await agent([weather], name).run(QUESTION)).data.result))
      return { results, ran: ran.splice(0) }
    },
    chat: async () => (await model().chat({ messages: [{ role: 'user', content: 'hi' }] })).message,
    'chat-stream': async () =>
      drain(await model().chat({ messages: [{ role: 'user', content: 'hi' }], stream: true }), (chunk) => chunk.delta),
    'exec-loop': async () => {
      const messages = [{ role: 'user', content: QUESTION }]
      for (let round = 0; round < 4; round++) {
        const { newMessages, toolCalls } = await model().exec({ messages, tools: [weather] })
        messages.push(...newMessages)
        if (toolCalls.length === 0) return { messages: messages.map((m) => m.role), text: newMessages.at(-1).content, ran: ran.splice(0) }
      }
      return 'gave up'
    },
    'chat-engine': async () => {
      const engine = new api.SimpleChatEngine({ llm: model() })
      return (await engine.chat({ message: 'hi' })).message
    },
    embedding: async () => (await api.embedding.getTextEmbedding('hi')).length,
    'error-400': async () => model('fail-400').chat({ messages: [{ role: 'user', content: 'hi' }] }),
  }
}

export const guard = (api) => {
  const weather = api.tool({
    name: 'get_weather',
    description: 'weather of a city',
    parameters: api.z.object({ city: api.z.string() }),
    execute: () => '21C',
  })
  // The framework has no limit of its own: without a guard the tool gives up.
  let calls = 0
  const limited = api.tool({
    ...weather.metadata,
    parameters: api.z.object({ city: api.z.string() }),
    execute: () => (++calls < 12 ? '21C' : new Promise(() => undefined)),
  })
  const agent = () => api.agent({ name: 'weather_agent', llm: api.openai({ model: MODEL }), tools: [limited] })
  return {
    guard: async () => {
      calls = 0
      const run = agent().run('LOOPFOREVER')
      const event = await Promise.race([run, sleep(4000, undefined)])
      return event === undefined ? 'still running' : { result: event.data.result }
    },
    'guard-stream': async () => {
      calls = 0
      const { chunks, ended } = await drain(agent().runStream('LOOPFOREVER'), (event) => event.data?.delta)
      return { text: chunks.join(''), ended }
    },
  }
}

/** What escapes as an unhandled rejection while `work` runs, as an application that listens for it sees it. */
async function withEscaped(work) {
  const others = process.listeners('unhandledRejection')
  const escaped = []
  const listen = (error) => escaped.push(describeError(error))
  process.removeAllListeners('unhandledRejection').on('unhandledRejection', listen)
  try {
    return await work(escaped)
  } finally {
    process.removeListener('unhandledRejection', listen)
    for (const other of others) process.on('unhandledRejection', other)
  }
}
