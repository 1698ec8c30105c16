/**
 * Firing alerts → what people would have received: inhibition as Alertmanager applies it (same agent and environment, while the source
 * fires), then one page per agent (grouped by agent and environment; gaps of five minutes and less are one page). Pure.
 */
import type { AlertName } from '../../model/alerts.ts'
import type { FiredAlert } from './evaluate.ts'
import type { RuleSet } from './rule-set.ts'

/** An alert that is firing and not silenced. */
export interface Signal {
  readonly agent: string
  readonly alert: AlertName
  /** Alerts it is as good as. */
  readonly tells: readonly AlertName[]
  /** The alert's own name, where a peer calls it otherwise. */
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly severity: 'page' | 'ticket'
  readonly start: number
  readonly end: number
}

/** What one agent's on-call receives as one. */
export interface Episode {
  readonly agent: string
  readonly start: number
  readonly end: number
  readonly signals: readonly Signal[]
}

const MERGE_SECONDS = 300

/** Alerts about agents, silenced ones cut out. Watchers' alerts, which have no agent, are returned apart. */
export function signalsOf(
  fired: readonly FiredAlert[],
  rules: RuleSet,
  environment: string,
): { readonly signals: readonly Signal[]; readonly watchers: readonly FiredAlert[] } {
  const signals: Signal[] = []
  const watchers: FiredAlert[] = []
  for (const f of fired) {
    const meaning = rules.meaning(f)
    if (meaning === undefined) continue
    const { agent } = f.labels
    if (agent === undefined) {
      if (meaning.severity === 'page') watchers.push(f)
    } else if ((f.labels['environment'] ?? '') === environment)
      signals.push({ agent, name: f.name, labels: f.labels, ...meaning, start: f.start, end: f.end })
  }
  return { signals: signals.flatMap((s) => unsilenced(s, signals, rules)).toSorted((a, b) => a.start - b.start), watchers }
}

/** What is left of a signal while none that silences it fires. A silenced alert still silences others. */
function unsilenced(signal: Signal, all: readonly Signal[], rules: RuleSet): Signal[] {
  let parts: { readonly start: number; readonly end: number }[] = [signal]
  for (const source of all) {
    if (source.agent !== signal.agent || source === signal || !rules.inhibits(source.alert).includes(signal.alert)) continue
    parts = parts.flatMap((p) =>
      source.start >= p.end || source.end <= p.start
        ? [p]
        : [
            { start: p.start, end: source.start },
            { start: source.end, end: p.end },
          ].filter((cut) => cut.start < cut.end),
    )
  }
  return parts.map((p) => ({ ...signal, start: p.start, end: p.end }))
}

/** Signals of one agent, in order of start, as what is received. */
export function episodesOf(signals: readonly Signal[]): Episode[] {
  const out: { agent: string; start: number; end: number; signals: Signal[] }[] = []
  for (const s of signals) {
    const last = out.at(-1)
    if (last !== undefined && s.start - last.end <= MERGE_SECONDS) {
      last.end = Math.max(last.end, s.end)
      last.signals.push(s)
    } else out.push({ agent: s.agent, start: s.start, end: s.end, signals: [s] })
  }
  return out
}
