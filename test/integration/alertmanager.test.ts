/**
 * The shipped Alertmanager configuration, read by the real thing: amtool routes every alert there is, and a running Alertmanager says whom
 * it silences, groups and tells. Needs `prometheus-alertmanager` with amtool (Debian's names; upstream's work too).
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { alertmanagerConfig, type AlertmanagerConfig } from '../../alert-rules/alertmanager.ts'
import { alertmanagerYaml } from '../../app/generate-alertmanager.ts'
import { type Services, startServices } from '../../app/services.ts'
import { type AlertDefinition, type AlertName, ALERTS } from '../../model/alerts.ts'
import { until } from '../support/app.ts'
import { startWebhook, type Webhook } from '../support/webhook.ts'

const EXAMPLE = join(import.meta.dirname, '../../alert-rules/alertmanager.example.yml')
const NAMES = Object.keys(ALERTS) as AlertName[]
const definition = (name: AlertName): AlertDefinition => ALERTS[name]
const dir = mkdtempSync(join(tmpdir(), 'agentopz-alertmanager-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

type Labels = Readonly<Record<string, string>>

/** The labels that the rules give an alert. */
function labelsOf(name: AlertName, more: Labels = {}): Labels {
  const { severity, family, cause, watcher } = definition(name)
  const about = watcher === true ? {} : { agent: 'helper', environment: 'prod', team: 'support' }
  return { alertname: name, severity, family, cause, ...about, ...more }
}

function amtool(...args: readonly string[]): { readonly status: number | null; readonly text: string } {
  const { status, stdout, stderr } = spawnSync('amtool', args, { encoding: 'utf8' })
  return { status, text: `${stdout}${stderr}` }
}

function write(name: string, config: AlertmanagerConfig): string {
  const file = join(dir, name)
  writeFileSync(file, alertmanagerYaml(config))
  return file
}

/** Where an alert must go; worked out by hand, not from the generator. */
const RECEIVERS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  critical: { support: 'pager-support', shop: 'pager-shop', insights: 'pager', '': 'pager' },
  warning: { support: 'tickets-support', shop: 'tickets-shop', insights: 'tickets', '': 'tickets' },
  info: { support: 'nobody', shop: 'nobody', insights: 'nobody', '': 'nobody' },
  none: { support: 'nobody', shop: 'nobody', insights: 'nobody', '': 'nobody' },
  // Nobody has thought of it: it must not get lost.
  'sev-1': { support: 'pager', '': 'pager' },
}

/** With agentopz, which hears of whatever somebody is told of. */
function toldTo(severity: string, team: string): string {
  const receiver = RECEIVERS[severity]![team]!
  return receiver === 'nobody' ? receiver : `agentopz,${receiver}`
}

function routed(file: string, labels: Labels, receivers: string): string {
  const given = Object.entries(labels).flatMap(([k, v]) => (v === '' ? [] : [`${k}=${v}`]))
  const { status, text } = amtool('config', 'routes', 'test', `--config.file=${file}`, `--verify.receivers=${receivers}`, ...given)
  return status === 0 ? 'as expected' : `${given.join(' ')}: ${text}`
}

describe('the example', () => {
  test('is a valid configuration', () => {
    const { status, text } = amtool('check-config', EXAMPLE)
    expect(text).toContain('SUCCESS')
    expect(status).toBe(0)
  })
  test.each(NAMES)('routes %s by severity and team', (name) => {
    const { severity } = definition(name)
    for (const team of Object.keys(RECEIVERS[severity]!)) {
      const wanted = name === 'AgentopzWatchdog' ? 'agentopz,dead-mans-switch' : toldTo(severity, team)
      expect(routed(EXAMPLE, labelsOf(name, { team }), wanted)).toBe('as expected')
    }
  })
  test('routes by the severity an owner gave an agent, and an unheard-of one to the default pager', () => {
    for (const severity of ['warning', 'info', 'sev-1'])
      for (const team of ['support', ''])
        expect(routed(EXAMPLE, labelsOf('AgentQualityDrop', { severity, team }), toldTo(severity, team))).toBe('as expected')
  })
  test('a wrong receiver would be noticed', () => {
    expect(routed(EXAMPLE, labelsOf('AgentQualityDrop'), 'tickets')).toContain('WARNING')
  })
})

