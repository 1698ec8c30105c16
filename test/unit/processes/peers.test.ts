/** Questions to another process that does not answer them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { encodeFrame, FrameReader } from '../../../app/processes/frames.ts'
import { PeerGone, Peers, type Question } from '../../../app/processes/peers.ts'

const question = (signal: number, bytes = 1): Question => ({ kind: 'part', signal, encoding: 0, body: Buffer.alloc(bytes) })
let dir: string
let peers: Peers
let other: Server
let links: Socket[]
let reads: boolean
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'agentopz-peers-'))
  links = []
  reads = true
  peers = new Peers({ index: 0, count: 2, sockets: dir }, 200)
  // Answers questions of signal 0, where it reads at all.
  other = createServer((socket) => {
    links.push(socket)
    socket.on('error', () => undefined)
    if (!reads) return
    const frames = new FrameReader()
    socket.on('data', (chunk: Buffer) => {
      for (const frame of frames.push(chunk))
        if (frame.signal === 0) for (const piece of encodeFrame({ ...frame, kind: 'taken' })) socket.write(piece)
    })
  })
  await new Promise<void>((done) => other.listen(join(dir, '1'), done))
})
afterEach(() => {
  peers.close()
  for (const link of links) link.destroy()
  other.close()
  rmSync(dir, { recursive: true, force: true })
})

test('one that answers others is slow: only that question is refused', async () => {
  const slow = peers.ask(1, question(1))
  slow.catch(() => undefined)
  await new Promise((r) => setTimeout(r, 100))
  expect(await peers.ask(1, question(0))).toMatchObject({ kind: 'taken' })
  await expect(slow).rejects.toThrow(new PeerGone('another process did not answer'))
  await peers.ask(1, question(0))
  expect(links.length).toBe(1)
})

test('one that says nothing is left alone with what it was sent, and asked anew', async () => {
  reads = false
  const asked = [peers.ask(1, question(0, 5_000_000)), peers.ask(1, question(0))]
  for (const { status } of await Promise.allSettled(asked)) expect(status).toBe('rejected')
  reads = true
  expect(await peers.ask(1, question(0))).toMatchObject({ kind: 'taken' })
  expect(links.length).toBe(2)
})
