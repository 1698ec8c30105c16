/** A journal on a disk of 32 MiB that somebody fills: a real file system that is full, under load, and kill -9 while it is. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { sumOf, until } from '../support/app.ts'
import { startLedger } from '../support/ledger.ts'
import { served } from '../support/served.ts'

const disk = mkdtempSync(join(tmpdir(), 'agentopz-disk-'))
const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=32m', 'agentopz-test', disk]).status === 0
afterAll(() => {
  if (isMounted) spawnSync('umount', [disk])
  rmSync(disk, { recursive: true, force: true })
})
const filler = join(disk, 'filler')
/** Takes all the room there is. */
function fill(): void {
  for (let bytes = 32 * 2 ** 20; bytes >= 512; bytes = Math.floor(bytes / 2)) {
    try {
      writeFileSync(filler, Buffer.alloc(bytes), { flag: 'a' })
      bytes *= 2
    } catch {
      continue
    }
  }
}

// Mounting takes root; where that is not to be had, test/unit/app/journal/journal.test.ts has a disk of its own making.
describe.skipIf(!isMounted)('a disk that is full', () => {
  test('refuse: senders keep what they have, and nothing is lost or counted twice', async () => {
    const server = await served(`journal: ${join(disk, 'a')}\nruns: { settle_seconds: 1 }\n`)
    const ledger = startLedger(server.otlp, 4, () => 0.5)
    try {
      server.spawn()
      await server.ready()
      ledger.go()
      await until(async () => sumOf(await server.metrics(), 'agentopz_spans_received_total') > 0, 'spans come')
      fill()
      await until(async () => sumOf(await server.metrics(), 'agentopz_journal_up') === 0, 'it cannot be written')
      await until(() => Promise.resolve(ledger.counts.refused > 5), 'requests are refused')
      // Killed while it is full: the start must do without room.
      await server.kill('SIGKILL')
      server.spawn()
      await server.ready()
      await new Promise((r) => setTimeout(r, 500))
      rmSync(filler)
      await ledger.pause()
      const text = await server.metrics()
      expect(sumOf(text, 'agentopz_spans_received_total') - sumOf(text, 'agentopz_duplicate_spans_total')).toBe(ledger.acknowledged.spans)
      expect(sumOf(text, 'agentopz_journal_up')).toBe(1)
    } finally {
      await server.end()
      rmSync(join(disk, 'a'), { recursive: true, force: true })
      rmSync(filler, { force: true })
    }
  }, 120_000)

  test.each([1, 2])(
    'a start of %i process(es) does without room',
    async (processes) => {
      const server = await served(`journal: ${join(disk, 'c')}\nprocesses: ${processes}\nruns: { settle_seconds: 1 }\n`)
      const ledger = startLedger(server.otlp, 4, () => 0.5)
      try {
        server.spawn()
        await server.ready()
        ledger.go()
        await until(async () => sumOf(await server.metrics(), 'agentopz_spans_received_total') > 0, 'spans come')
        await ledger.pause()
        await server.kill('SIGKILL')
        fill()
        // Begun on a full disk, killed, and begun again: what is there continues each time.
        for (let n = 0; n < 2; n++) {
          server.spawn()
          await server.ready()
          const text = await server.metrics()
          expect(sumOf(text, 'agentopz_spans_received_total')).toBe(ledger.acknowledged.spans)
          await server.kill('SIGKILL')
        }
      } finally {
        await server.end()
        rmSync(join(disk, 'c'), { recursive: true, force: true })
        rmSync(filler, { force: true })
      }
    },
    120_000,
  )

  test('degrade: everything is taken all the while', async () => {
    const server = await served(`journal: { dir: '${join(disk, 'b')}', when_full: degrade }\nruns: { settle_seconds: 1 }\n`)
    const ledger = startLedger(server.otlp, 4, () => 0.5)
    try {
      server.spawn()
      await server.ready()
      ledger.go()
      await until(async () => sumOf(await server.metrics(), 'agentopz_spans_received_total') > 0, 'spans come')
      fill()
      await until(
        async () => sumOf(await server.metrics(), 'agentopz_journal_requests_total', { outcome: 'unwritten' }) > 20,
        'taken unwritten',
      )
      rmSync(filler)
      await until(async () => sumOf(await server.metrics(), 'agentopz_journal_up') === 1, 'it is written again')
      await new Promise((r) => setTimeout(r, 1500))
      await ledger.pause()
      expect(ledger.counts.refused).toBe(0)
      const text = await server.metrics()
      expect(sumOf(text, 'agentopz_spans_received_total')).toBe(ledger.acknowledged.spans)
      // A snapshot has made it whole again.
      await server.kill('SIGKILL')
      server.spawn()
      await server.ready()
      expect(sumOf(await server.metrics(), 'agentopz_spans_received_total')).toBe(ledger.acknowledged.spans)
    } finally {
      await server.end()
    }
  }, 120_000)
})
