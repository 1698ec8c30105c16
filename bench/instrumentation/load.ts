/** What the benchmarks' agents send and get: a chat completion of ordinary size, with instructions, a talk and eight tools (6 KB). */

const tools = Array.from({ length: 8 }, (_, i) => ({
  type: 'function',
  function: {
    name: `tool_${i}`,
    description: 'does something useful with things '.repeat(3),
    parameters: { type: 'object', properties: { city: { type: 'string', description: 'a city' }, days: { type: 'number' } } },
  },
}))
const messages = [
  { role: 'system', content: 'You are a helpful assistant. '.repeat(20) },
  ...Array.from({ length: 8 }, (_, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content: `message number ${i} `.repeat(20) })),
]

/** Body of the nth request. */
export function requestBody(n: number): string {
  return JSON.stringify({ model: 'gpt-5', messages: [...messages, { role: 'user', content: `question ${n}` }], tools })
}

export const ANSWER_BODY = JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  model: 'gpt-5-2026-08-01',
  service_tier: 'default',
  choices: [
    { index: 0, message: { role: 'assistant', content: 'The weather in Paris is 21C and sunny. '.repeat(20) }, finish_reason: 'stop' },
  ],
  usage: {
    prompt_tokens: 1500,
    completion_tokens: 200,
    prompt_tokens_details: { cached_tokens: 1000 },
    completion_tokens_details: { reasoning_tokens: 0 },
  },
})

type Fetch = typeof globalThis.fetch

/** One call, sent and read as OpenAI's and Anthropic's SDKs do; milliseconds. */
export async function timedCall(fetch: Fetch, url: string, n: number): Promise<number> {
  const body = requestBody(n)
  const began = performance.now()
  const { signal } = new AbortController()
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body, signal })
  await response.json()
  return performance.now() - began
}

/** The value at a share of the sorted list. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
