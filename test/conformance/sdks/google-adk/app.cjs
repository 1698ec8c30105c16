const adk = require('@google/adk')
const { z } = require('zod')

async function main() {
  const api = { ...adk, z }
  const { runProgram } = await import('../../shared/program.mjs')
  const { guard, scenarios } = await import('./scenarios.mjs')
  await runProgram({ scenarios: scenarios(api), guard: guard(api) })
}
main()
