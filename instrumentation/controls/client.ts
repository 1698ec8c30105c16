/**
 * The controls as this process knows them: heard from the control plane, else kept on disk from last time, else none. Reads are from memory.
 * When the control plane is lost, the last known controls stay in force, each as its `when_lost` says; spans and `state` show it.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { ReleaseDocument } from '../../model/release.ts'
import { contained, say, sayOnce } from '../log.ts'
import { Flags } from './flags.ts'
import { listen, type ListenOptions } from './listen.ts'
import { type AgentControls, ALLOWED, type Allowed, type ControlState, type ControlView, type ToolControls } from './view.ts'

export interface ClientOptions {
  readonly url: string
  readonly token: string | undefined
  readonly tls?: ListenOptions['tls']
  readonly cacheFile: string | undefined
  readonly coldDeadlineMs: number
  readonly neverHeard: 'admit' | 'refuse'
  readonly service: string
  readonly environment: string
  /** Called after the controls changed, never before `start` returned. */
  changed(): void
}

export class ControlClient implements ControlView {
  readonly #options: ClientOptions
  #flags: Flags | undefined
  /** The flag set as it was heard. */
  text = ''
  #heardMs: number | undefined
  #how: 'stream' | 'poll' = 'stream'
  readonly #startedMs = Date.now()
  #cold: Promise<void> | undefined
  #coldUntilMs: number | undefined
  #warm: (() => void) | undefined
  #stop: (() => void) | undefined
  /** Flag sets that did not validate. */
  refused = 0
  #writes = 0
  /** Heard, and not on disk yet. */
  #unwritten: string | undefined
  readonly #subscribers = new Set<() => void>()

  constructor(options: ClientOptions) {
    this.#options = options
  }

  /** Takes what is on disk at once, then listens. */
  start(): void {
    contained('control cache', () => this.#readCache())
    const { coldDeadlineMs } = this.#options
    if (this.#flags === undefined && coldDeadlineMs > 0)
      this.#cold = new Promise((done) => {
        this.#warm = () => {
          this.#cold = undefined
          this.#warm = undefined
          done()
        }
      })
    this.#stop = listen({
      url: this.#options.url,
      token: this.#options.token,
      ...(this.#options.tls === undefined ? {} : { tls: this.#options.tls }),
      query: { service: this.#options.service, environment: this.#options.environment, instance: String(process.pid) },
      heard: (text) => this.#heard(text),
      alive: (how) => {
        this.#heardMs = Date.now()
        this.#how = how
      },
      failed: (reason) => {
        this.#warm?.()
        sayOnce('control plane', 'info', `no control plane at ${this.#options.url} (${reason}); trying on`)
      },
      version: () => this.#flags?.version,
    })
  }

  stop(): void {
    this.#stop?.()
    this.#warm?.()
  }

  /** Calls back after every change. */
  subscribe(changed: () => void): void {
    this.#subscribers.add(changed)
  }

  get flags(): Flags | undefined {
    return this.#flags
  }

  get state(): ControlState {
    if (this.#flags === undefined) return 'cold'
    if (Date.now() - (this.#heardMs ?? this.#startedMs) > this.#flags.lostAfterMs) return 'lost'
    return this.#heardMs === undefined ? 'kept' : this.#how === 'stream' ? 'live' : 'polling'
  }

  ready(): Promise<void> | undefined {
    if (this.#cold === undefined) return undefined
    // From the first call on: until then the process was starting, and had no time to hear of anything.
    this.#coldUntilMs ??= Date.now() + this.#options.coldDeadlineMs
    const left = this.#coldUntilMs - Date.now()
    const deadline = setTimeout(() => this.#warm?.(), Math.max(0, left))
    return this.#cold.finally(() => clearTimeout(deadline))
  }

  agent(agent: string): AgentControls {
    return this.#current()?.agent(agent, Date.now()) ?? this.#unheard()
  }

  tool(agent: string, tool: string): ToolControls {
    return this.#current()?.tool(agent, tool, Date.now()) ?? ALLOWED
  }

  run(agent: string, run: string, startedMs?: number): Allowed {
    return this.#current()?.run(agent, run, startedMs, Date.now()) ?? ALLOWED
  }

  release(agent: string): ReleaseDocument | undefined {
    return this.#current()?.release(agent, Date.now())
  }

  #unheard(): AgentControls {
    if (this.#options.neverHeard === 'admit') return ALLOWED
    return { allowed: false, isLost: true, reason: 'no controls were ever heard and AGENTOPZ_NEVER_HEARD=refuse' }
  }

  #current(): Flags | undefined {
    const flags = this.#flags
    if (flags === undefined) return undefined
    const lost = Date.now() - (this.#heardMs ?? this.#startedMs) > flags.lostAfterMs
    flags.setLost(lost)
    if (lost) sayOnce('lost', 'warn', `the control plane at ${this.#options.url} is lost; the last known controls stay in force`)
    return flags
  }

  #heard(text: string): boolean {
    if (!this.#take(text)) return false
    this.#heardMs = Date.now()
    this.#warm?.()
    void this.#writeCache(text)
    return true
  }

  #take(text: string): boolean {
    try {
      this.#flags = new Flags(text, this.#options.environment)
      this.text = text
    } catch (error) {
      this.refused++
      sayOnce(
        'flag set',
        'warn',
        `a control document was not valid and changed nothing: ${error instanceof Error ? error.message : String(error)}`,
      )
      return false
    }
    contained('controls changed', () => this.#options.changed())
    for (const changed of this.#subscribers) contained('controls changed', changed)
    return true
  }

  #readCache(): void {
    const file = this.#options.cacheFile
    if (file === undefined) return
    let text: string
    try {
      text = readFileSync(file, 'utf8')
    } catch {
      return
    }
    if (this.#take(text)) say('debug', `controls of last time taken from ${file}`)
  }

  /** One write at a time, always of the newest: two at once could end in the wrong order. */
  async #writeCache(text: string): Promise<void> {
    const file = this.#options.cacheFile
    const isWriting = this.#unwritten !== undefined
    this.#unwritten = text
    if (file === undefined || isWriting) return
    let written: string | undefined
    while (this.#unwritten !== written) {
      written = this.#unwritten
      await this.#write(file, written)
    }
    this.#unwritten = undefined
  }

  async #write(file: string, text: string): Promise<void> {
    try {
      makeFolder(dirname(file))
      const temporary = `${file}.${process.pid}.${++this.#writes}`
      await writeFile(temporary, text, { mode: 0o600 })
      await rename(temporary, file)
    } catch (error) {
      sayOnce('cache', 'info', `controls cannot be kept in ${file}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
}

/** A folder and those above it, for this user only. Not by Node's `recursive`, which never ends where a folder above cannot be made (in /proc). */
function makeFolder(path: string): void {
  if (existsSync(path)) return
  makeFolder(dirname(path))
  mkdirSync(path, { mode: 0o700 })
}
