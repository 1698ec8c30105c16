/**
 * Who may do what on the control routes, and bodies as they must come. Writing takes a token with the operate role; where no token is
 * configured, a request made on this machine. Bodies say that they are JSON: a web page cannot send that elsewhere without being asked first.
 */
import type { HttpBindings } from '@hono/node-server'
import type { Context, MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { z } from 'zod'
import type { Role } from '../auth.ts'
import { problem } from '../problem.ts'
import { isLocal } from './local.ts'
import { issuesOf } from './wire.ts'

export interface Access {
  readonly authorise: (role: Role, header: string | undefined) => boolean
  /** Name of the token that a header holds. */
  readonly identify: (header: string | undefined) => string | undefined
  readonly hasTokens: () => boolean
}

/** Lets through who has one of the roles. */
export function readers(access: Access, ...roles: readonly Role[]): MiddlewareHandler {
  return async (c, next) => {
    const header = c.req.header('authorization')
    if (!roles.some((role) => access.authorise(role, header))) return unauthorized(c, roles)
    return next()
  }
}

/** Lets through who may change something. */
export function writers(access: Access): MiddlewareHandler {
  return async (c, next) => {
    if (access.hasTokens()) return access.authorise('operate', c.req.header('authorization')) ? next() : unauthorized(c, ['operate'])
    const remoteAddress = nodeOf(c).incoming?.socket.remoteAddress
    if (isLocal({ remoteAddress, header: (name) => c.req.header(name) })) return next()
    return problem(
      c,
      403,
      'forbidden',
      'without auth.tokens, agents are controlled from this machine only: ask 127.0.0.1 or localhost directly, without a proxy or a browser, or configure a token with the operate role',
    )
  }
}

/** How a change came in, for the audit. */
export function viaOf(access: Access, c: Context): string {
  return access.identify(c.req.header('authorization')) ?? 'loopback'
}

/** What the node server hands on; nothing where a test asks without one. */
export function nodeOf(c: Context): Partial<HttpBindings> {
  return (c.env as Partial<HttpBindings> | undefined) ?? {}
}

export function limited(maxBytes: number): MiddlewareHandler {
  return bodyLimit({ maxSize: maxBytes, onError: (c) => problem(c, 413, 'too large', `the body is at most ${maxBytes} bytes`) })
}

/** The body by a schema, or the problem to answer. */
export async function bodyOf<S extends z.ZodType>(c: Context, schema: S, title: string): Promise<z.output<S> | Response> {
  if (!/^application\/json\s*(;|$)/i.test(c.req.header('content-type') ?? ''))
    return problem(c, 415, title, 'send JSON, with content-type: application/json')
  let given: unknown
  try {
    given = JSON.parse(await c.req.text())
  } catch {
    return problem(c, 400, title, 'the body: is no JSON')
  }
  const parsed = schema.safeParse(given)
  return parsed.success ? parsed.data : problem(c, 400, title, issuesOf(parsed.error))
}

function unauthorized(c: Context, roles: readonly Role[]): Response {
  c.header('www-authenticate', 'Bearer realm="agentopz"')
  return problem(c, 401, 'unauthorized', `a bearer token with the ${roles.join(' or ')} role is needed`)
}
