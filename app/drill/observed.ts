/**
 * What was seen of one drill, and what is said of it: times, whether the cause that was named was right, what was missed. Pure. Nothing is
 * taken for granted: what was not seen within its time is a miss, and so is an incident before anything was done, or a page to anybody.
 */
import type { Confidence, TriageCause } from '../../model/incident.ts'
import type { DrillOutcome } from '../../model/drill.ts'
import type { Check, DrillClass, IncidentClass } from './drill-class.ts'
import { secondsBetween } from './numbers.ts'

/** How long each is waited for, in seconds; an hour of the rules is a minute. */
export const LIMITS = { baseline: 240, calm: 60, detect: 150, attribute: 120, mitigate: 90, recover: 240 } as const

/** The first finding of a triage that is a cause. */
export interface Named {
  readonly atMs: number
  readonly cause: TriageCause
  readonly confidence: Confidence
  readonly text: string
}

export interface DoneAction {
  readonly kind: string
  readonly target: string
  readonly actor: string
  /** In force. */
  readonly atMs: number
}

export interface Observed {
  readonly drill: string
  readonly agent: string
  readonly startedMs: number
  readonly endedMs: number
  /** Titles of incidents that were opened before anything was done. */
  readonly early: readonly string[]
  readonly hasBaseline: boolean
  /** When the last thing was done to the agent began to be done. */
  readonly injectedMs?: number
  /** Runs between the injection and the end. */
  readonly runs: number
  readonly alerts: readonly string[]
  readonly incident?: string
  readonly detectedMs?: number
  /** The first cause that was named, and all that were, each with the confidence that it was named with last. */
  readonly named?: Named
  readonly causes: readonly { readonly cause: TriageCause; readonly confidence: Confidence }[]
  /** What the last triage says in one sentence. */
  readonly summary?: string
  readonly actions: readonly DoneAction[]
  /** When what was wrong was taken away by the drill, where no action does it. */
  readonly repairedMs?: number
  readonly recoveredMs?: number
  readonly checks: readonly Check[]
  readonly pages: readonly string[]
  /** Why it ended before its end. */
  readonly interrupted?: string
}

export type Attribution = 'right' | 'wrong' | 'not named' | 'none to name'

export interface DrillResult {
  readonly drill: string
  readonly what: string
  readonly outcome: DrillOutcome
  readonly misses: readonly string[]
  /** Seconds since the injection; to mitigate and to recover too. */
  readonly detectSeconds?: number
  readonly attributeSeconds?: number
  readonly mitigateSeconds?: number
  readonly recoverSeconds?: number
  readonly mitigatedMs?: number
  readonly attribution: Attribution
  readonly observed: Observed
}

/** Judges one drill. */
export function judge(drill: DrillClass, o: Observed): DrillResult {
  const attribution = drill.kind === 'incident' ? attributionOf(drill, o) : 'none to name'
  const misses = [...common(o), ...(drill.kind === 'incident' ? incidentMisses(drill, o, attribution) : rehearsalMisses(o))]
  const since = (ms: number | undefined): number | undefined => secondsBetween(o.injectedMs, ms)
  return {
    drill: drill.name,
    what: drill.what,
    outcome: o.interrupted === undefined ? (misses.length === 0 ? 'passed' : 'failed') : 'interrupted',
    misses: o.interrupted === undefined ? misses : [...misses.filter((m) => !m.startsWith(NOT_YET)), `interrupted: ${o.interrupted}`],
    attribution,
    observed: o,
    ...defined({
      mitigatedMs: mitigatedMs(drill, o),
      detectSeconds: since(o.detectedMs),
      attributeSeconds: attribution === 'right' ? since(o.named?.atMs) : undefined,
      mitigateSeconds: since(mitigatedMs(drill, o)),
      recoverSeconds: since(o.recoveredMs),
    }),
  }
}

/** When something was done about it: the action that the class asks for, else the repair. */
export function mitigatedMs(drill: DrillClass, o: Observed): number | undefined {
  if (drill.kind !== 'incident') return undefined
  return drill.action === undefined ? o.repairedMs : o.actions.find((a) => a.kind === drill.action)?.atMs
}

function attributionOf({ causes }: IncidentClass, { named }: Observed): Attribution {
  if (causes.length === 0) return named === undefined || named.confidence === 'low' ? 'none to name' : 'wrong'
  if (named === undefined) return 'not named'
  return causes.includes(named.cause) ? 'right' : 'wrong'
}

/** How a miss begins that time alone would have made good. */
const NOT_YET = 'not '

function common(o: Observed): readonly string[] {
  return [
    ...o.early.map((title) => `an incident was opened before anything was done: ${title}`),
    ...o.pages.map((page) => `somebody was told: ${page}`),
  ]
}

function rehearsalMisses({ checks }: Observed): readonly string[] {
  if (checks.length === 0) return ['not looked at']
  return checks.filter((c) => !c.ok).map((c) => c.text)
}

function incidentMisses(drill: IncidentClass, o: Observed, attribution: Attribution): readonly string[] {
  if (!o.hasBaseline) return [`not begun: there was no baseline after ${LIMITS.baseline} s`]
  if (o.detectedMs === undefined) return [`not detected within ${LIMITS.detect} s`]
  return [
    ...(drill.alerts.some((a) => o.alerts.includes(a))
      ? []
      : [`detected by ${o.alerts.join(', ')}, and not by ${drill.alerts.join(' or ')}`]),
    ...misattributed(drill, o, attribution),
    ...unmitigated(drill, o),
  ]
}

function misattributed(
  { causes, namesAll }: IncidentClass,
  { named, causes: found, summary }: Observed,
  a: Attribution,
): readonly string[] {
  if (a === 'not named') return [`not attributed within ${LIMITS.attribute} s: ${summary ?? 'there was no triage'}`]
  if (a === 'wrong' && named !== undefined)
    return [
      `${named.cause} was named first with ${named.confidence} confidence; ${causes.length === 0 ? 'nothing of the agent had changed' : `right would be ${causes.join(' or ')}`}: ${named.text}`,
    ]
  const missing = namesAll === true ? causes.filter((c) => !found.some((f) => f.cause === c)) : []
  return missing.length === 0 ? [] : [`not named among the causes: ${missing.join(', ')}`]
}

function unmitigated(drill: IncidentClass, o: Observed): readonly string[] {
  const { action, helps = [] } = drill
  const others = o.actions
    .filter((a) => a.kind !== action && !helps.some((kind) => kind === a.kind))
    .map((a) => `${a.actor} did ${a.kind} ${a.target}, which would not help`)
  if (mitigatedMs(drill, o) === undefined)
    return [...others, `not mitigated within ${LIMITS.mitigate} s: no playbook did ${drill.action ?? ''}`]
  return [...others, ...(o.recoveredMs === undefined ? [`not recovered within ${LIMITS.recover} s`] : [])]
}

function defined<T extends object>(values: { readonly [K in keyof T]: T[K] | undefined }): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, v]) => v !== undefined)) as Partial<T>
}
