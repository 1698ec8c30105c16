/**
 * Answers that a guard gives instead of the model, read by the SDKs themselves: a fallback is an ordinary answer to them, whole and streamed; a
 * refusal is their permission error, at the first attempt. Nothing is sent anywhere.
 */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ALLOWED, type AgentControls, NO_CONTROLS } from '../../instrumentation/controls/view.ts'
import { wrapFetch } from '../../instrumentation/fetch/fetch.ts'
import { runtime } from '../../instrumentation/runtime.ts'

const TEXT = 'We are closed. Please call 555-0100.'
const shared = runtime()
const original = globalThis.fetch
let sent = 0

beforeAll(() => {
  shared.active = true
  globalThis.fetch = wrapFetch(async () => {
    sent++
    return new Response('{}', { status: 500 })
  })
})
afterAll(() => {
  globalThis.fetch = original
})
beforeEach(() => {
  shared.interventions.clear()
  sent = 0
  controls({ allowed: false, reason: 'bad answers', fallback: TEXT })
})
function controls(agent: Partial<AgentControls>): void {
  shared.guards.controls = { ...NO_CONTROLS, agent: () => ({ ...ALLOWED, ...agent }) }
}

/** An SDK as the program in its folder would get it. */
// oxlint-disable-next-line typescript/no-explicit-any
function sdk(folder: string, name: string): any {
  return createRequire(join(import.meta.dirname, '../conformance/sdks', folder, 'package.json'))(name)
}
interface Client {
  /** The text of an answer. */
  whole(): Promise<string>
  /** The text of a streamed answer, and why it ended. */
  streamed(): Promise<string>
  /** A call that must have a form that a text has not. */
  formed?(): Promise<unknown>
}
const messages = [{ role: 'user', content: 'hi' }]
const schema = { type: 'json_schema', json_schema: { name: 'a', schema: { type: 'object', properties: {} } } }

/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-call, typescript/no-unsafe-assignment, typescript/no-unsafe-return, typescript/no-unsafe-argument, typescript/restrict-plus-operands */
const openai = (folder: string): Client => {
  const { OpenAI } = sdk(folder, 'openai')
  const client = new OpenAI({ apiKey: 'k', baseURL: 'http://provider.test/v1', fetch: globalThis.fetch })
  return {
    whole: async () => (await client.chat.completions.create({ model: 'm', messages })).choices[0].message.content,
    streamed: async () => {
      let text = ''
      for await (const chunk of await client.chat.completions.create({ model: 'm', messages, stream: true }))
        text += chunk.choices[0]?.delta.content ?? ''
      return text
    },
    formed: () => client.chat.completions.create({ model: 'm', messages, response_format: schema }),
  }
}
const responses = (folder: string): Client => {
  const { OpenAI } = sdk(folder, 'openai')
  const client = new OpenAI({ apiKey: 'k', baseURL: 'http://provider.test/v1', fetch: globalThis.fetch })
  return {
    whole: async () => (await client.responses.create({ model: 'm', input: 'hi' })).output_text,
    streamed: async () => {
      const stream = client.responses.stream({ model: 'm', input: 'hi' })
      let text = ''
      stream.on('response.output_text.delta', (e: { delta: string }) => (text += e.delta))
      const last = await stream.finalResponse()
      expect(last.status).toBe('completed')
      expect(last.output[0].content[0].text).toBe(text)
      return text
    },
    formed: () => client.responses.create({ model: 'm', input: 'hi', tool_choice: 'required', tools: [] }),
  }
}
const CLIENTS: Readonly<Record<string, () => Client>> = {
  'openai 4 chat': () => openai('openai4'),
  'openai 5 chat': () => openai('openai5'),
  'openai 6 chat': () => openai('openai6'),
  'openai 7 chat': () => openai('openai7'),
  'openai 7 chat, its stream helper': () => {
    const { OpenAI } = sdk('openai7', 'openai')
    const client = new OpenAI({ apiKey: 'k', baseURL: 'http://provider.test/v1' })
    return {
      ...openai('openai7'),
      streamed: () => client.chat.completions.stream({ model: 'm', messages }).finalContent(),
    }
  },
  'openai 5 responses': () => responses('openai5'),
  'openai 7 responses': () => responses('openai7'),
  anthropic: () => {
    const { Anthropic } = sdk('anthropic', '@anthropic-ai/sdk')
    const client = new Anthropic({ apiKey: 'k', baseURL: 'http://provider.test' })
    const body = { model: 'm', max_tokens: 100, messages }
    return {
      whole: async () => (await client.messages.create(body)).content[0].text,
      streamed: async () => {
        const message = await client.messages.stream(body).finalMessage()
        expect(message.stop_reason).toBe('end_turn')
        return message.content[0].text
      },
      formed: () =>
        client.messages.create({ ...body, tool_choice: { type: 'any' }, tools: [{ name: 't', input_schema: { type: 'object' } }] }),
    }
  },
  'google genai': () => {
    const { GoogleGenAI } = sdk('google-genai', '@google/genai')
    const client = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: 'http://provider.test' } })
    return {
      whole: async () => (await client.models.generateContent({ model: 'm', contents: 'hi' })).text,
      streamed: async () => {
        let text = ''
        for await (const part of await client.models.generateContentStream({ model: 'm', contents: 'hi' })) text += part.text ?? ''
        return text
      },
      formed: () => client.models.generateContent({ model: 'm', contents: 'hi', config: { responseMimeType: 'application/json' } }),
    }
  },
  cohere: () => {
    const { CohereClientV2 } = sdk('cohere', 'cohere-ai')
    const client = new CohereClientV2({ token: 'k', environment: 'http://provider.test' })
    return {
      whole: async () => (await client.chat({ model: 'm', messages })).message.content[0].text,
      streamed: async () => {
        let text = ''
        const kinds: string[] = []
        for await (const event of await client.chatStream({ model: 'm', messages })) {
          kinds.push(event.type)
          text += event.delta?.message?.content?.text ?? ''
        }
        expect(kinds.at(-1)).toBe('message-end')
        return text
      },
    }
  },
  mistral: () => {
    const { Mistral } = sdk('mistral', '@mistralai/mistralai')
    const client = new Mistral({ apiKey: 'k', serverURL: 'http://provider.test' })
    return {
      whole: async () => (await client.chat.complete({ model: 'm', messages })).choices[0].message.content,
      streamed: async () => {
        let text = ''
        for await (const event of await client.chat.stream({ model: 'm', messages })) text += event.data.choices[0]?.delta.content ?? ''
        return text
      },
      formed: () => client.chat.complete({ model: 'm', messages, responseFormat: { type: 'json_object' } }),
    }
  },
  'AI SDK 7': () => {
    const ai = sdk('ai7', 'ai')
    const { createOpenAI } = sdk('ai7', '@ai-sdk/openai')
    const model = createOpenAI({ apiKey: 'k', baseURL: 'http://provider.test/v1' })('m')
    return {
      whole: async () => (await ai.generateText({ model, prompt: 'hi' })).text,
      streamed: async () => {
        let failure: unknown
        const stream = ai.streamText({ model, prompt: 'hi', onError: ({ error }: { error: unknown }) => void (failure = error) })
        let text = ''
        for await (const part of stream.textStream) text += part
        if (failure !== undefined) throw failure
        return text
      },
    }
  },
  ollama: () => {
    const { Ollama } = sdk('ollama', 'ollama')
    const client = new Ollama({ host: 'http://provider.test' })
    return {
      whole: async () => (await client.chat({ model: 'm', messages })).message.content,
      streamed: async () => {
        let text = ''
        for await (const part of await client.chat({ model: 'm', messages, stream: true })) text += part.message.content
        return text
      },
      formed: () => client.chat({ model: 'm', messages, format: 'json' }),
    }
  },
}
/* oxlint-enable */

