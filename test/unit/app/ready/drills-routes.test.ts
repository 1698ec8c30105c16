/** Drills over HTTP: what is taken, who may tell of one, what is answered while nothing can be stored. */
import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { accessOf } from '../../../support/access.ts'
import { recordDrill, drillRoutes } from '../../../../app/ready/drills.ts'
import { createStorage, type DrillStorage } from '../../../../app/storage.ts'
import type { DrillRecord } from '../../../../model/drill.ts'

const NOW = Date.parse('2026-12-01T08:00:00Z')
const record: DrillRecord = {
  id: 'd1',
  drill: 'tool-failing',
  agent: 'support',
  environment: 'prod',
  startedMs: NOW - 120_000,
  endedMs: NOW - 60_000,
  outcome: 'failed',
  misses: ['the cause was not named'],
  detectedMs: NOW - 100_000,
  version: '0.1.0',
}

function world(
  drills: DrillStorage = createStorage('sqlite::memory:', '.'),
): (method: string, path: string, body?: object, role?: string) => Promise<Response> {
  const app = new Hono()
  drillRoutes(app, {
    drills,
    clock: () => NOW,
    storageFailed: () => undefined,
    ...accessOf(...(['ingest', 'read', 'operate'] as const).map((name) => ({ name, role: name, token: name }))),
  })
  return async (method, path, body, role = 'operate') =>
    app.request(path, {
      method,
      headers: { authorization: `Bearer ${role}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
}
const ask =
  (send: ReturnType<typeof world>) =>
  async (method: string, path: string, body?: object): Promise<unknown> => {
    const answer = await send(method, path, body)
    expect(answer.status).toBe(201)
    return answer.json()
  }

test('what recordDrill tells is stored as it was, and told again', async () => {
  const drills = createStorage('sqlite::memory:', '.')
  const send = world(drills)
  await recordDrill({ ask: ask(send) }, record)
  await recordDrill({ ask: ask(send) }, record)
  expect(await drills.drills()).toEqual([record])
  const told = (await (await send('GET', '/api/v1/drills', undefined, 'read')).json()) as { drills: object[] }
  expect(told.drills).toMatchObject([{ id: 'd1', outcome: 'failed', detected_at: '2026-12-01T07:58:20.000Z', agent: 'support' }])
})

const body = { id: 'd1', drill: 'x', started_at: '2026-12-01T07:00:00Z', ended_at: '2026-12-01T07:10:00Z', outcome: 'passed' }
test.each([
  ['no id', { ...body, id: '' }, 'id: write up to 128'],
  ['no outcome that there is', { ...body, outcome: 'great' }, 'outcome:'],
  ['an end before its start', { ...body, ended_at: '2026-12-01T06:00:00Z' }, 'ended_at is before started_at'],
  ['an end to come', { ...body, ended_at: '2026-12-02T06:00:00Z' }, 'ahead of the clock'],
  ['a pass that missed something', { ...body, misses: ['no alert'] }, 'did not pass'],
  ['a key that there is not', { ...body, agnet: 'x' }, 'agnet'],
  ['a line break', { ...body, misses: ['a\nb'], outcome: 'failed' }, 'control characters'],
])('%s is refused', async (_, given, says) => {
  const answer = await world()('POST', '/api/v1/drills', given)
  expect([answer.status, ((await answer.json()) as { detail: string }).detail]).toEqual([400, expect.stringContaining(says)])
})

test('who may only read tells of none, and a stranger reads none', async () => {
  const send = world()
  expect((await send('POST', '/api/v1/drills', body, 'read')).status).toBe(403)
  expect((await send('GET', '/api/v1/drills', undefined, 'nobody')).status).toBe(401)
})

test('while storage fails it is 503, and says that nothing was stored', async () => {
  const broken: DrillStorage = {
    name: 'x.db',
    drills: () => Promise.reject(new Error('locked')),
    recordDrill: () => Promise.reject(new Error('locked')),
  }
  const send = world(broken)
  for (const [method, given, because] of [
    ['GET', undefined, 'not_loaded'],
    ['POST', body, 'not_stored'],
  ] as const) {
    const answer = await send(method, '/api/v1/drills', given, method === 'GET' ? 'read' : 'operate')
    expect([answer.status, await answer.json()]).toMatchObject([503, { because, detail: 'x.db: locked' }])
  }
})
