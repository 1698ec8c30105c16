/**
 * One drill from its beginning to its end: usual traffic until what is normal is known, the injection, then watching the records until it was
 * detected, attributed, mitigated and has recovered, or the time for it is over. In: a chain and a class; out: what was seen. An interruption
 * ends it at once, and what was seen until then is kept.
 */
import { recorded } from '../../alert-rules/promql.ts'
import { quoted } from '../prometheus.ts'
import { type Chain, SCALE } from './chain.ts'
import type { Confidence, TriageCause } from '../../model/incident.ts'
import { agentOf, type Check, type DrillClass, ENVIRONMENT, type IncidentClass } from './drill-class.ts'
import { namedBy, type Seen, seen } from './look.ts'
import { LIMITS, type Named, type Observed } from './observed.ts'
import { createWorld, type OwnWorld } from './world.ts'

export interface LaneOptions {
  readonly signal: AbortSignal
  /** What happens, as it happens. */
  readonly tell: (line: string) => void
}

const POLL_SECONDS = 0.5
const HOUR_SECONDS = 3600 / SCALE

/** Runs one drill. Does not throw: what went wrong is in what was seen. */
export async function runLane(chain: Chain, drill: DrillClass, options: LaneOptions): Promise<Observed> {
  const lane = new Lane(chain, drill, options)
  let interrupted: string | undefined
  try {
    await lane.run()
  } catch (error) {
    interrupted = options.signal.aborted ? 'it was stopped' : error instanceof Error ? error.message : String(error)
  }
  return lane.observed(interrupted)
}

class Lane {
  readonly #chain: Chain
  readonly #drill: DrillClass
  readonly #world: OwnWorld
  readonly #tell: LaneOptions['tell']
  readonly #startedMs = Date.now()
  #hasBaseline = false
  #early: readonly string[] = []
  #injectedMs: number | undefined
  #repairedMs: number | undefined
  #named: Named | undefined
  readonly #causes = new Map<TriageCause, Confidence>()
  #recoveredMs: number | undefined
  #checks: readonly Check[] = []

  constructor(chain: Chain, drill: DrillClass, { signal, tell }: LaneOptions) {
    this.#chain = chain
    this.#drill = drill
    this.#tell = (line) => tell(`${drill.name}: ${line}`)
    this.#world = createWorld(chain, agentOf(drill), signal)
  }

