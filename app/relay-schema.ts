/** Configuration keys of `relay`: endpoints, what is sent along, and bounds on what waits for them. What no request could be sent with is refused. */
import { validateHeaderName, validateHeaderValue } from 'node:http'
import { z } from 'zod'
import { count, url } from './agent-schema.ts'
import { duration } from './duration.ts'

/** Headers that belong to the connection, or to the bytes of the body. */
const SET_BY_RELAY: ReadonlySet<string> = new Set(['connection', 'content-length', 'expect', 'keep-alive', 'transfer-encoding', 'upgrade'])

/** Why a header cannot be sent, in a sentence that does not repeat its value, which may be a secret. */
function headerProblem(name: string, value: string): string | undefined {
  try {
    validateHeaderName(name)
  } catch {
    return 'this is no name of a header; write letters, digits and hyphens, as in x-api-key'
  }
  if (SET_BY_RELAY.has(name.toLowerCase())) return 'the relay sets this one itself, or cannot send it; leave it out'
  try {
    validateHeaderValue(name, value)
  } catch {
    return 'the value has a line break or another character that headers cannot have; write it without'
  }
  return undefined
}

const headers = z.record(z.string(), z.string()).superRefine((all, context) => {
  for (const [name, value] of Object.entries(all)) {
    const message = headerProblem(name, value)
    if (message !== undefined) context.addIssue({ code: 'custom', path: [name], message })
  }
})

const endpoint = url.superRefine((v, context) => {
  if (!URL.canParse(v)) return
  const { username, password } = new URL(v)
  if (username !== '' || password !== '')
    context.addIssue({
      code: 'custom',
      message:
        'a user and password in the URL are not sent; write them as headers: { authorization: "Basic ..." }, with USER:PASSWORD in base64',
    })
})

export const relaySchema = z
  .array(
    z.strictObject({
      otlp_http: endpoint.describe('Base URL of an OTLP/HTTP endpoint'),
      name: z.string().describe('Its name in metrics and logs; the host and port when left out').optional(),
      headers: headers.default({}).describe('Headers to send along'),
      signals: z
        .array(z.enum(['traces', 'logs', 'metrics']))
        .default(['traces', 'logs'])
        .describe('What to forward'),
      max_queue_bytes: count.default(67_108_864),
      max_queue_requests: count.default(10_000),
      max_age_seconds: duration.prefault(300).describe('Undelivered requests are given up after this'),
      timeout_seconds: duration.prefault(10).describe('For one attempt: connecting, sending the request, and the whole answer'),
      concurrency: count.default(10).describe('Requests under way at once'),
      initial_backoff_seconds: duration.prefault(1),
      max_backoff_seconds: duration.prefault(30),
    }),
  )
  .default([])
  .describe('Endpoints that get the received bytes, untouched')
