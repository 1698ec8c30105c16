/** OpenAI SDK 7, ES modules. */
import { OpenAI } from 'openai'
import { zodResponseFormat, zodTextFormat } from 'openai/helpers/zod'
import { z } from 'zod'
import { guard, scenarios } from '../../shared/openai.mjs'
import { runProgram } from '../../shared/program.mjs'

const api = { OpenAI, zodResponseFormat, zodTextFormat, z }
await runProgram({ scenarios: scenarios(api, 7), guard: guard(api) })
