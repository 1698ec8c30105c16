/**
 * The places that processes take: one process in each, another in its place when it ends, after a wait that grows while they end soon.
 * In: what each is to be told at its start. Out: who is there, and events of what they say.
 */
import type { ProcessMetric } from '../../processor/metrics.ts'
import type { Logger } from '../log.ts'
import { Child, type ChildEvents, type Ports } from './child.ts'
import type { FromShard, ToShard } from './messages.ts'

type Start = Extract<ToShard, { kind: 'start' }>
/** One process as its place has it. */
export type Kid = Pick<Child, 'pid' | 'tell' | 'ready' | 'series' | 'keep' | 'drain' | 'close' | 'kill' | 'ping'>

export interface Place {
  readonly index: number
  child: Kid | undefined
  /** Takes spans in. */
  isReady: boolean
  /** Took spans in, and does not answer any more. */
  isSilent: boolean
  /** What its Node process told of itself last. */
  process: readonly ProcessMetric[]
}

export interface PlacesParts {
  readonly count: number
  readonly log: Logger
  readonly clock: () => number
  readonly start: (index: number) => Start
  /** Another process in the place of one that ended has read its journal. */
  readonly again: (place: Place, isWhole: boolean) => void
  readonly seen: (news: Extract<FromShard, { kind: 'seen' }>) => void
  readonly ended: (place: Place) => void
  /** One that ended will be started again. */
  readonly restarted: () => void
  /** Starts a process; one of node:cluster when left out. */
  readonly fork?: (start: Start, events: ChildEvents) => Kid
}

const [FIRST_WAIT_MS, LONGEST_WAIT_MS, WELL_AFTER_MS] = [100, 10_000, 30_000]
/**
 * How often processes are asked for a sign of life, and how many they may leave out until they are not ready, and until they are killed: after
 * 15 and 30 s. What a process does in one piece, however large it is, takes a few seconds.
 */
const [WATCH_MS, SILENT_AFTER, KILLED_AFTER] = [5000, 3, 6]

interface Kept extends Place {
  /** Has been ready. */
  isWatched: boolean
  startedMs: number
  waitMs: number
  greeted: (isWhole: boolean) => void
}

export class Places {
  readonly #parts: PlacesParts
  readonly #all: readonly Kept[]
  readonly #timers = new Set<NodeJS.Timeout>()
  #watch: NodeJS.Timeout | undefined
  #hasStarted = false
  #isStopping = false

  constructor(parts: PlacesParts) {
    this.#parts = parts
    this.#all = Array.from({ length: parts.count }, (_, index) => {
      const none = { child: undefined, isReady: false, isSilent: false, isWatched: false, process: [], startedMs: 0, waitMs: FIRST_WAIT_MS }
      return { index, ...none, greeted: () => undefined }
    })
  }

  get all(): readonly Place[] {
    return this.#all
  }

  get children(): readonly Kid[] {
    return this.#all.flatMap(({ child }) => child ?? [])
  }

  /** Starts all; `agree` is told whether each has read a whole journal and says whether counters continue. @throws with why one failed. */
  async start(agree: (areWhole: readonly boolean[]) => boolean): Promise<Ports | undefined> {
    const hellos = this.#all.map((place) => new Promise<boolean>((greeted) => (place.greeted = greeted)))
    for (const place of this.#all) this.#fork(place)
    // One that fails before all have read their journals fails the start.
    const ready = Promise.all(this.children.map((child) => child.ready()))
    ready.catch(() => undefined)
    const areWhole = await Promise.race([Promise.all(hellos), ready.then(() => [])])
    const continues = agree(areWhole)
    for (const place of this.#all) {
      place.greeted = (isWhole) => this.#parts.again(place, isWhole)
      place.child?.tell({ kind: 'go', continues })
    }
    const [ports] = await ready
    this.#hasStarted = true
    for (const place of this.#all) {
      place.isReady = place.isWatched = place.child !== undefined
      // It was ready, and ended before the others were.
      if (place.child === undefined && !this.#isStopping) this.#again(place, 'it ended while others were starting')
    }
    if (!this.#isStopping) this.#watch = setInterval(() => this.#look(), WATCH_MS)
    return ports
  }

  /** Those that end from now on are not started again. */
  stop(): void {
    this.#isStopping = true
    for (const timer of this.#timers) clearTimeout(timer)
    clearInterval(this.#watch)
  }

  /** One that hangs keeps its connections and its traces: it is told as not ready, then ended and started again. */
  #look(): void {
    for (const place of this.#all) {
      const { child, index } = place
      if (child === undefined || !place.isWatched) continue
      const unanswered = child.ping()
      if (unanswered >= KILLED_AFTER) {
        child.kill(`it did not answer for ${(KILLED_AFTER * WATCH_MS) / 1000} s, and was killed`)
        continue
      }
      const isSilent = unanswered >= SILENT_AFTER || (place.isSilent && unanswered > 0)
      if (isSilent === place.isSilent) continue
      place.isSilent = isSilent
      place.isReady = !isSilent
      if (isSilent) this.#parts.log.warn({ process: index }, 'a process does not answer')
      else this.#parts.log.info({ process: index }, 'a process answers again')
    }
  }

  #fork(place: Kept): void {
    place.startedMs = this.#parts.clock()
    const { fork = (start, events) => new Child(start, events) } = this.#parts
    place.child = fork(this.#parts.start(place.index), {
      hello: (isWhole) => place.greeted(isWhole),
      seen: this.#parts.seen,
      ended: (why) => this.#ended(place, why),
    })
  }

  #ended(place: Kept, why: string): void {
    place.isReady = place.isSilent = place.isWatched = false
    place.child = undefined
    this.#parts.ended(place)
    if (this.#isStopping && why !== '') this.#parts.log.error({ process: place.index, why }, 'a process did not end in order')
    // Before all have started nothing is started again: one that was not ready fails the start, one that was is seen to at its end.
    if (!this.#isStopping && this.#hasStarted) this.#again(place, why)
  }

  #again(place: Kept, why: string): void {
    const { log, clock } = this.#parts
    this.#parts.restarted()
    place.waitMs = clock() - place.startedMs > WELL_AFTER_MS ? FIRST_WAIT_MS : Math.min(2 * place.waitMs, LONGEST_WAIT_MS)
    log.error({ process: place.index, why, again_in_seconds: place.waitMs / 1000 }, 'a process ended and is started again')
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      this.#startAgain(place)
    }, place.waitMs)
    this.#timers.add(timer)
  }

  #startAgain(place: Kept): void {
    this.#fork(place)
    place.child?.ready().then(
      () => {
        place.isReady = place.isWatched = true
        this.#parts.log.info({ process: place.index }, 'a process takes spans in again')
      },
      () => undefined,
    )
  }
}
