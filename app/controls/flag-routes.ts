/**
 * What guards and other evaluators read: the flag document (with ETag), its stream, and single flags over OFREP.
 * While stored controls are not known all of them answer 503, so that whoever asks keeps what it heard last.
 */
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { EvaluationContext } from '@openfeature/core'
import type { Context, Hono } from 'hono'
import { z } from 'zod'
import { problem } from '../problem.ts'
import { type Access, limited, nodeOf, readers } from './access.ts'
import type { Ofrep } from './ofrep.ts'
import type { ControlPlane } from './plane.ts'
import { unavailable } from './refusal.ts'
import type { Streams } from './streams.ts'

export interface FlagRouteParts extends Access {
  readonly plane: ControlPlane
  readonly streams: Streams
  readonly ofrep: Ofrep
  readonly clock: () => number
  /** Called for every answer to somebody who polls. */
  readonly polled: (protocol: 'flags' | 'ofrep', code: number) => void
}

const evaluationBody = z.object({ context: z.record(z.string(), z.unknown()).default({}) })

export function flagRoutes(app: Hono, parts: FlagRouteParts): void {
  const { plane, streams, ofrep, clock } = parts
  const anyAgent = readers(parts, 'ingest', 'read')
  const counted = (protocol: 'flags' | 'ofrep', answer: Response): Response => {
    parts.polled(protocol, answer.status)
    return answer
  }
  app.get('/api/v1/control/flags', anyAgent, (c) => {
    const document = plane.flags(clock())
    if (document === undefined) return counted('flags', unavailable(c, plane.notLoaded ?? ''))
    const etag = `"${document.set.metadata.version}"`
    if (matches(c.req.header('if-none-match'), etag)) return counted('flags', c.body(null, 304, { etag, 'cache-control': 'no-cache' }))
    return counted('flags', c.body(document.json, 200, { 'content-type': 'application/json', etag, 'cache-control': 'no-cache' }))
  })
  app.get('/api/v1/control/stream', anyAgent, (c) => {
    if (plane.flags(clock()) === undefined) return unavailable(c, plane.notLoaded ?? '')
    const { outgoing } = nodeOf(c)
    if (outgoing === undefined || !('detachSocket' in outgoing)) return problem(c, 505, 'no stream', 'streams are served over HTTP/1.1')
    if (streams.open(outgoing, c.req.query('service') ?? '', clock)) return RESPONSE_ALREADY_SENT
    c.header('retry-after', '10')
    return problem(c, 503, 'too many streams', 'as many guards are connected as controls.max_streams allows; poll /api/v1/control/flags')
  })
  app.post('/ofrep/v1/evaluate/flags', anyAgent, limited(65_536), async (c) => {
    const context = await contextOf(c)
    if (context instanceof Failure) return counted('ofrep', c.json({ errorCode: context.code, errorDetails: context.detail }, 400))
    const document = plane.flags(clock())
    if (document === undefined) return counted('ofrep', unavailable(c, plane.notLoaded ?? ''))
    const { flags, etag } = ofrep.all(document, context)
    if (matches(c.req.header('if-none-match'), `"${etag}"`)) return counted('ofrep', c.body(null, 304, { etag: `"${etag}"` }))
    return counted('ofrep', c.json({ flags, metadata: document.set.metadata }, 200, { etag: `"${etag}"` }))
  })
  // Names of agents may hold slashes, and clients do not all escape them.
  app.post('/ofrep/v1/evaluate/flags/:key{.+}', anyAgent, limited(65_536), async (c) => {
    const key = c.req.param('key')
    const context = await contextOf(c)
    if (context instanceof Failure) return counted('ofrep', c.json({ key, errorCode: context.code, errorDetails: context.detail }, 400))
    const document = plane.flags(clock())
    if (document === undefined) return counted('ofrep', unavailable(c, plane.notLoaded ?? ''))
    const result = ofrep.one(document, key, context)
    const status = !('errorCode' in result) ? 200 : result.errorCode === 'FLAG_NOT_FOUND' ? 404 : 400
    return counted('ofrep', c.json(result, status))
  })
}

class Failure {
  readonly code: 'PARSE_ERROR' | 'INVALID_CONTEXT'
  readonly detail: string
  constructor(code: Failure['code'], detail: string) {
    this.code = code
    this.detail = detail
  }
}

/** The evaluation context; an empty body has none. */
async function contextOf(c: Context): Promise<EvaluationContext | Failure> {
  const text = await c.req.text()
  let body: unknown
  try {
    body = text.trim() === '' ? {} : JSON.parse(text)
  } catch {
    return new Failure('PARSE_ERROR', 'the body is no JSON')
  }
  const parsed = evaluationBody.safeParse(body)
  if (!parsed.success) return new Failure('INVALID_CONTEXT', 'send {"context": {"agent": "NAME", "environment": "NAME"}}')
  return parsed.data.context as EvaluationContext
}

/** If-None-Match: any of a list, weak or not. */
function matches(header: string | undefined, etag: string): boolean {
  return (header ?? '').split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag || tag.trim() === '*')
}
