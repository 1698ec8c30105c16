/**
 * Node's HTTP client, loaded with the first request: node:http, node:https and node:zlib take some 45 ms of CPU together, which an agent's start
 * should not wait for.
 */
import type * as Http from 'node:http'
import type * as Https from 'node:https'
import type * as Zlib from 'node:zlib'

export const http = (): typeof Http => process.getBuiltinModule('node:http')
export const https = (): typeof Https => process.getBuiltinModule('node:https')
export const zlib = (): typeof Zlib => process.getBuiltinModule('node:zlib')
