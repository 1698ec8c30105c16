/** The span processor in a process of its own: an application that does not shut it down ends as without it. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const API = join(import.meta.dirname, '../../processor/index.ts')
const PROGRAM = `
import { TracerProvider } from '@opentelemetry/sdk-trace'
import { createSpanProcessor } from ${JSON.stringify(API)}
const agentopz = createSpanProcessor()
const tracer = new TracerProvider({ spanProcessors: [agentopz] }).getTracer('app')
for (let n = 0; n < 40; n++) tracer.startSpan('r', { attributes: { 'gen_ai.operation.name': 'invoke_agent' } }).end()
process.on('exit', () => process.stdout.write(String(agentopz.pipeline.runs.openSpans)))
`

test('it keeps no process alive, and knows at its end of every span', async () => {
  const run = promisify(execFile)
  const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '--eval', PROGRAM], { timeout: 20_000 })
  expect([stdout, stderr]).toEqual(['40', ''])
})
