/** Cohere SDK, CommonJS. */
const { CohereClientV2 } = require('cohere-ai')

async function main() {
  const { guard, scenarios } = await import('./scenarios.mjs')
  const { runProgram } = await import('../../shared/program.mjs')
  await runProgram({ scenarios: scenarios({ CohereClientV2 }), guard: guard({ CohereClientV2 }) })
}
main()
