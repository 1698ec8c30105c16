/** What playbooks say: each reason for not acting, the ladder, and what a person undid. Every sentence is a case. */
import { describe, expect, test } from 'vitest'
import type { Standing } from '../../../incidents/actions/action.ts'
import { decide, decideAll, type Decision, type Playbook, type Situation } from '../../../incidents/playbooks.ts'
import type { Action, ActionKind, Finding, Incident, IncidentAlert } from '../../../model/incident.ts'
import { at, MINUTE } from './support.ts'

const PROMPT: Finding = {
  cause: 'prompt',
  verdict: 'cause',
  confidence: 'high',
  subject: 'prompt version v8',
  text: 'v8 fails in 30 of 60',
  comparison: { bad: [60, 30], total: [600, 60], difference: 0.4, interval: [0.3, 0.5], p: 1e-9 },
  changedMs: at(-30),
  query: '',
}
const TOOL: Finding = { ...PROMPT, cause: 'tools', subject: 'tool search', text: 'calls of search fail' }
const alert = (name = 'AgentQualityDrop', more: Partial<IncidentAlert> = {}): IncidentAlert => ({
  fingerprint: name,
  name,
  severity: 'critical',
  family: 'quality',
  labels: { sli: 'quality' },
  summary: 'fewer runs pass',
  startsMs: at(-10),
  receivedMs: at(-9),
  ...more,
})

const incident = (findings: readonly Finding[] = [PROMPT], more: Partial<Incident> = {}): Incident => ({
  id: 'inc_1',
  agent: 'support',
  environment: 'prod',
  team: '',
  state: 'open',
  severity: 'critical',
  title: '',
  drill: false,
  startedMs: at(-10),
  openedMs: at(-9),
  alerts: [alert()],
  timeline: [],
  triage: {
    atMs: at(0),
    sli: 'quality',
    onset: { atMs: at(-30), fromMs: at(-32), toMs: at(-25) },
    findings,
    summary: 'cannot tell yet: 12 more runs are needed',
    gaps: [],
  },
  blast: { sinceMs: at(-30), runs: 60, users: 'unknown' },
  actions: [],
  ...more,
})

const playbook = (
  more: { readonly [K in keyof Playbook]?: Playbook[K] extends object ? Partial<Playbook[K]> : Playbook[K] } = {},
): Playbook => ({
  name: 'p',
  mode: 'auto',
  expiresMs: 240 * MINUTE,
  ...more,
  do: (more.do as Playbook['do'] | undefined) ?? [{ kind: 'rollback_release' }],
  when: { cause: 'prompt', confidence: 'medium', ...more.when },
  if: { minRuns: 20, oneAtATime: true, coolDownMs: 60 * MINUTE, ...more.if },
  verify: { runs: 50, withinMs: 14_400_000, otherwise: 'undo', ...more.verify },
})
const STANDING: Standing = {
  controls: [],
  activeRelease: 'v8',
  releases: ['v7', 'v8'],
  rollbackTo: { version: 'v7', text: 'it met its objectives' },
  fallback: 'soon',
}
const situation = (more: Partial<Situation> = {}): Situation => ({
  incident: incident(),
  fires: true,
  standing: STANDING,
  past: [],
  ...more,
})
const action = (kind: ActionKind, state: Action['state'], more: Partial<Action> = {}): Action => ({
  id: 'act_1',
  kind,
  target: kind === 'rollback_release' ? 'v7' : kind === 'open_tool' ? 'search' : 'support',
  state,
  reason: '',
  actor: 'playbook:p',
  atMs: at(-200),
  ...more,
})
const past = (...actions: readonly Action[]): Situation['past'] => actions.map((a) => ({ incident: 'inc_1', action: a }))
const said = (d: Decision): string => `${d.verdict}: ${d.text}`
const on = (p: Playbook, more: Partial<Situation> = {}): string => said(decide(p, situation(more), at(0)))

describe('it acts', () => {
  test('when everything holds, and says on what it rests', () => {
    const d = decide(playbook(), situation(), at(0))
    expect(said(d)).toBe('acts: roll back from release v8 to v7 (it met its objectives)')
    expect(d).toMatchObject({ target: 'v7', cause: 'prompt', reason: 'v8 fails in 30 of 60' })
    expect('conditions' in d && d.conditions.map((c) => c.text)).toEqual([
      'the mode of p is auto',
      'an alert of it fires now',
      'the evidence rests on 60 runs, and 20 are needed',
      'no other action is in force and unverified',
      'no playbook acted on the agent in the last 1 h',
      'the cause is named with high confidence',
      'it changed at 07:30:00 UTC, and it began between 07:28:00 and 07:35:00 UTC',
    ])
  })
  test('on an alert alone, where no cause is asked for', () => {
    const p: Playbook = { ...playbook({ do: [{ kind: 'stop_runs' }] }), when: { alerts: ['AgentRunaway'], confidence: 'medium' } }
    const of = incident([], { alerts: [alert('AgentRunaway', { labels: { measure: 'cost_usd' } })] })
    expect(said(decide(p, situation({ incident: of }), at(0)))).toBe('acts: stop every run of support that has begun')
  })
})

