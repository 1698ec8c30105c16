/**
 * What Alertmanager says of itself: configuration as loaded, active silences, whether our dead man's switch is in it, and what became of
 * its notifications. Read only. Whatever it does not answer is `Unanswered` with what to do; credentials in the URL reach no message.
 * API: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml, as of 0.22 and later.
 */
import { z } from 'zod'
import { type AlertmanagerView, type Silence, Unanswered } from './check.ts'
import { shownUrl, whyOf, withLogin } from './reach.ts'
import { matcher, readRoutes } from './routing.ts'

const MAX_BYTES = 16_777_216
/** Labels that our rules give the watchdog; what it has beyond them Prometheus adds to every alert. */
const OWN_LABELS = new Set(['alertname', 'severity', 'family', 'cause'])
const WATCHDOG = 'AgentopzWatchdog'

const status = z.object({ config: z.object({ original: z.string() }) })
const alerts = z.array(z.object({ labels: z.record(z.string(), z.string()), annotations: z.record(z.string(), z.string()).default({}) }))
const silences = z.array(
  z.object({
    id: z.string(),
    createdBy: z.string().default(''),
    endsAt: z.string(),
    status: z.object({ state: z.string() }),
    matchers: z.array(
      z.object({ name: z.string(), value: z.string(), isRegex: z.boolean().default(false), isEqual: z.boolean().default(true) }),
    ),
  }),
)

/** Asks for all of it. @throws Unanswered */
export async function askAlertmanager(url: string, timeoutMs: number): Promise<AlertmanagerView> {
  const door = doorOf(url, timeoutMs)
  const filter = new URLSearchParams({ filter: `alertname="${WATCHDOG}"`, active: 'true' })
  const [config, firing, silent, metrics] = await Promise.all([
    json(door, '/api/v2/status', status),
    json(door, `/api/v2/alerts?${filter.toString()}`, alerts),
    json(door, '/api/v2/silences', silences),
    text(door, '/metrics'),
  ])
  return {
    url: door.shown,
    routes: routesOf(door, config.config.original),
    silences: silent.filter((s) => s.status.state === 'active').map((s) => silenceOf(s)),
    watchdogs: firing.map((a) => ({ runbookUrl: a.annotations['runbook_url'] })),
    notified: notificationsIn(metrics),
    notifiedOver: 'since Alertmanager started',
    externalLabels: Object.fromEntries(Object.entries(firing[0]?.labels ?? {}).filter(([name]) => !OWN_LABELS.has(name))),
  }
}

/** Counts of notifications by integration, from Alertmanager's own metrics. */
export function notificationsIn(metrics: string): ReadonlyMap<string, { readonly tried: number; readonly failed: number }> {
  const found = new Map<string, { tried: number; failed: number }>()
  for (const [, failed, labels = '', value] of metrics.matchAll(/^alertmanager_notifications(_failed)?_total\{([^}]*)\} (\S+)$/gm)) {
    const integration = /integration="([^"]*)"/.exec(labels)?.[1]
    const n = Number(value)
    if (integration === undefined || !Number.isFinite(n)) continue
    const counts = found.get(integration) ?? { tried: 0, failed: 0 }
    // Failures come split by reason, and newer versions split both by receiver.
    if (failed === undefined) counts.tried += n
    else counts.failed += n
    found.set(integration, counts)
  }
  return found
}

interface Door {
  readonly base: string
  readonly shown: string
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
}

function doorOf(text: string, timeoutMs: number): Door {
  const shown = shownUrl(text).replace(/\/+$/, '')
  return { base: shown, shown, headers: withLogin(text).headers, timeoutMs }
}

const WHERE = 'start it, or say where it is: the key alertmanager in agentopz.yaml'

async function text(door: Door, path: string): Promise<string> {
  let response: Response
  try {
    response = await fetch(`${door.base}${path}`, { headers: door.headers, signal: AbortSignal.timeout(door.timeoutMs) })
    if (response.ok) return await bounded(response)
  } catch (error) {
    throw new Unanswered(`Alertmanager at ${door.shown} does not answer: ${whyOf(error, door.timeoutMs)}`, WHERE)
  }
  await response.body?.cancel()
  const login = 'it wants credentials; write them into the URL: alertmanager: http://user:password@host'
  throw new Unanswered(
    `Alertmanager at ${door.shown} answers ${response.status} to ${path.split('?', 1)[0] ?? ''}`,
    response.status === 401 || response.status === 403 ? login : `is that URL Alertmanager? ${WHERE}`,
  )
}

async function bounded(response: Response): Promise<string> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += part.length
    if (size > MAX_BYTES) throw new Error(`more than ${MAX_BYTES} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

async function json<S extends z.ZodType>(door: Door, path: string, schema: S): Promise<z.output<S>> {
  const body = await text(door, path)
  try {
    return schema.parse(JSON.parse(body))
  } catch {
    throw new Unanswered(
      `Alertmanager at ${door.shown} answers ${path.split('?', 1)[0] ?? ''} with what is not Alertmanager's`,
      `is that URL Alertmanager, or a proxy or login page? ${WHERE}`,
    )
  }
}

function routesOf(door: Door, yaml: string): AlertmanagerView['routes'] {
  try {
    return readRoutes(yaml)
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n', 1)[0] : String(error)
    throw new Unanswered(
      `the routes of Alertmanager at ${door.shown} cannot be read: ${why}`,
      'look yourself: amtool config routes test --config.file=alertmanager.yml severity=critical agent=NAME',
    )
  }
}

function silenceOf(s: z.output<typeof silences>[number]): Silence {
  const tests = s.matchers.map(({ name, value, isRegex, isEqual }) => {
    try {
      return matcher(name, isRegex ? (isEqual ? '=~' : '!~') : isEqual ? '=' : '!=', value)
    } catch {
      // Not readable here: taken for one that does not match, as a silence is the exception.
      return () => false
    }
  })
  return { id: s.id, createdBy: s.createdBy, endsMs: Date.parse(s.endsAt), matches: (labels) => tests.every((t) => t(labels)) }
}
