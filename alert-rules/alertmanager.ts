/**
 * The alerts (model/alerts.ts) and an operator's teams → a complete Alertmanager configuration, as a plain object that app/ writes as YAML.
 * Every alert of ours has exactly one receiver: pages by team, tickets by team in business hours, the dead man's switch, nobody. What no
 * route knows goes to the default pager, because a severity nobody has thought of is not silence.
 * Valid in Alertmanager 0.25 (Debian 12) and current: matcher values quoted, `active_time_intervals`, no keys that are newer.
 */
import { DRILL_LABEL } from '../model/incident.ts'
import { ALERTS, type AlertDefinition, type AlertName, type Family, type Severity } from '../model/alerts.ts'

export interface Route {
  readonly receiver: string
  readonly matchers?: readonly string[]
  readonly group_by?: readonly string[]
  readonly group_wait?: string
  readonly group_interval?: string
  readonly repeat_interval?: string
  readonly active_time_intervals?: readonly string[]
  readonly continue?: boolean
  readonly routes?: readonly Route[]
}

export interface InhibitRule {
  readonly source_matchers: readonly string[]
  readonly target_matchers: readonly string[]
  readonly equal?: readonly string[]
}

export interface Receiver {
  readonly name: string
  readonly webhook_configs?: readonly {
    readonly url: string
    readonly send_resolved: boolean
    readonly http_config?: { readonly authorization: { readonly credentials: string } }
  }[]
}

export interface AlertmanagerConfig {
  readonly route: Route
  readonly inhibit_rules: readonly InhibitRule[]
  readonly receivers: readonly Receiver[]
  readonly time_intervals: readonly {
    readonly name: string
    readonly time_intervals: readonly {
      readonly weekdays: readonly string[]
      readonly times: readonly { readonly start_time: string; readonly end_time: string }[]
      readonly location: string
    }[]
  }[]
}

/** How long Alertmanager waits. The shipped values are `TIMES`; `demo` and the tests shorten them. */
export interface Times {
  /** From the first alert of an incident to its page: what fires together is one page, and inhibition is settled. */
  readonly pageWait: string
  readonly pageInterval: string
  readonly ticketWait: string
  readonly ticketInterval: string
  /** When it is looked whether the dead man's switch is due a ping, and from what age of the last one it is. */
  readonly pingInterval: string
  readonly pingRepeat: string
}

export const TIMES: Times = {
  pageWait: '30s',
  pageInterval: '5m',
  ticketWait: '10m',
  ticketInterval: '30m',
  // A ping a minute. With both at 1m every second one is skipped: when it is looked, the last ping is a moment less than a minute old.
  pingInterval: '30s',
  pingRepeat: '50s',
}

export interface AlertmanagerOptions {
  /** Teams with a pager of their own; all others share the default one. */
  readonly teams: readonly string[]
  /** Where a receiver posts; undefined for a receiver that only shows in Alertmanager's own pages. */
  readonly urlOf: (receiver: string) => string | undefined
  /** agentopz's webhook, `http://host:port/api/v1/alerts`; left out while nothing answers there. */
  readonly webhookUrl?: string
  /** Bearer token for it, with the ingest role; left out where agentopz asks for none. */
  readonly webhookToken?: string
  readonly times?: Partial<Times>
  /** Zone of the business hours. */
  readonly location?: string
}

export const PAGER = 'pager'
export const TICKETS = 'tickets'
export const NOBODY = 'nobody'
export const DEAD_MANS_SWITCH = 'dead-mans-switch'
export const AGENTOPZ = 'agentopz'
const BUSINESS_HOURS = 'business-hours'

/** The whole configuration. Same options, same object: keys and lists are in the order of declaration. */
export function alertmanagerConfig(options: AlertmanagerOptions): AlertmanagerConfig {
  const teams = [...new Set(options.teams)].filter((t) => t !== '')
  const receivers = [PAGER, ...teams.map((t) => `${PAGER}-${t}`), TICKETS, ...teams.map((t) => `${TICKETS}-${t}`), DEAD_MANS_SWITCH, NOBODY]
  const names = options.webhookUrl === undefined ? receivers : [...receivers, AGENTOPZ]
  return {
    route: rootRoute(teams, options.webhookUrl !== undefined, { ...TIMES, ...options.times }),
    inhibit_rules: inhibitRules(),
    receivers: names.map((name) =>
      name === AGENTOPZ ? receiver(name, options.webhookUrl, options.webhookToken) : receiver(name, options.urlOf(name)),
    ),
    time_intervals: [
      {
        name: BUSINESS_HOURS,
        time_intervals: [
          {
            weekdays: ['monday:friday'],
            times: [{ start_time: '08:00', end_time: '18:00' }],
            location: options.location ?? 'UTC',
          },
        ],
      },
    ],
  }
}

function receiver(name: string, url: string | undefined, token?: string): Receiver {
  if (url === undefined || name === NOBODY) return { name }
  // A dead man's switch counts pings; a `resolved` among them would look like one.
  const send_resolved = name !== DEAD_MANS_SWITCH
  const http = token === undefined ? {} : { http_config: { authorization: { credentials: token } } }
  return { name, webhook_configs: [{ url, send_resolved, ...http }] }
}

