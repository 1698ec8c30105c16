import { fileURLToPath } from 'node:url'
import { outcome, plain } from '../../shared/program.mjs'

const MODEL = 'gpt-5-mini'
const server = fileURLToPath(new URL('server.mjs', import.meta.url))

/** What an application keeps of its own traces: an exporter of its own, in place of the one that sends to OpenAI. */
function keepTraces({ BatchTraceProcessor, getGlobalTraceProvider, setTraceProcessors }) {
  const kept = []
  setTraceProcessors([new BatchTraceProcessor({ export: async (items) => void kept.push(...items.map((item) => item.toJSON())) })])
  return async () => {
    await getGlobalTraceProvider().forceFlush()
    const items = kept.splice(0)
    const names = new Map(items.map((item) => [item.id, item.span_data?.name ?? item.span_data?.type ?? item.workflow_name]))
    // Ids and times are new in every run; who is below whom is not.
    return items.map(({ span_data: data, error, parent_id: parent, workflow_name: workflow }) =>
      data === undefined ? { workflow } : { ...withoutIds(data), error, below: names.get(parent) ?? 'trace' },
    )
  }
}

const withoutIds = (data) => ({ ...data, response_id: undefined })

function cast({ Agent, tool, z }) {
  const parameters = z.object({ city: z.string() })
  const get_weather = tool({
    name: 'get_weather',
    description: 'weather of a city',
    parameters,
    execute: async ({ city }) => `${city}: 21C`,
  })
  const explode = async () => {
    throw new Error('tool exploded')
  }
  const boom = tool({ name: 'boom', description: 'fails', parameters, execute: explode })
  const fatal = tool({ name: 'fatal', description: 'fails for good', parameters, errorFunction: null, execute: explode })
  const nothing = tool({ name: 'nothing', description: 'answers nothing', parameters, execute: async () => '' })
  const weather = new Agent({ name: 'Weather agent', instructions: 'be brief', tools: [get_weather], model: MODEL })
  return { parameters, get_weather, boom, fatal, nothing, weather }
}

const about = (result) => ({
  text: result.finalOutput,
  last: result.lastAgent?.name,
  items: result.newItems.map((item) => item.type),
  usage: plain(result.state.usage),
  responses: result.rawResponses.length,
})

