/** Scenarios of the Ollama SDK; `api` is what the program imported: Ollama. */
import { drain, takeFrom } from '../../shared/program.mjs'

const MODEL = 'llama4'
const messages = [{ role: 'user', content: 'hi' }]
const tools = [
  {
    type: 'function',
    function: {
      name: 'get_weather',
      description: 'weather of a city',
      parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    },
  },
]

export function scenarios(api) {
  const client = connect(api)
  const chat = (model = MODEL) => client.chat({ model, messages })
  const stream = (model = MODEL) => client.chat({ model, messages, stream: true })
  return {
    chat: async () => client.chat({ model: MODEL, messages: [{ role: 'system', content: 'be brief' }, ...messages] }),
    'tool-loop': async () => toolLoop(client),
    stream: async () => drain(await stream()),
    'stream-tool': async () => drain(await client.chat({ model: MODEL, messages, tools, stream: true })),
    'consumer-breaks': async () => takeFrom(await stream('slow-model'), 3, (part) => part.message.content),
    generate: async () => client.generate({ model: MODEL, prompt: 'hi' }),
    'generate-stream': async () => drain(await client.generate({ model: MODEL, prompt: 'hi', stream: true })),
    embed: async () => client.embed({ model: 'nomic-embed-text', input: 'hi' }),
    'error-400': async () => chat('fail-400'),
    'error-500': async () => chat('fail-500'),
    'error-stream': async () => drain(await stream('fail-400')),
    'abort-stream': async () => {
      const own = connect(api)
      const parts = await own.chat({ model: 'slow-model', messages, stream: true })
      let seen = 0
      return drain(parts, (part) => {
        if (++seen === 3) parts.abort()
        return part.message.content
      })
    },
    'cut-stream': async () => drain(await stream('cut-stream')),
    'malformed-json': async () => chat('malformed-json'),
    'malformed-stream': async () => drain(await stream('malformed-json')),
    'no-usage': async () => chat('no-usage'),
    concurrent: async () => {
      const models = ['llama-a', 'llama-b', 'llama-c']
      return Promise.all(models.map(async (model) => (await chat(model)).model))
    },
  }
}

export const guard = (api) => ({ guard: async () => toolLoop(connect(api), 'LOOPFOREVER', 12) })

const connect = (api) => new api.Ollama({ host: process.env.OLLAMA_HOST })

async function toolLoop(client, prompt = 'weather in Paris?', rounds = 5) {
  const conversation = [{ role: 'user', content: prompt }]
  for (let round = 0; round < rounds; round++) {
    const { message, done_reason } = await client.chat({ model: MODEL, messages: conversation, tools })
    conversation.push(message)
    if (!message.tool_calls?.length) return { round, text: message.content, finish: done_reason }
    for (const call of message.tool_calls) conversation.push({ role: 'tool', tool_name: call.function.name, content: '21C' })
  }
  return { rounds, gaveUp: true }
}
