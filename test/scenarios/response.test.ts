/** What is done about incidents, told like incident reports: what triage found, what was proposed or done, and whether it helped. */
import { afterEach, expect, test, vi } from 'vitest'
import { AGENT, type Behaviour, ResponseWorld } from './response-world.ts'
import { ms, START } from './world.ts'

let world: ResponseWorld
vi.setConfig({ testTimeout: 20_000 })
afterEach(() => world.end())

const AUTO = `playbooks:
  - { name: roll-back, when: { cause: prompt, confidence: high }, do: [rollback_release], mode: auto }
  - { name: open-tool, when: { cause: tools }, do: [open_tool], mode: auto, if: { cool_down: 10m } }
`
const SUGGEST = `playbooks:
  - { name: roll-back, when: { cause: prompt }, do: [rollback_release, disable_agent] }
`
const began = (atMs: number): boolean => atMs >= START
/** Release v8 fails in half of the runs, the others in one of twenty. */
const badPrompt: Behaviour = ({ prompt }) => ({ failing: prompt === 'v8' ? 0.5 : 0.05 })

async function regression(playbooks: string, behaves: Behaviour): Promise<void> {
  world = await ResponseWorld.begin(playbooks, behaves)
  await world.releases('v8')
  await world.at('30m')
  await world.fires('AgentQualityDrop', { sli: 'quality' })
  await world.at('31m')
}

