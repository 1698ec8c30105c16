/**
 * The timeline of an incident: what happened, in the order in which it happened, each thing once, at most so many of them.
 * Entries that say the same of the same thing are one. Over the bound, what can be read elsewhere in the record goes first, and the
 * beginning stays.
 */
import type { TimelineEntry } from '../model/incident.ts'
import { compareText } from './alert.ts'

type Kind = TimelineEntry['kind']

/** Kinds in the order they are told in when they happened at the same moment. */
const ORDER: readonly Kind[] = [
  'onset',
  'change',
  'reported',
  'alert_fired',
  'reopened',
  'triaged',
  'proposed',
  'acknowledged',
  'action',
  'undone',
  'verified',
  'not_recovered',
  'alert_resolved',
  'mitigated',
  'resolved',
  'note',
]
/** Told once for what they are about. */
const ONCE: ReadonlySet<Kind> = new Set(['alert_fired', 'alert_resolved', 'change'])
/** What goes first, and second, over the bound. */
const SPARE: readonly ReadonlySet<Kind>[] = [
  new Set(['alert_fired', 'alert_resolved']),
  new Set(['change', 'triaged', 'proposed', 'verified']),
]

/** The timeline with further entries. Returns the one given where nothing is new. */
export function withEntries(timeline: readonly TimelineEntry[], entries: readonly TimelineEntry[]): readonly TimelineEntry[] {
  const byIdentity = new Map(timeline.map((e) => [identity(e), e]))
  let isChanged = false
  for (const entry of entries) {
    const key = identity(entry)
    const known = byIdentity.get(key)
    // A later end of the same alert takes the place of the former; anything else was said already.
    if (known !== undefined && (entry.kind !== 'alert_resolved' || (known.atMs === entry.atMs && known.text === entry.text))) continue
    byIdentity.set(key, entry)
    isChanged = true
  }
  return isChanged ? [...byIdentity.values()].sort(inOrder) : timeline
}

/** At most `max` entries, and how many were dropped. */
export function bounded(
  timeline: readonly TimelineEntry[],
  max: number,
): { readonly timeline: readonly TimelineEntry[]; readonly dropped: number } {
  const dropped = Math.max(0, timeline.length - max)
  if (dropped === 0) return { timeline, dropped }
  const goes = new Set<TimelineEntry>()
  const [first] = timeline
  for (const kinds of [...SPARE, undefined])
    for (const entry of timeline) {
      if (goes.size === dropped) break
      if (entry !== first && (kinds === undefined || kinds.has(entry.kind))) goes.add(entry)
    }
  return { timeline: timeline.filter((e) => !goes.has(e)), dropped: goes.size }
}

/** Whether the entries are in order, each once: what a caller may have made otherwise. */
export function ordered(timeline: readonly TimelineEntry[]): readonly TimelineEntry[] {
  return timeline.every((e, at) => at === 0 || inOrder(timeline[at - 1] ?? e, e) < 0) ? timeline : withEntries([], timeline)
}

function identity(e: TimelineEntry): string {
  // A control is set once and undone once, whoever writes it down.
  const isOnce = ONCE.has(e.kind) || ((e.kind === 'action' || e.kind === 'undone') && e.ref?.startsWith('ctl_') === true)
  return isOnce && e.ref !== undefined ? `${e.kind}\n${e.ref}` : JSON.stringify([e.kind, e.atMs, e.text, e.actor ?? '', e.ref ?? ''])
}

function inOrder(a: TimelineEntry, b: TimelineEntry): number {
  return a.atMs - b.atMs || ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind) || compareText(identity(a), identity(b))
}
