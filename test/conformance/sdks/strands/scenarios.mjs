/** Scenarios of Strands Agents; `api` is what the program imported: Agent, tool, Graph, OpenAIModel, z. */
import { drain, outcome, takeFrom } from '../../shared/program.mjs'

const MODEL = 'gpt-5-mini'

/** Events by type and what an application would show of them; without ids and times. */
const eventOf = (event) => {
  const inner = event.event ?? event
  return [event.type, inner.type, inner.delta?.text ?? inner.delta?.input ?? inner.contentBlock?.name].filter((part) => part !== undefined)
}

export function scenarios(api) {
  const ran = []
  const weather = api.tool({
    name: 'get_weather',
    description: 'weather of a city',
    inputSchema: api.z.object({ city: api.z.string() }),
    callback: ({ city }) => {
      ran.push(city)
      return `21C in ${city}`
    },
  })
  const counting = api.tool({
    name: 'get_weather',
    description: 'weather of a city, in steps',
    inputSchema: api.z.object({ city: api.z.string() }),
    callback: async function* ({ city }) {
      yield 'looking out of the window'
      yield 'reading the thermometer'
      return { city, celsius: 21 }
    },
  })
  const broken = api.tool({
    name: 'get_weather',
    description: 'weather of a city',
    inputSchema: api.z.object({ city: api.z.string() }),
    callback: () => {
      throw new Error('the thermometer fell down')
    },
  })
  const model = (modelId, more = {}) => new api.OpenAIModel({ api: 'chat', modelId, ...more })
  const agent = (tools = [weather], modelId = MODEL, more = {}) =>
    new api.Agent({ name: 'weather-agent', model: model(modelId), tools, systemPrompt: 'be brief', printer: false, ...more })
  const about = (result) => ({ text: String(result), stop: result.stopReason, usage: result.metrics?.accumulatedUsage, ran: ran.splice(0) })

  return {
    invoke: async () => about(await agent([]).invoke('hi')),
    'tool-loop': async () => about(await agent().invoke('weather in Paris?')),
    'tool-loop-responses': async () =>
      about(
        await agent([weather], MODEL, { model: new api.OpenAIModel({ api: 'responses', modelId: MODEL }) }).invoke('weather in Paris?'),
      ),
    stream: async () => ({ ...(await drain(agent().stream('weather in Paris?'), eventOf)), ran: ran.splice(0) }),
    'tool-stream': async () => drain(agent([counting]).stream('weather in Paris?'), eventOf),
    'tool-fails': async () => about(await agent([broken]).invoke('weather in Paris?')),
    'consumer-breaks': async () => {
      const one = agent([], 'slow-model')
      const seen = await takeFrom(one.stream('hi'), 8, eventOf)
      return { seen, again: about(await one.invoke('hi again')) }
    },
    'never-started': async () => typeof agent().stream('hi').next,
    'two-turns': async () => {
      const one = agent([])
      return [about(await one.invoke('hi')), about(await one.invoke('and again')), one.messages.length]
    },
    'is-busy': async () => {
      const one = agent([], 'slow-model')
      const first = one.invoke('hi')
      return { second: await outcome(one.invoke('hi')), first: about(await first) }
    },
    structured: async () => {
      const schema = api.z.object({ answer: api.z.string() })
      return outcome(async () => (await agent([], MODEL, { structuredOutputSchema: schema }).invoke('weather in Paris?')).structuredOutput)
    },
    'sub-agent': async () => {
      const inner = new api.Agent({
        name: 'forecaster',
        description: 'knows the weather',
        model: model(MODEL),
        tools: [weather],
        printer: false,
      })
      const outer = new api.Agent({ name: 'concierge', model: model(MODEL), tools: [inner.asTool()], printer: false })
      return about(await outer.invoke('weather in Paris?'))
    },
    graph: async () => {
      const a = new api.Agent({ id: 'researcher', name: 'researcher', model: model(MODEL), printer: false })
      const b = new api.Agent({ id: 'writer', name: 'writer', model: model(MODEL), printer: false })
      const graph = new api.Graph({ nodes: [a, b], edges: [['researcher', 'writer']] })
      const result = await graph.invoke('weather in Paris?')
      return { status: result.status, nodes: result.results.map((r) => [r.nodeId, r.status]) }
    },
    'error-400': async () => agent([], 'fail-400').invoke('hi'),
    'error-401': async () => agent([], 'fail-401').invoke('hi'),
    'error-500': async () =>
      agent([], MODEL, { model: model('fail-500', { clientConfig: { maxRetries: 1 } }), retryStrategy: null }).invoke('hi'),
    'once-500': async () => about(await agent([], 'once-500').invoke('hi')),
    'error-stream': async () => drain(agent([], 'fail-400').stream('hi'), eventOf),
    'cut-stream': async () => agent([], 'cut-stream', { retryStrategy: null }).invoke('hi'),
    'no-usage': async () => about(await agent([], 'no-usage').invoke('hi')),
    cancel: async () => {
      const one = agent([], 'slow-model')
      const events = []
      const stream = one.stream('hi')
      let step = await stream.next()
      while (!step.done) {
        events.push(eventOf(step.value).join(' '))
        if (step.value.type === 'modelStreamUpdateEvent') one.cancel()
        step = await stream.next()
      }
      return { events: [...new Set(events)], stop: step.value.stopReason }
    },
    concurrent: async () => {
      const names = ['gpt-5-a', 'gpt-5-b', 'gpt-5-c']
      return Promise.all(names.map(async (name) => String(await agent([weather], name).invoke('weather in Paris?')))).then((texts) => {
        ran.length = 0
        return texts
      })
    },
  }
}

export const guard = (api) => {
  const weather = api.tool({
    name: 'get_weather',
    description: 'weather of a city',
    inputSchema: api.z.object({ city: api.z.string() }),
    callback: () => '21C',
  })
  const agent = () =>
    new api.Agent({
      name: 'weather-agent',
      model: new api.OpenAIModel({ api: 'chat', modelId: MODEL }),
      tools: [weather],
      printer: false,
    })
  const limits = { turns: 12 }
  return {
    guard: async () => {
      const result = await agent().invoke('LOOPFOREVER', { limits })
      return { text: String(result), stop: result.stopReason }
    },
    'guard-stream': async () => {
      let text = ''
      const { ended } = await drain(agent().stream('LOOPFOREVER', { limits }), (event) => {
        if (event.type === 'modelStreamUpdateEvent') text += event.event.delta?.text ?? ''
      })
      return { text, ended }
    },
  }
}
