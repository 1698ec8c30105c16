/** Release pins: the model and known prompts of a request are the active release's; what does not match is sent as it is. */
import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { NO_CONTROLS } from '../../../instrumentation/controls/view.ts'
import { wrapFetch } from '../../../instrumentation/fetch/fetch.ts'
import { sweepImplied } from '../../../instrumentation/implied-runs.ts'
import { runtime } from '../../../instrumentation/runtime.ts'
import type { ReleaseDocument } from '../../../model/release.ts'
import { recordSpans } from '../../support/spans.ts'

const recording = recordSpans()
const shared = runtime()
shared.active = true
const before = shared.settings

const sha = (text: string): string => createHash('sha256').update(text).digest('hex')
const OLD = 'You are a helpful assistant.'
const NEW = 'You are a helpful assistant. Never promise refunds.'
const release: ReleaseDocument = {
  agent: 'a',
  version: 'v2',
  model: 'model-b',
  prompts: { system: NEW },
  config: {},
  known: { [sha(OLD)]: 'system', [sha(NEW)]: 'system', [sha('gone')]: 'removed' },
}

function pin(...what: ('model' | 'prompt')[]): void {
  shared.settings = { ...before, pin: new Set(what) }
}
beforeEach(() => {
  shared.guards.controls = { ...NO_CONTROLS, release: () => release }
  pin('model', 'prompt')
})
afterEach(() => {
  shared.settings = before
  sweepImplied(Date.now(), true)
  recording.take()
})

interface Sent {
  readonly body: Readonly<Record<string, unknown>>
  readonly text: string
  readonly headers: Headers
  readonly span: Readonly<Record<string, unknown>>
}
async function send(path: string, body: object, init: RequestInit = {}): Promise<Sent> {
  let seen: { text: string; headers: Headers } | undefined
  const fetch = wrapFetch(async (input, given) => {
    const request = new Request(input as string, given)
    seen = { text: await request.text(), headers: request.headers }
    return Response.json({ id: 'x', model: 'm', choices: [] })
  })
  await (await fetch(`http://provider.test${path}`, { method: 'POST', body: JSON.stringify(body), ...init })).text()
  if (seen === undefined) throw new Error('nothing was sent')
  const span = recording.take().find((s) => s.attributes['gen_ai.provider.name'] !== undefined)
  return { body: JSON.parse(seen.text) as Record<string, unknown>, ...seen, span: span?.attributes ?? {} }
}

const chat = (system: string): object => ({
  model: 'model-a',
  temperature: 0.5,
  messages: [
    { role: 'system', content: system },
    { role: 'user', content: 'hi' },
  ],
})

describe('what is sent', () => {
  test('a known prompt and the model are swapped, everything else stays', async () => {
    const { body, span } = await send('/v1/chat/completions', chat(OLD))
    expect(body).toEqual({ ...chat(NEW), model: 'model-b' })
    expect(span).toMatchObject({
      'gen_ai.prompt.name': 'system',
      'gen_ai.prompt.version': 'v2',
      'gen_ai.request.model': 'model-b',
      'agentopz.release_pin.requested_model': 'model-a',
      'agentopz.guard': 'release_pin',
      'agentopz.guard.action': 'pinned',
    })
  })
  test('the length of the body is that of the body that is sent', async () => {
    const text = JSON.stringify(chat(OLD))
    const { headers, text: sent } = await send('/v1/chat/completions', chat(OLD), {
      headers: { 'content-length': String(text.length), 'content-type': 'application/json', 'x-mine': 'kept' },
    })
    expect(headers.get('content-length')).not.toBe(String(text.length))
    expect(headers.get('x-mine')).toBe('kept')
    expect(sent.length).not.toBe(text.length)
  })
  test.each([
    ['/v1/responses', { model: 'a', input: 'hi', instructions: OLD }, 'instructions', NEW],
    ['/v1/messages', { model: 'a', max_tokens: 5, messages: [], system: OLD }, 'system', NEW],
    [
      '/v1/messages',
      { model: 'a', max_tokens: 5, messages: [], system: [{ type: 'text', text: OLD, cache_control: { type: 'ephemeral' } }] },
      'system',
      [{ type: 'text', text: NEW, cache_control: { type: 'ephemeral' } }],
    ],
    [
      '/v1beta/models/a:generateContent',
      { contents: [], systemInstruction: { parts: [{ text: OLD }] } },
      'systemInstruction',
      { parts: [{ text: NEW }] },
    ],
    ['/api/chat', { model: 'a', messages: [{ role: 'system', content: OLD }] }, 'messages', [{ role: 'system', content: NEW }]],
    ['/v2/chat', { model: 'a', messages: [{ role: 'system', content: OLD }] }, 'messages', [{ role: 'system', content: NEW }]],
  ])('%s has its instructions swapped', async (path, body, key, becomes) => {
    const sent = await send(path, body)
    expect(sent.body).toMatchObject({ [key]: becomes })
    if ('model' in body) expect(sent.body['model']).toBe('model-b')
  })
  test('only what the operator of the agent allowed', async () => {
    pin('prompt')
    expect((await send('/v1/chat/completions', chat(OLD))).body).toEqual(chat(NEW))
    pin('model')
    expect((await send('/v1/chat/completions', chat(OLD))).body).toEqual({ ...chat(OLD), model: 'model-b' })
    pin()
    expect((await send('/v1/chat/completions', chat(OLD))).body).toEqual(chat(OLD))
  })
  test('what does not match goes out byte by byte as it came', async () => {
    pin('prompt')
    const text = `{ "model" : "a",\n "messages":[{"role":"system","content":"Hello ${'x'}"}] }`
    const { text: sent, span } = await send('/v1/chat/completions', {}, { body: text })
    expect(sent).toBe(text)
    expect(span).not.toHaveProperty('gen_ai.prompt.version')
  })
  test('a prompt that the release has no more is left alone, and the run is not said to run on the release', async () => {
    pin('prompt')
    const { body, span } = await send('/v1/chat/completions', chat('gone'))
    expect(body).toEqual(chat('gone'))
    expect(span).not.toHaveProperty('gen_ai.prompt.version')
  })
  test('a request that has the active prompt already is sent as it is, and says what it runs on', async () => {
    pin('prompt')
    const { body, span } = await send('/v1/chat/completions', chat(NEW))
    expect(body).toEqual(chat(NEW))
    expect(span).toMatchObject({ 'gen_ai.prompt.name': 'system', 'gen_ai.prompt.version': 'v2' })
    expect(span).not.toHaveProperty('agentopz.guard')
  })
  test('without a release nothing changes', async () => {
    shared.guards.controls = NO_CONTROLS
    expect((await send('/v1/chat/completions', chat(OLD))).body).toEqual(chat(OLD))
  })
})
