/**
 * One of the processes as the first one sees it: started, asked, told, and noticed when it ends. It takes connections through node:cluster,
 * where the first process holds the sockets: another program on the same port is an error as ever, connections are dealt out in turns, and
 * those of a process that died go to the others.
 */
import cluster, { type Worker } from 'node:cluster'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ProcessMetric } from '../../processor/metrics.ts'
import { Refusal } from '../../processor/receive.ts'
import type { FamilySeries, FromShard, Kept, SentEvaluation, ToShard } from './messages.ts'

export interface ChildEvents {
  /** The journal was read. */
  hello(isWhole: boolean): void
  seen(news: Extract<FromShard, { kind: 'seen' }>): void
  /** It is gone; `why` where it said so. */
  ended(why: string): void
}

export interface Ports {
  readonly otlpHttp: number | undefined
  readonly otlpGrpc: number | undefined
}

/** How long an answer may take before what is known is taken instead. */
const ANSWER_MS = 10_000

interface Waiting {
  readonly heard: (message: FromShard) => boolean
  readonly refuse: (error: Error) => void
}

export class Child {
  readonly #worker: Worker
  readonly #events: ChildEvents
  readonly #waiting = new Set<Waiting>()
  #why = ''
  #nextId = 1

  constructor(start: Extract<ToShard, { kind: 'start' }>, events: ChildEvents) {
    const exec = fileURLToPath(new URL(`./shard${extname(fileURLToPath(import.meta.url))}`, import.meta.url))
    cluster.setupPrimary({ exec, args: [], serialization: 'advanced' })
    this.#events = events
    this.#worker = cluster.fork()
    this.#worker.on('message', (message: FromShard) => this.#heard(message))
    this.#worker.on('error', () => undefined)
    this.#worker.once('exit', (code, signal) => {
      const why = this.#why === '' ? `it ended with ${signal ?? `exit code ${code}`}` : this.#why
      for (const { refuse } of this.#waiting) refuse(new Error(why))
      this.#waiting.clear()
      this.#events.ended(why)
    })
    this.tell(start)
  }

  get pid(): number {
    return this.#worker.process.pid ?? 0
  }

  tell(message: ToShard): void {
    if (this.#worker.isConnected()) this.#worker.send(message, undefined, () => undefined)
  }

  /** Waits until it takes spans in. @throws with why it ended before. */
  ready(): Promise<Ports> {
    return this.#answer<Ports>((m, done) => m.kind === 'ready' && done(m))
  }

  /** Asks for all series; `take` is given them as they come. @throws when it does not answer in time. */
  async series(take: (families: readonly FamilySeries[]) => void): Promise<readonly ProcessMetric[]> {
    const id = this.#nextId++
    const all = this.#answer<readonly ProcessMetric[]>((m, done) => {
      if (m.kind !== 'series' || m.id !== id) return false
      take(m.series)
      return m.last !== undefined && done(m.last)
    }, ANSWER_MS)
    this.tell({ kind: 'series', id })
    return await all
  }

  /** @throws Refusal when it is not there. */
  async keep(evaluation: SentEvaluation): Promise<Kept> {
    const id = this.#nextId++
    const kept = this.#answer<Kept>((m, done) => m.kind === 'evaluation' && m.id === id && done(m.outcome), ANSWER_MS)
    this.tell({ kind: 'evaluation', id, evaluation })
    try {
      return await kept
    } catch (error) {
      throw new Refusal('overload', error instanceof Error ? error.message : String(error))
    }
  }

  /** Has it take nothing in any more. Resolves when it has, or is gone. */
  async drain(graceMs: number): Promise<void> {
    const drained = this.#answer<void>((m, done) => m.kind === 'drained' && done(undefined))
    this.tell({ kind: 'drain', graceMs })
    await drained.catch(() => undefined)
  }

  /** Has it end. Resolves when it is gone. */
  async close(): Promise<void> {
    if (this.#worker.isDead()) return
    const gone = new Promise((done) => this.#worker.once('exit', done))
    this.tell({ kind: 'close' })
    await gone
  }

  kill(): void {
    this.#worker.process.kill('SIGKILL')
  }

  #heard(message: FromShard): void {
    if (message.kind === 'hello') this.#events.hello(message.isWhole)
    else if (message.kind === 'seen') this.#events.seen(message)
    else if (message.kind === 'failed') this.#why = message.message
    else for (const waiting of this.#waiting) if (waiting.heard(message)) this.#waiting.delete(waiting)
  }

  #answer<T>(heard: (message: FromShard, done: (value: T) => true) => boolean, withinMs?: number): Promise<T> {
    return new Promise((answer, fail) => {
      if (this.#worker.isDead()) return fail(new Error('the process is gone'))
      let timer: NodeJS.Timeout | undefined
      const done = (value: T): true => {
        clearTimeout(timer)
        answer(value)
        return true
      }
      const refuse = (error: Error): void => {
        clearTimeout(timer)
        fail(error)
      }
      const waiting: Waiting = { heard: (message) => heard(message, done), refuse }
      this.#waiting.add(waiting)
      if (withinMs !== undefined)
        timer = setTimeout(() => {
          this.#waiting.delete(waiting)
          refuse(new Error('the process did not answer in time'))
        }, withinMs)
    })
  }
}
