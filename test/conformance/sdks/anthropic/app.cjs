/** Anthropic SDK, CommonJS. */
const { Anthropic } = require('@anthropic-ai/sdk')
const { betaTool } = require('@anthropic-ai/sdk/helpers/beta/json-schema')
const { jsonSchemaOutputFormat } = require('@anthropic-ai/sdk/helpers/json-schema')

async function main() {
  const { guard, scenarios } = await import('./scenarios.mjs')
  const { runProgram } = await import('../../shared/program.mjs')
  const api = { Anthropic, betaTool, jsonSchemaOutputFormat }
  await runProgram({ scenarios: scenarios(api), guard: guard(api) })
}
main()
