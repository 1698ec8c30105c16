/**
 * Scenarios of the Vercel AI SDK, majors 5 to 7: `api` is what the program imported: ai (all of it), createOpenAI, createAnthropic, z.
 * Every way the SDK hands out text, objects and tool results is here once, with the callbacks an application could set.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { drain, outcome, plain } from './program.mjs'

const MODEL = 'gpt-5-mini'
const HOT = 'weather in Paris?'

/** Providers and tools of one major; `ran` counts executions of tools. */
function world({ ai, createOpenAI, createAnthropic, z }, major) {
  // Version 5 refers to earlier answers by their id, which the provider here does not resolve: it would ask for the same tool again.
  const made = createOpenAI()
  const openai = major === 5 ? Object.assign((id) => made.chat(id), made) : made
  const anthropic = createAnthropic({ baseURL: `${process.env.ANTHROPIC_BASE_URL}/v1` })
  const base = { 5: 'v1', 6: 'v3', 7: 'v4' }[major]
  const gateway = ai.createGateway({ apiKey: 'local', baseURL: `${process.env.PROVIDER_URL}/${base}/ai` })
  const seen = { ran: 0 }
  const inputSchema = z.object({ city: z.string() })
  const get_weather = ai.tool({
    description: 'weather of a city',
    inputSchema,
    execute: async ({ city }, { toolCallId, messages }) => {
      seen.ran++
      await sleep(5)
      return { city, temperature: 21, toldOf: messages.length, hasId: typeof toolCallId === 'string' }
    },
  })
  return { openai, anthropic, gateway, seen, inputSchema, tools: { get_weather } }
}

const partOf = ({ type, text, delta, toolName, input, output, finishReason, error, preliminary }) => ({
  type,
  text: text ?? delta,
  toolName,
  input,
  output,
  finishReason,
  error: error === undefined ? undefined : plain(error),
  preliminary,
})
const stepOf = ({ text, finishReason, toolCalls, toolResults, usage }) => ({
  text,
  finishReason,
  toolCalls: toolCalls.map(({ toolName, input }) => ({ toolName, input })),
  toolResults: toolResults.map(({ toolName, output }) => ({ toolName, output })),
  usage,
})
const resultOf = (r) => ({
  text: r.text,
  finishReason: r.finishReason,
  usage: plain(r.usage),
  steps: r.steps.map(stepOf).map((s) => plain(s)),
  content: r.steps.flatMap((s) => s.content.map((part) => part.type)),
})

