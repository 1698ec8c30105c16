/**
 * The SDK that a drill agent talks to its provider with: OpenAI's own, found in the folder the drill is run in, beside agentopz, or (in a
 * checkout) where the conformance programs are installed. Where there is none, `fetch` with the same protocol, and the report says so.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

export interface Message {
  readonly role: 'system' | 'user' | 'assistant' | 'tool'
  readonly content: string | null
  readonly tool_call_id?: string
  readonly tool_calls?: readonly ToolCall[]
}
export interface ToolCall {
  readonly id: string
  readonly type: 'function'
  readonly function: { readonly name: string; readonly arguments: string }
}
export interface Completion {
  readonly choices: readonly { readonly message: Message; readonly finish_reason: string }[]
}
export type Complete = (request: {
  readonly model: string
  readonly messages: readonly Message[]
  readonly tools: readonly object[]
}) => Promise<Completion>

export interface Sdk {
  /** Name and version, as the report says them. */
  readonly name: string
  /** A client of one agent's provider. */
  client(baseUrl: string): Complete
}

interface OpenAiModule {
  readonly default: new (options: { readonly baseURL: string; readonly apiKey: string; readonly maxRetries: number }) => {
    readonly chat: { readonly completions: { create(request: object): Promise<Completion> } }
  }
}

/** Finds it; never fails. */
export async function findSdk(cwd: string): Promise<Sdk> {
  for (const from of placesToLook(cwd)) {
    try {
      const main = createRequire(join(from, 'package.json')).resolve('openai')
      const { default: OpenAI } = (await import(pathToFileURL(esmOf(main)).href)) as OpenAiModule
      return {
        name: `openai ${versionOf(main)}`,
        client: (baseURL) => {
          const openai = new OpenAI({ baseURL, apiKey: 'drill', maxRetries: 0 })
          return (request) => openai.chat.completions.create({ ...request })
        },
      }
    } catch {
      // Not here.
    }
  }
  return { name: 'fetch (the package openai is not installed here)', client: plain }
}

function placesToLook(cwd: string): readonly string[] {
  const here = dirname(fileURLToPath(import.meta.url))
  return [cwd, here, join(here, '../../test/conformance/sdks/openai6')]
}

/** The module beside it that `import` would take: `require` finds the other one. */
function esmOf(main: string): string {
  return main.endsWith('.js') ? main.replace(/\.js$/, '.mjs') : main
}

function versionOf(main: string): string {
  try {
    return (JSON.parse(readFileSync(join(dirname(main), 'package.json'), 'utf8')) as { readonly version: string }).version
  } catch {
    return '(version unknown)'
  }
}

function plain(baseUrl: string): Complete {
  return async (request) => {
    const answer = await fetch(`${baseUrl}/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer drill' },
      body: JSON.stringify(request),
    })
    if (!answer.ok) throw new Error(`the provider answered ${answer.status}: ${(await answer.text()).slice(0, 200)}`)
    return (await answer.json()) as Completion
  }
}
