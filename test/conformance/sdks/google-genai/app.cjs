/** Google Gen AI SDK, CommonJS. */
const { GoogleGenAI } = require('@google/genai')

async function main() {
  const { guard, scenarios } = await import('./scenarios.mjs')
  const { runProgram } = await import('../../shared/program.mjs')
  await runProgram({ scenarios: scenarios({ GoogleGenAI }), guard: guard({ GoogleGenAI }) })
}
main()