  async run(): Promise<void> {
    const world = this.#world
    await world.begin()
    try {
      await world.wait(this.#drill.usualHours * HOUR_SECONDS)
      if (this.#drill.kind === 'rehearsal') {
        this.#injectedMs = world.now()
        this.#checks = await this.#drill.rehearse(world)
        for (const { ok, text } of this.#checks) this.#tell(`${ok ? 'ok' : 'MISSED'}: ${text}`)
        return
      }
      await this.#incident(this.#drill)
    } finally {
      await world.end()
    }
  }

  async #incident(drill: IncidentClass): Promise<void> {
    const world = this.#world
    this.#hasBaseline = await this.#until(LIMITS.baseline, () => this.#knowsNormal())
    if (!this.#hasBaseline) return
    this.#early = this.#incidents().map((i) => i.title)
    if (this.#early.length > 0) this.#tell(`MISSED: before anything was done there was ${this.#early.join('; ')}`)
    await this.#until(LIMITS.calm, () => this.#incidents().every((i) => i.state === 'resolved'))
    this.#injectedMs = world.now()
    this.#tell(`now ${drill.what}`)
    await drill.inject(world)
    if (!(await this.#until(LIMITS.detect, () => this.#seen().detectedMs !== undefined))) return this.#tell(`MISSED: not detected`)
    this.#tell(`detected after ${this.#since(this.#seen().detectedMs)}: ${this.#seen().alerts.join(', ')}`)
    await this.#until(drill.causes.length === 0 ? 0 : LIMITS.attribute, () => this.#isAttributed(drill))
    this.#tell(
      this.#named === undefined
        ? `no cause named: ${this.#seen().incident?.triage?.summary ?? 'there is no triage'}`
        : `attributed after ${this.#since(this.#named.atMs)} to ${this.#named.cause} (${this.#named.confidence})`,
    )
    await this.#mitigated(drill)
    const isWell = (): boolean => (this.#recoveredMs = this.#seen().recoveredMs) !== undefined
    if (await this.#until(LIMITS.recover, isWell)) this.#tell(`recovered after ${this.#since(this.#recoveredMs)}`)
    else this.#tell(`MISSED: not recovered`)
  }

  /** By a playbook where the class asks for it; what nothing has taken back is taken back here. */
  async #mitigated(drill: IncidentClass): Promise<void> {
    const { action } = drill
    if (action !== undefined) {
      const isDone = await this.#until(LIMITS.mitigate, () => this.#seen().actions.some((a) => a.kind === action))
      this.#tell(
        isDone ? `${action} after ${this.#since(this.#seen().actions.find((a) => a.kind === action)?.atMs)}` : `MISSED: no ${action}`,
      )
      if (isDone && action !== 'disable_agent') return
      // A disabled agent is contained, not well: as an operator would, the cause is taken away and the agent switched on again.
      if (isDone) await this.#until(LIMITS.recover, () => this.#isContained())
    }
    this.#repairedMs = this.#world.now()
    await drill.repair(this.#world)
    await this.#world.letGo('the cause was taken away')
  }

  #isContained(): boolean {
    return this.#seen().incident?.actions.some((a) => a.kind === 'disable_agent' && a.verification?.verdict === 'contained') === true
  }

  /** Named once is named: what playbooks act on. A class that overlaps is looked at until every cause was named. */
  #isAttributed({ causes, namesAll }: IncidentClass): boolean {
    this.#note()
    return namesAll === true ? causes.every((cause) => this.#causes.has(cause)) : this.#named !== undefined
  }

  /** What triage says now; once something is done about one cause, it may not name it again. */
  #note(): void {
    const { triage } = this.#seen().incident ?? {}
    const named = namedBy(triage, this.#injectedMs ?? Number.POSITIVE_INFINITY)
    if (triage === undefined || named === undefined) return
    this.#named ??= named
    for (const f of triage.findings.toReversed())
      if (f.verdict === 'cause' && f.confidence !== 'low') this.#causes.set(f.cause, f.confidence)
  }

  /** What is normal of quality and tools, and of whatever else the class asks for. */
  async #knowsNormal(): Promise<boolean> {
    const own = `agent=${quoted(this.#world.agent)},environment=${quoted(ENVIRONMENT)}`
    const { knows } = this.#drill
    const needed = [
      recorded('agent_sli:total:baseline', `${own},sli="quality"`),
      recorded('agent_sli:total:baseline', `${own},sli="tool_error"`),
      ...(knows === undefined ? [] : [recorded(knows, own)]),
    ]
    try {
      for (const query of needed) {
        const { data } = await this.#chain.prometheus.instant(query, this.#world.now() / 1000)
        if (data.length === 0) return false
      }
      return true
    } catch {
      return false
    }
  }

  #incidents(): Parameters<typeof seen>[0] {
    return this.#chain.app.incidents.incidents.list({ agent: this.#world.agent })
  }

  #seen(): Seen {
    return seen(this.#incidents(), this.#injectedMs ?? Number.POSITIVE_INFINITY)
  }

  #since(ms: number | undefined): string {
    return ms === undefined || this.#injectedMs === undefined ? 'an unknown time' : `${((ms - this.#injectedMs) / 1000).toFixed(1)} s`
  }

  async #until(seconds: number, holds: () => boolean | Promise<boolean>): Promise<boolean> {
    const endsMs = this.#world.now() + seconds * 1000
    for (;;) {
      if (await holds()) return true
      if (this.#world.now() >= endsMs) return false
      await this.#world.wait(POLL_SECONDS)
    }
  }

  observed(interrupted: string | undefined): Observed {
    const now = this.#world.now()
    const { incident, alerts, detectedMs, actions } = this.#seen()
    const triage = incident?.triage
    this.#note()
    const named = this.#named
    const { agent } = this.#world
    return {
      drill: this.#drill.name,
      agent,
      startedMs: this.#startedMs,
      endedMs: now,
      early: this.#early,
      hasBaseline: this.#hasBaseline,
      runs: this.#injectedMs === undefined ? 0 : this.#world.runsSince(this.#injectedMs).length,
      alerts,
      causes: [...this.#causes].map(([cause, confidence]) => ({ cause, confidence })),
      actions,
      checks: this.#checks,
      pages: this.#chain.pagers.pages.filter((p) => p.agent === agent).map((p) => `${p.alert} to ${p.receiver}`),
      ...(this.#injectedMs === undefined ? {} : { injectedMs: this.#injectedMs }),
      ...(incident === undefined ? {} : { incident: incident.id }),
      ...(detectedMs === undefined ? {} : { detectedMs }),
      ...(named === undefined ? {} : { named }),
      ...(triage === undefined ? {} : { summary: triage.summary }),
      ...(this.#repairedMs === undefined ? {} : { repairedMs: this.#repairedMs }),
      ...(this.#recoveredMs === undefined ? {} : { recoveredMs: this.#recoveredMs }),
      ...(interrupted === undefined ? {} : { interrupted }),
    }
  }
}
