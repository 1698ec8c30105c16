/** Chains, retrievers, and models on their own; among them a model that calls no HTTP at all. */
import { drain, plain, takeFrom } from '../../shared/program.mjs'
import { all, message } from './describe.mjs'

const MODEL = 'gpt-5-mini'

export function chains(api) {
  const { ChatPromptTemplate, StringOutputParser, RunnableLambda, RunnablePassthrough, ChatOpenAI, OpenAI, tool, z } = api
  const model = (name = MODEL, more = {}) => new ChatOpenAI({ model: name, ...more })
  const prompt = ChatPromptTemplate.fromMessages([
    ['system', 'be brief'],
    ['user', '{question}'],
  ])
  const question = { question: 'hi' }
  const chain = (name) => prompt.pipe(model(name)).pipe(new StringOutputParser())
  const weather = tool(async ({ city }) => `${city}: 21C`, {
    name: 'get_weather',
    description: 'weather of a city',
    schema: z.object({ city: z.string() }),
  })
  const retriever = retrieverOf(api)
  const own = ownModelOf(api)
  return {
    sequence: async () => chain().invoke(question),
    'sequence-named': async () => chain().invoke(question, { runName: 'summarizer' }),
    'sequence-stream': async () => all(chain().stream(question), (text) => text),
    'sequence-breaks': async () => takeFrom(await chain('slow-model').stream(question), 2, (text) => text),
    'sequence-events': async () => all(chain().streamEvents(question, { version: 'v2' }), (e) => [e.event, e.name]),
    'sequence-log': async () => (await all(chain().streamLog(question), (p) => p.ops.length)).length > 0,
    'sequence-batch': async () => chain().batch([question, { question: 'there' }], { maxConcurrency: 1 }),
    'sequence-error': async () => chain('fail-400').invoke(question),
    'with-structured-output': async () =>
      model()
        .withStructuredOutput(z.object({ answer: z.string() }), { method: 'jsonSchema' })
        .invoke('hi'),
    'with-retry': async () => {
      let tries = 0
      const flaky = RunnableLambda.from(async (input) => {
        if (++tries === 1) throw new Error('not yet')
        return chain().invoke(input)
      }).withRetry({ stopAfterAttempt: 2 })
      return { text: await flaky.invoke(question), tries }
    },
    'with-fallbacks': async () => {
      const safe = model('fail-400').withFallbacks({ fallbacks: [model()] })
      return message(await prompt.pipe(safe).invoke(question))
    },
    lambda: async () => RunnableLambda.from(async (q) => (await model().invoke(q)).content).invoke('hi'),
    rag: async () => {
      const context = RunnableLambda.from((x) => x.question).pipe(retriever)
      const answer = RunnablePassthrough.assign({ context }).pipe(prompt).pipe(model()).pipe(new StringOutputParser())
      return answer.invoke(question, { runName: 'rag' })
    },
    'rag-empty': async () => {
      const nothing = retrieverOf(api, 0)
      const answer = RunnablePassthrough.assign({ context: RunnableLambda.from((x) => x.question).pipe(nothing) })
      return plain(await answer.pipe(prompt).pipe(model()).pipe(new StringOutputParser()).invoke(question, { runName: 'rag' }))
    },
    'prompt-only': async () => (await prompt.invoke(question)).messages.length,
    'retriever-only': async () => (await retriever.invoke('hi')).map((d) => d.pageContent),
    'tool-only': async () => weather.invoke({ city: 'Paris' }),
    'tool-like': async () => {
      const asTool = RunnableLambda.from(async ({ city }) => `${city}: 21C`).asTool({
        name: 'get_weather',
        description: 'weather of a city',
        schema: z.object({ city: z.string() }),
      })
      const agent = api.createAgent({ model: model(), tools: [asTool], name: 'weather-agent' })
      return (await agent.invoke({ messages: [{ role: 'user', content: 'weather?' }] })).messages.map(message)
    },
    model: async () => message(await model().invoke('hi')),
    'model-stream': async () => all(model().stream('hi'), message),
    'model-breaks': async () => takeFrom(await model('slow-model').stream('hi'), 2, message),
    'model-stream-no-usage': async () => all(model(MODEL, { streamUsage: false }).stream('hi'), message),
    'model-batch': async () => (await model().batch(['hi', 'there'])).map(message),
    'model-generate': async () => {
      const { generations } = await model().generate([[{ role: 'user', content: 'hi' }], [{ role: 'user', content: 'there' }]])
      return generations.map(([g]) => message(g.message))
    },
    'model-cache': async () => {
      const cached = model(MODEL, { cache: true })
      return [await cached.invoke('only once'), await cached.invoke('only once')].map((m) => m.content)
    },
    'model-responses': async () => message(await model(MODEL, { useResponsesApi: true }).invoke('hi')),
    'model-events': async () => drain(model().streamEvents('hi', { version: 'v3' }), (e) => e.event),
    'model-tool-loop': async () => {
      const messages = [{ role: 'user', content: 'weather in Paris?' }]
      const bound = model().bindTools([weather])
      for (let round = 0; round < 5; round++) {
        const answer = await bound.invoke(messages)
        messages.push(answer)
        if (!answer.tool_calls?.length) return { round, last: message(answer) }
        for (const call of answer.tool_calls) messages.push(await weather.invoke(call))
      }
      return 'gave up'
    },
    'model-error': async () => model('fail-400').invoke('hi'),
    'model-abort': async () => {
      const controller = new AbortController()
      setTimeout(() => controller.abort(), 60)
      return model('hang').invoke('hi', { signal: controller.signal })
    },
    'model-timeout': async () => model('hang').invoke('hi', { timeout: 60 }),
    'text-model': async () => new OpenAI({ model: 'gpt-3.5-turbo-instruct' }).invoke('hi'),
    'own-model': async () => message(await own().invoke('hi')),
    'own-model-in-chain': async () => prompt.pipe(own()).pipe(new StringOutputParser()).invoke(question, { runName: 'own' }),
    'own-model-stream': async () => all(own().stream('hi'), message),
    'own-model-breaks': async () => takeFrom(await own().stream('hi'), 1, message),
    'own-model-error': async () => own(new Error('out of memory')).invoke('hi'),
  }
}

