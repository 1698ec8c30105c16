/** The configuration → who may do what: tokens with their roles, or this machine while there are none and the configuration lets it. */
import { createIdentify, type Role } from '../auth.ts'
import type { Config } from '../config-schema.ts'
import { isLoopbackHost } from './local.ts'
import type { Access, RefusedRequest } from './access.ts'

export interface AccessParts {
  readonly config: () => Config
  /** The address that is listened on, which a reload does not change. */
  readonly listen: Config['listen']
  readonly authorise: (role: Role, header: string | undefined) => boolean
  readonly refused: (request: RefusedRequest) => void
}

export function createAccess({ config, listen, authorise, refused }: AccessParts): Access {
  return {
    authorise,
    identify: (header) => createIdentify(config().auth.tokens)(header),
    hasTokens: () => config().auth.tokens.length > 0,
    // What is bound elsewhere is reached through forwarders that make every request look like one of this machine.
    mayOperateLocally: () => config().auth.operate_without_token === 'loopback' && (listen === undefined || isLoopbackHost(listen.host)),
    refused,
  }
}
