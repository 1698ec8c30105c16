/** Anthropic SDK, ES modules. */
import { Anthropic } from '@anthropic-ai/sdk'
import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema'
import { jsonSchemaOutputFormat } from '@anthropic-ai/sdk/helpers/json-schema'
import { runProgram } from '../../shared/program.mjs'
import { guard, scenarios } from './scenarios.mjs'

const api = { Anthropic, betaTool, jsonSchemaOutputFormat }
await runProgram({ scenarios: scenarios(api), guard: guard(api) })
