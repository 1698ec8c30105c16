/**
 * Prepared bodies on disk and the replayer that sends them: what bench:collector and the soak have in common.
 */
import { spawn } from 'node:child_process'
import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { gzipSync } from 'node:zlib'
import { freePort } from '../../app/free-port.ts'
import { bodiesOf } from '../wire/bodies.ts'
import type { Mix } from '../wire/source.ts'
import { LOAD_CORE, pinned } from './contenders.ts'
import type { Done, Job } from './replayer.ts'

export const SPANS_PER_BODY = 512

/** Writes `count` gzipped bodies of different traces to a file; each comes after its length in four bytes. */
export function writeBodies(file: string, mix: Mix, count: number): void {
  const out = openSync(file, 'w')
  for (const { protobuf } of bodiesOf(mix, SPANS_PER_BODY, count)) {
    const zipped = gzipSync(protobuf)
    const length = Buffer.alloc(4)
    length.writeUInt32LE(zipped.length)
    writeSync(out, length)
    writeSync(out, zipped)
  }
  closeSync(out)
}

export interface Replayer {
  readonly sinkPort: number
  run(job: Partial<Job> & { readonly port: number; readonly from: number; readonly count: number }): Promise<Done>
  stop(): void
}

/** Starts the replayer on its core. */
export async function startReplayer(file: string): Promise<Replayer> {
  const sinkPort = await freePort(0, () => undefined)
  const [program, args] = pinned(LOAD_CORE, [process.execPath, join(import.meta.dirname, 'replayer.ts'), file, String(sinkPort)])
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const answer = async (): Promise<string> => {
    const { done, value } = await lines.next()
    if (done === true) throw new Error('the replayer ended; what it printed is above')
    return value
  }
  await answer()
  return {
    sinkPort,
    run: async (job) => {
      child.stdin.write(`${JSON.stringify({ rate: 0, maxSeconds: 600, connections: 8, ...job } satisfies Job)}\n`)
      return JSON.parse(await answer()) as Done
    },
    stop: () => void child.kill('SIGKILL'),
  }
}
