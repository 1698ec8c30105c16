/** The global fetch, CommonJS. */
async function main() {
  const { runProgram } = await import('../../shared/program.mjs')
  const { guard, scenarios } = await import('./scenarios.mjs')
  await runProgram({ scenarios: scenarios(), guard: guard() })
}
main()