describe('it proposes, and says what does not hold', () => {
  const propose = (text: string): string => `proposes: roll back from release v8 to v7 (it met its objectives); not done by itself: ${text}`
  for (const [name, found, text] of [
    ['the mode', on(playbook({ mode: 'suggest' })), 'the mode of p is suggest'],
    ['no alert fires any more', on(playbook(), { fires: false }), 'none of its alerts fires now'],
    ['Prometheus is down', on(playbook(), { fires: undefined }), 'whether its alerts fire now cannot be asked'],
    ['few runs', on(playbook({ if: { minRuns: 61 } })), 'the evidence rests on 60 runs, and 61 are needed'],
    ['a large blast', on(playbook({ if: { maxBlastRuns: 59 } })), '60 runs since it began, and at most 59 are allowed'],
    [
      'a blast that is not known',
      on(playbook({ if: { maxBlastRuns: 59 } }), { incident: incident([PROMPT], { blast: { sinceMs: 0, users: 'unknown' } }) }),
      'how many runs it has met is not known',
    ],
    [
      'another action of another incident is not verified',
      on(playbook(), { past: [{ incident: 'inc_0', action: action('open_tool', 'in_force', { actor: 'ana' }) }] }),
      'act_1 of inc_0 (open_tool search) is not verified yet: one change at a time',
    ],
    [
      'a playbook acted a while ago',
      on(playbook(), { past: [{ incident: 'inc_0', action: action('open_tool', 'verified', { atMs: at(-59) }) }] }),
      'playbook:p acted on the agent at 07:01:00 UTC, and the cool-down is 1 h',
    ],
    [
      'medium confidence',
      on(playbook(), { incident: incident([{ ...PROMPT, confidence: 'medium' }]) }),
      'the cause is named with medium confidence; high is needed',
    ],
    [
      'a quiet agent, whose onset is not known well',
      on(playbook(), {
        incident: incident([PROMPT], { triage: { ...incident().triage!, onset: { atMs: at(-30), fromMs: at(-60), toMs: at(-10) } } }),
      }),
      'when it began is known to 50 min only, and 45 min are needed: the agent has too few runs',
    ],
    [
      'it changed before it began',
      on(playbook(), { incident: incident([{ ...PROMPT, changedMs: at(-33) }]) }),
      'it changed at 07:27:00 UTC, and it began between 07:28:00 and 07:35:00 UTC',
    ],
  ] as const)
    test(name, () => expect(found).toBe(propose(text)))
  test('disabling without a fallback', () => {
    const { fallback: _, ...none } = STANDING
    expect(on(playbook({ do: [{ kind: 'disable_agent' }] }), { standing: none })).toBe(
      'proposes: disable support, without a fallback; not done by itself: no fallback is configured',
    )
  })
})

function untriaged(): Incident {
  const { triage: _, ...rest } = incident()
  return rest
}

