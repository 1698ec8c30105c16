/** RFC 9457 problem documents: what every route answers instead of what was asked for. */
import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'

/** A problem document. `because` is a word for programs, where there are several reasons for a status. */
export function problem(c: Context, status: ContentfulStatusCode, title: string, detail: string, because?: string): Response {
  const body = { type: 'about:blank', title, status, detail, ...(because === undefined ? {} : { because }) }
  return c.body(JSON.stringify(body), status, { 'content-type': 'application/problem+json' })
}
