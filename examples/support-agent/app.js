/**
 * A support agent on the Vercel AI SDK that knows nothing of agentopz: it answers a customer every second until Ctrl-C.
 * The model is any OpenAI-compatible server; by default the local one of `npm run -s provider`, which needs no key.
 */
import { createOpenAI } from '@ai-sdk/openai'
import { stepCountIs, ToolLoopAgent, tool } from 'ai'
import { z } from 'zod'

const openai = createOpenAI({
  baseURL: process.env.OPENAI_BASE_URL ?? 'http://127.0.0.1:4010/v1',
  apiKey: process.env.OPENAI_API_KEY ?? 'local',
})

const agent = new ToolLoopAgent({
  id: 'support-agent',
  model: openai(process.env.MODEL ?? 'gpt-5-mini'),
  instructions: 'You answer customers of a weather shop. Look the order up before you answer.',
  tools: {
    lookup_order: tool({
      description: 'Orders of a customer by city',
      inputSchema: z.object({ city: z.string() }),
      execute: async ({ city }) => ({ city, order: 'A-17', state: 'shipped' }),
    }),
  },
  stopWhen: stepCountIs(20),
})

const question = process.argv[2] ?? 'Where is my order?'
const everyMs = Number(process.env.EVERY_MS ?? 1000)
for (let n = 1; ; n++) {
  try {
    const { text, steps } = await agent.generate({ prompt: question })
    console.log(`${n}: ${text} (${steps.length} steps)`)
  } catch (error) {
    console.log(`${n}: could not answer: ${error.message}`)
  }
  if (n >= Number(process.env.TIMES ?? Infinity)) break
  await new Promise((done) => setTimeout(done, everyMs))
}