/** Attempts that a guard stopped. */
const attempts = (): number => [...shared.interventions.values()].reduce((sum, n) => sum + n, 0)

describe.each(Object.keys(CLIENTS))('%s', (name) => {
  const client = (): Client => (CLIENTS[name] as () => Client)()

  test('reads the fallback as an answer, whole and streamed', async () => {
    expect(await client().whole()).toBe(TEXT)
    expect(await client().streamed()).toBe(TEXT)
    expect(sent).toBe(0)
    expect(Object.fromEntries(shared.interventions)).toEqual({ 'kill_switch fallback': 2 })
  })

  test('gets a permission error at the first attempt where no text can answer', async () => {
    const formed = client().formed?.()
    if (formed !== undefined) {
      await expect(formed).rejects.toThrow(/bad answers/)
      expect(attempts()).toBe(1)
      shared.interventions.clear()
    }
    controls({ maxSteps: 0 })
    await expect(client().whole()).rejects.toThrow(/step guard/)
    await expect(client().streamed()).rejects.toThrow(/step guard/)
    expect(Object.fromEntries(shared.interventions)).toEqual({ 'step_guard refused': 2 })
    expect(sent).toBe(0)
  })
})

test('the code of the guard is where each SDK keeps codes', async () => {
  const errorOf = (work: () => Promise<unknown>): Promise<Record<string, unknown>> =>
    work().then(
      () => expect.unreachable(),
      (error: unknown) => error as Record<string, unknown>,
    )
  controls({ maxCostUsd: 0 })
  expect(await errorOf(() => (CLIENTS['openai 7 chat'] as () => Client)().whole())).toMatchObject({
    status: 403,
    code: 'AGENTOPZ_COST_GUARD',
  })
  expect((await errorOf(() => (CLIENTS['anthropic'] as () => Client)().whole()))['message']).toContain('AGENTOPZ_COST_GUARD')
})

test('a fallback that is an address is told, not followed', async () => {
  controls({ allowed: false, reason: 'x', fallback: 'https://status.example' })
  expect(await (CLIENTS['openai 7 chat'] as () => Client)().whole()).toBe('This assistant is paused. Please go to https://status.example')
})

test('without a fallback a switched-off agent is refused', async () => {
  controls({ allowed: false, reason: 'bad answers' })
  await expect((CLIENTS['openai 7 chat'] as () => Client)().whole()).rejects.toMatchObject({ status: 403, code: 'AGENTOPZ_KILL_SWITCH' })
  expect(attempts()).toBe(1)
})