test('with a webhook agentopz hears of pages and tickets too, of drills alone, of what always fires, and of nothing else', () => {
  const file = write(
    'webhook.yml',
    alertmanagerConfig({ teams: ['support'], urlOf: () => undefined, webhookUrl: 'http://127.0.0.1:9464/api/v1/alerts' }),
  )
  expect(amtool('check-config', file).status).toBe(0)
  expect(routed(file, labelsOf('AgentToolFailing'), 'agentopz,pager-support')).toBe('as expected')
  expect(routed(file, labelsOf('AgentVolumeLow', { team: 'shop' }), 'agentopz,tickets')).toBe('as expected')
  expect(routed(file, labelsOf('AgentToolFailing', { severity: 'sev-1' }), 'agentopz,pager')).toBe('as expected')
  expect(routed(file, labelsOf('AgentToolFailing', { drill: 'true' }), 'agentopz')).toBe('as expected')
  expect(routed(file, labelsOf('AgentDrill'), 'nobody')).toBe('as expected')
  expect(routed(file, labelsOf('AgentopzWatchdog'), 'agentopz,dead-mans-switch')).toBe('as expected')
})

test('team names are taken literally, whatever is in them', () => {
  const hostile = ['a"b', 'back\\slash', 'x|y', '.*', 'two words', 'ünï', "it's", '{{ .x }}', '#no comment', 'a: b', '- c']
  const file = write('teams.yml', alertmanagerConfig({ teams: hostile, urlOf: () => undefined }))
  const { status, text } = amtool('check-config', file)
  expect(text).toContain('SUCCESS')
  expect(status).toBe(0)
  // amtool reads `k=v` arguments as matchers, so only what needs no quoting there can be asked.
  for (const team of ['x|y', '.*', 'two words'])
    expect(routed(file, labelsOf('AgentSilent', { team }), `pager-${team}`)).toBe('as expected')
  expect(routed(file, labelsOf('AgentSilent', { team: 'x' }), 'pager')).toBe('as expected')
})

test('no two alerts silence each other, directly or through others: somebody always speaks', () => {
  const reaches = (from: AlertName, seen: readonly AlertName[]): readonly string[] =>
    (definition(from).inhibits ?? []).flatMap((to) =>
      seen.includes(to as AlertName) ? [[...seen, to].join(' → ')] : reaches(to as AlertName, [...seen, to as AlertName]),
    )
  expect(NAMES.flatMap((name) => reaches(name, [name]))).toEqual([])
  expect(NAMES.flatMap((name) => (definition(name).inhibits ?? []).filter((to) => !NAMES.includes(to as AlertName)))).toEqual([])
})