/** A retriever as applications write them: embeds the question, looks it up. */
function retrieverOf({ BaseRetriever, OpenAIEmbeddings }, found = 2) {
  class Notes extends BaseRetriever {
    lc_namespace = ['app', 'notes']
    embeddings = new OpenAIEmbeddings({ model: 'text-embedding-3-small' })

    async _getRelevantDocuments(query) {
      const vector = await this.embeddings.embedQuery(query)
      return Array.from({ length: found }, (_, i) => ({ pageContent: `note ${i} of ${vector.length}`, metadata: {} }))
    }
  }
  return new Notes()
}

/** A model in the process itself: no HTTP, usage of its own. */
function ownModelOf({ SimpleChatModel, AIMessageChunk, ChatGenerationChunk }) {
  class OwnModel extends SimpleChatModel {
    failure

    _llmType() {
      return 'own'
    }

    getLsParams(options) {
      return { ...super.getLsParams(options), ls_provider: 'own', ls_model_name: 'own-small' }
    }

    async _call() {
      if (this.failure !== undefined) throw this.failure
      return 'from here'
    }

    async *_streamResponseChunks() {
      for (const [i, content] of ['from', ' here', ' and', ' now'].entries()) {
        const usage_metadata = i === 3 ? { input_tokens: 7, output_tokens: 3, total_tokens: 10 } : undefined
        yield new ChatGenerationChunk({ text: content, message: new AIMessageChunk({ content, usage_metadata }) })
      }
    }
  }
  return (failure) => Object.assign(new OwnModel({}), { failure })
}
