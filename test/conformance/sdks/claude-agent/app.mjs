/** Claude Agent SDK; it has ES modules only, and an agent in a child process. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as sdk from '@anthropic-ai/claude-agent-sdk'
import { z } from 'zod'
import { runProgram } from '../../shared/program.mjs'
import { guard, scenarios } from './scenarios.mjs'

// Not the configuration of whoever runs this.
const config = mkdtempSync(join(tmpdir(), 'conformance-claude-'))
process.env.CLAUDE_CONFIG_DIR = config
const api = { ...sdk, z }
await runProgram({ scenarios: scenarios(api), guard: guard(api) })
rmSync(config, { recursive: true, force: true })
