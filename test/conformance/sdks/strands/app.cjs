/** Strands Agents, required: the package has ES modules only. */
const { Agent, Graph, tool } = require('@strands-agents/sdk')
const { OpenAIModel } = require('@strands-agents/sdk/models/openai')
const { z } = require('zod')

async function main() {
  const { runProgram } = await import('../../shared/program.mjs')
  const { guard, scenarios } = await import('./scenarios.mjs')
  const api = { Agent, Graph, OpenAIModel, tool, z }
  await runProgram({ scenarios: scenarios(api), guard: guard(api) })
}
main()