describe('a running Alertmanager', () => {
  let services: Services
  let webhook: Webhook
  let config: AlertmanagerConfig
  const SOON = { pageWait: '1s', pageInterval: '1s', ticketWait: '1s', ticketInterval: '1s', pingInterval: '1s', pingRepeat: '1s' }
  const days = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']
  /** Business hours that are now, or on no day near today. */
  const open = (isOpen: boolean): AlertmanagerConfig['time_intervals'] => {
    const farDay = days[(new Date().getUTCDay() + 3) % 7] ?? ''
    const weekdays = isOpen ? ['sunday:saturday'] : [farDay]
    return [
      { name: 'business-hours', time_intervals: [{ weekdays, times: [{ start_time: '00:00', end_time: '24:00' }], location: 'UTC' }] },
    ]
  }

  beforeAll(async () => {
    webhook = await startWebhook()
    config = {
      ...alertmanagerConfig({ teams: ['support'], urlOf: (receiver) => `${webhook.url}/${receiver}`, times: SOON }),
      time_intervals: open(false),
    }
    services = await startServices({
      dir: join(dir, 'live'),
      target: '127.0.0.1:1',
      scrapeSeconds: 60,
      ruleFiles: [],
      alertmanager: config,
      prometheusPort: 0,
      alertmanagerPort: 0,
    })
    expect(services.notes).toEqual([])
  })
  afterAll(async () => {
    await services.stop()
    await webhook.stop()
  })

  const post = async (alerts: readonly Labels[], ended = false): Promise<void> => {
    const now = Date.now()
    const times = ended
      ? { startsAt: new Date(now - 60_000).toISOString(), endsAt: new Date(now).toISOString() }
      : { startsAt: new Date(now).toISOString(), endsAt: new Date(now + 600_000).toISOString() }
    const answer = await fetch(`${services.alertmanagerUrl}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(alerts.map((labels) => ({ labels, annotations: { summary: 'test' }, ...times }))),
    })
    expect(answer.status).toBe(200)
  }
  interface Held {
    readonly labels: Labels
    readonly status: { readonly state: string; readonly inhibitedBy: readonly string[] }
  }
  /** Alerts of one agent as `Name` or `Name (silenced)`, sorted. */
  const stateOf = async (match: Labels): Promise<readonly string[]> => {
    const all = (await (await fetch(`${services.alertmanagerUrl}/api/v2/alerts`)).json()) as readonly Held[]
    return all
      .filter((a) => Object.entries(match).every(([k, v]) => a.labels[k] === v))
      .map((a) => `${a.labels['alertname']}${a.status.inhibitedBy.length > 0 ? ' (silenced)' : ''}`)
      .sort()
  }
  const becomes = async (match: Labels, wanted: readonly string[]): Promise<void> => {
    let last: readonly string[] = []
    const isSo = async (): Promise<boolean> => {
      last = await stateOf(match)
      return JSON.stringify(last) === JSON.stringify([...wanted].sort())
    }
    await until(isSo, `${JSON.stringify(match)} is ${wanted.join(', ')}`).catch((error: unknown) => {
      throw new Error(`it is ${last.join(', ')}`, { cause: error })
    })
  }

  test('alone, no alert is silenced', async () => {
    const agents = NAMES.filter((n) => definition(n).watcher !== true)
    await post(agents.map((name) => labelsOf(name, { agent: `alone-${name}`, team: 'none' })))
    for (const name of agents) await becomes({ agent: `alone-${name}` }, [name])
  })
  test.each(NAMES.filter((n) => definition(n).inhibits !== undefined))(
    '%s silences what it explains, of the same agent only',
    async (source) => {
      const targets = (definition(source).inhibits ?? []) as readonly AlertName[]
      const [agent, other] = [`of-${source}`, `beside-${source}`]
      // One target at a time in its own environment, for targets may silence each other.
      const rows = targets.map((target) => ({ target, environment: `with-${target}` }))
      await post(
        rows.flatMap(({ target, environment }) => [
          labelsOf(source, { agent, environment, team: 'none' }),
          labelsOf(target, { agent, environment, team: 'none' }),
          labelsOf(target, { agent: other, environment, team: 'none' }),
          labelsOf(target, { agent, environment: `not-${target}`, team: 'none' }),
        ]),
      )
      for (const { target, environment } of rows) {
        await becomes({ agent, environment }, [source, `${target} (silenced)`])
        await becomes({ agent: other, environment }, [target])
        await becomes({ agent, environment: `not-${target}` }, [target])
      }
    },
  )
  test.each(['AgentDisabled', 'AgentDrill'] as const)('%s silences every page and ticket of its agent', async (source) => {
    const targets = NAMES.filter((n) => definition(n).watcher !== true && ['critical', 'warning'].includes(definition(n).severity))
    expect(targets.length).toBeGreaterThan(20)
    await post([source, ...targets].map((name) => labelsOf(name, { agent: source, team: 'none' })))
    await becomes({ agent: source }, [source, ...targets.map((t) => `${t} (silenced)`)])
  })
  test('a drill silences what else its agent raises, and not what it is to raise itself', async () => {
    const about = { agent: 'drilled', team: 'none' }
    await post([labelsOf('AgentDrill', about), labelsOf('AgentRunErrors', about), labelsOf('AgentSpendSurge', { ...about, drill: 'true' })])
    await becomes({ agent: 'drilled' }, ['AgentDrill', 'AgentRunErrors (silenced)', 'AgentSpendSurge'])
  })
  test('a page silences tickets of its family, not of others', async () => {
    const names = ['AgentQualityDrop', 'AgentObjectiveMissed', 'AgentInputDrift', 'AgentUsageConflicts'] as const
    await post(names.map((name) => labelsOf(name, { agent: 'family', team: 'none' })))
    await becomes({ agent: 'family' }, ['AgentQualityDrop', 'AgentObjectiveMissed (silenced)', 'AgentInputDrift', 'AgentUsageConflicts'])
  })
  test('a ticket silences no ticket of its family, and a page of one family no page of another', async () => {
    const names = ['AgentQualityDrift', 'AgentObjectiveMissed', 'AgentSpendSurge', 'AgentRunaway'] as const
    await post(names.map((name) => labelsOf(name, { agent: 'peers', team: 'none' })))
    await becomes({ agent: 'peers' }, names)
  })
  test.each(['AgentopzDown', 'AgentopzNoSamples', 'AgentopzNoSpans'] as const)(
    '%s silences silence and volume of all agents, and no other watcher although neither has an agent',
    async (source) => {
      const about = { agent: `seen-by-${source}`, team: 'none' }
      const names = ['AgentSilent', 'AgentVolumeSurge', 'AgentQualityDrop'] as const
      await post([labelsOf(source), labelsOf('AgentopzRelayLosing'), ...names.map((name) => labelsOf(name, about))])
      await becomes({ agent: about.agent }, ['AgentSilent (silenced)', 'AgentVolumeSurge (silenced)', 'AgentQualityDrop (silenced)'])
      await becomes({ family: 'watcher', severity: 'warning' }, ['AgentopzRelayLosing'])
      await post([labelsOf(source)], true)
      await becomes({ agent: about.agent }, ['AgentSilent', 'AgentVolumeSurge', 'AgentQualityDrop (silenced)'])
    },
  )
  test('two alerts of one incident are one page of the team; a silenced one is not in it', async () => {
    const about = { agent: 'paged', team: 'support' }
    await post([labelsOf('AgentToolFailing', about), labelsOf('AgentRunaway', about), labelsOf('AgentQualityDrop', about)])
    const pages = (): ReturnType<Webhook['sentTo']> => webhook.sentTo('pager-support').filter((n) => n.groupLabels['agent'] === 'paged')
    await until(async () => pages().length > 0, 'a page')
    const [page] = pages()
    expect(page).toMatchObject({
      version: '4',
      receiver: 'pager-support',
      status: 'firing',
      truncatedAlerts: 0,
      groupLabels: { agent: 'paged', environment: 'prod', team: 'support' },
    })
    expect(page?.alerts.map((a) => a.labels['alertname']).sort()).toEqual(['AgentRunaway', 'AgentToolFailing'])
    expect(webhook.sentTo('pager').filter((n) => n.groupLabels['agent'] === 'paged')).toEqual([])
  })
  test("the dead man's switch is told again and again, and nobody is told of drills", async () => {
    await post([labelsOf('AgentopzWatchdog')])
    await until(async () => webhook.sentTo('dead-mans-switch').length >= 3, 'three pings')
    expect(webhook.sentTo('dead-mans-switch').at(-1)).toMatchObject({ status: 'firing', commonLabels: { alertname: 'AgentopzWatchdog' } })
    expect(webhook.sentTo('nobody')).toEqual([])
  })
  test('a ticket of the night is opened in the morning if it still holds', async () => {
    await post([labelsOf('AgentVolumeLow', { agent: 'night' }), labelsOf('AgentSpendSurge', { agent: 'night' })])
    const of = (receiver: string): number => webhook.sentTo(receiver).filter((n) => n.groupLabels['agent'] === 'night').length
    await until(async () => of('pager-support') > 0, 'the page, which does not wait')
    // Longer than group_wait: were the hours not kept, the ticket would be here.
    await new Promise((done) => setTimeout(done, 2500))
    expect(of('tickets-support')).toBe(0)
    writeFileSync(join(dir, 'live/alertmanager.yml'), alertmanagerYaml({ ...config, time_intervals: open(true) }))
    expect((await fetch(`${services.alertmanagerUrl}/-/reload`, { method: 'POST' })).status).toBe(200)
    await until(async () => of('tickets-support') > 0, 'the ticket')
    expect(of('tickets')).toBe(0)
  })
})
