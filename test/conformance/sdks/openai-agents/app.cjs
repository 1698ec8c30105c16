/** OpenAI Agents SDK, CommonJS. */
const sdk = { ...require('@openai/agents'), z: require('zod').z }

async function main() {
  const { runProgram } = await import('../../shared/program.mjs')
  const { guard, scenarios } = await import('./scenarios.mjs')
  await runProgram({ scenarios: scenarios(sdk), guard: guard(sdk) })
}
main()
