/** Ollama SDK, ES modules. */
import { Ollama } from 'ollama'
import { runProgram } from '../../shared/program.mjs'
import { guard, scenarios } from './scenarios.mjs'

await runProgram({ scenarios: scenarios({ Ollama }), guard: guard({ Ollama }) })
