/**
 * An incoming HTTP request is a run for the model calls made while it is answered, where neither a framework nor the application says better and
 * no trace is active. Its root span is opened by the first model call, with the request's start, and joins the caller's trace by `traceparent`.
 * Through Node's own diagnostics channels; nothing is patched. A request without model calls costs one small object.
 */
import { subscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { contained } from '../log.ts'
import { AGENTOPZ } from '../../model/semconv.ts'
import { SpanStatusCode } from '../otel.ts'
import type { RunScope } from '../run-scope.ts'
import { RequestRun } from '../request-run.ts'
import { runtime } from '../runtime.ts'
import type { Integration } from './integration.ts'

const OPEN = Symbol('agentopz.run')

export const httpServer: Integration = {
  name: 'http-server',
  start: () => {
    subscribe('http.server.request.start', (message) =>
      contained('http server', () => {
        const { request, response } = message as { request: IncomingMessage; response: ServerResponse & { [OPEN]?: RunScope } }
        const { runs } = runtime()
        const run = new RequestRun(runs.defaults, Date.now(), request.headers)
        response[OPEN] = run
        runs.enter(run)
        response.once('close', () => contained('http server', () => close(run, response.statusCode)))
      }),
    )
  },
}

function close(run: RequestRun, status: number): void {
  const root = run.root
  run.root = undefined
  if (root === undefined) return
  if (run.stopped !== undefined) root.setAttributes({ [AGENTOPZ.stoppedBy]: run.stopped.guard, [AGENTOPZ.outcome]: 'stopped' })
  else if (status >= 500) root.setStatus({ code: SpanStatusCode.ERROR, message: `HTTP ${status}` })
  root.end()
}
