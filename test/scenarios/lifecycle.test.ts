/** The life of incidents, told like incident reports: what fired when, who did what, and what the record says. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ms, START, World } from './world.ts'

let world: World
beforeEach(async () => void (world = await World.begin()))
afterEach(() => world.end())
const support = { agent: 'support', environment: 'prod', team: 'blue' }

test('a prompt is edited, answers are cut off: one incident from the first alert to the review', async () => {
  await world.at('0m')
  await world.fires('AgentQualityDrop', support)
  world.expectIncident('support', { state: 'open', severity: 'critical', title: 'support in prod: fewer runs pass than normal' })
  // The cause is told a minute later, and gives the incident its name.
  await world.at('1m')
  await world.fires('AgentTruncationSpike', support)
  world.expectIncident('support', { title: 'support in prod: answers are cut off', alerts: ['AgentQualityDrop', 'AgentTruncationSpike'] })
  await world.at('4m')
  expect(await world.person('ana', 'acknowledge')).toBe(200)
  world.expectIncident('support', { state: 'acknowledged', by: 'ana' })
  await world.at('9m')
  await world.person('ana', 'note', { text: 'prompt 8 went live at 07:55' })
  await world.at('20m')
  await world.ends('AgentTruncationSpike', support)
  await world.at('22m')
  await world.ends('AgentQualityDrop', support)
  // Not over yet: it may come back.
  await world.at('31m')
  world.expectIncident('support', { state: 'acknowledged', alerts: ['AgentQualityDrop (ended)', 'AgentTruncationSpike (ended)'] })
  await world.at('32m')
  world.expectIncident('support', { state: 'resolved' })
  expect(world.timeline('support')).toEqual([
    '0m alert_fired: AgentQualityDrop (critical) fires: fewer runs pass than normal',
    '1m alert_fired: AgentTruncationSpike (critical) fires: answers are cut off',
    '4m acknowledged: ana has it',
    '9m note: prompt 8 went live at 07:55',
    '20m alert_resolved: AgentTruncationSpike has ended',
    '22m alert_resolved: AgentQualityDrop has ended',
    '32m resolved: every alert has ended, the last at 2026-12-01 08:22:00 UTC, and none came in the 10 min after',
  ])
  expect(await world.review()).toContain('ana took it at 2026-12-01 08:04:00 UTC, 4 min after the first alert was received.')
})

test('two agents go bad at once, one of them in two environments: three incidents', async () => {
  await world.fires('AgentRunErrors', support)
  await world.fires('AgentRunErrors', { ...support, environment: 'test' })
  await world.fires('AgentRunErrors', { agent: 'shop', environment: 'prod' })
  expect(world.incidents.list().map((i) => `${i.agent} ${i.environment}`)).toEqual(['shop prod', 'support test', 'support prod'])
})

test('Alertmanager tells everything again, backwards: nothing happens', async () => {
  await world.fires('AgentToolFailing', { ...support, tool: 'search' })
  await world.at('2m')
  await world.fires('AgentLooping', support)
  await world.at('8m')
  await world.ends('AgentLooping', support)
  const before = JSON.stringify(world.of('support'))
  expect(await world.replays((webhooks) => webhooks.toReversed())).toEqual([200, 200, 200])
  await world.replays()
  expect(JSON.stringify(world.of('support'))).toBe(before)
  expect(world.incidents.list()).toHaveLength(1)
})

test('a recording of last week is replayed against a quiet system: the incident stays resolved', async () => {
  await world.fires('AgentRunErrors', support)
  await world.at('5m')
  await world.ends('AgentRunErrors', support)
  await world.at('7d')
  world.expectIncident('support', { state: 'resolved' })
  await world.replays()
  world.expectIncident('support', { state: 'resolved' })
  expect(world.incidents.list()).toHaveLength(1)
})

test('a flapping alert is one incident that is opened again, and who had it does not have it any more', async () => {
  await world.fires('AgentRunErrors', support)
  await world.at('2m')
  await world.person('ana', 'acknowledge')
  await world.at('5m')
  await world.ends('AgentRunErrors', support)
  await world.at('20m')
  world.expectIncident('support', { state: 'resolved' })
  await world.at('50m')
  await world.fires('AgentRunErrors', support)
  world.expectIncident('support', { state: 'open', by: undefined, alerts: ['AgentRunErrors (ended)', 'AgentRunErrors'] })
  expect(world.timeline('support', 'acknowledged', 'resolved', 'reopened').map((l) => l.split(':')[0])).toEqual([
    '2m acknowledged',
    '15m resolved',
    '50m reopened',
  ])
})

test('the same alert on the next day is another incident', async () => {
  await world.fires('AgentRunErrors', support)
  await world.at('5m')
  await world.ends('AgentRunErrors', support)
  await world.at('24h')
  await world.fires('AgentRunErrors', support)
  expect(world.incidents.list().map((i) => [i.id, i.state])).toEqual([
    ['inc_2', 'open'],
    ['inc_1', 'resolved'],
  ])
})

test('somebody on the network makes an alert up: refused, and no incident', async () => {
  expect(await world.forges('AgentRunErrors', support)).toBe(403)
  expect(world.incidents.list()).toEqual([])
})

test('agentopz is killed between an alert and its end: the record goes on where it was', async () => {
  await world.fires('AgentRunErrors', support)
  await world.at('1m')
  await world.person('ana', 'acknowledge')
  await world.restart()
  world.expectIncident('support', { state: 'acknowledged', by: 'ana', alerts: ['AgentRunErrors'] })
  await world.at('6m')
  await world.ends('AgentRunErrors', support)
  await world.restart()
  await world.at('16m')
  world.expectIncident('support', { state: 'resolved', alerts: ['AgentRunErrors (ended)'] })
  expect(world.incidents.list()).toHaveLength(1)
})

test('the disk is full when the alert comes: Alertmanager hears so, tells again, and it is an incident then', async () => {
  world.diskIs('full')
  expect(await world.fires('AgentRunErrors', support)).toBe(503)
  expect(world.incidents.list()).toEqual([])
  await world.at('3m')
  world.diskIs('free')
  expect(await world.tellsAgain(support)).toBe(200)
  world.expectIncident('support', { state: 'open', alerts: ['AgentRunErrors'] })
  // It began when Prometheus says, and we heard of it when we could.
  expect([world.of('support').startedMs, world.of('support').openedMs]).toEqual([START, START + ms('3m')])
})

test('a symptom ends while its cause silences it: nobody tells, Prometheus is asked', async () => {
  await world.fires('AgentQualityDrop', support)
  await world.at('1m')
  await world.fires('AgentTruncationSpike', support)
  await world.at('30m')
  await world.ends('AgentTruncationSpike', support)
  // Its alert would fire for ever, and the incident never be resolved.
  await world.at('2h')
  world.expectIncident('support', { state: 'open', alerts: ['AgentQualityDrop', 'AgentTruncationSpike (ended)'] })
  const quality = world.of('support').alerts[0]!
  await world.incidents.observe([{ alert: quality, fires: false, lastMs: START + ms('28m') }])
  await world.at('121m')
  world.expectIncident('support', { state: 'resolved' })
  expect(world.timeline('support', 'alert_resolved')).toEqual([
    '28m alert_resolved: AgentQualityDrop has ended; nobody told, Prometheus was asked',
    '30m alert_resolved: AgentTruncationSpike has ended',
  ])
})

test('the agent is switched off: its alerts end, and the incident does not', async () => {
  await world.fires('AgentRunErrors', support)
  await world.at('5m')
  world.disabled.set('support', START + ms('5m'))
  await world.at('8m')
  await world.ends('AgentRunErrors', support)
  world.disabled.set('support', START + ms('2h'))
  await world.at('2h')
  world.expectIncident('support', { state: 'open', alerts: ['AgentRunErrors (ended)'] })
  // Switched on again at 2 h; it is well for ten minutes.
  await world.at('130m')
  world.expectIncident('support', { state: 'resolved' })
})

test('a person closes a false alarm that still fires: it stays closed until something new fires', async () => {
  await world.fires('AgentVolumeSurge', support)
  await world.at('5m')
  await world.person('ana', 'resolve', { text: 'a load test' })
  await world.at('4h')
  await world.tellsAgain(support)
  world.expectIncident('support', { state: 'resolved', alerts: ['AgentVolumeSurge'] })
  await world.at('241m')
  await world.fires('AgentRunErrors', support)
  world.expectIncident('support', { state: 'open', alerts: ['AgentRunErrors'] })
  expect(world.incidents.list()).toHaveLength(2)
})

test('customers noticed before the alert: the review says so and asks why', async () => {
  await world.at('30m')
  await world.fires('AgentQualityDrop', support)
  await world.at('40m')
  await world.person('support desk', 'note', { text: 'first complaint', at: new Date(START + ms('12m')).toISOString(), reported: true })
  const review = await world.review()
  expect(review).toContain('The alert did not come first: it was received 18 min later.')
  expect(review).toContain('| Find out why people noticed before the alert did | | |')
  expect(review).not.toContain('Whether people noticed first')
})

test('agentopz cannot be scraped and its relay loses requests: one incident of the watching, and none of an agent', async () => {
  await world.fires('AgentopzDown', { job: 'agentopz', instance: 'a:9464' })
  await world.fires('AgentopzRelayLosing', { endpoint: 'tempo', reason: 'expired' })
  expect(world.incidents.list().map((i) => i.title)).toEqual(['agentopz: agentopz cannot be scraped'])
})

test('a drill beside a real incident of the same agent: both, and told apart', async () => {
  await world.fires('AgentRunErrors', support)
  await world.fires('AgentRunErrors', { ...support, drill: 'true' })
  expect(world.incidents.list().map((i) => [i.drill, i.alerts.length])).toEqual([
    [true, 1],
    [false, 1],
  ])
})
