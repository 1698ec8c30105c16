/** Stands where people's pagers would be, and remembers who was told of what: drills page nobody, and that is looked at, not assumed. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DEAD_MANS_SWITCH } from '../../alert-rules/alertmanager.ts'

export interface Page {
  readonly receiver: string
  readonly alert: string
  readonly agent: string
}

export interface Pagers {
  urlOf(receiver: string): string
  /** What was told to anybody; the dead man's switch is nobody. */
  readonly pages: readonly Page[]
  close(): Promise<void>
}

interface Webhook {
  readonly alerts?: readonly { readonly labels?: Readonly<Record<string, string>> }[]
}

export async function startPagers(): Promise<Pagers> {
  const pages: Page[] = []
  const server = createServer((request, response) => {
    const receiver = decodeURIComponent((request.url ?? '/').slice(1))
    let body = ''
    request.setEncoding('utf8').on('data', (part: string) => (body += part))
    request.on('end', () => {
      response.end()
      if (receiver === DEAD_MANS_SWITCH) return
      const { alerts = [] } = JSON.parse(body) as Webhook
      for (const { labels = {} } of alerts) pages.push({ receiver, alert: labels['alertname'] ?? '', agent: labels['agent'] ?? '' })
    })
  })
  await new Promise<void>((done, fail) => {
    server.once('error', fail)
    server.listen(0, '127.0.0.1', done)
  })
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    pages,
    urlOf: (receiver) => `${base}/${encodeURIComponent(receiver)}`,
    close: () =>
      new Promise((done) => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}
