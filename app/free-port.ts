/** Ports for programs that run beside us: the wanted one, else any that is free. */
import { createServer } from 'node:net'

/** The wanted port when it is free, else any free one; 0 wants any. `taken` is told when it was not free. */
export async function freePort(wanted: number, taken: (port: number) => void): Promise<number> {
  if (wanted !== 0 && (await isFree(wanted))) return wanted
  const port = await anyPort()
  if (wanted !== 0) taken(port)
  return port
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const probe = createServer()
    probe.once('error', () => done(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => done(true)))
  })
}

function anyPort(): Promise<number> {
  return new Promise((done, fail) => {
    const probe = createServer()
    probe.once('error', fail)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => done(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
