/**
 * Playbooks over the past: at moments of each incident that Prometheus remembers, the triage as it would have been then and what each playbook
 * would have said, as if its mode were `auto`; then whether that would have been right. Nothing is changed anywhere.
 */
import { hindsight, type Hindsight } from '../../incidents/hindsight.ts'
import { indicatorOf } from '../../incidents/indicator.ts'
import { type Decision, decide, type Playbook, type Situation } from '../../incidents/playbooks.ts'
import { triage } from '../../incidents/triage.ts'
import { allEndedMs } from '../../incidents/state.ts'
import { playbookActor } from '../../model/actor.ts'
import type { Incident, Triage } from '../../model/incident.ts'
import { blastRadius } from '../incidents/blast.ts'
import type { Prometheus } from '../prometheus.ts'
import { gatherFacts } from '../triage/facts.ts'
import { afterwards } from './afterwards.ts'
import { asOf } from './past-incidents.ts'
import { standingThen } from './past-standing.ts'

export interface Tested {
  readonly incident: Incident
  readonly playbook: string
  readonly would: 'act' | 'wait' | 'not_apply'
  /** When it would have acted, or was last asked. */
  readonly atMs: number
  /** What it would have done, or why not. */
  readonly text: string
  readonly hindsight?: Hindsight
}

export interface BacktestParts {
  readonly prometheus: Prometheus
  readonly playbooks: readonly Playbook[]
  readonly nowMs: number
  readonly fallbackOf: (agent: string) => string | undefined
  readonly progress: (line: string) => void
}

const MINUTE_MS = 60_000
/** Minutes after the first alert at which it is looked. Live it is looked more often, so a playbook acts no later than here. */
const LOOKS = [1, 5, 10, 20, 30, 45, 60, 90, 120] as const

/** What a playbook has done to an agent before, as if it had been done. Each playbook is tested alone. */
interface Done {
  readonly playbook: string
  readonly agent: string
  readonly entry: Situation['past'][number]
}

/** @throws PrometheusError */
export async function backtest(incidents: readonly Incident[], parts: BacktestParts): Promise<readonly Tested[]> {
  const tested: Tested[] = []
  const done: Done[] = []
  for (const [at, incident] of incidents.entries()) {
    parts.progress(`${at + 1} of ${incidents.length}: ${incident.title}, ${new Date(incident.startedMs).toISOString().slice(0, 16)}Z`)
    const own = await testOne(incident, done, parts)
    tested.push(...own.map((o) => o.tested))
    done.push(...own.flatMap((o) => o.done ?? []))
  }
  return tested
}

interface Look {
  readonly atMs: number
  readonly situation: Omit<Situation, 'past'>
  readonly triage: Triage | undefined
  readonly dispersion: number
}

interface One {
  readonly tested: Tested
  readonly done?: Done
}

async function testOne(incident: Incident, done: readonly Done[], parts: BacktestParts): Promise<readonly One[]> {
  const open = new Set(parts.playbooks)
  const found = new Map<string, One>()
  const own = done.filter((d) => d.agent === keyOf(incident))
  for (const atMs of looksAt(incident, parts.nowMs)) {
    if (open.size === 0) break
    const look = await lookAt(incident, atMs, parts)
    for (const playbook of open) {
      const { name } = playbook
      const past = own.filter((d) => d.playbook === name).map((d) => d.entry)
      const decision = decide({ ...playbook, mode: 'auto' }, { ...look.situation, past }, atMs)
      const tested: Tested = { incident, playbook: name, would: wouldOf(decision), atMs, text: decision.text }
      found.set(name, { tested })
      if (decision.verdict !== 'acts') continue
      open.delete(playbook)
      const became = await afterwards(parts.prometheus, { ...look, incident, decision, actedMs: atMs, nowMs: parts.nowMs })
      const { kind } = decision.step
      const action = {
        id: 'act_1',
        kind,
        target: decision.target,
        state: 'verified',
        reason: decision.reason,
        actor: playbookActor(name),
        atMs,
      } as const
      found.set(name, {
        tested: { ...tested, hindsight: hindsight(became) },
        done: { playbook: name, agent: keyOf(incident), entry: { incident: incident.id, action } },
      })
    }
  }
  return parts.playbooks.flatMap(({ name }) => found.get(name) ?? [])
}

function keyOf({ agent, environment }: Incident): string {
  return JSON.stringify([agent, environment])
}

function wouldOf({ verdict }: Decision): Tested['would'] {
  return verdict === 'acts' ? 'act' : verdict === 'does_not_apply' ? 'not_apply' : 'wait'
}

/** While its alerts fired. */
function looksAt(incident: Incident, nowMs: number): readonly number[] {
  const endMs = Math.min(nowMs, allEndedMs(incident) ?? nowMs)
  const all = LOOKS.map((minutes) => incident.startedMs + minutes * MINUTE_MS).filter((t) => t <= endMs)
  return all.length === 0 ? [endMs] : all
}

async function lookAt(incident: Incident, atMs: number, parts: BacktestParts): Promise<Look> {
  const { prometheus, fallbackOf } = parts
  const { agent, environment, startedMs } = incident
  const then = asOf(incident, atMs)
  const indicator = indicatorOf(then)
  const facts =
    indicator === undefined ? undefined : await gatherFacts(prometheus, { agent, environment, ...indicator, startedMs, nowMs: atMs })
  const found = facts === undefined ? undefined : triage(facts, atMs)
  const blast = await blastRadius(prometheus, { agent, environment, sinceMs: found?.onset?.atMs ?? startedMs, nowMs: atMs })
  const standing = await standingThen(prometheus, { agent, environment, atMs, facts, triage: found, fallback: fallbackOf(agent) })
  const known: Incident = { ...then, blast, ...(found === undefined ? {} : { triage: found }) }
  const fires = then.alerts.some((a) => a.endsMs === undefined)
  return {
    atMs,
    triage: found,
    dispersion: facts?.dispersion ?? 1,
    situation: { incident: known, fires, standing },
  }
}
