/**
 * Real `agentopz serve` under a limit on its memory that the kernel enforces: it refuses with 503 before it is killed, and takes spans again
 * by itself. The same flood kills a process that does not watch its memory, which shows that the limit is one.
 */
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { sumOf, until } from '../support/app.ts'
import { limitData, memoryGroup, memoryOf } from '../support/memory-limits.ts'
import { otlp, toJson, toProtobuf } from '../support/otlp.ts'
import { type Served, served } from '../support/served.ts'

const MIB = 2 ** 20
const LIMIT = 256 * MIB
const RUNS = 'runs: { settle_seconds: 1, orphan_seconds: 3, idle_seconds: 3, remember_seconds: 3 }\n'
const watching = (memory: string): string => `${RUNS}limits: { max_memory: ${memory} }\n`

const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, '0')
let ids = 1
/** Runs that are open until they go idle, with much to remember. */
const open = (runs: number): ReturnType<typeof otlp> =>
  otlp({
    resource: { 'service.name': 'shop' },
    spans: Array.from({ length: runs }, () => {
      const id = ids++
      return Array.from({ length: 16 }, (_, k) => ({
        traceId: hex(id, 32),
        spanId: hex(id * 16 + k, 16),
        parentSpanId: hex(id * 16 + 15, 16),
        attributes: { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'm', 'gen_ai.response.id': `${id}-${k}-${'r'.repeat(200)}` },
      }))
    }).flat(),
  })

/** Bodies as they come: small ones, and now and then a large one, packed or in JSON. */
function bodyOf(n: number): { readonly body: Uint8Array; readonly headers: Readonly<Record<string, string>> } {
  if (n % 40 === 20) return { body: toJson(open(1500)), headers: { 'content-type': 'application/json' } }
  if (n % 40 === 0)
    return { body: gzipSync(toProtobuf(open(2500))), headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'gzip' } }
  return { body: toProtobuf(open(100)), headers: { 'content-type': 'application/x-protobuf' } }
}

/** Sends twelve at a time until 20 were refused; status 0 is no answer. */
async function flood(server: Served, most: number): Promise<Readonly<Record<number, number>>> {
  const seen: Record<number, number> = {}
  let n = 0
  const send = async (): Promise<void> => {
    while (n < most && (seen[503] ?? 0) < 20 && seen[0] === undefined) {
      const { body, headers } = bodyOf(++n)
      const answer = await fetch(`${server.otlp}/v1/traces`, { method: 'POST', body: body as Uint8Array<ArrayBuffer>, headers }).catch(
        () => undefined,
      )
      await answer?.arrayBuffer().catch(() => undefined)
      seen[answer?.status ?? 0] = (seen[answer?.status ?? 0] ?? 0) + 1
    }
  }
  await Promise.all(Array.from({ length: 12 }, send))
  return seen
}

/** It refused before the limit, lives, and takes spans again. */
async function stoodFlood(server: Served): Promise<void> {
  const seen = await flood(server, 6000)
  expect(Object.keys(seen).sort()).toEqual(['200', '503'])
  const text = await server.metrics()
  expect(sumOf(text, 'agentopz_requests_rejected_total', { reason: 'memory' })).toBeGreaterThan(0)
  expect(sumOf(text, 'agentopz_memory_limit_bytes', { of: 'process' })).toBe(LIMIT)
  expect(sumOf(text, 'agentopz_internal_errors_total')).toBe(0)
  const body = toProtobuf(open(1))
  const headers = { 'content-type': 'application/x-protobuf' }
  const again = async (): Promise<boolean> =>
    (await fetch(`${server.otlp}/v1/traces`, { method: 'POST', body: body as Uint8Array<ArrayBuffer>, headers })).status === 200
  await until(again, 'it takes spans again', 40)
}

describe('a cgroup with a limit', { timeout: 180_000 }, () => {
  test('is found, kept to and outlived', async ({ skip }) => {
    const group = memoryGroup(LIMIT)
    if (typeof group === 'string') return skip(group)
    const server = await served(watching('auto'), undefined, group.launcher)
    server.spawn()
    try {
      await server.ready()
      await stoodFlood(server)
      expect(group.killed).toBe(0)
      expect(group.peakBytes).toBeLessThanOrEqual(LIMIT)
    } finally {
      await server.end()
      group.remove()
    }
  })

  test('kills a process that does not watch its memory', async ({ skip }) => {
    const group = memoryGroup(LIMIT)
    if (typeof group === 'string') return skip(group)
    const server = await served(watching('off'), undefined, group.launcher)
    server.spawn()
    try {
      await server.ready()
      expect(await flood(server, 20_000)).toHaveProperty('0')
      expect(group.killed).toBe(1)
    } finally {
      await server.end()
      group.remove()
    }
  })
})

/** Whether a process of ours runs. */
function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Of address space that a process may write to, for what is used is more scattered than it is large, and threads begin late: 165 MiB more
 * than at the start were seen, where 110 were used. */
const SCATTERED = 160 * MIB

describe('a limit on the data of the process', { timeout: 180_000 }, () => {
  /** Started, and given what is left of LIMIT; why not, where that cannot be. */
  async function limited(yaml: string): Promise<{ readonly server: Served; readonly why: string | undefined }> {
    const server = await served(yaml)
    server.spawn()
    await server.ready()
    const used = sumOf(await server.metrics(), 'agentopz_memory_used_bytes', { of: 'process' })
    return { server, why: limitData(server.pid, LIMIT - used + SCATTERED) }
  }

  test('is kept to and outlived', async ({ skip }) => {
    const { server, why } = await limited(watching(`${LIMIT / MIB}MiB`))
    try {
      if (why !== undefined) return skip(why)
      // What a cgroup would charge, and could not take back.
      let most = 0
      const looking = setInterval(() => (most = Math.max(most, memoryOf(server.pid, 'RssAnon'))), 20)
      await stoodFlood(server).finally(() => clearInterval(looking))
      expect(most).toBeGreaterThan(LIMIT / 4)
      expect(most).toBeLessThan(LIMIT)
    } finally {
      await server.end()
    }
  })

  test('ends a process that does not watch its memory', async ({ skip }) => {
    const { server, why } = await limited(watching('off'))
    try {
      if (why !== undefined) return skip(why)
      expect(await flood(server, 20_000)).toHaveProperty('0')
      await until(async () => !isThere(server.pid), 'it has ended', 30)
    } finally {
      await server.end()
    }
  })
})