export function scenarios(api, major) {
  const { ai, z } = api
  const { openai, anthropic, gateway, seen, inputSchema, tools } = world(api, major)
  const { generateText, streamText, generateObject, streamObject, embed, embedMany, stepCountIs, tool } = ai
  const stopWhen = stepCountIs(5)
  const telemetryKey = major === 7 ? 'telemetry' : 'experimental_telemetry'
  const Agent = major === 5 ? ai.Experimental_Agent : ai.ToolLoopAgent
  const agentOf = (id, more = {}) =>
    new Agent({
      ...(major === 5 ? { system: 'be brief', [telemetryKey]: { functionId: id } } : { id, instructions: 'be brief' }),
      model: openai(MODEL),
      tools,
      stopWhen,
      ...more,
    })
  const schema = z.object({ answer: z.string() })
  const quiet = { onError: () => undefined }

  const all = {
    generate: async () => resultOf(await generateText({ model: openai(MODEL), system: 'be brief', prompt: 'hi', maxOutputTokens: 50 })),
    'generate-chat': async () => resultOf(await generateText({ model: openai.chat(MODEL), prompt: 'hi' })),
    'generate-anthropic': async () => resultOf(await generateText({ model: anthropic('claude-sonnet-5'), prompt: 'hi' })),
    'tool-loop': async () => {
      seen.ran = 0
      const result = await generateText({ model: openai(MODEL), prompt: HOT, tools, stopWhen })
      return { ...resultOf(result), ran: seen.ran }
    },
    'tool-loop-chat': async () => resultOf(await generateText({ model: openai.chat(MODEL), prompt: HOT, tools, stopWhen })),
    'tool-loop-responses': async () => resultOf(await generateText({ model: openai.responses(MODEL), prompt: HOT, tools, stopWhen })),
    'tool-loop-anthropic': async () => resultOf(await generateText({ model: anthropic('claude-sonnet-5'), prompt: HOT, tools, stopWhen })),
    'tool-loop-gateway': async () => resultOf(await generateText({ model: gateway('openai/gpt-5-mini'), prompt: HOT, tools, stopWhen })),
    'two-tools': async () => {
      const both = {
        ...tools,
        get_time: tool({ description: 'time in a city', inputSchema, execute: async ({ city }) => (await sleep(20), `noon in ${city}`) }),
      }
      return resultOf(await generateText({ model: openai(MODEL), prompt: `${HOT} ALLTOOLS`, tools: both, stopWhen }))
    },
    'failing-tool': async () => {
      const failing = {
        explode: tool({
          description: 'explodes',
          inputSchema,
          execute: async () => {
            throw new TypeError('the tool exploded')
          },
        }),
      }
      const result = await generateText({ model: openai(MODEL), prompt: 'go', tools: failing, stopWhen })
      return {
        ...resultOf(result),
        errors: result.steps.flatMap((s) => s.content.flatMap((p) => (p.error === undefined ? [] : [plain(p.error)]))),
      }
    },
    'tool-of-a-class': async () => {
      class Counter {
        #count = 0
        description = 'counts'
        inputSchema = inputSchema
        execute() {
          return ++this.#count
        }
      }
      const counter = new Counter()
      const run = () => generateText({ model: openai(MODEL), prompt: 'count', tools: { counter }, stopWhen })
      return [resultOf(await run()), resultOf(await run())]
    },
    'tool-without-execute': async () => {
      const asked = { ask_user: tool({ description: 'asks the user', inputSchema }) }
      return resultOf(await generateText({ model: openai(MODEL), prompt: 'ask', tools: asked, stopWhen }))
    },
    'preliminary-results': async () => {
      const slow = {
        get_weather: tool({
          description: 'weather of a city, bit by bit',
          inputSchema,
          async *execute({ city }) {
            yield { status: 'looking' }
            await sleep(5)
            yield { status: 'found', city }
          },
        }),
      }
      const { fullStream } = streamText({ model: openai(MODEL), prompt: HOT, tools: slow, stopWhen })
      return drain(fullStream, partOf)
    },
    agent: async () => resultOf(await agentOf('weather-agent').generate({ prompt: HOT })),
    'agent-stream': async () => drain((await agentOf('weather-agent').stream({ prompt: HOT })).fullStream, partOf),
    'sub-agent': async () => {
      const inner = agentOf('weather-agent')
      const ask_expert = tool({
        description: 'asks the weather expert',
        inputSchema,
        execute: async ({ city }) => (await inner.generate({ prompt: `weather in ${city}?` })).text,
      })
      return resultOf(await agentOf('travel-agent', { tools: { ask_expert } }).generate({ prompt: HOT }))
    },
    named: async () =>
      resultOf(
        await generateText({ model: openai(MODEL), prompt: HOT, tools, stopWhen, [telemetryKey]: { functionId: 'named-function' } }),
      ),
    'telemetry-off': async () =>
      resultOf(await generateText({ model: openai(MODEL), prompt: HOT, tools, stopWhen, [telemetryKey]: { isEnabled: false } })),
    stream: async () => drain(streamText({ model: openai(MODEL), prompt: 'hi' }).fullStream, partOf),
    'stream-chat': async () => drain(streamText({ model: openai.chat(MODEL), prompt: 'hi' }).textStream),
    'stream-anthropic': async () => drain(streamText({ model: anthropic('claude-sonnet-5'), prompt: 'hi' }).textStream),
    'stream-gateway': async () => drain(streamText({ model: gateway('openai/gpt-5-mini'), prompt: 'hi' }).fullStream, partOf),
    'error-gateway': async () => generateText({ model: gateway('openai/fail-400'), prompt: 'hi' }),
    'embed-gateway': async () => {
      const { embedding, usage } = await embed({ model: gateway.textEmbeddingModel('openai/text-embedding-3-small'), value: 'hi' })
      return { embedding, usage }
    },
    'stream-tool-loop': async () => {
      const events = []
      const result = streamText({
        model: openai(MODEL),
        prompt: HOT,
        tools,
        stopWhen,
        onChunk: ({ chunk }) => events.push(chunk.type),
        onStepFinish: ({ finishReason }) => events.push(`step ${finishReason}`),
        onFinish: ({ text, steps }) => events.push(`finish ${text} after ${steps.length}`),
      })
      const chunks = await drain(result.fullStream, partOf)
      return { chunks, events, usage: plain(await result.totalUsage), steps: (await result.steps).length }
    },
    'stream-response': async () => {
      const response = streamText({ model: openai(MODEL), prompt: 'hi' }).toTextStreamResponse()
      return { status: response.status, type: response.headers.get('content-type'), body: await response.text() }
    },
    'stream-promises': async () => {
      // Nobody reads the stream itself.
      const result = streamText({ model: openai(MODEL), prompt: 'hi' })
      return { text: await result.text, finishReason: await result.finishReason, usage: plain(await result.usage) }
    },
    'consumer-breaks': async () => {
      const events = []
      const result = streamText({
        model: openai('flood'),
        prompt: 'hi',
        onAbort: () => events.push('abort'),
        onFinish: () => events.push('finish'),
        onError: () => events.push('error'),
      })
      const chunks = []
      for await (const text of result.textStream) {
        chunks.push(text.length)
        if (chunks.length === 2) break
      }
      await sleep(400)
      return { chunks, events }
    },
    'stream-abort': async () => {
      const controller = new AbortController()
      const events = []
      const result = streamText({
        model: openai('slow-model'),
        prompt: 'hi',
        abortSignal: controller.signal,
        onAbort: ({ steps }) => events.push(`abort after ${steps.length} steps`),
        onFinish: () => events.push('finish'),
        onError: () => events.push('error'),
      })
      const { chunks, ended } = await drain(result.fullStream, (part) => {
        if (part.type === 'text-delta') controller.abort()
        return part.type
      })
      // How many deltas still arrive is a matter of timing.
      return { parts: [...new Set(chunks)], ended, events }
    },
    'stream-error': async () => {
      const errors = []
      const onError = ({ error }) => errors.push(plain(error))
      const chunks = await drain(streamText({ model: openai('fail-400'), prompt: 'hi', onError }).fullStream, partOf)
      return { chunks, errors }
    },
    'stream-error-logged': async () => drain(streamText({ model: openai('fail-401'), prompt: 'hi', ...quiet }).textStream),
    'cut-stream': async () => drain(streamText({ model: openai('cut-stream'), prompt: 'hi', maxRetries: 0, ...quiet }).textStream),
    'generate-object': async () => {
      const { object, finishReason, usage } = await generateObject({ model: openai(MODEL), schema, prompt: 'hi' })
      return { object, finishReason, usage: plain(usage) }
    },
    'generate-object-named': async () =>
      (await generateObject({ model: openai(MODEL), schema, prompt: 'hi', [telemetryKey]: { functionId: 'named-function' } })).object,
    'generate-object-invalid': async () => generateObject({ model: openai(MODEL), schema: z.object({ other: z.number() }), prompt: 'hi' }),
    'stream-object': async () => {
      const result = streamObject({ model: openai(MODEL), schema, prompt: 'hi' })
      const partial = await drain(result.partialObjectStream)
      return { partial, object: await result.object }
    },
    'error-400': async () => generateText({ model: openai('fail-400'), prompt: 'hi' }),
    'error-500': async () => generateText({ model: openai('fail-500'), prompt: 'hi', maxRetries: 1 }),
    'once-500': async () => resultOf(await generateText({ model: openai('once-500'), prompt: 'hi', maxRetries: 1 })),
    'error-object': async () => generateObject({ model: openai('fail-400'), schema, prompt: 'hi' }),
    'abort-already': async () => generateText({ model: openai(MODEL), prompt: 'hi', abortSignal: AbortSignal.abort() }),
    'abort-before-first-byte': async () => {
      const controller = new AbortController()
      setTimeout(() => controller.abort(), 50)
      return generateText({ model: openai('hang'), prompt: 'hi', abortSignal: controller.signal })
    },
    embed: async () => {
      const { embedding, usage } = await embed({ model: openai.embedding('text-embedding-3-small'), value: 'hi' })
      return { embedding, usage }
    },
    'embed-many': async () => {
      const { embeddings, usage } = await embedMany({ model: openai.embedding('text-embedding-3-small'), values: ['hi', 'there'] })
      return { embeddings, usage }
    },
    concurrent: async () => {
      const models = ['gpt-5-a', 'gpt-5-b', 'gpt-5-c']
      const runs = models.map((model) =>
        generateText({
          model: openai(model),
          prompt: HOT,
          tools,
          stopWhen,
          [telemetryKey]: { functionId: 'concurrent-function' },
        }),
      )
      return (await Promise.all(runs)).map(({ text, steps }) => ({ text, steps: steps.length }))
    },
    middleware: async () => {
      const seenBy = []
      const middleware = {
        ...(major === 5 ? { middlewareVersion: 'v2' } : { specificationVersion: major === 6 ? 'v3' : 'v4' }),
        wrapGenerate: async ({ doGenerate, model }) => {
          seenBy.push(model.modelId)
          return doGenerate()
        },
      }
      const model = ai.wrapLanguageModel({ model: openai(MODEL), middleware })
      return { ...resultOf(await generateText({ model, prompt: HOT, tools, stopWhen })), seenBy }
    },
    'prepare-step': async () => {
      const models = []
      const prepareStep = ({ stepNumber, model }) => {
        models.push(typeof model === 'string' ? model : model.modelId)
        return stepNumber === 0 ? {} : { model: openai('gpt-5-nano') }
      }
      return { ...resultOf(await generateText({ model: openai(MODEL), prompt: HOT, tools, stopWhen, prepareStep })), models }
    },
    'own-fetch': async () => {
      const urls = []
      const own = api.createOpenAI({
        fetch: async (url, init) => {
          urls.push(`${init.method} ${new URL(url).pathname}`)
          return fetch(url, init)
        },
      })
      return { ...resultOf(await generateText({ model: own(MODEL), prompt: 'hi' })), urls }
    },
  }
  const own = (telemetry) =>
    generateText({ model: openai(MODEL), prompt: HOT, tools, stopWhen, [telemetryKey]: { functionId: 'own-function', ...telemetry } })
  if (major <= 6) all['own-telemetry'] = async () => resultOf(await own({ isEnabled: true, metadata: { tenant: 'a' } }))
  else {
    all['own-integration'] = async () => {
      const events = []
      const integration = {
        onStart: ({ functionId }) => events.push(`start ${functionId}`),
        onToolExecutionEnd: ({ toolOutput }) => events.push(toolOutput.type),
        onEnd: ({ text }) => events.push(`end ${text}`),
      }
      return { ...resultOf(await own({ integrations: integration })), events }
    }
    all['own-opentelemetry'] = async () => resultOf(await own({ integrations: [new api.OpenTelemetry()] }))
  }
  if (major >= 6)
    all.output = async () => {
      const { output, text } = await generateText({ model: openai(MODEL), prompt: 'hi', output: ai.Output.object({ schema }) })
      return { output, text }
    }
  return all
}

