/** MCP SDK 1, ES modules. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import * as types from '@modelcontextprotocol/sdk/types.js'
import { z } from 'zod'
import { runProgram } from '../../shared/program.mjs'
import { guard, scenarios } from './scenarios.mjs'

const sdk = {
  Client,
  StdioClientTransport,
  StreamableHTTPClientTransport,
  InMemoryTransport,
  Server,
  McpServer,
  StreamableHTTPServerTransport,
  ...types,
  z,
}
await runProgram({ scenarios: scenarios(sdk), guard: guard(sdk) })
