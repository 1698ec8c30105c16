/** Bearer tokens by role. Without any token configured everybody who can connect may do everything: bind to loopback, or set some. */
import { createHash, timingSafeEqual } from 'node:crypto'

export type Role = 'ingest' | 'read' | 'operate'

export interface Token {
  readonly name: string
  readonly role: Role
  readonly token: string
}

/** What a role may do besides its own: operators may read. */
const GRANTS: Readonly<Record<Role, readonly Role[]>> = { ingest: ['ingest'], read: ['read'], operate: ['operate', 'read'] }

/** Answers whether an Authorization header has a role. Comparison takes the same time whatever the token. */
export function createAuthorise(tokens: readonly Token[]): (role: Role, header: string | undefined) => boolean {
  const known = tokens.map((t) => ({ roles: GRANTS[t.role], digest: digest(t.token) }))
  return (role, header) => {
    if (known.length === 0) return true
    const given = /^Bearer\s+(\S+)$/i.exec(header ?? '')?.[1]
    if (given === undefined) return false
    const hash = digest(given)
    let granted = false
    for (const t of known) if (timingSafeEqual(t.digest, hash) && t.roles.includes(role)) granted = true
    return granted
  }
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
