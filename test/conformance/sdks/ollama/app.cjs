/** Ollama SDK, CommonJS. */
const { Ollama } = require('ollama')

async function main() {
  const { guard, scenarios } = await import('./scenarios.mjs')
  const { runProgram } = await import('../../shared/program.mjs')
  await runProgram({ scenarios: scenarios({ Ollama }), guard: guard({ Ollama }) })
}
main()
