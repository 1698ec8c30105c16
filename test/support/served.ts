/**
 * `agentopz serve` as a process of its own, to be killed: fixed free ports, a folder of its own. What it prints is kept.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const TOP = join(import.meta.dirname, '../..')

export interface Served {
  readonly dir: string
  readonly otlp: string
  readonly grpc: string
  readonly url: string
  /** Of the process started last. */
  readonly pid: number
  /** Starts the process; resolves at once. */
  spawn(): void
  /** Resolves when it is ready. @throws with what it printed when it ends before. */
  ready(): Promise<void>
  /** Kills it by a signal and waits until it is gone. */
  kill(signal: NodeJS.Signals): Promise<void>
  metrics(): Promise<string>
  /** All it has printed since the last start. */
  readonly printed: string
  /** Ends it and removes its folder. */
  end(): Promise<void>
}

/**
 * Prepares a processor with this configuration besides its addresses. Relative paths in it are in a folder of its own. `launcher` is what
 * starts it in its place, and must become it.
 */
export async function served(yaml: string, storage = 'sqlite::memory:', launcher: readonly string[] = []): Promise<Served> {
  const dir = mkdtempSync(join(tmpdir(), 'agentopz-served-'))
  const [http = 0, grpc = 0, listen = 0] = await freePorts(3)
  writeFileSync(
    join(dir, 'agentopz.yaml'),
    `receive: { otlp_http: '127.0.0.1:${http}', otlp_grpc: '127.0.0.1:${grpc}' }\nlisten: 127.0.0.1:${listen}\nstorage: '${storage}'\nlog: { format: json }\n${yaml}`,
  )
  let child: ChildProcess | undefined
  let gone: Promise<unknown> = Promise.resolve()
  let printed = ''
  const url = `http://127.0.0.1:${listen}`
  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    child?.kill(signal)
    await gone
  }
  return {
    dir,
    url,
    otlp: `http://127.0.0.1:${http}`,
    grpc: `127.0.0.1:${grpc}`,
    get pid() {
      return child?.pid ?? 0
    },
    get printed() {
      return printed
    },
    spawn: () => {
      printed = ''
      const line = [process.execPath, 'app/cli.ts', 'serve', '--config', join(dir, 'agentopz.yaml')]
      const [command = process.execPath, ...args] = [...launcher, ...line]
      const started = spawn(command, args, {
        cwd: TOP,
        env: { PATH: process.env['PATH'] },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      for (const out of [started.stdout, started.stderr]) out.setEncoding('utf8').on('data', (text: string) => (printed += text))
      child = started
      gone = new Promise((done) => started.once('close', done))
    },
    ready: async () => {
      for (const end = Date.now() + 90_000; Date.now() < end;) {
        if (child?.exitCode !== null || child.signalCode !== null) throw new Error(`serve ended: ${printed}`)
        const answer = await fetch(`${url}/-/ready`).catch(() => undefined)
        if (answer?.ok === true) return
        await new Promise((r) => setTimeout(r, 25))
      }
      throw new Error(`serve did not become ready: ${printed}`)
    },
    kill,
    metrics: async () => (await fetch(`${url}/metrics`)).text(),
    end: async () => {
      await kill('SIGKILL')
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
      return server
    }),
  )
  const ports = servers.map((s) => (s.address() as AddressInfo).port)
  await Promise.all(servers.map((s) => new Promise((closed) => s.close(closed))))
  return ports
}
