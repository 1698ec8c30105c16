/** The journal as the app has it: what came before a kill is what it was, whatever the configuration says by then. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../support/app.ts'
import { otlp, toProtobuf } from '../support/otlp.ts'

let dir: string
let apps: TestApp[]
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'agentopz-journal-'))
  apps = []
})
afterEach(async () => {
  for (const { app } of apps) await app.stop()
  rmSync(dir, { recursive: true, force: true })
})

async function start(name: string, yaml: string): Promise<TestApp> {
  const app = await startTestApp(`journal: ${join(dir, name)}\n${yaml}`)
  apps.push(app)
  return app
}

async function post(to: TestApp, n: number): Promise<number> {
  const id = (k: number): string => (n * 10 + k).toString(16).padStart(16, '0')
  const traceId = n.toString(16).padStart(32, '0')
  const agent = { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'support' }
  const body = toProtobuf(
    otlp({
      spans: [
        { traceId, spanId: id(1), attributes: agent },
        { traceId, spanId: id(2), parentSpanId: id(1), attributes: { 'gen_ai.operation.name': 'chat' } },
      ],
    }),
  )
  const answer = await fetch(`${to.otlp}/v1/traces`, { method: 'POST', body, headers: { 'content-type': 'application/x-protobuf' } })
  return answer.status
}

test('bounds of requests that are lowered hold for what comes, not for what was acknowledged', async () => {
  const one = await start('one', '')
  expect(await post(one, 1)).toBe(200)
  // As a kill leaves it.
  cpSync(join(dir, 'one'), join(dir, 'two'), { recursive: true, filter: (path) => !/\/lock/.test(path) })
  const two = await start('two', 'limits: { max_items_per_request: 1 }\n')
  expect([await two.value('agentopz_spans_received_total'), await two.value('agentopz_open_runs')]).toEqual([2, 1])
  expect(await post(two, 2)).toBe(400)
  cpSync(join(dir, 'two'), join(dir, 'three'), { recursive: true, filter: (path) => !/\/lock/.test(path) })
  // What was refused stays refused.
  const three = await start('three', '')
  expect([await three.value('agentopz_spans_received_total'), await three.value('agentopz_journal_damage_total')]).toEqual([2, 0])
  expect(await post(three, 2)).toBe(200)
  expect(await three.value('agentopz_spans_received_total')).toBe(4)
})
