/** Scenarios of the Mistral SDK; `api` is what the program imported: Mistral, z. */
import { drain, stopAfter, takeFrom } from '../../shared/program.mjs'

const MODEL = 'mistral-large-3'
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
const textOf = (event) => event.data.choices[0]?.delta?.content ?? ''

export function scenarios(api) {
  const client = connect(api)
  const complete = (model = MODEL, options) => client.chat.complete({ model, messages }, options)
  const stream = (model = MODEL, options) => client.chat.stream({ model, messages }, options)
  return {
    complete: async () =>
      client.chat.complete({ model: MODEL, messages: [{ role: 'system', content: 'be brief' }, ...messages], temperature: 0.2 }),
    'tool-loop': async () => toolLoop(client),
    stream: async () => drain(await stream()),
    'stream-tool': async () => drain(await client.chat.stream({ model: MODEL, messages, tools })),
    'consumer-breaks': async () => takeFrom(await stream('slow-model'), 3, textOf),
    parse: async () => {
      const answer = await client.chat.parse({ model: MODEL, messages, responseFormat: api.z.object({ answer: api.z.string() }) })
      return answer.choices[0].message.parsed
    },
    embeddings: async () => client.embeddings.create({ model: 'mistral-embed', inputs: ['hi', 'there'] }),
    'error-400': async () => complete('fail-400'),
    'error-429': async () => complete('fail-429'),
    'error-500': async () => complete('fail-500'),
    'error-stream': async () => drain(await stream('fail-400')),
    'once-500': async () => {
      const retries = { strategy: 'backoff', backoff: { initialInterval: 10, maxInterval: 20, exponent: 1, maxElapsedTime: 2000 } }
      return (await complete('once-500', { retries })).choices[0].message.content
    },
    'abort-before-first-byte': async () => complete('hang', { fetchOptions: { signal: stopAfter(50) } }),
    'cut-stream': async () => drain(await stream('cut-stream'), textOf),
    'malformed-json': async () => complete('malformed-json'),
    'malformed-stream': async () => drain(await stream('malformed-json'), textOf),
    concurrent: async () => {
      const models = ['mistral-a', 'mistral-b', 'mistral-c']
      return Promise.all(models.map(async (model) => (await complete(model)).model))
    },
  }
}

export const guard = (api) => ({ guard: async () => toolLoop(connect(api), 'LOOPFOREVER', 12) })

const connect = (api) => new api.Mistral({ apiKey: process.env.MISTRAL_API_KEY, serverURL: process.env.MISTRAL_BASE_URL })

async function toolLoop(client, prompt = 'weather in Paris?', rounds = 5) {
  const conversation = [{ role: 'user', content: prompt }]
  for (let round = 0; round < rounds; round++) {
    const answer = await client.chat.complete({ model: MODEL, messages: conversation, tools })
    const message = answer.choices[0].message
    conversation.push(message)
    if (!message.toolCalls?.length) return { round, text: message.content, finish: answer.choices[0].finishReason }
    for (const call of message.toolCalls) conversation.push({ role: 'tool', name: call.function.name, toolCallId: call.id, content: '21C' })
  }
  return { rounds, gaveUp: true }
}
