/**
 * Refused attempts to act → metrics, the log, and a bounded record. In any minute the first `refused_per_minute` are recorded, beyond them
 * one whenever their number has doubled, with how many were left out: a flood costs a logarithm of itself, and what is kept is bounded too.
 * Never holds an answer back, and never throws.
 */
import type { Role } from '../auth.ts'
import type { Metrics } from '../../processor/metrics.ts'
import type { Logger } from '../log.ts'
import type { RefusedAttempt, RefusedStorage } from '../storage-refused.ts'
import type { RefusedRequest } from './access.ts'

export interface RefusedParts {
  readonly storage: RefusedStorage
  readonly metrics: Metrics
  readonly log: Logger
  readonly clock: () => number
  readonly settings: () => { readonly refused_per_minute: number; readonly max_refused: number }
}

const MINUTE_MS = 60_000
const MAX_CHARS = 200

export class RefusedAttempts {
  readonly #parts: RefusedParts
  #minute = -1
  #seen = 0
  #leftOut = 0
  #queue: Promise<unknown> = Promise.resolve()

  constructor(parts: RefusedParts) {
    this.#parts = parts
  }

  saw(request: RefusedRequest): void {
    const { metrics, log, clock, settings, storage } = this.#parts
    const now = clock()
    for (const role of request.roles) metrics.add('agentopz_requests_refused_total', { role, status: String(request.status) }, 1, now)
    if (!isAttemptToAct(request)) return
    if (!this.#isRecorded(now)) {
      this.#leftOut++
      metrics.add('agentopz_refused_attempts_total', { outcome: 'left_out' }, 1, now)
      return
    }
    const attempt = attemptOf(request, now, this.#leftOut)
    this.#leftOut = 0
    log.warn({ ...attempt }, 'an attempt to act was refused')
    const stored = this.#queue.then(() => storage.recordRefused(attempt, settings().max_refused))
    this.#queue = stored.then(
      () => metrics.add('agentopz_refused_attempts_total', { outcome: 'recorded' }, 1, clock()),
      (error: unknown) => {
        metrics.add('agentopz_refused_attempts_total', { outcome: 'lost' }, 1, clock())
        log.error({ err: error }, 'a refused attempt could not be stored')
      },
    )
  }

  /** Ends when everything that was seen is stored. */
  async close(): Promise<void> {
    await this.#queue
  }

  #isRecorded(now: number): boolean {
    const minute = Math.floor(now / MINUTE_MS)
    if (minute !== this.#minute) {
      this.#minute = minute
      this.#seen = 0
    }
    this.#seen++
    const over = this.#seen / this.#parts.settings().refused_per_minute
    return over <= 1 || Number.isInteger(Math.log2(over))
  }
}

/** Reading is counted, acting is recorded. */
function isAttemptToAct({ roles }: RefusedRequest): boolean {
  return roles.includes('operate' satisfies Role)
}

function attemptOf({ roles, status, actor, address, endpoint }: RefusedRequest, atMs: number, leftOut: number): RefusedAttempt {
  const shown = endpoint.slice(0, MAX_CHARS)
  return {
    atMs,
    roles,
    status,
    ...(actor === undefined ? {} : { actor }),
    ...(address === undefined ? {} : { address }),
    endpoint: shown,
    leftOut,
  }
}
