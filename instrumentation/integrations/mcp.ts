/**
 * Model Context Protocol, client and server: @modelcontextprotocol/sdk 1 and @modelcontextprotocol/client, /server 2, ESM and CJS. What is
 * patched is the one class that both sides extend: `Protocol`, its `request` (mcp-client.ts) and its `setRequestHandler` (mcp-server.ts).
 * Only requests that do work have spans; handshakes, pings, lists and notifications go by untouched.
 */
import { patchMethod } from './framework-run.ts'
import type { Integration, ModulePatch } from './integration.ts'
import { wrapRequest } from './mcp-client.ts'
import { wrapSetHandler } from './mcp-server.ts'

/** One implementation of the protocol's framing, whichever version. */
interface ProtocolClass {
  readonly prototype: unknown
}

const patch: ModulePatch['patch'] = (exports) => {
  const on = (exports['Protocol'] as ProtocolClass | undefined)?.prototype
  if (on === undefined) return false
  const isPatched = patchMethod(on, 'request', wrapRequest)
  // Version 2 sends some of its own requests past `request`.
  patchMethod(on, '_requestWithSchema', wrapRequest)
  return patchMethod(on, 'setRequestHandler', wrapSetHandler) && isPatched
}

export const mcp: Integration = {
  name: 'mcp',
  modules: [
    { package: '@modelcontextprotocol/sdk', file: /^dist\/(esm|cjs)\/shared\/protocol\.js$/, patch },
    { package: '@modelcontextprotocol/client', file: /^dist\/index\.[cm]js$/, patch },
    { package: '@modelcontextprotocol/server', file: /^dist\/index\.[cm]js$/, patch },
  ],
}
