/**
 * One round of questions: everything checks may ask, each question asked once however many agents want the answer, and a failure
 * remembered like an answer. Queries ask for all agents at once and are split here, so that a thousand agents cost no more queries than one.
 */
import { createPrometheus, type Labels, PrometheusError, whole } from '../prometheus.ts'
import { askAlertmanager } from './alertmanager.ts'
import { type AgentName, Unanswered, type World } from './check.ts'
import { type Reached, reach } from './reach.ts'

/** What does not come over the network. */
export type Inside = Pick<
  World,
  'config' | 'startedMs' | 'webhookMs' | 'releases' | 'rollback' | 'guards' | 'pollMs' | 'services' | 'drills'
>

const HOUR = 3600

export function createWorld(inside: Inside, now: number): World {
  const timeoutMs = inside.config.readiness.timeout * 1000
  const prometheus = createPrometheus(inside.config.prometheus, { timeoutMs })
  const once = <K, T>(ask: (key: K) => Promise<T>): ((key: K) => Promise<T>) => {
    const asked = new Map<K, Promise<T>>()
    return (key) => {
      const known = asked.get(key)
      if (known !== undefined) return known
      const answer = ask(key)
      asked.set(key, answer)
      return answer
    }
  }
  const split = async <T extends { readonly labels: Labels }>(rows: Promise<readonly T[]>): Promise<ReadonlyMap<string, readonly T[]>> => {
    try {
      return Map.groupBy(await rows, ({ labels }) => keyOf({ agent: labels['agent'] ?? '', environment: labels['environment'] ?? '' }))
    } catch (error) {
      if (error instanceof PrometheusError)
        throw new Unanswered(error.message, 'see that Prometheus answers, or say where it is: the key prometheus in agentopz.yaml')
      throw error
    }
  }
  const atSeconds = now / 1000
  const instant = once((query: string) => split(prometheus.instant(query, atSeconds).then((a) => whole(a, prometheus.url))))
  const hourly = once((key: string) => {
    const [query, hours] = JSON.parse(key) as [string, number]
    const endSeconds = Math.floor(atSeconds / HOUR) * HOUR
    const range = { startSeconds: endSeconds - hours * HOUR, endSeconds, stepSeconds: HOUR }
    return split(prometheus.range(query, range).then((a) => whole(a, prometheus.url)))
  })
  const alertmanager = once(() => askAlertmanager(inside.config.alertmanager, timeoutMs))
  const reached = once((url: string): Promise<Reached> => reach(url, timeoutMs))
  const drills = once(() => inside.drills())
  return {
    now,
    startedMs: inside.startedMs,
    config: inside.config,
    webhookMs: inside.webhookMs,
    instant: async (query, of) => (await instant(query)).get(keyOf(of)) ?? [],
    hourly: async (query, hours, of) => (await hourly(JSON.stringify([query, hours]))).get(keyOf(of)) ?? [],
    alertmanager: () => alertmanager(undefined),
    reach: reached,
    releases: (agent) => inside.releases(agent),
    rollback: (agent) => inside.rollback(agent),
    guards: () => inside.guards(),
    pollMs: inside.pollMs,
    services: (agent) => inside.services(agent),
    drills: () => drills(undefined),
  }
}

export function keyOf({ agent, environment }: AgentName): string {
  return JSON.stringify([agent, environment])
}
