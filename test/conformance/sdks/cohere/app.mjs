/** Cohere SDK, ES modules. */
import { CohereClientV2 } from 'cohere-ai'
import { runProgram } from '../../shared/program.mjs'
import { guard, scenarios } from './scenarios.mjs'

await runProgram({ scenarios: scenarios({ CohereClientV2 }), guard: guard({ CohereClientV2 }) })
