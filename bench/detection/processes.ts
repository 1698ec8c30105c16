/** Programs beside us: run to the end with an error that quotes what the program said, a bounded number at once, free ports. */
import { execFile } from 'node:child_process'
import { createServer } from 'node:net'

/** Runs a program to its end. @throws with its last words when it fails. */
export function run(command: string, args: readonly string[], cwd?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, [...args], { maxBuffer: 256 * 1024 * 1024, ...(cwd === undefined ? {} : { cwd }) }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else if (error.code === 'ENOENT')
        reject(new Error(`${command} is not installed; on Debian: apt-get install prometheus prometheus-alertmanager`))
      else
        reject(new Error(`${command} ${args.slice(0, 3).join(' ')} … failed: ${(stderr || stdout || error.message).trim().slice(-2000)}`))
    })
  })
}

/** Maps with at most `width` at work at once; the first error ends it. */
export async function mapAtOnce<T, R>(items: readonly T[], width: number, work: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const out: R[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    for (;;) {
      const index = next++
      const item = items[index]
      if (index >= items.length || item === undefined) return
      out[index] = await work(item, index)
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker))
  return out
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port)
        else reject(new Error('no free port on 127.0.0.1'))
      })
    })
  })
}
