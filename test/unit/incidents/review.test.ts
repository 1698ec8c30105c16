/**
 * The post-incident review: every sentence is there with its fact and gone without it. A sentence that has no case here fails the first
 * test, so none can be added that says more than the record.
 */
import { describe, expect, test } from 'vitest'
import { FOLLOW_UPS, MISSING } from '../../../incidents/review-follow-ups.ts'
import { SENTENCES, type Sentence } from '../../../incidents/review-sentences.ts'
import { reviewOf } from '../../../incidents/review.ts'
import { countText, durationText, md, shareText, usdText } from '../../../incidents/words.ts'
import type { Action, Comparison, Finding, Incident, TimelineEntry } from '../../../model/incident.ts'
import { at } from './support.ts'

const comparison: Comparison = { bad: [3, 40], total: [300, 120], difference: 0.3233, interval: [0.24, 0.41], p: 1e-9, adjustedP: 4e-9 }
const finding = (verdict: Finding['verdict'], subject: string, more: Partial<Finding> = {}): Finding => ({
  cause: 'prompt',
  verdict,
  confidence: 'high',
  subject,
  text: `${subject} is what it is`,
  query: `query_of_${verdict}`,
  ...more,
})
const action = (id: string, kind: Action['kind'], state: Action['state'], target = 'support'): Action => ({
  id,
  kind,
  target,
  state,
  reason: 'bad answers',
  actor: 'playbook:rollback',
  atMs: at(20),
})
const entry = (minute: number, kind: TimelineEntry['kind'], text: string, actor?: string): TimelineEntry => ({
  atMs: at(minute),
  kind,
  text,
  ...(actor === undefined ? {} : { actor }),
})

/** An incident with every fact that a review can tell. */
const FULL: Incident = {
  id: 'inc_1',
  agent: 'support',
  environment: 'prod',
  team: 'blue',
  state: 'resolved',
  severity: 'critical',
  title: 'support in prod: fewer runs pass than normal',
  drill: false,
  startedMs: at(0),
  openedMs: at(1),
  acknowledgedMs: at(3),
  acknowledgedBy: 'ana',
  mitigatedMs: at(30),
  resolvedMs: at(60),
  namedMs: at(2),
  before: {
    atMs: at(1),
    baseline: { sli: 'quality', badRatio: 0.012, total: 4200 },
    objectives: { quality: 0.95 },
    fallback: 'url',
    fallbackReachable: true,
    activeRelease: 'v8',
    formerRelease: 'v7',
  },
  alerts: [
    {
      fingerprint: 'a1',
      name: 'AgentQualityDrop',
      severity: 'critical',
      family: 'quality',
      labels: { alertname: 'AgentQualityDrop' },
      summary: '33 % of runs fail; 1.2 % is normal',
      startsMs: at(0),
      endsMs: at(45),
      receivedMs: at(1),
    },
  ],
  timeline: [
    entry(-12, 'change', 'prompt version v8 was first seen, after v7'),
    entry(-5, 'reported', 'a customer got half an answer', 'support desk'),
    entry(0, 'alert_fired', 'AgentQualityDrop fires'),
    entry(3, 'acknowledged', 'ana has it', 'ana'),
    entry(20, 'action', 'rolled back to release v7', 'playbook:rollback'),
    entry(30, 'mitigated', 'failed runs are at 1 % again', 'playbook:rollback'),
    entry(40, 'reopened', 'AgentQualityDrop fires after it was mitigated'),
    entry(60, 'resolved', 'every alert has ended', 'ana'),
  ],
  triage: {
    atMs: at(2),
    onset: { atMs: at(-11), fromMs: at(-12), toMs: at(-10) },
    sli: 'quality',
    findings: [
      finding('cause', 'prompt version v8', { comparison }),
      finding('ruled_out', 'model x', { cause: 'model' }),
      finding('cannot_tell', 'tool search', { cause: 'tools', runsNeeded: 140 }),
      finding('unchanged', 'inputs', { cause: 'input' }),
    ],
    summary: 'prompt version v8 is the cause',
    gaps: ['no samples before 07:00'],
  },
  blast: { sinceMs: at(-11), runs: 120, failedRuns: 40, costUsd: 3.2, users: 'unknown' },
  actions: [
    {
      ...action('act_1', 'rollback_release', 'verified', 'v7'),
      verification: { verdict: 'recovered', text: '1 of 60 fail', runsSeen: 60, runsNeeded: 50, atMs: at(29), comparison },
    },
    action('act_2', 'disable_agent', 'undone'),
    action('act_3', 'open_tool', 'failed', 'search'),
    { ...action('act_4', 'stop_runs', 'withdrawn', '*'), playbook: 'rollback', because: 'none of its alerts fires now' },
  ],
}

