/** Scenarios of the Cohere SDK; `api` is what the program imported: CohereClientV2. */
import { drain, plain, stopAfter, takeFrom } from '../../shared/program.mjs'

const MODEL = 'command-a-03-2026'
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
const textOf = (event) => event.delta?.message?.content?.text ?? event.type

export function scenarios(api) {
  const client = connect(api)
  const chat = (model = MODEL, options = { maxRetries: 0 }) => client.chat({ model, messages }, options)
  const stream = (model = MODEL, options = { maxRetries: 0 }) => client.chatStream({ model, messages }, options)
  return {
    chat: async () => client.chat({ model: MODEL, messages: [{ role: 'system', content: 'be brief' }, ...messages], temperature: 0.2 }),
    'tool-loop': async () => toolLoop(client),
    stream: async () => drain(await stream()),
    'stream-tool': async () => drain(await client.chatStream({ model: MODEL, messages, tools })),
    'consumer-breaks': async () => takeFrom(await stream('slow-model'), 4, textOf),
    'with-raw-response': async () => {
      const { data, rawResponse } = await chat().withRawResponse()
      return { data: plain(data), status: rawResponse.status, type: rawResponse.headers.get('content-type') }
    },
    embed: async () =>
      client.embed({ model: 'embed-v4.0', texts: ['hi', 'there'], inputType: 'search_document', embeddingTypes: ['float'] }),
    'error-400': async () => chat('fail-400'),
    'error-401': async () => chat('fail-401'),
    'error-429': async () => chat('fail-429'),
    'error-500': async () => chat('fail-500'),
    'error-stream': async () => drain(await stream('fail-400')),
    'once-500': async () => (await chat('once-500', { maxRetries: 1 })).message.content,
    // The SDK forgets the timer of its own time limit, 300 s by default, when a call is aborted.
    'abort-before-first-byte': async () => chat('hang', { maxRetries: 0, timeoutInSeconds: 1, abortSignal: stopAfter(50) }),
    'cut-stream': async () => drain(await stream('cut-stream'), textOf),
    'malformed-json': async () => chat('malformed-json'),
    'malformed-stream': async () => drain(await stream('malformed-json'), textOf),
    'no-usage': async () => chat('no-usage'),
    concurrent: async () => {
      const models = ['command-a', 'command-b', 'command-c']
      return Promise.all(models.map(async (model) => (await chat(model)).id))
    },
  }
}

export const guard = (api) => ({ guard: async () => toolLoop(connect(api), 'LOOPFOREVER', 12) })

const connect = (api) => new api.CohereClientV2({ token: process.env.CO_API_KEY, environment: process.env.COHERE_BASE_URL })

async function toolLoop(client, prompt = 'weather in Paris?', rounds = 5) {
  const conversation = [{ role: 'user', content: prompt }]
  for (let round = 0; round < rounds; round++) {
    const { message, finishReason } = await client.chat({ model: MODEL, messages: conversation, tools })
    const { toolCalls, toolPlan } = message
    if (!toolCalls?.length) return { round, content: message.content, finish: finishReason }
    conversation.push({ role: 'assistant', toolCalls, toolPlan })
    for (const call of toolCalls) conversation.push({ role: 'tool', toolCallId: call.id, content: '21C' })
  }
  return { rounds, gaveUp: true }
}
