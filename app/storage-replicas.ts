/**
 * One connection to a shared database on which a replica hears of the others: it listens for changes, asks for the revisions once a second in
 * case it was not told, and holds the lock of who leads. Lost connections are made again, with growing pauses. Who was not answered for
 * `TRUSTED_MS` does not take itself for the leader, and the server ends the session of one that is silent for longer: a replica that hangs
 * stops leading by itself before another one begins.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Client } from 'pg'
import type { Shared } from './storage.ts'
import { CHANNEL, STATES, type StateName } from './storage-revisions.ts'

export interface ReplicasParts {
  /** A client that is not connected yet. @throws when the database cannot be used. */
  connect(): Promise<Client>
  revision(state: StateName): Promise<number>
  /** The server has not answered in time, and has not said why. */
  unanswered(): void
}

const ASK_EVERY_MS = 1000
const TRUSTED_MS = 5000
/** Longer than `TRUSTED_MS`, and told to the server. */
const SILENT = '15s'
const FIRST_PAUSE_MS = 100
const MAX_PAUSE_MS = 5000

interface Answer {
  readonly state: string
  readonly revision: string
  readonly pid: number
}

export class Replicas implements Shared {
  readonly #parts: ReplicasParts
  readonly #listeners = new Set<(state: StateName, revision: number) => void>()
  readonly #stop = new AbortController()
  #running: Promise<void> | undefined
  #problem: string | undefined = 'it was not asked yet'
  #holdsLock = false
  #answeredAt = Number.NEGATIVE_INFINITY

  constructor(parts: ReplicasParts) {
    this.#parts = parts
  }

  revision(state: StateName): Promise<number> {
    return this.#parts.revision(state)
  }

  /** The first one who listens starts it. */
  watch(listener: (state: StateName, revision: number) => void): () => void {
    this.#listeners.add(listener)
    this.#running ??= this.#run()
    return () => this.#listeners.delete(listener)
  }

  get leads(): boolean {
    return this.#holdsLock && performance.now() - this.#answeredAt < TRUSTED_MS
  }

  get problem(): string | undefined {
    return this.#problem
  }

  /** Ends the connection, and with it the lead. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    let pauseMs = FIRST_PAUSE_MS
    while (!signal.aborted) {
      const began = performance.now()
      await this.#session().catch((error: unknown) => {
        this.#problem = error instanceof Error ? error.message : String(error)
      })
      this.#holdsLock = false
      // One that went well for a while is tried again at once.
      pauseMs = performance.now() - began > MAX_PAUSE_MS ? FIRST_PAUSE_MS : Math.min(MAX_PAUSE_MS, pauseMs * 2)
      await pause(pauseMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined)
    }
  }

  /** One connection, for as long as it lasts. @throws why it ended. */
  async #session(): Promise<void> {
    const { signal } = this.#stop
    const client = await this.#parts.connect()
    const lost = new AbortController()
    let why: Error | undefined
    client.on('error', (error) => {
      why = error
      lost.abort()
    })
    client.on('end', () => lost.abort())
    client.on('notification', ({ payload }) => this.#heard(payload))
    try {
      await client.connect()
      await client.query(`listen ${CHANNEL}`)
      // Servers before 14 do not know it.
      await client.query(`select set_config(name, $1, false) from pg_settings where name = 'idle_session_timeout'`, [SILENT])
      let pid: number | undefined
      const either = AbortSignal.any([signal, lost.signal])
      while (!either.aborted) {
        pid = await this.#ask(client, pid)
        await pause(ASK_EVERY_MS, undefined, { signal: either }).catch(() => undefined)
      }
      if (!signal.aborted) throw why ?? new Error('the connection ended')
    } catch (error) {
      if (error instanceof Error && /timeout/i.test(error.message)) this.#parts.unanswered()
      throw error
    } finally {
      this.#holdsLock = false
      await Promise.race([client.end().catch(() => undefined), pause(1000, undefined, { ref: false })])
    }
  }

  async #ask(client: Client, former: number | undefined): Promise<number | undefined> {
    const { rows } = await client.query<Answer>('select state, revision::text, pg_backend_pid() as pid from state_revisions')
    const pid = rows[0]?.pid
    if (former !== undefined && pid !== former)
      throw new Error('a pooler gives every transaction another connection; connect to the server itself, or let it pool sessions')
    if (!this.#holdsLock) {
      // One lock for each installation: schemas of one database may each hold one.
      const lock = await client.query<{ leads: boolean }>(
        `select pg_try_advisory_lock(hashtext('agentopz'), hashtext(current_schema())) as leads`,
      )
      this.#holdsLock = lock.rows[0]?.leads === true
    }
    this.#answeredAt = performance.now()
    this.#problem = undefined
    for (const { state, revision } of rows) this.#tell(state, Number(revision))
    return pid
  }

  #heard(payload: string | undefined): void {
    const [state = '', revision = ''] = (payload ?? '').split(' ')
    if (/^\d+$/.test(revision)) this.#tell(state, Number(revision))
  }

  #tell(name: string, revision: number): void {
    const state = STATES.find((s) => s === name)
    if (state === undefined) return
    for (const listener of this.#listeners) listener(state, revision)
  }
}