type Change = (i: Incident) => Incident
const without =
  (key: keyof Incident): Change =>
  (i) =>
    omit(i, key)
const omit = <T extends object>(from: T, key: keyof T): T => {
  const { [key]: _, ...rest } = from
  return rest as T
}
const withoutEntries =
  (kind: TimelineEntry['kind']): Change =>
  (i) => ({ ...i, timeline: i.timeline.filter((e) => e.kind !== kind) })
const withoutFinding =
  (verdict: Finding['verdict']): Change =>
  (i) => ({ ...i, triage: { ...i.triage!, findings: i.triage!.findings.filter((f) => f.verdict !== verdict) } })
const withoutBefore =
  (key: keyof NonNullable<Incident['before']>): Change =>
  (i) => ({ ...i, before: omit(i.before!, key) })
const withoutBlast =
  (key: 'runs' | 'failedRuns' | 'costUsd'): Change =>
  (i) => ({ ...i, blast: omit(i.blast!, key) })
const withoutActions =
  (...kinds: readonly Action['kind'][]): Change =>
  (i) => ({ ...i, actions: i.actions.filter((a) => !kinds.includes(a.kind)) })
const also =
  (...changes: readonly Change[]): Change =>
  (i) =>
    changes.reduce((x, change) => change(x), i)
const withoutOnset: Change = (i) => ({ ...i, triage: omit(i.triage!, 'onset') })
const firing: Change = (i) => ({ ...omit(i, 'resolvedMs'), state: 'open', alerts: i.alerts.map((a) => omit(a, 'endsMs')) })

