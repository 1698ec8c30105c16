/**
 * A research agent on LangGraph that knows nothing of agentopz: a planner and a tool node, one question every two seconds until Ctrl-C.
 * The model is any OpenAI-compatible server; by default the local one of `npm run -s provider`, which needs no key.
 */
import { tool } from '@langchain/core/tools'
import { END, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph'
import { ToolNode } from '@langchain/langgraph/prebuilt'
import { ChatOpenAI } from '@langchain/openai'
import { z } from 'zod'

const search = tool(async ({ city }) => `Three pages about ${city}.`, {
  name: 'search',
  description: 'Searches the library by city',
  schema: z.object({ city: z.string() }),
})
const model = new ChatOpenAI({
  model: process.env.MODEL ?? 'gpt-5-mini',
  apiKey: process.env.OPENAI_API_KEY ?? 'local',
  configuration: { baseURL: process.env.OPENAI_BASE_URL ?? 'http://127.0.0.1:4010/v1' },
}).bindTools([search])

const graph = new StateGraph(MessagesAnnotation)
  .addNode('planner', async ({ messages }) => ({ messages: [await model.invoke(messages)] }))
  .addNode('tools', new ToolNode([search]))
  .addEdge(START, 'planner')
  .addConditionalEdges('planner', ({ messages }) => (messages.at(-1).tool_calls?.length > 0 ? 'tools' : END))
  .addEdge('tools', 'planner')
  .compile({ name: 'research-agent' })

const question = process.argv[2] ?? 'What is known about Paris?'
const everyMs = Number(process.env.EVERY_MS ?? 2000)
for (let n = 1; ; n++) {
  try {
    const { messages } = await graph.invoke({ messages: [{ role: 'user', content: question }] }, { recursionLimit: 60 })
    console.log(`${n}: ${messages.at(-1).content} (${messages.length} messages)`)
  } catch (error) {
    console.log(`${n}: could not answer: ${error.message}`)
  }
  if (n >= Number(process.env.TIMES ?? Infinity)) break
  await new Promise((done) => setTimeout(done, everyMs))
}