export function scenarios(sdk) {
  const { Agent, Runner, run, tool, z } = sdk
  const { parameters, get_weather, boom, fatal, nothing, weather } = cast(sdk)
  const traces = keepTraces(sdk)
  const with_ = (name, tools, more = {}) => new Agent({ name, tools, model: MODEL, ...more })
  /** The result of a run, and what the application's own exporter saw of it. */
  const traced = async (work) => ({ ...(await outcome(work)), traces: await traces() })
  const streamed = async (agent, prompt, options) => {
    const stream = await run(agent, prompt, { stream: true, ...options })
    const events = []
    for await (const event of stream) events.push(event.type === 'raw_model_stream_event' ? event.data.type : event.name)
    await stream.completed
    return { events, ...about(stream) }
  }
  return {
    run: async () => traced(async () => about(await run(weather, 'weather in Paris?'))),
    'no-tools': async () => traced(async () => about(await run(with_('Plain agent', []), 'hi'))),
    handoff: async () => {
      const triage = new Agent({ name: 'Triage agent', instructions: 'route', handoffs: [weather], model: MODEL })
      return traced(async () => about(await run(triage, 'weather in Paris?')))
    },
    'agent-as-tool': async () => {
      const boss = with_('Boss agent', [weather.asTool({ toolName: 'ask_weather', toolDescription: 'asks the weather agent' })])
      return traced(async () => about(await run(boss, 'weather in Paris?')))
    },
    stream: async () => traced(async () => streamed(weather, 'weather in Paris?')),
    'stream-text': async () =>
      traced(async () => {
        const stream = await run(weather, 'weather in Rome?', { stream: true })
        let text = ''
        for await (const part of stream.toTextStream()) text += part
        await stream.completed
        return text
      }),
    'stream-left': async () =>
      outcome(async () => {
        const stream = await run(with_('Slow agent', [], { model: 'slow-model' }), 'hi', { stream: true })
        let events = 0
        for await (const _ of stream) if (++events === 3) break
        return { events, cancelled: stream.cancelled }
      }),
    'chat-completions': async () => {
      const modelProvider = new sdk.OpenAIProvider({ useResponses: false })
      const runner = new Runner({ modelProvider, workflowName: 'By chat' })
      return traced(async () => about(await runner.run(weather, 'weather in Paris?')))
    },
    'tool-error': async () => traced(async () => about(await run(with_('Boom agent', [boom]), 'go'))),
    'tool-throws': async () => traced(async () => about(await run(with_('Fatal agent', [fatal]), 'go'))),
    'tool-empty': async () => traced(async () => about(await run(with_('Empty agent', [nothing]), 'go'))),
    'max-turns': async () => traced(async () => about(await run(weather, 'LOOPFOREVER', { maxTurns: 3 }))),
    'error-400': async () => traced(async () => about(await run(with_('Bad agent', [], { model: 'fail-400' }), 'hi'))),
    'error-stream': async () => traced(async () => streamed(with_('Bad agent', [], { model: 'fail-400' }), 'hi')),
    'once-500': async () => traced(async () => about(await run(with_('Lucky agent', [], { model: 'once-500' }), 'hi'))),
    'input-tripwire': async () => {
      const guardrail = { name: 'no weather', execute: async () => ({ tripwireTriggered: true, outputInfo: 'weather' }) }
      const strict = with_('Strict agent', [], { inputGuardrails: [{ ...guardrail, runInParallel: false }] })
      return traced(async () => about(await run(strict, 'weather?')))
    },
    'output-tripwire': async () => {
      const guardrail = { name: 'no sun', execute: async () => ({ tripwireTriggered: true, outputInfo: 'sunny' }) }
      return traced(async () => about(await run(with_('Dark agent', [], { outputGuardrails: [guardrail] }), 'weather?')))
    },
    structured: async () => {
      const typed = with_('Typed agent', [], { outputType: z.object({ answer: z.string() }) })
      return traced(async () => about(await run(typed, 'weather?')))
    },
    approval: async () => {
      const pay = tool({ name: 'pay', description: 'pays', parameters, needsApproval: true, execute: async () => 'paid' })
      const payer = with_('Payer agent', [pay])
      return traced(async () => {
        const first = await run(payer, 'pay')
        const asked = first.interruptions.map((item) => item.rawItem.name)
        for (const item of first.interruptions) first.state.approve(item)
        return { asked, ...about(await run(payer, first.state)) }
      })
    },
    session: async () => {
      const session = new sdk.MemorySession()
      const texts = []
      for (const prompt of ['hi', 'and now?']) texts.push((await run(with_('Old friend', []), prompt, { session })).finalOutput)
      return { texts, items: (await session.getItems()).length }
    },
    'own-trace': async () =>
      traced(async () =>
        sdk.withTrace('Two steps', async () => {
          const first = await run(with_('First agent', []), 'hi')
          const second = await run(weather, `weather: ${first.finalOutput}`)
          return [first.finalOutput, second.finalOutput]
        }),
      ),
    mcp: async () => {
      const weatherServer = new sdk.MCPServerStdio({ name: 'weather', command: process.execPath, args: [server] })
      await weatherServer.connect()
      try {
        return await traced(async () => about(await run(with_('Connected agent', [], { mcpServers: [weatherServer] }), 'weather?')))
      } finally {
        await weatherServer.close()
      }
    },
    concurrent: async () => {
      const texts = ['one', 'two', 'three'].map(async (name) => {
        const agent = with_(`Agent ${name}`, [get_weather], { model: `gpt-5-${name}` })
        return (await run(agent, `weather for ${name}?`)).finalOutput
      })
      // In which order they end is anybody's guess.
      return { texts: await Promise.all(texts), traced: (await traces()).length }
    },
    'tracing-disabled': async () => {
      const runner = new Runner({ tracingDisabled: true })
      return traced(async () => about(await runner.run(weather, 'weather in Paris?')))
    },
    'tracing-disabled-stream': async () => {
      const runner = new Runner({ tracingDisabled: true })
      return traced(async () => {
        const stream = await runner.run(weather, 'weather in Paris?', { stream: true })
        let events = 0
        for await (const _ of stream) events++
        return { events, ...about(stream) }
      })
    },
    'tracing-disabled-error': async () => {
      const runner = new Runner({ tracingDisabled: true })
      return traced(async () => about(await runner.run(with_('Boom agent', [boom]), 'LOOPFOREVER', { maxTurns: 2 })))
    },
    'tracing-disabled-everywhere': async () => {
      sdk.setTracingDisabled(true)
      try {
        const current = () => plain([sdk.getCurrentTrace()?.traceId, sdk.getCurrentSpan()?.spanId])
        const told = []
        const tell = tool({ name: 'tell', description: 'tells', parameters, execute: async () => (told.push(current()), 'told') })
        return await traced(async () => ({ ...about(await run(with_('Quiet agent', [tell]), 'go')), told }))
      } finally {
        sdk.setTracingDisabled(false)
      }
    },
    aborted: async () =>
      traced(async () => {
        const signal = AbortSignal.timeout(60)
        return about(await run(with_('Hanging agent', [], { model: 'hang' }), 'hi', { signal }))
      }),
  }
}

export function guard(sdk) {
  const { weather } = cast(sdk)
  const prompt = 'LOOPFOREVER'
  // Nothing of it is to go to OpenAI.
  const kept = async (work) => {
    keepTraces(sdk)
    return work()
  }
  const stream = async (runner) => {
    const result = await runner.run(weather, prompt, { maxTurns: 12, stream: true })
    let events = 0
    for await (const _ of result) events++
    await result.completed
    return { text: result.finalOutput, turns: result.rawResponses.length, events }
  }
  return {
    guard: async () => kept(async () => about(await sdk.run(weather, prompt, { maxTurns: 12 }))),
    'guard-stream': async () => kept(async () => stream(new sdk.Runner())),
    'guard-tracing-disabled': async () =>
      kept(async () => about(await new sdk.Runner({ tracingDisabled: true }).run(weather, prompt, { maxTurns: 12 }))),
  }
}
