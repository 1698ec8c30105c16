/**
 * Controls in force + limits from the configuration + releases → the flag set that guards and flagd evaluators read. Pure.
 * Same input, same flags, same version. A control that is about one agent or environment, or that lapses, becomes a targeting rule, so any
 * evaluator comes to the right answer by itself, even one that has not heard from the control plane since.
 */
import { type Control, type ControlMetadata, FLAG, type Flag, type FlagSet, type FlagValue, type WhenLost } from '../model/control.ts'
import { contentHash } from './canonical.ts'
import { type AgentReleases, releaseDocument, type ReleaseState } from './releases.ts'

/** Limits of one agent, from the configuration; `*` stands for agents that are not configured. */
export interface AgentLimits {
  readonly maxCostUsd?: number
  readonly maxSteps?: number
  readonly maxIdenticalCalls?: number
  readonly maxCostWindow?: { readonly usd: number; readonly seconds: number }
  readonly fallback?: string
  readonly whenLost?: WhenLost
}

export interface ToolLimits {
  readonly breaker?: { readonly failures: number; readonly seconds: number }
  readonly fallback?: string
}

export interface FlagSettings {
  readonly lostAfterSeconds: number
  readonly whenLost: WhenLost
  readonly agents: ReadonlyMap<string, AgentLimits>
  readonly tools: ReadonlyMap<string, ToolLimits>
}

/** The flag set. `controls` are those in force. */
export function flagSet(controls: readonly Control[], settings: FlagSettings, releases: ReleaseState): FlagSet {
  const flags = Object.fromEntries([
    ...agentFlags(controls, settings),
    ...toolFlags(controls, settings),
    ...runFlags(controls),
    ...releaseFlags(controls, releases),
  ])
  const metadata = { lost_after_seconds: settings.lostAfterSeconds, when_lost: settings.whenLost }
  return { flags, metadata: { version: contentHash({ flags, metadata }).slice(0, 16), ...metadata } }
}

type Row = readonly [key: string, flag: Flag]

function agentFlags(controls: readonly Control[], { agents }: FlagSettings): readonly Row[] {
  const disabled = grouped(controls, 'agent', (c) => c.agent)
  return [...new Set([...agents.keys(), ...disabled.keys()])].flatMap((agent): readonly Row[] => {
    const limits = agents.get(agent) ?? {}
    const by = disabled.get(agent) ?? []
    const lost = limits.whenLost === undefined ? {} : { when_lost: limits.whenLost }
    const limit = (key: string, value: FlagValue | undefined, from: string): readonly Row[] =>
      value === undefined ? [] : [[key, standing('limit', value, { reason: from, ...lost })]]
    return [
      // Limits of `*` are about agents that are not configured; none of them is switched by that name.
      ...(agent === '*' && by.length === 0 ? [] : [[FLAG.agentEnabled(agent), switchedOff(by, lost)] as const]),
      ...fallback(FLAG.agentFallback(agent), limits.fallback, by, agents.get('*')?.fallback),
      ...limit(FLAG.maxCostUsd(agent), limits.maxCostUsd, 'cost_usd.stop_run_at'),
      ...limit(FLAG.maxSteps(agent), limits.maxSteps, 'steps.stop_run_at'),
      ...limit(FLAG.maxIdenticalCalls(agent), limits.maxIdenticalCalls, 'loop.stop_run_at'),
      ...limit(FLAG.maxCostWindow(agent), limits.maxCostWindow, 'cost_usd.stop_agent_at'),
    ]
  })
}

function toolFlags(controls: readonly Control[], { tools }: FlagSettings): readonly Row[] {
  const open = grouped(controls, 'tool', (c) => c.target)
  return [...new Set([...tools.keys(), ...open.keys()])].flatMap((tool): readonly Row[] => {
    const limits = tools.get(tool)
    const by = open.get(tool) ?? []
    return [
      ...(by.length === 0 ? [] : [[FLAG.toolEnabled(tool), switchedOff(by, {})] as const]),
      ...fallback(FLAG.toolFallback(tool), limits?.fallback, by, undefined),
      ...(limits?.breaker === undefined
        ? []
        : [[FLAG.toolBreaker(tool), standing('limit', limits.breaker, { reason: 'open_after_failures' })] as const]),
    ]
  })
}

function runFlags(controls: readonly Control[]): readonly Row[] {
  const rows: Row[] = []
  for (const [run, by] of grouped(controls, 'run', (c) => c.target)) rows.push([FLAG.runEnabled(run), switchedOff(by, {})])
  return rows
}

