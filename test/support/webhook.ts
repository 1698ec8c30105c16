/** A receiver of Alertmanager's webhooks: remembers what it was sent, by path. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface SentAlert {
  readonly status: 'firing' | 'resolved'
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly startsAt: string
  readonly fingerprint: string
}

/** Version 4 of the webhook's payload, as far as the tests read it. */
export interface Notification {
  readonly version: string
  readonly receiver: string
  readonly status: 'firing' | 'resolved'
  readonly groupKey: string
  readonly groupLabels: Readonly<Record<string, string>>
  readonly commonLabels: Readonly<Record<string, string>>
  readonly truncatedAlerts: number
  readonly alerts: readonly SentAlert[]
}

export interface Webhook {
  readonly url: string
  /** What came to `url/path`, in order. */
  sentTo(path: string): readonly Notification[]
  stop(): Promise<void>
}

/** Listens on a free port. */
export async function startWebhook(): Promise<Webhook> {
  const got = new Map<string, Notification[]>()
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (c: Buffer) => chunks.push(c))
    request.on('end', () => {
      const path = (request.url ?? '').slice(1)
      got.set(path, [...(got.get(path) ?? []), JSON.parse(Buffer.concat(chunks).toString()) as Notification])
      response.end()
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sentTo: (path) => got.get(path) ?? [],
    stop: async () => {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}
