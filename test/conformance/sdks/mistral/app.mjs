/** Mistral SDK, which has ES modules only. */
import { Mistral } from '@mistralai/mistralai'
import { z } from 'zod'
import { runProgram } from '../../shared/program.mjs'
import { guard, scenarios } from './scenarios.mjs'

await runProgram({ scenarios: scenarios({ Mistral, z }), guard: guard({ Mistral, z }) })
