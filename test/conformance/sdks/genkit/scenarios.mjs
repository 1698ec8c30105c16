/** Scenarios of Genkit with its plugin for OpenAI; `api` is what the program imported: genkit, betaGenkit, z, openAI. */
import { drain, outcome, takeFrom } from '../../shared/program.mjs'

const QUESTION = 'weather in Paris?'

export function scenarios(api) {
  const { z } = api
  const ai = api.genkit({ plugins: [api.openAI()], model: api.openAI.model('gpt-4o-mini') })
  const ran = []
  const weather = ai.defineTool(
    { name: 'get_weather', description: 'weather of a city', inputSchema: z.object({ city: z.string() }), outputSchema: z.string() },
    async ({ city }) => {
      ran.push(city)
      return `21C in ${city}`
    },
  )
  const broken = ai.defineTool(
    { name: 'broken_weather', description: 'weather of a city', inputSchema: z.object({ city: z.string() }), outputSchema: z.string() },
    async () => {
      throw new Error('the thermometer fell down')
    },
  )
  const beta = api.betaGenkit({ plugins: [api.openAI()], model: api.openAI.model('gpt-4o-mini') })
  const asking = beta.defineTool(
    { name: 'ask_for_city', description: 'asks which city is meant', inputSchema: z.object({ city: z.string() }) },
    async ({ city }, { interrupt }) => interrupt({ meant: city }),
  )
  const weatherFlow = ai.defineFlow({ name: 'weatherFlow', inputSchema: z.string(), outputSchema: z.string() }, async (prompt) => {
    const { text } = await ai.generate({ prompt, system: 'be brief', tools: [weather] })
    return text
  })
  const streamingFlow = ai.defineFlow(
    { name: 'streamingFlow', inputSchema: z.string(), outputSchema: z.string(), streamSchema: z.string() },
    async (prompt, { sendChunk }) => {
      const { stream, response } = ai.generateStream({ prompt, tools: [weather] })
      for await (const chunk of stream) sendChunk(chunk.text)
      return (await response).text
    },
  )
  const travelFlow = ai.defineFlow({ name: 'travelFlow', inputSchema: z.string(), outputSchema: z.string() }, async (prompt) => {
    const first = await weatherFlow(prompt)
    return (await ai.generate({ prompt: `and now? ${first}` })).text
  })
  const codeFlow = ai.defineFlow({ name: 'codeFlow', outputSchema: z.string() }, async () => weather({ city: 'Rome' }))
  const prompt = ai.definePrompt({ name: 'ask', input: { schema: z.object({ city: z.string() }) } }, 'weather in {{city}}?')
  const say = (name, more = {}) => ai.generate({ prompt: 'hi', model: api.openAI.model(name), ...more })
  const about = (r) => ({ text: r.text, finish: r.finishReason, usage: r.usage, messages: r.messages.length, ran: ran.splice(0) })

  return {
    generate: async () => about(await ai.generate('hi')),
    flow: async () => ({ text: await weatherFlow(QUESTION), ran: ran.splice(0) }),
    'generate-tool-loop': async () => about(await ai.generate({ prompt: QUESTION, tools: [weather] })),
    'generate-inline-tool': async () => {
      const inline = ai.dynamicTool(
        { name: 'get_weather', description: 'weather of a city', inputSchema: z.object({ city: z.string() }) },
        async () => '21C',
      )
      return about(await ai.generate({ prompt: QUESTION, tools: [inline] }))
    },
    'generate-stream': async () => {
      const { stream, response } = ai.generateStream({ prompt: QUESTION, tools: [weather] })
      return { ...(await drain(stream, (chunk) => ({ role: chunk.role, text: chunk.text }))), ...about(await response) }
    },
    'flow-stream': async () => {
      const { stream, output } = streamingFlow.stream(QUESTION)
      return { ...(await drain(stream)), output: await output, ran: ran.splice(0) }
    },
    'consumer-breaks': async () => {
      const { stream, response } = ai.generateStream({ prompt: 'hi', model: api.openAI.model('slow-model') })
      return { seen: await takeFrom(stream, 2, (chunk) => chunk.text), text: (await response).text }
    },
    'nested-flow': async () => ({ text: await travelFlow(QUESTION), ran: ran.splice(0) }),
    'tool-from-code': async () => ({ output: await codeFlow(), ran: ran.splice(0) }),
    prompt: async () => about(await prompt({ city: 'Paris' })),
    structured: async () => (await ai.generate({ prompt: QUESTION, output: { schema: z.object({ answer: z.string() }) } })).output,
    'tool-fails': async () => ai.generate({ prompt: QUESTION, tools: [broken] }),
    'tool-interrupts': async () => {
      const response = await beta.generate({ prompt: QUESTION, tools: [asking] })
      return { finish: response.finishReason, asked: response.message?.content.map((part) => part.toolRequest?.name) }
    },
    'max-turns': async () => {
      const ended = await outcome(ai.generate({ prompt: 'LOOPFOREVER', tools: [weather], maxTurns: 2 }))
      return { ended, ran: ran.splice(0) }
    },
    embed: async () => (await ai.embed({ embedder: api.openAI.embedder('text-embedding-3-small'), content: 'hi' })).length,
    'error-400': async () => say('fail-400'),
    'error-401': async () => say('fail-401'),
    'error-429': async () => say('fail-429'),
    'error-500': async () => say('fail-500'),
    'flow-error': async () => ai.defineFlow({ name: 'failingFlow' }, async () => (await say('fail-400')).text)(),
    'once-500': async () => about(await say('once-500')),
    'error-stream': async () => {
      const { stream, response } = ai.generateStream({ prompt: 'hi', model: api.openAI.model('fail-400') })
      const failed = outcome(response)
      return { stream: await drain(stream, (chunk) => chunk.text), response: await failed }
    },
    abort: async () => {
      const controller = new AbortController()
      setTimeout(() => controller.abort(), 50)
      return say('hang', { abortSignal: controller.signal })
    },
    'no-usage': async () => (await say('no-usage')).usage,
    concurrent: async () => {
      const names = ['gpt-4o-a', 'gpt-4o-b', 'gpt-4o-c']
      return Promise.all(
        names.map(async (name) => (await ai.generate({ prompt: QUESTION, tools: [weather], model: api.openAI.model(name) })).text),
      )
    },
  }
}

export const guard = (api) => {
  const { z } = api
  const ai = api.genkit({ plugins: [api.openAI()], model: api.openAI.model('gpt-4o-mini') })
  const weather = ai.defineTool(
    { name: 'get_weather', description: 'weather of a city', inputSchema: z.object({ city: z.string() }), outputSchema: z.string() },
    async () => '21C',
  )
  const weatherFlow = ai.defineFlow({ name: 'weatherFlow', inputSchema: z.string() }, async (prompt) => {
    const { text } = await ai.generate({ prompt, tools: [weather], maxTurns: 12 })
    return text
  })
  return {
    guard: async () => weatherFlow('LOOPFOREVER'),
    'guard-stream': async () => {
      const { stream, response } = ai.generateStream({ prompt: 'LOOPFOREVER', tools: [weather], maxTurns: 12 })
      const ended = outcome(response)
      await drain(stream)
      return ended
    },
  }
}
