/** The global fetch, ES modules. */
import { runProgram } from '../../shared/program.mjs'
import { guard, scenarios } from './scenarios.mjs'

await runProgram({ scenarios: scenarios(), guard: guard() })