/** An endless tool loop, whole, streamed, and by an agent. */
export const guard = (api, major) => {
  const { ai } = api
  const { openai, gateway, tools, seen } = world(api, major)
  const options = { model: openai(MODEL), prompt: 'LOOPFOREVER', tools, stopWhen: ai.stepCountIs(12) }
  return {
    guard: async () => {
      seen.ran = 0
      const { text, steps } = await ai.generateText(options)
      return { text, steps: steps.length, ran: seen.ran }
    },
    'guard-stream': async () => {
      const { ended } = await outcomeOf(ai.streamText({ ...options, onError: () => undefined }))
      return ended
    },
    'guard-gateway': async () => {
      const { text, steps } = await ai.generateText({ ...options, model: gateway('openai/gpt-5-mini') })
      return { text, steps: steps.length }
    },
    'guard-stream-gateway': async () => {
      const { ended } = await outcomeOf(ai.streamText({ ...options, model: gateway('openai/gpt-5-mini'), onError: () => undefined }))
      return ended
    },
    'guard-agent': async () => {
      const Agent = major === 5 ? ai.Experimental_Agent : ai.ToolLoopAgent
      const { prompt, ...settings } = options
      const { text, steps } = await new Agent({ ...settings, ...(major === 5 ? {} : { id: 'weather-agent' }) }).generate({ prompt })
      return { text, steps: steps.length }
    },
  }
}

/** How a stream of an endless loop ended: by an error in it, or with a text. */
async function outcomeOf(result) {
  const parts = await drain(result.fullStream, ({ type, error }) => (type === 'error' ? { type, error: plain(error) } : { type }))
  const error = parts.chunks.find(({ type }) => type === 'error')
  return { ended: error ?? (await outcome(async () => result.text)) }
}