/** By sentence: what it says of the full record (or of one that `with` makes), and the record without its fact. */
const CASES: Readonly<Record<keyof typeof SENTENCES, { readonly says: string; readonly without: Change; readonly with?: Change }>> = {
  lasted: {
    says: 'It lasted 41 min: from 2026-12-01 07:49:00 UTC, its estimated onset, to 2026-12-01 08:30:00 UTC, when it was mitigated.',
    without: also(without('mitigatedMs'), without('resolvedMs')),
  },
  not_over: { says: 'It is not over: AgentQualityDrop still fires.', with: firing, without: (i) => ({ ...i, alerts: FULL.alerts }) },
  runs: { says: '120 runs of the agent closed since 2026-12-01 07:49:00 UTC.', without: withoutBlast('runs') },
  failed_runs: {
    says: '40 runs failed (33 % of them): ended in an error, or failed a required check.',
    without: withoutBlast('failedRuns'),
  },
  cost: { says: "The agent's model calls cost $3.20 in that time.", without: withoutBlast('costUsd') },
  users: { says: 'How many users met it is unknown: users are not in the telemetry.', without: without('blast') },
  onset: {
    says: 'The signal `quality` began to change at 2026-12-01 07:49:00 UTC (between 2026-12-01 07:48:00 UTC and 2026-12-01 07:50:00 UTC), as estimated from its counts.',
    without: withoutOnset,
  },
  first_alert: {
    says: 'The first alert was AgentQualityDrop (critical), from 2026-12-01 08:00:00 UTC on: 33 % of runs fail; 1.2 % is normal.',
    without: (i) => ({ ...i, alerts: [] }),
  },
  received: {
    says: 'agentopz heard of it at 2026-12-01 08:01:00 UTC, 1 min after it had begun to fire.',
    without: (i) => ({ ...i, alerts: [] }),
  },
  time_to_detect: {
    says: 'Time to detect: 12 min from the estimated onset to the first alert received.',
    without: withoutOnset,
  },
  alert_or_people: {
    says: 'support desk reported trouble at 2026-12-01 07:55:00 UTC: a customer got half an answer. The alert did not come first: it was received 6 min later.',
    without: withoutEntries('reported'),
  },
  acknowledged: {
    says: 'ana took it at 2026-12-01 08:03:00 UTC, 2 min after the first alert was received.',
    without: withoutEntries('acknowledged'),
  },
  cause: { says: 'prompt version v8 is the cause. (Triage of 2026-12-01 08:02:00 UTC.)', without: without('triage') },
  time_to_name: {
    says: 'Triage first named a cause at 2026-12-01 08:02:00 UTC, 1 min after the first alert was received.',
    without: without('namedMs'),
  },
  causes: {
    says: 'prompt version v8 (prompt, high confidence): prompt version v8 is what it is. 3 of 300 (1.0 %) before, 40 of 120 (33 %) after: +32.3 percentage points (95 % interval +24.0 to +41.0, p < 0.001).',
    without: withoutFinding('cause'),
  },
  ruled_out: { says: 'Ruled out, model x (model): model x is what it is.', without: withoutFinding('ruled_out') },
  cannot_tell: {
    says: 'Cannot be told, tool search (tools): tool search is what it is. 140 runs would be needed.',
    without: withoutFinding('cannot_tell'),
  },
  unchanged: { says: 'Looked at and unchanged: inputs (input).', without: withoutFinding('unchanged') },
  triage_gaps: {
    says: 'Missing from the triage: no samples before 07:00.',
    without: (i) => ({ ...i, triage: { ...i.triage!, gaps: [] } }),
  },
  baseline: { says: 'A baseline existed: 1.2 % of 4200 events of `quality` were bad before.', without: withoutBefore('baseline') },
  no_baseline: {
    says: 'No baseline existed: Prometheus was asked and had none.',
    with: also(withoutBefore('baseline'), (i) => ({ ...i, before: { ...i.before!, noBaseline: true } })),
    without: withoutBefore('noBaseline'),
  },
  objectives: { says: 'Objectives were set: `quality` 0.95.', without: withoutBefore('objectives') },
  fallback: { says: 'A fallback was configured (a url).', without: withoutBefore('fallback') },
  fallback_reachable: {
    says: 'Its URL answered when it was asked at 2026-12-01 08:01:00 UTC.',
    without: withoutBefore('fallbackReachable'),
  },
  active_release: { says: 'Release v8 was active.', without: withoutBefore('activeRelease') },
  former_release: { says: 'Release v7 was there to roll back to.', without: withoutBefore('formerRelease') },
  rollback_used: {
    says: 'Rollback was used: v7, by playbook:rollback at 2026-12-01 08:20:00 UTC; the runs after it were well again.',
    without: withoutActions('rollback_release'),
  },
  fallback_used: {
    says: 'The agent was disabled, which puts its fallback in its place: by playbook:rollback at 2026-12-01 08:20:00 UTC; it was undone.',
    without: withoutActions('disable_agent'),
  },
  other_actions: {
    says: 'open_tool search, by playbook:rollback at 2026-12-01 08:20:00 UTC: bad answers; the runs after it were not well again.',
    without: withoutActions('open_tool', 'stop_runs', 'activate_release'),
  },
  proposals: {
    says: 'playbook:rollback proposed stop_runs * at 2026-12-01 08:20:00 UTC, and it was withdrawn: none of its alerts fires now.',
    without: withoutActions('stop_runs'),
  },
  verifications: {
    says: 'After act_1: 1 of 60 fail (recovered, 60 of 50 runs seen) 3 of 300 (1.0 %) before',
    without: (i) => ({ ...i, actions: i.actions.map((a) => omit(a, 'verification')) }),
  },
  mitigated: {
    says: 'Mitigated at 2026-12-01 08:30:00 UTC, 29 min after the first alert was received: failed runs are at 1 % again.',
    without: withoutEntries('mitigated'),
  },
  reopened: { says: 'It was opened again 1 time: 2026-12-01 08:40:00 UTC.', without: withoutEntries('reopened') },
  resolved: {
    says: 'Resolved at 2026-12-01 09:00:00 UTC by ana, 59 min after the first alert was received: every alert has ended.',
    without: without('resolvedMs'),
  },
}

