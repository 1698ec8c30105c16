/** Scenarios of Google's Agent Development Kit; `api` is what the program imported: the ADK, z. */
import { setTimeout as sleep } from 'node:timers/promises'
import { drain, takeFrom } from '../../shared/program.mjs'

const MODEL = 'gemini-3-flash'

/** What an application would show of an event; without ids and times. */
const eventOf = (event) => ({
  author: event.author,
  parts: event.content?.parts?.map((part) => part.text ?? part.functionCall?.name ?? part.functionResponse?.response),
  ...(event.partial === undefined ? {} : { partial: event.partial }),
  ...(event.errorCode === undefined ? {} : { error: [event.errorCode, event.errorMessage] }),
  ...(event.usageMetadata === undefined ? {} : { tokens: event.usageMetadata.totalTokenCount }),
})

export function scenarios(api) {
  api.setLogLevel?.(api.LogLevel.ERROR)
  const ran = []
  const tool = (name, execute) =>
    new api.FunctionTool({ name, description: `${name} of a city`, parameters: api.z.object({ city: api.z.string() }), execute })
  const weather = tool('get_weather', ({ city }) => {
    ran.push(city)
    return { city, celsius: 21 }
  })
  const broken = tool('get_weather', () => {
    throw new Error('the thermometer fell down')
  })
  const agent = (more = {}) => new api.LlmAgent({ name: 'weather_agent', model: MODEL, instruction: 'be brief', tools: [weather], ...more })
  /** A model by a name that is not Google's has to be made by hand. */
  const model = (name) => new api.Gemini({ model: name, apiKey: process.env.GEMINI_API_KEY })
  const all = async (root, text, options) => ({ ...(await drain(await start(api, root, text, options), eventOf)), ran: ran.splice(0) })

  return {
    invoke: async () => all(agent({ tools: [] }), 'hi'),
    'tool-loop': async () => all(agent(), 'weather in Paris?'),
    'tool-fails': async () => all(agent({ tools: [broken] }), 'weather in Paris?'),
    'tools-in-parallel': async () => {
      // Slow enough for their order to show in milliseconds.
      const slow = tool('get_weather', async ({ city }) => ({ at: await sleep(5, city) }))
      return all(agent({ tools: [slow, tool('get_time', async () => '12:00')] }), 'ALLTOOLS in Paris?')
    },
    'own-tool-class': async () => {
      class Thermometer extends api.BaseTool {
        _getDeclaration() {
          return { name: this.name, description: this.description, parametersJsonSchema: { type: 'object', properties: {} } }
        }
        async runAsync({ args, toolContext }) {
          return { self: this.constructor.name, args, hasId: typeof toolContext.functionCallId }
        }
      }
      class Better extends Thermometer {
        async runAsync(call) {
          return { better: await super.runAsync(call) }
        }
      }
      return all(agent({ tools: [new Better({ name: 'read_thermometer', description: 'reads it' })] }), 'weather in Paris?')
    },
    'tool-callbacks': async () => {
      const seen = []
      const root = agent({
        beforeToolCallback: ({ tool: { name }, args }) => void seen.push(['before', name, args]),
        afterToolCallback: ({ tool: { name }, response }) => {
          seen.push(['after', name, response])
          return { changed: true }
        },
      })
      return { ...(await all(root, 'weather in Paris?')), seen }
    },
    stream: async () => all(agent({ tools: [] }), 'hi', { runConfig: { streamingMode: api.StreamingMode.SSE } }),
    'stream-tool': async () => all(agent(), 'weather in Paris?', { runConfig: { streamingMode: api.StreamingMode.SSE } }),
    'agent-as-tool': async () => {
      const helper = agent({ name: 'forecaster', description: 'knows the weather' })
      return all(agent({ name: 'boss', tools: [new api.AgentTool({ agent: helper })] }), 'weather in Paris?')
    },
    transfer: async () => {
      const helper = agent({
        name: 'forecaster',
        description: 'knows the weather',
        disallowTransferToParent: true,
        disallowTransferToPeers: true,
      })
      return all(agent({ name: 'boss', tools: [], subAgents: [helper] }), 'TRANSFER:forecaster weather in Paris?')
    },
    sequence: async () => {
      const subAgents = [agent({ name: 'reader' }), agent({ name: 'writer', tools: [] })]
      return all(new api.SequentialAgent({ name: 'newsroom', subAgents }), 'weather in Paris?')
    },
    parallel: async () => {
      const subAgents = [agent({ name: 'left', tools: [] }), agent({ name: 'right', tools: [] })]
      const { chunks, ended } = await all(new api.ParallelAgent({ name: 'both', subAgents }), 'hi')
      return { chunks: chunks.toSorted((a, b) => a.author.localeCompare(b.author)), ended }
    },
    'two-turns': async () => {
      const runner = new api.InMemoryRunner({ agent: agent({ tools: [] }), appName: 'weather' })
      const { id } = await runner.sessionService.createSession({ appName: 'weather', userId: 'u' })
      const turn = (text) => drain(runner.runAsync({ userId: 'u', sessionId: id, newMessage: { parts: [{ text }] } }), eventOf)
      return [await turn('hi'), await turn('and again')]
    },
    'consumer-breaks': async () => takeFrom(await start(api, agent(), 'weather in Paris?'), 1, eventOf),
    'stream-breaks': async () => {
      const root = agent({ tools: [], model: model('slow-model') })
      return takeFrom(await start(api, root, 'hi', { runConfig: { streamingMode: api.StreamingMode.SSE } }), 3, eventOf)
    },
    'error-400': async () => all(agent({ model: model('fail-400') }), 'hi'),
    'error-429': async () => all(agent({ model: model('fail-429') }), 'hi'),
    'error-stream': async () => all(agent({ model: model('fail-400') }), 'hi', { runConfig: { streamingMode: api.StreamingMode.SSE } }),
    'malformed-json': async () => all(agent({ model: model('malformed-json') }), 'hi'),
    'no-usage': async () => all(agent({ tools: [], model: model('no-usage') }), 'hi'),
    'abort-before-first-byte': async () => all(agent({ model: model('hang') }), 'hi', { abortSignal: AbortSignal.timeout(80) }),
    'abort-stream': async () => {
      const controller = new AbortController()
      const root = agent({ tools: [], model: model('slow-model') })
      const options = { abortSignal: controller.signal, runConfig: { streamingMode: api.StreamingMode.SSE } }
      let seen = 0
      return drain(await start(api, root, 'hi', options), (event) => {
        if (++seen === 3) controller.abort()
        return eventOf(event)
      })
    },
    concurrent: async () => {
      const names = ['first', 'second', 'third']
      return Promise.all(names.map(async (name) => drain(await start(api, agent({ name }), 'weather in Paris?'), eventOf)))
    },
  }
}

export const guard = (api) => {
  const loop = async (runConfig) => {
    api.setLogLevel?.(api.LogLevel.ERROR)
    let rounds = 0
    const weather = new api.FunctionTool({
      name: 'get_weather',
      description: 'weather of a city',
      parameters: api.z.object({ city: api.z.string() }),
      execute: () => ({ celsius: 21, round: ++rounds }),
    })
    const agent = new api.LlmAgent({ name: 'weather_agent', model: MODEL, instruction: 'be brief', tools: [weather] })
    const { chunks, ended } = await drain(await start(api, agent, 'LOOPFOREVER', { runConfig: { maxLlmCalls: 12, ...runConfig } }), eventOf)
    return { rounds, last: chunks.at(-1), ended }
  }
  return { guard: () => loop({}), 'guard-stream': () => loop({ streamingMode: api.StreamingMode.SSE }) }
}

/** The events of one message to a new session. */
async function start(api, agent, text, options = {}) {
  const runner = new api.InMemoryRunner({ agent, appName: 'weather' })
  const { id } = await runner.sessionService.createSession({ appName: 'weather', userId: 'u' })
  return runner.runAsync({ userId: 'u', sessionId: id, newMessage: { role: 'user', parts: [{ text }] }, ...options })
}
