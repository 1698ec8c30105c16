/** MCP SDK 2, ES modules. */
import * as client from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import * as server from '@modelcontextprotocol/server'
import { z } from 'zod'
import { runProgram } from '../../shared/program.mjs'
import { guard, scenarios } from './scenarios.mjs'

const sdk = { ...server, ...client, StdioClientTransport, z }
await runProgram({ scenarios: scenarios(sdk), guard: guard(sdk) })