describe('every sentence is there with its fact, and gone without it', () => {
  for (const [id, c] of Object.entries(CASES))
    test(id, () => {
      const full = c.with?.(FULL) ?? FULL
      const sentence: Sentence = SENTENCES[id as keyof typeof SENTENCES]
      expect([sentence.say(full)].flat().join('\n')).toContain(c.says)
      expect(reviewOf(full)).toContain(c.says)
      const gone = c.without(full)
      expect([sentence.say(gone) ?? []].flat()).toEqual([])
      expect(reviewOf(gone)).not.toContain(c.says)
    })
  test('every sentence has a case', () => expect(Object.keys(CASES).sort()).toEqual(Object.keys(SENTENCES).sort()))
})

describe('sentences of the other kind of fact', () => {
  const of = (id: keyof typeof SENTENCES, change: Change): string => [SENTENCES[id].say(change(FULL)) ?? []].flat().join('\n')
  const before =
    (more: Partial<NonNullable<Incident['before']>>): Change =>
    (i) => ({ ...i, before: { ...i.before!, ...more } })
  const cases: readonly (readonly [string, string, string])[] = [
    [
      'the alert came first',
      of('alert_or_people', (i) => ({ ...i, timeline: [entry(9, 'reported', 'odd answers.')] })),
      'Somebody reported trouble at 2026-12-01 08:09:00 UTC: odd answers. The alert came first, by 8 min.',
    ],
    [
      'heard before the onset',
      of('time_to_detect', (i) => ({ ...i, openedMs: at(-20) })),
      'The first alert was received 9 min before the estimated onset.',
    ],
    ['no fallback', of('fallback', before({ fallback: 'none' })), 'No fallback was configured.'],
    [
      'a fallback that is not there',
      of('fallback_reachable', before({ fallbackReachable: false })),
      'Its URL did not answer when it was asked at 2026-12-01 08:01:00 UTC.',
    ],
    ['no release', of('active_release', before({ activeRelease: null })), 'No release was active.'],
    ['nothing to go back to', of('former_release', before({ formerRelease: null })), 'There was no release to roll back to.'],
    [
      'resolved without being mitigated, no onset',
      of('lasted', also(withoutOnset, without('mitigatedMs'))),
      'It lasted 1 h: from 2026-12-01 08:00:00 UTC, when its first alert began, to 2026-12-01 09:00:00 UTC, when it was resolved.',
    ],
    [
      'mitigated: runs until then',
      of('runs', (i) => ({ ...i, blast: { ...i.blast!, untilMs: at(-1) } })),
      '120 runs of the agent closed since 2026-12-01 07:49:00 UTC until it was mitigated at 2026-12-01 07:59:00 UTC.',
    ],
    ['runs unknown', of('failed_runs', withoutBlast('runs')), '40 runs failed: ended in an error, or failed a required check.'],
    ['proposed only: not used', of('rollback_used', (i) => ({ ...i, actions: [action('p', 'rollback_release', 'proposed')] })), ''],
  ]
  for (const [name, said, wanted] of cases) test(name, () => expect(said).toBe(wanted))
})

describe('follow-ups', () => {
  const before =
    (more: Partial<NonNullable<Incident['before']>>): Change =>
    (i) => ({ ...i, before: { ...i.before!, ...more } })
  /** Records that call for each, and the same without. */
  const CALLS: Readonly<Record<string, readonly [calls: Change, not: Change]>> = {
    baseline: [also(withoutBefore('baseline'), before({ noBaseline: true })), (i) => i],
    fallback: [before({ fallback: 'none' }), (i) => i],
    fallback_reachable: [before({ fallbackReachable: false }), (i) => i],
    release: [before({ formerRelease: null }), (i) => i],
    people_first: [(i) => i, withoutEntries('reported')],
    cause: [(i) => i, withoutFinding('cause')],
    cannot_tell: [(i) => i, withoutFinding('cannot_tell')],
    failed_action: [(i) => i, withoutActions('open_tool')],
  }
  for (const [id, say] of Object.entries(FOLLOW_UPS))
    test(id, () => {
      const [calls, not] = CALLS[id]!
      const what = say(calls(FULL))
      expect(what).toMatch(/^[A-Z]/)
      expect(reviewOf(calls(FULL))).toContain(`| ${what} | | |`)
      expect(say(not(FULL))).toBeUndefined()
    })
  test('have an empty owner and date, and room for one more', () => {
    const rows = reviewOf(FULL)
      .split('## Follow-ups')[1]!
      .split('\n')
      .filter((l) => l.startsWith('|'))
      .slice(2)
    expect(rows.length).toBeGreaterThan(1)
    for (const row of rows) expect(row).toMatch(/\| \| \|$/)
    expect(rows.at(-1)).toBe('| | | |')
  })
})

