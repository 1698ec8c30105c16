/** Graphs that an application builds itself: nodes, subgraphs, interrupts, retries, the functional API. */
import { all, message, messages } from './describe.mjs'

const MODEL = 'gpt-5-mini'
const ask = (content = 'weather in Paris?') => ({ messages: [{ role: 'user', content }] })

export function graphs(api) {
  const { StateGraph, MessagesAnnotation, START, END, ToolNode, MemorySaver, Command, interrupt, entrypoint, task } = api
  const { ChatOpenAI, tool, z } = api
  const weather = tool(async ({ city }) => `${city}: 21C`, {
    name: 'get_weather',
    description: 'weather of a city',
    schema: z.object({ city: z.string() }),
  })
  const model = (name = MODEL) => new ChatOpenAI({ model: name }).bindTools([weather])
  const planner = (name) => async (state) => ({ messages: [await model(name).invoke(state.messages)] })
  const graph = (compile = { name: 'weather-graph' }, node = planner(), options = {}) =>
    new StateGraph(MessagesAnnotation)
      .addNode('planner', node, options)
      .addNode('tools', new ToolNode([weather]))
      .addEdge(START, 'planner')
      .addConditionalEdges('planner', (s) => (s.messages.at(-1).tool_calls?.length > 0 ? 'tools' : END))
      .addEdge('tools', 'planner')
      .compile(compile)
  const answering = async (state) => ({ messages: [await new ChatOpenAI({ model: MODEL }).invoke(state.messages)] })
  return {
    graph: async () =>
      messages(await graph().invoke(ask(), { runName: 'this-time', metadata: { user: 'u' }, configurable: { thread_id: 'thread-4' } })),
    'graph-unnamed': async () => messages(await graph({}).invoke(ask())),
    'graph-unnamed-run-name': async () => messages(await graph({}).invoke(ask(), { runName: 'nightly' })),
    'graph-node-given-config': async () => {
      // The node hands the configuration on itself, as code for runtimes without AsyncLocalStorage does.
      const node = async (state, config) => ({ messages: [await model().invoke(state.messages, config)] })
      return messages(await graph({ name: 'weather-graph' }, node).invoke(ask()))
    },
    'graph-stream-messages': async () => all(graph().stream(ask(), { streamMode: 'messages' }), ([m]) => message(m)),
    'graph-stream-debug': async () => all(graph().stream(ask(), { streamMode: 'debug' }), (e) => [e.type, e.step]),
    subgraph: async () => {
      const outer = new StateGraph(MessagesAnnotation)
        .addNode('inner', graph({ name: 'inner-graph' }))
        .addNode('last', answering)
        .addEdge(START, 'inner')
        .addEdge('inner', 'last')
        .compile({ name: 'outer-graph' })
      return all(outer.stream(ask(), { streamMode: 'updates', subgraphs: true }), ([at, update]) => [at.length, Object.keys(update)])
    },
    'subgraph-invoked': async () => {
      const inner = graph({ name: 'inner-graph' })
      const outer = new StateGraph(MessagesAnnotation)
        .addNode('calls', async (state) => ({ messages: (await inner.invoke(state)).messages.slice(-1) }))
        .addEdge(START, 'calls')
        .compile({ name: 'outer-graph' })
      return messages(await outer.invoke(ask()))
    },
    parallel: async () => {
      const outer = new StateGraph(MessagesAnnotation)
        .addNode('left', answering)
        .addNode('right', answering)
        .addEdge(START, 'left')
        .addEdge(START, 'right')
        .compile({ name: 'parallel-graph' })
      return messages(await outer.invoke(ask()))
    },
    interrupt: async () => {
      const node = async (state) => {
        const said = interrupt({ question: 'which city?' })
        return { messages: [await new ChatOpenAI({ model: MODEL }).invoke([...state.messages, { role: 'user', content: said }])] }
      }
      const asking = new StateGraph(MessagesAnnotation)
        .addNode('ask', node)
        .addEdge(START, 'ask')
        .compile({ name: 'asking-graph', checkpointer: new MemorySaver() })
      const config = { configurable: { thread_id: 'thread-5' } }
      const first = await asking.invoke(ask(), config)
      const streamed = await all(asking.stream(new Command({ resume: 'Paris' }), { ...config, streamMode: 'updates' }), Object.keys)
      return { asked: first.__interrupt__.map((i) => i.value), streamed }
    },
    'node-error': async () => {
      const node = async () => {
        throw new TypeError('no plan')
      }
      return graph({ name: 'weather-graph' }, node).invoke(ask())
    },
    'node-retry': async () => {
      let tries = 0
      const node = async (state) => {
        if (++tries === 1) throw new Error('not yet')
        return answering(state)
      }
      const retryPolicy = { maxAttempts: 2, initialInterval: 1, jitter: false, logWarning: false }
      return { messages: messages(await graph({ name: 'weather-graph' }, node, { retryPolicy }).invoke(ask())), tries }
    },
    functional: async () => {
      const answer = task('answer', async (question) => (await new ChatOpenAI({ model: MODEL }).invoke(question)).content)
      const flow = entrypoint('weather-flow', async (questions) => Promise.all(questions.map((q) => answer(q))))
      return flow.invoke(['weather in Paris?', 'weather in Rome?'])
    },
    'no-model': async () => {
      const counting = new StateGraph(MessagesAnnotation)
        .addNode('count', async (state) => ({ messages: [{ role: 'assistant', content: `${state.messages.length}` }] }))
        .addEdge(START, 'count')
        .compile({ name: 'counting-graph' })
      return messages(await counting.invoke(ask()))
    },
  }
}
