/** Which calls of a hand-written loop are one run, told by what they refer to; seen through the fetch layer and on spans. */
import { beforeEach, describe, expect, test } from 'vitest'
import { wrapFetch } from '../../../instrumentation/fetch/fetch.ts'
import { IDLE_MS, RETRY_MS, sweepImplied } from '../../../instrumentation/implied-runs.ts'
import { runtime } from '../../../instrumentation/runtime.ts'
import { type Recorded, recordSpans } from '../../support/spans.ts'

const recording = recordSpans()
const shared = runtime()
shared.active = true
beforeEach(() => {
  sweepImplied(Date.now(), true)
  recording.take()
})

type Message = Readonly<Record<string, unknown>>
const user = (content: string): Message => ({ role: 'user', content })
const asks = (id: string, name = 'search', args = '{}'): Message => ({
  role: 'assistant',
  tool_calls: [{ id, type: 'function', function: { name, arguments: args } }],
})
const result = (id: string, content = 'found'): Message => ({ role: 'tool', tool_call_id: id, content })

interface Given {
  readonly says?: Message
  readonly status?: number
  readonly throws?: Error
  readonly attempt?: number
  readonly id?: string
}

let answers = 0
/** One chat completion that is answered as given. */
async function call(messages: readonly Message[], given: Given = {}): Promise<void> {
  const { says = { role: 'assistant', content: 'done' }, status = 200, throws, attempt, id } = given
  const send = wrapFetch(async () => {
    if (throws !== undefined) throw throws
    const body =
      status === 200
        ? {
            id: id ?? `answer-${++answers}`,
            model: 'm',
            choices: [{ message: says, finish_reason: says['tool_calls'] === undefined ? 'stop' : 'tool_calls' }],
          }
        : { error: { message: 'no', type: 'x' } }
    return Response.json(body, { status })
  })
  const response = await send('http://provider.test/v1/chat/completions', {
    method: 'POST',
    body: JSON.stringify({ model: 'm', messages }),
    ...(attempt === undefined ? {} : { headers: { 'x-stainless-retry-count': String(attempt) } }),
  }).catch(() => undefined)
  await response?.text()
}

const roots = (spans: readonly Recorded[]): readonly Recorded[] =>
  spans.filter((s) => s.attributes['gen_ai.operation.name'] === 'invoke_agent')
const runIds = (spans: readonly Recorded[]): number => new Set(spans.map((s) => s.attributes['agentopz.run.id'])).size

describe('one run', () => {
  test('a call that asks for no tools', async () => {
    await call([user('hi')])
    const spans = recording.take()
    expect(spans.map((s) => s.name)).toEqual(['chat m', 'invoke_agent'])
    expect(spans[0]?.parentId).toBe(spans[1]?.spanId)
    expect(runIds(spans)).toBe(1)
  })

  test('a tool loop: calls that bring back results of the tools that were asked for, steps counted, tools inferred', async () => {
    await call([user('hi')], { says: asks('c1') })
    await call([user('hi'), asks('c1'), result('c1')], { says: asks('c2', 'fetch') })
    await call([user('hi'), asks('c1'), result('c1'), asks('c2', 'fetch'), result('c2', '')])
    const spans = recording.take()
    expect(spans.map((s) => [s.name, s.attributes['agentopz.run.step']])).toEqual([
      ['chat m', 1],
      ['execute_tool search', undefined],
      ['chat m', 3],
      ['execute_tool fetch', undefined],
      ['chat m', 5],
      ['invoke_agent', undefined],
    ])
    expect(runIds(spans)).toBe(1)
    expect(new Set(spans.map((s) => s.traceId)).size).toBe(1)
    expect(spans.filter((s) => s.name.startsWith('execute_tool')).map((s) => s.attributes)).toMatchObject([
      { 'agentopz.inferred': true, 'gen_ai.tool.call.id': 'c1', 'agentopz.tool.result_empty': false },
      { 'agentopz.inferred': true, 'gen_ai.tool.call.id': 'c2', 'agentopz.tool.result_empty': true },
    ])
  })

  test('a retry of a failed call, told by the same body', async () => {
    await call([user('hi')], { status: 500 })
    await call([user('hi')], { throws: new TypeError('fetch failed') })
    await call([user('hi')])
    const spans = recording.take()
    expect(roots(spans)).toHaveLength(1)
    expect(roots(spans)[0]?.status).toBe(0)
    expect(spans.filter((s) => s.name === 'chat m').map((s) => s.attributes['error.type'])).toEqual(['x', 'TypeError', undefined])
  })

  test('a retry that the SDK numbers', async () => {
    await call([user('hi')], { status: 429, attempt: 0 })
    await call([user('hi')], { attempt: 1 })
    const spans = recording.take()
    expect(roots(spans)).toHaveLength(1)
    expect(spans.filter((s) => s.name === 'chat m').map((s) => s.attributes['http.request.resend_count'])).toEqual([undefined, 1])
  })

  test('two tools asked for at once, brought back together', async () => {
    const both = { role: 'assistant', tool_calls: [...(asks('a')['tool_calls'] as unknown[]), ...(asks('b')['tool_calls'] as unknown[])] }
    await call([user('hi')], { says: both })
    await call([user('hi'), both, result('a'), result('b')])
    const spans = recording.take()
    expect(roots(spans)).toHaveLength(1)
    expect(spans.filter((s) => s.name === 'execute_tool search')).toHaveLength(2)
  })
})

