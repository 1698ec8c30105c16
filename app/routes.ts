/**
 * HTTP on `listen`: metrics, health, reload, feedback, runbooks, the control plane, incidents. Errors are RFC 9457 problem documents. Testable without a port: `app.request(…)`.
 */
import { Hono, type Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { z } from 'zod'
import type { ExternalEvaluation } from '../model/run.ts'
import type { Metrics } from '../processor/metrics.ts'
import { type Access, readers, writers } from './controls/access.ts'
import { type ControlPlaneParts, controlPlaneRoutes } from './controls/routes.ts'
import { type IncidentRouteParts, incidentRoutes } from './incidents/routes.ts'
import { problem } from './problem.ts'
import { type ReadinessRouteParts, readinessRoutes } from './ready/routes.ts'
import { type ResponseRouteParts, responseRoutes } from './response/routes.ts'
import { isAlertName, nearestNames, runbook, runbookList, runbookListPage, runbookPage } from './runbooks.ts'

export interface RouteParts {
  readonly metrics: Pick<Metrics, 'stream'>
  readonly clock: () => number
  readonly access: Access
  /** Whether /metrics takes a token too. */
  readonly protectMetrics: () => boolean
  /** What does not work while the rest does; told with readiness, which it does not end: spans are taken all the same. */
  readonly impaired?: () => string | undefined
  /** Empty when ready, else why not. */
  readonly notReady: () => string
  /** Reloads the configuration; the problems when it was refused. */
  readonly reload: () => readonly string[]
  /** @throws when it cannot be kept. */
  readonly feedback: (evaluation: ExternalEvaluation, traceId: string, spanId: string) => unknown
  readonly version: string
  /** Absent where nothing is controlled from. */
  readonly controls?: ControlPlaneParts
  /** Absent where no incidents are kept. */
  readonly incidents?: IncidentRouteParts
  /** Absent where nothing is done about incidents. */
  readonly response?: ResponseRouteParts
  /** Absent where nobody asks how ready agents are. */
  readonly readiness?: ReadinessRouteParts
}

const hex = (digits: number): z.ZodString => z.string().regex(new RegExp(`^[0-9a-fA-F]{${digits}}$`), `write ${digits} hex digits`)

/** A user's word on a run. A comment may be sent, and is not kept. */
const feedbackSchema = z
  .strictObject({
    trace_id: hex(32).optional(),
    span_id: hex(16).optional(),
    response_id: z.string().min(1).max(256).optional(),
    name: z.string().min(1).max(64).default('user_feedback'),
    score: z.number().optional(),
    label: z.string().max(64).optional(),
    comment: z.string().optional(),
    idempotency_key: z.string().max(128).optional(),
  })
  .refine((f) => f.trace_id !== undefined || f.response_id !== undefined, 'name the run by trace_id or response_id')
  .refine((f) => f.score !== undefined || f.label !== undefined, 'give a score or a label')

/** The routes. */
export function createRoutes(parts: RouteParts): Hono {
  const app = new Hono()
  const metricsReader = readers(parts.access, 'read')
  app.get(
    '/metrics',
    (c, next) => (parts.protectMetrics() ? metricsReader(c, next) : next()),
    async (c) => {
      const { contentType, pieces } = parts.metrics.stream(c.req.header('accept'), parts.clock())
      // In pieces: 24 MB at once (50,000 series) hold the event loop for as long as it takes to encode and copy them.
      return c.body(ReadableStream.from(pieces).pipeThrough(new TextEncoderStream()), 200, { 'content-type': contentType })
    },
  )
  app.get('/-/healthy', (c) => c.text('agentopz is healthy.\n'))
  app.get('/-/ready', (c) => {
    const why = parts.notReady()
    const impaired = parts.impaired?.()
    const told = impaired === undefined ? '' : `Without storage: ${impaired}\n`
    return why === '' ? c.text(`agentopz is ready.\n${told}`) : problem(c, 503, 'not ready', why)
  })
  app.on(['POST', 'PUT'], '/-/reload', writers(parts.access), (c) => {
    const problems = parts.reload()
    return problems.length === 0 ? c.text('reloaded\n') : problem(c, 400, 'configuration refused', problems.join('\n'))
  })
  app.post(
    '/api/v1/feedback',
    readers(parts.access, 'ingest'),
    bodyLimit({ maxSize: 65_536, onError: (c) => problem(c, 413, 'too large', 'feedback is at most 64 KiB') }),
    async (c) => {
      const parsed = feedbackSchema.safeParse(await c.req.json().catch(() => undefined))
      if (!parsed.success)
        return problem(
          c,
          400,
          'feedback refused',
          parsed.error.issues.map((i) => `${i.path.map(String).join('.') || 'the body'}: ${i.message}`).join('; '),
        )
      const f = parsed.data
      const evaluation: ExternalEvaluation = {
        name: f.name,
        source: 'feedback',
        ...(f.score === undefined ? {} : { score: f.score }),
        ...(f.label === undefined ? {} : { label: f.label }),
        ...(f.response_id === undefined ? {} : { responseId: f.response_id }),
        ...(f.idempotency_key === undefined ? {} : { idempotencyKey: f.idempotency_key }),
      }
      try {
        await parts.feedback(evaluation, f.trace_id?.toLowerCase() ?? '', f.span_id?.toLowerCase() ?? '')
      } catch {
        c.header('retry-after', '2')
        return problem(c, 503, 'feedback not kept', 'the journal cannot be written; send it again later')
      }
      return c.json({ status: 'accepted' }, 202)
    },
  )
  if (parts.controls !== undefined) controlPlaneRoutes(app, parts.controls)
  if (parts.incidents !== undefined) incidentRoutes(app, parts.incidents)
  if (parts.response !== undefined) responseRoutes(app, parts.response)
  if (parts.readiness !== undefined) readinessRoutes(app, parts.readiness)
  app.get('/runbooks', (c) => document(c, runbookList, runbookListPage))
  app.get('/runbooks/:alert', (c) => {
    const name = c.req.param('alert')
    const text = isAlertName(name) ? runbook(name) : undefined
    if (!isAlertName(name) || text === undefined) return problem(c, 404, 'no such runbook', missingRunbook(name))
    return document(
      c,
      () => text,
      () => runbookPage(name, text),
    )
  })
  app.get('/', (c) => c.html(page(parts.version)))
  app.notFound((c) => {
    const isKnown = ['/-/reload', '/api/v1/feedback', '/api/v1/alerts', '/ofrep/v1/evaluate/flags'].includes(c.req.path)
    if (isKnown) c.header('allow', 'POST')
    return isKnown
      ? problem(c, 405, 'method not allowed', `send POST to ${c.req.path}`)
      : problem(c, 404, 'not found', `there is nothing at ${c.req.path}; OTLP goes to its own port, see the start line of the log`)
  })
  app.onError((error, c) => problem(c, 500, 'internal error', error.name))
  return app
}

/** Markdown, or HTML for a browser. */
function document(c: Context, markdown: () => string, html: () => string): Response {
  const isBrowser = (c.req.header('accept') ?? '').includes('text/html')
  return c.body(isBrowser ? html() : markdown(), 200, {
    'content-type': isBrowser ? 'text/html; charset=utf-8' : 'text/markdown; charset=utf-8',
    vary: 'accept',
  })
}

function missingRunbook(name: string): string {
  if (isAlertName(name)) return `alert-rules/runbooks/${name}.md is not in this installation; it is in the repository of agentopz`
  const nearest = nearestNames(name)
  return `there is no alert of this name; ${nearest.length === 0 ? '' : `did you mean ${nearest.join(', ')}? `}GET /runbooks lists all`
}

function page(version: string): string {
  const links = [
    ['/metrics', 'metrics'],
    ['/-/healthy', 'health'],
    ['/-/ready', 'readiness'],
    ['/runbooks', 'runbooks'],
    ['/api/v1/controls', 'controls in force'],
    ['/api/v1/incidents', 'incidents'],
    ['/api/v1/readiness', 'readiness of agents'],
  ]
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>agentopz</title><h1>agentopz ${version}</h1><ul>${links.map(([href, text]) => `<li><a href="${href}">${text}</a>`).join('')}</ul></html>\n`
}
