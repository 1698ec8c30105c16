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
  /** It is gone; `why` is empty where it was told to end and did. */
  ended(why: string): void
}

export interface Ports {
  readonly otlpHttp: number | undefined
  readonly otlpGrpc: number | undefined
}

/** Before whoever asks has given up: Prometheus after 10 s (`scrape_timeout`), most exporters too. */
const ANSWER_MS = 8000
/** A process that tells its series says so at once; one that hangs must not take a scrape all of its time. */
const SERIES_BEGIN_MS = 3000
/** How often one that is to end is asked for a sign of life. */
const LOOK_MS = 1000
/** So long it may be silent while it drains, and while it ends: then it may close all its runs at once, some seconds of work. */
const [SILENT_DRAINING_MS, SILENT_ENDING_MS] = [10_000, 30_000]
/** Beyond the grace, which its receivers have, and then its relays. */
const AFTER_GRACE_MS = 5000

/** In which time an answer must begin, and then be whole. */
interface Bounds {
  readonly beginMs: number
  readonly wholeMs: number
}

const SERIES: Bounds = { beginMs: SERIES_BEGIN_MS, wholeMs: ANSWER_MS }
const AT_ONCE: Bounds = { beginMs: ANSWER_MS, wholeMs: ANSWER_MS }

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
  /** Signs of life that were asked for since it last said anything. */
  #unanswered = 0
  #isToEnd = false

  constructor(start: Extract<ToShard, { kind: 'start' }>, events: ChildEvents) {
    const exec = fileURLToPath(new URL(`./shard${extname(fileURLToPath(import.meta.url))}`, import.meta.url))
    cluster.setupPrimary({ exec, args: [start.place.sockets], serialization: 'advanced' })
    this.#events = events
    this.#worker = cluster.fork()
    this.#worker.on('message', (message: FromShard) => this.#heard(message))
    this.#worker.on('error', () => undefined)
    this.#worker.once('exit', (code, signal) => {
      const isInOrder = this.#isToEnd && code === 0 && this.#why === ''
      const why = isInOrder ? '' : this.#why === '' ? `it ended with ${signal ?? `exit code ${code}`}` : this.#why
      for (const { refuse } of this.#waiting) refuse(new Error(why === '' ? 'the process has ended' : why))
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

  /** Asks for a sign of life; how many were asked for before and not given. Anything it says is one. */
  ping(): number {
    this.tell({ kind: 'ping' })
    return this.#unanswered++
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
      return m.last === undefined ? 'begun' : done(m.last)
    }, SERIES)
    this.tell({ kind: 'series', id })
    return await all
  }

  /** @throws Refusal when it is not there. */
  async keep(evaluation: SentEvaluation): Promise<Kept> {
    const id = this.#nextId++
    const kept = this.#answer<Kept>((m, done) => m.kind === 'evaluation' && m.id === id && done(m.outcome), AT_ONCE)
    this.tell({ kind: 'evaluation', id, evaluation })
    try {
      return await kept
    } catch (error) {
      throw new Refusal('overload', error instanceof Error ? error.message : String(error))
    }
  }

  /** Has it take nothing in any more. Resolves when it has, or is gone; one that hangs is killed. */
  async drain(graceMs: number): Promise<void> {
    const drained = this.#answer<void>((m, done) => m.kind === 'drained' && done(undefined))
    this.tell({ kind: 'drain', graceMs })
    const late = setTimeout(() => this.kill('it had not finished in time'), 2 * graceMs + AFTER_GRACE_MS)
    await this.#orKilled(drained, SILENT_DRAINING_MS).catch(() => undefined)
    clearTimeout(late)
  }

  /** Has it end. Resolves when it is gone; one that hangs is killed. */
  async close(): Promise<void> {
    if (this.#worker.isDead()) return
    const gone = new Promise((done) => this.#worker.once('exit', done))
    this.#isToEnd = true
    this.tell({ kind: 'close' })
    await this.#orKilled(gone, SILENT_ENDING_MS)
  }

  /** Ends it whatever it does; it is told as having ended for this reason. */
  kill(why: string): void {
    this.#why = why
    this.#worker.process.kill('SIGKILL')
  }

  async #orKilled(work: Promise<unknown>, silentMs: number): Promise<void> {
    const look = setInterval(() => {
      if (this.ping() * LOOK_MS >= silentMs) this.kill('it did not answer')
    }, LOOK_MS)
    await work.finally(() => clearInterval(look))
  }

  #heard(message: FromShard): void {
    this.#unanswered = 0
    if (message.kind === 'hello') this.#events.hello(message.isWhole)
    else if (message.kind === 'seen') this.#events.seen(message)
    else if (message.kind === 'failed') this.#why = message.message
    else for (const waiting of this.#waiting) if (waiting.heard(message)) this.#waiting.delete(waiting)
  }

  #answer<T>(heard: (message: FromShard, done: (value: T) => true) => boolean | 'begun', bounds?: Bounds): Promise<T> {
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
      const late = (): void => {
        this.#waiting.delete(waiting)
        refuse(new Error('the process did not answer in time'))
      }
      let hasBegun = false
      const waiting: Waiting = {
        refuse,
        heard: (message) => {
          const is = heard(message, done)
          if (is !== 'begun') return is
          if (!hasBegun && bounds !== undefined) {
            clearTimeout(timer)
            timer = setTimeout(late, bounds.wholeMs - bounds.beginMs)
          }
          hasBegun = true
          return false
        },
      }
      this.#waiting.add(waiting)
      if (bounds !== undefined) timer = setTimeout(late, bounds.beginMs)
    })
  }
}
