/** Scenarios of Mastra; `api` is what the program imported: Mastra, Agent, createTool, createStep, createWorkflow, Observability, OtelBridge, openai, z. */
import { setTimeout as sleep } from 'node:timers/promises'
import { drain, outcome, takeFrom } from '../../shared/program.mjs'

const QUESTION = 'weather in Paris?'
const MODEL = 'gpt-5-mini'

export function scenarios(api) {
  const { z } = api
  const ran = []
  const cities = z.object({ city: z.string() })
  const define = (execute, more = {}) =>
    api.createTool({ id: 'get_weather', description: 'weather of a city', inputSchema: cities, execute, ...more })
  const weather = define(async ({ city }) => {
    ran.push(city)
    return { celsius: 21 }
  })
  const broken = define(async () => {
    throw new Error('the thermometer fell down')
  })
  const strict = define(async () => ({ celsius: 21 }), { inputSchema: z.object({ city: z.string(), country: z.enum(['fr']) }) })
  const standalone = (tools = { get_weather: weather }, model = MODEL, more = {}) =>
    new api.Agent({ id: 'weather', name: 'Weather Agent', instructions: 'be brief', model: api.openai(model), tools, ...more })
  // Without a logger: what Mastra logs are stack traces.
  const quiet = (agents, more = {}) => new api.Mastra({ agents, logger: false, ...more })
  const agent = (...how) => quiet({ weather: standalone(...how) }).getAgent('weather')
  const about = (r) => ({
    text: r.text,
    finish: r.finishReason,
    steps: r.steps?.length,
    usage: r.totalUsage,
    toolResults: r.toolResults?.map((t) => t.payload?.result ?? t.payload),
    ran: ran.splice(0),
  })
  const typeOf = (chunk) => [chunk.type, chunk.payload?.text ?? chunk.payload?.toolName].filter((part) => part !== undefined)
  const none = { maxRetries: 0 }
  const observability = new api.Observability({ configs: { default: { serviceName: 'program', bridge: new api.OtelBridge() } } })
  const bridged = quiet({ weather: standalone(), broken: standalone({ get_weather: broken }) }, { observability })

  return {
    generate: async () => about(await agent({}).generate('hi')),
    'tool-loop': async () => about(await agent().generate(QUESTION)),
    standalone: async () => about(await standalone().generate(QUESTION)),
    stream: async () => {
      const output = await agent().stream(QUESTION)
      return { ...(await drain(output.textStream)), finish: await output.finishReason, usage: await output.usage, ran: ran.splice(0) }
    },
    'full-stream': async () => ({ ...(await drain((await agent().stream(QUESTION)).fullStream, typeOf)), ran: ran.splice(0) }),
    'stream-awaited': async () => ({ text: await (await agent().stream(QUESTION)).text, ran: ran.splice(0) }),
    'never-read': async () => {
      const output = await agent({}).stream('hi')
      await sleep(300)
      return typeof output.textStream
    },
    'consumer-breaks': async () => {
      const output = await agent({}, 'slow-model').stream('hi')
      return takeFrom(output.textStream, 2)
    },
    'tool-fails': async () => about(await agent({ get_weather: broken }).generate(QUESTION)),
    'tool-bad-arguments': async () => (await agent({ get_weather: strict }).generate(QUESTION)).text,
    'own-hooks': async () => {
      const calls = []
      const hooks = {
        beforeToolCall: ({ toolName, input }) => void calls.push(['before', toolName, input]),
        afterToolCall: ({ toolName, output }) => void calls.push(['after', toolName, output]),
      }
      return { ...about(await agent(undefined, MODEL, { hooks }).generate(QUESTION)), calls }
    },
    structured: async () => (await agent({}).generate('hi', { structuredOutput: { schema: z.object({ answer: z.string() }) } })).object,
    'sub-agent': async () => {
      const forecaster = new api.Agent({ id: 'forecaster', name: 'Forecaster', instructions: 'x', model: api.openai(MODEL) })
      const ask = define(async ({ city }) => (await forecaster.generate(`weather in ${city}?`)).text, { id: 'ask_forecaster' })
      const concierge = new api.Agent({
        id: 'concierge',
        name: 'Concierge',
        instructions: 'x',
        model: api.openai(MODEL),
        tools: { ask_forecaster: ask },
      })
      return (await quiet({ concierge, forecaster }).getAgent('concierge').generate(QUESTION)).text
    },
    workflow: async () => {
      const ask = api.createStep({
        id: 'ask',
        inputSchema: z.object({ question: z.string() }),
        outputSchema: z.object({ text: z.string() }),
        execute: async ({ inputData }) => ({ text: (await agent().generate(inputData.question)).text }),
      })
      const workflow = api
        .createWorkflow({ id: 'asking', inputSchema: z.object({ question: z.string() }), outputSchema: z.object({ text: z.string() }) })
        .then(ask)
        .commit()
      const known = quiet({}, { workflows: { asking: workflow } }).getWorkflow('asking')
      const result = await (await known.createRun()).start({ inputData: { question: QUESTION } })
      return { status: result.status, result: result.result, ran: ran.splice(0) }
    },
    tripwire: async () => {
      const stop = { id: 'stop', name: 'stop', processInput: async ({ abort }) => abort('not today') }
      const result = await agent({}, MODEL, { inputProcessors: [stop] }).generate('hi')
      return { text: result.text, tripwire: result.tripwire?.reason }
    },
    'error-400': async () => agent({}, 'fail-400').generate('hi', { modelSettings: none }),
    'error-401': async () => agent({}, 'fail-401').generate('hi', { modelSettings: none }),
    'error-500': async () => agent({}, 'fail-500').generate('hi', { modelSettings: none }),
    'error-stream': async () => {
      const output = await agent({}, 'fail-400').stream('hi', { modelSettings: none })
      const read = await drain(output.textStream)
      return { read, error: output.error?.message, text: await outcome(output.text) }
    },
    'cut-stream': async () => {
      const output = await agent({}, 'cut-stream').stream('hi', { modelSettings: none })
      return drain(output.textStream)
    },
    abort: async () => {
      const result = await agent({}, 'hang').generate('hi', { abortSignal: AbortSignal.timeout(100) })
      return { text: result.text, finish: result.finishReason }
    },
    'abort-stream': async () => {
      const controller = new AbortController()
      const output = await agent({}, 'slow-model').stream('hi', { abortSignal: controller.signal })
      const read = await drain(output.fullStream, (chunk) => {
        if (chunk.type === 'text-delta') controller.abort()
        return chunk.type
      })
      return { ended: read.ended, types: [...new Set(read.chunks)] }
    },
    'no-usage': async () => (await agent({}, 'no-usage').generate('hi')).totalUsage,
    concurrent: async () => {
      const names = ['gpt-5-a', 'gpt-5-b', 'gpt-5-c']
      const results = await Promise.all(names.map(async (name) => (await agent(undefined, name).generate(QUESTION)).text))
      return { results, ran: ran.splice(0) }
    },
    'bridge-generate': async () => about(await bridged.getAgent('weather').generate(QUESTION)),
    'bridge-stream': async () => ({
      ...(await drain((await bridged.getAgent('weather').stream(QUESTION)).textStream)),
      ran: ran.splice(0),
    }),
    'bridge-tool-fails': async () => about(await bridged.getAgent('broken').generate(QUESTION)),
  }
}

export const guard = (api) => {
  const { z } = api
  const weather = api.createTool({
    id: 'get_weather',
    description: 'weather of a city',
    inputSchema: z.object({ city: z.string() }),
    execute: async () => '21C',
  })
  const agent = () =>
    new api.Agent({ id: 'weather', name: 'Weather Agent', instructions: 'x', model: api.openai(MODEL), tools: { get_weather: weather } })
  const observability = new api.Observability({ configs: { default: { serviceName: 'program', bridge: new api.OtelBridge() } } })
  const plain = new api.Mastra({ agents: { weather: agent() }, logger: false })
  const bridged = new api.Mastra({ agents: { weather: agent() }, observability, logger: false })
  const options = { maxSteps: 12 }
  return {
    guard: async () => {
      const result = await plain.getAgent('weather').generate('LOOPFOREVER', options)
      return { text: result.text, steps: result.steps.length }
    },
    'guard-stream': async () => {
      const output = await plain.getAgent('weather').stream('LOOPFOREVER', options)
      const { chunks, ended } = await drain(output.textStream)
      return { text: chunks.join(''), ended, error: output.error?.message }
    },
    'guard-bridge': async () => (await bridged.getAgent('weather').generate('LOOPFOREVER', options)).text,
  }
}
