/**
 * One `agentopz serve` for bench:journal: from a configuration with a journal or without one, in a folder of its own. Out: its ports, its CPU time
 * and its metrics; it can be killed and started again on what it left.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { freePort } from '../../app/free-port.ts'
import { cpuSecondsOf, sumOf } from '../collector/contenders.ts'

const CLI = join(import.meta.dirname, '../../app/cli.ts')

export class Server {
  readonly #dir: string
  readonly #url: string
  readonly port: number
  #child: ChildProcess

  private constructor(dir: string, port: number, page: number) {
    this.#dir = dir
    this.port = port
    this.#url = `http://127.0.0.1:${page}`
    this.#child = this.#spawn()
  }

  /** Makes the folder, and starts it with `more` in the configuration. */
  static async start(dir: string, more: string): Promise<Server> {
    mkdirSync(dir)
    const [port, page] = [await freePort(0, () => undefined), await freePort(0, () => undefined)]
    writeFileSync(
      join(dir, 'agentopz.yaml'),
      `receive: { otlp_http: '127.0.0.1:${port}', otlp_grpc: 'off' }\nlisten: 127.0.0.1:${page}\nstorage: 'sqlite::memory:'\nlog: { level: error }\n${more}`,
    )
    const server = new Server(dir, port, page)
    await server.#ready()
    return server
  }

  cpuSeconds(): number {
    return cpuSecondsOf(this.#child.pid ?? 0)
  }

  /** A metric, all series together. */
  async sample(name: string): Promise<number> {
    return sumOf(await (await fetch(`${this.#url}/metrics`)).text(), name)
  }

  /** Waits until every run is closed that can be. */
  async settled(): Promise<void> {
    for (let open = -1, before = -2; open !== before; await wait(1500)) {
      before = open
      open = await this.sample('agentopz_open_runs')
    }
  }

  journalBytes(): number {
    const dir = join(this.#dir, 'journal')
    return readdirSync(dir).reduce((n, name) => n + statSync(join(dir, name)).size, 0)
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    const gone = new Promise((done) => this.#child.once('exit', done))
    this.#child.kill('SIGKILL')
    await gone
  }

  /** After `kill`, on what it left; the milliseconds until it was ready. */
  async startAgain(): Promise<number> {
    const began = performance.now()
    this.#child = this.#spawn()
    await this.#ready()
    return performance.now() - began
  }

  #spawn(): ChildProcess {
    return spawn(process.execPath, [CLI, 'serve', '--config', join(this.#dir, 'agentopz.yaml')], { stdio: ['ignore', 'ignore', 'inherit'] })
  }

  async #ready(): Promise<void> {
    for (;;) {
      if (this.#child.exitCode !== null) throw new Error('serve ended; its error is above')
      if ((await fetch(`${this.#url}/-/ready`).catch(() => undefined))?.ok === true) return
      await wait(10)
    }
  }
}