describe('several runs', () => {
  test('equal requests one after the other', async () => {
    await call([user('hi')])
    await call([user('hi')])
    expect(roots(recording.take())).toHaveLength(2)
  })
  test('the next question of the same talk', async () => {
    await call([user('hi')], { says: asks('c1') })
    await call([user('hi'), asks('c1'), result('c1')])
    await call([user('hi'), asks('c1'), result('c1'), { role: 'assistant', content: 'done' }, user('and now?')])
    expect(roots(recording.take())).toHaveLength(2)
  })
  test('equal requests at the same time, of which none is a retry', async () => {
    await Promise.all([call([user('hi')]), call([user('hi')]), call([user('hi')])])
    const spans = recording.take()
    expect(roots(spans)).toHaveLength(3)
    expect(runIds(spans)).toBe(3)
  })
  test('a first attempt with the body of a failed one is none of its retries', async () => {
    await call([user('hi')], { status: 500, attempt: 0 })
    await call([user('hi')], { attempt: 0 })
    sweepImplied(Date.now(), true)
    expect(roots(recording.take())).toHaveLength(2)
  })
  test('loops that run interleaved keep apart', async () => {
    await Promise.all(
      ['p', 'q', 'r'].map(async (name) => {
        await call([user(name)], { says: asks(`${name}-1`) })
        await call([user(name), asks(`${name}-1`), result(`${name}-1`)])
      }),
    )
    const spans = recording.take()
    expect(roots(spans)).toHaveLength(3)
    for (const root of roots(spans))
      expect(spans.filter((s) => s.traceId === root.traceId).map((s) => s.name)).toEqual([
        'chat m',
        'execute_tool search',
        'chat m',
        'invoke_agent',
      ])
  })
})

describe('the end of a run', () => {
  test('a failure that nobody tries again ends it as failed at once', async () => {
    await call([user('hi')], { status: 400 })
    expect(roots(recording.take())).toMatchObject([{ status: 2 }])
  })
  test('a failure that could be tried again waits so long, and no longer', async () => {
    await call([user('hi')], { status: 503 })
    sweepImplied(Date.now() + RETRY_MS - 1000)
    expect(roots(recording.take())).toEqual([])
    sweepImplied(Date.now() + RETRY_MS + 1000)
    expect(roots(recording.take())).toMatchObject([{ status: 2 }])
  })
  test('tools that were asked for and never brought back are waited for so long, and no longer', async () => {
    await call([user('hi')], { says: asks('c1') })
    sweepImplied(Date.now() + IDLE_MS - 1000)
    expect(roots(recording.take())).toEqual([])
    sweepImplied(Date.now() + IDLE_MS + 1000)
    const [root] = roots(recording.take())
    expect(root).toMatchObject({ status: 0 })
    // What comes later is a run of its own.
    await call([user('hi'), asks('c1'), result('c1')])
    expect(roots(recording.take())).toHaveLength(1)
  })
  test('a call of the run that is still under way keeps it open', async () => {
    let answer = (): void => undefined
    const held = new Promise<Response>((done) => {
      answer = () => done(Response.json({ id: 'a', model: 'm', choices: [{ message: { content: 'x' }, finish_reason: 'stop' }] }))
    })
    await call([user('hi')], { says: asks('c1') })
    const send = wrapFetch(() => held)
    const body = JSON.stringify({ model: 'm', messages: [user('hi'), asks('c1'), result('c1')] })
    const pending = send('http://provider.test/v1/chat/completions', { method: 'POST', body })
    await new Promise((r) => setTimeout(r, 5))
    sweepImplied(Date.now() + IDLE_MS * 2)
    expect(roots(recording.take())).toEqual([])
    answer()
    await (await pending).text()
    expect(roots(recording.take())).toHaveLength(1)
  })
  test('embeddings alone are no run', async () => {
    const send = wrapFetch(async () => Response.json({ model: 'e', data: [], usage: { prompt_tokens: 10 } }))
    const response = await send('http://provider.test/v1/embeddings', { method: 'POST', body: JSON.stringify({ model: 'e', input: 'x' }) })
    await response.text()
    const spans = recording.take()
    expect(spans.map((s) => s.name)).toEqual(['embeddings e'])
    expect(spans[0]?.attributes['gen_ai.usage.input_tokens']).toBe(10)
  })
})
