/** Genkit, ES modules. */
import { openAI } from '@genkit-ai/compat-oai/openai'
import { genkit, z } from 'genkit'
import { genkit as betaGenkit } from 'genkit/beta'
import { runProgram } from '../../shared/program.mjs'
import { guard, scenarios } from './scenarios.mjs'

const api = { genkit, betaGenkit, openAI, z }
await runProgram({ scenarios: scenarios(api), guard: guard(api) })
