/** OpenAI Agents SDK, ES modules. */
import * as agents from '@openai/agents'
import { z } from 'zod'
import { runProgram } from '../../shared/program.mjs'
import { guard, scenarios } from './scenarios.mjs'

const sdk = { ...agents, z }
await runProgram({ scenarios: scenarios(sdk), guard: guard(sdk) })