describe('it waits, or is about something else', () => {
  const held = {
    id: 'ctl_1',
    control: 'release',
    agent: 'support',
    target: 'v8',
    environment: '',
    reason: '',
    actor: 'ana',
    createdMs: 0,
  } as const
  const open = { ...held, control: 'tool', target: 'search' } as const
  for (const [name, found, text] of [
    ['other alerts', on(playbook({ when: { alerts: ['AgentLooping'] } })), 'does_not_apply: none of its alerts is one of AgentLooping'],
    ['other agents', on(playbook({ when: { agents: ['shop'] } })), 'does_not_apply: p is not for support'],
    [
      'the watching itself',
      on(playbook(), { incident: incident([], { agent: '' }) }),
      'does_not_apply: the incident is about the watching itself',
    ],
    ['another cause', on(playbook(), { incident: incident([TOOL]) }), 'does_not_apply: the cause is tools (high confidence), not prompt'],
    ['no triage', on(playbook(), { incident: untriaged() }), 'waits: there is no triage yet'],
    ['no cause yet', on(playbook(), { incident: incident([]) }), 'waits: cannot tell yet: 12 more runs are needed'],
    [
      'too little confidence',
      on(playbook({ when: { confidence: 'high' } }), { incident: incident([{ ...PROMPT, confidence: 'medium' }]) }),
      'waits: prompt is named with medium confidence, and high is asked for',
    ],
    ['it is mitigated', on(playbook(), { incident: incident([PROMPT], { state: 'mitigated' }) }), 'waits: the incident is mitigated'],
    [
      'stored releases cannot be read',
      on(playbook(), { standing: { controls: [] } }),
      'waits: rollback_release: stored releases cannot be read',
    ],
    [
      'no release',
      on(playbook(), { standing: { ...STANDING, activeRelease: null } }),
      'waits: rollback_release: support has no active release to roll back; publish its prompts with agentopz release publish',
    ],
    [
      'another release is active by now',
      on(playbook(), { standing: { ...STANDING, activeRelease: 'v9' } }),
      'waits: rollback_release: the active release is v9, and what was found is prompt version v8',
    ],
    [
      'nothing to go back to',
      on(playbook(), { standing: { ...STANDING, rollbackTo: { none: 'v8 is the first' } } }),
      'waits: rollback_release: v8 is the first',
    ],
    [
      'a person holds the release',
      on(playbook(), { standing: { ...STANDING, controls: [held] } }),
      'waits: rollback_release: ana holds release v8 (ctl_1): a rollback would change nothing',
    ],
    [
      'the tool is open already',
      on(playbook({ do: [{ kind: 'open_tool' }], when: { cause: 'tools' } }), {
        incident: incident([TOOL]),
        standing: { ...STANDING, controls: [open] },
      }),
      'waits: open_tool: tool search is open already (ctl_1, by ana)',
    ],
    [
      'a set of tools is no tool',
      on(playbook({ do: [{ kind: 'open_tool' }], when: { cause: 'tools' } }), {
        incident: incident([{ ...TOOL, subject: 'tool set h:1' }]),
      }),
      'waits: open_tool: tool set h:1 is no single tool that could be opened',
    ],
    [
      'it is done already',
      on(playbook(), { past: past(action('rollback_release', 'in_force')) }),
      'waits: act_1 (rollback_release v7) is in force: not verified yet',
    ],
    [
      'a person undid it',
      on(playbook(), { past: past(action('rollback_release', 'undone', { undo: { actor: 'ana', reason: '', atMs: 0 } })) }),
      'waits: ana undid act_1 (rollback_release v7) in this incident: not done again',
    ],
    [
      'it did not help, and there is no further step',
      on(playbook(), { past: past(action('rollback_release', 'failed')) }),
      'waits: rollback_release: act_1 did not help in this incident',
    ],
  ] as const)
    test(name, () => expect(found).toBe(text))
})

describe('the ladder', () => {
  const ladder = playbook({ do: [{ kind: 'rollback_release' }, { kind: 'disable_agent' }], if: { coolDownMs: 60 * MINUTE } })
  test('the next step when the one before does not fit', () => {
    expect(on(ladder, { standing: { ...STANDING, activeRelease: null } })).toBe('acts: disable support')
  })
  test('the next step when the one before did not help', () => {
    const undone = action('rollback_release', 'undone', { undo: { actor: 'playbook:p', reason: '', atMs: 0 } })
    expect(on(ladder, { past: past(undone) })).toBe('acts: disable support')
  })
  test('no next step when a person undid the one before', () => {
    const undone = action('rollback_release', 'undone', { undo: { actor: 'ana', reason: '', atMs: 0 } })
    expect(on(ladder, { past: past(undone) })).toMatch(/^waits: ana undid/)
  })
  test('the second tool when the first was dealt with', () => {
    const p = playbook({ do: [{ kind: 'open_tool' }], when: { cause: 'tools' } })
    const of = incident([TOOL, { ...TOOL, subject: 'tool order' }])
    expect(on(p, { incident: of, past: past(action('open_tool', 'failed')) })).toBe('acts: refuse calls of tool order by support')
  })
})

test('of several, those that act come first, by the rank of their cause; those about other alerts are left out', () => {
  const of = incident([TOOL, PROMPT])
  const all = [
    playbook({ name: 'suggests', mode: 'suggest' }),
    playbook({ name: 'elsewhere', when: { alerts: ['AgentLooping'] } }),
    playbook({ name: 'rolls-back' }),
    playbook({ name: 'opens', do: [{ kind: 'open_tool' }], when: { cause: 'tools' } }),
  ]
  expect(decideAll(all, situation({ incident: of }), at(0)).map((d) => [d.playbook, d.verdict])).toEqual([
    ['opens', 'acts'],
    ['rolls-back', 'acts'],
    ['suggests', 'proposes'],
  ])
})
