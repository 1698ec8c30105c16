/** Google Gen AI SDK, ES modules. */
import { GoogleGenAI } from '@google/genai'
import { runProgram } from '../../shared/program.mjs'
import { guard, scenarios } from './scenarios.mjs'

await runProgram({ scenarios: scenarios({ GoogleGenAI }), guard: guard({ GoogleGenAI }) })