function rootRoute(teams: readonly string[], withWebhook: boolean, times: Times): Route {
  const perTeam = (receiver: string): Pick<Route, 'routes'> =>
    teams.length === 0 ? {} : { routes: teams.map((team) => ({ receiver: `${receiver}-${team}`, matchers: [is('team', team)] })) }
  const webhook: Route = {
    receiver: AGENTOPZ,
    // Whatever somebody is told of, a severity that an owner made up included.
    matchers: [`severity!~${quoted('none|info')}`],
    // An incident starts with its first alert: no waiting, and the routes below still see the alert.
    group_by: ['agent', 'environment'],
    group_wait: '0s',
    group_interval: times.pageWait,
    continue: true,
  }
  // It makes no incident; agentopz knows from it that alerts arrive, also while there are none.
  const heartbeat: Route = {
    receiver: AGENTOPZ,
    matchers: [isAlert('AgentopzWatchdog')],
    group_by: ['alertname'],
    group_wait: '0s',
    group_interval: '1m',
    repeat_interval: '4m',
    continue: true,
  }
  // A drill goes all the way to agentopz, and nobody is woken.
  const { continue: _, ...toAgentopz } = webhook
  const drill: Route = { ...(withWebhook ? toAgentopz : { receiver: NOBODY }), matchers: [IS_DRILL] }
  return {
    receiver: PAGER,
    // One incident of one agent is one page, however many of its alerts fire.
    group_by: ['agent', 'environment', 'team'],
    group_wait: times.pageWait,
    group_interval: times.pageInterval,
    repeat_interval: '4h',
    routes: [
      ...(withWebhook ? [heartbeat] : []),
      {
        receiver: DEAD_MANS_SWITCH,
        matchers: [isAlert('AgentopzWatchdog')],
        group_by: ['alertname'],
        group_wait: '0s',
        group_interval: times.pingInterval,
        repeat_interval: times.pingRepeat,
      },
      { receiver: NOBODY, matchers: [isSeverity('none', 'info')] },
      drill,
      ...(withWebhook ? [webhook] : []),
      { receiver: PAGER, matchers: [isSeverity('critical')], ...perTeam(PAGER) },
      {
        receiver: TICKETS,
        matchers: [isSeverity('warning')],
        // A ticket per symptom: tickets are worked on one by one.
        group_by: ['agent', 'environment', 'team', 'family'],
        group_wait: times.ticketWait,
        group_interval: times.ticketInterval,
        // Under Alertmanager's default retention of 120 h, after which it would forget that it has told.
        repeat_interval: '96h',
        active_time_intervals: [BUSINESS_HOURS],
        // Intervals are not inherited: a child route without them would open tickets at night.
        ...(teams.length === 0
          ? {}
          : {
              routes: teams.map((team) => ({
                receiver: `${TICKETS}-${team}`,
                matchers: [is('team', team)],
                active_time_intervals: [BUSINESS_HOURS],
              })),
            }),
      },
      // The receiver above is for what matches no route; agentopz's is one, so what nobody else takes needs one too.
      ...(withWebhook ? [{ receiver: PAGER }] : []),
    ],
  }
}

/**
 * Who silences whom. Labels that are missing on both sides count as equal, so every rule about an agent demands that there is one:
 * else a watcher's alert, which has no agent, would match any other.
 */
function inhibitRules(): readonly InhibitRule[] {
  const sameAgent = ['agent', 'environment']
  const byTargets = new Map<string, { readonly sources: AlertName[]; readonly targets: readonly string[] }>()
  for (const [name, d] of Object.entries<AlertDefinition>(ALERTS) as [AlertName, AlertDefinition][]) {
    if (d.inhibits === undefined) continue
    const entry = byTargets.get(d.inhibits.join()) ?? { sources: [], targets: d.inhibits }
    entry.sources.push(name)
    byTargets.set(d.inhibits.join(), entry)
  }
  return [
    // Disabled on purpose: whatever else fires of this agent is expected.
    {
      source_matchers: [isAlert('AgentDisabled'), HAS_AGENT],
      target_matchers: [isSeverity('critical', 'warning'), HAS_AGENT],
      equal: sameAgent,
    },
    // Likewise while it is drilled, but for the alerts that the drill itself is to raise: their route tells nobody.
    {
      source_matchers: [isAlert('AgentDrill'), HAS_AGENT],
      target_matchers: [isSeverity('critical', 'warning'), HAS_AGENT, NO_DRILL],
      equal: sameAgent,
    },
    // Nothing is measured: an agent that seems silent is not known to be.
    { source_matchers: [isAlert('AgentopzDown', 'AgentopzNoSamples', 'AgentopzNoSpans')], target_matchers: [isFamily('volume')] },
    // The cause silences its symptoms.
    ...[...byTargets.values()].map(({ sources, targets }) => ({
      source_matchers: [isAlert(...sources), HAS_AGENT],
      target_matchers: [oneOf('alertname', targets), HAS_AGENT],
      equal: sameAgent,
    })),
    // A page of a family silences its tickets.
    {
      source_matchers: [isSeverity('critical'), HAS_AGENT],
      target_matchers: [isSeverity('warning'), HAS_AGENT],
      equal: [...sameAgent, 'family'],
    },
  ]
}

const HAS_AGENT = 'agent!=""'
const IS_DRILL = `${DRILL_LABEL}="true"`
const NO_DRILL = `${DRILL_LABEL}!="true"`
const isAlert = (...names: readonly AlertName[]): string => oneOf('alertname', names)
const isSeverity = (...severities: readonly Severity[]): string => oneOf('severity', severities)
const isFamily = (...families: readonly Family[]): string => oneOf('family', families)

function oneOf(label: string, values: readonly string[]): string {
  const [only] = values
  return values.length === 1 && only !== undefined ? is(label, only) : `${label}=~${quoted(values.map(literally).join('|'))}`
}

function is(label: string, value: string): string {
  return `${label}=${quoted(value)}`
}

/** A value as matchers take it, whatever an operator calls a team. */
function quoted(value: string): string {
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
}

function literally(value: string): string {
  return value.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