function releaseFlags(controls: readonly Control[], releases: ReleaseState): readonly Row[] {
  const held = grouped(controls, 'release', (c) => c.agent)
  return [...releases].flatMap(([agent, known]): readonly Row[] => {
    const active = known.activations.at(-1)
    if (active === undefined) return []
    const by = held.get(agent) ?? []
    const of = (value: (version: string) => FlagValue | undefined): Flag => {
      const rules = by.flatMap((c): readonly Rule[] => {
        const held = value(c.target)
        return held === undefined ? [] : [{ control: c, value: held }]
      })
      return flag({ variant: active, value: value(active) ?? '' }, rules, metadataOf(by))
    }
    return [
      [FLAG.agentRelease(agent), of((version) => version)],
      [FLAG.agentReleaseDocument(agent), of((version) => documentOf(known, version))],
    ]
  })
}

function documentOf(known: AgentReleases, version: string): FlagValue | undefined {
  const found = releaseDocument(known, version)
  return found === undefined ? undefined : { ...found }
}

interface Rule {
  readonly control: Control
  readonly value: FlagValue
}

/** On, and off where a control says so. */
function switchedOff(by: readonly Control[], more: ControlMetadata): Flag {
  const last = by.some((c) => c.expiresMs === undefined) ? undefined : Math.max(...by.map((c) => c.expiresMs ?? 0))
  return flag(
    { variant: 'on', value: true },
    by.map((control) => ({ control, value: false })),
    { ...metadataOf(by), ...(by.length === 0 || last === undefined ? {} : { expires_ms: last }), ...more },
  )
}

/**
 * What answers instead: the control's own text, else the configured one. The flag of `*` is not looked up any more where there is one of
 * this name, so it is repeated here.
 */
function fallback(key: string, configured: string | undefined, by: readonly Control[], general: string | undefined): readonly Row[] {
  const rules = by.flatMap((control): readonly Rule[] => (control.fallback === undefined ? [] : [{ control, value: control.fallback }]))
  if (configured === undefined && rules.length === 0) return []
  const text = configured ?? general
  const base = text === undefined ? { variant: 'none', value: '' } : { variant: 'configured', value: text }
  return [[key, flag(base, rules, {})]]
}

function standing(variant: string, value: FlagValue, metadata: ControlMetadata): Flag {
  return flag({ variant, value }, [], metadata)
}

/** A flag whose variant is the id of the first control that applies: the most particular one, and of equals the newest. */
function flag(base: { readonly variant: string; readonly value: FlagValue }, rules: readonly Rule[], metadata: ControlMetadata): Flag {
  const ordered = [...rules].sort((a, b) => particular(b.control) - particular(a.control) || b.control.createdMs - a.control.createdMs)
  const always = ordered.findIndex((r) => conditions(r.control).length === 0)
  // What comes after a rule without conditions never gets its turn.
  const first = always < 0 ? ordered : ordered.slice(0, always)
  const last = ordered[always]
  const targeting = first.flatMap((r) => [all(conditions(r.control)), r.control.id])
  const variants = [[base.variant, base.value] as const, ...ordered.map((r) => [r.control.id, r.value] as const)]
  return {
    state: 'ENABLED',
    variants: Object.fromEntries(variants),
    defaultVariant: last?.control.id ?? base.variant,
    ...(targeting.length === 0 ? {} : { targeting: { if: [...targeting, null] } }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
  }
}

function particular(c: Control): number {
  return (c.agent === '' ? 0 : 1) + (c.environment === '' ? 0 : 1)
}

/** JSONLogic over a `FlagContext`. The agent is part of the key where the control is about one. */
function conditions(c: Control): readonly unknown[] {
  const isInKey = c.control === 'agent' || c.control === 'release'
  return [
    ...(c.agent === '' || isInKey ? [] : [{ '==': [{ var: 'agent' }, c.agent] }]),
    ...(c.environment === '' ? [] : [{ '==': [{ var: 'environment' }, c.environment] }]),
    // Negated, so that it holds where nobody says when the run started.
    ...(c.control === 'run' && c.target === '*' ? [{ '!': [{ '>': [{ var: 'run_started_ms' }, c.createdMs] }] }] : []),
    // flagd's clock has whole seconds.
    ...(c.expiresMs === undefined ? [] : [{ '<': [{ var: '$flagd.timestamp' }, Math.ceil(c.expiresMs / 1000)] }]),
  ]
}

function all(rules: readonly unknown[]): unknown {
  return rules.length === 1 ? rules[0] : { and: rules }
}

function metadataOf(by: readonly Control[]): ControlMetadata {
  if (by.length === 0) return {}
  const joined = (values: readonly string[], between: string): string => [...new Set(values)].join(between)
  return {
    control_id: joined(
      by.map((c) => c.id),
      ' ',
    ),
    reason: joined(
      by.map((c) => c.reason),
      '; ',
    ),
    actor: joined(
      by.map((c) => c.actor),
      '; ',
    ),
  }
}

function grouped(
  controls: readonly Control[],
  kind: Control['control'],
  name: (c: Control) => string,
): ReadonlyMap<string, readonly Control[]> {
  return Map.groupBy(
    controls.filter((c) => c.control === kind),
    name,
  )
}