test('a prompt regression: rolled back by its playbook, verified by the runs after it, mitigated', async () => {
  await regression(AUTO, badPrompt)
  expect([world.active, world.action('act_1').state]).toEqual(['v7', 'in_force'])
  expect(world.incident.namedMs).toBe(START + ms('31m'))
  await world.at('60m')
  expect([world.incident.state, world.action('act_1').state]).toEqual(['mitigated', 'verified'])
  expect(world.timeline()).toEqual([
    expect.stringMatching(/^30m alert_fired: AgentQualityDrop/),
    expect.stringMatching(/^31m triaged: prompt \(high confidence\): prompt version v8, first seen 08:00 UTC, has 100 % of the runs/),
    '31m proposed: act_1: roll back from release v8 to v7 (the one before, as asked)',
    '31m action: rolled back to release v7: cause: prompt',
    expect.stringMatching(
      /^37m verified: act_1: the runs are well again \(quality: \d of 20 \(\d+ %\) bad since, 67 of 120 \(56 %\) before the action/,
    ),
    expect.stringMatching(/^37m mitigated: act_1: the runs are well again/),
  ])
  const audit = await world.plane.audit(10)
  expect(audit.filter((e) => e.action === 'rollback').map((e) => [e.actor, e.target, e.via])).toEqual([
    ['playbook:roll-back', 'v7', 'inc_1 act_1'],
  ])
})

test('no run for half an hour: no cause is named, and what is known of the runs is said', async () => {
  world = await ResponseWorld.begin(AUTO, () => ({ failing: 0.05 }))
  world.pauses()
  await world.at('30m')
  await world.fires('AgentSilent')
  await world.at('33m')
  expect(world.incident.actions).toEqual([])
  expect(world.timeline('triaged')).toEqual([
    '31m triaged: cannot tell: only the number of runs changed, so there are no failing runs to compare. The last run closed at 07:59 UTC. ' +
      '116 runs closed within the last hour, usual at this time of the week are 235. ' +
      'No other agent of this environment has runs often enough to tell whether it is alone.',
  ])
})

test('in suggest mode it is proposed with why it was not done, and done when somebody takes it', async () => {
  await regression(SUGGEST, badPrompt)
  expect([world.active, world.action('act_1').state, world.action('act_1').because]).toEqual([
    'v8',
    'proposed',
    'the mode of roll-back is suggest',
  ])
  await world.at('40m')
  expect(world.incident.actions).toHaveLength(1)
  const done = await world.accepts('act_1')
  expect(done).toMatchObject({ ok: true, action: { state: 'in_force', actor: 'ana', from: 'v8' } })
  await world.at('60m')
  expect([world.active, world.incident.state]).toEqual(['v7', 'mitigated'])
})

test('the prompt was innocent: the rollback does not help, is undone, and is not tried again', async () => {
  // Users begin to send something else at the very minute that v8 is activated.
  await regression(AUTO, ({ atMs }) => ({ failing: began(atMs) ? 0.5 : 0.05 }))
  expect(world.active).toBe('v7')
  await world.at('40m')
  expect(world.action('act_1')).toMatchObject({ state: 'in_force', verification: { verdict: 'waiting' } })
  await world.at('75m')
  expect([world.active, world.incident.state, world.action('act_1').state]).toEqual(['v8', 'open', 'undone'])
  const told = world.timeline('not_recovered', 'action', 'undone', 'change')
  expect(told).toEqual([
    '31m action: rolled back to release v7: cause: prompt',
    '45m undone: release v8 was activated: it did not help',
    expect.stringMatching(/^45m not_recovered: act_1: it did not help \(quality: \d+ of 5\d/),
  ])
  expect((await world.plane.audit(50)).filter((e) => e.action === 'rollback')).toHaveLength(1)
})

test('a person undoes what a playbook did: it is not done again in this incident', async () => {
  await regression(AUTO, badPrompt)
  expect(await world.undoes('act_1')).toMatchObject({ ok: true, action: { state: 'undone' } })
  await world.at('33m')
  expect(world.incident.playbooks?.[0]).toMatchObject({ verdict: 'waits', text: expect.stringContaining('ana undid act_1') as string })
  await world.at('2h')
  expect(world.active).toBe('v8')
})

test('a person undoes it elsewhere, by activating the release again: noticed, and not done again', async () => {
  await regression(AUTO, badPrompt)
  await world.releases('v8', 'bob')
  await world.at('2h')
  expect(world.active).toBe('v8')
  expect(world.action('act_1')).toMatchObject({ state: 'undone', undo: { actor: 'bob' } })
})

test('two causes at once: the tool first, the prompt waits for a person, for the tool could have explained it all', async () => {
  await regression(AUTO.replace(', confidence: high', ''), ({ prompt, atMs, toolIsOpen }) => ({
    failing: prompt === 'v8' ? 0.4 : 0.05,
    ...(began(atMs) && !toolIsOpen ? { toolErrors: 0.35 } : {}),
  }))
  expect(world.incident.triage?.findings.filter((f) => f.verdict === 'cause').map((f) => [f.cause, f.confidence])).toEqual([
    ['tools', 'high'],
    ['prompt', 'medium'],
  ])
  expect(world.timeline('action')).toEqual(['31m action: tool search is open until 12:31:00 UTC: cause: tools'])
  expect(world.action('act_2')).toMatchObject({ kind: 'rollback_release', state: 'proposed' })
  expect(world.action('act_2').because).toContain('the cause is named with medium confidence; high is needed')
  // Without the tool the runs are no better than the prompt lets them be.
  await world.at('50m')
  expect(world.action('act_1')).toMatchObject({ state: 'failed', escalated: true })
  expect(world.timeline('not_recovered')[0]).toBe('45m not_recovered: act_1 needs a person: it stays while prompt is named as a cause too')
  expect(await world.accepts('act_2')).toMatchObject({ ok: true })
  await world.at('80m')
  expect([world.active, world.incident.state, world.action('act_2').state]).toEqual(['v7', 'mitigated', 'verified'])
})

test('Prometheus is down: the record says that it cannot be told, and nothing is done', async () => {
  world = await ResponseWorld.begin(AUTO, badPrompt)
  await world.releases('v8')
  await world.at('30m')
  world.log.isDown = true
  await world.fires('AgentQualityDrop', { sli: 'quality' })
  await world.at('50m')
  expect([world.active, world.incident.actions.length, world.incident.state]).toEqual(['v8', 0, 'open'])
  expect(world.timeline('triaged')).toEqual([
    '31m triaged: cannot tell: Cannot reach Prometheus at http://prometheus: the connection was refused',
  ])
  expect(world.incident.namedMs).toBeUndefined()
  // It comes back, and the response goes on.
  world.log.isDown = false
  await world.at('52m')
  expect(world.active).toBe('v7')
})

test('Prometheus goes down after the rollback: it stays, unverified, and is verified later', async () => {
  await regression(AUTO, badPrompt)
  world.log.isDown = true
  await world.at('90m')
  expect([world.active, world.action('act_1').state, world.action('act_1').verification?.verdict]).toEqual(['v7', 'in_force', 'unknown'])
  expect(world.incident.state).toBe('open')
  world.log.isDown = false
  await world.at('92m')
  expect(world.incident.state).toBe('mitigated')
})

test('the alert has ended by itself when the response looks: proposed, not done', async () => {
  world = await ResponseWorld.begin(AUTO, badPrompt)
  await world.releases('v8')
  await world.at('30m')
  await world.fires('AgentQualityDrop', { sli: 'quality' })
  world.log.firing.clear()
  await world.at('31m')
  expect([world.active, world.action('act_1').because]).toEqual(['v8', 'none of its alerts fires now'])
})

test('two people roll back at once: the second hears of the first', async () => {
  await regression(SUGGEST, badPrompt)
  const [first, second] = await Promise.all([world.accepts('act_1', 'ana'), world.does('rollback_release', undefined, 'bob')])
  expect(first.ok).toBe(true)
  expect(second).toMatchObject({
    ok: false,
    because: 'conflict',
    detail: expect.stringContaining('act_1 (rollback_release v7, by ana)') as string,
  })
  expect((await world.plane.audit(50)).filter((e) => e.action === 'rollback')).toHaveLength(1)
})

test('somebody repairs it by hand, elsewhere: mitigated on the same evidence', async () => {
  await regression('playbooks: []\n', badPrompt)
  await world.releases('v9', 'bob')
  await world.at('32m')
  await world.incidents.update(world.incident.id, (i) => ({
    ...i,
    timeline: [
      ...i.timeline,
      { atMs: START + ms('31m'), kind: 'change', text: 'release v9 was activated', actor: 'bob', ref: 'release:v9' },
    ],
  }))
  await world.at('60m')
  expect(world.incident.state).toBe('mitigated')
  expect(world.timeline('mitigated')[0]).toMatch(/^3\dm mitigated: the runs are well again .*, after release v9 was activated$/)
})

test('the agent is disabled: nothing is well, but nothing fails, and the record says which', async () => {
  await regression(SUGGEST, badPrompt)
  expect(await world.does('disable_agent', AGENT)).toMatchObject({ ok: true })
  await world.at('40m')
  expect(world.incident.state).toBe('mitigated')
  expect(world.action('act_2').verification).toMatchObject({
    verdict: 'contained',
    text: 'disabled since 08:31:00 UTC, and no run has failed; callers get the fallback',
  })
})

test('the agent is switched on again after the rollback: only the runs since then are looked at', async () => {
  await regression(SUGGEST, ({ prompt }) => ({ failing: prompt === 'v8' ? 0.5 : 0.02 }))
  expect(await world.does('disable_agent', AGENT)).toMatchObject({ ok: true })
  await world.at('40m')
  expect(await world.does('rollback_release', undefined)).toMatchObject({ ok: true })
  await world.at('60m')
  expect(world.action('act_3').verification?.text).toBe('the agent is disabled: there are no runs to look at')
  expect(await world.undoes('act_2')).toMatchObject({ ok: true })
  await world.at('75m')
  expect(world.action('act_3')).toMatchObject({ state: 'verified', verification: { verdict: 'recovered' } })
})

test('well for half an hour, and bad again while the same alert still fires: open again', async () => {
  await regression(AUTO, ({ prompt, atMs }) => ({ failing: prompt === 'v8' || atMs > START + ms('60m') ? 0.5 : 0.05 }))
  await world.at('45m')
  expect(world.incident.state).toBe('mitigated')
  await world.at('90m')
  expect(world.incident.state).toBe('open')
  expect(world.timeline('reopened')[0]).toMatch(/m reopened: the runs since it was mitigated are not well: /)
})

test('a control lapses after its time, and the record says so', async () => {
  await regression(SUGGEST, badPrompt)
  const expiresMs = world.now + ms('20m')
  const id = world.incident.id
  await world.response.act(id, { action: 'open_tool', target: 'search', actor: 'ana', via: 'loopback', reason: 'perhaps', expiresMs })
  await world.at('60m')
  expect(world.action('act_2').state).toBe('lapsed')
  expect(world.timeline('undone')).toEqual(['51m undone: act_2 (open_tool search) has lapsed'])
})

test('killed after it was decided and before it was done: done once after the restart', async () => {
  await regression(SUGGEST, badPrompt)
  const { id } = world.incident
  await world.incidents.update(id, (i) => ({
    ...i,
    actions: i.actions.map((a) => ({ ...a, state: 'started' as const, actor: 'ana', ref: 'release:v7', from: 'v8' })),
  }))
  await world.restart()
  await world.at('32m')
  await world.restart()
  await world.at('34m')
  expect([world.active, world.action('act_1').state]).toEqual(['v7', 'in_force'])
  expect((await world.plane.audit(50)).filter((e) => e.action === 'rollback')).toHaveLength(1)
})

test('the disk is full between deciding and doing: neither done nor denied, and done once when it is not', async () => {
  await regression(SUGGEST, badPrompt)
  world.diskIs('full')
  expect(await world.accepts('act_1')).toMatchObject({
    ok: false,
    because: 'not_known',
    detail: expect.stringContaining('it is begun') as string,
  })
  expect([world.active, world.action('act_1').state]).toEqual(['v8', 'started'])
  // Whoever asks again hears of the first.
  expect(await world.does('rollback_release', undefined, 'bob')).toMatchObject({ ok: false, because: 'conflict' })
  world.diskIs('free')
  await world.at('32m')
  expect([world.active, world.action('act_1').state]).toEqual(['v7', 'in_force'])
  expect((await world.plane.audit(50)).filter((e) => e.action === 'rollback').map((e) => e.actor)).toEqual(['ana'])
})

test('a tool breaks behind a bad prompt: what the rollback does not explain is added, and nothing is replaced', async () => {
  // The tool breaks when the prompt is rolled back; the alert about it comes later still.
  await regression(AUTO, ({ prompt, atMs, toolIsOpen }) => ({
    failing: prompt === 'v8' ? 0.5 : 0.05,
    ...(atMs >= START + ms('31m') && !toolIsOpen ? { toolErrors: 0.6 } : {}),
  }))
  expect(world.action('act_1')).toMatchObject({ kind: 'rollback_release', indicator: { sli: 'quality' } })
  expect(world.incident.triage?.findings.filter((f) => f.verdict === 'cause').map((f) => f.cause)).toEqual(['prompt'])
  await world.at('36m')
  await world.fires('AgentToolFailing', { sli: 'tool_error', tool: 'search' })
  await world.at('46m')
  expect(world.incident.triage?.sli).toBe('quality')
  expect(world.incident.triage?.findings.filter((f) => f.verdict === 'cause').map((f) => [f.cause, f.confidence])).toEqual([
    ['prompt', 'high'],
    ['tools', 'high'],
  ])
  expect(world.incident.triage?.summary).toMatch(
    /^prompt \(high confidence\): prompt version v8.* Also: tools \(high\): calls of search fail in /,
  )
  // The rollback is judged by the quality it was done about, and stays for the tool that is named beside it; then the tool is opened.
  await world.at('75m')
  expect([world.active, world.action('act_1').state, world.action('act_2').kind]).toEqual(['v7', 'failed', 'open_tool'])
  expect(world.timeline('not_recovered')).toContainEqual(
    expect.stringContaining('act_1 needs a person: it stays while tools is named as a cause too'),
  )
  expect([world.incident.state, world.action('act_2').state]).toEqual(['mitigated', 'verified'])
  expect(world.incident.triage?.summary).not.toContain('refused by a guard in')
  expect(world.incident.triage?.findings.filter((f) => f.verdict === 'cause').map((f) => f.cause)).toEqual(['prompt', 'tools'])
})

test('the runs cease after the rollback: in its time it is not known whether it helped, and a person is asked', async () => {
  await regression(AUTO, badPrompt)
  world.pauses()
  await world.at('270m')
  expect(world.action('act_1')).toMatchObject({ state: 'in_force', verification: { verdict: 'waiting' } })
  await world.at('280m')
  expect(world.action('act_1')).toMatchObject({ state: 'in_force', escalated: true, verification: { verdict: 'unknown' } })
  expect(world.timeline('note')).toEqual([
    expect.stringMatching(/^271m note: act_1 needs a person: whether it helped is not known after 4 h and 0 runs, and it stays: /),
  ])
  // It is in nobody's way any more, and its runs are looked at when they come.
  world.resumes()
  await world.at('310m')
  expect(world.incident.state).toBe('mitigated')
})

test('the alert about the tool comes before anything is done: the prompt that is seen in the runs is named beside it', async () => {
  const both: Behaviour = ({ prompt, atMs, toolIsOpen }) => ({
    failing: prompt === 'v8' ? 0.6 : 0.05,
    ...(began(atMs) && !toolIsOpen ? { toolErrors: 0.4 } : {}),
  })
  world = await ResponseWorld.begin('playbooks: []\n', both)
  await world.at('10m')
  await world.releases('v8')
  await world.at('40m')
  await world.fires('AgentQualityDrop', { sli: 'quality' })
  await world.fires('AgentToolFailing', { sli: 'tool_error', tool: 'search' })
  await world.at('41m')
  expect(world.incident.triage?.sli).toBe('tool_error')
  expect(world.incident.triage?.findings.filter((f) => f.verdict === 'cause' && f.confidence !== 'low').map((f) => f.subject)).toEqual([
    'tool search',
    'prompt version v8',
  ])
})
