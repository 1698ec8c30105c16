/** Genkit, CommonJS. */
const { openAI } = require('@genkit-ai/compat-oai/openai')
const { genkit, z } = require('genkit')
const { genkit: betaGenkit } = require('genkit/beta')

async function main() {
  const { runProgram } = await import('../../shared/program.mjs')
  const { guard, scenarios } = await import('./scenarios.mjs')
  const api = { genkit, betaGenkit, openAI, z }
  await runProgram({ scenarios: scenarios(api), guard: guard(api) })
}
main()