describe('what is not in the record', () => {
  /** An incident of which only the alert is known. */
  const BARE: Incident = {
    ...also(
      without('triage'),
      without('blast'),
      without('before'),
      without('acknowledgedMs'),
      without('acknowledgedBy'),
      without('namedMs'),
    )(FULL),
    timeline: FULL.timeline.filter((e) => e.kind === 'alert_fired'),
    actions: [],
  }
  for (const [id, say] of Object.entries(MISSING))
    test(`${id}: told where it is missing, and only there`, () => {
      expect(reviewOf(BARE)).toContain(`- ${say(BARE)}`)
      expect(say(FULL)).toBeUndefined()
    })
  test('a full record has no such section', () => expect(reviewOf(FULL)).not.toContain('Not in the record'))
  test('of the watching itself, what only agents have is not missed', () => {
    const text = reviewOf({ ...BARE, agent: '', environment: '' })
    expect(text).toContain('agentopz itself')
    for (const word of ['triage', 'How many runs', 'fallback', 'promql']) expect(text).not.toContain(word)
  })
})

describe('the document', () => {
  test('tells what changed before and since, the timeline, and what to ask again and for which time', () => {
    const text = reviewOf(FULL)
    expect(text).toContain(
      '## What changed before it began\n\n- 2026-12-01 07:48:00 UTC, 1 min before it began: prompt version v8 was first seen, after v7',
    )
    expect(text).toContain(
      '## What changed since\n\n- 2026-12-01 08:20:00 UTC, 31 min after it began: rolled back to release v7 (playbook:rollback)',
    )
    expect(text).toContain('| 2026-12-01 08:03:00 UTC | acknowledged: ana has it | ana |')
    expect(text).toContain(
      'From 2026-12-01 06:48:00 UTC, an hour before it began, to 2026-12-01 09:00:00 UTC:\n\n```promql\nquery_of_cause\n',
    )
    expect(text).toContain('ALERTS{agent="support",environment="prod"}')
  })
  test('sections without a sentence are not there', () => {
    const over = also(without('mitigatedMs'), without('resolvedMs'))
    const text = reviewOf({ ...over(FULL), actions: [], timeline: [], alerts: [] })
    expect(text).not.toContain('## Response')
    expect(text).not.toContain('## What changed')
  })
  test('words from elsewhere begin no table, link, picture, code or HTML', () => {
    const evil = 'a | b\n# c <img src=x onerror=y> [x](javascript:z) ![p](http://t/) `code` ```'
    const text = reviewOf({
      ...FULL,
      title: evil,
      team: evil,
      timeline: [entry(1, 'note', evil, evil), entry(2, 'reported', evil, evil)],
      triage: { ...FULL.triage!, summary: evil, findings: [finding('cause', evil, { text: evil, query: 'a```\n# b' })] },
    })
    expect(text.match(/(?<!\\)<\S.*|(?<!\\)\]\(.*|^# c.*/gm)).toBeNull()
    expect(text.match(/```/g)).toHaveLength(2)
    for (const row of text.split('\n').filter((l) => l.includes('note:'))) expect(row.split(/(?<!\\)\|/)).toHaveLength(5)
  })
})

test('numbers as they are said', () => {
  expect([0, 999, 40_000, 90_000, 3_600_000, 3_661_000, 7_199_999, 90_061_000, -5].map(durationText)).toEqual([
    '0 s',
    '1 s',
    '40 s',
    '1 min 30 s',
    '1 h',
    '1 h 1 min',
    '2 h',
    '1 d 1 h',
    '0 s',
  ])
  expect([0, 0.004, 0.0999, 0.333, 1, -0.02].map(shareText)).toEqual(['0 %', '0.4 %', '10.0 %', '33 %', '100 %', '-2.0 %'])
  expect([0, 0.00312, 0.5, 12.4].map(usdText)).toEqual(['$0.00', '$0.0031', '$0.50', '$12.40'])
  expect([countText(1, 'run'), countText(0.4, 'run'), countText(12.6, 'run')]).toEqual(['1 run', '0 runs', '13 runs'])
  expect(md('a\n  b_c')).toBe('a b_c')
})
