/** What receivers and relays tell → counters and log lines. */
import type { Metrics } from '../processor/metrics.ts'
import type { ReceiveEvents } from '../processor/receive.ts'
import type { createRelay, Relay } from '../processor/relay.ts'
import type { Logger } from './log.ts'
import { handshakeFailed } from './tls-in-use.ts'

export function receiveEvents(metrics: Metrics, log: Logger, clock: () => number): ReceiveEvents {
  return {
    request: (protocol, signal, code, bytes) => {
      metrics.add('agentopz_requests_total', { protocol, signal, code }, 1, clock())
      metrics.add('agentopz_received_bytes_total', { protocol, signal }, bytes, clock())
    },
    rejected: (protocol, signal, reason, sender) => {
      metrics.add('agentopz_requests_rejected_total', { protocol, signal, reason }, 1, clock())
      if (sender !== undefined) metrics.add('agentopz_token_requests_rejected_total', { token: sender, reason }, 1, clock())
      log.debug({ protocol, signal, reason, ...(sender === undefined ? {} : { token: sender }) }, 'request refused')
    },
    handshakeFailed: (protocol, error) => handshakeFailed({ metrics, log, clock }, protocol, error),
    internalError: (stage, error) => {
      metrics.add('agentopz_internal_errors_total', { stage }, 1, clock())
      log.error({ err: error, stage }, 'request failed because of a bug')
    },
  }
}

export function relayEvents(metrics: Metrics, log: Logger, clock: () => number): Parameters<typeof createRelay>[1] {
  return {
    delivered: (endpoint, signal) => metrics.add('agentopz_relay_requests_total', { endpoint, signal, outcome: 'delivered' }, 1, clock()),
    retried: (endpoint, signal) => metrics.add('agentopz_relay_retries_total', { endpoint, signal }, 1, clock()),
    dropped: (endpoint, signal, reason, detail) => {
      if (reason === 'rejected') metrics.add('agentopz_relay_requests_total', { endpoint, signal, outcome: 'rejected' }, 1, clock())
      metrics.add('agentopz_relay_dropped_requests_total', { endpoint, signal, reason }, 1, clock())
      log.debug({ endpoint, signal, reason, detail }, 'relay lost a request')
    },
    down: (endpoint, why) => log.warn({ endpoint, why }, 'relay endpoint does not take requests; they wait in its queue'),
    left: (endpoint, { lost, kept }) => {
      const left = (requests: number): object => ({ endpoint, requests, reason: 'shutdown' })
      if (lost > 0) log.warn(left(lost), 'requests that were acknowledged are lost: relay endpoint did not take them before the end')
      if (kept > 0) log.info(left(kept), 'requests that relay endpoint did not take are in the journal, and relayed after the next start')
    },
    up: (endpoint) => log.info({ endpoint }, 'relay endpoint takes requests again'),
  }
}

export function relayGauges(metrics: Metrics, relay: Relay): void {
  metrics.gauge('agentopz_relay_queue_bytes', () => relay.queues().map((q) => [{ endpoint: q.endpoint }, q.bytes] as const))
  metrics.gauge('agentopz_relay_queue_requests', () => relay.queues().map((q) => [{ endpoint: q.endpoint }, q.requests] as const))
}
