/** Scenarios of the Google Gen AI SDK; `api` is what the program imported: GoogleGenAI. */
import { drain, plain, stopAfter, takeFrom } from '../../shared/program.mjs'

const MODEL = 'gemini-3-flash'
const functionDeclarations = [
  {
    name: 'get_weather',
    description: 'weather of a city',
    parametersJsonSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
]
const answered = (r) => ({
  text: r.text,
  calls: plain(r.functionCalls),
  usage: plain(r.usageMetadata),
  finish: r.candidates?.[0]?.finishReason,
  id: r.responseId,
  class: r.constructor.name,
})

export function scenarios(api) {
  const client = new api.GoogleGenAI({ apiKey: process.env.GEMINI_API_KEY })
  const generate = (model = MODEL, config) => client.models.generateContent({ model, contents: 'hi', config })
  const stream = (model = MODEL, config) => client.models.generateContentStream({ model, contents: 'hi', config })
  return {
    generate: async () => answered(await generate(MODEL, { systemInstruction: 'be brief', temperature: 0.2 })),
    'tool-loop': async () => toolLoop(client),
    stream: async () => drain(await stream(), answered),
    'stream-tool': async () => drain(await stream(MODEL, { tools: [{ functionDeclarations }] }), answered),
    'consumer-breaks': async () => takeFrom(await stream('slow-model'), 3, answered),
    json: async () => answered(await generate(MODEL, { responseMimeType: 'application/json' })),
    chat: async () => {
      const chat = client.chats.create({ model: MODEL })
      const first = answered(await chat.sendMessage({ message: 'hi' }))
      const second = await drain(await chat.sendMessageStream({ message: 'and again' }), answered)
      return { first, second, history: plain(chat.getHistory()) }
    },
    'raw-response': async () => {
      const answer = await generate()
      return { headers: answer.sdkHttpResponse?.headers?.['content-type'], text: answer.text }
    },
    embed: async () => (await client.models.embedContent({ model: 'gemini-embedding-1', contents: ['hi', 'there'] })).embeddings,
    'error-400': async () => generate('fail-400'),
    'error-429': async () => generate('fail-429'),
    'error-500': async () => generate('fail-500'),
    'error-stream': async () => drain(await stream('fail-400'), answered),
    'abort-before-first-byte': async () => generate('hang', { abortSignal: stopAfter(50) }),
    'abort-stream': async () => {
      const controller = new AbortController()
      const events = await stream('slow-model', { abortSignal: controller.signal })
      let seen = 0
      return drain(events, (chunk) => {
        if (++seen === 3) controller.abort()
        return chunk.text
      })
    },
    'cut-stream': async () => drain(await stream('cut-stream'), answered),
    'malformed-json': async () => answered(await generate('malformed-json')),
    'malformed-stream': async () => drain(await stream('malformed-json'), answered),
    'no-usage': async () => answered(await generate('no-usage')),
    concurrent: async () => {
      const models = ['gemini-a', 'gemini-b', 'gemini-c']
      return Promise.all(models.map(async (model) => answered(await generate(model))))
    },
  }
}

export const guard = (api) => ({
  guard: async () => toolLoop(new api.GoogleGenAI({ apiKey: process.env.GEMINI_API_KEY }), 'LOOPFOREVER', 12),
})

async function toolLoop(client, prompt = 'weather in Paris?', rounds = 5) {
  const contents = [{ role: 'user', parts: [{ text: prompt }] }]
  const config = { systemInstruction: 'be brief', tools: [{ functionDeclarations }] }
  for (let round = 0; round < rounds; round++) {
    const answer = await client.models.generateContent({ model: MODEL, contents, config })
    const calls = answer.functionCalls ?? []
    if (calls.length === 0) return { round, ...answered(answer) }
    contents.push(answer.candidates[0].content)
    contents.push({ role: 'user', parts: calls.map(({ name }) => ({ functionResponse: { name, response: { output: '21C' } } })) })
  }
  return { rounds, gaveUp: true }
}
