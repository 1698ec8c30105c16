/** The Alertmanager configuration against the table of alerts, and its page in docs/ against both. What Alertmanager makes of it: test/integration. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { alertmanagerConfig, type Route } from '../../alert-rules/alertmanager.ts'
import { type AlertDefinition, ALERTS } from '../../model/alerts.ts'

const config = alertmanagerConfig({
  teams: ['a', '', 'b', 'a'],
  urlOf: (receiver) => `http://test/${receiver}`,
  webhookUrl: 'http://test/us',
})
const page = readFileSync(new URL('../../docs/alerting.md', import.meta.url), 'utf8')
const definitions = Object.values<AlertDefinition>(ALERTS)
const routes = (route: Route): readonly Route[] => [route, ...(route.routes ?? []).flatMap(routes)]

test('every receiver is used, every used one exists, teams once and never without a name', () => {
  const used = new Set(routes(config.route).map((r) => r.receiver))
  expect([...used].sort()).toEqual(config.receivers.map((r) => r.name).sort())
  expect([...used].sort()).toEqual(
    ['agentopz', 'dead-mans-switch', 'nobody', 'pager', 'pager-a', 'pager-b', 'tickets', 'tickets-a', 'tickets-b'].sort(),
  )
})
test('every route that opens tickets keeps business hours, and no other does', () => {
  const kept = routes(config.route).filter((r) => r.active_time_intervals?.includes('business-hours') === true)
  expect(kept.map((r) => r.receiver)).toEqual(['tickets', 'tickets-a', 'tickets-b'])
})
test("nobody is never told, and a dead man's switch never hears that something ended", () => {
  const of = (name: string): unknown => config.receivers.find((r) => r.name === name)
  expect(of('nobody')).toEqual({ name: 'nobody' })
  expect(of('dead-mans-switch')).toEqual({
    name: 'dead-mans-switch',
    webhook_configs: [{ url: 'http://test/dead-mans-switch', send_resolved: false }],
  })
})
test('agentopz hears of pages and tickets at once and lets them go on; of drills it alone hears', () => {
  const [heartbeat, drill, webhook, ...others] = config.route.routes?.filter((r) => r.receiver === 'agentopz') ?? []
  expect([heartbeat?.matchers, heartbeat?.continue, heartbeat?.repeat_interval]).toEqual([['alertname="AgentopzWatchdog"'], true, '4m'])
  expect([drill?.matchers, drill?.continue, webhook?.matchers, webhook?.continue, others]).toEqual([
    ['drill="true"'],
    undefined,
    ['severity!~"none|info"'],
    true,
    [],
  ])
  for (const route of [drill, webhook]) expect([route?.group_by, route?.group_wait]).toEqual([['agent', 'environment'], '0s'])
  const without = alertmanagerConfig({ teams: [], urlOf: () => undefined })
  expect(without.route.routes?.map((r) => r.receiver)).not.toContain('agentopz')
  expect(without.route.routes?.filter((r) => r.matchers?.includes('drill="true"') === true)).toEqual([
    { receiver: 'nobody', matchers: ['drill="true"'] },
  ])
})
test('the token of the webhook is given to agentopz only', () => {
  const { receivers } = alertmanagerConfig({ teams: [], urlOf: () => 'http://x', webhookUrl: 'http://us', webhookToken: 's' })
  const given = receivers.filter((r) => r.webhook_configs?.some((w) => w.http_config !== undefined) === true)
  expect(given).toEqual([
    {
      name: 'agentopz',
      webhook_configs: [{ url: 'http://us', send_resolved: true, http_config: { authorization: { credentials: 's' } } }],
    },
  ])
})
test('every silencing about an agent demands that there is one, on both sides', () => {
  for (const rule of config.inhibit_rules.filter((r) => r.equal?.includes('agent') === true)) {
    expect(rule.source_matchers).toContain('agent!=""')
    expect(rule.target_matchers).toContain('agent!=""')
  }
  const without = config.inhibit_rules.filter((r) => r.equal?.includes('agent') !== true)
  expect(without.map((r) => r.target_matchers)).toEqual([['family="volume"']])
})
test('docs/alerting.md names every family and cause, and no alert that does not exist', () => {
  for (const { family, cause } of definitions) for (const word of [family, cause]) expect(page).toContain(`\`${word}\``)
  const named = [...page.matchAll(/`(Agent[A-Za-z]+)`/g)].map((m) => m[1] ?? '')
  expect(named.length).toBeGreaterThan(5)
  expect(named.filter((n) => !Object.hasOwn(ALERTS, n))).toEqual([])
})
test('docs/alerting.md says the waits that are configured', () => {
  const [heartbeat, dead, , , , pages, tickets] = config.route.routes ?? []
  expect([heartbeat?.repeat_interval, page.includes('`AgentopzWatchdog` every four to five minutes')]).toEqual(['4m', true])
  expect([dead?.group_interval, dead?.repeat_interval]).toEqual(['30s', '50s'])
  expect(page).toContain('looks every 30 s and pings when the last ping is older than 50 s')
  expect([config.route.group_wait, config.route.group_interval, config.route.repeat_interval, pages?.repeat_interval]).toEqual([
    '30s',
    '5m',
    '4h',
    undefined,
  ])
  expect(page).toContain('| 30 s | changes after 5 min, unchanged after 4 h |')
  expect([tickets?.group_wait, tickets?.group_interval, tickets?.repeat_interval]).toEqual(['10m', '30m', '96h'])
  expect(page).toContain('| 10 min, in business hours | changes after 30 min, unchanged after 4 days |')
})
