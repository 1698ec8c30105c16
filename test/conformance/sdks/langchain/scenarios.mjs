/** Scenarios of LangChain.js 1 and LangGraph; `api` is what the program imported. Agents and graphs first, chains and models after them. */
import { agents } from './agents.mjs'
import { chains } from './chains.mjs'
import { graphs } from './graphs.mjs'

export const scenarios = (api) => ({ ...agents(api), ...graphs(api), ...chains(api) })

const LOOP = { messages: [{ role: 'user', content: 'LOOPFOREVER' }] }
/** Twelve rounds of a model and a tool, and the step that would be next. */
const ROUNDS = { recursionLimit: 24 }

export const guard = (api) => ({
  guard: async () => ending(await looping(api).invoke(LOOP, ROUNDS)),
  'guard-stream': async () => {
    let last
    for await (const state of await looping(api).stream(LOOP, { ...ROUNDS, streamMode: 'values' })) last = state
    return ending(last)
  },
})

function looping({ createAgent, tool, ChatOpenAI, z }) {
  const weather = tool(async () => '21C', { name: 'get_weather', description: 'weather', schema: z.object({ city: z.string() }) })
  return createAgent({ model: new ChatOpenAI({ model: 'gpt-5-mini' }), tools: [weather], name: 'weather-agent' })
}

const ending = ({ messages }) => ({ rounds: messages.length, last: messages.at(-1).content })
