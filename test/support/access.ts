/** Who may do what, for routes that are tested alone: as the app makes it, from tokens. What is refused is remembered. */
import { createAuthorise, createIdentify, type Token } from '../../app/auth.ts'
import type { Access, RefusedRequest } from '../../app/controls/access.ts'

export interface TestAccess extends Access {
  readonly seen: readonly RefusedRequest[]
}

/** Access with these tokens; with none, this machine may act. */
export function accessOf(...tokens: readonly Token[]): TestAccess {
  const seen: RefusedRequest[] = []
  return {
    authorise: createAuthorise(tokens),
    identify: createIdentify(tokens),
    hasTokens: () => tokens.length > 0,
    mayOperateLocally: () => true,
    refused: (request) => seen.push(request),
    seen,
  }
}
