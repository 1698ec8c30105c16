/**
 * Who may do what, and bodies as they must come. Acting takes a token with the operate role; where no token is configured, a request made
 * on this machine, if the configuration lets it. 401 is for whoever showed no token that is known, 403 for one whose token has another role.
 * Bodies say that they are JSON: a web page cannot send that elsewhere without being asked first.
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
  /** Whether this machine may act while there are no tokens. */
  readonly mayOperateLocally: () => boolean
  /** Told of every request that is refused. */
  readonly refused: (request: RefusedRequest) => void
}

/** A request that was refused. The token that came with it is not part of it. */
export interface RefusedRequest {
  readonly roles: readonly Role[]
  readonly status: 401 | 403
  /** Name of the token, where it is known. */
  readonly actor: string | undefined
  readonly address: string | undefined
  /** Method and path. */
  readonly endpoint: string
}

/** Lets through who has one of the roles. */
export function readers(access: Access, ...roles: readonly Role[]): MiddlewareHandler {
  return async (c, next) => {
    const header = c.req.header('authorization')
    return roles.some((role) => access.authorise(role, header)) ? next() : refusedFor(access, c, roles)
  }
}

/** Lets through who may act. */
export function writers(access: Access): MiddlewareHandler {
  return async (c, next) => {
    if (access.hasTokens()) return access.authorise('operate', c.req.header('authorization')) ? next() : refusedFor(access, c, ['operate'])
    const remoteAddress = nodeOf(c).incoming?.socket.remoteAddress
    const isHere = isLocal({ remoteAddress, header: (name) => c.req.header(name) })
    if (isHere && access.mayOperateLocally()) return next()
    return forbiddenElsewhere(access, c, ['operate'], isHere ? NOT_CONFIGURED : NOT_HERE)
  }
}

const NOT_HERE =
  'without auth.tokens, agents are controlled from this machine only: ask 127.0.0.1 or localhost directly, without a proxy or a browser, or configure a token with the operate role'
const NOT_CONFIGURED =
  'nobody may act without a token here: listen is no loopback address, or auth.operate_without_token is never; configure a token with the operate role in auth.tokens'

/** 403 for a request from elsewhere while there are no tokens. */
export function forbiddenElsewhere(access: Access, c: Context, roles: readonly Role[], detail: string): Response {
  tell(access, c, roles, 403)
  return problem(c, 403, 'forbidden', detail)
}

/** 401, or 403 for a token that is known and has another role. `hint` says where to write it. */
export function refusedFor(access: Access, c: Context, roles: readonly Role[], hint = ''): Response {
  const name = access.identify(c.req.header('authorization'))
  const wanted = `a bearer token with the ${roles.join(' or ')} role is needed${hint}`
  tell(access, c, roles, name === undefined ? 401 : 403)
  if (name !== undefined) return problem(c, 403, 'forbidden', `${wanted}; the token ${name} has another role`)
  c.header('www-authenticate', 'Bearer realm="agentopz"')
  return problem(c, 401, 'unauthorized', wanted)
}

function tell(access: Access, c: Context, roles: readonly Role[], status: 401 | 403): void {
  const actor = access.identify(c.req.header('authorization'))
  // The query is left out: somebody may have written a secret into it.
  const endpoint = `${c.req.method} ${c.req.path}`
  access.refused({ roles, status, actor, address: nodeOf(c).incoming?.socket.remoteAddress, endpoint })
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
